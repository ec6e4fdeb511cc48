"""What custody makes known to the ledger at start-up: its contracts, its projections and its background work."""

from __future__ import annotations

from custody.compliance import projection as compliance
from custody.compliance import tasks as compliance_tasks  # noqa: F401  registers its job
from custody.contract import TherapyContract
from custody.exceptions import projection as exceptions
from custody.labels import projection as labels
from custody.protocols import document
from custody.scheduling import projection as scheduling
from custody.telemetry import projection as telemetry
from custody.telemetry.contract import DeviceContract
from custody.therapies import projection as therapies
from custody.transport import projection as transport
from ledger.log import contract, documents, projections


def register() -> None:
    """Register everything, once; called when Django is ready."""
    contract.register(TherapyContract())
    contract.register(DeviceContract())
    documents.check_kind("protocol", document.read)
    for room in (therapies, transport, exceptions, labels, scheduling, telemetry, compliance):
        projections.register(room.PROJECTION)
    projections.register(telemetry.DEVICES)
