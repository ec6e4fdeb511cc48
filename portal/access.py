"""Who may open which address. Deny by default: an address without a rule answers 404, and `manage.py check` fails.

`route` declares an address together with its rule; addresses of packages get theirs in `FOREIGN`. A rule is the first
gate only: what a page shows comes from queries that take the actor, and what it does is checked by the operation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, URLResolver, path, reverse

from ledger.cosigning import tokens
from ledger.errors import Refusal
from ledger.parties.actor import Actor
from portal import refusals
from portal.accounts.roles import PERMISSIONS, ROLES

Kind = Literal["public", "demonstration", "device", "log", "signed_in", "member", "permission", "closed"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Who gets past the door. `permissions` is any-of; `hidden` answers 404 where 403 would tell too much."""

    kind: Kind
    permissions: frozenset[str] = frozenset()
    hidden: bool = False


PUBLIC = Rule("public")
DEMONSTRATION = Rule("demonstration", hidden=True)
DEVICE = Rule("device")
LOG = Rule("log")
"""The log's files: members, their witnesses by a token, or everybody, as NEEDLEPOINT_LOG_READERS says."""
SIGNED_IN = Rule("signed_in")
MEMBER = Rule("member")
CLOSED = Rule("closed", hidden=True)


def may(*permissions: str, hidden: bool = False) -> Rule:
    """Members whose role grants one of these permissions."""
    unknown = set(permissions) - PERMISSIONS.keys()
    if unknown or not permissions:
        raise ValueError(f"no such permission: {sorted(unknown)}")
    return Rule("permission", frozenset(permissions), hidden)


FOREIGN: dict[str, Rule] = {
    # django-allauth. `device` in our sense plays no part here: these are people at a browser.
    "account_login": PUBLIC,
    "account_logout": PUBLIC,
    "account_inactive": PUBLIC,
    "account_reauthenticate": SIGNED_IN,
    "account_change_password": SIGNED_IN,
    "account_set_password": SIGNED_IN,
    "account_reset_password": PUBLIC,
    "account_reset_password_done": PUBLIC,
    "account_reset_password_from_key": PUBLIC,
    "account_reset_password_from_key_done": PUBLIC,
    # People are enrolled by their administrator, under an address that the organisation answers for.
    "account_signup": CLOSED,
    "account_email": CLOSED,
    "account_email_verification_sent": CLOSED,
    "account_confirm_email": CLOSED,
    # A code by e-mail is one weak component where a signature needs two.
    "account_confirm_login_code": CLOSED,
    "mfa_index": SIGNED_IN,
    # Between password and second factor the person is not signed in yet: allauth's own stage guards these two.
    "mfa_authenticate": PUBLIC,
    "mfa_login_webauthn": PUBLIC,
    "mfa_reauthenticate": SIGNED_IN,
    "mfa_activate_totp": SIGNED_IN,
    "mfa_deactivate_totp": SIGNED_IN,
    "mfa_view_recovery_codes": SIGNED_IN,
    "mfa_generate_recovery_codes": SIGNED_IN,
    "mfa_download_recovery_codes": SIGNED_IN,
    "mfa_list_webauthn": SIGNED_IN,
    "mfa_add_webauthn": SIGNED_IN,
    "mfa_reauthenticate_webauthn": SIGNED_IN,
    "mfa_remove_webauthn": SIGNED_IN,
    "mfa_edit_webauthn": SIGNED_IN,
    "openid_connect_login": PUBLIC,
    "openid_connect_callback": PUBLIC,
    "socialaccount_login_cancelled": PUBLIC,
    "socialaccount_login_error": PUBLIC,
    # People are brought in by their administrator, and an account of theirs elsewhere is taken up as they sign on.
    "socialaccount_signup": CLOSED,
    "socialaccount_connections": CLOSED,
}

_RULES: dict[str, Rule] = dict(FOREIGN)


def route(address: str, view: Callable[..., Any], *, name: str, rule: Rule) -> URLPattern:
    """`django.urls.path` with the address's rule. Names are unique over the portal; there are no namespaces."""
    if _RULES.setdefault(name, rule) != rule:
        raise ValueError(f"the address {name} has two rules")
    return path(address, view, name=name)


def rule_of(name: str | None) -> Rule | None:
    """The rule of an address by its view name; None when it has none."""
    return _RULES.get(name or "")


def addresses(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[tuple[str, str | None]]:
    """Every address below a resolver, as its pattern and its full view name."""
    for pattern in patterns:
        here = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            space = f"{pattern.namespace}:" if pattern.namespace else ""
            for address, name in addresses(pattern.url_patterns, here):
                yield address, f"{space}{name}" if name else None
        else:
            yield here, pattern.name


class AccessMiddleware:
    """Applies the rule of each address before its view runs. Stands after ActorMiddleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\x00" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            # PostgreSQL keeps no NUL in text: without this line such an address would end in a server error.
            return refusals.answer(
                request,
                400,
                "This address holds a character that no address has. Check the link, or go on from your worklist.",
            )
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        match = request.resolver_match
        rule = rule_of(match.view_name if match else None)
        actor: Actor | None = getattr(request, "actor", None)
        if rule is None or rule.kind == "closed" or (rule.kind == "demonstration" and not settings.DEMONSTRATION):
            return refusals.not_found(request)
        if rule.kind in {"public", "demonstration", "device"}:
            return None
        if rule.kind == "log" and (settings.LOG_READERS == "public" or "Authorization" in request.headers):
            return _to_the_log(request)
        if not request.user.is_authenticated:
            return _to_sign_in(request)
        if rule.kind == "signed_in":
            return None
        if actor is None:
            return refusals.answer(
                request, 403, "Your account belongs to no organisation at present. Ask your administrator to add you."
            )
        if _lacks_second_factor(actor):
            return _to_second_factor(request)
        if rule.kind == "permission" and not rule.permissions & actor.permissions:
            if rule.hidden:
                return refusals.not_found(request)
            return refusals.answer(request, 403, _explained(actor, rule))
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A refusal that a view did not catch is its answer, never a server error."""
        if isinstance(exception, Refusal):
            return refusals.answer(request, exception.status, exception.message, code=exception.code)
        return None


def _to_the_log(request: HttpRequest) -> HttpResponse | None:
    """None for who reads the log as a machine, or where everybody may. Sets `reads_log`."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if settings.LOG_READERS != "public" and (scheme.lower() != "bearer" or tokens.party_of(token.strip()) is None):
        said = "This token does not open the log. Ask the operator for another: manage.py witness_token."
        refused = HttpResponse(said + "\n", status=401, content_type="text/plain; charset=utf-8")
        refused["WWW-Authenticate"] = 'Bearer realm="log"'
        return refused
    request.reads_log = True  # type: ignore[attr-defined]
    return None


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    if refusals.wants_json(request):
        return refusals.answer(request, 401, "Sign in first.")
    there = redirect_to_login(request.get_full_path(), reverse("account_login"))
    if getattr(request, "htmx", False):
        # A fragment cannot show the sign-in page: the whole page goes there.
        return HttpResponse(status=401, headers={"HX-Redirect": there.url})
    return there


def _lacks_second_factor(actor: Actor) -> bool:
    return settings.SECOND_FACTOR_TO_SIGN and ROLES[actor.role].signs and actor.method in {"password", "sign-on"}


def _to_second_factor(request: HttpRequest) -> HttpResponse:
    said = "Your role signs records, so it needs a passkey or an authenticator app. Add one, then sign in with it."
    if refusals.wants_json(request):
        return refusals.answer(request, 403, said)
    messages.warning(request, said)
    return redirect("mfa_index")


def _explained(actor: Actor, rule: Rule) -> str:
    role = ROLES[actor.role].name
    wanted = sorted(PERMISSIONS[code] for code in rule.permissions)
    able = sorted(other.name for other in ROLES.values() if other.permissions & rule.permissions)
    return f"{wanted[0]}: your role ({role}) may not do this. It belongs to: {', '.join(able) or 'nobody'}."
