"""Bringing people in and letting them go. Who a person is stays off the ledger: only the pseudonym stands there."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from ledger.clock import stamp
from ledger.errors import BadInput, Conflict, NotPermitted
from ledger.parties.actor import Actor
from ledger.parties.models import Party
from portal.accounts.models import Membership, User, normal_email
from portal.accounts.roles import ROLES
from portal.audit.operations import write_down


class RoleNotForOrganisation(BadInput):
    """An organisation of this kind has no such role."""


class MembershipHeldAlready(Conflict):
    """The person has this role in this organisation already."""


class MembershipOver(Conflict):
    """The membership ended before."""


class LastAdministrator(Conflict):
    """Nobody would be left to manage the organisation's people."""


def check_manage_members(by: Actor, party_id: object) -> None:
    """Raise NotPermitted unless the actor looks after the people of that organisation."""
    by.check("members.manage")
    if by.party != party_id:
        raise NotPermitted("You look after the people of your own organisation only.")


@transaction.atomic
def enrol_person(*, email: str, name: str, role: str, by: Actor, at: datetime) -> Membership:
    """Bring a person into the actor's organisation; they set their password by the reset link.

    A person whom another organisation brought in keeps their login and name and gets a further membership.
    """
    check_manage_members(by, by.party)
    held = place_person(party=Party.objects.get(pk=by.party), email=email, name=name, role=role, at=at)
    after = {"role": held.as_role.name, "e-mail": held.user.email}
    write_down("person.enrolled", subject=held.user.name, by=by, at=at, after=after)
    return held


@transaction.atomic
def place_person(
    *, party: Party, email: str, name: str, role: str, at: datetime, password_hash: str | None = None
) -> Membership:
    """Make a person and their membership without asking who wants it: for commands on the server itself."""
    if role not in ROLES or party.kind not in ROLES[role].party_kinds:
        raise RoleNotForOrganisation(f"{party.name} cannot give the role “{role}”.", field="role")
    user = User.objects.filter(email=normal_email(email)).first()
    if user is None:
        try:
            user = User.objects.create_user(email, name=name)
        except ValidationError as problem:
            field, texts = next(iter(problem.message_dict.items()))
            raise BadInput(texts[0], field=field if field in {"email", "name"} else None) from problem
    if password_hash is not None:
        user.password = password_hash
        user.save(update_fields=["password"])
    try:
        with transaction.atomic():
            return Membership.objects.create(user=user, party=party, role=role, since=at)
    except IntegrityError:
        raise MembershipHeldAlready(
            f"{user.name} is {ROLES[role].name} of {party.name} already.", field="role"
        ) from None


@transaction.atomic
def end_membership(*, membership: int, by: Actor, at: datetime) -> Membership:
    """End a membership now. The row stays: records signed under it keep their author's role."""
    held = Membership.objects.select_for_update().select_related("user", "party").filter(pk=membership).first()
    if held is None or held.party_id != by.party:
        raise NotPermitted("You look after the people of your own organisation only.")
    check_manage_members(by, held.party_id)
    if held.until is not None:
        raise MembershipOver(f"{held.user.name} stopped being {held.as_role.name} before.")
    if held.role == "administrator" and not _another_administrator(held, at):
        raise LastAdministrator("Name another administrator first: nobody else looks after your people.")
    held.until = at
    held.save(update_fields=["until"])
    write_down(
        "membership.ended",
        subject=held.user.name,
        by=by,
        at=at,
        before={"role": held.as_role.name, "until": ""},
        after={"role": "", "until": stamp(at)},
    )
    return held


def _another_administrator(held: Membership, at: datetime) -> bool:
    others = Membership.objects.current(at).filter(party=held.party, role="administrator", user__is_active=True)
    return others.exclude(pk=held.pk).exists()
