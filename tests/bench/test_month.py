"""A whole month in the reader's own browser: 1,000 therapies of five proofs each within a minute, with no server.

The page measured is the saved file (static/build/verifier.html) in headless Chromium; it says itself how long it took.
"""

from __future__ import annotations

import base64
import gzip
import os
import re
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import sync_playwright

from portal.demonstration.story import Story
from tests.factories.month import month_of
from tests.factories.therapies import small_consortium, told
from tests.services import CHROMIUM

pytestmark = [pytest.mark.bench, pytest.mark.django_db, pytest.mark.browser]
THERAPIES = int(os.environ.get("NEEDLEPOINT_BENCH_THERAPIES", "1000"))
LIMIT_SECONDS = 60
PAGE = Path(settings.BASE_DIR) / "static" / "build" / "verifier.html"


def test_a_month_of_a_thousand_therapies_is_verified_within_a_minute(tmp_path, capsys):
    cast = small_consortium()
    template = told(cast, Story("as planned"))
    inspector = cast.actor(cast.of_kind("regulator")[0].id, "inspector")
    month = month_of(template, therapies=THERAPIES, by=inspector)
    packed = base64.b64encode(gzip.compress(month.lines, 6)).decode()
    saved = tmp_path / "month.html"
    evidence = f'<script type="application/gzip" id="evidence">{packed}</script>'
    saved.write_text(PAGE.read_text().replace("<!-- evidence -->", evidence))

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.on("console", lambda message: print(message.text))
        page.goto(saved.as_uri())
        page.get_by_role("button", name="Verify").click(timeout=60_000)
        page.locator("[data-verify][data-state=holds], [data-verify][data-state=fails]").wait_for(timeout=600_000)
        state = page.locator("[data-verify]").get_attribute("data-state")
        words = page.locator("[data-result-detail]").inner_text()
        failures = page.locator("[data-failures]").inner_text()
        cores = page.evaluate("navigator.hardwareConcurrency")
        browser.close()

    assert state == "holds", failures[:2000]
    seconds = float(re.search(r"in ([0-9.]+) s", words)[1])
    with capsys.disabled():
        size = saved.stat().st_size / 1e6
        print(
            f"\n{month.proofs:,} proofs of {THERAPIES:,} therapies: {words}, "
            f"{1000 * seconds / month.proofs:.1f} ms a proof, {cores} cores, a file of {size:.0f} MB"
        )
    assert seconds <= LIMIT_SECONDS * max(1, THERAPIES / 1000)
