"""One person of a courier has a shipper: only they deliver it, and a colleague takes it over by scan first."""

from __future__ import annotations

import pytest
from django.urls import reverse

from custody.transport.models import Handoff
from custody.transport.operations import accept_handoff, offer_handoff
from ledger.ids import uuid7
from ledger.log import verification
from ledger.log.contract import Refused
from portal.accounts.demonstration import PASSWORD
from portal.accounts.models import User
from tests.factories.screens import signed_in, somebody, step_form
from tests.factories.therapies import small_consortium
from tests.integration.portal.transport.road import DROP, PICKUP, at_step, take_form, within, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return small_consortium()


def test_a_shipper_passes_from_one_courier_to_a_colleague_by_scan(cast):
    therapy = at_step(cast, DROP)
    mine, colleague = within(therapy)
    handoff = Handoff.objects.get(status="offered")
    here, job = reverse("transfer_take", args=[handoff.pk]), reverse("job", args=[therapy.therapy])
    assert signed_in(mine).get("/").context["transfers"] == []
    assert [offer.handoff for offer in signed_in(colleague).get("/").context["transfers"]] == [handoff.pk]
    assert here in words(signed_in(colleague).get(job))
    assert "Offered to a colleague" in words(signed_in(mine).get(job))
    name = User.objects.get(pk=mine.person).name
    assert f"{name}, your colleague" in words(signed_in(colleague).get(here))

    form = take_form(therapy)
    assert signed_in(colleague).post(here, form).status_code == 303
    assert signed_in(colleague).post(here, form).status_code == 303

    row = Handoff.objects.get(pk=handoff.pk)
    assert (row.status, row.giver_id, row.receiver_id) == ("accepted", mine.party, mine.party)
    assert (row.offered_by, row.settled_by) == (mine.person, colleague.person)
    assert therapy.state["custody"]["holder"] == str(mine.party)
    journey = words(signed_in(therapy.actor("centre", "nurse")).get(reverse("therapy", args=[therapy.therapy])))
    assert "to a colleague, seal" in journey
    assert name in journey
    assert User.objects.get(pk=colleague.person).name in journey
    assert list(verification.findings()) == []


@pytest.mark.parametrize("wrong", [{"seal": "S-OTHER"}, {"shipper": "BOX-OTHER"}])
def test_a_colleague_scans_the_right_shipper_and_seal_or_takes_nothing_over(cast, wrong):
    therapy = at_step(cast, DROP)
    _, colleague = within(therapy)
    handoff = Handoff.objects.get(status="offered")

    page = signed_in(colleague).post(reverse("transfer_take", args=[handoff.pk]), take_form(therapy, **wrong))

    assert page.status_code == 422
    assert Handoff.objects.get(pk=handoff.pk).status == "offered"


def test_who_offered_it_to_colleagues_does_not_take_it_over(cast):
    therapy = at_step(cast, DROP)
    mine, _ = within(therapy)
    handoff = Handoff.objects.get(status="offered")

    page = signed_in(mine).post(reverse("transfer_take", args=[handoff.pk]), take_form(therapy))
    with pytest.raises(Refused, match="that they offered"):
        accept_handoff(handoff=handoff.pk, seal=handoff.seal, scans={}, by=mine, at=therapy.now, key=therapy.key())

    assert page.status_code == 404
    assert Handoff.objects.get(pk=handoff.pk).status == "offered"


def test_what_no_colleague_took_is_kept_and_goes_on(cast):
    therapy = at_step(cast, DROP)
    mine, colleague = within(therapy)
    handoff = Handoff.objects.get(status="offered")
    job, keep = reverse("job", args=[therapy.therapy]), reverse("transfer_keep", args=[handoff.pk])
    assert keep in words(signed_in(mine).get(job))
    stranger = "C0219" if cast.parties["C0205"].id == mine.party else "C0205"
    assert somebody(cast, stranger, "courier").post(keep, {"idempotency_key": str(uuid7())}).status_code == 404

    answer = signed_in(mine).post(keep, {"idempotency_key": str(uuid7())})

    assert answer.status_code == 303
    assert Handoff.objects.get(pk=handoff.pk).status == "refused"
    assert keep not in words(signed_in(mine).get(job))
    journey = words(signed_in(therapy.actor("centre", "nurse")).get(reverse("therapy", args=[therapy.therapy])))
    assert "Kept: nobody took over" in journey
    assert "Hand-over refused" not in journey
    late = signed_in(colleague).get(reverse("transfer_take", args=[handoff.pk]))
    assert late.status_code == 409
    assert "kept by who offered it" in words(late)
    within(therapy)


def test_what_another_company_was_offered_is_not_kept(cast):
    therapy = at_step(cast, PICKUP)
    handoff = Handoff.objects.get(status="offered")
    mine = therapy.actor("courier_outbound", "courier")

    answer = signed_in(mine).post(reverse("transfer_keep", args=[handoff.pk]), {"idempotency_key": str(uuid7())})

    assert answer.status_code == 409
    assert Handoff.objects.get(pk=handoff.pk).status == "offered"


def test_a_colleague_of_who_picked_up_sees_who_has_the_shipper_and_delivers_nothing(cast):
    therapy = at_step(cast, DROP)
    holder = therapy.actor("courier_outbound", "courier")
    colleague = therapy.actor("courier_outbound", "courier", other_than=holder.person)
    client, step = signed_in(colleague), reverse("handoff_offer", args=[therapy.therapy, DROP])
    has_it = f"{User.objects.get(pk=holder.person).name} has this shipper."

    home, page = client.get("/"), client.get(step)
    sent = client.post(step, step_form(therapy, DROP, seal=therapy.state["custody"]["seal"]))

    assert home.context["next"] is None
    assert [job.therapy.id for job in home.context["colleagues"]] == [therapy.therapy]
    assert has_it in words(page)
    assert "Sign and hand over" not in words(page)
    assert has_it in words(client.get(reverse("job", args=[therapy.therapy])))
    assert sent.status_code == 409
    assert f"{has_it} Take it over first." in words(sent)
    assert therapy.state["custody"]["offer"] is None
    with pytest.raises(Refused, match="Take it over first"):
        offer_handoff(
            therapy=therapy.therapy,
            step=DROP,
            seal=therapy.state["custody"]["seal"],
            scans={},
            by=colleague,
            at=therapy.now,
            key=therapy.key(),
        )


def test_a_colleague_to_whom_it_is_offered_goes_from_the_delivery_to_the_take_over_and_then_delivers(cast):
    therapy = at_step(cast, DROP)
    mine, colleague = within(therapy)
    client, step = signed_in(colleague), reverse("handoff_offer", args=[therapy.therapy, DROP])
    here = reverse("transfer_take", args=[Handoff.objects.get(status="offered").pk])
    assert f'href="{here}"' in words(client.get(step))
    assert client.get("/").context["colleagues"] == [], "it stands above, as offered"

    assert client.post(here, take_form(therapy)).status_code == 303

    assert client.get("/").context["next"].therapy.id == therapy.therapy
    assert "Sign and hand over" in words(client.get(step))
    assert "Sign and hand over" not in words(signed_in(mine).get(step))


def test_only_who_has_the_shipper_or_the_dispatcher_passes_it_on(cast):
    therapy = at_step(cast, DROP)
    holder = therapy.actor("courier_outbound", "courier")
    colleague = therapy.actor("courier_outbound", "courier", other_than=holder.person)
    dispatcher = therapy.actor("courier_outbound", "dispatcher")
    page = reverse("job_transfer", args=[therapy.therapy])
    form = {
        "idempotency_key": str(uuid7()),
        "receiver": str(holder.party),
        "seal": therapy.state["custody"]["seal"],
        "signing_password": PASSWORD,
    }
    assert signed_in(colleague).get(page).status_code == 409
    assert page in words(signed_in(dispatcher).get(reverse("job", args=[therapy.therapy])))
    assert "stays with" in words(signed_in(dispatcher).get(page))

    assert signed_in(dispatcher).post(page, form).status_code == 303

    handoff = Handoff.objects.get(status="offered")
    assert signed_in(colleague).post(reverse("transfer_take", args=[handoff.pk]), take_form(therapy)).status_code == 303
    assert therapy.state["custody"]["person"] == str(colleague.person)
    assert list(verification.findings()) == []
