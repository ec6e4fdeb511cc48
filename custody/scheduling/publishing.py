"""What members offer: slots, the products they serve, and the roads they drive."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Manager, Max, QuerySet

from custody.scheduling import permissions
from custody.scheduling.models import Booking, Lane, ProductSite, Slot
from custody.scheduling.names import folded, in_order
from ledger.errors import BadInput, Conflict, NotFound, NotPermitted
from ledger.ids import derived
from ledger.parties.actor import Actor

BATCH = 500
MOST_SLOTS = 20_000


@dataclass(frozen=True, slots=True)
class InUse:
    """A slot whose bookings stand in the way of a change. `starts_at` is in UTC."""

    slot: UUID
    resource: str
    starts_at: datetime
    booked: int


class SlotInUse(Conflict):
    """Slots have bookings that the change would leave without a place; `slots` are all of them, by start."""

    def __init__(self, message: str, slots: Sequence[InUse] = ()) -> None:
        super().__init__(message, field="slots")
        self.slots = tuple(slots)


class SlotsNotFound(NotFound):
    """Some of these slots are not the actor's."""


@dataclass(frozen=True, slots=True)
class NewSlot:
    """A slot to offer. `capacity` bookings may start at `starts_at`; each ends by `ends_at`."""

    kind: str
    resource: str
    starts_at: datetime
    ends_at: datetime
    capacity: int = 1


@dataclass(frozen=True, slots=True)
class Published:
    """What publishing did; `ids` in the order given."""

    ids: tuple[UUID, ...]
    created: int
    changed: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What publishing or withdrawing would do. `in_use`: the slots that it would take from a booking."""

    created: int
    changed: int
    unchanged: int
    in_use: tuple[InUse, ...]


def slot_id(party: UUID, slot: NewSlot) -> UUID:
    """A slot's id follows from its place and start, so publishing again finds it."""
    return derived("slot", party, slot.kind, slot.resource, slot.starts_at.astimezone(UTC).isoformat())


@transaction.atomic
def publish_slots(*, slots: Sequence[NewSlot], by: Actor, at: datetime) -> Published:
    """Offer slots of the actor's organisation; those known by kind, resource and start are changed to what is given.

    May be repeated without harm. Raises NotPermitted, BadInput, and SlotInUse when a change would take the place of a
    booking.
    """
    permissions.check_publish(by, frozenset(slot.kind for slot in slots))
    _check_shape(slots)
    wanted = _wanted(slots, by)
    known = _known(wanted, Slot.objects.select_for_update())
    changed = _changed(wanted, known)
    in_use = _in_use(changed)
    if in_use:
        raise _refused(in_use)
    Slot.objects.bulk_create(
        [
            Slot(
                id=identifier,
                party_id=by.party,
                kind=slot.kind,
                resource=slot.resource,
                starts_at=slot.starts_at,
                ends_at=slot.ends_at,
                capacity=slot.capacity,
                published=True,
            )
            for identifier, slot in wanted.items()
            if identifier not in known or identifier in changed
        ],
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["ends_at", "capacity", "published"],
    )
    return Published(
        ids=tuple(wanted),
        created=len(wanted) - len(known),
        changed=len(changed),
        unchanged=len(known) - len(changed),
    )


def _check_shape(slots: Sequence[NewSlot]) -> None:
    if len(slots) > MOST_SLOTS:
        raise BadInput(f"Publish at most {MOST_SLOTS} slots at once.", field="slots")
    for slot in slots:
        if not slot.resource.strip() or len(slot.resource) > 60:
            raise BadInput("A slot names its chair, suite, van or bed in at most 60 characters.", field="resource")
        if slot.starts_at.tzinfo is None or slot.ends_at.tzinfo is None:
            raise BadInput("A slot's times need a zone.", field="starts_at")
        if slot.ends_at <= slot.starts_at:
            raise BadInput(f"{slot.resource}: the slot ends before it starts.", field="ends_at")
        if not 1 <= slot.capacity <= 1000:
            raise BadInput(f"{slot.resource}: the capacity is 1 to 1,000.", field="capacity")


def _is_as_wanted(known: Slot, slot: NewSlot) -> bool:
    return known.published and (known.ends_at, known.capacity) == (slot.ends_at, slot.capacity)


def known_places(*, by: Actor) -> dict[str, tuple[str, ...]]:
    """The places of the actor's organisation by their kind, in the order of their names."""
    rows = Slot.objects.filter(party_id=by.party).order_by().values_list("kind", "resource").distinct()
    found: dict[str, list[str]] = {}
    for kind, resource in sorted(rows, key=lambda row: (row[0], in_order(row[1]))):
        found.setdefault(kind, []).append(resource)
    return {kind: tuple(names) for kind, names in found.items()}


def _as_known(slots: Sequence[NewSlot], by: Actor) -> list[NewSlot]:
    """The same slots, a place that is known already under its spelling; one that is known just so stays."""
    known = known_places(by=by)
    exact = {(kind, name) for kind, names in known.items() for name in names}
    spelled = {(kind, folded(name)): name for kind, names in known.items() for name in reversed(names)}
    return [
        slot
        if (slot.kind, slot.resource) in exact
        else replace(slot, resource=spelled.get((slot.kind, folded(slot.resource)), slot.resource))
        for slot in slots
    ]


def _wanted(slots: Sequence[NewSlot], by: Actor) -> dict[UUID, NewSlot]:
    slots = _as_known(slots, by)
    wanted = {slot_id(by.party, slot): slot for slot in slots}
    if len(wanted) != len(slots):
        raise BadInput("Two of the slots are the same place at the same time.", field="slots")
    return wanted


def _known(wanted: Collection[UUID], rows: QuerySet[Slot] | Manager[Slot]) -> dict[UUID, Slot]:
    known: dict[UUID, Slot] = {}
    for batch in _batches(sorted(wanted)):
        known |= {slot.id: slot for slot in rows.filter(pk__in=batch).order_by("pk")}
    return known


def _changed(wanted: Mapping[UUID, NewSlot], known: Mapping[UUID, Slot]) -> dict[UUID, NewSlot | None]:
    return {
        identifier: slot
        for identifier, slot in wanted.items()
        if identifier in known and not _is_as_wanted(known[identifier], slot)
    }


def _in_use(changed: Mapping[UUID, NewSlot | None]) -> list[InUse]:
    """The slots that would lose a booking, by start; None stands for a slot that is offered no longer."""
    found = []
    for batch in _batches(sorted(changed)):
        used = Booking.objects.filter(slot_id__in=batch, released_at=None).order_by()
        rows = used.values_list("slot_id", "slot__resource", "slot__starts_at").annotate(Count("id"), Max("ends_at"))
        for identifier, resource, starts_at, count, last in rows:
            slot = changed[identifier]
            if slot is None or count > slot.capacity or last > slot.ends_at:
                found.append(InUse(identifier, resource, starts_at, count))
    return sorted(found, key=lambda one: (one.starts_at, one.resource))


def _refused(in_use: Sequence[InUse]) -> SlotInUse:
    first = in_use[0]
    more = f", and {len(in_use) - 1} more have bookings too" if len(in_use) > 1 else ""
    return SlotInUse(
        f"{first.resource} on {first.starts_at:%d %b %Y} has {first.booked} booked{more}; ask the centre to move "
        "first. Nothing was changed.",
        in_use,
    )


def preview_slots(*, slots: Sequence[NewSlot], by: Actor, withdraw: bool = False) -> Preview:
    """What `publish_slots`, or `withdraw_slots` of those of them that are offered, would do now. Changes nothing.

    Raises NotPermitted and BadInput.
    """
    permissions.check_publish(by, frozenset(slot.kind for slot in slots))
    _check_shape(slots)
    wanted = _wanted(slots, by)
    known = _known(wanted, Slot.objects.all())
    if withdraw:
        gone: dict[UUID, NewSlot | None] = {pk: None for pk, slot in known.items() if slot.published}
        return Preview(0, len(gone), len(wanted) - len(gone), tuple(_in_use(gone)))
    changed = _changed(wanted, known)
    return Preview(len(wanted) - len(known), len(changed), len(known) - len(changed), tuple(_in_use(changed)))


def offered_of(*, slots: Sequence[NewSlot], by: Actor) -> tuple[UUID, ...]:
    """The ids of those of these slots that the actor's organisation offers now. Raises NotPermitted, BadInput."""
    permissions.check_publish(by, frozenset(slot.kind for slot in slots))
    known = _known(_wanted(slots, by), Slot.objects.all())
    return tuple(pk for pk, slot in known.items() if slot.published)


@transaction.atomic
def withdraw_slots(*, slot_ids: Collection[UUID], by: Actor, at: datetime) -> int:
    """Offer slots no longer; booked ones have to be moved first. Gives how many were withdrawn."""
    permissions.check_publish(by, frozenset())
    slots = _known(slot_ids, Slot.objects.select_for_update().filter(party_id=by.party))
    if len(slots) != len(set(slot_ids)):
        raise SlotsNotFound("Some of these slots are not your organisation's.")
    in_use = _in_use(dict.fromkeys(slots))
    if in_use:
        raise _refused(in_use)
    return sum(
        Slot.objects.filter(pk__in=batch, published=True).update(published=False) for batch in _batches(sorted(slots))
    )


def declare_site(*, protocol_code: str, by: Actor, centre: UUID | None = None) -> ProductSite:
    """The actor's organisation serves this product, for one centre or for all; may be repeated.

    The first maker (or courier) to say so for a product ends the time in which all of them served it.
    """
    _check_serves(by)
    site, _ = ProductSite.objects.get_or_create(
        id=derived("site", by.party, protocol_code, centre or ""),
        defaults={"party_id": by.party, "protocol_code": protocol_code, "centre_id": centre},
    )
    return site


def declare_lane(*, centre: UUID, maker: UUID, transit_minutes: int, by: Actor) -> Lane:
    """The actor's courier drives between this centre and this maker, in at least so many minutes; may be repeated."""
    _check_serves(by)
    if by.party_kind != "courier":
        raise NotPermitted("Only a courier names the roads that it drives.")
    if not 1 <= transit_minutes <= 14_400:
        raise BadInput("The road takes 1 minute to 10 days.", field="transit_minutes")
    lane, _ = Lane.objects.update_or_create(
        id=derived("lane", by.party, centre, maker),
        defaults={
            "courier_id": by.party,
            "centre_id": centre,
            "maker_id": maker,
            "transit_minutes": transit_minutes,
        },
    )
    return lane


def _check_serves(by: Actor) -> None:
    by.check(permissions.PUBLISH)
    if by.party_kind not in {"manufacturer", "courier"}:
        raise NotPermitted("Makers and couriers say which products and roads they serve.")


def _batches(identifiers: Iterable[UUID]) -> Iterable[list[UUID]]:
    ordered = list(identifiers)
    for start in range(0, len(ordered), BATCH):
        yield ordered[start : start + BATCH]
