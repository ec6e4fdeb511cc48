"""The evidence from which anyone verifies a therapy's proofs without believing this server (DESIGN §3, §8).

`shared` holds what every therapy's proofs rest on: members' keys, protocols, verification keys and registered loggers.
`pack` holds one therapy's chain. Both are records as they were signed, each with its RFC 6962 path to one signed
checkpoint; a verifier recomputes everything else. An organisation without clinical data gets no step records, since
they hold values: it is told the leaves, marked `stated`, and can verify the proofs against those.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from custody.compliance.keys import KEY_KINDS
from custody.therapies import disclosure
from custody.therapies.queries import find_therapy
from ledger.crypto import base64s
from ledger.log.evidence import IncludedRecord, checkpoint_at, included, log_key
from ledger.log.models import Chain, Checkpoint, Document, Record
from ledger.parties.actor import Actor

FORMAT = "needlepoint.evidence/v1"
OPEN_TYPES = ("custody.proof.published/v1",)
"""Records of a therapy that hold no value of it: any party to the therapy may have them whole."""


def shared(*, size: int | None, by: Actor) -> dict[str, Any]:
    """Keys, protocols and devices at the checkpoint of that size, or the latest. Raises NotPermitted, NotInTheLog."""
    by.check("proof.verify")
    checkpoint = checkpoint_at(size)
    documents = Document.objects.filter(kind__in=("protocol", *KEY_KINDS)).values("record_id")
    wanted = Record.objects.filter(chain__kind__in=("register", "device")) | Record.objects.filter(pk__in=documents)
    records = included(wanted.order_by("leaf__index"), size=checkpoint.size)
    return {**_head(checkpoint), "records": _json(records)}


def pack(*, therapy: UUID, size: int | None, by: Actor) -> dict[str, Any]:
    """One therapy's chain at the checkpoint of that size, or the latest.

    Raises NotPermitted, TherapyNotFound, NotInTheLog.
    """
    by.check("proof.verify")
    row = find_therapy(therapy=therapy, by=by)
    checkpoint = checkpoint_at(size)
    chain = Chain.objects.get(kind="therapy", subject=row.pk)
    records = Record.objects.filter(chain=chain).order_by("seq")
    answer: dict[str, Any] = {**_head(checkpoint), "therapy": str(row.pk)}
    if not disclosure.sees_values(by):
        records = records.filter(type__in=OPEN_TYPES)
        answer["stated"] = _stated(chain)
    return {**answer, "records": _json(included(records, size=checkpoint.size))}


def _head(checkpoint: Checkpoint) -> dict[str, Any]:
    return {"format": FORMAT, "size": checkpoint.size, "note": checkpoint.note, "vkey": log_key()}


def _json(records: Iterable[IncludedRecord]) -> list[dict[str, Any]]:
    return [
        {
            "id": str(record.id),
            "index": record.index,
            "path": [node.hex() for node in record.path],
            "envelope": base64s.encode(record.envelope),
        }
        for record in records
    ]


def _stated(chain: Chain) -> dict[str, Any]:
    """The chain's facts that proofs speak of, without any value: leaves are salted commitments."""
    done = chain.state["done"]
    return {
        "protocol": chain.state["protocol"],
        "done": {
            code: {name: step[name] for name in ("leaf", "test_leaf") if name in step} for code, step in done.items()
        },
        "readings": {leg: {"root": committed["root"]} for leg, committed in chain.state["readings"].items()},
    }
