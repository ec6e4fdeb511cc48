from __future__ import annotations

import multiprocessing
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ledger.crypto import ed25519, sealing
from ledger.parties import keystore as module
from ledger.parties.keystore import (
    CorruptKeyFile,
    KeyNotFound,
    Keystore,
    KeystoreError,
    SealedFileKeystore,
    WrongKeyEncryptionKey,
    keystore,
)

KEK = bytes(range(32))
NAME = "party-0190a5c8-0000-7000-8000-000000000001"


@pytest.fixture
def store(tmp_path: Path) -> SealedFileKeystore:
    return SealedFileKeystore(tmp_path / "keys", KEK)


def file_of(store: SealedFileKeystore) -> Path:
    (found,) = store._directory.iterdir()
    return found


def reopened(store: SealedFileKeystore, kek: bytes = KEK) -> SealedFileKeystore:
    return SealedFileKeystore(store._directory, kek)


def test_a_created_key_signs_now_and_after_a_restart(store):
    signer = store.create(NAME)
    again = reopened(store).signer(NAME)
    assert again.public_key == signer.public_key
    assert ed25519.verify(signer.public_key, b"act", again.sign(b"act")) == b"act"


def test_creating_again_keeps_the_key(store):
    first = store.create(NAME)
    assert store.create(NAME).public_key == first.public_key
    assert reopened(store).create(NAME).public_key == first.public_key


def test_each_name_has_its_own_key(store):
    names = [NAME, "log", "device:logger 7", "witness/w1.example", "UPPER", "upper"]
    assert len({store.create(name).public_key for name in names}) == len(names)
    assert store.names() == sorted(names)
    assert {store.secret(name) for name in names} == {reopened(store).secret(name) for name in names}


def test_a_key_that_was_never_made_is_not_found(store):
    for ask in (store.signer, store.secret):
        with pytest.raises(KeyNotFound, match="no key named 'log'"):
            ask("log")
    assert store.names() == []


@pytest.mark.parametrize("name", ["", "../log", ".log", "/etc/passwd", "a\x00b", "a\nb", "é", "x" * 101, "a*"])
def test_a_name_cannot_leave_the_directory(store, name):
    for ask in (store.create, store.signer, store.secret):
        with pytest.raises(KeystoreError, match="cannot name a key"):
            ask(name)


def test_a_slash_in_a_name_makes_no_folder(store):
    store.create("witness/../w1")
    assert file_of(store).name == "witness%2F..%2Fw1.key"


def test_key_files_are_for_their_owner_only(store):
    umask = os.umask(0)
    try:
        store.create(NAME)
    finally:
        os.umask(umask)
    assert stat.S_IMODE(file_of(store).stat().st_mode) == 0o600
    assert stat.S_IMODE(store._directory.stat().st_mode) == 0o700


def test_a_key_file_does_not_show_the_secret(store):
    store.create(NAME)
    data = file_of(store).read_bytes()
    assert store.secret(NAME) not in data
    assert KEK not in data
    assert store.secret(NAME).hex() not in repr(store.signer(NAME))


def test_a_wrong_key_encryption_key_is_named_as_the_reason(store):
    store.create(NAME)
    with pytest.raises(WrongKeyEncryptionKey, match="another key-encryption key"):
        reopened(store, bytes(32)).signer(NAME)


def test_a_key_is_never_replaced_because_the_kek_is_wrong(store):
    store.create(NAME)
    before = file_of(store).read_bytes()
    with pytest.raises(WrongKeyEncryptionKey):
        reopened(store, bytes(32)).create(NAME)
    assert file_of(store).read_bytes() == before


def test_every_damaged_byte_is_found(store):
    store.create(NAME)
    path = file_of(store)
    good = path.read_bytes()
    for position in range(len(good)):
        path.write_bytes(good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :])
        with pytest.raises(KeystoreError):
            reopened(store).secret(NAME)
    for damaged in (b"", good[:20], good[:-1], good + b"\x00"):
        path.write_bytes(damaged)
        with pytest.raises(CorruptKeyFile):
            reopened(store).secret(NAME)


def test_one_keys_file_in_anothers_place_is_refused(store):
    store.create("log")
    store.create(NAME)
    (store._directory / "log.key").replace(store._directory / f"{NAME}.key")
    with pytest.raises(CorruptKeyFile, match="belongs to another key"):
        reopened(store).signer(NAME)


def test_a_file_sealed_in_another_format_version_is_refused(store):
    store.create(NAME)
    sealed = sealing.seal(store._key, bytes(32), sealing.associated_data("needlepoint/keystore", 2, NAME))
    file_of(store).write_bytes(module._MAGIC + sealed)
    with pytest.raises(CorruptKeyFile):
        reopened(store).secret(NAME)


def test_a_sealed_secret_of_another_length_is_refused(store):
    store.create(NAME)
    sealed = sealing.seal(store._key, bytes(31), module._aad(NAME))
    file_of(store).write_bytes(module._MAGIC + sealed)
    with pytest.raises(CorruptKeyFile, match="31 bytes where a key has 32"):
        reopened(store).secret(NAME)


def test_half_written_files_are_no_keys_and_none_are_left(store):
    store.create(NAME)
    (store._directory / ".0123456789abcdef.tmp").write_bytes(b"half")
    assert store.names() == [NAME]
    store.create("log")
    assert sorted(path.suffix for path in store._directory.iterdir()) == [".key", ".key", ".tmp"]


def _create(arguments: tuple[str, str]) -> str:
    directory, name = arguments
    return SealedFileKeystore(Path(directory), KEK).create(name).public_key.hex()


def test_processes_that_create_at_once_share_one_key(tmp_path):
    rounds = [(str(tmp_path / "keys"), f"key-{number}") for number in range(20) for _ in range(4)]
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        made = pool.map(_create, rounds, chunksize=1)
    for number in range(20):
        assert len(set(made[number * 4 : number * 4 + 4])) == 1
    assert len(set(made)) == 20
    assert len(list((tmp_path / "keys").iterdir())) == 20


def test_threads_that_create_at_once_share_one_key(store):
    with ThreadPoolExecutor(16) as threads:
        made = list(threads.map(lambda _: store.create(NAME).public_key, range(64)))
    assert len(set(made)) == 1


def test_a_link_race_lost_returns_the_winners_key(store, monkeypatch):
    """Deterministic: the other process writes between our look and our link."""
    winner = reopened(store)
    write = store._write

    def late(path: Path, sealed: bytes) -> None:
        winner.create(NAME)
        write(path, sealed)

    monkeypatch.setattr(store, "_write", late)
    assert store.create(NAME).public_key == winner.signer(NAME).public_key


def test_a_key_encryption_key_has_32_bytes(tmp_path):
    with pytest.raises(ValueError, match="32 bytes, not 31"):
        SealedFileKeystore(tmp_path, KEK[:31])


def test_the_file_keystore_fits_the_interface(store):
    assert isinstance(store, Keystore)
    assert isinstance(store.create(NAME), ed25519.Signer)


def test_the_keystore_of_the_settings_follows_the_settings(settings, tmp_path):
    settings.KEY_DIR, settings.KEY_ENCRYPTION_KEY = tmp_path / "one", KEK
    first = keystore().create("log")
    assert keystore() is keystore()
    settings.KEY_DIR = tmp_path / "two"
    assert keystore().names() == []
    assert keystore().create("log").public_key != first.public_key
    settings.KEY_DIR = tmp_path / "one"
    assert keystore().signer("log").public_key == first.public_key
    settings.KEY_ENCRYPTION_KEY = bytes(32)
    with pytest.raises(WrongKeyEncryptionKey):
        keystore().signer("log")
