"""A courier delivers in a real browser, and a seal of another patient's shipper is a full stop."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from ledger.clock import now
from tests.functional.hands import box_of, first_with, is_sound, wedge

pytestmark = pytest.mark.browser
COURIERS = ("Kofi Osei", "Gwen Sharp")
OPERATORS = ("Noor Bakker", "Nils Ekdahl")


def test_a_shipper_is_delivered_by_scanning_its_seal(as_person: Any, portal_server: Any) -> None:
    therapy = portal_server.tell(days=7.6, stop_before="deliver-outbound")
    _, seal = box_of(portal_server, therapy)
    page = first_with(
        as_person, COURIERS, f"/therapies/{therapy}/hand-over/deliver-outbound/", width=390, height=844, theme="dark"
    )
    is_sound(page)
    page.locator("#id_seal").focus()
    wedge(page, "99 999 999")
    page.get_by_role("button", name="Sign and hand over").click()
    expect(page.get_by_text("This is not the seal on record").first).to_be_visible()
    is_sound(page)

    page.locator("#id_seal").fill("")
    wedge(page, seal)
    expect(page.locator("#id_seal")).to_have_value(seal)
    page.get_by_role("button", name="Sign and hand over").click()

    expect(page.get_by_text("Offered. Custody stays with you until the receiver has scanned.")).to_be_visible()
    expect(page.get_by_text("who scans next")).to_be_visible()
    is_sound(page)


def test_another_patients_seal_at_the_delivery_is_a_hard_stop(as_person: Any, portal_server: Any) -> None:
    therapy = portal_server.tell(days=7.7, stop_before="deliver-outbound")
    other = portal_server.tell(days=8.4, stop_before="deliver-outbound")
    _, seal = box_of(portal_server, therapy)
    _, wrong = box_of(portal_server, other)
    page = first_with(as_person, COURIERS, f"/therapies/{therapy}/hand-over/deliver-outbound/", width=390, height=844)
    page.locator("#id_seal").focus()
    wedge(page, wrong)
    page.get_by_role("button", name="Sign and hand over").click()

    expect(page.get_by_role("heading", name="Stop.")).to_be_visible()
    expect(page.get_by_text("This seal belongs to another patient’s shipper.")).to_be_visible()
    expect(page.locator(".np-vs")).to_contain_text("".join(seal.split()))
    is_sound(page)
    page.get_by_role("link", name="Open the job").click()
    expect(page.get_by_text("identity stop").first).to_be_visible()
    is_sound(page)

    maker = first_with(as_person, OPERATORS, f"/therapies/{therapy}/")
    expect(maker.get_by_role("heading", name="A seal of another therapy was scanned")).to_be_visible()
    page.goto(f"/therapies/{therapy}/hand-over/deliver-outbound/")
    expect(page.get_by_text("identity stop").first).to_be_visible()
    expect(page.get_by_role("button", name="Sign and hand over")).to_be_disabled()


def test_a_problem_on_the_road_reaches_centre_and_maker_at_once(as_person: Any, portal_server: Any) -> None:
    therapy = portal_server.tell(days=7.8, stop_before="deliver-outbound")
    page = first_with(as_person, COURIERS, f"/jobs/{therapy}/problem/", width=390, height=844, theme="dark")
    watching = first_with(as_person, OPERATORS, f"/therapies/{therapy}/")
    is_sound(page)
    page.get_by_role("button", name="Sign and report").click()
    expect(page.get_by_text("Say what happened.").first).to_be_visible()
    is_sound(page)
    page.get_by_label("Delay", exact=False).check()
    page.get_by_role("button", name="Sign and report").click()
    expect(page.get_by_text("Say when you expect to arrive.").last).to_be_visible()
    is_sound(page)
    tomorrow = now() + timedelta(days=1)
    page.locator("#id_expected_at").fill(f"{tomorrow:%Y-%m-%d}T14:40")
    page.get_by_role("button", name="Sign and report").click()

    expect(page.get_by_text("Reported. Centre and maker have been told.")).to_be_visible()
    expect(page.get_by_text("Delayed on the road").first).to_be_visible()
    is_sound(page)
    # Nobody reloaded the maker's page.
    expect(watching.get_by_role("heading", name="Delayed on the road")).to_be_visible()
    expect(
        watching.get_by_text(re.compile(f"Expected {tomorrow.day} {tomorrow:%b}, .+ instead of")).first
    ).to_be_visible()
    is_sound(watching)
