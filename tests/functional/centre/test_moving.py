"""Moving a booked chain to other dates in a real browser, and a page that a colleague overtook."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.functional.hands import is_sound

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_a_chain_is_compared_and_moved_whole(as_person: Any, portal_server: Any, width: int, theme: str) -> None:
    therapy = portal_server.tell(days=5, stop_before="label")
    page = as_person("Tomas Birk", width=width, theme=theme)
    page.goto(f"/therapies/{therapy}/")
    page.get_by_role("link", name="Move to other dates").click()
    expect(page.get_by_role("list", name="The chain that is booked")).to_contain_text("Vein to vein")
    is_sound(page)

    page.get_by_role("button", name="Choose").first.click()
    expect(page.get_by_role("heading", name="What moves")).to_be_visible()
    is_sound(page)
    page.get_by_role("button", name="Sign and move all").click()
    expect(page.get_by_text("Say whose plans changed").first).to_be_visible()
    is_sound(page)
    page.get_by_label("Whose plans changed?").select_option("patient")
    page.get_by_role("button", name="Sign and move all").click()

    expect(page.get_by_text("Moved: all the new slots are booked")).to_be_visible()
    expect(page.locator(".np-custody").last).to_contain_text("oved")


def test_a_page_that_a_colleague_overtook_moves_nothing(as_person: Any, portal_server: Any) -> None:
    therapy = portal_server.tell(days=5.2, stop_before="label")
    mine, theirs = as_person("Tomas Birk"), as_person("Tomas Birk")
    for page in (theirs, mine):
        page.goto(f"/therapies/{therapy}/move/")
        page.get_by_role("button", name="Choose").first.click()
        page.get_by_label("Whose plans changed?").select_option("centre")
    # One therapy holds one chain: what the second holds is what the first now signs for, on an older page.
    mine.get_by_role("button", name="Sign and move all").click()
    expect(mine.get_by_text("Moved: all the new slots are booked")).to_be_visible()

    theirs.get_by_role("button", name="Sign and move all").click()

    expect(theirs.get_by_text("Nothing was moved").first).to_be_visible()
    is_sound(theirs)
