"""Moving a booked chain on its screen: what is shown, what moves, and who or what is refused."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.urls import reverse

from custody.scheduling.models import Booking, Slot, SlotHold
from ledger.clock import parse_stamp
from ledger.ids import uuid7
from ledger.log import verification
from ledger.log.models import Record
from portal.accounts.demonstration import PASSWORD
from portal.demonstration.story import Story
from tests.factories.screens import signed_in, somebody
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return small_consortium()


@pytest.fixture
def booked(cast, monkeypatch):
    """A therapy whose chain is booked, seen an hour later."""
    therapy = told(cast, Story("told", stop_before="label"))
    monkeypatch.setattr("portal.actions.base.now", lambda: therapy.now)
    return therapy


def words(response):
    return " ".join(response.content.decode().split())


def page_of(therapy):
    return reverse("therapy_move", args=[therapy.therapy])


def coordinator(therapy):
    return signed_in(therapy.actor("centre", "coordinator"))


def send(client, therapy, act, slots="", **more):
    sent = {"act": act, "slots": slots, "idempotency_key": str(uuid7()), "signing_password": PASSWORD}
    return client.post(page_of(therapy), sent | more)


def slots_of(therapy):
    rows = Booking.objects.filter(therapy_id=therapy.therapy, released_at=None).order_by("starts_at")
    return [str(slot) for slot in rows.values_list("slot_id", flat=True)]


def chosen(client, therapy):
    """Hold the first other chain; what is held, and what the page says is booked."""
    offer, _ = client.get(page_of(therapy)).context["offers"][0]
    assert send(client, therapy, "hold", offer.slot_ids).status_code == 303
    page = client.get(page_of(therapy))
    return page.context["held"].chain.slot_ids, page.context["booked"].slot_ids


def test_the_booked_chain_stands_beside_others_each_with_its_limits(booked):
    page = coordinator(booked).get(page_of(booked))

    now = page.context["booked"]
    assert now.slot_ids.split(",") == slots_of(booked)
    offered = [chain for chain, _ in page.context["offers"]]
    assert offered
    assert now.slot_ids not in [chain.slot_ids for chain in offered]
    for chain in (now, *offered):
        assert {"hold", "vein_to_vein", "gate", "spare"} <= {limit.code for limit in chain.offer.limits}
        assert all(limit.kind != "stop" for limit in chain.offer.limits)


def test_a_held_chain_is_compared_link_by_link_then_moved_whole(booked):
    client, before = coordinator(booked), slots_of(booked)
    wanted, seen = chosen(client, booked)
    changes = client.get(page_of(booked)).context["changes"]

    moved = send(client, booked, "move", wanted, instead_of=seen, reason="patient")

    assert [str(row.after.slot) for row in changes.rows] == wanted.split(",")
    assert moved.status_code == 303
    assert slots_of(booked) == wanted.split(",") != before
    assert SlotHold.objects.count() == 0
    assert Record.objects.filter(type="custody.itinerary.moved/v1").count() == 1


def test_the_same_form_twice_moves_once(booked):
    client = coordinator(booked)
    wanted, seen = chosen(client, booked)
    form = {"instead_of": seen, "reason": "centre", "idempotency_key": str(uuid7())}

    first, again = (send(client, booked, "move", wanted, **form) for _ in range(2))

    assert first.url == again.url
    assert Record.objects.filter(type="custody.itinerary.moved/v1").count() == 1


def test_a_move_without_its_reason_is_refused_and_the_hold_kept(booked):
    client, before = coordinator(booked), slots_of(booked)
    wanted, seen = chosen(client, booked)

    response = send(client, booked, "move", wanted, instead_of=seen)

    assert response.status_code == 422
    assert response.context["form"].errors["reason"]
    assert response.context["held"].chain.slot_ids == wanted
    assert slots_of(booked) == before


def test_a_page_from_before_another_move_moves_nothing(booked):
    mine, colleague = coordinator(booked), coordinator(booked)
    wanted, seen = chosen(mine, booked)
    other = next(c.slot_ids for c, _ in mine.get(page_of(booked)).context["offers"] if c.slot_ids != wanted)
    assert send(colleague, booked, "move", other, instead_of=seen, reason="centre").status_code == 303

    response = send(mine, booked, "move", wanted, instead_of=seen, reason="patient")

    assert response.status_code == 409
    assert "Somebody moved this chain since you opened the page" in words(response)
    assert slots_of(booked) == other.split(",")


def test_who_comes_second_for_a_place_moves_nothing_and_sees_what_fits_now(booked, cast):
    rival = told(cast, Story("told", stop_before="label"), number=2)
    mine, theirs = coordinator(booked), coordinator(rival)
    before = slots_of(booked)
    later = {"earliest": "2026-09-15"}
    mine_to_have = {chain.slot_ids for chain, _ in mine.get(page_of(booked), later).context["offers"]}
    theirs_to_have = [chain.slot_ids for chain, _ in theirs.get(page_of(rival), later).context["offers"]]
    wanted = next(slots for slots in theirs_to_have if slots in mine_to_have)
    assert send(theirs, rival, "hold", wanted).status_code == 303

    response = send(mine, booked, "move", wanted, instead_of=",".join(before), reason="maker")

    assert response.status_code == 409
    assert "taken a moment ago" in words(response)
    assert wanted not in [chain.slot_ids for chain, _ in response.context["offers"]]
    assert slots_of(booked) == before


def test_keeping_what_is_booked_lets_the_hold_go(booked):
    client, before = coordinator(booked), slots_of(booked)
    chosen(client, booked)

    send(client, booked, "release")

    assert SlotHold.objects.count() == 0
    assert slots_of(booked) == before


@pytest.mark.parametrize("slots", ["", "not-a-slot", "01a203ce-c643-798b-b4eb-df303cb42926"])
def test_slots_that_are_none_are_refused(booked, slots):
    before = slots_of(booked)

    response = send(coordinator(booked), booked, "move", slots, instead_of=",".join(before), reason="other")

    assert 400 <= response.status_code < 500
    assert slots_of(booked) == before


def test_the_makers_scheduler_sees_what_fits_but_the_centre_moves(booked):
    client = signed_in(booked.actor("maker", "scheduler"))
    offer, _ = client.get(page_of(booked)).context["offers"][0]

    page = client.get(page_of(booked))
    refused = send(client, booked, "hold", offer.slot_ids)

    assert "The centre moves it" in words(page)
    assert 'value="hold"' not in page.content.decode()
    assert refused.status_code == 403
    assert SlotHold.objects.count() == 0


def test_another_centre_finds_nothing_and_a_courier_may_not_ask(booked, cast):
    assert somebody(cast, "X0117", "coordinator").get(page_of(booked)).status_code == 404
    assert somebody(cast, "C0205", "courier").get(page_of(booked)).status_code == 403


def test_what_is_over_or_not_booked_moves_no_more(cast):
    over = told(cast, Story("told", stop_before="bedside-check"))
    unbooked = told(cast, Story("told", stop_before="booking"), number=2)

    for therapy, said in ((over, "Everything that is booked has begun"), (unbooked, "Nothing is booked yet")):
        response = coordinator(therapy).get(page_of(therapy))
        assert response.status_code == 409
        assert said in words(response)


def test_the_journey_offers_the_move_until_everything_has_begun(booked, cast):
    collected = told(cast, Story("told", stop_before="pack-outbound"), number=2)
    over = told(cast, Story("told", stop_before="bedside-check"), number=3)

    journeys = [coordinator(t).get(reverse("therapy", args=[t.therapy])) for t in (booked, collected, over)]

    assert [page_of(t) in words(page) for t, page in zip((booked, collected, over), journeys, strict=True)] == [
        True,
        True,
        False,
    ]


@pytest.fixture
def collected(cast, monkeypatch):
    """A therapy whose cells are collected and not yet packed, seen half an hour later."""
    therapy = told(cast, Story("told", stop_before="pack-outbound"))
    monkeypatch.setattr("portal.actions.base.now", lambda: therapy.now)
    return therapy


def test_after_the_collection_the_rest_moves_and_the_collection_stays(collected):
    client, before = coordinator(collected), slots_of(collected)
    page = client.get(page_of(collected))
    assert "Apheresis stays as it is" in words(page)
    assert set(page.context["search"].fields) == {"earliest", "sort"}

    held, instead_of = chosen(client, collected)
    assert SlotHold.objects.filter(therapy_id=collected.therapy).count() == len(before) - 1
    changes = client.get(page_of(collected)).context["changes"]
    assert not changes.rows[0].is_changed
    moved = send(client, collected, "move", held, instead_of=instead_of, reason="centre")

    assert moved.status_code == 303
    assert slots_of(collected) == held.split(",")
    assert slots_of(collected)[0] == before[0]
    assert slots_of(collected) != before
    assert not SlotHold.objects.exists()
    assert list(verification.findings()) == []


def test_after_the_collection_each_offer_keeps_the_limits_from_when_it_really_was(collected):
    page = coordinator(collected).get(page_of(collected))
    ended = parse_stamp(collected.state["done"]["collect"]["start"]) + timedelta(minutes=300)

    for offer, _ in page.context["offers"]:
        pickup = offer.offer.slots[1]
        assert timedelta(minutes=30) <= pickup.starts_at - ended <= timedelta(minutes=480)
        assert {slot.party for slot in offer.offer.slots if slot.kind == "manufacturing"} == {
            UUID(collected.state["parties"]["maker"])
        }


def test_after_the_collection_nothing_of_it_is_moved_by_a_form_made_by_hand(collected):
    client = coordinator(collected)
    offer, _ = client.get(page_of(collected)).context["offers"][0]
    first, second, *rest = offer.slot_ids.split(",")

    answer = send(client, collected, "hold", ",".join([second, first, *rest]))

    assert answer.status_code == 422
    assert "What has begun stays" in words(answer)


def test_who_comes_second_for_a_place_after_the_collection_moves_nothing(collected, cast):
    client, before = coordinator(collected), slots_of(collected)
    held, instead_of = chosen(client, collected)
    changed = next(new for new, old in zip(held.split(","), before, strict=True) if new != old)
    Slot.objects.filter(pk=changed).update(capacity=1)
    SlotHold.objects.filter(therapy_id=collected.therapy).delete()
    SlotHold.objects.create(
        slot_id=changed,
        therapy_id=uuid7(),
        held_by=uuid7(),
        ends_at=Slot.objects.get(pk=changed).ends_at,
        expires_at=collected.now + timedelta(minutes=10),
    )

    answer = send(client, collected, "move", held, instead_of=instead_of, reason="centre")

    assert answer.status_code == 409
    assert "was taken a moment ago" in words(answer)
    assert slots_of(collected) == before


def test_a_chain_whose_first_day_is_past_says_so(booked, monkeypatch):
    client = coordinator(booked)
    monkeypatch.setattr("portal.actions.base.now", lambda: booked.now + timedelta(days=12))

    page = client.get(page_of(booked))

    assert {limit.code: limit.kind for limit in page.context["booked"].offer.limits}["begun"] == "stop"
    assert "which is past" in words(page)


@pytest.fixture
def waited(cast, monkeypatch):
    """Cells that wait at the centre, seen so many hours after the end of their collection."""

    def after(hours):
        therapy = told(cast, Story("told", stop_before="pack-outbound"))
        collected = parse_stamp(therapy.state["done"]["collect"]["at"])
        monkeypatch.setattr("portal.actions.base.now", lambda: collected + timedelta(hours=hours))
        return therapy

    return after


def test_cells_that_waited_over_a_weekend_leave_a_way_out(waited):
    therapy = waited(66)

    page = coordinator(therapy).get(page_of(therapy))

    assert page.context["offers"] == []
    assert page.context["result"].impasse.is_over
    said = words(page)
    assert "No place that anybody publishes can help" in said
    assert "“Pickup at the centre” has to begin within 8 h of the end of “Apheresis”" in said
    assert "which is past" in said
    assert "Go on as it is booked" in said
    assert "The cells keep until" in said
    assert reverse("therapy_end", args=[therapy.therapy]) in said
    assert [line.party for line in page.context["calls"]]


def test_while_a_place_can_be_published_it_says_by_whom_and_until_when(waited):
    therapy = waited(5)

    page = coordinator(therapy).get(page_of(therapy))

    assert not page.context["result"].impasse.is_over
    courier = UUID(therapy.state["parties"]["courier_outbound"])
    assert page.context["calls"][0].party == courier
    assert f"Call {page.context['owner']}" in words(page)
    assert "is missing until" in words(page)


def test_cells_that_are_too_old_are_said_to_be(waited):
    therapy = waited(100)

    said = words(coordinator(therapy).get(page_of(therapy)))

    assert "Do not pass the cells on as they are" in said
    assert "QA decides whether they can still be used" in said


def test_where_dates_fit_nothing_of_the_kind_is_said(waited):
    therapy = waited(0.5)
    page = coordinator(therapy).get(page_of(therapy))
    assert page.context["offers"]
    assert "What to do" not in words(page)
