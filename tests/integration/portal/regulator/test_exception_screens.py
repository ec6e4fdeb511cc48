"""Exceptions: worst first, each with its evidence, closed by who may, and the path of supply out of specification."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from custody.exceptions.models import CustodyException
from ledger.ids import uuid7
from ledger.log import sequencer
from ledger.log.models import Record
from portal.accounts.demonstration import PASSWORD
from portal.accounts.models import User
from portal.demonstration.story import Story
from tests.factories.screens import signed_in, somebody
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db
WHY = "The lid was open while nitrogen was topped up"


@pytest.fixture
def cast():
    return small_consortium()


def warm(cast, number=1):
    story = Story("warm", readings={"outbound": "excursion"}, resolve=False, stop_before="wash-and-select")
    return told(cast, story, number=number)


def stopped(cast, number=1):
    return told(cast, Story("stop", stop_identity="bedside-check", resolve=False), number=number)


def out_of_specification(cast, until="", number=1):
    story = Story("oos", outside=frozenset({"test-viability"}), oos_until=until, resolve=False)
    return told(cast, story, number=number)


def exception_of(therapy, kind):
    return CustodyException.objects.filter(therapy_id=therapy.therapy, kind=kind, closed_at=None).get()


def closing(**changed):
    return {
        "resolution": "accepted",
        "cause": "transport",
        "why": WHY,
        "idempotency_key": str(uuid7()),
        "signing_password": PASSWORD,
        **changed,
    }


def words(response):
    return " ".join(response.content.decode().split())


def test_the_inspectors_page_states_the_finding_and_lists_the_worst_first(cast):
    warm(cast, 1)
    out_of_specification(cast, number=2)
    # Each courier has two loggers here, so the third therapy is stopped before it is packed.
    told(cast, Story("stop", stop_identity="collect", resolve=False), number=3)
    sequencer.drain()

    page = somebody(cast, "R0901", "inspector").get("/")

    kinds = [one.label for one in page.context["exceptions"]]
    assert kinds == ["Identity stop", "Out of specification", "Excursion"]
    assert "Three exceptions." in words(page)


def test_without_an_exception_the_page_says_when_it_looked(cast):
    told(cast, Story("calm", stop_before="booking"))
    sequencer.drain()

    page = somebody(cast, "R0901", "inspector").get("/")

    assert "No open exception." in words(page)
    assert "No exception is open" in words(page)
    assert "Checked" in words(page)


def test_the_inspectors_page_asks_the_same_number_of_questions_however_many_therapies(cast):
    warm(cast, 1)
    sequencer.drain()
    inspector = somebody(cast, "R0901", "inspector")
    inspector.get("/")
    cache.clear()
    with CaptureQueriesContext(connection) as few:
        inspector.get("/")
    for number in range(2, 7):
        warm(cast, number)
    sequencer.drain()
    cache.clear()
    with CaptureQueriesContext(connection) as many:
        inspector.get("/")

    assert len(many) == len(few)


def test_qa_closes_an_excursion_once_with_its_cause(cast):
    therapy = warm(cast)
    found = exception_of(therapy, "excursion")
    client, form = signed_in(therapy.actor("maker", "qa")), closing()

    first, second = (client.post(reverse("exception", args=[found.pk]), form) for _ in range(2))
    page = client.get(reverse("exception", args=[found.pk]))

    assert first.status_code == second.status_code == 303
    assert Record.objects.filter(type="custody.exception.closed/v2").count() == 1
    assert "Cause: transport" in words(page)
    assert WHY in words(page)


@pytest.mark.parametrize("why", ["", "ok", "done now", ". - !"])
def test_nothing_is_closed_without_a_reason_in_words(cast, why):
    therapy = warm(cast)
    found = exception_of(therapy, "excursion")

    page = signed_in(therapy.actor("maker", "qa")).post(reverse("exception", args=[found.pk]), closing(why=why))

    assert page.status_code == 422
    assert "in at least three different words and 15 letters." in words(page)
    assert CustodyException.objects.get(pk=found.pk).closed_at is None


def test_the_inspector_reads_why_it_was_closed_and_a_courier_does_not(cast):
    therapy = warm(cast)
    found = exception_of(therapy, "excursion")
    signed_in(therapy.actor("maker", "qa")).post(reverse("exception", args=[found.pk]), closing())
    address = reverse("exception", args=[found.pk])

    assert WHY in words(somebody(cast, "R0901", "inspector").get(address))
    assert WHY in words(somebody(cast, "R0901", "inspector").get(reverse("exceptions")))
    assert WHY not in words(signed_in(therapy.actor("courier_outbound", "courier")).get(address))


def test_a_stale_close_is_told_and_changes_nothing(cast):
    therapy = warm(cast)
    found = exception_of(therapy, "excursion")
    client = signed_in(therapy.actor("maker", "qa"))
    client.post(reverse("exception", args=[found.pk]), closing())

    again = client.post(reverse("exception", args=[found.pk]), closing(resolution="rejected"))

    assert again.status_code == 409
    assert "not open" in words(again)
    assert CustodyException.objects.get(pk=found.pk).resolution == "accepted"


def test_without_resolution_and_cause_each_field_says_what_is_missing(cast):
    therapy = warm(cast)
    found = exception_of(therapy, "excursion")

    page = signed_in(therapy.actor("maker", "qa")).post(
        reverse("exception", args=[found.pk]), closing(resolution="", cause="")
    )

    assert page.status_code == 422
    assert "Choose one." in words(page)
    assert "Name the cause." in words(page)


@pytest.mark.parametrize(
    ("capacity", "role", "status"), [("courier_outbound", "courier", 403), ("maker", "operator", 403)]
)
def test_who_may_not_close_sees_no_form_and_is_refused(cast, capacity, role, status):
    therapy = warm(cast)
    found = exception_of(therapy, "excursion")
    client = signed_in(therapy.actor(capacity, role))

    assert "Close this exception" not in words(client.get(reverse("exception", args=[found.pk])))
    assert client.post(reverse("exception", args=[found.pk]), closing()).status_code == 403
    assert CustodyException.objects.get(pk=found.pk).closed_at is None


def test_an_inspector_reads_every_exception_and_closes_none(cast):
    therapy = warm(cast)
    found = exception_of(therapy, "excursion")
    inspector = somebody(cast, "R0901", "inspector")

    page = inspector.get(reverse("exception", args=[found.pk]))

    assert page.status_code == 200
    assert "Close this exception" not in words(page)
    assert inspector.post(reverse("exception", args=[found.pk]), closing()).status_code in {403, 404}


def test_another_organisation_learns_nothing_of_an_exception(cast):
    therapy = warm(cast)
    found = exception_of(therapy, "excursion")

    assert somebody(cast, "X0117", "physician").get(reverse("exception", args=[found.pk])).status_code == 404


def test_an_identity_stop_takes_two_people_of_one_organisation(cast):
    therapy = stopped(cast)
    found = exception_of(therapy, "identity_stop")
    physician, nurse = therapy.actor("centre", "physician"), therapy.actor("centre", "nurse")
    client, url = signed_in(physician), reverse("exception", args=[found.pk])
    own = User.objects.get(pk=physician.person).email
    form = closing(resolution="explained", cause="wrong_scan", second_password=PASSWORD)

    alone = client.post(url, form | {"second_email": own})
    wrong = client.post(url, form | {"second_email": User.objects.get(pk=nurse.person).email, "second_password": "no"})
    both = client.post(url, form | {"second_email": User.objects.get(pk=nurse.person).email})

    assert alone.status_code == 403
    assert "somebody else" in words(alone)
    assert wrong.status_code == 422
    assert both.status_code == 303
    assert CustodyException.objects.get(pk=found.pk).resolution == "explained"


def test_the_path_of_supply_offers_each_its_act_and_nobody_anothers(cast):
    therapy = out_of_specification(cast)
    found = exception_of(therapy, "out_of_specification")
    page_url, act_url = reverse("exception", args=[found.pk]), reverse("exception_oos", args=[found.pk])
    physician, qa = signed_in(therapy.actor("centre", "physician")), signed_in(therapy.actor("maker", "qa"))
    path = [
        (physician, "Ask for supply", "requested"),
        (qa, "Give the risk evaluation", "evaluated"),
        (physician, "Accept the risk", "accepted"),
        (qa, "Authority is informed", "informed"),
    ]
    for client, title, stage in path:
        other = qa if client is physician else physician
        form = {"stage": stage, "idempotency_key": str(uuid7()), "signing_password": PASSWORD}
        assert client.get(page_url).context["oos_act"]["title"] == title
        assert other.get(page_url).context["oos_act"] is None
        assert "Waiting for" in words(other.get(page_url))
        assert other.post(act_url, form | {"idempotency_key": str(uuid7())}).status_code in {403, 409}
        first, second = (client.post(act_url, form) for _ in range(2))
        assert first.status_code == second.status_code == 303

    assert CustodyException.objects.get(pk=found.pk).closed_at is not None
    assert Record.objects.filter(type__startswith="custody.oos.").count() == 4


def test_a_stale_act_of_the_path_is_told_that_it_moved_on(cast):
    therapy = out_of_specification(cast)
    found = exception_of(therapy, "out_of_specification")
    client, url = signed_in(therapy.actor("centre", "physician")), reverse("exception_oos", args=[found.pk])
    form = {"stage": "requested", "signing_password": PASSWORD}
    client.post(url, form | {"idempotency_key": str(uuid7())})

    again = client.post(url, form | {"idempotency_key": str(uuid7())})

    assert again.status_code == 409
    assert "moved on" in words(again)


def test_the_countrys_clock_stands_on_the_page(cast):
    therapy = out_of_specification(cast, until="accepted")
    found = exception_of(therapy, "out_of_specification")

    page = signed_in(therapy.actor("maker", "qa")).get(reverse("exception", args=[found.pk]))

    assert found.due_at is not None
    assert "The authority has to be informed by" in words(page)
    assert "the rule of NL" in words(page)


def test_closed_exceptions_are_folded_with_their_cause(cast):
    therapy = warm(cast)
    found = exception_of(therapy, "excursion")
    client = signed_in(therapy.actor("maker", "qa"))
    client.post(reverse("exception", args=[found.pk]), closing())

    page = client.get(reverse("exceptions"))

    assert page.context["open"] == []
    assert "One exception closed" in words(page)
    assert "Cause: transport" in words(page)


def test_of_a_therapy_that_ended_the_form_offers_rejected_and_explained_and_nothing_else(cast):
    story = Story("refused", outside=frozenset({"test-dose"}), fail="review", resolve=False)
    therapy = told(cast, story)
    url = reverse("exception", args=[exception_of(therapy, "out_of_specification").pk])
    client = signed_in(therapy.actor("maker", "qa"))

    page = client.get(url)
    refused = client.post(url, closing(resolution="accepted", cause="testing"))

    assert [code for code, _ in page.context["form"].fields["resolution"].choices] == ["explained", "rejected"]
    assert "Rejected: the product is not used" in words(page)
    assert "This therapy has ended, so the product is not supplied." in words(page)
    assert "Waiting for" not in words(page)
    assert refused.status_code == 422
    assert client.post(url, closing(resolution="rejected", cause="testing")).status_code == 303
