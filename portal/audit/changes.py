"""What a record changed, and what was entered in it, under the names that the protocol gives its parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from custody.contract.comparing import FIGURES
from custody.contract.corrections import CORRECTED as STEP_CORRECTED
from custody.contract.rights import CORRECTED
from custody.protocols.document import Protocol
from custody.protocols.parts import with_unit
from custody.rights import corrections
from custody.therapies.corrections import corrections as step_corrections
from custody.therapies.models import Therapy
from custody.therapies.queries import protocol_by_digest
from ledger.log import contract as contracts
from ledger.log.models import Record
from ledger.log.queries import RecordView, chain_records, entry_in
from ledger.log.world import world
from ledger.parties.actor import Actor


def corrected(row: Record, by: Actor) -> list[tuple[str, str, str]]:
    """The values before and after of a correction: of a step, or of an identity for who may know the patient."""
    if row.type == STEP_CORRECTED:
        protocol = protocol_by_digest(Therapy.objects.get(pk=row.chain.subject).protocol_digest)
        records = chain_records(kind="therapy", subject=row.chain.subject, prove=False)
        found = next((one for one in step_corrections(records, protocol) if one.record.id == row.pk), None)
        return (
            [(one.field.title, one.before or "sealed", one.after or "sealed") for one in found.changes] if found else []
        )
    made = corrections.of_record(record=row.pk, by=by) if row.type == CORRECTED else None
    return [(one.title, one.before, one.after) for one in made.changes] if made and made.opens else []


def of_state(row: Record) -> Iterator[tuple[str, str, str]]:
    """What the record changed of its chain's state: (name, before, after), by running the shared rules up to it."""
    contract = contracts.contract_for(row.chain.kind)
    state = before = contract.initial()
    for one in Record.objects.filter(chain=row.chain, seq__lte=row.seq).order_by("seq"):
        before, state = state, contract.admit(state, entry_in(one), world)
    titles = _titles(_protocol_of(row))
    old, new = dict(_flat(before, titles)), dict(_flat(state, titles))
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield name, old.get(name, ""), new.get(name, "")


def _protocol_of(row: Record) -> Protocol | None:
    """The protocol of a therapy's record; None for every other chain."""
    therapy = Therapy.objects.filter(pk=row.chain.subject).first() if row.chain.kind == "therapy" else None
    return protocol_by_digest(therapy.protocol_digest) if therapy else None


def _titles(protocol: Protocol | None) -> dict[tuple[str, str], str]:
    """What the protocol calls the parts of a therapy's state: by the member that holds them, and their code."""
    if protocol is None:
        return {}
    return (
        {(part, step.code): step.title for step in protocol.steps for part in ("done", "undone")}
        | {("slots", slot.code): slot.title for slot in protocol.slots}
        | {("readings", leg.code): leg.title for leg in protocol.legs}
        | {("proofs", segment.code): segment.title for segment in protocol.segments}
    )


def _flat(value: Any, titles: Mapping[tuple[str, str], str], path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name == FIGURES:
                continue  # what was entered is listed by itself, with its unit
            known = titles.get((path, str(name)), str(name).replace("_", " "))
            yield from _flat(each, titles, f"{path}, {known}" if path else known)
    elif isinstance(value, list) and any(isinstance(each, Mapping | list) for each in value):
        for number, each in enumerate(value, 1):
            yield from _flat(each, titles, f"{path} {number}")
    else:
        yield path, text(value)


def text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(text(each) for each in value) if isinstance(value, list) else str(value)


def entered(row: Record, view: RecordView) -> Iterator[tuple[str, str]]:
    """What was entered in a step, where this actor may see it: (field as the protocol calls it, value)."""
    values = view.body.get("values")
    protocol = _protocol_of(row)
    step = protocol.step(str(view.body.get("step", ""))) if protocol else None
    if isinstance(values, Mapping):
        for name, each in values.items():
            field = step.field(name) if step else None
            value = text(each.get("value") if isinstance(each, Mapping) else each)
            yield (
                field.title if field else name.replace("-", " ").replace("_", " "),
                with_unit(value, field.unit) if field else value,
            )
