"""A Chromium that looks at a portal which is being served: for commands and tests. Playwright is for development."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

CHROMIUM = os.environ.get("NEEDLEPOINT_TEST_CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
PATIENCE_MS = 60_000
PHONE, TABLET, DESK = 390, 1180, 1280
HEIGHTS = {PHONE: 844}
"""A phone's screen is taller than it is wide; every other is 900 px high."""


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless browser. Raises CommandError with what to do where Playwright or Chromium is missing."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise CommandError("Playwright is missing: it is a development requirement. Run `make check` once.") from None
    if not Path(CHROMIUM).exists():
        raise CommandError(f"There is no Chromium at {CHROMIUM}; set NEEDLEPOINT_TEST_CHROMIUM.")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def page_of(browser: Any, url: str, person: str, *, width: int = DESK, theme: str = "light", script: str = "") -> Any:
    """A page of a fresh session, signed in by the demonstration's button; the sign-in page where `person` is empty."""
    context = browser.new_context(
        base_url=url, viewport={"width": width, "height": HEIGHTS.get(width, 900)}, color_scheme=theme
    )
    context.set_default_timeout(PATIENCE_MS)
    if script:
        context.add_init_script(script)
    page = context.new_page()
    page.goto("/accounts/login/")
    if person:
        page.get_by_role("button", name=person).click()
        page.wait_for_url("**/")
    return page
