"""The dispatcher's desk in a real browser: vans for the coming weeks, and a new logger with its key."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.functional.hands import is_sound, wedge

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_places_are_looked_at_then_published(as_person: Any, width: int, theme: str) -> None:
    page = as_person("Wanda Roos", width=width, theme=theme)
    page.goto("/capacity/")
    is_sound(page)
    page.get_by_role("link", name="Publish places").first.click()
    is_sound(page)
    page.locator("#id_resources").fill(f"van {width}")
    page.get_by_label("Begins at").fill("25:00")
    page.get_by_role("button", name="See what would be published").click()
    expect(page.get_by_text("no hour of the day").first).to_be_visible()
    expect(page.locator("#id_resources")).to_have_value(f"van {width}")
    is_sound(page)

    page.get_by_label("Begins at").fill("07:30")
    page.get_by_role("button", name="See what would be published").click()
    expect(page.get_by_role("heading", name="28 new places")).to_be_visible()
    is_sound(page)
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_text("Published: 28 new")).to_be_visible()
    expect(page.get_by_text(f"Van {width}")).to_be_visible()
    is_sound(page)


@pytest.mark.parametrize(("width", "theme"), [(1280, "dark"), (390, "light")])
def test_a_logger_is_registered_by_scan_and_its_key_is_shown_once(as_person: Any, width: int, theme: str) -> None:
    page = as_person("Wanda Roos", width=width, theme=theme)
    page.goto("/loggers/")
    is_sound(page)
    page.get_by_role("link", name="Register a logger").first.click()
    is_sound(page)
    wedge(page, f"L-90{width}")
    expect(page.get_by_label("Scan or type the serial number")).to_have_value(f"L-90{width}")
    page.get_by_role("button", name="Sign and register").click()

    expect(page.get_by_role("heading", name=f"L-90{width} is registered")).to_be_visible()
    expect(page.locator("#authorization")).to_contain_text("Device ")
    is_sound(page)
    page.get_by_role("link", name="All loggers").click()
    expect(page.get_by_role("rowheader", name=f"L-90{width}")).to_be_visible()
    is_sound(page)
