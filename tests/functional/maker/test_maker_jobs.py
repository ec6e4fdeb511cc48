"""The maker's jobs in a real browser: the bench with two people, intake held by an exception, release, print."""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from portal.accounts.demonstration import PASSWORD
from tests.functional.hands import ANOTHER, label, scan

pytestmark = pytest.mark.browser
OPERATORS = {"Vaartkade Cell Works": ("Noor Bakker", "elif.sahin@vaartkade.example", "Hanneke Verbeek")}
OPERATORS["Solveig Therapeutics"] = ("Nils Ekdahl", "freja.lund@solveig.example", "Anders Nyberg")


def is_sound(page: Page) -> None:
    """No accessibility fault, nothing wider than the screen, no breach of the content security policy."""
    found = Axe().run(page).response["violations"]
    assert [(fault["id"], [node["target"] for node in fault["nodes"]]) for fault in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("window.breaches ?? []") == []


def with_task(as_person: Any, title: str, person: int = 0, **screen: Any) -> tuple[Page, str, str]:
    """The page of the person of whichever maker has this to do, the task's address, and the second person's e-mail."""
    for people in OPERATORS.values():
        page = as_person(people[person], **screen)
        row = page.locator(".np-next, .np-work > li", has_text=title).locator("a.btn").first
        if row.count():
            return page, str(row.get_attribute("href")), people[1]
    raise AssertionError(f"nobody has “{title}” to do")


def test_two_people_record_a_step_at_the_bench(as_person: Any, portal_server: Any) -> None:
    portal_server.tell(days=12, stop_before="transduce")
    page, address, verifier = with_task(as_person, "Transduce", width=1180, height=900)
    page.goto(address)
    is_sound(page)

    scan(page, "label", label(page, "label"))
    expect(page.get_by_text("All agree")).to_be_visible()
    viability = page.get_by_label("Viability")
    viability.fill("60")
    expect(page.get_by_text("10 % under the limit")).to_be_visible()
    viability.fill("93.4")
    expect(page.get_by_text("In limits").first).to_be_visible()
    page.get_by_role("button", name="Start now").click()
    expect(page.locator("[data-bench-left]")).to_have_text(re.compile(r"2[34]:\d\d:\d\d"))
    expect(page.locator("[name=started_at]")).not_to_have_value("")
    for box in page.locator("input[data-low], input[data-high]").all():
        if not box.input_value():
            box.fill(box.get_attribute("data-low") or box.get_attribute("data-high") or "1")
    for box in page.locator("input[name^=value_]:not([type=radio])").all():
        if not box.input_value():
            box.fill("LOT-1")
    page.get_by_label("Verifier’s e-mail").fill(verifier)
    page.get_by_label("Verifier’s password").fill("not it")
    page.get_by_role("button", name="Sign and record, both").click()
    expect(page.get_by_text("do not belong together").first).to_be_visible()
    expect(page.get_by_label("Viability")).to_have_value("93.4")
    is_sound(page)

    page.get_by_label("Verifier’s password").fill(PASSWORD)
    page.get_by_role("button", name="Sign and record, both").click()
    page.wait_for_url(re.compile(r"/batches/[0-9a-f-]+/$"))
    expect(page.get_by_text("signed and on the ledger").first).to_be_visible()
    is_sound(page)


def test_a_vessel_of_another_therapy_stops_the_bench(as_person: Any, portal_server: Any) -> None:
    portal_server.tell(days=12, stop_before="transduce")
    page, address, _ = with_task(as_person, "Transduce", width=1180, height=900)
    page.goto(address)
    scan(page, "label", ANOTHER)
    expect(page.get_by_role("heading", name="Stop.")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("This label belongs to another therapy.")
    expect(page.get_by_text("The therapy is halted.")).to_be_visible()
    is_sound(page)


def test_held_material_cannot_be_accepted_and_says_why(as_person: Any) -> None:
    for people in OPERATORS.values():
        page = as_person(people[0], width=1180)
        held = page.locator("details", has_text="Held by an exception")
        if held.count():
            held.locator("summary").click()
            page.goto(
                str(held.locator("h3").first.locator("xpath=../..").locator(".np-for a").first.get_attribute("href"))
            )
            page.get_by_text("Waits for an exception").first.wait_for()
            is_sound(page)
            return
    raise AssertionError("no maker has held material")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 1180, 390])
@pytest.mark.parametrize("person", ["Noor Bakker", "Carlo Ricci", "Maud Janse", "Hanneke Verbeek", "Pim Drost"])
def test_every_landing_page_is_sound(as_person: Any, person: str, width: int, theme: str) -> None:
    is_sound(as_person(person, width=width, theme=theme))


def test_the_qualified_person_reads_results_and_releases(as_person: Any, portal_server: Any) -> None:
    portal_server.tell(days=36, stop_before="release")
    page, address, _ = with_task(as_person, "Decide on batch", person=2)
    page.goto(address)
    expect(
        page.get_by_role("table", name=re.compile("release tests", re.I)).or_(page.locator("table").first)
    ).to_be_visible()
    expect(page.get_by_text("In specification").first).to_be_visible()
    is_sound(page)

    page.get_by_role("button", name="Sign and release").click()
    expect(page.get_by_text("This is missing").first).to_be_visible()
    page.get_by_label("Certificate number").fill("26-0412")
    page.get_by_role("button", name="Sign and release").click()

    page.wait_for_url(re.compile(r"/batches/[0-9a-f-]+/$"))
    expect(page.get_by_text("Released").first).to_be_visible()
    page.locator("details > summary", has_text="in limits and signed").click()
    is_sound(page)
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Print")).to_be_hidden()
    expect(page.locator(".np-signs").first).to_be_visible()
