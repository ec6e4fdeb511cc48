"""Erasures kept outside the database: what a restored backup is told of by itself.

A backup that is older than an erasure knows neither that it was asked for nor that it was done. So the records of a
patient's chain are kept as signed, one file a chain, in a folder of their own (`NEEDLEPOINT_ERASURE_DIR`; keep it apart
from the backups). Housekeeping brings records back that the database lacks, and erases again what is readable. A file
holds pseudonyms and commitments, and the printed names of those who signed; nothing of a patient.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from custody.contract import erasure
from ledger.log.models import Record
from ledger.log.returning import KeptName, KeptRecord, keep


def folder() -> Path:
    return Path(settings.ERASURE_DIR)


def write(record: Record) -> None:
    """Keep the chain of this record, up to it."""
    rows = Record.objects.filter(chain_id=record.chain_id, seq__lte=record.seq).order_by("seq")
    document = {"chain": str(record.chain_id), "records": [_as_json(keep(row)) for row in rows]}
    place = folder()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    path, temporary = place / f"{record.chain_id}.json", place / f".{secrets.token_hex(8)}.tmp"
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def kept() -> Iterator[tuple[UUID, list[KeptRecord]]]:
    """Every chain that is kept, with its records. Raises ValueError, KeyError for a damaged file."""
    if folder().is_dir():
        for path in sorted(folder().glob("[!.]*.json")):
            yield UUID(path.stem), read(path)


def read(path: Path) -> list[KeptRecord]:
    return [_of_json(one) for one in json.loads(path.read_text(encoding="utf-8"))["records"]]


def unwritten() -> Iterator[Record]:
    """Erasures on the ledger that have no file, or one that ends before them: the process was killed in between."""
    files = folder().glob("[!.]*.json") if folder().is_dir() else ()
    have = {path.stem for path in files}
    for row in Record.objects.filter(type=erasure.DONE).order_by("recorded_at"):
        path = folder() / f"{row.chain_id}.json"
        if path.stem not in have or not any(one.id == row.id for one in read(path)):
            yield row


def _as_json(one: KeptRecord) -> dict[str, object]:
    names = [[name.position, str(name.person), name.name, name.salt] for name in one.names]
    return {"id": str(one.id), "envelope": base64.b64encode(one.envelope).decode(), "names": names}


def _of_json(one: dict[str, Any]) -> KeptRecord:
    rows: list[tuple[int, str, str, str]] = one["names"]
    names = tuple(KeptName(at, UUID(person), name, salt) for at, person, name, salt in rows)
    return KeptRecord(UUID(str(one["id"])), base64.b64decode(str(one["envelope"]), validate=True), names)
