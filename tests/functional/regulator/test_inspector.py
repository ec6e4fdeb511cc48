"""An inspector in a real browser: the finding first, proofs verified on their own machine, and a forgery noticed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("proven")]
Open = Callable[..., Page]
INSPECTOR = "Rune Lindqvist"
QA = "Maud Janse"
QP_OF_THE_OTHER_MAKER = "Anders Nyberg"


def clean(page: Page) -> None:
    """Nothing for axe to find, no breach of the policy, nothing wider than the screen."""
    found = [(one["id"], [node["html"] for node in one["nodes"]]) for one in Axe().run(page).response["violations"]]
    assert found == []
    assert page.evaluate("window.breaches ?? []") == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def verified(page: Page) -> None:
    page.locator("[data-verify][data-state=holds], [data-verify][data-state=fails]").wait_for()


def proofs_page(page: Page) -> None:
    """The page of proofs, with some to verify."""
    page.goto("/proofs/")
    expect(page.locator("[data-start]")).to_have_count(1)


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_every_page_is_clean(as_person: Open, width: int, theme: str) -> None:
    page = as_person(INSPECTOR, width=width, theme=theme)
    for address in ("/", "/proofs/", "/exceptions/", "/therapies/", "/ledger/", "/help/", "/privacy/"):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        page.locator("main details").evaluate_all("folds => folds.forEach(fold => { fold.open = true })")
        clean(page)


def test_the_finding_comes_first_and_leads_to_its_evidence(as_person: Open) -> None:
    page = as_person(INSPECTOR)

    expect(page.get_by_role("heading", level=1)).to_contain_text("exception")
    page.get_by_role("link", name="Open evidence").first.click()

    expect(page.get_by_role("heading", name="Evidence")).to_be_visible()
    expect(page.get_by_text("verified", exact=True).first).to_be_visible()
    clean(page)


def test_one_click_verifies_every_proof_in_the_browser(as_person: Open) -> None:
    page = as_person(INSPECTOR)
    proofs_page(page)

    page.get_by_role("button", name="Verify").click()
    verified(page)

    expect(page.locator("[data-result-title]")).to_contain_text("hold")
    expect(page.locator("[data-failed]")).to_be_hidden()
    for check in page.locator("[data-check]:not([data-check=witnesses])").all():
        expect(check).to_have_attribute("data-kind", "ok")
    expect(page.locator("[data-check=witnesses]")).to_contain_text("none asked for")
    expect(page.locator("[data-vouched]")).to_contain_text("the log alone vouches")
    expect(page.locator("[data-proof-row] .is-proven").first).to_contain_text("Holds")
    clean(page)


def test_a_run_can_be_paused_and_goes_on_by_keyboard(as_person: Open) -> None:
    page = as_person(INSPECTOR)
    proofs_page(page)

    page.locator("[data-start]").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Go on")).to_be_focused()
    expect(page.locator("[data-verify] .np-card__h .np-status")).to_contain_text("Paused")
    clean(page)
    page.keyboard.press("Enter")
    verified(page)

    expect(page.locator("[data-result-title]")).to_contain_text("hold")


def tampered(route: Route) -> None:
    """Pass the evidence on with one character of one signed record changed."""
    response = route.fetch()
    content = response.json()
    record = content["records"][1]
    envelope = json.loads(base64.b64decode(record["envelope"]))
    payload = base64.b64decode(envelope["payload"])
    envelope["payload"] = base64.b64encode(payload.replace(b'"recorded_at":"20', b'"recorded_at":"21', 1)).decode()
    record["envelope"] = base64.b64encode(json.dumps(envelope, separators=(",", ":"), sort_keys=True).encode()).decode()
    route.fulfill(response=response, body=json.dumps(content))


def test_evidence_that_was_altered_on_the_way_fails_in_plain_words(as_person: Open) -> None:
    page = as_person(INSPECTOR)
    proofs_page(page)
    page.get_by_role("link", name="Segments").first.click()
    page.route("**/evidence.json*", tampered)

    page.get_by_role("button", name="Verify").click()
    verified(page)

    expect(page.get_by_role("alert")).to_contain_text("This does not verify")
    expect(page.get_by_role("alert")).to_contain_text("is not in the log")
    expect(page.locator("[data-result]")).to_be_hidden()
    expect(page.locator("[data-proof-segment] .is-stop").first).to_contain_text("Fails")
    clean(page)


def test_when_the_evidence_cannot_be_had_nothing_is_called_verified(as_person: Open) -> None:
    page = as_person(INSPECTOR)
    proofs_page(page)
    page.route("**/shared.json*", lambda route: route.abort())

    page.get_by_role("button", name="Verify").click()
    verified(page)

    expect(page.get_by_role("alert")).to_contain_text("This does not verify")
    assert page.locator("[data-verify]").get_attribute("data-state") == "fails"


def test_a_closed_exception_leaves_the_inspectors_open_page_by_itself(as_person: Open, portal_server: Any) -> None:
    portal_server.tell(
        days=9, stop_before="accept-starting-material", readings={"outbound": "excursion"}, resolve=False
    )
    inspector = as_person(INSPECTOR)
    excursion = inspector.locator(".np-exc", has_text="Excursion").first
    address = excursion.get_by_role("heading").get_by_role("link").get_attribute("href") or ""
    qa = as_person(QA if "Vaartkade" in excursion.inner_text() else QP_OF_THE_OTHER_MAKER)
    expect(inspector.locator("[data-live-word]")).to_have_text("Live")

    qa.goto(address)
    qa.get_by_label("Corrected").check()
    qa.get_by_label("Cause", exact=True).select_option("transport")
    qa.get_by_label("Why it can be closed").fill("The logger was outside its box for four minutes; the cells were not.")
    clean(qa)
    qa.get_by_role("button", name="Sign and close").click()
    qa.wait_for_url("**/therapies/**")

    expect(inspector.locator(f".np-exc a[href='{address}']")).to_have_count(0)
