"""How records of inspections and reports become rows. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from custody.oversight import rules
from ledger.clock import parse_stamp
from ledger.ids import derived
from ledger.log.contract import State, World
from ledger.log.entries import Entry
from ledger.log.projections import Change, Insert, Projection, Update


def project_inspection(entry: Entry, record_id: UUID, state: State, world: World) -> Iterator[Change]:
    if entry.type == rules.OPENED:
        yield Insert(
            "custody.Inspection",
            entry.subject,
            {
                "party_id": entry.party,
                "site_id": UUID(state["site"]),
                "product": state["product"],
                "since": parse_stamp(state["since"]),
                "until": parse_stamp(state["until"]),
                "reason": state["reason"],
                "reference": state["reference"],
                "person": entry.signer.person,
                "opened_at": entry.recorded_at,
                "ends_at": parse_stamp(state["ends_at"]),
                "status": "open",
                "closed_at": None,
                "record_id": record_id,
            },
        )
    elif entry.type == rules.CLOSED:
        yield Update("custody.Inspection", entry.subject, {"status": state["status"], "closed_at": entry.recorded_at})


def project_report(entry: Entry, record_id: UUID, state: State, world: World) -> Iterator[Change]:
    body = entry.body
    yield Insert(
        "custody.Report",
        derived("report", entry.party, body["month"]),
        {
            "subject": entry.subject,
            "party_id": entry.party,
            "month": body["month"],
            "digest": body["digest"],
            "pdf": body["pdf"],
            "record_id": record_id,
            "signed_at": entry.recorded_at,
        },
    )


INSPECTIONS = Projection(rules.INSPECTION, project_inspection, {"custody.Inspection": "id"})
REPORTS = Projection(rules.REPORTS, project_report, {"custody.Report": "subject"})
