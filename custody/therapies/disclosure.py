"""What an organisation without clinical data is shown of a therapy: custody and standing, never a value (DESIGN §5).

Payers and couriers get records without entered values, findings or reasons, and never learn why a therapy ended.
What an organisation recorded itself, it may read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ledger.parties.actor import Actor

if TYPE_CHECKING:
    from custody.therapies.queries import TherapyLine
    from ledger.log.queries import RecordView

WITHOUT_CLINICAL_DATA = frozenset({"payer", "courier"})
NEUTRAL: Mapping[str, Any] = {
    "values": {},
    "sealed": {},
    "facts": {},
    "identity": {},
    "scanned": "",
    "answers": {},
    "cause": "",
    "why": "",
    "emergency": "",
}
"""Members of a record's body that may be clinical, and what stands in their place: the shape stays."""
OPEN_FINDINGS = frozenset({"identity_stop", "custody_gap", "transport_problem", "excursion"})
"""Kinds of exception whose finding speaks of custody and transport alone."""
FINDING_WORDS: Mapping[str, str] = {
    "out_of_specification": "A release test is out of specification",
    "halt": "An answer halted the therapy",
    "deviation": "A value is out of its limits",
    "not_proven": "A segment did not keep to the protocol",
}


def sees_values(by: Actor) -> bool:
    """Whether the actor's organisation may see what was entered and measured."""
    return by.party_kind not in WITHOUT_CLINICAL_DATA


def therapy_for(by: Actor, therapy: TherapyLine) -> TherapyLine:
    """The therapy without the reason why it ended, where that may speak of the patient."""
    return therapy if sees_values(by) else replace(therapy, ended_reason="")


def record_for(by: Actor, record: RecordView) -> RecordView:
    """The record without clinical members; of its own records an organisation keeps the values it entered."""
    if sees_values(by):
        return record
    body = dict(record.body)
    for name, neutral in NEUTRAL.items():
        if name in body and not (name == "values" and record.party == by.party):
            body[name] = neutral
    if "finding" in body:
        body["finding"] = finding_for(by, str(body.get("kind", "not_proven")), str(body["finding"]))
    if "reasons" in body:
        body["reasons"] = [FINDING_WORDS["not_proven"]]
    if "how" in body:
        body["reason"] = ""
    return replace(record, body=body)


def finding_for(by: Actor, kind: str, finding: str) -> str:
    """An exception's finding, or what may be said of its kind."""
    return finding if sees_values(by) or kind in OPEN_FINDINGS else FINDING_WORDS[kind]
