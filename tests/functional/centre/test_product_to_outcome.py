"""The product comes home in a real browser: receipt, acceptance, gate, bedside, infusion and the first outcome."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.functional.hands import (
    box_of,
    close_exceptions,
    fill_in_limits,
    is_sound,
    label,
    mail_of,
    scan,
    second_person,
    wedge,
)

pytestmark = pytest.mark.browser
DOMAIN = "linden.example"


def open_step(page: Page, therapy: str, step: str) -> None:
    page.goto(f"/therapies/{therapy}/steps/{step}/")
    is_sound(page)


def signed(page: Page, title: str) -> None:
    expect(page.get_by_text(f"{title}: signed and on the ledger").first).to_be_visible()
    is_sound(page)


def test_the_product_is_received_accepted_and_opens_the_gate(as_person: Any, portal_server: Any) -> None:
    therapy = portal_server.tell(days=39, stop_before="receive-product")
    shipper, seal = box_of(portal_server, therapy)
    lab = as_person("Lotte Vermeer")
    lab.goto(f"/therapies/{therapy}/take-over/receive-product/")
    lab.locator("#id_scan_shipper").focus()
    wedge(lab, shipper)

    # The scanner's Enter went on to the seal: half a hand-over is not sent.
    expect(lab.locator("#id_scan_seal")).to_be_focused()
    expect(lab.locator("#id_scan_shipper")).to_have_value(shipper)
    assert lab.url.endswith("/take-over/receive-product/")
    is_sound(lab)
    wedge(lab, seal)
    expect(lab.get_by_role("button", name="Sign and take over")).to_be_focused()
    lab.keyboard.press("Enter")
    expect(lab.get_by_text("Taken over. Custody is yours now.")).to_be_visible()
    close_exceptions(as_person, portal_server, therapy, ("Adaeze Okonjo",))

    open_step(lab, therapy, "accept-product")
    lab.get_by_role("button", name="Commit readings").click()
    expect(lab.get_by_text("Readings committed to the ledger")).to_be_visible()
    cassette = label(lab, "cassette")
    # A scan finds its place wherever the focus is, and leaves the figure that was being typed alone.
    lab.locator("#id_value_storage-temperature").fill("-178")
    wedge(lab, cassette)
    expect(lab.locator("#id_scan_cassette")).to_have_value(cassette)
    expect(lab.locator("#id_value_storage-temperature")).to_have_value("-178")
    fill_in_limits(lab)
    second_person(lab, mail_of("Sami Rautio", DOMAIN))
    is_sound(lab)
    lab.get_by_role("button", name="Sign and accept, both").click()
    expect(lab.get_by_text("signed and on the ledger").first).to_be_visible()

    doctor = as_person("Adaeze Okonjo")
    open_step(doctor, therapy, "clear-lymphodepletion")
    doctor.get_by_role("button", name="Sign and record").click()
    expect(doctor.get_by_text("This is missing").first).to_be_visible()
    is_sound(doctor)
    fill_in_limits(doctor)
    doctor.get_by_role("button", name="Sign and record").click()
    signed(doctor, "Clear the lymphodepletion")


def test_two_people_check_infuse_and_the_first_outcome_is_recorded(as_person: Any, portal_server: Any) -> None:
    therapy = portal_server.tell(days=46.2, stop_before="bedside-check")
    nurse = as_person("Ines Marlowe", width=390, height=844)
    open_step(nurse, therapy, "bedside-check")
    for kind in ("wristband", "cassette", "bag"):
        scan(nurse, kind, label(nurse, kind))
    expect(nurse.locator("[data-verdict-word]")).to_have_text("Match")
    fill_in_limits(nurse)
    second_person(nurse, mail_of("Ines Marlowe", DOMAIN))
    nurse.get_by_role("button", name="Both sign").click()
    expect(nurse.get_by_text("has to be somebody else").first).to_be_visible()
    is_sound(nurse)

    for kind in ("wristband", "cassette", "bag"):
        if not nurse.locator(f"#id_scan_{kind}").input_value():
            scan(nurse, kind, label(nurse, kind))
    second_person(nurse, mail_of("Joris Haanstra", DOMAIN))
    nurse.get_by_role("button", name="Both sign").click()
    signed(nurse, "Check patient and bag at the bedside")

    open_step(nurse, therapy, "infuse")
    for kind in ("wristband", "bag"):
        scan(nurse, kind, label(nurse, kind))
    fill_in_limits(nurse)
    second_person(nurse, mail_of("Adaeze Okonjo", DOMAIN))
    nurse.get_by_role("button", name="Both sign").click()
    expect(nurse.get_by_text(re.compile("signed and on the ledger")).first).to_be_visible()
    is_sound(nurse)

    doctor = as_person("Adaeze Okonjo")
    open_step(doctor, therapy, "outcome-day-28")
    fill_in_limits(doctor)
    doctor.get_by_role("button", name="Sign and record").click()
    expect(doctor.get_by_text(re.compile("signed and on the ledger")).first).to_be_visible()
    expect(doctor.get_by_text("Infused").first).to_be_visible()
    is_sound(doctor)
