"""Places that can be booked, who holds them for a moment, and who has them.

`Slot`, `SlotHold`, `ProductSite` and `Lane` are plain rows of the members; `Booking` mirrors records of therapies (see
`projection`). DESIGN §9.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from ledger.ids import uuid7


class SlotKind(models.TextChoices):
    APHERESIS = "apheresis", "Apheresis"
    PICKUP = "pickup", "Pickup"
    MANUFACTURING = "manufacturing", "Manufacturing"
    TESTING = "testing", "Testing"
    RELEASE_REVIEW = "release_review", "Release review"
    RETURN = "return", "Return"
    BED = "bed", "Bed"


class Slot(models.Model):
    """A place that one member offers from `starts_at`: a chair, a van, a start in a clean room, a bed.

    A booking begins at `starts_at` and ends at the latest at `ends_at`; `capacity` of them fit. One patient sits in a
    chair or lies in a bed at a time, so slots of the same one that overlap share its capacity (see `places`).
    """

    id = models.UUIDField(primary_key=True, editable=False)
    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    kind = models.CharField(max_length=16, choices=SlotKind.choices)
    resource = models.CharField(max_length=60)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    capacity = models.PositiveSmallIntegerField(default=1)
    published = models.BooleanField(default=True)

    class Meta:
        app_label = "custody"
        constraints = [
            models.UniqueConstraint(fields=["party", "kind", "resource", "starts_at"], name="slot_place_unique"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="slot_ends_after_start"),
            models.CheckConstraint(condition=Q(capacity__gte=1), name="slot_has_room"),
        ]
        indexes = [
            models.Index(fields=["party", "kind", "starts_at"], name="slot_search"),
            models.Index(fields=["starts_at", "kind"], name="slot_start"),
        ]

    def __str__(self) -> str:
        return f"{self.resource}, {self.starts_at:%Y-%m-%d %H:%M}"


class Booking(models.Model):
    """One slot of a therapy's itinerary, as its records say. `code` is the slot's code in the protocol."""

    id = models.UUIDField(primary_key=True, editable=False)
    slot = models.ForeignKey(Slot, on_delete=models.PROTECT, related_name="bookings")
    therapy_id = models.UUIDField()
    code = models.CharField(max_length=40)
    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    booked_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "custody"
        constraints = [
            models.UniqueConstraint(
                fields=["therapy_id", "code"], condition=Q(released_at=None), name="booking_one_a_code"
            ),
        ]
        indexes = [
            models.Index(fields=["therapy_id", "starts_at"], name="booking_therapy"),
            models.Index(fields=["party", "starts_at"], name="booking_party_start"),
        ]

    def __str__(self) -> str:
        return f"{self.code} of {self.therapy_id}"


class SlotHold(models.Model):
    """A slot kept for a therapy, from its start to `ends_at`, while a person decides.

    Nothing of it is on the ledger; after `expires_at` it is void.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slot = models.ForeignKey(Slot, on_delete=models.CASCADE, related_name="holds")
    therapy_id = models.UUIDField()
    held_by = models.UUIDField()
    ends_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        app_label = "custody"
        constraints = [models.UniqueConstraint(fields=["therapy_id", "slot"], name="hold_one_a_slot")]
        indexes = [models.Index(fields=["expires_at"], name="hold_expiry")]

    def __str__(self) -> str:
        return f"{self.slot_id} for {self.therapy_id}"


class ProductSite(models.Model):
    """A maker or courier that serves a product; `centre` empty means every centre.

    While nobody of a kind is named for a product, every member of that kind serves it.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    party = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    protocol_code = models.CharField(max_length=60)
    centre = models.ForeignKey(
        "ledger.Party", on_delete=models.PROTECT, related_name="+", null=True, blank=True, db_constraint=False
    )

    class Meta:
        app_label = "custody"
        indexes = [models.Index(fields=["protocol_code"], name="product_site_code")]

    def __str__(self) -> str:
        return f"{self.party_id} for {self.protocol_code}"


class Lane(models.Model):
    """A road that a courier drives between a centre and a maker, and the least time it takes.

    A courier that names lanes drives those only; one that names none goes everywhere.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    courier = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    centre = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    maker = models.ForeignKey("ledger.Party", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    transit_minutes = models.PositiveIntegerField()

    class Meta:
        app_label = "custody"
        constraints = [models.UniqueConstraint(fields=["courier", "centre", "maker"], name="lane_unique")]

    def __str__(self) -> str:
        return f"{self.courier_id}: {self.centre_id} to {self.maker_id}"
