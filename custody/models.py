"""Every model of custody, for Django."""

from custody.compliance.models import ComplianceProof
from custody.disclosures.models import Disclosure, DisclosurePackage
from custody.emergency.models import EmergencyAccess
from custody.exceptions.models import CustodyException
from custody.labels.models import Label
from custody.oversight.models import Inspection, Report, ReportFile
from custody.patients.models import Patient, PatientAccess, PatientAct, PatientErasure
from custody.scheduling.models import Booking, Lane, ProductSite, Slot, SlotHold
from custody.telemetry.models import (
    Device,
    DeviceCredential,
    Reading,
    ReadingConflict,
    ReadingsCommitment,
    ReadingsSecret,
)
from custody.therapies.models import CoiSerial, OpenStep, StepRecord, Therapy, TherapyParty
from custody.transport.models import Handoff, Shipment

__all__ = [
    "Booking",
    "CoiSerial",
    "ComplianceProof",
    "CustodyException",
    "Device",
    "DeviceCredential",
    "Disclosure",
    "DisclosurePackage",
    "EmergencyAccess",
    "Handoff",
    "Inspection",
    "Label",
    "Lane",
    "OpenStep",
    "Patient",
    "PatientAccess",
    "PatientAct",
    "PatientErasure",
    "ProductSite",
    "Reading",
    "ReadingConflict",
    "ReadingsCommitment",
    "ReadingsSecret",
    "Report",
    "ReportFile",
    "Shipment",
    "Slot",
    "SlotHold",
    "StepRecord",
    "Therapy",
    "TherapyParty",
]
