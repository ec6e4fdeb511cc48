"""The duty telephone number: set by the organisation's own administrator, shown where somebody has to call."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from custody.exceptions.models import CustodyException
from ledger.clock import now
from ledger.errors import NotPermitted
from ledger.parties.models import Party
from portal.accounts.demonstration import PASSWORD
from portal.actions.base import fresh_key
from portal.audit.models import AuditEvent
from portal.contacts import operations
from portal.contacts.models import DutyNumber
from portal.demonstration.members import DUTY_NUMBERS
from portal.demonstration.story import Story
from tests.factories.screens import signed_in, somebody, step_form, step_url
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db
ANOTHER = "X004226000999A"
CENTRE, MAKER, COURIER = ("tel:" + DUTY_NUMBERS[code][0].replace(" ", "") for code in ("X0042", "M0311", "C0205"))


@pytest.fixture
def cast():
    return small_consortium()


def at_step(cast, step, number=1):
    return told(cast, Story("told", stop_before=step), number=number)


def said(response):
    return response.content.decode()


def administrator(cast, code="X0042"):
    return cast.actor(cast.parties[code].id, "administrator")


def test_an_administrator_sets_changes_and_takes_off_the_own_number_and_the_trail_keeps_it(cast):
    client, address = signed_in(administrator(cast)), reverse("duty_number")
    party = cast.parties["X0042"].id
    assert DUTY_NUMBERS["X0042"][0] in said(client.get(address))
    form = {"idempotency_key": fresh_key(), "number": "+31  71 000 00 43", "desk": "Ward 7, day and night"}

    assert client.post(address, form).status_code == 303
    assert client.post(address, form).status_code == 303
    assert client.post(address, form | {"idempotency_key": fresh_key()}).status_code == 303
    row = DutyNumber.objects.get(party=party)
    assert (row.number, row.desk) == ("+31 71 000 00 43", "Ward 7, day and night")
    event = AuditEvent.objects.get(act="contact.changed")
    assert event.person == administrator(cast).person
    assert (event.before["number"], event.after["number"]) == (DUTY_NUMBERS["X0042"][0], "+31 71 000 00 43")

    assert client.post(address, {"idempotency_key": fresh_key(), "number": "", "desk": ""}).status_code == 303
    assert not DutyNumber.objects.filter(party=party).exists()
    assert "Nobody can call you at night" in said(client.get("/"))
    assert AuditEvent.objects.filter(act="contact.changed").count() == 2
    assert DutyNumber.objects.filter(party=cast.parties["X0117"].id).exists()


def test_a_number_that_is_none_is_refused_at_its_field_and_kept_in_it(cast):
    client = signed_in(administrator(cast))

    answer = client.post(
        reverse("duty_number"), {"idempotency_key": fresh_key(), "number": "071 000 00 43", "desk": "Ward"}
    )

    assert answer.status_code == 422
    assert "country’s code first" in str(answer.context["form"].errors["number"])
    assert "071 000 00 43" in said(answer)
    assert DutyNumber.objects.get(party=cast.parties["X0042"].id).number == DUTY_NUMBERS["X0042"][0]


@pytest.mark.parametrize(("code", "role"), [("X0042", "nurse"), ("M0311", "qa"), ("C0205", "dispatcher")])
def test_nobody_else_sets_it(cast, code, role):
    assert somebody(cast, code, role).get(reverse("duty_number")).status_code == 403
    with pytest.raises(NotPermitted):
        operations.set_duty_number(
            number="+31 71 000 00 43", desk="", by=cast.actor(cast.parties[code].id, role), at=now()
        )


def test_the_trail_and_the_number_change_together_or_not_at_all(cast, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(operations, "write_down", broken)
    with pytest.raises(RuntimeError):
        operations.set_duty_number(number="", desk="", by=administrator(cast), at=now())
    assert DutyNumber.objects.filter(party=cast.parties["X0042"].id).exists()


def test_the_database_takes_no_number_that_cannot_be_called(cast):
    row = DutyNumber.objects.get(party=cast.parties["X0042"].id)
    for number in ("0710000043", "+44 20", "+44  20 7946 0123", "porter"):
        with pytest.raises(IntegrityError), transaction.atomic():
            DutyNumber.objects.filter(pk=row.pk).update(number=number)


def test_a_hard_stop_at_the_bedside_gives_the_numbers_of_the_own_desk_and_the_maker(cast):
    therapy = at_step(cast, "bedside-check")
    nurse = signed_in(therapy.actor("centre", "nurse"))

    stop = nurse.post(step_url(therapy, "bedside-check"), step_form(therapy, "bedside-check", scan_bag=ANOTHER))

    assert stop.status_code == 409
    assert said(stop).index(CENTRE) < said(stop).index(MAKER)
    page = said(nurse.get(reverse("exception", args=[CustodyException.objects.get().pk])))
    assert CENTRE in page
    assert MAKER in page
    assert MAKER in said(nurse.get(reverse("therapy", args=[therapy.therapy])))


def test_on_the_road_everybody_finds_whom_to_call(cast):
    therapy = at_step(cast, "deliver-outbound")
    courier = signed_in(therapy.actor("courier_outbound", "courier"))
    operator = signed_in(therapy.actor("maker", "operator"))

    job = said(courier.get(reverse("job", args=[therapy.therapy])))
    assert all(number in job for number in (CENTRE, MAKER, COURIER))
    assert COURIER in said(operator.get(reverse("shipments")))
    assert COURIER in said(operator.get(reverse("therapy", args=[therapy.therapy])))
    report = {"problem": "seal_broken", "idempotency_key": fresh_key(), "signing_password": PASSWORD}
    assert courier.post(reverse("job_problem", args=[therapy.therapy]), report).status_code == 303
    assert COURIER in said(operator.get(reverse("exception", args=[CustodyException.objects.get().pk])))


def test_who_has_set_none_is_named_without_a_link(cast):
    therapy = at_step(cast, "deliver-outbound")
    maker = Party.objects.get(pk=therapy.state["parties"]["maker"])
    operations.set_duty_number(
        number="",
        desk="",
        by=replace(administrator(cast), party=maker.pk, party_code=maker.code, party_kind=maker.kind),
        at=now(),
    )

    page = said(signed_in(therapy.actor("centre", "nurse")).get(reverse("therapy", args=[therapy.therapy])))

    assert "has set no duty number" in page
    assert MAKER not in page


def test_a_list_of_shipments_asks_for_all_numbers_at_once(cast):
    first = at_step(cast, "deliver-outbound")
    client = signed_in(first.actor("maker", "operator"))

    def count():
        client.get(reverse("shipments"))
        with CaptureQueriesContext(connection) as queries:
            assert client.get(reverse("shipments")).status_code == 200
        return len(queries)

    alone = count()
    at_step(cast, "deliver-outbound", number=2)
    assert count() == alone


def test_the_demonstrations_numbers_are_the_members_own_and_well_formed(cast):
    rows = {row.party_id: row.number for row in DutyNumber.objects.all()}
    assert rows == {cast.parties[code].id: number for code, (number, _) in DUTY_NUMBERS.items()}
