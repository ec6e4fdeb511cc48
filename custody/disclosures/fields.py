"""Which fields of a therapy are sealed, by whom, under which name, and what the ledger has committed to."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from custody.contract.corrections import CORRECTED
from custody.patients.identity import FIELDS
from custody.patients.models import PatientAct
from custody.patients.queries import TABLE as PATIENTS
from custody.therapies.models import StepRecord, Therapy
from custody.therapies.queries import protocol_by_digest
from custody.therapies.steps import SEALED_TABLE
from ledger.log.models import Record
from ledger.log.queries import bodies_of
from ledger.parties.actor import Actor
from ledger.privacy import queries as privacy
from ledger.privacy.errors import NothingSealed
from ledger.privacy.payloads import Revealed, path_of

IDENTITY_TITLES = {
    "given_name": "Given name",
    "family_name": "Family name",
    "birth_date": "Born",
    "record_number": "Record number",
    "weight_kg": "Weight (kg)",
    "contact": "Contact",
}
GROUPS = {"identity": "Who the patient is", "care": "Weight and contact", "steps": "What was entered in confidence"}
_CARE = frozenset({"weight_kg", "contact"})
_OF_ITS_TIME = frozenset({"weight_kg"})
"""A weight is what was weighed for this order: another one later corrects nothing of it."""


@dataclass(frozen=True, slots=True)
class SealedField:
    """One field: its name on the ledger, what people call it, its group, who holds it, and its commitment.

    `record` is the record that committed to it: of the therapy, or of the patient where the value was corrected since.
    """

    name: str
    title: str
    group: str
    holder: UUID
    table: str
    row: str
    field: str
    commitment: str
    record: UUID

    @property
    def path(self) -> str:
        """What the commitment binds the value to."""
        return path_of(self.table, self.row, self.field)


def sealed_fields(therapy: Therapy) -> list[SealedField]:
    """Every sealed field of a therapy that a record commits to, in the order of the protocol; five queries."""
    protocol = protocol_by_digest(therapy.protocol_digest)
    rows = {row.step: row for row in StepRecord.objects.filter(therapy=therapy).order_by("performed_at")}
    bodies = bodies_of([row.record_id for row in rows.values()])
    found: list[SealedField] = []
    order = rows.get(protocol.steps[0].code)
    committed: dict[str, tuple[str, UUID]] = {}
    if order is not None:
        ordered = bodies[order.record_id].get("identity", {})
        committed = {name: (made, order.record_id) for name, made in ordered.items()} | _corrected(therapy)
    for name in FIELDS:
        if name in committed:
            made, record = committed[name]
            found.append(
                SealedField(
                    name=f"identity/{name}",
                    title=IDENTITY_TITLES[name],
                    group="care" if name in _CARE else "identity",
                    holder=therapy.centre_id,
                    table=PATIENTS,
                    row=str(therapy.patient_id),
                    field=name,
                    commitment=made,
                    record=record,
                )
            )
    corrected = _corrected_steps(therapy)
    for step in protocol.steps:
        row = rows.get(step.code)
        sealed = bodies[row.record_id].get("sealed", {}) if row is not None else {}
        for code, made_then in sealed.items():
            assert row is not None
            commitment, record = corrected.get((step.code, code), (made_then, row.record_id))
            known = step.field(code)
            found.append(
                SealedField(
                    name=f"step/{step.code}/{code}",
                    title=f"{step.title}: {known.title if known else code}",
                    group="steps",
                    holder=row.party_id,
                    table=SEALED_TABLE,
                    row=str(row.pk),
                    field=f"value:{code}",
                    commitment=commitment,
                    record=record,
                )
            )
    return found


def _corrected(therapy: Therapy) -> dict[str, tuple[str, UUID]]:
    """What the last correction of each field committed to, and its record."""
    rows = PatientAct.objects.filter(patient_id=therapy.patient_id, kind="corrected").order_by("at")
    found = {name: (change["is"], row.pk) for row in rows for name, change in row.changes.items()}
    return {name: one for name, one in found.items() if name not in _OF_ITS_TIME}


def _corrected_steps(therapy: Therapy) -> dict[tuple[str, str], tuple[str, UUID]]:
    """What the last correction of each sealed value of a step committed to, and its record."""
    rows = Record.objects.filter(chain__kind="therapy", chain__subject=therapy.pk, type=CORRECTED).order_by("seq")
    in_order = list(rows.values_list("pk", flat=True))
    bodies = bodies_of(in_order) if in_order else {}
    return {
        (bodies[record]["step"], code): (commitment, record)
        for record in in_order
        for code, commitment in bodies[record].get("sealed", {}).items()
    }


def reveal(fields: Collection[SealedField], *, by: Actor) -> dict[str, Revealed]:
    """The values with their salts, by name, of those that are still there. Raises NotEntitled."""
    shown = {}
    for one in fields:
        try:
            shown[one.name] = privacy.reveal(
                table=one.table, row=one.row, field=one.field, by=by, commitment=one.commitment
            )
        except NothingSealed:
            continue
    return shown
