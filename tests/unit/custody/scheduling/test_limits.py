"""How a chain stands to its limits, in words that give both figures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest

from custody.scheduling.limits import limits_of
from custody.scheduling.plan import PlannedSlot, Requirements

START = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
DAY = 1440


def slot(code, day, hours=1.0):
    begins = START + timedelta(days=day)
    return PlannedSlot(
        code=code,
        title=code.capitalize(),
        kind=code,
        slot=uuid4(),
        party=uuid4(),
        party_name="Maker",
        resource="place",
        starts_at=begins,
        ends_at=begins + timedelta(hours=hours),
        to_next_minutes=None,
    )


def judged(*, hold=20 * 60, slack=3 * DAY, vein_days=30, gate_minutes=0, back=27.0, at=START, hold_max=72 * 60):
    needs = Requirements(
        specs=(SimpleNamespace(kind="apheresis"),),  # type: ignore[arg-type]
        hold_max_minutes=hold_max,
        vein_to_vein_max_minutes=vein_days * DAY,
        gate_offset_minutes=gate_minutes,
        gate_title="Lymphodepletion",
    )
    chain = (slot("apheresis", 0), slot("return", back), slot("bed", 28))
    found = limits_of(needs, chain, hold=hold, slack=slack, at=at, zone="UTC")
    return {limit.code: limit for limit in found}


def test_a_chain_within_every_limit_says_what_is_left():
    found = judged(vein_days=40)

    assert {limit.kind for limit in found.values()} == {"ok"}
    assert found["hold"].words == "20 h of 72 h, 52 h to spare."
    assert found["gate"].words == "Tue 29 Dec, 23 h after the product is planned here."


@pytest.mark.parametrize(
    ("hold", "kind"), [(64 * 60, "ok"), (65 * 60 + 1, "due"), (72 * 60, "due"), (72 * 60 + 1, "stop")]
)
def test_a_hold_is_narrow_in_its_last_tenth_and_over_after_it(hold, kind):
    assert judged(hold=hold)["hold"].kind == kind


@pytest.mark.parametrize(
    ("begun", "hours", "kind", "words"),
    [
        (1, 100, "stop", "4 days 3 h, 72 h allowed: 27 h too long."),
        (1, 30, "ok", "29 h of 72 h, 43 h to spare."),
        (1, 10, "ok", "20 h of 72 h, 52 h to spare."),
        (2, 100, "ok", "20 h of 72 h, 52 h to spare."),
        (0, 100, "ok", "20 h of 72 h, 52 h to spare."),
    ],
)
def test_cells_whose_making_did_not_begin_as_booked_wait_since_their_collection(begun, hours, kind, words):
    specs = tuple(SimpleNamespace(kind=kind) for kind in ("apheresis", "manufacturing", "bed"))
    needs = Requirements(
        specs=specs,  # type: ignore[arg-type]
        hold_max_minutes=72 * 60,
        vein_to_vein_max_minutes=40 * DAY,
        begun=begun,
    )
    chain = (slot("apheresis", 0), slot("manufacturing", 21 / 24), slot("bed", 28))

    found = limits_of(needs, chain, hold=20 * 60, slack=DAY, at=START + timedelta(hours=hours), zone="UTC")

    hold = next(limit for limit in found if limit.code == "hold")
    assert (hold.kind, hold.words) == (kind, words)


def test_what_follows_cannot_be_booked_before_what_it_waits_for():
    found = judged(hold=-52 * 60)["hold"]
    assert (found.kind, found.words) == ("stop", "What follows is booked 52 h before it can begin.")


@pytest.mark.parametrize(("days", "kind"), [(40, "ok"), (28, "due"), (27, "stop")])
def test_vein_to_vein_counts_from_the_first_slot_to_the_infusion(days, kind):
    assert judged(vein_days=days)["vein_to_vein"].kind == kind


def test_a_product_planned_after_the_gate_is_due_makes_the_infusion_wait():
    found = judged(gate_minutes=-5 * DAY)["gate"]

    assert found.kind == "due"
    assert "so the infusion would wait" in found.words


@pytest.mark.parametrize(("slack", "words"), [(0, "No spare day"), (DAY, "One spare day")])
def test_few_spare_days_are_narrow(slack, words):
    found = judged(slack=slack)["spare"]

    assert found.kind == "due"
    assert found.words.startswith(words)


def test_frozen_cells_have_no_hold_and_a_begun_chain_says_so():
    found = judged(hold_max=None, at=START + timedelta(hours=1))

    assert "hold" not in found
    assert found["begun"].kind == "stop"
