"""A real Chromium against the live server, with every breach of the content security policy counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Page

from tests.factories.people import member, organisation

WATCH = """addEventListener("securitypolicyviolation", (breach) => {
  (window.breaches ??= []).push(`${breach.violatedDirective} ${breach.sourceFile}`);
});"""


@pytest.fixture
def open_page(chromium: Browser, live_server: Any) -> Iterator[Callable[..., Page]]:
    """Open an address: `open_page("/styleguide/", width=390, theme="dark", cookies=…)`."""
    contexts = []

    def opened(path: str, *, width: int = 1280, theme: str = "light", session: str = "", ready: Any = None) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=theme)
        contexts.append(context)
        context.add_init_script(WATCH)
        if session:
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
        page = context.new_page()
        if ready is not None:
            ready(page)
        page.goto(live_server.url + path)
        page.wait_for_load_state("networkidle")
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def nurse_session(live_server: Any) -> str:
    """The session of a nurse who is signed in."""
    client = Client()
    client.force_login(
        member("nurse", organisation("treatment_centre")).user,
        backend="allauth.account.auth_backends.AuthenticationBackend",
    )
    return client.cookies[settings.SESSION_COOKIE_NAME].value
