"""Every address of the portal. Each stands here, or in a room's `urls.py`, with its rule (see `portal.access`)."""

from __future__ import annotations

from importlib import import_module

from django.urls import URLPattern, URLResolver, include, path

from portal import home, shell
from portal.access import DEMONSTRATION, MEMBER, PUBLIC, route

ROOMS = (
    "accounts",
    "journeys",
    "actions",
    "batches",
    "transport",
    "proofs",
    "evidence",
    "keys",
    "patients",
    "disclosures",
    "emergency",
    "divergence",
    "hooks",
    "contacts",
    "oversight",
    "audit",
    "api",
)


def _rooms() -> list[URLPattern | URLResolver]:
    return [pattern for room in ROOMS for pattern in import_module(f"portal.{room}.urls").urlpatterns]


urlpatterns: list[URLPattern | URLResolver] = [
    route("", home.home, name="home", rule=MEMBER),
    route("favicon.ico", shell.favicon, name="favicon", rule=PUBLIC),
    route("styleguide/", shell.styleguide, name="styleguide", rule=DEMONSTRATION),
    *_rooms(),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("accounts/3rdparty/", include("allauth.socialaccount.urls")),
    path("accounts/", include("allauth.socialaccount.providers.openid_connect.urls")),
]

handler400 = "portal.refusals.bad_request"
handler403 = "portal.refusals.forbidden"
handler404 = "portal.refusals.not_found"
handler500 = "portal.refusals.broken"
