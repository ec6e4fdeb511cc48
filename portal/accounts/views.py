"""Signing in, and choosing which membership to act in."""

from __future__ import annotations

from typing import Any, cast

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from allauth.account.views import LoginView
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.forms import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from ledger.clock import now
from portal import refusals
from portal.accounts import demonstration, queries


class SignInView(LoginView):
    """The sign-in page; in demonstration mode it also lists accounts by organisation and role."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        context["sign_on"] = [
            (one["name"], reverse("openid_connect_login", args=[one["provider_id"]]))
            for one in cast("list[dict[str, str]]", settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"])
        ]
        if settings.DEMONSTRATION:
            context["demo_accounts"] = demonstration.accounts(now())
            context["demo_password"] = demonstration.PASSWORD
            context["demo_sign_in_url"] = reverse("demo_sign_in")
        return context


@require_POST
def demo_sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in as the membership `as` of the demonstration, through the same door as everybody: its password."""
    wanted = request.POST.get("as", "")
    found = next((one for one in demonstration.memberships(now()) if str(one.pk) == wanted), None)
    if found is None:
        return refusals.answer(request, 404, "There is no such demonstration account. Go back to the sign-in page.")
    logout(request)
    credentials = {"email": found.user.email, "password": demonstration.PASSWORD}
    try:
        user = get_adapter(request).authenticate(request, **credentials)
    except ValidationError as problem:
        return refusals.answer(request, 429, " ".join(problem.messages))
    if user is None:
        messages.warning(request, f"{found.user.name} has a password of their own now. Sign in with it.")
        return redirect("account_login")
    login = Login(user=user, email=found.user.email, redirect_url=_next(request))
    response = perform_password_login(request, credentials, login)
    request.session[queries.SESSION_KEY] = found.pk
    return response


@require_POST
def choose_membership(request: HttpRequest) -> HttpResponse:
    """Act in another of one's own memberships from now on."""
    wanted = request.POST.get("membership", "")
    held = queries.memberships_of(user=request.user, at=now())  # type: ignore[arg-type]
    chosen = next((one for one in held if str(one.pk) == wanted), None)
    if chosen is None:
        return refusals.answer(request, 404, "That is not one of your roles at present.")
    request.session[queries.SESSION_KEY] = chosen.pk
    messages.success(request, f"You now act as {chosen.as_role.name} of {chosen.party.name}.")
    return redirect("home")


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if safe else reverse("home")
