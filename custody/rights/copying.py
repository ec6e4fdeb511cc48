"""The copy of everything that a centre keeps about a patient, for the patient (GDPR art. 15, 45 CFR 164.524).

That it was given is a record of the patient's chain. The file itself is made when it is fetched, by the person who gave
it and for an hour, and is stored nowhere. Who looked is told by role and organisation: the names of employees are not
the patient's data (Court of Justice, C-579/21).
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import typst

from custody.contract import disclosing, erasure, rights
from custody.disclosures import queries as disclosures
from custody.disclosures.fields import IDENTITY_TITLES, reveal, sealed_fields
from custody.patients import access_log, overview, permissions
from custody.patients.identity import to_fields
from custody.patients.models import Patient, PatientAct
from custody.patients.queries import PatientNotFound
from custody.protocols.document import RECORD_TYPES, Protocol
from custody.protocols.parts import with_unit
from custody.rights.corrections import corrections
from custody.rules import type_words
from custody.therapies.models import Therapy
from custody.therapies.queries import protocol_by_digest
from ledger.clock import stamp
from ledger.errors import NotFound
from ledger.log.models import Record
from ledger.log.operations import append, open_chain, operation
from ledger.log.queries import RecordView, chain_records
from ledger.parties.actor import Actor
from ledger.parties.queries import party_names

FORMAT = "needlepoint.patient-copy/v1"
FETCHED_WITHIN = timedelta(hours=1)
MOST_LOOKS = 5_000
TEMPLATE = Path(__file__).with_name("copy.typ")


class CopyUnknown(NotFound):
    """The actor gave no such copy, or too long ago to fetch it."""


@operation
def give_copy(*, patient: UUID, by: Actor, at: datetime, key: str) -> Record:
    """Write down that the patient is given a copy. Raises NotPermitted, PatientNotFound, Refused."""
    permissions.check_rights(by)
    if not Patient.objects.filter(pk=patient, centre=by.party).exists():
        raise PatientNotFound("There is no such patient at your centre.")
    return append(
        chain=open_chain(kind=erasure.KIND, subject=erasure.chain_of(by.party, patient)),
        by=by,
        type=rights.COPIED,
        body={"patient": str(patient)},
        meaning="copy given to the patient",
        occurred_at=at,
        at=at,
        key=key,
    )


def content(*, copy: UUID, by: Actor, at: datetime) -> dict[str, Any]:
    """What is kept about the patient to whom this copy was given, as JSON. Raises NotPermitted, CopyUnknown."""
    permissions.check_rights(by)
    given = PatientAct.objects.filter(pk=copy, kind="copied", holder_id=by.party, by=by.person).first()
    if given is None or at - given.at > FETCHED_WITHIN:
        raise CopyUnknown("A copy can be fetched within an hour by the person who gave it. Give another one.")
    names = party_names()
    found = overview.overview(patient=given.patient_id, by=by, way="copy")
    fields = to_fields(found.identity) if found.identity else {}
    therapies = Therapy.objects.filter(patient_id=given.patient_id, centre_id=by.party).order_by("ordered_at")
    return {
        "format": FORMAT,
        "copy": str(copy),
        "made_at": stamp(at),
        "centre": names[by.party],
        "pseudonym": str(given.patient_id),
        "enrolled_at": stamp(found.enrolled_at),
        "identity": {IDENTITY_TITLES[name]: value for name, value in fields.items() if value},
        "corrections": [
            {
                "at": stamp(one.at),
                "why": rights.CORRECTIONS[one.reason],
                "fields": {change.title: {"before": change.before, "after": change.after} for change in one.changes},
            }
            for one in corrections(patient=given.patient_id, by=by)
        ],
        "restrictions": [
            {"from": stamp(one.at), "until": _when(one.ended_at), "why": rights.GROUNDS[one.reason]}
            for one in found.acts
            if one.kind == "restricted"
        ],
        "kept": {"therapy_under_way": found.under_way, "until": _when(found.kept_until), "erased": found.erased},
        "readable_by": [names[one] for one in found.entitled],
        "therapies": [_therapy(one, by, names) for one in therapies],
        "disclosures": [
            {
                "from": names.get(one.holder, ""),
                "to": names.get(one.receiver, ""),
                "fields": list(one.told),
                "purpose": disclosing.PURPOSES[one.purpose],
                "asked_at": stamp(one.asked_at),
                "until": stamp(one.until),
                "standing": one.status,
            }
            for one in disclosures.of_patient(patient=given.patient_id, by=by)
        ],
        "looks": [
            {"at": stamp(one.at), "role": one.role, "organisation": names.get(one.party, ""), "where": one.way,
             "purpose": one.purpose}
            for one in access_log.looks_at(given.patient_id, limit=MOST_LOOKS)
        ],
    }  # fmt: skip


def packed(held: Mapping[str, Any], *, words: Mapping[str, str]) -> bytes:
    """The copy as a ZIP file: to be read (PDF) and to be taken along (JSON). `words` says codes in plain language."""
    text = json.dumps(held, ensure_ascii=False, indent=2)
    pdf = typst.compile(str(TEMPLATE), format="pdf", sys_inputs={"data": text, "words": json.dumps(dict(words))})
    assert isinstance(pdf, bytes)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("your-data.pdf", pdf)
        file.writestr("your-data.json", text)
    return made.getvalue()


def _therapy(row: Therapy, by: Actor, names: Mapping[UUID, str]) -> dict[str, Any]:
    """A therapy with its records; values where this centre entered them: others answer for theirs."""
    protocol = protocol_by_digest(row.protocol_digest)
    held = [one for one in sealed_fields(row) if one.holder == by.party and one.group == "steps"]
    opened = reveal(held, by=by)
    sealed: dict[UUID, dict[str, str]] = {}
    for one in held:
        if one.name in opened:
            sealed.setdefault(one.record, {})[one.title.split(": ", 1)[-1]] = opened[one.name].value
    return {
        "call_name": row.call_name,
        "chain_of_identity": row.coi,
        "product": row.product,
        "standing": row.get_status_display(),
        "ordered_at": stamp(row.ordered_at),
        "ended_at": _when(row.ended_at),
        "records": [
            {
                "at": stamp(one.occurred_at),
                "what": _title(one, protocol),
                "by": names.get(one.party, ""),
                "values": dict(_values(one, protocol)) | sealed.get(one.id, {}) if one.party == by.party else {},
            }
            for one in chain_records(kind="therapy", subject=row.pk, prove=False)
        ],
    }


def _title(record: RecordView, protocol: Protocol) -> str:
    step = protocol.step(str(record.body.get("step", ""))) if record.type in RECORD_TYPES.values() else None
    return step.title if step is not None else type_words(record.type)


def _values(record: RecordView, protocol: Protocol) -> Iterator[tuple[str, str]]:
    step = protocol.step(str(record.body.get("step", "")))
    for code, held in record.body.get("values", {}).items():
        known = step.field(code) if step else None
        yield known.title if known else code, with_unit(held["value"], held["unit"])


def _when(moment: datetime | None) -> str | None:
    return stamp(moment) if moment else None
