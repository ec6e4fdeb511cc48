"""Thousands of therapies as rows: for measuring how screens keep up, and for nothing else.

No record stands behind these rows, so `verify` would name every one of them. A therapy under way has something to do
for every role of every organisation; the others are infused, proven or not. All belong to the same organisations. In a
`crowd` half of all are under way, which is the worst that a dashboard can meet; else fifty are, and the rest is
history. What lies on the road is bounded by loggers and vans and does not grow: twenty shipments.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID, uuid4

from django.db import connection
from django.db.models import Model

from custody.compliance.models import ComplianceProof
from custody.exceptions.models import CustodyException
from custody.patients.operations import enrol_patient
from custody.protocols.queries import protocols
from custody.telemetry.models import Device
from custody.therapies.models import OpenStep, StepRecord, Therapy, TherapyParty
from custody.transport.models import Handoff, Shipment
from ledger.ids import derived
from ledger.log.models import Chain
from manufacturing.batches.models import Batch
from portal.demonstration.consortium import Cast
from portal.demonstration.patients import invented

ON_THE_ROAD = 20
PATIENTS = 12
PROTOCOL = "cd19-fresh"
WORK = (
    ("centre", "booking"),
    ("centre", "collect"),
    ("centre", "pack-outbound"),
    ("maker", "transduce"),
    ("maker", "test-viability"),
    ("maker", "review"),
    ("maker", "release"),
    ("payer", "payer-approval"),
    ("courier_outbound", "pickup-outbound"),
)
"""What every therapy under way waits for, by whose step it is: something for each role that acts."""


@dataclass(frozen=True)
class Setting:
    """Who takes part in all of them, and when it is."""

    parties: dict[str, UUID]
    digest: str
    patients: tuple[UUID, ...]
    loggers: tuple[UUID, ...]
    at: datetime
    crowd: bool = True


def setting(cast: Cast, at: datetime, *, crowd: bool = True) -> Setting:
    """One centre, one maker, one courier, one payer and a dozen real patients."""
    coordinator = cast.actor(cast.parties["X0042"].id, "coordinator")
    patients = tuple(
        enrol_patient(identity=invented(n, at.date()), by=coordinator, at=at, key=f"many-{n:06d}").id
        for n in range(PATIENTS)
    )
    courier = cast.of_kind("courier")[0].id
    return Setting(
        parties={
            "centre": cast.parties["X0042"].id,
            "maker": cast.parties["M0311"].id,
            "payer": cast.of_kind("payer")[0].id,
            "courier_outbound": courier,
            "courier_return": courier,
        },
        digest=next(protocol.digest for protocol in protocols() if protocol.code == PROTOCOL),
        patients=patients,
        loggers=tuple(Device.objects.filter(party_id=courier).values_list("pk", flat=True)),
        at=at,
        crowd=crowd,
    )


def add_therapies(where: Setting, *, first: int, count: int) -> None:
    """Insert the therapies number `first` to `first + count - 1` with all their rows, and tell the planner of them."""
    numbers = range(first, first + count)
    for rows in (
        (_therapy(where, n) for n in numbers),
        (row for n in numbers for row in _parties(where, n)),
        (row for n in numbers if _under_way(where, n) for row in _open_steps(where, n)),
        (row for n in numbers for row in _steps(where, n)),
        (_exception(where, n) for n in numbers),
        (row for n in numbers if not _under_way(where, n) for row in _proofs(where, n)),
        (_batch(where, n) for n in numbers),
        (row for n in numbers if n < ON_THE_ROAD * 2 and _under_way(where, n) for row in _on_the_road(where, n)),
    ):
        _insert(rows)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")  # As autovacuum does by itself a minute later.


def _insert(rows: Iterator[Model]) -> None:
    while chunk := list(islice(rows, 2_000)):
        by_model: dict[type[Model], list[Model]] = {}
        for row in chunk:
            by_model.setdefault(type(row), []).append(row)
        for model, several in by_model.items():
            model._default_manager.bulk_create(several, batch_size=500)


def _id(kind: str, n: int, *more: object) -> UUID:
    return derived("many", kind, n, *more)


def _under_way(where: Setting, n: int) -> bool:
    return n % 2 == 0 and (where.crowd or n < 100)


def _ordered_at(where: Setting, n: int) -> datetime:
    return where.at - timedelta(days=30 if _under_way(where, n) else 200, minutes=n)


def _therapy(where: Setting, n: int) -> Therapy:
    under_way = _under_way(where, n)
    proof = "partly" if under_way else "proven" if n % 4 == 1 else "not_proven"
    ended_at = None if under_way else where.at - timedelta(days=40, minutes=n)
    return Therapy(
        id=_id("therapy", n),
        coi=f"X004226{n:06d}A",
        call_name=f"Heron {n}",
        patient_id=where.patients[n // 2 % len(where.patients)],
        protocol_digest=where.digest,
        product="CD19 CAR-T, fresh start",
        centre_id=where.parties["centre"],
        payer_id=where.parties["payer"],
        maker_id=where.parties["maker"],
        status="active" if under_way else "completed",
        ended_reason="",
        stage=("collection", "making", "release")[n // 2 % 3] if under_way else "infusion",
        steps_done=12,
        open_exceptions=int(under_way),
        proof_state=proof,
        ordered_at=_ordered_at(where, n),
        collected_at=_ordered_at(where, n) + timedelta(days=9),
        infusion_planned_at=where.at + timedelta(days=9),
        ended_at=ended_at,
        changed_at=ended_at or where.at - timedelta(minutes=n),
    )


def _parties(where: Setting, n: int) -> Iterator[TherapyParty]:
    for capacity, party in where.parties.items():
        yield TherapyParty(
            id=_id("party", n, capacity), therapy_id=_id("therapy", n), party_id=party, capacity=capacity
        )


def _open_steps(where: Setting, n: int) -> Iterator[OpenStep]:
    protocol = next(one for one in protocols() if one.digest == where.digest)
    for capacity, code in WORK:
        step = protocol.step(code)
        assert step is not None
        yield OpenStep(
            id=_id("open", n, code),
            therapy_id=_id("therapy", n),
            party_id=where.parties[capacity],
            step=code,
            title=step.title,
            kind=step.kind,
            stage=step.stage,
            roles=f",{','.join(step.roles)},",
            since=where.at - timedelta(hours=20),
            due_at=where.at + timedelta(minutes=10 + n),
            held="",
        )


def _steps(where: Setting, n: int) -> Iterator[StepRecord]:
    """Today's step of the centre and one of the maker; what was infused has reached its milestones."""
    done = [
        ("label", "label", "centre", where.at - timedelta(minutes=1 + n % 9)),
        ("activate", "process", "maker", None),
    ]
    if not _under_way(where, n):
        done = [("collect", "collection", "centre", None), ("infuse", "infusion", "centre", None)]
    for number, (code, kind, capacity, moment) in enumerate(done, 4):
        performed_at = moment or _ordered_at(where, n) + timedelta(days=number)
        yield StepRecord(
            id=_id("step", n, code),
            therapy_id=_id("therapy", n),
            step=code,
            kind=kind,
            stage="making",
            number=number,
            record_id=_id("record", n, code),
            party_id=where.parties[capacity],
            person=uuid4(),
            started_at=performed_at,
            performed_at=performed_at,
            in_limits=n % 7 != 0,
            values={},
            leaf="1",
        )


def _exception(where: Setting, n: int) -> CustodyException:
    opened_at = _ordered_at(where, n) + timedelta(days=5)
    return CustodyException(
        id=_id("exception", n),
        therapy_id=_id("therapy", n),
        kind="excursion",
        rank=3,
        finding="94 min above 8 °C, 60 allowed",
        leg="outbound",
        party_id=where.parties["maker"],
        record_id=_id("record", n, "exception"),
        opened_at=opened_at,
        closed_at=None if _under_way(where, n) else where.at - timedelta(days=10, minutes=n),
        resolution="" if _under_way(where, n) else "accepted",
        cause="" if _under_way(where, n) else "transport",
    )


def _proofs(where: Setting, n: int) -> Iterator[ComplianceProof]:
    verdict = "proven" if n % 4 == 1 else "not_proven"
    for segment in ("order-to-collection", "transit"):
        yield ComplianceProof(
            id=_id("proof", n, segment),
            therapy_id=_id("therapy", n),
            segment=segment,
            verdict=verdict,
            key="k" * 64,
            reasons=[] if verdict == "proven" else ["94 min above 8 °C, 60 allowed"],
            record_id=_id("record", n, segment),
            published_at=where.at - timedelta(days=10, minutes=n),
        )


def _batch(where: Setting, n: int) -> Batch:
    return Batch(
        id=_id("batch", n),
        therapy_id=_id("therapy", n),
        number=f"B{n:08d}",
        maker_id=where.parties["maker"],
        status="making" if _under_way(where, n) else "released",
        opened_at=_ordered_at(where, n) + timedelta(days=10),
        steps_done=9,
        out_of_limits=0,
    )


def _on_the_road(where: Setting, n: int) -> Sequence[Model]:
    """A shipment with its hand-over, and as much of the chain's state as a screen of the road reads."""
    therapy, courier = _id("therapy", n), where.parties["courier_outbound"]
    custody = {
        "holder": str(courier),
        "offer": None,
        "container": f"BX-{n}",
        "seal": f"41 {n:03d} 210",
        "leg": "outbound",
    }
    parties = {capacity: str(party) for capacity, party in where.parties.items()}
    packed_at = where.at - timedelta(hours=3, minutes=n)
    return (
        Chain(id=_id("chain", n), kind="therapy", subject=therapy, state={"parties": parties, "custody": custody}),
        Shipment(
            id=_id("shipment", n),
            therapy_id=therapy,
            leg="outbound",
            logger_id=where.loggers[n // 2 % len(where.loggers)],
            container=custody["container"],
            seal=custody["seal"],
            packed_at=packed_at,
        ),
        Handoff(
            id=_id("handoff", n),
            therapy_id=therapy,
            leg="outbound",
            giver_id=where.parties["centre"],
            receiver_id=courier,
            status="accepted",
            seal=custody["seal"],
            offered_at=packed_at,
            offered_by=uuid4(),
        ),
    )
