"""A therapy that ends before its infusion, in a real browser: cancelled by the centre, or failed at the maker."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.functional.hands import first_with, is_sound

pytestmark = pytest.mark.browser
QUALITY = ("Maud Janse", "Karin Stahl")


def test_a_cancelled_therapy_says_why_and_asks_nothing_more(as_person: Any, portal_server: Any) -> None:
    therapy = portal_server.tell(days=8, stop_before="collect", centre="X0117")
    page = as_person("Fergus Iain", width=390)
    page.goto(f"/therapies/{therapy}/")
    page.locator("summary", has_text="End this therapy").click()
    page.get_by_role("link", name="End the therapy").click()
    is_sound(page)
    page.get_by_role("button", name="Sign and end the therapy").click()
    expect(page.get_by_text("Say how it ends.").first).to_be_visible()
    is_sound(page)
    page.get_by_label("Cancelled", exact=True).check()
    page.get_by_label("Reason").select_option("patient_unfit")
    page.get_by_role("button", name="Sign and end the therapy").click()

    expect(page.get_by_text("The therapy has ended, and everyone who takes part is told.")).to_be_visible()
    expect(page.get_by_text("What may be done now")).to_have_count(0)
    expect(page.get_by_role("link", name="Move to other dates")).to_have_count(0)
    is_sound(page)
    nurse = as_person("Bryony Cole")
    nurse.goto(f"/therapies/{therapy}/steps/collect/")
    assert nurse.locator("main button[type=submit]:not([disabled])").count() == 0
    is_sound(nurse)


def test_a_reason_that_does_not_fit_ends_nothing(as_person: Any, portal_server: Any) -> None:
    therapy = portal_server.tell(days=8.1, stop_before="collect", centre="X0117")
    page = as_person("Fergus Iain")
    page.goto(f"/therapies/{therapy}/end/")
    page.get_by_label("Cancelled", exact=True).check()
    page.get_by_label("Reason").select_option("manufacturing_failed")
    page.get_by_role("button", name="Sign and end the therapy").click()

    expect(page.get_by_text("with one of the known reasons").first).to_be_visible()
    is_sound(page)
    page.goto(f"/therapies/{therapy}/")
    expect(page.get_by_text("What may be done now")).to_be_visible()


def test_a_product_that_cannot_be_made_fails_the_therapy_at_the_maker(as_person: Any, portal_server: Any) -> None:
    therapy = portal_server.tell(days=13, stop_before="transduce")
    page = first_with(as_person, QUALITY, f"/therapies/{therapy}/end/")
    is_sound(page)
    page.get_by_label("Failed", exact=True).check()
    page.get_by_label("Reason").select_option("manufacturing_failed")
    page.get_by_role("button", name="Sign and end the therapy").click()
    expect(page.get_by_text("The therapy has ended")).to_be_visible()
    is_sound(page)

    coordinator = as_person("Tomas Birk")
    coordinator.goto(f"/therapies/{therapy}/")
    expect(coordinator.get_by_text("Failed").first).to_be_visible()
    is_sound(coordinator)
    coordinator.goto(f"/therapies/{therapy}/end/")
    expect(coordinator.get_by_text("This therapy has ended already")).to_be_visible()
    is_sound(coordinator)
