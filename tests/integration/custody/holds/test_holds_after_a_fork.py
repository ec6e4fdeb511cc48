"""A fork that a witness proves holds the therapies after it, until members or two people in an emergency free them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from custody.holds.operations import EmergencyMissing, agree_on_records, break_glass
from custody.holds.queries import count_held, held_therapies
from custody.therapies.models import OpenStep, Therapy
from ledger.clock import now
from ledger.crypto.ed25519 import InMemorySigner
from ledger.errors import NotPermitted
from ledger.log import sequencer, verification
from ledger.log.models import Leaf
from ledger.outbox import dispatcher
from ledger.parties.models import Party
from portal.demonstration.story import Story
from tests.factories import divergences
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db


@pytest.fixture
def two():
    """Two therapies, one after the other in the log, and the place where the second begins."""
    cast = small_consortium()
    first = told(cast, Story("first", stop_before="bedside-check"))
    sequencer.drain(at=first.now)
    place = Leaf.objects.count()
    second = told(cast, Story("second", stop_before="bedside-check"), number=2)
    sequencer.drain(at=second.now)
    return first, second, place


def witness(code: str) -> Party:
    return Party.objects.get(code=code)


def fork(party: str, *, place: int | None, signer: InMemorySigner = divergences.SIGNER, at=None, **more):
    """A reported fork, whose jobs have run."""
    taken = divergences.reported(witness(party), at=at or now(), index=place, signer=signer, **more)
    dispatcher.run_pending(queue="holds")
    return taken.divergence


def held():
    return set(Therapy.objects.filter(held_since__isnull=False).values_list("pk", flat=True))


def test_therapies_past_the_last_agreed_place_are_held_and_the_others_go_on(two):
    first, second, place = two
    fork("X0042", place=place)

    assert held() == {second.therapy}
    assert set(OpenStep.objects.filter(therapy_id=second.therapy).values_list("held", flat=True)) == {"ledger_fork"}
    second.on_to("infuse")
    first.on_to("infuse")
    assert "bedside-check" in first.state["done"]
    assert "bedside-check" not in second.state["done"]
    assert list(verification.findings()) == []


def test_centre_and_maker_free_a_therapy_by_signing_its_records(two):
    _, one, place = two
    seen = [str(fork("X0042", place=place))]
    physician, qa = one.actor("centre", "physician"), one.actor("maker", "qa")

    agree_on_records(therapy=one.therapy, divergences=seen, by=physician, at=one.now, key=one.key())
    assert held() == {one.therapy}
    agree_on_records(therapy=one.therapy, divergences=seen, by=qa, at=one.now, key=one.key())

    assert held() == set()
    one.on_to("infuse")


def test_physician_and_qualified_person_free_a_therapy_in_an_emergency(two):
    _, one, place = two
    said = {"therapy": one.therapy, "divergences": [str(fork("X0042", place=place))], "at": one.now}
    physician, qp = one.actor("centre", "physician"), one.actor("maker", "qp")

    with pytest.raises(EmergencyMissing):
        break_glass(**said, emergency="", by=physician, key=one.key())
    with pytest.raises(NotPermitted):
        break_glass(**said, emergency="cells_expire", by=one.actor("centre", "nurse"), key=one.key())
    break_glass(**said, emergency="cells_expire", by=physician, key=one.key())
    assert held() == {one.therapy}
    break_glass(**said, emergency="cells_expire", by=qp, key=one.key())

    assert held() == set()


def test_a_claim_that_its_evidence_does_not_prove_holds_nothing(two):
    place = two[2]
    same = divergences.two_views()["seen.note"]
    fork("X0042", place=place, evidence={"seen.note": same, "shown.note": same})
    assert held() == set()


def test_one_of_five_members_cannot_hold_therapies_by_crying_rollback_but_two_can(two):
    _, second, place = two
    signers = [InMemorySigner(bytes([0x40 + number]) * 32) for number in range(5)]
    members = list(Party.objects.exclude(kind="operator").order_by("code")[:5])
    for party, signer in zip(members, signers, strict=True):
        divergences.enrolled(party, at=now(), signer=signer)
    claim = {"kind": "rollback", "size": place, "index": None, "problem": "It had more leaves.", "evidence": {}}

    for party, signer, expected in zip(members, signers, [set(), {second.therapy}], strict=False):
        fork(party.code, place=None, signer=signer, **{name: claim[name] for name in claim if name != "index"})
        assert held() == expected


def test_the_same_evidence_again_after_freeing_holds_nothing_again(two):
    _, one, place = two
    seen = [str(fork("X0042", place=place))]
    for by in (one.actor("centre", "physician"), one.actor("maker", "qa")):
        agree_on_records(therapy=one.therapy, divergences=seen, by=by, at=one.now, key=one.key())

    fork(Party.objects.filter(kind="payer").first().code, place=place, signer=InMemorySigner(b"\x77" * 32))

    assert held() == set()


def test_members_see_the_held_therapies_that_are_theirs(two):
    _, second, place = two
    fork("X0042", place=place)
    physician = second.actor("centre", "physician")

    assert [one.id for one in held_therapies(by=physician, limit=5)] == [second.therapy]
    assert count_held(by=physician) == 1


def test_records_written_after_the_fork_was_known_hold_nothing_more(two):
    first, second, place = two
    known_at = first.now - timedelta(minutes=29)
    fork("X0042", place=place, at=known_at)
    first.on_to("infuse")
    sequencer.drain(at=first.now)
    assert first.chain.records.filter(recorded_at__gt=known_at, leaf__index__gte=place).exists()

    fork(Party.objects.filter(kind="payer").first().code, place=place, signer=InMemorySigner(b"\x78" * 32))

    assert held() == {second.therapy}


def test_a_fork_that_is_reported_again_as_the_log_grows_writes_nothing_more(two):
    _, second, place = two
    fork("X0042", place=place)
    records = second.chain.records.count()

    fork("X0042", place=place, problem="The same fork, of a longer log.")

    assert second.chain.records.count() == records
