"""Which logger travels on which leg: the link is the shipment."""

from __future__ import annotations

from uuid import UUID

from custody.protocols import document
from custody.protocols.document import Leg, Protocol
from custody.telemetry.permissions import LegNotFound
from custody.therapies.models import Therapy
from custody.transport.models import Shipment
from ledger.log.world import world


def protocol_of(therapy: UUID) -> Protocol:
    """The protocol of a therapy. Raises LegNotFound when there is no such therapy."""
    digest = Therapy.objects.filter(pk=therapy).values_list("protocol_digest", flat=True).first()
    if digest is None:
        raise LegNotFound("There is no such therapy.")
    return document.read_cached(world.document(digest), digest)


def known_leg(therapy: UUID, leg: str) -> Leg:
    """A leg's specification. Raises LegNotFound."""
    found = next((known for known in protocol_of(therapy).legs if known.code == leg), None)
    if found is None:
        raise LegNotFound(f"This therapy's protocol has no leg “{leg[:20]}”.")
    return found


def shipment_of(therapy: UUID, leg: str) -> Shipment:
    """The shipment on a leg, the last one if it was packed anew. Raises LegNotFound before it is packed."""
    found = Shipment.objects.filter(therapy_id=therapy, leg=leg).order_by("-packed_at").first()
    if found is None:
        raise LegNotFound("Nothing is packed for this leg yet, so no logger travels on it.")
    return found
