"""A product out of specification in a real browser: physician, QA and authority, each on a screen of their own."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.functional.hands import first_with, is_sound

pytestmark = pytest.mark.browser
QUALITY = ("Maud Janse", "Karin Stahl")


def open_exception(page: Page, therapy: str) -> None:
    page.goto(f"/therapies/{therapy}/")
    page.locator(".np-exc", has_text="Out of specification").get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def act(page: Page, title: str) -> None:
    is_sound(page)
    page.locator("main form button[type=submit]", has_text=title).click()
    expect(page.get_by_text(f"{title}: signed and on the ledger.")).to_be_visible()
    is_sound(page)


def test_supply_out_of_specification_goes_from_hand_to_hand(as_person: Any, portal_server: Any) -> None:
    therapy = portal_server.tell(days=37, outside=["test-viability"], resolve=False)
    doctor = as_person("Adaeze Okonjo")
    open_exception(doctor, therapy)
    # Nobody else's act is offered: until the physician asks, QA waits.
    quality = first_with(as_person, QUALITY, f"/batches/{therapy}/")
    open_exception(quality, therapy)
    expect(quality.get_by_text("Waiting for a physician at Linden University Hospital")).to_be_visible()
    assert quality.locator("main form button[type=submit]").count() == 0

    act(doctor, "Ask for supply")
    expect(doctor.get_by_text(re.compile("Waiting for QA or the Qualified Person"))).to_be_visible()
    quality.reload()
    act(quality, "Give the risk evaluation")
    doctor.reload()
    act(doctor, "Accept the risk")
    expect(doctor.get_by_text(re.compile("Waiting for QA or the Qualified Person"))).to_be_visible()

    # Twice from two screens: the second hears that the path has moved on, and nothing is signed twice.
    late = quality.context.new_page()
    for page in (quality, late):
        open_exception(page, therapy)
    act(quality, "Authority is informed")
    late.locator("main form button[type=submit]", has_text="Authority is informed").click()
    expect(late.get_by_text(re.compile("moved on|has ended|closed")).first).to_be_visible()
    is_sound(late)
    quality.goto(f"/therapies/{therapy}/")
    expect(quality.locator(".np-exc", has_text="Out of specification, closed")).to_be_visible()
    is_sound(quality)
