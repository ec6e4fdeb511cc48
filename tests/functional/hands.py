"""What a person's hands do in the browser tests: scans, tasks taken from a worklist, a second person's signature."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from custody.contract.items import Item, Label
from portal.accounts.demonstration import PASSWORD

COI = re.compile(r"[A-Z0-9]{5}\d{2}[A-Z0-9]{6}[A-Z0-9*]")
ANOTHER = "X004226000999A"
"""A well-formed identity of no therapy of the consortium."""
DOMAINS = {"Linden": "linden.example", "Vaartkade": "vaartkade.example", "Solveig": "solveig.example"}


def is_sound(page: Page) -> None:
    """No accessibility fault, nothing wider than the screen, no breach of the content security policy."""
    found = Axe().run(page).response["violations"]
    assert [(fault["id"], [node["target"] for node in fault["nodes"]]) for fault in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("window.breaches ?? []") == []


def identity(page: Page) -> str:
    """The chain-of-identity id that the page's scans are compared with."""
    found = page.locator("form[data-identity-of]").first.get_attribute("data-identity-of")
    assert found
    assert COI.fullmatch(found)
    return found


def label(page: Page, kind: str, number: int = 1) -> str:
    """The code on the label of this item of the page's therapy."""
    return Label(identity(page), Item(kind, number)).code


def wedge(page: Page, text: str) -> None:
    """A wedge scanner's burst and its Enter, wherever the focus is."""
    page.keyboard.type(text, delay=1)
    page.keyboard.press("Enter")


def scan(page: Page, kind: str, text: str) -> None:
    """Scan into the place that this kind of thing has."""
    page.locator(f"#id_scan_{kind}").focus()
    wedge(page, text)


def fill_in_limits(page: Page) -> None:
    """Give every empty value of the step's form something in its limits."""
    for box in page.locator("input[name^=value_]:not([type=radio]):not([type=checkbox])").all():
        if box.input_value():
            continue
        low, high = box.get_attribute("data-low"), box.get_attribute("data-high")
        numeric = box.get_attribute("inputmode") in {"decimal", "numeric"}
        box.fill(low or high or ("1" if numeric else "LOT-1"))
    for choice in page.locator("input[type=radio][name^=value_][value=yes]").all():
        choice.check()
    for chosen in page.locator("select[name^=value_]").all():
        if not chosen.input_value():
            chosen.select_option(index=1)


def second_person(page: Page, email: str) -> None:
    """The second person shows who they are on the same screen."""
    page.locator("#id_second_email").fill(email)
    page.locator("#id_second_password").fill(PASSWORD)


def mail_of(name: str, domain: str) -> str:
    """The demonstration's e-mail address of a person."""
    return f"{name.lower().replace(' ', '.')}@{domain}"


def first_with(as_person: Callable[..., Page], names: tuple[str, ...], address: str, **screen: Any) -> Page:
    """The page at this address of the first of these people who may open it."""
    for name in names:
        page = as_person(name, **screen)
        answer = page.goto(address)
        if answer is not None and answer.ok:
            return page
    raise AssertionError(f"none of {', '.join(names)} may open {address}")


def box_of(portal_server: Any, therapy: str) -> tuple[str, str]:
    """What a person reads on the shipper that is under way: its number and its seal."""
    said = portal_server.manage(
        "shell",
        "--verbosity",
        "0",
        "-c",
        "from custody.transport.models import Shipment; "
        f"print(*Shipment.objects.filter(therapy_id='{therapy}', received_at=None)"
        ".values_list('container', 'seal')[0], sep='\\n')",
    )
    shipper, seal = said.strip().splitlines()[-2:]
    return shipper, seal


def receive(page: Page, therapy: str, step: str, shipper: str, seal: str) -> None:
    """Take over what is offered, by scanning the shipper and its seal one after the other."""
    page.goto(f"/therapies/{therapy}/take-over/{step}/")
    page.locator("#id_scan_shipper").focus()
    wedge(page, shipper)
    wedge(page, seal)
    page.get_by_role("button", name="Sign and take over").click()


def close_exceptions(
    as_person: Callable[..., Page], portal_server: Any, therapy: str, deciders: tuple[str, ...]
) -> None:
    """Close what is open on the therapy with a written reason, as the first of these people who sees it.

    A story rests where the slots allow, so on some weekdays what is done next is late, and on others in time.
    """
    said = portal_server.manage(
        "shell",
        "--verbosity",
        "0",
        "-c",
        "from custody.exceptions.models import CustodyException; "
        f"print(*CustodyException.objects.filter(therapy_id='{therapy}', closed_at=None)"
        ".values_list('pk', flat=True), sep='\\n')",
    )
    for exception in said.split():
        page = first_with(as_person, deciders, f"/exceptions/{exception}/", width=1180)
        page.get_by_label("Explained").check()
        page.get_by_label("Cause", exact=True).select_option("other")
        page.get_by_label("Why it can be closed").fill("The logger shows the cells in their band all the way.")
        page.get_by_role("button", name="Sign and close").click()
        page.wait_for_url("**/therapies/**")
