"""Registering a logger, and a new key for one: it is shown once, on the answer itself, and only the device keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables

from custody.telemetry import queries
from custody.telemetry.devices import RegisteredDevice, register_device, renew_api_key
from custody.telemetry.models import Device
from custody.telemetry.queries import DeviceRow
from portal.accounts.signed_forms import SigningMixin
from portal.accounts.signing import first_signer
from portal.actions.base import ActionForm, ActionView, Done


class DeviceForm(SigningMixin, ActionForm):
    """Which device: its serial number as printed on it."""

    serial = forms.CharField(
        label="Scan or type the serial number",
        max_length=40,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false", "data-scan": ""}
        ),
        help_text="As printed on it, such as L-0541. It is scanned at packing.",
    )
    kind = forms.ChoiceField(
        label="What is it?",
        choices=[("logger", "Logger, which travels with a shipment"), ("gateway", "Gateway, which sends for loggers")],
        widget=forms.RadioSelect,
        initial="logger",
    )


class Shown(Exception):
    """The device is registered; its key stands on this answer and nowhere else."""

    def __init__(self, registered: RegisteredDevice) -> None:
        super().__init__()
        self.registered = registered


class RegisterView(ActionView):
    """Register a device of the actor's organisation.

    The answer to the form is the page with the key, not a redirect to one: a page that could be opened again would have
    to keep the key. Sent twice, the second answer says that the key was shown.
    """

    template_name: ClassVar[str] = "transport/logger_new.html"
    form_class = DeviceForm

    def form_arguments(self) -> Mapping[str, Any]:
        return {"request": self.request}

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        return {"back_url": reverse("loggers")}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().post(request, *args, **kwargs)
        except Shown as shown:
            return self._answer(shown.registered)

    def act(self, form: ActionForm) -> Done:
        raise Shown(
            register_device(
                serial=form.cleaned_data["serial"],
                kind=form.cleaned_data["kind"],
                by=first_signer(self.request, form),
                at=self.at,
                key=form.key,
            )
        )

    @sensitive_variables("registered")
    def _answer(self, registered: RegisteredDevice) -> HttpResponse:
        return answer(
            self.request, registered.device, registered.authorization if registered.api_key else "", renewed=False
        )


class RenewForm(SigningMixin, ActionForm):
    """Nothing to fill in: which device is on the page, and who asks for it signs in again where that is due."""


class Renewed(Exception):
    """The device has a new key; it stands on this answer and nowhere else."""

    def __init__(self, api_key: str) -> None:
        super().__init__()
        self.api_key = api_key


class RenewView(ActionView):
    """A new key in place of a lost or leaked one, which stops working at once."""

    template_name: ClassVar[str] = "transport/logger_rekey.html"
    form_class = RenewForm
    device: DeviceRow

    def prepare(self) -> None:
        self.device = queries.device(device=self.kwargs["device"], by=self.actor)

    def form_arguments(self) -> Mapping[str, Any]:
        return {"request": self.request}

    def page(self, form: ActionForm) -> Mapping[str, Any]:
        return {"device": self.device, "back_url": reverse("loggers")}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().post(request, *args, **kwargs)
        except Renewed as renewed:
            return answer(request, self.device, f"Device {self.device.id}.{renewed.api_key}", renewed=True)

    def act(self, form: ActionForm) -> Done:
        raise Renewed(renew_api_key(device=self.device.id, by=first_signer(self.request, form), at=self.at))


@sensitive_variables("authorization", "context")
def answer(request: HttpRequest, device: Device | DeviceRow, authorization: str, *, renewed: bool) -> HttpResponse:
    """The page that shows a key, this once."""
    context = {
        "device": device,
        "authorization": authorization,
        "renewed": renewed,
        "endpoint": f"{settings.PUBLIC_URL.rstrip('/')}{reverse('api_readings')}",
        "back_url": reverse("loggers"),
    }
    response = render(request, "transport/logger_key.html", context)
    response["Cache-Control"] = "no-store"
    return response
