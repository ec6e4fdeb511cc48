"""A witness's reports for tests: an enrolled witness with a key, and signed reports of what it found."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from ledger.clock import stamp
from ledger.cosigning.operations import enrol_witness
from ledger.crypto import checkpoint, cosignature, merkle, notes
from ledger.crypto.ed25519 import InMemorySigner
from ledger.divergence import report
from ledger.divergence.operations import Taken, take_report
from ledger.log import log_keys
from ledger.parties.keystore import keystore
from ledger.parties.models import Party

SIGNER = InMemorySigner(b"\x31" * 32)


def name_of(party: Party) -> str:
    return f"{party.code.lower()}.witness.example"


def enrolled(party: Party, *, at: datetime, signer: InMemorySigner = SIGNER) -> str:
    """Enrol a witness of this party; its verifier key."""
    vkey = cosignature.vkey(name_of(party), signer.public_key)
    enrol_witness(party=party.pk, vkey=vkey, at=at)
    return vkey


def signed_note(size: int, root: bytes) -> bytes:
    """A checkpoint that the log's own key signed."""
    text = checkpoint.body(settings.LOG_ORIGIN, size, root)
    return notes.sign_note(text, settings.LOG_ORIGIN, keystore().create(log_keys.FIRST)).encode()


def two_views(size: int = 7) -> dict[str, bytes]:
    """Two notes of the log, of one size, with different roots."""
    return {
        "seen.note": signed_note(size, merkle.leaf_hash(b"one")),
        "shown.note": signed_note(size, merkle.leaf_hash(b"other")),
    }


def document(party: Party, *, at: datetime, signer: InMemorySigner = SIGNER, **more) -> bytes:
    """A signed report of two views, unless `more` says otherwise."""
    said = {
        "witness": name_of(party),
        "signer": signer,
        "log": settings.LOG_ORIGIN,
        "kind": "split_view",
        "size": 7,
        "index": None,
        "problem": "Of 7 leaves it shows two roots.",
        "detected_at": stamp(at),
        "evidence": two_views(),
    }
    return report.compose(**{**said, **more})


def reported(party: Party, *, at: datetime, **more) -> Taken:
    """The same, enrolled and taken."""
    enrolled(party, at=at, signer=more.get("signer", SIGNER))
    return take_report(document=document(party, at=at, **more), at=at)
