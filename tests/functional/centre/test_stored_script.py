"""A name that is a script: shown as it was typed wherever it stands, run nowhere; and the policy would stop one."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.functional.hands import is_sound

pytestmark = pytest.mark.browser
SCRIPT = '<img src=x onerror="window.owned=1"><script>window.owned=1</script>O’Hara'


def _shows_it(page: Page) -> None:
    expect(page.get_by_text(SCRIPT).first).to_be_visible()
    assert page.evaluate("window.owned") is None
    is_sound(page)


def test_a_name_that_is_a_script_is_text_on_every_page_that_shows_it(as_person: Any, portal_server: Any) -> None:
    therapy = portal_server.tell(days=8.3, stop_before="collect", centre="X0117")
    page = as_person("Fergus Iain")
    page.goto(f"/therapies/{therapy}/")
    page.locator(".np-ident__m a").first.click()
    patient = page.url
    page.get_by_role("link", name="Correct it").click()
    is_sound(page)
    page.get_by_label("Family name").fill(SCRIPT)
    page.get_by_text("It was typed wrong").click()
    page.get_by_label("I have compared this").check()
    page.get_by_role("button", name="Sign and correct").click()
    expect(page.get_by_text("Corrected. The former value stays under seal")).to_be_visible()

    for address in (patient, f"/therapies/{therapy}/", "/therapies/", f"/therapies/{therapy}/move/"):
        page.goto(address)
        _shows_it(page)


def test_the_policy_runs_no_script_of_the_page_itself(as_person: Any) -> None:
    page = as_person("Fergus Iain")
    answer = page.goto("/therapies/")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    page.evaluate(
        """() => {
          const inline = document.createElement("script");
          inline.textContent = "window.owned = 1";
          document.body.append(inline);
          document.body.insertAdjacentHTML("beforeend", '<img src="data:," onerror="window.owned = 1">');
        }"""
    )
    page.wait_for_function("(window.breaches ?? []).length >= 2")
    assert page.evaluate("window.owned") is None
