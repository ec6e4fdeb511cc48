"""The treatment centre's day in a real browser: from the order to the hand-over, and both ends of a bedside check."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from portal.accounts.demonstration import PASSWORD
from tests.functional.hands import label, wedge
from tests.functional.maker.test_maker_jobs import is_sound

pytestmark = pytest.mark.browser
COI = re.compile(r"[A-Z0-9]{5}\d{2}[A-Z0-9]{6}[A-Z0-9*]")
ANOTHER = "X004226000999A"
FREE_LOGGER = "L-0524"
"""The last logger of the first courier: the told therapies take the first ones."""


def identity(page: Page) -> str:
    """The chain-of-identity id that the page's scans are compared with."""
    found = page.locator("form[data-identity-of]").get_attribute("data-identity-of")
    assert found
    assert COI.fullmatch(found)
    return found


def therapy_of(page: Page) -> str:
    found = re.search(r"/therapies/([0-9a-f-]{36})/", page.url)
    assert found
    return found[1]


def scan(page: Page, kind: str, text: str) -> None:
    """As a wedge scanner does: a quick burst and Enter, wherever the focus is."""
    page.locator(f"#id_scan_{kind}").focus()
    page.keyboard.type(text, delay=1)
    page.keyboard.press("Enter")


def open_task(page: Page, title: str) -> None:
    """Open the task of this title from the worklist, wherever on it the task stands."""
    page.locator(".np-next, .np-work > li", has_text=title).locator("a.btn").first.click()


def order(page: Page, number: str, given: str, family: str) -> str:
    """Order a therapy on the one page and give its id."""
    page.goto("/orders/new/")
    page.get_by_label("Protocol", exact=True).select_option("cd19-fresh")
    expect(page.locator("#way")).to_contain_text("CD19")
    page.get_by_label("Record number").fill(number)
    page.get_by_label("Born").fill("1961-04-12")
    page.get_by_label("Given name").fill(given)
    page.get_by_label("Family name").fill(family)
    page.get_by_label("Weight").fill("64.5")
    page.get_by_label("Indication").select_option(index=1)
    page.get_by_label("The patient is eligible").check()
    page.get_by_label("The patient has consented").check()
    page.get_by_role("button", name="Sign and order").click()
    expect(page.get_by_text("The payer has been asked")).to_be_visible()
    return therapy_of(page)


def hold_and_book(page: Page, therapy: str) -> None:
    page.goto(f"/therapies/{therapy}/slots/")
    is_sound(page)
    page.get_by_role("button", name="Choose").first.click()
    expect(page.get_by_text("slots held for you")).to_be_visible()
    is_sound(page)
    page.get_by_role("button", name="Confirm all").click()
    expect(page.get_by_text("All slots are booked")).to_be_visible()


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_the_worklist_leads_with_one_act(as_person: Any, width: int, theme: str) -> None:
    for name in ("Ines Marlowe", "Tomas Birk", "Adaeze Okonjo", "Lotte Vermeer"):
        page = as_person(name, width=width, theme=theme)
        is_sound(page)
        expect(page.get_by_role("heading", level=1)).to_contain_text("you")
        assert page.locator("main .btn-primary").count() <= 1


def test_an_order_that_is_not_whole_says_what_is_missing_and_keeps_the_rest(as_person: Any) -> None:
    page = as_person("Tomas Birk")
    page.goto("/orders/new/")
    page.get_by_label("Given name").fill("Marit")
    page.get_by_role("button", name="Sign and order").click()

    expect(page.locator("[data-error-summary]")).to_be_focused()
    expect(page.get_by_label("Given name")).to_have_value("Marit")
    is_sound(page)


def test_from_the_order_to_the_hand_over(as_person: Any) -> None:
    coordinator = as_person("Tomas Birk")
    therapy = order(coordinator, f"LU-{uuid4().int % 10**6:06d}", "Marit", "de Wael")
    is_sound(coordinator)

    payer = as_person("Saskia Vos")
    payer.goto(f"/therapies/{therapy}/decision/")
    assert "de Wael" not in payer.content()
    payer.get_by_label("Approve", exact=True).check()
    payer.locator("main button[type=submit]").last.click()
    expect(payer.get_by_text("Approved.")).to_be_visible()

    hold_and_book(coordinator, therapy)

    nurse = as_person("Ines Marlowe")
    nurse.add_init_script("window.print = () => { window.dialogues = (window.dialogues ?? 0) + 1; }")
    nurse.goto(f"/therapies/{therapy}/label/")
    is_sound(nurse)
    nurse.get_by_role("button", name="Open the print dialogue").click()
    nurse.wait_for_function("window.dialogues === 1")
    scan(nurse, "label", label(nurse, "label"))
    expect(nurse.get_by_text("It agrees")).to_be_visible()
    nurse.get_by_role("button", name="Sign that it is printed and agrees").click()
    expect(nurse.get_by_text("On the ledger: printed, and compared by scan.")).to_be_visible()

    nurse.goto(f"/therapies/{therapy}/steps/collect/")
    is_sound(nurse)
    expect(nurse.locator("main")).to_contain_text("Marit de Wael")
    for kind, form in (("wristband", "{}"), ("order", "(90){}"), ("label", "]d290{}")):
        scan(nurse, kind, form.format(label(nurse, kind)))
    expect(nurse.get_by_text("All agree")).to_be_visible()
    values = {"volume": "180", "nucleated-cells": "12.5", "cd3-cells": "6.1", "blood-processed": "11.0"}
    for code, value in (values | {"equipment": "AP-2", "kit-lot": "K-99"}).items():
        nurse.locator(f"#id_value_{code}").fill(value)
    nurse.get_by_label("Second person’s e-mail").fill("joris.haanstra@linden.example")
    nurse.get_by_label("Second person’s password").fill(PASSWORD)
    is_sound(nurse)
    nurse.get_by_label("It was collected on another day than booked").check()
    nurse.get_by_role("button", name="Sign and record").click()
    expect(nurse.get_by_text("Collect the cells: signed")).to_be_visible()
    expect(nurse.locator(".np-custody")).to_contain_text(["Joris Haanstra"])

    lab = as_person("Lotte Vermeer")
    lab.goto(f"/therapies/{therapy}/pack/pack-outbound/")
    assert "de Wael" not in lab.content()
    scan(lab, "label", label(lab, "label", 2))
    for name, value in (("container", "BX-771"), ("seal", "44 100 200"), ("logger", FREE_LOGGER)):
        lab.locator(f"#id_{name}").fill(value)
    lab.locator("#id_value_closing-temperature").fill("4.1")
    lab.locator("input[name='value_no-x-ray'][value=yes]").check()
    lab.locator("#id_value_validation").fill("VAL-1")
    is_sound(lab)
    lab.get_by_role("button", name="Sign, seal and start").click()
    expect(lab.get_by_text("Packed and sealed.")).to_be_visible()

    lab.goto(f"/therapies/{therapy}/hand-over/hand-over-outbound/")
    is_sound(lab)
    lab.locator("#id_seal").fill("44 100 200")
    lab.locator("main button[type=submit], main button[form]").first.click()
    expect(lab.get_by_text("Custody stays with you until the receiver has scanned")).to_be_visible()


def test_lymphodepletion_is_said_to_be_locked_until_the_product_is_here(as_person: Any) -> None:
    page = as_person("Adaeze Okonjo")
    page.goto("/therapies/?status=active")
    page.get_by_role("link", name=re.compile("^Open")).first.click()

    expect(page.get_by_text("Clear the lymphodepletion: locked")).to_be_visible()
    is_sound(page)


def test_the_bedside_turns_green_item_by_item_and_a_wrong_bag_stops_everything(
    as_person: Any, portal_server: Any
) -> None:
    portal_server.tell(days=46, stop_before="bedside-check")
    page = as_person("Ines Marlowe", width=390, height=844)
    open_task(page, "Check patient and bag at the bedside")
    is_sound(page)
    band, bag = label(page, "wristband"), label(page, "bag", 2)
    expect(page.get_by_role("button", name="Both sign")).to_be_hidden()

    # The first fourteen characters of this code have the form of another therapy's identity: half a code stops nothing.
    scan(page, "wristband", f"90{band}")
    expect(page.locator("#id_scan_wristband")).to_have_value(band)
    # The wristband in the cassette's place is the wrong thing in the hand, and no other therapy's.
    scan(page, "cassette", band)
    expect(page.get_by_text("This is the wristband. Wanted is the cassette: scan that.")).to_be_visible()
    expect(page.locator("[data-verdict-word]")).to_have_text("Scan")
    scan(page, "cassette", label(page, "cassette"))
    expect(page.locator("[data-verdict-word]")).to_have_text("Scan")
    scan(page, "bag", bag)
    expect(page.locator("[data-verdict-word]")).to_have_text("Match")
    expect(page.get_by_role("button", name="Both sign")).to_be_visible()
    is_sound(page)

    # An Enter that comes late, or the same label once more, takes nothing back.
    page.evaluate("document.activeElement.blur()")
    wedge(page, bag)
    expect(page.locator("#id_scan_wristband")).to_have_value(band)
    expect(page.locator("[data-verdict-word]")).to_have_text("Match")

    consent = page.get_by_role("group", name="Consent confirmed")
    consent.get_by_label("No").check()
    expect(page.get_by_role("button", name="Both sign: stop this therapy")).to_be_visible()
    expect(page.get_by_role("button", name="Both sign: all agree")).to_be_hidden()
    expect(page.locator("[data-verdict-word]")).to_be_hidden()
    expect(page.get_by_text("An answer below stops this therapy.")).to_be_visible()
    expect(page.get_by_role("list", name="Whom to call")).to_be_visible()
    assert (
        page.locator("[data-verdict]").evaluate("(one) => getComputedStyle(one).backgroundColor") == "rgb(168, 15, 28)"
    )
    is_sound(page)
    consent.get_by_label("Yes").check()
    expect(page.locator("[data-verdict-word]")).to_have_text("Match")
    expect(page.get_by_role("button", name="Both sign: all agree")).to_be_visible()

    page.get_by_role("button", name="Scan the product bag again").click()
    expect(page.locator("[data-verdict-word]")).to_have_text("Scan")
    scan(page, "bag", "no identity")
    expect(page.get_by_text("That is no label’s code")).to_be_visible()
    page.locator("#id_scan_bag").fill("")
    scan(page, "bag", ANOTHER)

    expect(page.get_by_role("heading", name="Stop.")).to_be_visible()
    expect(page.get_by_text("This bag is for another patient.")).to_be_visible()
    is_sound(page)
    page.get_by_role("link", name="Open the journey").click()
    expect(page.get_by_text("Waits: identity stop").first).to_be_visible()
    page.go_back()
    page.goto("/")
    expect(page.get_by_text("Held by an exception")).to_be_visible()


def test_a_journey_folds_what_needs_no_reading_and_opens_by_keyboard(as_person: Any) -> None:
    page = as_person("Tomas Birk", width=390)
    page.goto("/therapies/?status=completed")
    page.get_by_role("link", name=re.compile("^Open")).first.click()
    is_sound(page)
    earlier = page.locator(".np-earlier > summary")
    expect(earlier).to_contain_text("verified")

    earlier.focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Order the therapy")).to_be_visible()
    is_sound(page)


def test_a_label_fills_one_page_of_its_own_size(as_person: Any) -> None:
    page = as_person("Ines Marlowe")
    page.goto("/therapies/?status=completed")
    page.get_by_role("link", name=re.compile("^Open")).first.click()
    page.goto(f"/therapies/{therapy_of(page)}/label/")

    pdf = page.pdf(prefer_css_page_size=True)

    assert pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") == 1
