"""A courier's day on a phone: the job, a wrong seal, no signal, the scan that waits and goes out by itself."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.functional.maker.test_maker_jobs import is_sound

pytestmark = pytest.mark.browser
COURIERS = ("Kofi Osei", "Gwen Sharp")


def with_pickup(as_person: Any, **screen: Any) -> Page:
    for name in COURIERS:
        page = as_person(name, width=390, height=844, **screen)
        if page.get_by_role("link", name="Scan to pick up").count():
            return page
    raise AssertionError("no courier has a pickup")


def seal_on_record(page: Page) -> tuple[str, str]:
    """What stands on the shipper: its number and its seal."""
    page.get_by_role("link", name="Live temperature").first.click()
    expect(page.locator("#job")).to_be_visible()
    shipper = re.search(r"Shipper (\S+), now", page.locator("#now").inner_text())
    seal = re.search(r"Seal ([\d ]+)", page.locator("#job").inner_text())
    assert shipper
    assert seal
    return shipper[1], seal[1].strip()


def test_a_job_fits_the_phone_and_its_act_is_at_the_thumb(as_person: Any) -> None:
    page = with_pickup(as_person, theme="dark")
    is_sound(page)
    seal_on_record(page)
    is_sound(page)

    act = page.get_by_role("link", name="Scan to pick up").bounding_box()
    assert act is not None
    assert act["height"] >= 52
    assert act["y"] + act["height"] <= 844


def test_a_wrong_seal_is_refused_then_a_scan_without_signal_waits_and_goes_out(
    as_person: Any, portal_server: Any
) -> None:
    portal_server.tell(days=8.3, stop_before="pickup-outbound")
    page = with_pickup(as_person)
    shipper, seal = seal_on_record(page)
    page.get_by_role("link", name="Scan to pick up").click()
    is_sound(page)
    page.get_by_label("Scan the shipper").fill(shipper)
    page.get_by_label("Scan or type the seal").fill("00 000 000")
    page.get_by_role("button", name="Sign and take over").click()
    expect(page.get_by_text("This is not the seal on record").first).to_be_visible()
    expect(page.get_by_label("Scan the shipper")).to_have_value(shipper)
    is_sound(page)

    page.context.set_offline(True)
    page.get_by_label("Scan or type the seal").fill(seal)
    page.get_by_role("button", name="Sign and take over").click()
    expect(page.locator("[data-queue-word]")).to_have_text(re.compile("No signal. 1 scan waiting"))
    page.context.set_offline(False)
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator("[data-queue]")).to_be_hidden()

    page.goto("/")
    expect(page.get_by_text("Deliver to").first).to_be_visible()
