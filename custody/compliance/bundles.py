"""What an outsider needs to check a therapy: its chain, its protocol, its proofs' keys, and the device registry."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from custody.compliance.queries import published_proofs
from custody.telemetry.models import Device
from custody.therapies import disclosure
from custody.therapies.queries import find_therapy
from ledger.bundles import export
from ledger.bundles.export import Place
from ledger.bundles.format import Bundle
from ledger.errors import NotPermitted
from ledger.log.models import Chain, Document
from ledger.parties.actor import Actor


class BundleHoldsValues(NotPermitted):
    """A bundle holds every record of the therapy, and with it values that payers and couriers never see."""


def therapy_bundle(*, therapy: UUID, at: datetime) -> Bundle:
    """The evidence on a therapy. Raises NothingToShow, NotYetInTheLog."""
    chain = Chain.objects.filter(kind="therapy", subject=therapy).only("state").first()
    if chain is None:
        raise export.NothingToShow("There is no such therapy on the ledger.")
    proofs = list(published_proofs().filter(therapy_id=therapy))
    digests = {chain.state["protocol"], *(proof.key for proof in proofs)}
    along: list[Place] = [
        ("document", subject)
        for subject in Document.objects.filter(digest__in=digests).values_list("subject", flat=True)
    ]
    if proofs:
        places = max(proof.registry_size for proof in proofs)
        devices = Device.objects.filter(place__lt=places).values_list("id", flat=True)
        along += [("device", device) for device in devices]
    return export.bundle_of(kind="therapy", subject=therapy, along=along, at=at)


def bundle_for(*, therapy: UUID, by: Actor, at: datetime) -> Bundle:
    """The same for somebody at the portal. Raises BundleHoldsValues, and NotFound for a foreign therapy."""
    find_therapy(therapy=therapy, by=by)
    if not disclosure.sees_values(by):
        raise BundleHoldsValues(
            "An evidence bundle holds values of steps, which payers and couriers do not see. "
            "Each record’s own proof is open to you."
        )
    return therapy_bundle(therapy=therapy, at=at)
