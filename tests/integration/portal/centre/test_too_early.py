"""Before its day conditioning, bedside check and infusion say so before they are signed, and are an exception after."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from custody.exceptions.models import CustodyException
from custody.therapies.models import OpenStep, StepRecord
from custody.therapies.off_plan import off_plan
from custody.therapies.operations import perform_step
from custody.therapies.queries import tasks_of
from custody.therapies.steps import protocol_of
from ledger.clock import parse_stamp, stamp
from ledger.log import sequencer
from ledger.log.verification import findings
from portal.demonstration.story import Story
from portal.presenters import planned
from tests.factories.screens import signed_in, step_form, step_url
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db
ZONE = ZoneInfo("Europe/Berlin")


def at_step(step):
    return told(small_consortium(), Story("rest", stop_before=step))


def words(response):
    return " ".join(response.content.decode().split())


def pair(therapy, step):
    roles = protocol_of(therapy.chain).step(step).roles
    first = therapy.actor("centre", *roles)
    needed = protocol_of(therapy.chain).step(step).second_roles
    return first, therapy.actor("centre", *needed, other_than=first.person) if needed else None


def perform(therapy, step, at):
    first, second = pair(therapy, step)
    values = therapy.values(step)
    return perform_step(
        therapy=therapy.therapy,
        step=step,
        values=values,
        scans=therapy.scans(step, values),
        by=first,
        second=second,
        at=at,
        key=therapy.key(),
    )


def sign(therapy, step, at, **changed):
    first, second = pair(therapy, step)
    ended = {"occurred_at": f"{at.astimezone(ZONE):%Y-%m-%dT%H:%M}"}
    form = step_form(therapy, step, second=second, **ended, **changed)
    return signed_in(first).post(step_url(therapy, step), form, follow=True)


def planned_day(therapy, step):
    """The day for which the bed is booked for this step: the infusion's is not the bed's first."""
    task = next(one for one in tasks_of(therapy=therapy.therapy, by=pair(therapy, step)[0]) if one.step == step)
    return task.booked_at.astimezone(ZONE).date()


def test_a_check_before_its_day_is_refused_until_somebody_says_that_it_is_so():
    therapy = at_step("bedside-check")
    day, now = planned_day(therapy, "bedside-check"), therapy.now
    apart = (day - now.astimezone(ZONE).date()).days
    assert apart > 0

    page = sign(therapy, "bedside-check", now)

    assert page.status_code == 422
    [error] = page.context["form"].errors["other_day"]
    assert f"{apart} day" in error
    assert f"before the booked day, {day:%a} {day.day} {day:%b}. Check the times" in error
    assert f"This is booked for {day:%a} {day.day} {day:%b}, {apart} day" in words(page)
    assert "Do not thaw" in words(page)
    assert not StepRecord.objects.filter(therapy=therapy.therapy, step="bedside-check").exists()


def test_the_page_says_in_how_many_days_before_anything_is_entered(monkeypatch):
    therapy = at_step("bedside-check")
    day, now = planned_day(therapy, "bedside-check"), therapy.now
    monkeypatch.setattr("portal.actions.dated.now", lambda: now)
    apart = (day - now.astimezone(ZONE).date()).days

    page = words(signed_in(pair(therapy, "bedside-check")[0]).get(step_url(therapy, "bedside-check")))

    said = "tomorrow" if apart == 1 else f"in {apart} days"
    assert f"This is booked for {day:%a} {day.day} {day:%b}, {said}" in page
    assert "the infusion waits until then" in page


def test_signed_all_the_same_it_is_an_exception_and_the_infusion_waits():
    therapy = at_step("bedside-check")

    page = sign(therapy, "bedside-check", therapy.now, other_day="on")

    assert "It was another day than booked: an exception is open for it." in words(page)
    [row] = CustodyException.objects.filter(therapy=therapy.therapy)
    assert row.kind == "deviation"
    assert row.finding.startswith("“Check patient and bag at the bedside” was done on")
    assert "before the booked day" in row.finding
    assert OpenStep.objects.get(therapy_id=therapy.therapy, step="infuse").held == "deviation"
    sequencer.drain()
    assert list(findings()) == []


def test_on_its_day_nothing_is_asked_and_nothing_opened():
    therapy = at_step("bedside-check")
    due = OpenStep.objects.get(therapy_id=therapy.therapy, step="bedside-check").due_at

    perform(therapy, "bedside-check", due - timedelta(minutes=5))
    perform(therapy, "infuse", due + timedelta(minutes=30))

    assert not CustodyException.objects.filter(therapy=therapy.therapy).exists()


def test_conditioning_before_the_bed_is_raised_and_what_follows_it_as_planned_is_not_raised_again():
    therapy = at_step("lymphodeplete")
    protocol = protocol_of(therapy.chain)
    step, bed = protocol.step("lymphodeplete"), parse_stamp(therapy.state["slots"]["bed"]["start"])
    early = bed - timedelta(days=12)

    found = off_plan(therapy.state, protocol, step, early, early + timedelta(days=3))
    assert (found.days, found.count) == (-12, "12 days")

    state = therapy.state
    done = state["done"] | {"lymphodeplete": {"start": stamp(early), "at": stamp(early)}}
    begun = state | {"done": done}
    planned_check = bed + timedelta(minutes=7200 - 60)
    check = protocol.step("bedside-check")
    assert off_plan(begun, protocol, check, planned_check - timedelta(days=12), planned_check) is None
    assert off_plan(begun, protocol, check, planned_check - timedelta(days=13), planned_check).days == -1
    assert off_plan(state, protocol, check, planned_check - timedelta(days=12), planned_check).days == -12


def test_a_preparation_of_the_collection_goes_by_the_collection():
    therapy = told(small_consortium(), Story("rest", stop_before="cryopreserve-cells"), protocol="bcma-frozen")
    protocol = protocol_of(therapy.chain)
    early = therapy.now - timedelta(days=4)
    assert off_plan(therapy.state, protocol, protocol.step("cryopreserve-cells"), early, early) is None


@pytest.mark.parametrize("step", ["clear-lymphodepletion", "lymphodeplete", "bedside-check", "infuse"])
def test_worklist_and_therapy_name_one_date(step):
    therapy = at_step(step)
    first = pair(therapy, step)[0]
    [task] = [one for one in tasks_of(therapy=therapy.therapy, by=first) if one.step == step]
    due = OpenStep.objects.get(therapy_id=therapy.therapy, step=step).due_at
    assert due - timedelta(days=5) <= task.booked_at <= due

    page = signed_in(first).get(reverse("therapy", args=[therapy.therapy]))
    [row] = [one for one in page.context["tasks"] if one["task"].step == step]
    work = signed_in(first).get(reverse("worklist"))
    [listed] = [one for one in work.context["tasks"] if one.step == step and one.therapy.id == therapy.therapy]

    assert (row["at"], row["when"]) == (listed.at, listed.when)


def test_a_bed_of_fourteen_days_does_not_make_its_first_day_the_infusions():
    therapy = at_step("infuse")
    bed = parse_stamp(therapy.state["slots"]["bed"]["start"])
    [task] = [one for one in tasks_of(therapy=therapy.therapy, by=pair(therapy, "infuse")[0]) if one.step == "infuse"]

    assert task.booked_at == bed + timedelta(minutes=7320 - 60)
    said = planned.reason(task, bed)
    assert said.startswith(f"booked for {task.booked_at.astimezone(ZONE):%a}")


def test_what_has_begun_as_planned_is_to_be_done_now_and_not_late():
    therapy = at_step("collect")
    [task] = [one for one in tasks_of(therapy=therapy.therapy, by=pair(therapy, "collect")[0]) if one.step == "collect"]
    assert planned.when(task, task.booked_at + timedelta(minutes=16)).startswith("now, by ")
    assert "late" in planned.when(task, task.due_at + timedelta(minutes=16))


def test_what_may_take_days_names_the_day_by_which_it_is_done():
    therapy = at_step("lymphodeplete")
    first = pair(therapy, "lymphodeplete")[0]
    [task] = [one for one in tasks_of(therapy=therapy.therapy, by=first) if one.step == "lymphodeplete"]
    due = task.due_at
    assert planned.reason(task, task.booked_at).endswith(f"{due:%H:%M} on {due:%a} {due.day} {due:%b} at the latest")
