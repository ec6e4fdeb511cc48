"""A real EVM node for tests, and members who act there. Knows no Django."""

from __future__ import annotations

import socket
import subprocess
import time
from typing import Any

from eth_account import Account
from web3 import HTTPProvider, Web3

from ledger.anchors.chain import Chain, Sent
from tests.services import ANVIL

CHAIN_ID = 31337


class Node:
    """anvil, which makes a block a transaction, or when it is told to."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.rpc = f"http://127.0.0.1:{port}"
        self.web3 = Web3(HTTPProvider(self.rpc))
        self.holds = False
        self._process = subprocess.Popen(
            [ANVIL, "--port", str(port), "--silent", "--chain-id", str(CHAIN_ID)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(200):
            if self.web3.is_connected():
                return
            time.sleep(0.05)
        raise RuntimeError("anvil does not answer")

    def ask(self, method: str, *params: Any) -> Any:
        answer = self.web3.provider.make_request(method, list(params))  # type: ignore[arg-type]
        assert "error" not in answer, answer
        return answer["result"]

    def mine(self, blocks: int) -> None:
        self.ask("anvil_mine", hex(blocks))

    def hold(self) -> None:
        """Make no blocks by itself from now on."""
        self.ask("evm_setAutomine", False)
        self.holds = True

    def go_on(self) -> None:
        self.ask("evm_setAutomine", True)
        self.holds = False

    def pay(self, account: str) -> None:
        self.ask("anvil_setBalance", account, hex(10**20))

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


class Member(Chain):
    """A member's own way to the chain. anvil makes its blocks a moment later: what is sent is waited for."""

    def __init__(self, node: Node, *, contract: str = "", secret: bytes = b"") -> None:
        super().__init__(
            rpc=node.rpc, chain_id=CHAIN_ID, contract=contract, secret=secret or bytes(Account.create().key)
        )
        self._node = node
        node.pay(self.account)

    def _send(self, call: Any, *, instead_of: Sent | None = None) -> Sent:
        sent = super()._send(call, instead_of=instead_of)
        for _ in range(0 if self._node.holds else 200):
            if self.receipt(sent.transaction) is not None:
                break
            time.sleep(0.02)
        return sent


def someone(node: Node, contract: str = "") -> Member:
    """A member with an account that can pay."""
    return Member(node, contract=contract)
