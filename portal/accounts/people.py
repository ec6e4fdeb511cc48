"""The administrator's acts: bring a person in, end a membership."""

from __future__ import annotations

from typing import Any

from django import forms
from django.urls import reverse

from ledger.errors import BadInput, NotFound
from ledger.parties import access_reviews
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


class ReviewForm(ActionForm):
    """The signature under a review: of exactly the list that was shown."""

    digest = forms.CharField(widget=forms.HiddenInput, max_length=64)
    sure = forms.BooleanField(
        label="I have looked at each of these roles, and whoever should not hold one is ended",
        error_messages={"required": "Tick this: it is what you sign."},
    )


class ListChanged(BadInput):
    """Somebody came or went while the list was being read."""


class ReviewAccessView(ActionView):
    """Who holds which role, when that was last reviewed, and the sign-off."""

    form_class = ReviewForm
    template_name = "people/review.html"

    def initial(self) -> dict[str, Any]:
        return {"digest": queries.digest_of(queries.colleagues(by=self.actor, at=self.at))}

    def page(self, form: ActionForm) -> dict[str, Any]:
        people = queries.colleagues(by=self.actor, at=self.at)
        done = access_reviews.reviews(by=self.actor)
        return {
            "people": people,
            "matrix": queries.matrix(people),
            "reviews": done,
            "names": queries.names_of({one.person for one in done}),
            "due": queries.review_due(done[0].reviewed_at if done else None, self.at),
            "digest": queries.digest_of(people),
            "checked_at": self.at,
        }

    def act(self, form: ActionForm) -> Done:
        people = queries.colleagues(by=self.actor, at=self.at)
        digest = queries.digest_of(people)
        if form.cleaned_data["digest"] != digest:
            raise ListChanged("Somebody came or went while you were reading. Reload the page and look again.")
        access_reviews.record_review(
            digest=digest,
            people=len({one.person for one in people}),
            roles=len(people),
            by=self.actor,
            at=self.at,
            key=form.key,
        )
        return Done(reverse("review_access"), f"Your review of {len(people)} roles is signed and on record.")
