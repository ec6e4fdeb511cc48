"""The maker takes in starting material in a real browser: by scan, and a label that is another patient's."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.functional.hands import (
    ANOTHER,
    box_of,
    close_exceptions,
    fill_in_limits,
    first_with,
    is_sound,
    label,
    mail_of,
    receive,
    second_person,
    wedge,
)

pytestmark = pytest.mark.browser
OPERATORS = ("Noor Bakker", "Nils Ekdahl")
DECIDERS = ("Maud Janse", "Karin Stahl")
SECOND = {
    "Noor Bakker": mail_of("Elif Sahin", "vaartkade.example"),
    "Nils Ekdahl": mail_of("Freja Lund", "solveig.example"),
}


def test_starting_material_is_received_and_accepted_by_scan(as_person: Any, portal_server: Any) -> None:
    therapy = portal_server.tell(days=8.2, stop_before="receive-starting-material")
    shipper, seal = box_of(portal_server, therapy)
    page = first_with(as_person, OPERATORS, f"/batches/{therapy}/", width=1180)
    receive(page, therapy, "receive-starting-material", shipper, seal)
    expect(page.get_by_text("Taken over. Custody is yours now.")).to_be_visible()

    close_exceptions(as_person, portal_server, therapy, DECIDERS)
    page.goto(f"/therapies/{therapy}/steps/accept-starting-material/")
    is_sound(page)
    cells = label(page, "label")
    wedge(page, cells)
    expect(page.locator("#id_scan_label")).to_have_value(cells)
    expect(page).to_have_url(re.compile("/intake/accept-starting-material/$"))
    fill_in_limits(page)
    name = page.locator(".np-sign").first.inner_text()
    second_person(page, next(mail for who, mail in SECOND.items() if who in name))
    page.get_by_role("button", name="Sign and accept, both").click()
    expect(page.get_by_text("readings are not on record yet").first).to_be_visible()
    is_sound(page)

    page.get_by_role("button", name="Commit readings").click()
    expect(page.get_by_text("Readings committed to the ledger")).to_be_visible()
    if not page.locator("#id_scan_label").input_value():
        wedge(page, cells)
    fill_in_limits(page)
    second_person(page, next(mail for who, mail in SECOND.items() if who in name))
    page.get_by_role("button", name="Sign and accept, both").click()

    expect(page.get_by_text("Accept the starting material: signed and on the ledger").first).to_be_visible()
    is_sound(page)


def test_another_patients_label_at_the_intake_stops_everything(as_person: Any, portal_server: Any) -> None:
    therapy = portal_server.tell(days=8.6, stop_before="accept-starting-material")
    page = first_with(as_person, OPERATORS, f"/therapies/{therapy}/steps/accept-starting-material/", width=1180)
    wedge(page, ANOTHER)

    expect(page.get_by_role("heading", name="Stop.")).to_be_visible()
    expect(page.get_by_text("This label belongs to another therapy.")).to_be_visible()
    is_sound(page)
    page.get_by_role("link", name="What happened").click()
    expect(page.get_by_text("Every step of this therapy is halted")).to_be_visible()
    is_sound(page)
