"""The worked example of docs/reference/ledger-formats.md, made again: every value that the page shows has to come out.

Run as a script, it prints the values, for whoever changes a format and has to change the page.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from ledger.crypto import (
    canonical,
    checkpoint,
    commitments,
    cosignature,
    dsse,
    merkle,
    notes,
    tiles,
    tlog_proof,
)
from ledger.crypto.ed25519 import InMemorySigner
from ledger.log.entries import Entry, Signature, entry_of

PAGE = Path(__file__).resolve().parents[4] / "docs" / "reference" / "ledger-formats.md"
ORIGIN = "ledger.example/consortium"
WITNESS = "witness.example/w1"
PARTY = InMemorySigner(bytes(range(32)))
LOG = InMemorySigner(bytes(range(32, 64)))
COSIGNER = InMemorySigner(bytes(range(64, 96)))
SALT = bytes(range(16))
THERAPY = UUID("0190a5c8-0000-7000-8000-000000000001")
SITE = UUID("0190a5c8-0000-7000-8000-000000000002")
NURSE = UUID("0190a5c8-0000-7000-8000-000000000003")


def entry(seq: int, prev: str, type_: str, body: dict) -> Entry:
    at = datetime(2026, 3, 2, 8, seq, tzinfo=UTC)
    name = commitments.commit(salt=SALT, path="signer.name", value="Ada Byron")
    return Entry(
        log=ORIGIN,
        chain=THERAPY,
        chain_kind="therapy",
        subject=THERAPY,
        seq=seq,
        prev_hash=prev,
        type=type_,
        key=f"example-{seq}",
        signer=Signature(NURSE, SITE, name, "nurse", "I did this", "passkey"),
        second=None,
        occurred_at=at,
        recorded_at=at,
        body=body,
    )


def worked_example() -> dict[str, str]:
    """Every value that the page shows, by a name of its own."""
    bodies = [
        ("custody.order.placed/v1", {"protocol": "cd19-fresh"}),
        ("custody.collection.completed/v1", {"volume": {"unit": "mL", "value": "212.5"}}),
        ("custody.handoff.accepted/v1", {"seal": "S-0042"}),
    ]
    payloads: list[bytes] = []
    for seq, (type_, body) in enumerate(bodies):
        prev = merkle.sha256_hex(payloads[-1]) if payloads else "0" * 64
        payloads.append(canonical.encode(entry(seq, prev, type_, body).as_json()))
    envelopes = [dsse.sign(payload, signers=[PARTY]) for payload in payloads]
    leaves = [merkle.leaf_hash(envelope) for envelope in envelopes]
    root = merkle.root(leaves)
    text = checkpoint.body(ORIGIN, 3, root)
    note = notes.sign_note(text, ORIGIN, LOG)
    cosigned = notes.add_signature(note, cosignature.cosign(text, WITNESS, COSIGNER, timestamp=1772438400))
    path = merkle.inclusion_proof(1, 3, lambda level, i: merkle.root(leaves[i << level : (i + 1) << level]))
    return {
        "public key of the party": PARTY.public_key.hex(),
        "key id of the party": PARTY.keyid,
        "commitment": commitments.commit(salt=SALT, path="signer.name", value="Ada Byron"),
        "payload 0": payloads[0].decode(),
        "hash 0": merkle.sha256_hex(payloads[0]),
        "payload 1": payloads[1].decode(),
        "envelope 1": envelopes[1].decode(),
        **{f"leaf {i}": leaf.hex() for i, leaf in enumerate(leaves)},
        "root": root.hex(),
        "vkey of the log": notes.vkey(ORIGIN, LOG.public_key),
        "vkey of the witness": cosignature.vkey(WITNESS, COSIGNER.public_key),
        "checkpoint": cosigned,
        "proof": str(tlog_proof.TlogProof(1, tuple(path), cosigned)),
        "tiles": "\n".join(tile.path for tile in tiles.tiles_of(70_000) if tile.width < 256),
    }


def test_every_value_of_the_page_comes_out_of_a_run():
    page = PAGE.read_text()
    absent = [name for name, value in worked_example().items() if value not in page]
    assert absent == []


def test_the_examples_proof_verifies_from_the_page_alone():
    """As a reader would: the envelope, the proof and the two keys, copied out of the page."""
    shown = worked_example()
    log, witness = cosignature.verifier(shown["vkey of the log"]), cosignature.verifier(shown["vkey of the witness"])
    envelope = shown["envelope 1"].encode()
    leaf = merkle.leaf_hash(envelope)
    found = tlog_proof.verify(shown["proof"], leaf=leaf, origin=ORIGIN, log=log, witnesses=[witness])
    assert (found.checkpoint.size, found.names) == (3, (ORIGIN, WITNESS))
    keys = {shown["key id of the party"]: bytes.fromhex(shown["public key of the party"])}
    opened = entry_of(canonical.decode(dsse.verify(envelope, keys=keys).payload))
    assert (opened.seq, opened.prev_hash) == (1, shown["hash 0"])


if __name__ == "__main__":
    for name, value in worked_example().items():
        print(f"--- {name}\n{value}")
