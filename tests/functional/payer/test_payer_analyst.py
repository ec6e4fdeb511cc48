"""A payer's analyst in a real browser: the approval that waits, decided and signed; milestones with their records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
Open = Callable[..., Page]
ANALYST = "Saskia Vos"
DUE = {
    "Cells collected": ("10 %", "32,000"),
    "Product infused": ("50 %", "160,000"),
    "Six months after infusion": ("20 %", "64,000"),
    "Twelve months after infusion": ("20 %", "64,000"),
}
"""What the protocol of every therapy told here (CD19, fresh) makes due at each milestone, of EUR 320,000."""


def clean(page: Page) -> None:
    """Nothing for axe to find, no breach of the policy, nothing wider than the screen."""
    found = [(one["id"], [node["html"] for node in one["nodes"]]) for one in Axe().run(page).response["violations"]]
    assert found == []
    assert page.evaluate("window.breaches ?? []") == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.usefixtures("proven")
@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_every_page_is_clean(as_person: Open, width: int, theme: str) -> None:
    page = as_person(ANALYST, width=width, theme=theme)
    journey = page.locator(".np-work h3 a").first.get_attribute("href") or ""
    for address in ("/", journey, f"{journey}proofs/", "/exceptions/", "/proofs/", "/ledger/"):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        clean(page)


def test_a_milestone_names_the_record_that_reached_it_and_gives_its_proof(as_person: Open) -> None:
    page = as_person(ANALYST)
    # Tests beside this one reach milestones of their own, and the page has the last few: any of them will do.
    table = page.get_by_role("region", name="Milestones reached, the last first")
    row = table.get_by_role("row").filter(has=page.get_by_role("link", name="Proof file")).first

    said = row.inner_text()
    share, amount = next(due for title, due in DUE.items() if title in said)
    expect(row).to_contain_text(share)
    expect(row).to_contain_text(f"EUR\u00a0{amount}")
    expect(row).to_contain_text("verified")
    with page.expect_download() as download:
        row.get_by_role("link", name="Proof file").click()
    assert (download.value.path().read_text()).startswith("c2sp.org/tlog-proof@v1\n")


def test_the_waiting_approval_is_decided_by_keyboard(as_person: Open, portal_server: Any) -> None:
    therapy = portal_server.tell(days=2.2, stop_before="payer-approval")
    page = as_person(ANALYST)
    expect(page.get_by_role("heading", level=1)).to_contain_text("approval")
    page.locator(f"a[href*='{therapy}/decision/']").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/decision/")
    clean(page)

    page.get_by_role("button", name="Sign the decision").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Approve or decline.")
    expect(page.get_by_role("alert")).to_be_focused()
    clean(page)

    page.get_by_label("Approve", exact=True).focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Sign the decision").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/therapies/*/")

    expect(page.get_by_text("Approved. The centre has been told.")).to_be_visible()
    page.goto("/")
    expect(page.locator(f"a[href*='{therapy}/decision/']")).to_have_count(0)
    clean(page)
