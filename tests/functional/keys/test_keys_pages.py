"""The keys page in a real browser: what is in force, rotating and revoking, on a screen and on a phone."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
Open = Callable[..., Page]
ADMINISTRATOR = "Greet Polak"
INSPECTOR = "Rune Lindqvist"


def clean(page: Page, name: str) -> None:
    """Nothing for axe to find, no breach of the policy, nothing wider than the screen."""
    folder = os.environ.get("NEEDLEPOINT_SCREENSHOTS")
    if folder:
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)
    found = [(one["id"], [node["html"] for node in one["nodes"]]) for one in Axe().run(page).response["violations"]]
    assert found == []
    assert page.evaluate("window.breaches ?? []") == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "light"), (390, "dark")])
def test_the_pages_of_keys_are_clean(as_person: Open, width: int, theme: str) -> None:
    page = as_person(ADMINISTRATOR, width=width, theme=theme)
    page.goto("/keys/")
    clean(page, f"keys-{width}-{theme}")
    page.get_by_role("link", name="Rotate the key that signs").click()
    clean(page, f"rotate-{width}-{theme}")
    page.goto("/keys/")
    page.get_by_role("link", name="Revoke").first.click()
    page.get_by_role("button", name="Revoke this key").click()
    expect(page.get_by_text("Choose a reason. Everybody can read it.", exact=True)).to_be_visible()
    clean(page, f"revoke-{width}-{theme}")
    page = as_person(INSPECTOR, width=width, theme=theme)
    page.goto("/keys/")
    clean(page, f"all-keys-{width}-{theme}")


def test_an_administrator_rotates_adds_and_revokes(as_person: Open) -> None:
    page = as_person(ADMINISTRATOR)
    page.goto("/keys/")
    page.get_by_role("link", name="Rotate the key that signs").click()
    page.get_by_label("I have read what this does").check()
    page.get_by_role("button", name="Rotate the key").click()
    expect(page.get_by_text("Your organisation signs with a new key")).to_be_visible()
    expect(page.get_by_text("Replaced", exact=True)).to_be_visible()

    page.get_by_role("button", name="Add a spare key").click()
    expect(page.get_by_text("Spare", exact=True)).to_be_visible()

    signs = page.get_by_role("row").filter(has_text="Signs")
    signs.get_by_role("link", name="Revoke").click()
    page.get_by_label("Known to others").check()
    page.get_by_label("Since when may others have had it?").fill("2026-01-05T08:00")
    page.get_by_label("I have read what this does").check()
    page.get_by_role("button", name="Revoke this key").click()
    expect(page.get_by_text("Revoked: known to others")).to_be_visible()
    clean(page, "revoked")
