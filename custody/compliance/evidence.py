"""The evidence from which anyone verifies a therapy's proofs without believing this server (DESIGN §3, §8).

`shared` holds what every therapy's proofs rest on: members' keys, protocols, verification keys and registered loggers.
`pack` holds one therapy's chain. Both are records as they were signed, each with its RFC 6962 path to one signed
checkpoint; a verifier recomputes everything else. An organisation without clinical data gets no step records, since
they hold values: it is told the leaves, marked `stated`, and can verify the proofs against those.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from custody.compliance.keys import KEY_KINDS
from custody.compliance.queries import published_proofs
from custody.telemetry.models import Device
from custody.therapies import disclosure
from custody.therapies.models import Therapy
from custody.therapies.queries import find_therapy
from ledger.cosigning.queries import Published
from ledger.crypto import base64s
from ledger.log.evidence import IncludedRecord, NotInTheLog, included, log_key, readers_checkpoint, vouched_checkpoint
from ledger.log.logs import OPERATORS
from ledger.log.models import Chain, Checkpoint, Document, Record
from ledger.parties.actor import Actor

FORMAT = "needlepoint.evidence/v1"
OPEN_TYPES = ("custody.proof.published/v1",)
"""Records of a therapy that hold no value of it: any party to the therapy may have them whole."""


def shared(*, size: int | None, by: Actor) -> dict[str, Any]:
    """Keys, protocols and devices at the checkpoint of that size, or the latest. Raises NotPermitted, NotInTheLog."""
    by.check("proof.verify")
    checkpoint = readers_checkpoint(size)
    documents = Document.objects.filter(kind__in=("protocol", *KEY_KINDS)).values("record_id")
    kinds = ("register", "log", "device")
    wanted = Record.objects.filter(chain__kind__in=kinds) | Record.objects.filter(pk__in=documents)
    return {**_head(checkpoint), **_across(wanted.order_by("log", "leaf__index"), checkpoint)}


def pack(*, therapy: UUID, size: int | None, by: Actor) -> dict[str, Any]:
    """One therapy's chain at the checkpoint of that size, or the latest.

    Raises NotPermitted, TherapyNotFound, NotInTheLog.
    """
    by.check("proof.verify")
    row = find_therapy(therapy=therapy, by=by)
    checkpoint = readers_checkpoint(size)
    chain = Chain.objects.get(kind="therapy", subject=row.pk)
    records = Record.objects.filter(chain=chain).order_by("seq")
    answer: dict[str, Any] = {**_head(checkpoint), "therapy": str(row.pk)}
    if not disclosure.sees_values(by):
        records = records.filter(type__in=OPEN_TYPES)
        answer["stated"] = _stated(chain)
    return {**answer, **_across(records, checkpoint, whole="stated" not in answer)}


def records_at(records: QuerySet[Record], checkpoint: Checkpoint) -> dict[str, Any]:
    """These records with their places at a checkpoint, and the checkpoint itself."""
    return {**_head(checkpoint), **_across(records, checkpoint)}


def documents_of(therapy: Therapy) -> list[tuple[str, UUID]]:
    """The chains of documents that a therapy's records rest on, for a bundle that holds its chain."""
    proofs = published_proofs().filter(therapy_id=therapy.pk)
    places = max((proof.registry_size for proof in proofs), default=0)
    digests = {therapy.protocol_digest, *(proof.key for proof in proofs)}
    subjects = Document.objects.filter(digest__in=digests).values_list("subject", flat=True)
    devices = Device.objects.filter(place__lt=places).values_list("id", flat=True)
    return [*(("document", one) for one in subjects), *(("device", one) for one in devices)]


def _across(records: QuerySet[Record], checkpoint: Checkpoint, *, whole: bool = False) -> dict[str, Any]:
    """The records with their places: in the operator's log at this checkpoint, in members' logs at what is published.

    `whole` is for a chain, whose records are given up to the first that is not in its log's checkpoint.
    """
    wanted = list(records.values_list("id", "log"))
    trees: dict[str, Checkpoint | Published] = {OPERATORS: checkpoint}
    for code in sorted({log for _, log in wanted} - {OPERATORS}):
        with suppress(NotInTheLog):
            trees[code] = vouched_checkpoint(code)
    found = {
        one.id: one
        for code, tree in trees.items()
        for one in included(records.filter(log=code), size=tree.size, log=code)
    }
    kept: list[IncludedRecord] = []
    for identifier, _ in wanted:
        if identifier in found:
            kept.append(found[identifier])
        elif whole:
            break
    logs = {code: {"size": tree.size, "note": tree.note} for code, tree in trees.items() if code != OPERATORS}
    return {"records": _json(kept), **({"logs": logs} if logs else {})}


def _head(checkpoint: Checkpoint) -> dict[str, Any]:
    return {"format": FORMAT, "size": checkpoint.size, "note": checkpoint.note, "vkey": log_key(checkpoint.size)}


def _json(records: Iterable[IncludedRecord]) -> list[dict[str, Any]]:
    return [
        {
            "id": str(record.id),
            "index": record.index,
            "path": [node.hex() for node in record.path],
            "envelope": base64s.encode(record.envelope),
            **({"log": record.log} if record.log else {}),
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
