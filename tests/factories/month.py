"""A month of proven therapies as a reader's browser gets them: one told therapy, cloned and signed anew for each.

Nothing is imitated but the provers' work: every record is signed by its author's key, linked, in one Merkle tree under
one signed checkpoint, and each segment has a valid proof under a key on the log (`tests.factories.toy_key`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from django.conf import settings

from custody.compliance import evidence, keys, operations
from custody.compliance.ledger_inputs import ledger_inputs
from custody.compliance.readings import device_registry_root, registry_size
from custody.compliance.tasks import operator_prover
from custody.contract.proofs import INPUTS
from custody.therapies.queries import protocol_by_digest
from ledger.clock import stamp
from ledger.crypto import base64s, canonical, checkpoint, dsse, merkle, notes
from ledger.ids import derived
from ledger.log import log_keys, sequencer
from ledger.log.documents import publish_document
from ledger.log.entries import GENESIS
from ledger.log.models import Record
from ledger.parties.actor import Actor
from ledger.parties.models import Party
from ledger.parties.signing import signer_for
from ledger.proofs.circuit import CLASSES
from ledger.proofs.prover import Proof
from ledger.proofs.verifier import statement_id
from tests.factories.therapies import Told
from tests.factories.toy_key import ToyKey

CIRCUIT = CLASSES[0].name
NAMES = UUID("0b7e5b5c-6a55-4a4e-9d0a-2f4c3a1d9b11")


@dataclass(frozen=True)
class Month:
    """The evidence's texts, as `portal.proofs.views` serves them."""

    index: str
    shared: str
    packs: tuple[str, ...]
    proofs: int
    records: int

    @property
    def lines(self) -> bytes:
        """The texts as the saved file holds them, one a line."""
        return "".join(f"{text}\n" for text in (self.index, self.shared, *self.packs)).encode()


def month_of(template: Told, *, therapies: int, by: Actor) -> Month:
    """So many therapies like `template`, every segment of each proven."""
    key = ToyKey()
    operator = Party.objects.get(kind="operator")
    publish_document(
        kind="unsafe_proof_key",
        code=CIRCUIT.partition("/v")[0],
        version=f"{CIRCUIT.partition('/v')[2]}.999",
        document=key.verification_key.to_snarkjs(),
        by=operator_prover(),
        at=template.now,
        key="toy-key-published",
    )
    sequencer.drain()
    leaves = [bytes(row) for row in Record.objects.order_by("leaf__index").values_list("envelope", flat=True)]
    before = {bytes(row.envelope): row for row in Record.objects.all()}
    shared = evidence.shared(size=None, by=by)
    chains = [list(_chain(template, number, key, operator)) for number in range(therapies)]
    placed = []
    for _, envelopes in chains:
        placed.append((len(leaves), len(envelopes)))
        leaves += envelopes
    assert len(before) < len(leaves)
    tree = _Tree(leaves)
    note = _signed(tree)
    vkey = log_keys.in_force(tree.size)[-1].vkey
    head = {"format": evidence.FORMAT, "size": tree.size, "note": note, "vkey": vkey}
    shared_text = json.dumps(
        {**head, "records": [{**one, "path": tree.path(one["index"])} for one in shared["records"]]}
    )
    segments = len(protocol_by_digest(template.state["protocol"]).segments)
    packs, lines = [], []
    for (therapy, envelopes), (first, count) in zip(chains, placed, strict=True):
        records = [
            {
                "id": str(uuid5(therapy, str(at))),
                "index": at,
                "path": tree.path(at),
                "envelope": base64s.encode(leaves[at]),
            }
            for at in range(first, first + count)
        ]
        assert len(records) == len(envelopes)
        packs.append(json.dumps({**head, "therapy": str(therapy), "records": records}))
        lines.append({"therapy": str(therapy), "name": f"Clone {len(packs)}", "proofs": segments, "url": ""})
    index = json.dumps({"size": tree.size, "note": note, "vkey": vkey, "shared": "", "packs": lines})
    return Month(index, shared_text, tuple(packs), segments * therapies, tree.size)


def prove(template: Told) -> None:
    """Publish a proof of every segment of a told therapy, under a key whose trapdoor is known."""
    key, size = ToyKey(), registry_size()
    root, by = device_registry_root(size), operator_prover()
    protocol = protocol_by_digest(template.state["protocol"])
    for segment in protocol.segments:
        expected = ledger_inputs(
            state=template.state,
            therapy=template.therapy,
            protocol=protocol,
            segment=segment,
            device_registry=root,
            circuit=CIRCUIT,
        )
        proof = Proof(
            circuit=CIRCUIT,
            public_inputs=expected,
            proof=key.prove(tuple(expected)),
            verification_key=key.verification_key,
            statement=statement_id(key.verification_key, expected),
            seconds=0.0,
        )
        keys.publish_key(proof=proof, by=by, at=template.now)
        operations.publish_proof(
            therapy=template.therapy,
            segment=segment.code,
            proof=proof,
            registry_size=size,
            by=by,
            at=template.now,
            key=f"toy-proof-{segment.code}",
        )


def _chain(template: Told, number: int, key: ToyKey, operator: Party) -> Iterator[Any]:
    """The clone's identifier, then its envelopes, in order."""
    therapy = uuid5(NAMES, str(number))
    rows = Record.objects.filter(chain=template.chain).order_by("seq")
    payloads = [canonical.decode(dsse.payload_of(bytes(row.envelope))) for row in rows]
    last = payloads[-1]
    payloads += [
        {
            **last,
            "type": "custody.proof.published/v1",
            "body": body,
            "signer": {**last["signer"], "party": str(operator.id)},
        }
        for body in _proofs(template, therapy, key)
    ]
    envelopes, prev = [], GENESIS
    for seq, payload in enumerate(payloads):
        made = {
            **payload,
            "subject": str(therapy),
            "chain": str(derived("chain", "therapy", therapy)),
            "seq": seq,
            "prev": prev,
            "key": f"clone-{number}-{seq}",
            "second": payload["second"],
            "recorded_at": payload["recorded_at"] if seq < len(rows) else stamp(template.now),
        }
        encoded = canonical.encode(made)
        envelopes.append(dsse.sign(encoded, signers=[signer_for(UUID(made["signer"]["party"])).signer]))
        prev = merkle.sha256_hex(encoded)
    yield therapy
    yield envelopes


def _proofs(template: Told, therapy: UUID, key: ToyKey) -> Iterator[dict[str, Any]]:
    protocol, state, size = protocol_by_digest(template.state["protocol"]), template.state, registry_size()
    root = device_registry_root(size)
    for segment in protocol.segments:
        expected = ledger_inputs(
            state=state, therapy=therapy, protocol=protocol, segment=segment, device_registry=root, circuit=CIRCUIT
        )
        yield {
            "segment": segment.code,
            "circuit": CIRCUIT,
            "key": key.verification_key.digest,
            "inputs": dict(zip(INPUTS, expected.to_json(), strict=True)),
            "proof": key.prove(tuple(expected)).hex(),
            "statement": "",
            "registry_size": size,
        }


class _Tree:
    """A Merkle tree over all leaves, kept whole."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.size = len(leaves)
        self._nodes: dict[tuple[int, int], bytes] = {}
        frontier = merkle.Frontier()
        for leaf in leaves:
            for node in frontier.append(merkle.leaf_hash(leaf)):
                self._nodes[node.level, node.index] = node.hash
        self.root = frontier.root()

    def path(self, index: int) -> list[str]:
        return [
            node.hex() for node in merkle.inclusion_proof(index, self.size, lambda level, at: self._nodes[level, at])
        ]


def _signed(tree: _Tree) -> str:
    text = checkpoint.body(settings.LOG_ORIGIN, tree.size, tree.root)
    first, *_ = log_keys.signers(tree.size)
    return notes.sign_note(text, settings.LOG_ORIGIN, first)
