"""The administrator's page of web hooks."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from ledger.clock import now
from ledger.errors import Refusal
from ledger.parties.actor import Actor
from ledger.parties.models import PartyKey
from portal.accounts.actors import actor_of
from portal.hooks import operations, queries, sending


class HookForm(forms.Form):
    url = forms.CharField(
        label="Address",
        max_length=sending.MAX_URL,
        help_text="It begins with https:// and lies on the open Internet.",
        widget=forms.URLInput(attrs={"autocomplete": "off", "placeholder": "https://"}),
        error_messages={"required": "Give the address."},
    )


@require_http_methods(["GET", "HEAD", "POST"])
def hooks(request: HttpRequest) -> HttpResponse:
    """The organisation's web hooks, their deliveries, and a form for one more."""
    actor, form = actor_of(request), HookForm(request.POST or None)
    if request.method != "POST":
        return _page(request, actor, HookForm())
    if not form.is_valid():
        return _page(request, actor, form, status=422)
    try:
        operations.add_hook(url=form.cleaned_data["url"].strip(), by=actor, at=now())
    except Refusal as refusal:
        form.add_error("url", refusal.message)
        return _page(request, actor, form, status=refusal.status)
    messages.success(request, "Registered. Send a test to see that it arrives.")
    return redirect("web_hooks")


@require_POST
def remove(request: HttpRequest, hook: UUID) -> HttpResponse:
    """Send nothing more there."""
    operations.remove_hook(hook=hook, by=actor_of(request), at=now())
    messages.success(request, "Removed. Nothing more is sent there.")
    return redirect("web_hooks")


@require_POST
def test(request: HttpRequest, hook: UUID) -> HttpResponse:
    """Send a test."""
    operations.test_hook(hook=hook, by=actor_of(request), at=now())
    messages.success(request, "A test is on its way. Reload the page to see what came back.")
    return redirect("web_hooks")


def _page(request: HttpRequest, actor: Actor, form: HookForm, *, status: int = 200) -> HttpResponse:
    keys = PartyKey.objects.filter(party__kind="operator").order_by("key_id").values_list("public_key", flat=True)
    context = {"rows": queries.hooks_of(by=actor), "form": form, "keys": list(keys), "checked_at": now()}
    return render(request, "hooks/hooks.html", context, status=status)
