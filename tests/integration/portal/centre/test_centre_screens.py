"""The treatment centre's screens: who may open them, what they record, what they refuse, and what they cost."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from custody.contract.comparing import figures_of
from custody.contract.items import Item, Label
from custody.exceptions.models import CustodyException
from custody.labels.models import Label as PrintedLabel
from custody.labels.queries import prints
from custody.patients.models import Patient
from custody.scheduling.models import Booking, SlotHold
from custody.therapies import queries
from custody.therapies.models import StepRecord, Therapy
from custody.transport.models import Shipment
from ledger.clock import now
from ledger.ids import uuid7
from ledger.log.models import Record
from manufacturing.batches.models import Batch
from portal.accounts.demonstration import PASSWORD
from portal.accounts.models import User
from portal.demonstration.story import Story
from portal.presenters.labels import NoBarcode, inline_svg
from tests.factories.screens import signed_in, somebody, step_form, step_url
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db
ANOTHER = "X004226000999A"


@pytest.fixture
def cast():
    return small_consortium()


def at_step(cast, step, number=1, **story):
    return told(cast, Story("told", stop_before=step, **story), number=number)


def words(response):
    return " ".join(response.content.decode().split())


def nurse(therapy):
    return signed_in(therapy.actor("centre", "nurse"))


def second(therapy, first_role="nurse", *roles):
    first = therapy.actor("centre", first_role)
    return therapy.actor("centre", *(roles or ("nurse",)), other_than=first.person)


def order_form(cast, **changed):
    payer = cast.parties["P0501"]
    return {
        "protocol": "cd19-fresh",
        "record_number": "LU-551122",
        "given_name": "Marit",
        "family_name": "de Wael",
        "birth_date": "1961-04-12",
        "weight_kg": "64.5",
        "payer": str(payer.id),
        "value_indication": "Mantle cell lymphoma",
        "eligible": "on",
        "consent": "on",
        "idempotency_key": str(uuid7()),
        "signing_password": PASSWORD,
    } | changed


# ── worklist ──


def test_the_worklist_leads_with_what_is_due_first(cast):
    at_step(cast, "label", number=2)
    first = at_step(cast, "collect", number=1)

    agenda = nurse(first).get("/").context["agenda"]

    shown = [agenda.next, *(task for group in agenda.groups for task in group.tasks)]
    assert len(shown) == 2
    assert [task.at for task in shown] == sorted(task.at for task in shown)


def test_a_task_that_an_exception_holds_stands_apart_and_is_not_counted(cast):
    therapy = at_step(cast, "bedside-check", stop_identity="", resolve=False)
    client = nurse(therapy)
    client.post(step_url(therapy, "bedside-check"), step_form(therapy, "bedside-check", scan_bag=ANOTHER))

    page = client.get("/")

    assert page.context["agenda"].next is None
    assert page.context["agenda"].count == 0
    assert page.context["agenda"].held_count == 1
    assert "Nothing needs you now." in words(page)


def test_the_worklist_costs_the_same_for_five_therapies_of_each_kind_as_for_one(cast):
    client = nurse(at_step(cast, "collect", number=1))
    at_step(cast, "accept-starting-material", number=2)
    client.get("/")
    with CaptureQueriesContext(connection) as one:
        client.get("/")
    for number in range(3, 11):
        at_step(cast, "collect" if number % 2 else "accept-starting-material", number=number)
    # Once before: who is shown names that they were not shown before is written down.
    client.get("/")

    with CaptureQueriesContext(connection) as five:
        page = client.get("/")

    assert page.context["agenda"].count == 5
    assert len(page.context["elsewhere"]) == 5
    assert len(five) == len(one)


def test_what_others_do_is_said_with_their_name(cast):
    therapy = at_step(cast, "payer-approval")

    page = words(nurse(therapy).get("/"))

    assert "Decide on cover: payer analyst of Delta Care Fund" in page


def test_the_cell_lab_reads_no_patient_on_any_screen(cast):
    therapy = at_step(cast, "pack-outbound")
    seen = words(nurse(therapy).get(reverse("therapy", args=[therapy.therapy])))
    name = re.search(r"Patient <b>(?:<a [^>]*>)?([^<]+)<", seen)[1]
    client = signed_in(therapy.actor("centre", "cell_lab"))

    shown = "".join(
        words(client.get(url))
        for url in (
            "/",
            reverse("therapy", args=[therapy.therapy]),
            reverse("therapies"),
            reverse("shipment_pack", args=[therapy.therapy, "pack-outbound"]),
            reverse("therapy_label", args=[therapy.therapy]),
        )
    )

    assert name
    assert name not in shown
    assert name.split()[-1] not in shown


# ── order ──


def test_an_order_enrols_the_patient_and_asks_the_payer(cast):
    response = somebody(cast, "X0042", "coordinator").post(reverse("order"), order_form(cast))

    assert response.status_code == 303
    therapy = Therapy.objects.get()
    assert response.url == reverse("therapy", args=[therapy.pk])
    assert therapy.open_steps.get().step == "payer-approval"


def test_an_order_sent_twice_is_one_order(cast):
    client, form = somebody(cast, "X0042", "coordinator"), order_form(cast)

    first, again = client.post(reverse("order"), form), client.post(reverse("order"), form)

    assert first.url == again.url
    assert Therapy.objects.count() == Patient.objects.count() == 1


def test_a_known_record_number_with_another_name_is_refused_and_the_form_kept(cast):
    client = somebody(cast, "X0042", "coordinator")
    client.post(reverse("order"), order_form(cast))

    response = client.post(reverse("order"), order_form(cast, family_name="Somebody Else"))

    assert response.status_code == 409
    assert "Somebody Else" in words(response)
    assert Therapy.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [("consent", ""), ("eligible", ""), ("weight_kg", "heavy"), ("birth_date", "yesterday"), ("payer", "nobody")],
)
def test_an_order_that_is_not_whole_is_refused_at_its_field(cast, field, value):
    response = somebody(cast, "X0042", "coordinator").post(reverse("order"), order_form(cast, **{field: value}))

    assert response.status_code == 422
    assert response.context["form"].errors[field]
    assert Therapy.objects.count() == 0


def test_everything_that_is_wrong_with_an_order_is_said_at_once(cast):
    wrong = {
        "consent": "", "weight_kg": "900", "birth_date": "1790-01-01", "record_number": "!", "given_name": "",
        "value_indication": "", "signing_password": "",
    }  # fmt: skip
    client = somebody(cast, "X0042", "coordinator")

    response = client.post(reverse("order"), order_form(cast, **wrong))

    assert set(response.context["form"].errors) == set(wrong)


@pytest.mark.parametrize(("code", "role"), [("X0042", "nurse"), ("X0042", "cell_lab"), ("M0311", "qa")])
def test_only_who_may_order_orders(cast, code, role):
    response = somebody(cast, code, role).post(reverse("order"), order_form(cast))

    assert response.status_code == 403
    assert Therapy.objects.count() == 0


# ── slots ──


def slot_page(therapy):
    return reverse("therapy_slots", args=[therapy.therapy])


def choose(client, therapy, act, slots, **more):
    sent = {"act": act, "slots": slots, "idempotency_key": str(uuid7()), "signing_password": PASSWORD}
    return client.post(slot_page(therapy), sent | more)


@pytest.fixture
def booking(cast, monkeypatch):
    """A therapy that waits for its slots, seen while its places are still ahead."""
    therapy = at_step(cast, "booking")
    monkeypatch.setattr("portal.actions.base.now", lambda: therapy.now + timedelta(days=1))
    return therapy


def test_a_chain_is_held_then_booked_whole(booking):
    client = signed_in(booking.actor("centre", "coordinator"))
    offered = client.get(slot_page(booking)).context["offers"][0]

    held = choose(client, booking, "hold", offered.slot_ids)
    page = client.get(slot_page(booking))
    booked = choose(client, booking, "book", page.context["held"].chain.slot_ids)

    assert held.status_code == booked.status_code == 303
    assert page.context["held"].chain.slot_ids == offered.slot_ids
    assert Booking.objects.count() == len(offered.slot_ids.split(","))
    assert SlotHold.objects.count() == 0


def test_what_is_let_go_is_held_no_longer(booking):
    client = signed_in(booking.actor("centre", "coordinator"))
    choose(client, booking, "hold", client.get(slot_page(booking)).context["offers"][0].slot_ids)

    choose(client, booking, "release", "")

    assert SlotHold.objects.count() == 0


def test_whoever_comes_second_sees_fresh_offers(booking, cast):
    other = at_step(cast, "booking", number=2)
    mine, theirs = (signed_in(one.actor("centre", "coordinator")) for one in (booking, other))
    same = mine.get(slot_page(booking)).context["offers"][0].slot_ids
    assert choose(theirs, other, "book", same).status_code == 303

    response = choose(mine, booking, "book", same)

    assert response.status_code == 409
    assert response.context["form"].non_field_errors()
    assert response.context["offers"]
    assert same not in [offer.slot_ids for offer in response.context["offers"]]
    assert not Booking.objects.filter(therapy_id=booking.therapy).exists()


def test_when_nothing_fits_the_reason_is_given_and_what_would(booking):
    client = signed_in(booking.actor("centre", "coordinator"))

    page = client.get(slot_page(booking), {"earliest": "2027-06-01"})

    assert page.status_code == 200
    assert not page.context["offers"]
    assert page.context["result"].reason in words(page)


@pytest.mark.parametrize("slots", ["", "not-a-slot", "01a203ce-c643-798b-b4eb-df303cb42926"])
def test_slots_that_are_none_are_refused(booking, slots):
    client = signed_in(booking.actor("centre", "coordinator"))

    response = choose(client, booking, "book", slots)

    assert 400 <= response.status_code < 500
    assert Booking.objects.count() == 0


def test_a_booked_chain_is_not_booked_again(cast):
    therapy = at_step(cast, "label")

    response = signed_in(therapy.actor("centre", "coordinator")).get(slot_page(therapy))

    assert response.status_code == 409
    assert "booked already" in words(response)


# ── label ──


def prints_of(therapy):
    return prints(queries.journey(therapy=therapy.therapy, by=therapy.actor("centre", "nurse")))


def label_page(therapy):
    return reverse("therapy_label", args=[therapy.therapy])


def label_form(therapy, **changed):
    """What is sent once a printed label was scanned."""
    first = {"count_wristband": "1", "count_order": "1", "count_label": "1", "count_bag": "0", "count_cassette": "0"}
    again = {"item": "label", "number": "1", "copies": "1"}
    scanned = Label(therapy.state["coi"], Item("label", 1)).code
    return step_form(therapy, "label", **{"scan_label": scanned, **first, **again, **changed})


def test_the_first_print_is_a_step_and_a_reprint_needs_its_reason(cast):
    therapy = at_step(cast, "label")
    client = nurse(therapy)

    printed = client.post(label_page(therapy), label_form(therapy))
    unreasoned = client.post(label_page(therapy), label_form(therapy))
    reasoned = client.post(label_page(therapy), label_form(therapy, reason="damaged"))

    assert (printed.status_code, unreasoned.status_code, reasoned.status_code) == (303, 422, 303)
    assert list(PrintedLabel.objects.order_by("serial").values_list("serial", "reason")) == [(1, ""), (2, "damaged")]


def test_each_label_says_what_it_is_on_and_the_record_says_which_were_printed(cast):
    therapy = at_step(cast, "label")
    client = nurse(therapy)

    page = client.get(label_page(therapy), {"count_label": "3", "count_order": "0"})
    client.post(label_page(therapy), label_form(therapy, count_label="3", count_order="0"))

    codes = [one.code for one in page.context["labels"]]
    assert [code[14:17] for code in codes] == ["W01", "M01", "M02", "M03"]
    assert [f">{number} of 3<" in words(page) for number in (1, 2, 3, 4)] == [True, True, True, False]
    assert words(page).count("np-label__bars") == 4
    assert PrintedLabel.objects.get(therapy_id=therapy.therapy).copies == 4
    assert [one.code for one in prints_of(therapy)[0].items] == ["W01", "M01", "M02", "M03"]


def test_the_maker_prints_the_labels_of_the_product_with_the_next_number(cast):
    therapy = at_step(cast, "fill-and-label")
    client = signed_in(therapy.actor("maker", "operator"))

    opened = client.get(label_page(therapy)).context["form"]
    bag = Label(therapy.state["coi"], Item("bag", 1)).code
    printed = client.post(
        label_page(therapy), label_form(therapy, item="bag", copies="2", reason="filled", scan_label=bag)
    )

    assert (opened["item"].value(), opened["number"].value()) == ("bag", 1)
    assert printed.status_code == 303
    assert [one.words for one in prints_of(therapy)[-1].items] == ["product bag 1", "product bag 2"]
    assert client.get(label_page(therapy)).context["form"]["number"].value() == 3


def test_the_label_that_is_compared_is_one_of_those_that_were_printed(cast):
    therapy = at_step(cast, "label")
    coi = therapy.state["coi"]
    cassette, before = Label(coi, Item("cassette", 1)).code, coi

    other = nurse(therapy).post(label_page(therapy), label_form(therapy, scan_label=cassette))
    older = nurse(therapy).post(label_page(therapy), label_form(therapy, scan_label=before))

    assert other.context["form"].errors["scan_label"] == [
        "This is cassette 1, which is not printed here. Scan one of those printed now."
    ]
    assert "does not say what it is on" in older.context["form"].errors["scan_label"][0]
    assert not prints_of(therapy)


def test_a_number_of_labels_beyond_reading_shows_none_of_that_kind(cast):
    page = nurse(therapy := at_step(cast, "label")).get(label_page(therapy), {"count_label": "9" * 5000})

    assert page.status_code == 200
    assert {one.kind for one in page.context["labels"]} == {"wristband", "order"}


@pytest.mark.parametrize("count", ["", "-1", "21", "many"])
def test_how_many_labels_is_a_number_that_can_be(cast, count):
    therapy = at_step(cast, "label")

    response = nurse(therapy).post(label_page(therapy), label_form(therapy, count_label=count))

    assert response.context["form"].errors["count_label"] == ["Say how many: 0 to 20."]
    assert not prints_of(therapy)


@pytest.mark.parametrize(("counts", "sum_of_them"), [("0", 0), ("20", 22)])
def test_no_labels_and_too_many_are_not_printed(cast, counts, sum_of_them):
    therapy = at_step(cast, "label")
    rest = {"count_wristband": "0", "count_order": "0"} if counts == "0" else {}

    response = nurse(therapy).post(label_page(therapy), label_form(therapy, count_label=counts, **rest))

    assert response.context["form"].errors["count_label"] == [
        f"Print 1 to 20 labels together; these are {sum_of_them}."
    ]


@pytest.mark.parametrize("scanned", ["", "not a label"])
def test_a_label_that_was_not_scanned_is_not_signed_for(cast, scanned):
    therapy = at_step(cast, "label")

    response = nurse(therapy).post(label_page(therapy), label_form(therapy, scan_label=scanned))

    assert response.status_code == 422
    assert response.context["form"].errors["scan_label"]
    assert not PrintedLabel.objects.exists()
    assert not StepRecord.objects.filter(therapy_id=therapy.therapy, step="label").exists()


def test_a_printed_label_of_another_therapy_halts_this_one(cast):
    therapy = at_step(cast, "label")

    response = nurse(therapy).post(label_page(therapy), label_form(therapy, scan_label=ANOTHER))

    assert response.status_code == 409
    assert "This label belongs to another therapy." in words(response)
    page = words(nurse(therapy).get(label_page(therapy)))
    assert "This therapy is halted: print no label" in page
    assert "data-print" not in page
    assert not PrintedLabel.objects.exists()
    assert Therapy.objects.get(pk=therapy.therapy).open_exceptions == 1


def test_a_barcode_of_another_form_never_reaches_the_page():
    with pytest.raises(NoBarcode):
        inline_svg('<svg width="1" height="1"><path d="M1 1<script>"/></svg>', words="x")


# ── identity ──


def test_a_collection_is_signed_by_two(cast):
    therapy = at_step(cast, "collect")

    response = nurse(therapy).post(step_url(therapy, "collect"), step_form(therapy, "collect", second=second(therapy)))

    assert response.status_code == 303
    done = StepRecord.objects.get(therapy_id=therapy.therapy, step="collect")
    assert done.second_person not in {None, done.person}


def test_who_signs_on_a_colleagues_screen_was_seen(cast):
    therapy = at_step(cast, "collect")
    verifier = second(therapy)
    assert User.objects.get(pk=verifier.person).signed_at is None

    nurse(therapy).post(step_url(therapy, "collect"), step_form(therapy, "collect", second=verifier))

    user = User.objects.get(pk=verifier.person)
    assert user.last_login is None
    assert now() - user.signed_at < timedelta(minutes=1)


def test_a_step_out_of_limits_says_so_once_it_is_signed(cast):
    therapy = at_step(cast, "collect")
    form = step_form(therapy, "collect", second=second(therapy), value_volume="30")

    page = nurse(therapy).post(step_url(therapy, "collect"), form, follow=True)

    assert "signed and on the ledger. It is out of limits: an exception is open for it." in words(page)


def test_the_first_person_is_never_the_second(cast):
    therapy = at_step(cast, "collect")
    first = therapy.actor("centre", "nurse")

    response = signed_in(first).post(step_url(therapy, "collect"), step_form(therapy, "collect", second=first))

    assert response.status_code == 403
    assert response.context["form"].errors["second_email"]
    assert not StepRecord.objects.filter(step="collect").exists()


@pytest.mark.parametrize("missing", [{}, {"second_email": "", "second_password": "", "value_volume": ""}])
def test_an_identity_of_another_therapy_stops_whatever_else_is_missing(cast, missing):
    therapy = at_step(cast, "collect")
    form = step_form(therapy, "collect", second=second(therapy), scan_wristband=f"(90){ANOTHER}", **missing)

    response = nurse(therapy).post(step_url(therapy, "collect"), form)

    assert response.status_code == 409
    assert "This wristband belongs to another patient." in words(response)
    assert CustodyException.objects.get().kind == "identity_stop"
    assert not StepRecord.objects.filter(step="collect").exists()


def test_a_stop_sent_twice_is_one_stop(cast):
    therapy = at_step(cast, "bedside-check")
    client, form = nurse(therapy), step_form(therapy, "bedside-check", scan_bag=ANOTHER)

    client.post(step_url(therapy, "bedside-check"), form)
    client.post(step_url(therapy, "bedside-check"), form)

    assert CustodyException.objects.count() == 1


def test_a_halted_therapy_says_so_first(cast):
    therapy = at_step(cast, "bedside-check")
    client, page = nurse(therapy), reverse("therapy", args=[therapy.therapy])
    assert not client.get(page).context["is_halted"]
    client.post(step_url(therapy, "bedside-check"), step_form(therapy, "bedside-check", scan_bag=ANOTHER))

    assert ">Halted<" in words(client.get(page)).replace("> Halted <", ">Halted<")


def test_after_a_stop_the_bedside_is_closed(cast):
    therapy = at_step(cast, "bedside-check")
    client = nurse(therapy)
    client.post(step_url(therapy, "bedside-check"), step_form(therapy, "bedside-check", scan_bag=ANOTHER))

    page = client.get(step_url(therapy, "bedside-check"))
    tried = client.post(step_url(therapy, "bedside-check"), step_form(therapy, "bedside-check", second=second(therapy)))

    assert "Halted" in words(page)
    assert 400 <= tried.status_code < 500
    assert not StepRecord.objects.filter(step="bedside-check").exists()


def test_a_scan_that_is_no_identity_may_be_made_again(cast):
    therapy = at_step(cast, "bedside-check")

    response = nurse(therapy).post(
        step_url(therapy, "bedside-check"),
        step_form(therapy, "bedside-check", second=second(therapy), scan_bag="4006381333931"),
    )

    assert response.status_code == 422
    assert response.context["form"].errors["scan_bag"]
    assert CustodyException.objects.count() == 0


def test_one_label_scanned_for_patient_cassette_and_bag_is_refused_and_halts_nothing(cast):
    therapy = at_step(cast, "bedside-check")
    band = Label(therapy.state["coi"], Item("wristband", 1)).code
    thrice = {"scan_wristband": band, "scan_cassette": band, "scan_bag": band}

    response = nurse(therapy).post(
        step_url(therapy, "bedside-check"),
        step_form(therapy, "bedside-check", second=second(therapy), **thrice),
    )

    assert response.status_code == 422
    assert {name: list(said) for name, said in response.context["form"].errors.items()} == {
        "scan_cassette": ["This is the wristband. Wanted is the cassette: scan that."],
        "scan_bag": ["This is the wristband. Wanted is the product bag: scan that."],
    }
    assert CustodyException.objects.count() == 0
    assert not StepRecord.objects.filter(step="bedside-check").exists()


def test_an_answer_that_halts_is_marked_and_the_page_holds_what_signing_does_and_whom_to_call(cast):
    """What turns the page then is style alone (forms.css), so it needs neither script nor server."""
    therapy = at_step(cast, "bedside-check")

    page = nurse(therapy).get(step_url(therapy, "bedside-check"))
    halting = re.findall(r'<input type="radio" name="([^"]+)" value="(\w+)"[^>]*data-halts', words(page))

    assert halting == [("value_band-read-aloud", "no"), ("value_consent-confirmed", "no")]
    assert '<span class="np-if-halts">Both sign: stop this therapy</span>' in words(page)
    assert [one.number for one in page.context["stop_calls"]]
    assert "Signing stops this therapy" in words(page)


def test_another_therapys_label_halts_also_where_it_is_on_the_wrong_item(cast):
    therapy = at_step(cast, "bedside-check")
    other = Label(ANOTHER, Item("wristband", 1)).code

    response = nurse(therapy).post(
        step_url(therapy, "bedside-check"),
        step_form(therapy, "bedside-check", second=second(therapy), scan_bag=f"]d290{other}"),
    )

    assert response.status_code == 409
    assert CustodyException.objects.get().kind == "identity_stop"


def test_two_bags_are_infused_when_two_different_ones_are_scanned(cast):
    therapy = at_step(cast, "infuse", number=2)
    assert figures_of(therapy.state, "accept-product")["bags"] == "2"
    client, coi = nurse(therapy), therapy.state["coi"]
    one, two = (Label(coi, Item("bag", number)).code for number in (1, 2))
    wristband = Label(coi, Item("wristband", 1)).code
    places = client.get(step_url(therapy, "infuse"), {"bags": "2"}).context["form"]

    def infused(**bags):
        form = step_form(therapy, "infuse", second=second(therapy)) | {"value_bags": "2"}
        form = {name: value for name, value in form.items() if not name.startswith("scan_")}
        return client.post(step_url(therapy, "infuse"), form | {"scan_wristband": wristband} | bags)

    twice = infused(**{"scan_bag": one, "scan_bag-2": one})
    short = infused(scan_bag=one)

    assert [field.name for field in places.scan_fields] == ["scan_wristband", "scan_bag", "scan_bag-2"]
    assert places["value_bags"].value() == "2"
    assert twice.context["form"].errors["scan_bag-2"] == ["Product bag 1 was scanned twice. Scan each once."]
    assert "scan_bag-2" in short.context["form"].errors
    assert infused(**{"scan_bag": one, "scan_bag-2": two}).status_code == 303


# ── order of things ──


@pytest.mark.parametrize("step", ["collect", "bedside-check", "clear-lymphodepletion", "no-such-step"])
def test_a_step_before_its_time_is_refused_in_words(cast, step):
    therapy = at_step(cast, "label")

    response = nurse(therapy).get(step_url(therapy, step))

    assert response.status_code == 404
    assert "not to be done now" in words(response)


def test_a_stale_page_records_nothing_twice(cast):
    therapy = at_step(cast, "collect")
    client = nurse(therapy)
    client.post(step_url(therapy, "collect"), step_form(therapy, "collect", second=second(therapy)))
    records = Record.objects.count()

    stale = client.post(step_url(therapy, "collect"), step_form(therapy, "collect", second=second(therapy)))

    assert 400 <= stale.status_code < 500
    assert Record.objects.count() == records


@pytest.mark.parametrize(
    ("code", "role", "status"),
    [("X0042", "coordinator", 403), ("X0117", "nurse", 404), ("M0311", "operator", 404), ("R0901", "inspector", 403)],
)
def test_a_collection_is_for_the_nurses_of_its_centre(cast, code, role, status):
    therapy = at_step(cast, "collect")

    response = somebody(cast, code, role).post(
        step_url(therapy, "collect"), step_form(therapy, "collect", second=second(therapy))
    )

    assert response.status_code == status
    assert not StepRecord.objects.filter(step="collect").exists()


def test_the_gate_says_that_it_is_locked_until_the_product_is_accepted(cast):
    therapy = at_step(cast, "accept-product")
    client = signed_in(therapy.actor("centre", "physician"))

    before = words(client.get(reverse("therapy", args=[therapy.therapy])))
    therapy.on_to("clear-lymphodepletion")
    after = words(client.get(reverse("therapy", args=[therapy.therapy])))

    assert "Clear the lymphodepletion: locked" in before
    assert "Clear the lymphodepletion: locked" not in after


# ── journey ──


def test_a_journey_draws_a_gap_where_the_logger_was_silent(cast):
    therapy = at_step(cast, "accept-starting-material", readings={"outbound": "gap"}, resolve=False)

    timeline = nurse(therapy).get(reverse("therapy", args=[therapy.therapy])).context["timeline"]

    items = [*timeline.folded, *timeline.shown]
    place = next(number for number, item in enumerate(items) if item.gap)
    assert items[place].gap.title.startswith("No reading for")
    assert items[place - 1].before == "to-gap"


def test_every_record_of_a_journey_shows_name_role_meaning_time_and_method(cast):
    therapy = at_step(cast, "bedside-check")

    page = nurse(therapy).get(reverse("therapy", args=[therapy.therapy]))

    entries = [item.entry for item in (*page.context["timeline"].folded, *page.context["timeline"].shown) if item.entry]
    signed = [entry for entry in entries if entry.signatures]
    assert len(signed) == len(entries) == Record.objects.filter(chain=therapy.chain).count()
    for signature in (one for entry in signed for one in entry.signatures):
        assert all((signature.name, signature.role, signature.meaning, signature.at, signature.method))
        assert signature.name in words(page)


def test_another_centre_finds_no_journey(cast):
    therapy = at_step(cast, "collect")

    assert somebody(cast, "X0117", "nurse").get(reverse("therapy", args=[therapy.therapy])).status_code == 404


def test_a_scan_leads_to_the_one_thing_to_do(cast):
    therapy = at_step(cast, "collect")

    response = nurse(therapy).get(reverse("scan"), {"q": f"]d290{therapy.state['coi']}"})

    assert response.url == step_url(therapy, "collect")


def test_a_scan_of_nothing_of_ours_says_what_to_do(cast):
    therapy = at_step(cast, "collect")

    response = somebody(cast, "X0117", "nurse").get(reverse("scan"), {"q": therapy.state["coi"]})

    assert response.status_code == 404
    assert "call the cell lab or QA" in words(response)
    assert "Nothing of yours is called" in words(response)


@pytest.mark.parametrize(
    ("capacity", "role", "said", "unsaid"),
    [
        ("centre", "nurse", "Chain of identity, call name or shipper’s number", "batch number"),
        ("maker", "qa", "Chain of identity, call name, batch number or shipper’s number", "Record numbers of patients"),
        ("payer", "payer_analyst", "Chain of identity or call name", "shipper’s number"),
    ],
)
def test_the_search_says_what_this_role_can_find_and_what_to_do_next(cast, capacity, role, said, unsaid):
    client = signed_in(at_step(cast, "wash-and-select").actor(capacity, role))

    shown = words(client.get(reverse("scan"), {"q": "nothing like it"}))

    assert said in shown
    assert unsaid not in shown
    assert "Look through all therapies" in shown
    assert client.get(reverse("scan")).status_code == 200


def test_a_batch_and_a_shipper_lead_to_their_therapy_and_to_nobody_elses(cast):
    therapy = at_step(cast, "deliver-outbound")
    maker = therapy.actor("maker", "qa")
    shipper = Shipment.objects.get(therapy=therapy.therapy).container
    home = reverse("therapy", args=[therapy.therapy])

    assert signed_in(maker).get(reverse("scan"), {"q": shipper}).url == home
    assert somebody(cast, "X0117", "nurse").get(reverse("scan"), {"q": shipper}).status_code == 404
    therapy.on_to("activate")
    batch = Batch.objects.get(therapy=therapy.therapy)
    assert signed_in(maker).get(reverse("scan"), {"q": batch.number.lower()}).url == home
    assert (
        somebody(cast, "M0408" if cast.parties["M0311"].id == maker.party else "M0311", "qa")
        .get(reverse("scan"), {"q": batch.number})
        .status_code
        == 404
    )
