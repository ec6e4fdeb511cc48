"""The maker's screens: who may open them, what they record, and what they refuse."""

from __future__ import annotations

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from custody.exceptions.models import CustodyException
from custody.therapies.models import StepRecord
from custody.transport.models import Shipment
from ledger.privacy.models import SealedPayload
from portal.demonstration.story import Story
from tests.factories.screens import signed_in, somebody, step_form
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db
ANOTHER = "X004226000999A"
"""A well-formed identity of no therapy of the consortium."""


@pytest.fixture
def cast():
    return small_consortium()


def at_step(cast, step, number=1, **story):
    return told(cast, Story("told", stop_before=step, **story), number=number)


def bench(therapy, step):
    return reverse("batch_step", args=[therapy.therapy, step])


def words(response):
    return " ".join(response.content.decode().split())


def test_the_next_step_leads_the_control_tower(cast):
    therapy = at_step(cast, "wash-and-select")

    page = signed_in(therapy.actor("maker", "operator")).get("/")

    assert page.status_code == 200
    assert page.context["agenda"].next.step == "wash-and-select"
    assert therapy.state["coi"][-5:-1] in words(page)


def test_a_step_leads_to_the_bench(cast):
    therapy = at_step(cast, "wash-and-select")

    page = signed_in(therapy.actor("maker", "operator")).get(reverse("step", args=[therapy.therapy, "wash-and-select"]))

    assert page.url == bench(therapy, "wash-and-select")


def test_a_step_in_limits_is_recorded_once_however_often_it_is_sent(cast):
    therapy = at_step(cast, "wash-and-select")
    client, form = signed_in(therapy.actor("maker", "operator")), step_form(therapy, "wash-and-select")

    first, second = (client.post(bench(therapy, "wash-and-select"), form) for _ in range(2))

    assert first.status_code == second.status_code == 303
    assert first.url == second.url == reverse("batch", args=[therapy.therapy])
    assert StepRecord.objects.filter(therapy=therapy.therapy, step="wash-and-select").count() == 1


def test_a_value_out_of_limits_is_recorded_and_stands_open_in_the_batch_record(cast):
    therapy = at_step(cast, "wash-and-select")
    client = signed_in(therapy.actor("maker", "operator"))

    client.post(bench(therapy, "wash-and-select"), step_form(therapy, "wash-and-select", **{"value_cd3-purity": "60"}))
    page = client.get(reverse("batch", args=[therapy.therapy]))

    assert CustodyException.objects.get(therapy=therapy.therapy).kind == "deviation"
    assert [step.line.step.code for step in page.context["eyes"]] == ["wash-and-select"]
    assert "60 %, 85 to 100 %" in words(page)


def test_a_missing_value_is_said_at_its_field_and_the_others_are_kept(cast):
    therapy = at_step(cast, "wash-and-select")
    form = step_form(therapy, "wash-and-select", **{"value_cd3-purity": "", "value_reagent-lot": "LOT-77"})

    page = signed_in(therapy.actor("maker", "operator")).post(bench(therapy, "wash-and-select"), form)

    assert page.status_code == 422
    assert "value_cd3-purity" in page.context["form"].errors
    assert 'value="LOT-77"' in words(page)
    assert not StepRecord.objects.filter(therapy=therapy.therapy, step="wash-and-select").exists()


def test_a_step_at_the_bench_is_not_signed_before_its_label_is_scanned(cast):
    therapy = at_step(cast, "wash-and-select")

    page = signed_in(therapy.actor("maker", "operator")).post(
        bench(therapy, "wash-and-select"), step_form(therapy, "wash-and-select", scan_label="")
    )

    assert page.status_code == 422
    assert "Scan the label of the cells, or type what stands on it." in words(page)
    assert not StepRecord.objects.filter(therapy=therapy.therapy, step="wash-and-select").exists()


def test_a_label_of_another_therapy_at_the_bench_halts_this_one_and_nothing_is_signed(cast):
    therapy = at_step(cast, "wash-and-select")

    page = signed_in(therapy.actor("maker", "operator")).post(
        bench(therapy, "wash-and-select"), step_form(therapy, "wash-and-select", scan_label=ANOTHER)
    )

    assert page.status_code == 409
    assert "Stop." in words(page)
    assert CustodyException.objects.get(therapy=therapy.therapy).kind == "identity_stop"
    assert not StepRecord.objects.filter(therapy=therapy.therapy, step="wash-and-select").exists()


def test_what_was_scanned_at_the_bench_stands_in_the_record_and_in_the_batch_record(cast):
    therapy = at_step(cast, "wash-and-select")
    client = signed_in(therapy.actor("maker", "operator"))

    client.post(bench(therapy, "wash-and-select"), step_form(therapy, "wash-and-select"))

    page = client.get(reverse("batch", args=[therapy.therapy]))
    done = next(one.line for one in page.context["steps"] if one.line.step.code == "wash-and-select")
    assert done.record.body["scans"] == therapy.scans("wash-and-select")
    assert "Label of the cells scanned and agreed before this was signed" in words(page)


def test_everything_that_is_wrong_with_a_step_is_said_at_once(cast):
    therapy = at_step(cast, "activate")
    client = signed_in(therapy.actor("maker", "operator"))
    other = therapy.actor("maker", "qa")
    form = step_form(
        therapy, "activate", second=other, scan_label="", started_at="2031-01-01T10:00", occurred_at="2031-01-01T09:00",
        second_password="", signing_password="",
        **{"value_bead-ratio": "", "value_density": "many", "value_bead-lot": ""},
    )  # fmt: skip

    page = client.post(bench(therapy, "activate"), form)

    errors = page.context["form"].errors
    assert set(errors) == {
        "scan_label", "value_bead-ratio", "value_density", "value_bead-lot", "occurred_at", "signing_password",
        "second_password",
    }  # fmt: skip
    assert all(f'href="#id_{name}"' in words(page) for name in errors)
    assert "Cell density: Enter a plain number" in words(page)


def test_a_typed_time_stays_open_with_what_was_typed(cast):
    therapy = at_step(cast, "wash-and-select")
    client = signed_in(therapy.actor("maker", "operator"))
    typed = {"started_at": "2026-08-01T10:15", "value_cd3-purity": ""}

    page = words(client.post(bench(therapy, "wash-and-select"), step_form(therapy, "wash-and-select", **typed)))
    untouched = words(client.get(bench(therapy, "wash-and-select")))

    fold = re.compile(r'<details class="np-fold np-card" open[^>]*> ?<summary>[^/]*?</?.*?<b>Times</b>')
    assert 'value="2026-08-01T10:15"' in page
    assert fold.search(page)
    assert not fold.search(untouched)


def test_a_time_before_the_step_before_is_said_at_the_field(cast):
    therapy = at_step(cast, "wash-and-select")
    client = signed_in(therapy.actor("maker", "operator"))

    page = client.post(
        bench(therapy, "wash-and-select"), step_form(therapy, "wash-and-select", started_at="2026-01-01T10:15")
    )

    assert "The step before it ended at" in page.context["form"].errors["started_at"][0]


def test_another_role_of_the_maker_cannot_perform_the_step(cast):
    therapy = at_step(cast, "wash-and-select")

    page = signed_in(therapy.actor("maker", "qc_analyst")).post(
        bench(therapy, "wash-and-select"), step_form(therapy, "wash-and-select")
    )

    assert page.status_code in {403, 409}
    assert not StepRecord.objects.filter(therapy=therapy.therapy, step="wash-and-select").exists()


@pytest.mark.parametrize("page", ["batch", "batch_step", "therapy"])
def test_another_maker_finds_nothing(cast, page):
    therapy = at_step(cast, "wash-and-select")
    other = "M0408" if cast.parties["M0311"].id == therapy.actor("maker", "operator").party else "M0311"
    arguments = [therapy.therapy] + (["wash-and-select"] if page == "batch_step" else [])

    assert somebody(cast, other, "operator").get(reverse(page, args=arguments)).status_code == 404


def test_a_page_that_is_overtaken_says_so(cast):
    therapy = at_step(cast, "wash-and-select")
    form = step_form(therapy, "wash-and-select")
    therapy.on_to("activate")

    page = signed_in(therapy.actor("maker", "operator")).post(bench(therapy, "wash-and-select"), form)

    assert page.status_code == 404
    assert "not to be done now" in words(page)


def test_nobody_verifies_their_own_step(cast):
    therapy = at_step(cast, "activate")
    operator = therapy.actor("maker", "operator")

    page = signed_in(operator).post(bench(therapy, "activate"), step_form(therapy, "activate", second=operator))

    assert page.status_code == 403
    assert "somebody else than you" in words(page)


def test_two_people_sign_a_step_on_one_screen(cast):
    therapy = at_step(cast, "activate")
    operator = therapy.actor("maker", "operator")
    other = therapy.actor("maker", "operator", "qa", other_than=operator.person)

    page = signed_in(operator).post(bench(therapy, "activate"), step_form(therapy, "activate", second=other))

    assert page.status_code == 303
    assert StepRecord.objects.get(therapy=therapy.therapy, step="activate").second_person == other.person


def test_couriers_have_no_batches(cast):
    assert somebody(cast, "C0205", "courier").get(reverse("batches")).status_code == 403


def test_a_batch_record_shows_results_to_the_makers_own_people(cast):
    therapy = at_step(cast, "review")

    page = signed_in(therapy.actor("maker", "qp")).get(reverse("batch", args=[therapy.therapy]))

    viability = next(test for test in page.context["tests"] if test.line.step.code == "test-viability")
    assert viability.values[0].value.endswith("%")
    assert " ".join(viability.values[0].value.split()) in words(page)
    assert page.context["eyes"] == []


def test_the_review_folds_away_what_is_in_order_and_opens_what_is_not(cast):
    therapy = at_step(cast, "review", outside=frozenset({"harvest"}))
    client = signed_in(therapy.actor("maker", "qa"))

    page = client.get(reverse("batch_sign_off", args=[therapy.therapy, "review"]))

    assert [step.line.step.code for step in page.context["eyes"]] == ["harvest"]
    assert len(page.context["clean"]) == len(page.context["record"].done) - 1
    assert "One of" in words(page)


def in_time(monkeypatch, therapy):
    """The portal's clock stands a little after the therapy's last record: nothing waited too long."""
    monkeypatch.setattr("portal.actions.base.now", lambda: therapy.now)


def test_qa_reviews_and_the_qualified_person_releases(cast, monkeypatch):
    therapy = at_step(cast, "review")
    in_time(monkeypatch, therapy)
    review, release = (reverse("batch_sign_off", args=[therapy.therapy, step]) for step in ("review", "release"))

    reviewed = signed_in(therapy.actor("maker", "qa")).post(review, step_form(therapy, "review"))
    context = signed_in(therapy.actor("maker", "qp")).get("/").context
    released = signed_in(therapy.actor("maker", "qp")).post(release, step_form(therapy, "release"))

    assert reviewed.status_code == released.status_code == 303
    assert (context["next"][0].task.therapy.id, context["count"], context["more"]) == (therapy.therapy, 1, "")
    assert "release" in therapy.state["done"]


def test_qa_cannot_release(cast):
    therapy = at_step(cast, "release")

    page = signed_in(therapy.actor("maker", "qa")).post(
        reverse("batch_sign_off", args=[therapy.therapy, "release"]), step_form(therapy, "release")
    )

    assert page.status_code == 403
    assert "release" not in therapy.state["done"]


def received(cast, monkeypatch=None):
    """A therapy whose shipment has been taken over by the maker through the screen, its readings not committed yet."""
    therapy = at_step(cast, "receive-starting-material")
    if monkeypatch is not None:
        in_time(monkeypatch, therapy)
    signed_in(therapy.actor("maker", "operator")).post(
        reverse("handoff_accept", args=[therapy.therapy, "receive-starting-material"]),
        step_form(therapy, "receive-starting-material"),
    )
    assert "receive-starting-material" in therapy.state["done"]
    return therapy


def csv(therapy, *lines):
    shipment = Shipment.objects.get(therapy=therapy.therapy, leg="outbound")
    rows = [f"{shipment.packed_at:%Y-%m-%dT%H:%M:%SZ},5.1,3", *lines]
    return SimpleUploadedFile("logger.csv", "\n".join(["time,temperature (°C),tilt (°)", *rows]).encode())


def upload(client, therapy, file):
    sent = {"file": file, "dates": "", "idempotency_key": "upload-key-0001"}
    return client.post(reverse("readings_upload", args=[therapy.therapy, "outbound"]), sent)


def test_intake_commits_the_readings_before_the_material_is_judged(cast, monkeypatch):
    therapy = received(cast, monkeypatch)
    operator = therapy.actor("maker", "operator")
    client, intake = signed_in(operator), reverse("material_intake", args=[therapy.therapy, "accept-starting-material"])
    second = therapy.actor("maker", "qa")

    upload(client, therapy, csv(therapy))
    too_early = client.post(intake, step_form(therapy, "accept-starting-material", second=second))
    committed = client.post(
        reverse("readings_commit", args=[therapy.therapy, "outbound"]),
        {"idempotency_key": "commit-key-0001", "back": intake},
    )

    assert too_early.status_code == 409
    assert "readings are not on record yet" in words(too_early)
    assert committed.status_code == 303
    assert therapy.state["readings"]["outbound"]["count"] == 1


def test_a_logger_file_says_how_it_was_understood(cast):
    therapy = received(cast)
    client = signed_in(therapy.actor("maker", "operator"))

    done = upload(client, therapy, csv(therapy))

    assert done.status_code == 303
    assert "1 new reading. Read as °C, times in Europe/Amsterdam." in words(client.get(done.url))


def test_every_fault_of_a_logger_file_is_listed_by_line_and_column(cast):
    therapy = received(cast)
    file = csv(therapy, "not a time,5.0,3", "2026-08-20T10:00:00Z,warm,3")

    page = upload(signed_in(therapy.actor("maker", "operator")), therapy, file)

    assert page.status_code == 422
    assert [(fault.line, fault.column) for fault in page.context["problems"]] == [
        (3, "“time”"),
        (4, "“temperature (°C)”"),
    ]
    assert "Line 4" in words(page)


@pytest.mark.parametrize("raw", [b"", b"\x00\x01\x02", b"%PDF-1.7 x", b'time,temperature\n"open quote,3', b"\xff" * 40])
def test_what_is_no_logger_file_is_refused_in_words(cast, raw):
    therapy = received(cast)

    page = upload(signed_in(therapy.actor("maker", "operator")), therapy, SimpleUploadedFile("x.csv", raw))

    assert page.status_code == 422
    assert "Nothing was stored" in words(page)


def test_a_file_that_is_too_large_is_413(cast):
    therapy = received(cast)

    page = upload(signed_in(therapy.actor("maker", "operator")), therapy, SimpleUploadedFile("x.csv", b"0" * 5_000_001))

    assert page.status_code == 413
    assert "5,000,001 bytes" in words(page)


def test_who_may_not_bring_readings_is_told(cast):
    therapy = received(cast)

    assert upload(signed_in(therapy.actor("maker", "qc_analyst")), therapy, csv(therapy)).status_code == 403
    assert upload(somebody(cast, "C0219", "courier"), therapy, csv(therapy)).status_code in {303, 404}


def test_the_logger_of_a_shipment_on_the_road_cannot_be_packed_again(cast):
    first = at_step(cast, "pickup-outbound", number=1)
    second = at_step(cast, "pack-outbound", number=2)
    serial = first.chain.state["custody"]["loggers"]["outbound"]
    from custody.telemetry.models import Device

    form = step_form(
        second, "pack-outbound", container="BX-1", seal="40 1", logger=Device.objects.get(pk=serial).serial
    )
    page = signed_in(second.actor("centre", "cell_lab")).post(
        reverse("shipment_pack", args=[second.therapy, "pack-outbound"]), form
    )

    assert page.status_code == 422
    assert "another shipment" in words(page)
    assert not Shipment.objects.filter(therapy=second.therapy).exists()


def test_the_packed_logger_is_free_again_after_receipt(cast):
    first = at_step(cast, "accept-starting-material", number=1)
    second = at_step(cast, "pack-outbound", number=2)
    from custody.telemetry.models import Device

    serial = Device.objects.get(pk=first.state["custody"]["loggers"]["outbound"]).serial
    page = signed_in(second.actor("centre", "cell_lab")).post(
        reverse("shipment_pack", args=[second.therapy, "pack-outbound"]),
        step_form(second, "pack-outbound", container="BX-1", seal="40 1", logger=serial),
    )

    assert page.status_code == 303


def count_queries(client, page):
    client.get(page)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(page).status_code == 200
    return len(queries)


@pytest.mark.parametrize(
    ("role", "page"), [("operator", "/"), ("qa", "/"), ("qp", "/"), ("scheduler", "/"), ("qa", "/batches/")]
)
def test_a_dashboard_asks_the_same_few_questions_however_many_therapies_there_are(cast, role, page):
    first = at_step(cast, "review", number=1)
    client = signed_in(first.actor("maker", role))
    alone = count_queries(client, page)
    for number in (2, 3):
        at_step(cast, "review", number=number)

    assert count_queries(client, page) == alone


def test_values_are_sealed_and_never_in_the_record(cast):
    therapy = at_step(cast, "test-viability")
    analyst = signed_in(therapy.actor("maker", "qc_analyst"))

    analyst.post(bench(therapy, "test-viability"), step_form(therapy, "test-viability", value_result="91.3"))

    row = StepRecord.objects.get(therapy=therapy.therapy, step="test-viability")
    assert row.values == {}
    assert SealedPayload.objects.filter(row=str(row.id), field="value:result").exists()
    assert "91.3 %" in words(analyst.get(reverse("batch", args=[therapy.therapy])))


def test_at_the_intake_the_times_stay_open_when_one_is_wrong(cast):
    therapy = at_step(cast, "accept-starting-material")
    address = reverse("material_intake", args=[therapy.therapy, "accept-starting-material"])
    client = signed_in(therapy.actor("maker", "operator"))
    times = re.compile(r"<details[^>]*\bopen\b[^>]*>(?:(?!</summary>).)*Times")

    wrong = client.post(address, step_form(therapy, "accept-starting-material", occurred_at="2099-01-01T10:00"))

    assert "This lies in the future" in words(wrong)
    assert times.search(words(wrong))
    assert not times.search(words(client.get(address)))
