"""What custody makes known to the ledger at start-up: its rules, its projections and its background work."""

from __future__ import annotations

from custody import rules
from custody.compliance import projection as compliance
from custody.compliance import tasks as compliance_tasks  # noqa: F401  registers its job
from custody.exceptions import projection as exceptions
from custody.labels import projection as labels
from custody.scheduling import projection as scheduling
from custody.telemetry import projection as telemetry
from custody.therapies import projection as therapies
from custody.transport import projection as transport
from ledger.log import projections


def register() -> None:
    """Register everything, once; called when Django is ready."""
    rules.register()
    for room in (therapies, transport, exceptions, labels, scheduling, telemetry, compliance):
        projections.register(room.PROJECTION)
    projections.register(telemetry.DEVICES)
