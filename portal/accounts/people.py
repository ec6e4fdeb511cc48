"""The administrator's acts: bring a person in, end a membership."""

from __future__ import annotations

from typing import Any

from django import forms
from django.urls import reverse

from ledger.errors import NotFound
from portal.accounts import operations, queries
from portal.accounts.roles import roles_of
from portal.actions.base import ActionForm, ActionView, Done


class EnrolPersonForm(ActionForm):
    """Name, address and role of somebody who joins."""

    name = forms.CharField(
        label="Full name",
        max_length=120,
        help_text="As it is printed beside signatures.",
        error_messages={"required": "Write their whole name."},
    )
    email = forms.EmailField(
        label="Work e-mail",
        max_length=254,
        help_text="They sign in with it.",
        error_messages=dict.fromkeys(("required", "invalid"), "Write the whole address, such as ada@hospital.example."),
    )
    role = forms.ChoiceField(label="Role", widget=forms.RadioSelect, error_messages={"required": "Choose a role."})

    def __init__(self, *args: Any, party_kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        roles = roles_of(party_kind)
        self.fields["role"].choices = [(role.code, f"{role.name}. {role.description}") for role in roles]  # type: ignore[attr-defined]


class EnrolPersonView(ActionView):
    form_class = EnrolPersonForm
    template_name = "people/enrol.html"

    def form_arguments(self) -> dict[str, Any]:
        return {"party_kind": self.actor.party_kind}

    def act(self, form: ActionForm) -> Done:
        given = form.cleaned_data
        held = operations.enrol_person(
            email=given["email"], name=given["name"], role=given["role"], by=self.actor, at=self.at
        )
        return Done(
            reverse("home"),
            f"{held.user.name} is {held.as_role.name} now. They set a password by “Forgotten it?” on the sign-in page.",
        )


class NoSuchColleague(NotFound):
    """Nobody of that number belongs to the actor's organisation at present."""


class EndMembershipView(ActionView):
    template_name = "people/end.html"
    colleague: queries.Colleague

    def prepare(self) -> None:
        wanted = self.kwargs["membership"]
        found = [one for one in queries.colleagues(by=self.actor, at=self.at) if one.membership == wanted]
        if not found:
            raise NoSuchColleague("This person has left your organisation, or was never in it.")
        self.colleague = found[0]

    def page(self, form: ActionForm) -> dict[str, Any]:
        return {"colleague": self.colleague}

    def act(self, form: ActionForm) -> Done:
        held = operations.end_membership(membership=self.kwargs["membership"], by=self.actor, at=self.at)
        return Done(
            reverse("home"), f"{held.user.name} is no longer {held.as_role.name}. What they signed stays signed."
        )
