"""An EVM chain with the Needlepoint contract on it, reached over JSON-RPC through web3.

Nothing here decides anything: it signs and sends, and reads what the chain says. Besu with QBFT, a public chain and a
test node differ in settings only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import requests
from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.exceptions import (
    BadFunctionCallOutput,
    ContractLogicError,
    TransactionNotFound,
    Web3Exception,
    Web3RPCError,
)
from web3.types import TxReceipt

from ledger.anchors.errors import AnchorError, ChainAway, ChainUnusable, NotAdmitted
from ledger.anchors.rules import AnchorEvent, ProofEvent
from ledger.proofs.verification_key import VerificationKey

CONTRACT_FILE = Path(__file__).resolve().parent / "contract" / "Needlepoint.json"
TIMEOUT_SECONDS = 15
GAS_MARGIN = 1.25
BLOCKS_A_QUERY = 5_000
"""Nodes refuse questions about too many blocks at once."""
RAISE_PERCENT = 25
"""A transaction that replaces another has to pay noticeably more (at least 10 per cent on most chains)."""
EVENTS = ("Anchored", "Confirmed", "Divergence")
PROOF_EVENTS = ("Complied", "Contradicted")
PROOF_WORDS = 8
"""A proof is that many words of 32 bytes."""

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a transaction went: `worked` is whether the contract took it."""

    block: int
    block_hash: str
    worked: bool
    gas_used: int


@dataclass(frozen=True, slots=True)
class Sent:
    transaction: str
    nonce: int
    fee_per_gas: int


@lru_cache(maxsize=1)
def compiled() -> dict[str, Any]:
    """The contract as it was compiled: `abi`, `bytecode`, `compiler`, `source` (SHA-256)."""
    found: dict[str, Any] = json.loads(CONTRACT_FILE.read_text())
    return found


def _speaks(function: Callable[P, R]) -> Callable[P, R]:
    """What the network, the node and the contract throw, as this room's errors."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except AnchorError:
            raise
        except (requests.RequestException, ConnectionError, TimeoutError) as problem:
            raise ChainAway(f"The chain's node does not answer: {type(problem).__name__}.") from problem
        except ContractLogicError as problem:
            raise NotAdmitted(f"The contract refuses this: {_named(problem)}.") from problem
        except Web3RPCError as problem:
            raise NotAdmitted(f"The chain refuses this: {str(problem.message)[:200]}") from problem
        except Web3Exception as problem:
            raise ChainUnusable(f"The chain's answer cannot be used: {str(problem)[:200]}") from problem

    return run


def _named(problem: ContractLogicError) -> str:
    """The contract's own error by name, when it is one of its own."""
    data = str(problem.data or "")
    for one in compiled()["abi"]:
        if one["type"] == "error":
            signature = f"{one['name']}({','.join(given['type'] for given in one['inputs'])})"
            if data.startswith(Web3.to_hex(Web3.keccak(text=signature)[:4])):
                return str(one["name"])
    return str(problem.message or data)[:200]


def key_words(key: VerificationKey) -> list[int]:
    """A verification key as the contract takes it (EIP-197: of a coordinate in Fq2 the factor of u comes first)."""
    second = [word for point in (key.beta, key.gamma, key.delta) for x0, x1 in point for word in (x1, x0)]
    return [*key.alpha, *second, *(word for point in key.ic for word in point)]


def proof_words(proof: bytes) -> list[int]:
    """A proof's words. Raises ChainUnusable for another length than a proof's."""
    if len(proof) != PROOF_WORDS * 32:
        raise ChainUnusable(f"A proof has {PROOF_WORDS * 32} bytes, not {len(proof)}.")
    return [int.from_bytes(proof[at : at + 32], "big") for at in range(0, len(proof), 32)]


class Chain:
    """One contract on one chain, and the account that acts there. Used by one thread."""

    def __init__(self, *, rpc: str, chain_id: int, contract: str = "", secret: bytes = b"") -> None:
        self._web3 = Web3(HTTPProvider(rpc, request_kwargs={"timeout": TIMEOUT_SECONDS}))
        self.chain_id = chain_id
        self.contract = Web3.to_checksum_address(contract) if contract else ""
        self._secret = secret

    @cached_property
    def _account(self) -> LocalAccount:
        return Account.from_key(self._secret)  # type: ignore[no-any-return]

    @property
    def account(self) -> str:
        """The address that anchors for this portal; it has to be a member of the contract, and to pay for gas."""
        return str(self._account.address)

    @cached_property
    def _bound(self) -> Contract:
        return self._web3.eth.contract(address=Web3.to_checksum_address(self.contract), abi=compiled()["abi"])

    @_speaks
    def check(self) -> None:
        """Raise ChainAway or ChainUnusable unless this is the chain and the contract of the settings."""
        found = self._web3.eth.chain_id
        if found != self.chain_id:
            raise ChainUnusable(f"The node serves chain {found}, the settings say {self.chain_id}.")
        if self.contract and not self._web3.eth.get_code(Web3.to_checksum_address(self.contract)):
            raise ChainUnusable(f"There is no contract at {self.contract} on chain {found}.")

    @_speaks
    def deploy(self, members: list[str]) -> str:
        """Put a new contract on the chain with these first members; its address, once it is in a block."""
        made = self._web3.eth.contract(abi=compiled()["abi"], bytecode=compiled()["bytecode"])
        sent = self._send(made.constructor([Web3.to_checksum_address(one) for one in members]))
        receipt = self.wait_for(sent.transaction)
        if receipt["status"] != 1 or receipt["contractAddress"] is None:
            raise ChainUnusable("The chain did not take the contract.")
        return str(receipt["contractAddress"])

    @_speaks
    def wait_for(self, transaction: str) -> TxReceipt:
        """The transaction's receipt, once a block has it (two minutes at most)."""
        return self._web3.eth.wait_for_transaction_receipt(transaction, timeout=120, poll_latency=0.2)  # type: ignore[arg-type]

    @_speaks
    def is_member(self) -> bool:
        return bool(self._bound.functions.isMember(self._account.address).call())

    @_speaks
    def latest_size(self, log: bytes) -> int:
        """The largest size that anybody anchored for this log."""
        return int(self._bound.functions.latestSize(log).call())

    @_speaks
    def root_of(self, log: bytes, size: int) -> bytes | None:
        """The root that stands for this size; None when nobody anchored it."""
        root = bytes(self._bound.functions.anchorOf(log, size).call()[0])
        return root if any(root) else None

    @_speaks
    def anchor(self, log: bytes, size: int, root: bytes, *, instead_of: Sent | None = None) -> Sent:
        """Send a checkpoint. `instead_of` is an earlier try that no block has taken: it is replaced, at a higher fee.

        Raises NotAdmitted when the contract would refuse it.
        """
        call = self._bound.functions.anchor(log, size, root)
        return self._send(call, instead_of=instead_of)

    @_speaks
    def vote(self, about: str, *, admit: bool) -> str:
        """Vote for or against a member; the transaction."""
        return self._send(self._bound.functions.vote(Web3.to_checksum_address(about), admit)).transaction

    @_speaks
    def knows_key(self, digest: str) -> bool:
        """Whether the members voted for this verification key; no contract from before proofs knows any."""
        try:
            return int(self._bound.functions.keyAt(bytes.fromhex(digest)).call(), 16) != 0
        except (ContractLogicError, BadFunctionCallOutput):
            return False

    @_speaks
    def vote_key(self, key: VerificationKey, *, admit: bool) -> str:
        """Vote to verify proofs under a key, or no more; the transaction. Raises NotAdmitted."""
        functions, digest = self._bound.functions, bytes.fromhex(key.digest)
        call = functions.voteKey(digest, key_words(key)) if admit else functions.voteKeyOut(digest)
        return self._send(call).transaction

    @_speaks
    def statement_for(self, inputs: Sequence[int]) -> str | None:
        """The statement (hex) that stands for the segment of these public inputs; None while it is not proven."""
        segment = self._bound.functions.segmentOf(inputs[0], inputs[1]).call()
        found = bytes(self._bound.functions.statementFor(segment).call())
        return found.hex() if any(found) else None

    @_speaks
    def publish(self, key: str, proof: bytes, inputs: Sequence[int], *, instead_of: Sent | None = None) -> Sent:
        """Send a compliance proof to be verified by the contract. `key` is its digest (hex).

        Raises NotAdmitted when the contract would refuse it: a key nobody voted for, a proof that does not hold, a
        statement that stands already.
        """
        call = self._bound.functions.publish(bytes.fromhex(key), proof_words(proof), list(inputs))
        return self._send(call, instead_of=instead_of)

    @_speaks
    def verifies(self, key: str, proof: bytes, inputs: Sequence[int]) -> bool:
        """Ask the contract whether a proof holds, without sending anything. Raises NotAdmitted for a key that it does
        not know and for public inputs that are no field elements; ChainUnusable for what is no proof at all."""
        return bool(self._bound.functions.verify(bytes.fromhex(key), proof_words(proof), list(inputs)).call())

    @_speaks
    def proof_events(self, first: int, last: int) -> list[ProofEvent]:
        """What the contract said of compliance proofs in these blocks, in order."""
        return sorted(self._proof_events(first, last), key=lambda one: one.block)

    def _proof_events(self, first: int, last: int) -> Iterator[ProofEvent]:
        for start in range(first, last + 1, BLOCKS_A_QUERY):
            end = min(last, start + BLOCKS_A_QUERY - 1)
            for kind in PROOF_EVENTS:
                for one in getattr(self._bound.events, kind)().get_logs(from_block=start, to_block=end):
                    said = one["args"]
                    yield ProofEvent(
                        kind=kind,
                        statement=bytes(said["statement"]).hex(),
                        therapy=int(said["therapy"]),
                        spec_hash=int(said["specHash"]),
                        by=str(said["by"]),
                        block=int(one["blockNumber"]),
                        block_hash=Web3.to_hex(one["blockHash"]),
                        transaction=Web3.to_hex(one["transactionHash"]),
                    )

    def _send(self, call: Any, *, instead_of: Sent | None = None) -> Sent:
        who = self._account.address
        gas = int(call.estimate_gas({"from": who}) * GAS_MARGIN)
        nonce = instead_of.nonce if instead_of else self._web3.eth.get_transaction_count(who, "pending")
        fee = int(self._web3.eth.gas_price)
        if instead_of:
            fee = max(fee, instead_of.fee_per_gas * (100 + RAISE_PERCENT) // 100 + 1)
        # A legacy gas price is what private chains, Besu's free ones included, and public ones all take.
        built = call.build_transaction(
            {"from": who, "nonce": nonce, "gas": gas, "gasPrice": fee, "chainId": self.chain_id}
        )
        signed = self._account.sign_transaction(built)
        done = self._web3.eth.send_raw_transaction(signed.raw_transaction)
        return Sent(Web3.to_hex(done), nonce, fee)

    @_speaks
    def receipt(self, transaction: str) -> Receipt | None:
        """Where a transaction is now; None while no block of the present chain holds it."""
        try:
            found = self._web3.eth.get_transaction_receipt(transaction)  # type: ignore[arg-type]
        except TransactionNotFound:
            return None
        return Receipt(
            int(found["blockNumber"]), Web3.to_hex(found["blockHash"]), found["status"] == 1, int(found["gasUsed"])
        )

    @_speaks
    def next_nonce(self) -> int:
        """How many transactions of this account the present chain holds."""
        return int(self._web3.eth.get_transaction_count(self._account.address, "latest"))

    @_speaks
    def head(self) -> int:
        """The number of the newest block."""
        return int(self._web3.eth.block_number)

    @_speaks
    def events(self, log: bytes, first: int, last: int) -> list[AnchorEvent]:
        """What the contract said of this log in these blocks, in order."""
        return sorted(self._events(log, first, last), key=lambda one: one.block)

    def _events(self, log: bytes, first: int, last: int) -> Iterator[AnchorEvent]:
        for start in range(first, last + 1, BLOCKS_A_QUERY):
            end = min(last, start + BLOCKS_A_QUERY - 1)
            for kind in EVENTS:
                found = getattr(self._bound.events, kind)().get_logs(
                    from_block=start, to_block=end, argument_filters={"log": log}
                )
                for one in found:
                    said = one["args"]
                    root = said["said"] if kind == "Divergence" else said["root"]
                    stands = said["stands"] if kind == "Divergence" else root
                    yield AnchorEvent(
                        kind=kind,
                        size=int(said["size"]),
                        root=bytes(root),
                        stands=bytes(stands),
                        by=str(said["by"]),
                        block=int(one["blockNumber"]),
                        transaction=Web3.to_hex(one["transactionHash"]),
                    )
