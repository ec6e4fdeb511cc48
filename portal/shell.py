"""The page's frame: what every template may know of its reader, and the component sheet.

The navigation is no business of this module: a role's entries come from the dashboards' registry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from ledger.parties.actor import Actor
from portal import styleguide as examples
from portal.access import rule_of
from portal.accounts.roles import ROLES
from portal.dashboards import registry
from portal.divergence import presenter
from portal.divergence.presenter import Diverged
from portal.journeys import finding
from portal.live import feed

LIVE_PATH = "/live/"
ICON_SECONDS = 24 * 3600
METHODS = {
    "password": "password",
    "password+totp": "password and authenticator app",
    "passkey": "passkey",
    "sign-on": "your organisation’s sign-on",
}
LINKS = {
    "home": "home",
    "scan": "scan",
    "security": "mfa_index",
    "signature": "signing_keys",
    "password": "account_change_password",
    "sessions": "usersessions_list",
    "sign_in": "account_login",
    "sign_out": "account_logout",
    "help": "help",
    "privacy": "privacy",
    "ledger": "ledger",
    "profile": "profile",
    "choose_role": "choose_membership",
}


@dataclass(frozen=True)
class Entry:
    """One place in the navigation. `tone` is "stop" where the count is of things that are wrong."""

    label: str
    url: str
    count: int | None
    icon: str
    tone: str
    current: bool


@dataclass(frozen=True)
class OtherRole:
    """Another membership of the reader, to act in from now on."""

    membership: str
    role: str
    party: str


@dataclass(frozen=True)
class Shell:
    """The frame of one page for one reader. `zone` is an IANA name, `zone_label` its abbreviation now."""

    actor: Actor | None
    role: str
    party: str
    method: str
    other_roles: tuple[OtherRole, ...]
    navigation: tuple[Entry, ...]
    path: str
    zone: str
    zone_label: str
    live_url: str
    live_since: str
    demonstration: bool
    links: dict[str, str] = field(default_factory=dict)
    diverged: Diverged | None = None
    search_hint: str = ""

    @property
    def alerts(self) -> int:
        """How many wrong things the navigation counts: shown on the closed menu of a narrow screen."""
        return sum(entry.count or 0 for entry in self.navigation if entry.tone == "stop")


def context(request: HttpRequest) -> dict[str, Any]:
    """Context processor: gives `shell` to every template."""
    return {"shell": _shell(request)}


def _shell(request: HttpRequest) -> Shell:
    actor: Actor | None = getattr(request, "actor", None)
    return Shell(
        actor=actor,
        role=ROLES[actor.role].name if actor else "",
        party=getattr(request, "party_name", "") if actor else "",
        method=METHODS.get(actor.method, actor.method) if actor else "",
        other_roles=_other_roles(request),
        navigation=_navigation(actor, request.path) if actor else (),
        path=request.path,
        zone=timezone.get_current_timezone_name(),
        zone_label=timezone.localtime().strftime("%Z"),
        live_url=LIVE_PATH if actor else "",
        live_since=str(getattr(request, "live_since", "")),
        demonstration=settings.DEMONSTRATION,
        diverged=presenter.bar() if actor else None,
        search_hint=finding.hint(actor) if actor else "",
        links={name: url for name, view in LINKS.items() if _opens(view, actor) and (url := _url(view))},
    )


def mark_live(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: notes the log's newest index before the view asks its questions.

    The page's socket opens with it, so a change that comes while the page is being made is told again, never missed.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if getattr(request, "actor", None) and not getattr(request, "htmx", False):
            request.live_since = feed.newest_index()  # type: ignore[attr-defined]
        return get_response(request)

    return middleware


def _navigation(actor: Actor, path: str) -> tuple[Entry, ...]:
    items = registry.navigation_for(actor)
    here = max((item.url for item in items if _covers(item.url, path)), key=len, default="")
    return tuple(
        Entry(item.label, item.url, item.count or None, item.icon, item.tone, item.url == here) for item in items
    )


def _other_roles(request: HttpRequest) -> tuple[OtherRole, ...]:
    chosen = getattr(request, "membership", None)
    return tuple(
        OtherRole(str(one.pk), one.as_role.name, one.party.name)
        for one in getattr(request, "memberships", ())
        if chosen is None or one.pk != chosen.pk
    )


def _covers(url: str, path: str) -> bool:
    """Whether a navigation entry leads to this page or to one above it; the front page covers only itself."""
    return path == url or (url != "/" and path.startswith(url.rstrip("/") + "/"))


def _opens(view: str, actor: Actor | None) -> bool:
    """Whether the reader's role may open it: the frame leads nobody to a closed door."""
    rule = rule_of(view)
    return rule is None or not rule.permissions or (actor is not None and bool(rule.permissions & actor.permissions))


def _url(view: str) -> str:
    try:
        return reverse(view)
    except NoReverseMatch:
        return ""


def favicon(request: HttpRequest) -> HttpResponse:
    """Where browsers and mail programs look for an icon without being told of one."""
    answer = redirect(static("img/needlepoint.svg"))
    answer["Cache-Control"] = f"public, max-age={ICON_SECONDS}"
    return answer


def styleguide(request: HttpRequest) -> HttpResponse:
    """Every component with every state on one page, for people who build and for automatic checks."""
    if not settings.DEMONSTRATION:
        raise Http404
    return render(request, "styleguide.html", examples.context())
