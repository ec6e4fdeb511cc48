"""The installation's own keys: one that wraps patients' keys for their holders, and one that makes blind indexes.

The key service wraps them. Opened ones are kept for the life of the process by their key id, so that no page asks
the key service, however long it is; which one is in force is asked of the table whenever something is wrapped.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from ledger.crypto import sealing
from ledger.privacy.key_service import kek_candidates, key_service
from ledger.privacy.models import InstallationKey, Purpose

_LEGACY_INFO = "needlepoint/patient-keys/v1"
_opened: dict[str, bytes] = {}


@dataclass(frozen=True, slots=True)
class VersionedKey:
    version: int
    key: bytes


def in_force(purpose: str) -> VersionedKey:
    """The key that is used for what is new; one query."""
    row = InstallationKey.objects.filter(purpose=purpose, retired_at=None).order_by("-version").first()
    return VersionedKey(row.version, _open(row)) if row is not None else VersionedKey(0, legacy(purpose)[0])


def all_of(purpose: str) -> list[VersionedKey]:
    """Every key that something may still be under, the one in force first; one query."""
    rows = list(InstallationKey.objects.filter(purpose=purpose).order_by("-version"))
    newest_first = [VersionedKey(row.version, _open(row)) for row in rows]
    if any(row.version == 1 for row in rows) or not rows:
        newest_first += [VersionedKey(0, key) for key in legacy(purpose)]
    return newest_first


def legacy(purpose: str) -> list[bytes]:
    """Version 0: derived from the key-encryption keys of the settings themselves."""
    if purpose == Purpose.PATIENT_KEYS:
        return [_legacy_key(kek)[0] for kek in kek_candidates()]
    return kek_candidates()


@lru_cache(maxsize=4)
def _legacy_key(kek: bytes) -> tuple[bytes, bytes]:
    """The key for patients' keys that this key-encryption key gives, and its id; the settings hold it anyway."""
    key = sealing.derive(kek, _LEGACY_INFO)
    return key, sealing.key_id(key)


def patient_wrapping_key(wrapped: bytes) -> bytes:
    """The key that opens a holder's wrap; no query once it was opened in this process. Raises WrongKey."""
    wanted = sealing.key_id_of(wrapped)
    for key, name in map(_legacy_key, kek_candidates()):
        if name == wanted:
            return key
    known = _opened.get(wanted.hex())
    if known is None:
        row = InstallationKey.objects.filter(purpose=Purpose.PATIENT_KEYS, key_id=wanted.hex()).first()
        if row is None:
            raise sealing.WrongKey("The value was sealed under another key.")
        known = _open(row)
    return known


def make(purpose: str, version: int, *, at: datetime) -> InstallationKey:
    """A fresh key of this version, stored."""
    key = sealing.fresh_key()
    kek, wrapped = key_service().wrap(key, _context(purpose, version))
    return InstallationKey.objects.create(
        purpose=purpose,
        version=version,
        wrapped=wrapped,
        key_id=sealing.key_id(key).hex(),
        kek=kek,
        created_at=at,
    )


def wrap_anew(row: InstallationKey) -> None:
    """The same key, wrapped by the key-encryption key that is in force now."""
    key = key_service().unwrap(bytes(row.wrapped), _context(row.purpose, row.version))
    row.kek, row.wrapped = key_service().wrap(key, _context(row.purpose, row.version))
    row.save(update_fields=["kek", "wrapped"])


def forget() -> None:
    """Drop every opened key of this process."""
    _opened.clear()


def _open(row: InstallationKey) -> bytes:
    known = _opened.get(row.key_id)
    if known is None:
        known = key_service().unwrap(bytes(row.wrapped), _context(row.purpose, row.version))
        if sealing.key_id(known).hex() != row.key_id:
            raise sealing.WrongKey("The key service opened another key than the one that is named.")
        _opened[row.key_id] = known
    return known


def _context(purpose: str, version: int) -> bytes:
    return sealing.associated_data("needlepoint/installation-key/v1", purpose, version)
