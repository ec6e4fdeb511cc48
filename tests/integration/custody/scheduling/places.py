"""A small consortium with slots and approved therapies, made by the operations that make them anywhere else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from uuid import UUID, uuid4

from custody.patients.identity import PatientIdentity
from custody.patients.operations import enrol_patient
from custody.protocols.document import Field
from custody.protocols.operations import publish_protocol
from custody.protocols.queries import protocol, shipped
from custody.scheduling.operations import NewSlot, publish_slots
from custody.therapies.operations import decide_payer, order_therapy
from ledger.log.models import Document
from ledger.parties.actor import Actor
from ledger.parties.models import Party
from ledger.parties.operations import founding_actor
from portal.accounts.roles import ROLES
from tests.factories.people import organisation

AT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
DAY0 = datetime(2026, 11, 30, tzinfo=UTC)
CODES = ("apheresis", "pickup", "manufacturing", "testing", "release-review", "return", "bed")
# Of the fresh CD19 protocol: one start for each link that leads to the next, in hours after DAY0.
HOURS = {
    "apheresis": 8,
    "pickup": 14,
    "manufacturing": 33,
    "testing": 33 + 240 + 8,
    "release_review": 281 + 336 + 8,
    "return": 625 + 48 + 24,
    "bed": 697 + 48 + 48,
}
LONG = {
    "apheresis": 6,
    "pickup": 1,
    "manufacturing": 288,
    "testing": 340,
    "release_review": 60,
    "return": 60,
    "bed": 400,
}
_numbers = count(1)


def someone(role: str, party: Party) -> Actor:
    """A fresh person of that role, signed in with a passkey."""
    return Actor(
        person=uuid4(),
        name=f"{role} of {party.code}",
        party=party.id,
        party_code=party.code,
        party_kind=party.kind,
        role=role,
        permissions=ROLES[role].permissions,
        method="passkey",
    )


def desk(party: Party) -> Actor:
    """Whoever publishes the organisation's slots."""
    role = {"treatment_centre": "coordinator", "manufacturer": "scheduler", "courier": "dispatcher"}[party.kind]
    actor = someone(role, party)
    return Actor(**{name: getattr(actor, name) for name in Actor.__slots__} | {
        "permissions": actor.permissions | {"slots.publish"}
    })  # fmt: skip


@dataclass(frozen=True, slots=True)
class Consortium:
    """The members of the small world, and the protocol they work by."""

    centre: Party
    maker: Party
    other_maker: Party
    courier: Party
    payer: Party
    protocol: str

    @property
    def coordinator(self) -> Actor:
        return someone("coordinator", self.centre)

    def owner(self, kind: str) -> Party:
        return {"apheresis": self.centre, "bed": self.centre, "pickup": self.courier, "return": self.courier}.get(
            kind, self.maker
        )


def consortium() -> Consortium:
    """Enrol the members and publish the shipped fresh CD19 protocol."""
    content = next(document for document in shipped() if document["code"] == "cd19-fresh")
    members = Consortium(
        centre=organisation("treatment_centre"),
        maker=organisation("manufacturer"),
        other_maker=organisation("manufacturer", 2),
        courier=organisation("courier"),
        payer=organisation("payer"),
        protocol="",
    )
    publish_protocol(document=content, by=founding_actor(), at=AT, key="protocol-cd19")
    digest = Document.objects.get(kind="protocol", code="cd19-fresh").digest
    return Consortium(members.centre, members.maker, members.other_maker, members.courier, members.payer, digest)


def approved_therapy(world: Consortium) -> UUID:
    """A therapy that its centre has ordered and its payer approved, ready to be booked."""
    number = next(_numbers)
    by = world.coordinator
    patient = enrol_patient(
        identity=PatientIdentity("Ngozi", "Canary", date(1971, 5, 17), f"RN-{number:06d}", Decimal("68.5"), "ward 4"),
        by=by,
        at=AT,
        key=f"enrol-{number:08d}",
    )
    physician = someone("physician", world.centre)
    order = order_therapy(
        patient=patient.id, protocol=world.protocol, payer=world.payer.id, consent=True, eligible=True,
        values=good_values(world, "order"), by=physician, at=AT, key=f"order-{number:08d}",
    )  # fmt: skip
    therapy = order.chain.subject
    decide_payer(
        therapy=therapy, approved=True, values=good_values(world, "payer_approval"),
        by=someone("payer_analyst", world.payer), at=AT, key=f"approve-{number:08d}",
    )  # fmt: skip
    return therapy


def good_values(world: Consortium, kind: str) -> dict[str, str]:
    """A value inside the limits for each field that the step of this kind asks for."""
    step = protocol(world.protocol).step_of_kind(kind)
    return {field.code: good_value(field) for field in step.fields if field.required}


def good_value(field: Field) -> str:
    if field.kind == "decimal":
        return str(field.low if field.low is not None else field.high if field.high is not None else 1)
    if field.kind == "choice":
        return field.expected or field.choices[0]
    return field.expected or ("yes" if field.kind == "check" else "A1")


def offer_slot(
    world: Consortium, kind: str, hours: float, *, resource: str = "", capacity: int = 1, party=None
) -> UUID:
    """Publish one slot so many hours after DAY0."""
    owner = party or world.owner(kind)
    start = DAY0 + timedelta(hours=hours)
    new = NewSlot(kind, resource or f"{kind} 1", start, start + timedelta(hours=LONG[kind]), capacity)
    return publish_slots(slots=[new], by=desk(owner), at=AT).ids[0]


def offer_chain(
    world: Consortium, *, day: int = 0, line: str = "A", capacity: int = 1, scarce: str = "", places: int = 1
) -> list[UUID]:
    """Publish a slot for each link, `day` days later; `scarce` is the kind that has only so many `places`.

    Each day and line has chairs, vans, suites and beds of its own.
    """
    return [
        offer_slot(
            world,
            kind,
            hours + 24 * day,
            resource=f"{kind} {line}{day + 1}",
            capacity=places if kind == scarce else capacity,
        )
        for kind, hours in HOURS.items()
    ]
