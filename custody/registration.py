"""What custody makes known to the ledger at start-up: its rules, its projections and its background work."""

from __future__ import annotations

from custody import rules
from custody.compliance import projection as compliance
from custody.compliance import tasks as compliance_tasks  # noqa: F401  registers its job
from custody.compliance.chain_source import ComplianceProofs
from custody.disclosures import projection as disclosures
from custody.emergency import projection as emergency
from custody.exceptions import projection as exceptions
from custody.holds import tasks as hold_tasks  # noqa: F401  registers its job
from custody.labels import projection as labels
from custody.oversight import projection as oversight
from custody.oversight import tasks as oversight_tasks  # noqa: F401  registers its job
from custody.oversight.models import ReportFile
from custody.patients import indexing
from custody.patients import projection as patients
from custody.patients.models import PatientAccess
from custody.scheduling import projection as scheduling
from custody.telemetry import keys as device_keys
from custody.telemetry import projection as telemetry
from custody.therapies import projection as therapies
from custody.transport import projection as transport
from ledger.anchors import sources
from ledger.log import projections, triggers
from ledger.privacy import rotation


def register() -> None:
    """Register everything, once; called when Django is ready."""
    rules.register()
    for room in (therapies, transport, exceptions, labels, scheduling, telemetry, compliance):
        projections.register(room.PROJECTION)
    projections.register(telemetry.DEVICES)
    projections.register(patients.PROJECTION)
    projections.register(disclosures.PROJECTION)
    projections.register(emergency.PROJECTION)
    triggers.also((PatientAccess._meta.db_table, ReportFile._meta.db_table))
    indexing.register()
    sources.register(ComplianceProofs())
    rotation.before_kek(device_keys.keep_pepper)
    projections.register(oversight.INSPECTIONS)
    projections.register(oversight.REPORTS)
