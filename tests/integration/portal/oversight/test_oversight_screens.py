"""Inspections, reports, the audit trail and reviews of access, on the screens of both sides."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from custody.exceptions.operations import close_exception
from custody.exceptions.queries import open_exceptions
from custody.oversight.models import Inspection
from ledger.clock import now
from ledger.ids import uuid7
from ledger.log import sequencer, triggers, verification
from ledger.log.models import RefusedAction
from ledger.parties.models import AccessReview
from portal.accounts.queries import review_due
from portal.audit.models import TABLE, AuditEvent
from portal.demonstration.story import Story
from tests.factories.people import member, organisation
from tests.factories.screens import signed_in, somebody
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db
WHY = "The lid was open while nitrogen was topped up"


@pytest.fixture
def cast():
    return small_consortium()


@pytest.fixture
def therapy(cast):
    story = Story("warm", stop_before="wash-and-select", readings={"outbound": "excursion"}, resolve=False)
    return told(cast, story)


@pytest.fixture
def inspector(cast):
    return signed_in(cast.actor(cast.of_kind("regulator")[0].id, "inspector"))


def text(response):
    return response.content.decode()


def send(client, address, **values):
    return client.post(address, {"idempotency_key": str(uuid7()), **values}, follow=True)


def opened(client, therapy, **changed):
    site = therapy.actor("maker", "qa").party
    values = {
        "site": str(site),
        "product": "",
        "since": "2026-06-01",
        "until": "2026-12-31",
        "reason": "routine",
        "reference": "EMA-118",
        "hours": "8",
    }
    return send(client, reverse("open_inspection"), **values | changed)


# Inspections


def test_an_inspector_opens_one_and_the_site_reads_of_it(cast, therapy, inspector):
    qa = signed_in(therapy.actor("maker", "qa"))
    page = opened(inspector, therapy)
    where = reverse("inspection", args=[Inspection.objects.get().pk])

    assert page.redirect_chain[-1][0] == where
    assert "You may look until" in text(page)
    assert "The authority may look until" in text(qa.get(where))
    assert "EMA-118" in text(qa.get(reverse("inspections")))
    assert "EMA-118" not in text(somebody(cast, "X0042", "coordinator").get("/"))


def test_a_batch_record_is_open_while_the_inspection_is(therapy, inspector):
    opened(inspector, therapy)
    row = Inspection.objects.get()
    address = reverse("inspected_batch", args=[row.pk, therapy.therapy])

    assert inspector.get(reverse("batch", args=[therapy.therapy])).status_code == 403
    assert "To be read until" in text(inspector.get(address))
    send(inspector, reverse("close_inspection", args=[row.pk]))
    refused = inspector.get(address)
    assert refused.status_code == 403
    assert "has ended" in text(refused)
    assert send(inspector, reverse("inspection_package", args=[row.pk])).status_code == 403


def test_a_form_that_cannot_be_is_refused_in_words(therapy, inspector):
    page = opened(inspector, therapy, until="2026-05-01", reference="Mr Smith!")

    assert page.status_code == 422
    assert "The last day comes before the first" in text(page)
    assert "3 to 30 letters" in text(page)
    assert Inspection.objects.count() == 0


def test_the_package_is_given_out_and_written_down(therapy, inspector):
    opened(inspector, therapy)
    sequencer.drain()
    given = send(inspector, reverse("inspection_package", args=[Inspection.objects.get().pk]))

    assert given.headers["Content-Type"] == "application/zip"
    assert given.content.startswith(b"PK")
    assert AuditEvent.objects.get(act="inspection.packaged").subject == "EMA-118"


# Exceptions, narrowed


def test_exceptions_are_narrowed_and_sorted(therapy, inspector):
    maker, centre = (therapy.actor(*one).party for one in (("maker", "qa"), ("centre", "coordinator")))
    found = open_exceptions(by=therapy.cast.actor(therapy.cast.of_kind("regulator")[0].id, "inspector"))
    address = reverse("exceptions")

    assert found
    assert "Open evidence" in text(inspector.get(address, {"kind": "excursion", "order": "oldest"}))
    assert "No open exception is like that" in text(inspector.get(address, {"kind": "identity_stop"}))
    assert "Open evidence" in text(inspector.get(address, {"owner": str(maker)}))
    assert "No open exception is like that" in text(inspector.get(address, {"owner": str(centre)}))
    assert "Open evidence" in text(inspector.get(address, {"kind": "nonsense", "order": "x", "site": "y", "age": "-1"}))


def test_sites_are_compared_with_a_table_of_the_same(therapy, inspector):
    page = text(inspector.get(reverse("sites")))

    assert "Exceptions opened, by kind" in page
    assert "data-chart-plot" in page
    assert "By site and month as a table" in page


# The audit trail


def test_the_trail_says_who_what_when_and_why(cast, therapy, inspector):
    qa = therapy.actor("maker", "qa")
    exception = open_exceptions(by=qa)[0]
    close_exception(
        exception=exception.id,
        resolution="explained",
        cause="transport",
        why=WHY,
        by=qa,
        at=therapy.now,
        key=therapy.key(),
    )
    page = text(inspector.get(reverse("audit"), {"who": qa.name, "what": "exception closed"}))

    assert qa.name in page
    assert f"explained; transport; {WHY}" in page
    assert text(inspector.get(reverse("audit"), {"who": "Nobody of that name"})).count("No entry is like that") == 1


def test_a_record_opens_to_its_values_before_and_after(therapy, inspector):
    qa = therapy.actor("maker", "qa")
    record = close_exception(
        exception=open_exceptions(by=qa)[0].id,
        resolution="explained",
        cause="transport",
        why=WHY,
        by=qa,
        at=therapy.now,
        key=therapy.key(),
    )
    page = text(inspector.get(reverse("audit_entry", args=[record.id])))

    assert "Before and after" in page
    assert "Excursion" in page or "excursion" in page
    other = signed_in(therapy.cast.actor(therapy.cast.parties["M0408"].id, "qa"))
    assert other.get(reverse("audit_entry", args=[record.id])).status_code == 404


def test_a_refused_action_stands_in_the_trail(therapy, inspector):
    nurse = therapy.actor("centre", "nurse")
    with pytest.raises(Exception, match="may not do this"):
        close_exception(
            exception=open_exceptions(by=nurse)[0].id,
            resolution="explained",
            cause="transport",
            why=WHY,
            by=nurse,
            at=therapy.now,
            key=therapy.key(),
        )

    assert RefusedAction.objects.count() == 1
    assert "may not do this" in text(inspector.get(reverse("audit"), {"kind": "refused"}))


def test_an_organisation_reads_its_own_trail_and_no_others(cast, therapy):
    stranger = signed_in(cast.actor(cast.parties["M0408"].id, "qa"))
    page = text(stranger.get(reverse("audit"), {"about": therapy.state["coi"]}))

    assert "No entry is like that" in page


def test_an_export_holds_what_was_searched_for_and_is_an_entry_itself(therapy, inspector):
    given = inspector.get(reverse("audit_export"), {"about": therapy.state["coi"], "kind": "record"})
    rows = list(csv.DictReader(io.StringIO(text(given))))

    assert {row["about"] for row in rows} == {therapy.state["coi"]}
    assert len(rows) == therapy.chain.records.count()
    assert AuditEvent.objects.get(act="audit.exported").after == {"entries": str(len(rows))}


def test_the_database_refuses_to_change_the_trail():
    party = organisation("payer")
    client = signed_client("administrator", party)
    send(client, reverse("enrol_person"), name="Ada Berg", email="ada@payer.example", role="payer_analyst")

    assert AuditEvent.objects.get(act="person.enrolled").subject == "Ada Berg"
    assert triggers.missing(connection, [TABLE]) == []
    for change in (lambda: AuditEvent.objects.update(why="x"), lambda: AuditEvent.objects.all().delete()):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()


def test_ending_a_role_is_written_down_with_both_values():
    party = organisation("payer")
    client, held = signed_client("administrator", party), member("payer_analyst", party, name="Bo Lund")
    send(client, reverse("end_membership", args=[held.pk]))

    event = AuditEvent.objects.get(act="membership.ended")
    assert (event.before["role"], event.after["role"]) == ("Payer analyst", "")
    page = text(client.get(reverse("audit")))
    assert "Bo Lund" in page
    assert "Payer analyst → nothing" in page


# Reviews of access


def signed_client(role, party):
    client = Client()
    client.force_login(member(role, party).user)
    return client


def test_an_administrator_signs_the_list_that_was_shown():
    party = organisation("payer")
    client = signed_client("administrator", party)
    address = reverse("review_access")
    page = client.get(address)
    digest = page.context["digest"]

    assert "a review is due" in text(page)
    assert send(client, address, digest=digest).status_code == 422
    done = send(client, address, digest=digest, sure="on")
    assert "is signed and on record" in text(done)
    row = AccessReview.objects.get()
    assert (row.digest, row.people, row.roles) == (digest, 1, 1)
    assert "a review is due" not in text(client.get(address))
    sequencer.drain()
    assert list(verification.findings()) == []


def test_a_list_that_changed_meanwhile_is_not_signed():
    party = organisation("payer")
    client = signed_client("administrator", party)
    address = reverse("review_access")
    digest = client.get(address).context["digest"]
    member("payer_analyst", party)

    refused = send(client, address, digest=digest, sure="on")

    assert refused.status_code == 422
    assert "came or went" in text(refused)
    assert AccessReview.objects.count() == 0


def test_a_review_grows_old():
    at = now()
    assert review_due(at - timedelta(days=89), at) == ""
    assert "91 days old" in review_due(at - timedelta(days=91), at)
