"""What a step's page says before it is signed, and where an answer that halts leads."""

from datetime import timedelta

import pytest
from django.urls import reverse

from custody.exceptions import queries as exceptions
from custody.exceptions.models import CustodyException
from custody.therapies.models import OpenStep, StepRecord, Therapy
from custody.therapies.queries import protocol_by_digest
from ledger import clock
from ledger.ids import uuid7
from ledger.log.models import Record
from portal.demonstration.story import Story
from portal.presenters.waits import wait_view
from tests.factories.screens import signed_in, step_form, step_url
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db


def at_step(step):
    return told(small_consortium(), Story("rest", stop_before=step))


def words(response):
    return " ".join(response.content.decode().split())


def a_deviation(therapy, step):
    return CustodyException.objects.create(
        pk=uuid7(), therapy_id=therapy.therapy, step=step, kind="deviation", rank=5, finding="x",
        party_id=therapy.actor("centre", "nurse").party, record_id=therapy.therapy, opened_at=therapy.now,
    )  # fmt: skip


def nurses(therapy):
    first = therapy.actor("centre", "nurse")
    return first, therapy.actor("centre", "nurse", other_than=first.person)


def answer_no(therapy, code="consent-confirmed"):
    first, second = nurses(therapy)
    client = signed_in(first)
    form = step_form(therapy, "bedside-check", second=second, **{f"value_{code}": "no"})
    return client, client.post(step_url(therapy, "bedside-check"), form)


def test_no_consent_leads_to_the_full_screen_stop():
    therapy = at_step("bedside-check")

    client, response = answer_no(therapy)

    halted = CustodyException.objects.get(kind="halt")
    assert response.status_code == 303
    assert response["Location"] == reverse("exception_halted", args=[halted.pk])
    page = words(client.get(response["Location"]))
    assert "This answer halts the therapy. Do not thaw. Do not infuse." in page
    assert "Consent confirmed with the patient: no" in page
    assert not StepRecord.objects.filter(therapy_id=therapy.therapy, step="bedside-check").exists()


def test_the_stop_of_a_closed_halt_leads_to_the_exception():
    therapy = at_step("bedside-check")
    client, response = answer_no(therapy, "band-read-aloud")
    CustodyException.objects.filter(kind="halt").update(closed_at=therapy.now)

    again = client.get(response["Location"])

    assert again.status_code == 302
    assert again["Location"] == reverse("exception", args=[CustodyException.objects.get(kind="halt").pk])


def test_another_exception_is_no_stop_of_this_kind():
    therapy = at_step("bedside-check")
    row = a_deviation(therapy, "bedside-check")

    page = signed_in(therapy.actor("centre", "physician")).get(reverse("exception_halted", args=[row.pk]))

    assert page.status_code == 409


def test_a_step_in_limits_is_not_called_out_of_limits_for_an_older_exception_of_the_same_step():
    therapy = at_step("pack-outbound")
    done = StepRecord.objects.get(therapy_id=therapy.therapy, step="collect")
    a_deviation(therapy, "collect")

    assert not exceptions.is_opened_beside(record=Record.objects.get(pk=done.record_id))


def test_a_step_out_of_limits_is_called_so_for_the_exception_that_its_signing_opened():
    therapy = at_step("collect")
    first, second = nurses(therapy)
    client = signed_in(first)
    form = step_form(therapy, "collect", second=second, value_volume="1")

    response = client.post(step_url(therapy, "collect"), form)

    assert "It is out of limits: an exception is open for it." in words(client.get(response["Location"]))


def test_the_page_says_which_answers_halt_before_anybody_signs():
    therapy = at_step("bedside-check")

    page = words(signed_in(nurses(therapy)[0]).get(step_url(therapy, "bedside-check")))

    assert "“Consent confirmed with the patient” halts the therapy." in page


def test_a_figure_that_cannot_be_true_is_refused_at_its_field():
    therapy = at_step("collect")
    first, second = nurses(therapy)
    form = step_form(therapy, "collect", second=second, value_volume="-3")

    response = signed_in(first).post(step_url(therapy, "collect"), form)

    assert "Collected volume is from 0 to 2000 mL; −3 is not possible. Check the figure." in words(response)
    assert not StepRecord.objects.filter(therapy_id=therapy.therapy, step="collect").exists()


def packing(therapy):
    """The page on which the cell lab packs the fresh cells."""
    page = reverse("shipment_pack", args=[therapy.therapy, "pack-outbound"])
    return words(signed_in(therapy.actor("centre", "cell_lab")).get(page))


def test_packing_says_until_when_fresh_cells_have_to_be_at_the_maker(monkeypatch):
    therapy = at_step("pack-outbound")
    collected_at = Therapy.objects.get(pk=therapy.therapy).collected_at
    monkeypatch.setattr("portal.actions.base.now", lambda: collected_at + timedelta(hours=11, minutes=30))

    page = packing(therapy)

    assert "72 h since collection" in page
    assert "2 d 12 h left" in page
    assert "Begin within 30 min" in page


def test_a_wait_that_is_over_is_said_before_the_step_is_signed():
    therapy = at_step("pack-outbound")

    page = packing(therapy)

    assert "The longest wait is over" in page
    assert "an exception opens for QA" in page


def test_the_door_shows_the_age_that_the_ledger_reckons_and_asks_for_none():
    therapy = at_step("accept-starting-material")

    page = words(
        signed_in(therapy.actor("maker", "operator")).get(
            reverse("material_intake", args=[therapy.therapy, "accept-starting-material"])
        )
    )

    assert "Age of the cells at receipt" in page
    assert "nobody types it" in page
    assert 'name="value_age"' not in page


@pytest.mark.parametrize(
    ("minutes", "kind", "said"),
    [(0, "ok", "Window open"), (700, "due", "Window closes in 20 min"), (721, "stop", "1 min over the longest wait")],
)
def test_the_clock_beside_a_step_says_how_long_is_left(minutes, kind, said):
    therapy = at_step("pack-outbound")
    since = OpenStep.objects.get(therapy_id=therapy.therapy, step="pack-outbound").since
    protocol = protocol_by_digest(therapy.state["protocol"])

    view = wait_view(therapy.state, protocol, protocol.step("pack-outbound"), since + timedelta(minutes=minutes))

    assert view is not None
    assert view.status.kind == kind
    assert said in view.status.words
    assert clock.stamp(view.ends_at) == clock.stamp(since + timedelta(minutes=720))
