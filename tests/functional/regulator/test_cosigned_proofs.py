"""Who co-signed the checkpoint and when, in a real browser: what is too old or too few is not called verified."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from ledger.crypto import cosignature, notes
from ledger.crypto.ed25519 import InMemorySigner
from tests.functional.regulator.test_inspector import INSPECTOR, clean, proofs_page, verified

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("proven")]
Open = Callable[..., Page]
WITNESSES = {f"{name}.witness.example": InMemorySigner(bytes([n]) * 32) for n, name in enumerate("abc", start=50)}
VKEYS = [cosignature.vkey(name, signer.public_key) for name, signer in WITNESSES.items()]
POLICY = "".join(f"witness {'abc'[i]} {vkey}\n" for i, vkey in enumerate(VKEYS)) + "group m 2 a b c\nquorum m\n"


def cosigning(*names: str, ago: int = 0) -> Callable[[Route], None]:
    """Pass the index on with these witnesses' co-signatures, so many seconds old, and the policy."""

    def passed(route: Route) -> None:
        response = route.fetch()
        index = response.json()
        body = notes.parse_note(index["note"]).text
        for name in names:
            line = cosignature.cosign(body, name, WITNESSES[name], timestamp=int(time.time()) - ago)
            index["note"] = notes.add_signature(index["note"], line)
        route.fulfill(response=response, body=json.dumps(index | {"policy": POLICY}))

    return passed


A, B, C = WITNESSES


@pytest.fixture
def proofs(as_person: Open) -> Page:
    page = as_person(INSPECTOR)
    proofs_page(page)
    return page


def verify(page: Page) -> None:
    page.get_by_role("button", name="Verify").click()
    verified(page)


def refused(page: Page, words: str) -> None:
    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(page.locator("[data-check=witnesses]")).to_have_attribute("data-kind", "stop")
    expect(page.locator("[data-result]")).to_be_hidden()
    assert page.locator("[data-verify]").get_attribute("data-state") == "fails"


def test_who_co_signed_and_when_and_whose_keys_said_so_stand_on_the_page(proofs: Page) -> None:
    proofs.route("**/proofs/index.json*", cosigning(A, C, ago=20))

    verify(proofs)

    expect(proofs.locator("[data-check=witnesses]")).to_contain_text("2 of 3, 2 asked for")
    said = proofs.locator("[data-vouched]")
    expect(said).to_contain_text("Co-signed by a.witness.example at ")
    expect(said).to_contain_text("whoever made it could have made them")
    expect(proofs.locator("[data-result-title]")).to_contain_text("hold")
    clean(proofs)


def test_a_checkpoint_older_than_five_minutes_is_refused_and_loaded_anew(proofs: Page) -> None:
    """To the second it is held in tests/unit/ledger/crypto/test_browser_cosignatures.py; a page may be slow to ask."""
    proofs.route("**/proofs/index.json*", cosigning(A, B, C, ago=900))
    verify(proofs)
    refused(proofs, "older than five minutes")
    clean(proofs)

    proofs.unroute("**/proofs/index.json*")
    proofs.route("**/proofs/index.json*", cosigning(A, B, C))
    verify(proofs)

    expect(proofs.locator("[data-verify]")).to_have_attribute("data-state", "holds")


def test_one_of_two_that_are_asked_for_is_too_few(proofs: Page) -> None:
    proofs.route("**/proofs/index.json*", cosigning(B))

    verify(proofs)

    refused(proofs, "not co-signed by enough: 1 of 3 (b.witness.example), and 2 are asked for")


def test_the_readers_own_keys_count_and_not_those_that_came(proofs: Page) -> None:
    proofs.route("**/proofs/index.json*", cosigning(A, B))
    proofs.locator("details", has_text="Whose co-signatures count").locator("summary").click()
    keys = proofs.get_by_label("Witnesses’ keys, one a line")

    keys.fill(f"{VKEYS[1]}\n{VKEYS[2]}\n")
    verify(proofs)
    refused(proofs, "by the keys that you gave")

    proofs.get_by_label("How many of these witnesses").fill("1")
    verify(proofs)
    expect(proofs.locator("[data-vouched]")).to_contain_text("By the keys that you gave.")
    expect(proofs.locator("[data-verify]")).to_have_attribute("data-state", "holds")
    clean(proofs)


def test_a_saved_file_says_how_old_its_co_signatures_are_and_is_not_refused_for_it(
    proofs: Page, chromium: Browser, tmp_path: Path
) -> None:
    proofs.route("**/proofs/index.json*", cosigning(A, B))
    verify(proofs)
    with proofs.expect_download() as kept:
        proofs.get_by_role("button", name="Save as one file").click()
    kept.value.save_as(tmp_path / "kept.html")
    context = chromium.new_context(offline=True)
    page = context.new_page()
    page.clock.set_fixed_time(time.time() + 30 * 24 * 3600)
    page.goto((tmp_path / "kept.html").as_uri())

    verify(page)

    expect(page.locator("[data-check=witnesses]")).to_contain_text("2 of 3, 2 asked for")
    expect(page.locator("[data-vouched]")).to_contain_text("how the log stands now, a kept file cannot say")
    page.get_by_label("Witnesses' keys as you have them").fill(VKEYS[2])
    verify(page)
    refused(page, "0 of 1")
    context.close()
