"""Telling the demonstration: founding the consortium and walking its therapies to the present."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from custody.patients.operations import enrol_patient
from custody.protocols.queries import protocols
from custody.therapies.operations import order_therapy
from custody.transport.models import Shipment
from ledger.log import sequencer
from ledger.log.models import SignedName
from ledger.parties.models import Party
from ledger.privacy import keyring
from portal.accounts.models import User
from portal.demonstration import consortium, slots
from portal.demonstration.consortium import Cast
from portal.demonstration.corrections import tell_correction
from portal.demonstration.patients import invented
from portal.demonstration.privacy import tell_privacy
from portal.demonstration.stories import Case, cases
from portal.demonstration.story import Story
from portal.demonstration.walker import Walker, Watch

PAST_DAYS, FUTURE_DAYS = 140, 150
EARLIER_AT_MOST = 14
LATER_AT_MOST = 3
PREFERRED_MAKERS = {"X0117": "M0408"}
"""So that both makers have work."""
Tell = Callable[[str], None]


def prepare(*, at: datetime, tell: Tell, past_days: int = PAST_DAYS, future_days: int = FUTURE_DAYS) -> Cast:
    """The consortium with its free slots from `past_days` ago to `future_days` ahead; nothing happens twice."""
    first = at - timedelta(days=past_days)
    cast = consortium.found(at=first, tell=tell)
    count = slots.publish_all(cast, first=first, days=past_days + future_days, at=first)
    tell(f"{count} places published")
    return cast


def order(cast: Cast, *, centre: Party, protocol_code: str, number: int, at: datetime) -> UUID:
    """Enrol an invented patient and order a therapy for them. Returns the therapy's id."""
    coordinator = cast.actor(centre.id, "coordinator")
    patient = enrol_patient(identity=invented(number, at.date()), by=coordinator, at=at, key=f"enrol-{number:06d}")
    protocol = next(known for known in protocols() if known.code == protocol_code)
    payer = next(
        (party for party in cast.of_kind("payer") if party.country == centre.country), cast.of_kind("payer")[0]
    )
    values = {}
    for field in protocol.steps[0].fields:
        if not field.required:
            continue
        middle = "60" if field.unit == "kg" else "1"
        values[field.code] = field.expected or (field.choices[0] if field.choices else middle)
    record = order_therapy(
        patient=patient.id,
        protocol=protocol.digest,
        payer=payer.id,
        consent=True,
        eligible=True,
        values=values,
        by=coordinator,
        at=at,
        key=f"order-{number:06d}",
    )
    return record.chain.subject


def tell_case(cast: Cast, case: Case, number: int, *, now: datetime) -> UUID:
    """One therapy, from its order to the present or to where its story rests.

    On which weekday `now` falls decides how long a therapy waits for its slots. A story that means to wait for somebody
    today is therefore ordered earlier until it does: by the half days that its next step lies ahead, at least one. The
    slots settle when each step is done, so the same ones are not walked twice. One that has lain at its step for too
    long to do it in time is tried as much later, a few times. What was tried before leaves no trace.
    """
    moved, tried = 0, set[tuple[UUID, ...]]()
    best, least, later = case, timedelta.max, LATER_AT_MOST
    while True:
        last = moved == EARLIER_AT_MOST - 1
        with transaction.atomic():
            earlier = replace(case, started_days_ago=case.started_days_ago + moved / 2)
            walker = _walk(cast, earlier, number, now, avoid=frozenset() if last else frozenset(tried))
            ahead = walker.ahead if case.story.waits else None
            if last or (ahead is None and not (later and walker.rested_too_long)):
                break
            transaction.set_rollback(True)
        if ahead is None and walker.rested_too_long < least:
            best, least = case, walker.rested_too_long
        if later and least < timedelta.max:
            later = later - 1 if ahead is None else 0
            too_long = walker.rested_too_long / timedelta(days=1)
            case = replace(case, started_days_ago=case.started_days_ago - too_long) if later else best
            continue
        tried.add(walker.slots)
        later = 0
        moved = min(moved + max(1, (ahead or timedelta(0)) // timedelta(hours=12)), EARLIER_AT_MOST - 1)
    shipment = Shipment.objects.filter(therapy_id=walker.therapy, received_at=None).first()
    if shipment is not None:
        walker.log_readings(shipment.leg, now - timedelta(minutes=2))
    return walker.therapy


def _walk(cast: Cast, case: Case, number: int, now: datetime, *, avoid: Collection[tuple[UUID, ...]]) -> Walker:
    centre = cast.parties[case.centre]
    ordered_at = (now - timedelta(days=case.started_days_ago)).replace(microsecond=0)
    therapy = order(cast, centre=centre, protocol_code=case.protocol, number=number, at=ordered_at)
    maker = cast.parties[PREFERRED_MAKERS[case.centre]].id if case.centre in PREFERRED_MAKERS else None
    until = now - timedelta(minutes=2)
    walker = Walker(cast, therapy, until=until, seed=number, story=case.story, maker=maker, avoid=avoid)
    with keyring.scope():
        walker.run()
    return walker


def tell_all(*, now: datetime, tell: Tell, progress: Callable[[int, int], None]) -> int:
    """The whole demonstration. Returns how many therapies it holds."""
    cast = prepare(at=now, tell=tell)
    told = list(cases())
    for number, case in enumerate(told, 1):
        tell_case(cast, case, number, now=now)
        progress(number, len(told))
        if number % 10 == 0:
            sequencer.drain()
    with keyring.scope():
        tell_privacy(cast, now=now)
        tell_correction(cast, now=now)
    sequencer.drain()
    _tell_who_was_here()
    return len(told)


def _tell_who_was_here() -> None:
    """When each person last signed, as their sessions would have left it."""
    signed = SignedName.objects.values_list("person").annotate(last=Max("record__recorded_at"))
    for person, last in signed:
        User.objects.filter(pk=person).update(signed_at=last)


def whole_journey(
    cast: Cast, *, protocol_code: str, number: int, ordered_at: datetime, until: datetime, watch: Watch
) -> UUID:
    """One therapy from order to infusion, for the engineer who wants to see it happen."""
    centre = cast.of_kind("treatment_centre")[0]
    therapy = order(cast, centre=centre, protocol_code=protocol_code, number=number, at=ordered_at)
    Walker(cast, therapy, until=until, seed=number, story=Story("journey"), watch=watch).run()
    return therapy
