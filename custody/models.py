"""Every model of custody, for Django."""

from custody.compliance.models import ComplianceProof
from custody.exceptions.models import CustodyException
from custody.labels.models import Label
from custody.patients.models import Patient
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
    "Handoff",
    "Label",
    "Lane",
    "OpenStep",
    "Patient",
    "ProductSite",
    "Reading",
    "ReadingConflict",
    "ReadingsCommitment",
    "ReadingsSecret",
    "Shipment",
    "Slot",
    "SlotHold",
    "StepRecord",
    "Therapy",
    "TherapyParty",
]
