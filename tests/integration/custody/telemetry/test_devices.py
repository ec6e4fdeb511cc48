"""Registering loggers: their keys, their place in the registry, and letting them in."""

import threading

import pytest
from django.db import connection, connections

from custody.telemetry import devices, keys
from custody.telemetry.contract import DeviceContract
from custody.telemetry.devices import DeviceNotFound, NotLetIn, SerialTaken, let_in, register_device, renew_api_key
from custody.telemetry.models import Device, DeviceCredential
from ledger.crypto import canonical, dsse
from ledger.errors import BadInput, NotPermitted
from ledger.log.contract import Refused
from ledger.log.entries import entry_of
from ledger.log.models import Record
from ledger.log.projections import projections_for
from ledger.log.world import world
from ledger.proofs.babyjubjub import PublicKey, verify
from ledger.proofs.registry import registry_path
from tests.factories.people import actor, organisation

pytestmark = pytest.mark.django_db


@pytest.fixture
def dispatcher():
    return actor("dispatcher", organisation("courier"))


def register(by, at, serial="TL-2081", **more):
    return register_device(serial=serial, kind="logger", by=by, at=at, key=f"register-{serial}", **more)


def test_a_device_signs_with_the_keys_of_its_registration(dispatcher, at):
    registered = register(dispatcher, at)
    row = Device.objects.get(serial="TL-2081")
    made = keys.of(row.id)
    public = PublicKey(int(row.bjj_x), int(row.bjj_y))
    assert row == registered.device
    assert (row.place, row.party_id, row.registered_at) == (0, dispatcher.party, at)
    assert verify(public, 12345, made.babyjubjub.sign(12345))
    assert made.ed25519.public_key.hex() == row.ed25519
    assert registry_path([public], public).leads_from(public)


def test_no_secret_of_a_device_is_on_the_ledger_or_in_its_row(dispatcher, at):
    registered = register(dispatcher, at)
    envelope = bytes(Record.objects.get(pk=registered.record.pk).envelope)
    kept = DeviceCredential.objects.get().key_hash
    assert registered.api_key.encode() not in envelope
    assert kept.encode() not in envelope
    assert registered.api_key not in kept


def test_the_api_key_lets_exactly_its_device_in(dispatcher, at):
    first, second = register(dispatcher, at), register(dispatcher, at, "TL-2082")
    assert let_in(first.authorization) == first.device.id
    assert let_in(first.authorization.replace("Device", "device")) == first.device.id
    wrong = [
        "",
        "Device",
        "Device .",
        f"Device {first.device.id}",
        f"Device {first.device.id}.",
        f"Device {first.device.id}.{second.api_key}",
        f"Device {second.device.id}.{first.api_key}",
        f"Bearer {first.device.id}.{first.api_key}",
        f"Device {first.device.id}.{first.api_key}x",
        f"Device {first.device.id}.{'x' * 5_000}",
        f"Device {first.device.id}.\udcff",
        "Device 00000000-0000-0000-0000-000000000000.key",
        f"Device not-a-device.{first.api_key}",
    ]
    for header in wrong:
        with pytest.raises(NotLetIn):
            let_in(header)


def test_a_new_api_key_ends_the_old_one(dispatcher, at):
    registered = register(dispatcher, at)
    fresh = renew_api_key(device=registered.device.id, by=dispatcher, at=at)
    assert let_in(f"Device {registered.device.id}.{fresh}") == registered.device.id
    with pytest.raises(NotLetIn):
        let_in(registered.authorization)
    other = actor("dispatcher", organisation("courier", 2))
    with pytest.raises(DeviceNotFound):
        renew_api_key(device=registered.device.id, by=other, at=at)


def test_a_repeated_registration_is_the_same_and_shows_no_key_again(dispatcher, at):
    first = register(dispatcher, at)
    again = register(dispatcher, at)
    assert again.record.pk == first.record.pk
    assert again.api_key == ""
    assert let_in(first.authorization) == first.device.id


def test_a_serial_number_is_registered_once(dispatcher, at):
    register(dispatcher, at)
    with pytest.raises(SerialTaken):
        register_device(serial=" TL-2081 ", kind="logger", by=dispatcher, at=at, key="another-key")


@pytest.mark.parametrize(
    ("serial", "kind"), [("", "logger"), ("a b c", "logger"), ("TL-1", "toaster"), ("x" * 41, "logger")]
)
def test_a_device_without_a_proper_serial_or_kind_is_refused(dispatcher, at, serial, kind):
    with pytest.raises(BadInput):
        register_device(serial=serial, kind=kind, by=dispatcher, at=at, key="improper-1")
    assert not Device.objects.exists()


def test_only_who_looks_after_loggers_registers_them(at):
    with pytest.raises(NotPermitted):
        register(actor("courier", organisation("courier")), at)


def test_places_of_the_registry_follow_each_other(dispatcher, at):
    rows = [register(dispatcher, at, f"TL-{number:04d}").device for number in range(4)]
    assert [row.place for row in rows] == [0, 1, 2, 3]


def test_a_full_registry_says_so(dispatcher, at, monkeypatch):
    monkeypatch.setattr(devices, "REGISTRY_CAPACITY", 1)
    register(dispatcher, at)
    with pytest.raises(devices.RegistryFull):
        register(dispatcher, at, "TL-2082")


def test_replaying_the_records_gives_the_rows(dispatcher, at):
    registered = register(dispatcher, at)

    record = Record.objects.get(pk=registered.record.pk)

    entry = entry_of(canonical.decode(dsse.payload_of(bytes(record.envelope))))
    state = DeviceContract().admit(DeviceContract().initial(), entry, world)
    (projection,) = projections_for("device")
    (change,) = projection.project(entry, record.id, state, world)
    row = Device.objects.filter(pk=change.key).values(*change.values).get()
    assert row == dict(change.values)


@pytest.mark.parametrize(
    "change",
    [
        {"serial": "no"},
        {"kind": "toaster"},
        {"place": -1},
        {"place": True},
        {"place": 1024},
        {"ed25519": "00" * 32},
        {"ed25519": "xyz"},
        {"babyjubjub": {"x": "0", "y": "1"}},
        {"babyjubjub": {"x": "1", "y": "1"}},
        {"babyjubjub": None},
    ],
)
def test_the_contract_refuses_a_device_that_is_not_sound(dispatcher, at, change):

    record = Record.objects.get(pk=register(dispatcher, at).record.pk)
    entry = entry_of(canonical.decode(dsse.payload_of(bytes(record.envelope))))
    contract = DeviceContract()
    with pytest.raises(Refused):
        contract.admit(contract.initial(), entry._replace(body={**entry.body, **change}), world)
    with pytest.raises(Refused, match="already registered"):
        contract.admit(contract.admit(contract.initial(), entry, world), entry, world)


@pytest.mark.postgres(orm=True)
@pytest.mark.django_db(transaction=True)
def test_devices_registered_at_once_get_places_of_their_own(at):
    by = actor("dispatcher", organisation("courier"))
    problems = []

    def one(number):
        try:
            register(by, at, f"TL-{number:04d}")
        except Exception as problem:
            problems.append(problem)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert sorted(Device.objects.values_list("place", flat=True)) == list(range(6))
    assert connection.vendor == "postgresql"
