"""The courier's screens: jobs, scans, refusals, transfers; and no patient data and no clinical value on any of them."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from custody.exceptions.models import CustodyException
from custody.patients.queries import identities
from custody.therapies.models import StepRecord, Therapy
from custody.transport.models import Handoff
from ledger.parties.models import Party
from portal.accounts.demonstration import PASSWORD
from portal.accounts.models import User
from portal.contacts.rules import uri_of
from portal.demonstration.members import DUTY_NUMBERS
from tests.factories.screens import signed_in, somebody, step_form
from tests.factories.therapies import small_consortium
from tests.integration.portal.transport.road import DROP, PICKUP, at_step, courier, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return small_consortium()


def take(therapy):
    return reverse("handoff_accept", args=[therapy.therapy, PICKUP])


def test_the_next_pickup_leads_the_page(cast):
    therapy = at_step(cast, PICKUP)

    page = courier(therapy).get("/")

    assert page.context["next"].kind == "accept"
    assert page.context["next"].place == cast.parties["X0042"].name


def test_a_courier_sees_no_patient_and_no_clinical_value(cast):
    therapy = at_step(cast, DROP)
    row = Therapy.objects.get(pk=therapy.therapy)
    patient = identities(by=therapy.actor("centre", "nurse"), patient_ids=[row.patient_id])[row.patient_id]
    collected = StepRecord.objects.get(therapy=row, step="collect").values["volume"]["value"]
    client = courier(therapy)

    shown = "".join(
        words(client.get(page))
        for page in (
            "/",
            reverse("job", args=[row.pk]),
            reverse("therapy", args=[row.pk]),
            reverse("shipments"),
            reverse("therapies"),
            reverse("handoff_offer", args=[row.pk, DROP]),
        )
    )

    assert row.coi[-5:-1] in shown
    for secret in (patient.full_name, patient.record_number, f"{collected} mL", "Indication"):
        assert secret not in shown


def test_a_right_scan_takes_over_once(cast):
    therapy = at_step(cast, PICKUP)
    client, form = courier(therapy), step_form(therapy, PICKUP)

    first, second = (client.post(take(therapy), form) for _ in range(2))

    assert first.status_code == second.status_code == 303
    assert first.url == reverse("job", args=[therapy.therapy])
    assert therapy.state["custody"]["holder"] == str(therapy.actor("courier_outbound", "courier").party)
    assert StepRecord.objects.filter(therapy=therapy.therapy, step=PICKUP).count() == 1


@pytest.mark.parametrize("wrong", [{"scan_seal": "99 999 999"}, {"scan_shipper": "BX-000"}, {"scan_seal": ""}])
def test_another_seal_or_shipper_is_refused_at_its_field(cast, wrong):
    therapy = at_step(cast, PICKUP)

    page = courier(therapy).post(take(therapy), step_form(therapy, PICKUP, **wrong))

    assert page.status_code == 422
    assert set(page.context["form"].errors) == set(wrong)
    assert PICKUP not in therapy.state["done"]


def test_a_seal_may_be_scanned_without_its_blanks(cast):
    therapy = at_step(cast, PICKUP)
    seal = therapy.state["custody"]["seal"].replace(" ", "")

    assert courier(therapy).post(take(therapy), step_form(therapy, PICKUP, scan_seal=seal)).status_code == 303


def test_a_scan_from_the_offline_queue_keeps_its_own_time(cast):
    therapy = at_step(cast, PICKUP)
    scanned = therapy.now.strftime("%Y-%m-%dT%H:%M:%S.123Z")

    page = courier(therapy).post(take(therapy), step_form(therapy, PICKUP, occurred_at=scanned))

    assert page.status_code == 303
    done = StepRecord.objects.get(therapy=therapy.therapy, step=PICKUP)
    assert done.performed_at.replace(microsecond=0) == therapy.chain.records.get(pk=done.record_id).occurred_at.replace(
        microsecond=0
    )
    assert done.performed_at.strftime("%Y-%m-%dT%H:%M:%S") == scanned[:19]


def test_refusing_needs_a_reason_and_leaves_custody_with_the_giver(cast):
    therapy = at_step(cast, PICKUP)
    client = courier(therapy)
    refuse = reverse("handoff_refuse", args=[Handoff.objects.get(therapy=therapy.therapy).pk])

    without = client.post(refuse, {"idempotency_key": "refuse-key-1", "reason": ""})
    refused = client.post(refuse, {"idempotency_key": "refuse-key-2", "reason": "seal_broken"})

    assert without.status_code == 422
    assert refused.status_code == 303
    assert therapy.state["custody"]["holder"] == str(therapy.actor("centre", "nurse").party)
    assert Handoff.objects.get(therapy=therapy.therapy).status == "refused"


def test_a_dispatcher_cannot_scan_for_the_courier(cast):
    therapy = at_step(cast, PICKUP)

    page = signed_in(therapy.actor("courier_outbound", "dispatcher")).post(take(therapy), step_form(therapy, PICKUP))

    assert page.status_code == 403


def test_another_courier_finds_nothing(cast):
    therapy = at_step(cast, DROP)
    other = "C0219" if cast.parties["C0205"].id == therapy.actor("courier_outbound", "courier").party else "C0205"
    client = somebody(cast, other, "courier")

    assert client.get(reverse("job", args=[therapy.therapy])).status_code == 404
    assert client.get(reverse("job_transfer", args=[therapy.therapy])).status_code == 404


def test_a_shipment_passes_to_another_courier_on_the_way(cast):
    therapy = at_step(cast, DROP)
    mine = therapy.actor("courier_outbound", "courier")
    code = "C0219" if cast.parties["C0205"].id == mine.party else "C0205"
    other = cast.actor(cast.parties[code].id, "courier")
    custody = therapy.state["custody"]

    offered = signed_in(mine).post(
        reverse("job_transfer", args=[therapy.therapy]),
        {
            "idempotency_key": "transfer-key-1",
            "receiver": str(other.party),
            "seal": custody["seal"],
            "signing_password": PASSWORD,
        },
    )
    waiting = signed_in(other).get("/").context["transfers"]
    taken = signed_in(other).post(
        reverse("transfer_take", args=[waiting[0].handoff]),
        {
            "idempotency_key": "transfer-key-2",
            "shipper": custody["container"],
            "seal": custody["seal"],
            "signing_password": PASSWORD,
        },
    )

    assert offered.status_code == taken.status_code == 303
    assert therapy.state["custody"]["holder"] == str(other.party)
    job = reverse("job", args=[therapy.therapy])
    assert signed_in(other).get(job).context["line"].holder == other.party
    # The first courier still carries the product back, and sees nothing of this leg.
    assert signed_in(mine).get(job).context["line"] is None


def test_a_transfer_with_another_seal_is_refused(cast):
    therapy = at_step(cast, DROP)
    mine = therapy.actor("courier_outbound", "courier")
    code = "C0219" if cast.parties["C0205"].id == mine.party else "C0205"

    page = signed_in(mine).post(
        reverse("job_transfer", args=[therapy.therapy]),
        {
            "idempotency_key": "transfer-key-1",
            "receiver": str(cast.parties[code].id),
            "seal": "another",
            "signing_password": PASSWORD,
        },
    )

    assert page.status_code == 409
    assert "seal is not the one" in words(page)


def test_the_dispatcher_sees_shipments_and_where_each_logger_is(cast):
    therapy = at_step(cast, DROP)
    client = signed_in(therapy.actor("courier_outbound", "dispatcher"))

    road, loggers = client.get("/"), client.get(reverse("loggers"))

    assert [view.line.therapy.id for view in road.context["shipments"]] == [therapy.therapy]
    assert loggers.context["free"] == len(loggers.context["rows"]) - 1


def test_a_courier_does_not_look_after_loggers(cast):
    assert somebody(cast, "C0205", "courier").get(reverse("loggers")).status_code == 403


@pytest.mark.parametrize("role", ["courier", "dispatcher"])
def test_the_road_asks_the_same_few_questions_however_many_shipments_there_are(cast, role):
    first = at_step(cast, DROP, number=1)
    party = first.actor("courier_outbound", "courier").party
    client = signed_in(cast.actor(party, role))

    def count():
        client.get("/")
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/").status_code == 200
        return len(queries)

    alone = count()
    at_step(cast, DROP, number=2)

    assert count() == alone


def test_jobs_name_town_and_duty_number_of_where_to_go(cast):
    pickup, drop = at_step(cast, PICKUP), at_step(cast, DROP, number=2)
    client = courier(drop)

    page = words(client.get("/"))

    for party in {pickup.state["parties"]["centre"], drop.state["parties"]["maker"]}:
        row = Party.objects.get(pk=party)
        number = DUTY_NUMBERS[row.code][0]
        assert f"{row.city}, {row.country}" in page
        assert f'href="{uri_of(number)}"' in page


def test_the_dispatchers_row_says_whom_to_ring_at_both_ends_and_who_has_the_shipper(cast):
    therapy = at_step(cast, DROP)

    page = words(signed_in(therapy.actor("courier_outbound", "dispatcher")).get("/"))

    for capacity in ("centre", "maker"):
        assert (
            f'href="{uri_of(DUTY_NUMBERS[Party.objects.get(pk=therapy.state["parties"][capacity]).code][0])}"' in page
        )
    assert User.objects.get(pk=therapy.actor("courier_outbound", "courier").person).name in page


def test_another_patients_shipper_at_the_pickup_is_a_full_stop(cast):
    therapy, other = at_step(cast, PICKUP), at_step(cast, DROP, number=2)
    wrong = other.state["custody"]["container"]

    answer = courier(therapy).post(take(therapy), step_form(therapy, PICKUP, scan_shipper=wrong))

    assert answer.status_code == 409
    assert "This shipper carries another patient’s cells." in words(answer)
    assert CustodyException.objects.get().kind == "identity_stop"
    assert Handoff.objects.get(therapy_id=therapy.therapy).status == "offered"
