"""Registering loggers and gateways, and letting them in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError
from django.db.models import Max

from custody.telemetry import keys, permissions
from custody.telemetry.contract import KINDS, REGISTERED, SERIAL
from custody.telemetry.models import Device, DeviceCredential
from ledger.errors import BadInput, Conflict, NotFound, Refusal
from ledger.ids import derived
from ledger.log.models import Record
from ledger.log.operations import append, open_chain, operation
from ledger.parties.actor import Actor
from ledger.proofs.field import format_element
from ledger.proofs.registry import REGISTRY_CAPACITY

_ATTEMPTS = 8


class SerialTaken(Conflict):
    """A device with this serial number is registered already."""


class RegistryFull(Conflict):
    """Every place of the device registry is taken."""


class DeviceNotFound(NotFound):
    """There is no such device of the actor's organisation."""


class NotLetIn(Refusal):
    """The device did not say who it is, or not truly. One sentence for every cause, so that nobody can probe."""

    status = 401


@dataclass(frozen=True, slots=True)
class RegisteredDevice:
    """The registration's record, and the API key: shown now and never again, empty when the request was a repeat."""

    record: Record
    device: Device
    api_key: str

    @property
    def authorization(self) -> str:
        """The value of the HTTP header with which the device sends readings."""
        return f"Device {self.device.id}.{self.api_key}"


def register_device(*, serial: str, kind: str, by: Actor, at: datetime, key: str) -> RegisteredDevice:
    """Register a logger or gateway of the actor's organisation and make its keys.

    Raises NotPermitted, BadInput, SerialTaken, RegistryFull.
    """
    api_key = keys.fresh_api_key()
    for attempt in range(_ATTEMPTS):
        try:
            record = _register(serial=serial.strip(), kind=kind, api_key=api_key, by=by, at=at, key=key)
        except IntegrityError:
            # Somebody registered another device at the same moment and took the place; take the next one.
            if attempt + 1 == _ATTEMPTS:
                raise
            continue
        break
    device = Device.objects.get(pk=record.chain.subject)
    credential = DeviceCredential.objects.get(pk=device.id)
    return RegisteredDevice(record, device, api_key if keys.is_api_key(device.id, api_key, credential.key_hash) else "")


@operation
def _register(*, serial: str, kind: str, api_key: str, by: Actor, at: datetime, key: str) -> Record:
    permissions.check_register(by)
    if not SERIAL.fullmatch(serial):
        raise BadInput(
            "A serial number has 3 to 40 letters, digits, full stops, hyphens, underscores or slashes.", field="serial"
        )
    if kind not in KINDS:
        raise BadInput("A device is a logger or a gateway.", field="kind")
    if Device.objects.filter(serial=serial).exists():
        raise SerialTaken(f"A device with the serial number “{serial}” is registered already.", field="serial")
    device = derived("device", serial)
    chain = open_chain(kind="device", subject=device)
    last = Device.objects.aggregate(last=Max("place"))["last"]
    place = 0 if last is None else last + 1
    if place >= REGISTRY_CAPACITY:
        raise RegistryFull(f"All {REGISTRY_CAPACITY:,} places of the device registry are taken. Call the operator.")
    made = keys.create(device)
    record = append(
        chain=chain,
        by=by,
        type=REGISTERED,
        body={
            "serial": serial,
            "kind": kind,
            "place": place,
            "ed25519": made.ed25519.public_key.hex(),
            "babyjubjub": {
                "x": format_element(made.babyjubjub.public.x),
                "y": format_element(made.babyjubjub.public.y),
            },
        },
        meaning="device registered",
        occurred_at=at,
        at=at,
        key=key,
    )
    DeviceCredential(device_id=device, key_hash=keys.hash_api_key(device, api_key), issued_at=at).save(
        force_insert=True
    )
    return record


def renew_api_key(*, device: UUID, by: Actor, at: datetime) -> str:
    """A new API key in place of a lost or leaked one, which stops working now. Shown once.

    Raises NotPermitted, DeviceNotFound.
    """
    permissions.check_register(by)
    fresh = keys.fresh_api_key()
    changed = DeviceCredential.objects.filter(device_id=device, device__party_id=by.party).update(
        key_hash=keys.hash_api_key(device, fresh), issued_at=at
    )
    if not changed:
        raise DeviceNotFound("There is no such device of your organisation.")
    return fresh


def let_in(authorization: str) -> UUID:
    """The device that an `Authorization: Device <id>.<key>` header stands for. Raises NotLetIn."""
    refusal = NotLetIn("The device is not known or its key is not right. Send “Authorization: Device <id>.<key>”.")
    scheme, _, rest = authorization.partition(" ")
    identifier, _, key = rest.strip().partition(".")
    if scheme.casefold() != "device" or not key or len(key) > 100:
        raise refusal
    try:
        device = UUID(identifier)
    except ValueError:
        raise refusal from None
    known = DeviceCredential.objects.filter(pk=device).values_list("key_hash", flat=True).first()
    if not keys.is_api_key(device, key, known or "0" * 64) or known is None:
        raise refusal
    return device
