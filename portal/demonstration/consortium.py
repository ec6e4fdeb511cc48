"""Founding the demonstration consortium: members, people, protocols, loggers and free slots, all by operations."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings

from custody.protocols.operations import publish_protocol
from custody.telemetry.models import Device
from custody.telemetry.operations import register_device
from ledger.parties.actor import Actor
from ledger.parties.acts import subject_of
from ledger.parties.models import Party, PersonKey
from ledger.parties.operations import enrol_party, founding_actor
from portal.accounts import demonstration
from portal.accounts.actors import actor_for
from portal.accounts.models import Membership
from portal.accounts.operations import place_person
from portal.contacts.operations import place_duty_number
from portal.demonstration.members import DUTY_NUMBERS, LOGGERS_A_COURIER, MEMBERS, OPERATOR, Member

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody of the demonstration, by organisation and role."""

    actors: dict[UUID, tuple[Actor, ...]]
    parties: dict[str, Party]

    def actor(self, party: UUID, *roles: str, other_than: UUID | None = None) -> Actor:
        """Somebody of that organisation in one of these roles, in their order, not the named person."""
        for role in roles:
            for actor in self.actors.get(party, ()):
                if actor.role == role and actor.person != other_than:
                    return actor
        raise LookupError(f"nobody of {party} is {' or '.join(roles)}")

    def person(self, party: UUID, person: UUID) -> Actor:
        """That person of that organisation."""
        return next(actor for actor in self.actors[party] if actor.person == person)

    def of_kind(self, kind: str) -> list[Party]:
        return [party for party in self.parties.values() if party.kind == kind]


def found(*, at: datetime, tell: Tell) -> Cast:
    """Found the consortium; nothing happens twice."""
    by = founding_actor(OPERATOR.people[0][0])
    for member in (OPERATOR, *MEMBERS):
        record = enrol_party(
            code=member.code,
            name=member.name,
            kind=member.kind,
            country=member.country,
            city=member.city,
            time_zone=member.time_zone,
            latitude_e6=member.latitude_e6,
            longitude_e6=member.longitude_e6,
            by=by,
            at=at,
            key=f"found-{member.code}",
        )
        party = Party.objects.get(pk=record.chain.subject)
        _place_people(member, party, at)
        if member.code in DUTY_NUMBERS:
            called, desk = DUTY_NUMBERS[member.code]
            place_duty_number(party=party, number=called, desk=desk, at=at)
    tell(f"{len(MEMBERS)} members enrolled, with their people")
    for path in sorted((settings.BASE_DIR / "protocols").glob("*.json")):
        publish_protocol(document=json.loads(path.read_text()), by=by, at=at, key=f"publish-{path.stem}")
    tell("Protocols published")
    cast = load_cast(at)
    for courier in cast.of_kind("courier"):
        dispatcher = cast.actor(courier.id, "dispatcher")
        for number in range(1, LOGGERS_A_COURIER + 1):
            serial = f"L-{courier.code[-2:]}{number:02d}"
            if not Device.objects.filter(serial=serial).exists():
                register_device(serial=serial, kind="logger", by=dispatcher, at=at, key=f"logger-{serial}")
    tell("Loggers registered")
    return cast


def _place_people(member: Member, party: Party, at: datetime) -> None:
    for name, role in member.people:
        email = f"{name.lower().replace(' ', '.')}@{member.domain}"
        if not Membership.objects.filter(user__email=email, party=party, role=role).exists():
            place_person(
                party=party, email=email, name=name, role=role, at=at, password_hash=demonstration.password_hash()
            )


def load_cast(at: datetime) -> Cast:
    """The people of the demonstration as actors, from the database.

    Who has a signing key of their own comes last: only they can sign with it, and stories are told by others.
    """
    actors: dict[UUID, list[Actor]] = {}
    rows = Membership.objects.current(at).filter(user__email__endswith=demonstration.DOMAIN_SUFFIX)
    bound = set(PersonKey.objects.filter(ended_by=None).values_list("subject", flat=True))
    people = list(rows.select_related("user", "party").order_by("id"))
    for membership in sorted(people, key=lambda one: subject_of(one.party_id, one.user_id) in bound):
        actors.setdefault(membership.party_id, []).append(actor_for(membership.user, membership, "password"))
    parties = {party.code: party for party in Party.objects.all()}
    return Cast({party: tuple(people) for party, people in actors.items()}, parties)
