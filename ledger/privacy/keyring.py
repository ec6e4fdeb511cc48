"""Opening and making wraps of patients' keys.

The holder's wrap is AES-256-GCM under a key derived from the installation's key-encryption key; every other party's is
HPKE (RFC 9180, base mode) to that party's X25519 key in the keystore. Both are bound to subject, version and party, so
that a wrap copied to another row opens nothing.

Unwrapped keys are kept for the length of one `scope()` (a request, a job) and no longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from uuid import UUID

from django.conf import settings

from ledger.crypto import sealing
from ledger.parties.keystore import keystore
from ledger.privacy.errors import NotEntitled
from ledger.privacy.models import DataKey, KeyWrap, WrapMethod

_CacheKey = tuple[UUID, UUID]
_cache: ContextVar[dict[_CacheKey, bytes] | None] = ContextVar("needlepoint_keyring", default=None)


@contextmanager
def scope() -> Iterator[None]:
    """Keep unwrapped keys until the block ends; one a request, one a job."""
    token = _cache.set({})
    try:
        yield
    finally:
        _cache.reset(token)


def hold(data_key: DataKey, key: bytes, *, at: datetime) -> KeyWrap:
    """The holder's wrap of a fresh key."""
    binding = _binding(data_key, data_key.holder_id)
    return KeyWrap(
        data_key=data_key,
        party_id=data_key.holder_id,
        method=WrapMethod.INSTALLATION,
        wrapped=sealing.seal(_installation_key(), key, binding),
        created_at=at,
    )


def wrap_for(data_key: DataKey, key: bytes, *, party: UUID, granted_by: UUID, at: datetime) -> KeyWrap:
    """An HPKE wrap of the key for a party."""
    public = sealing.recipient_public(_recipient_secret(party))
    return KeyWrap(
        data_key=data_key,
        party_id=party,
        method=WrapMethod.HPKE,
        wrapped=sealing.wrap_key(public, key, _binding(data_key, party)),
        granted_by=granted_by,
        created_at=at,
    )


def keys_for(data_keys: Iterable[DataKey], *, party: UUID) -> Mapping[UUID, bytes]:
    """The keys among these that the party has a wrap of, by the data key's id; at most one query."""
    kept = _cache.get()
    wanted = {data_key.id: data_key for data_key in data_keys}
    found = {id_: kept[id_, party] for id_ in wanted if (id_, party) in kept} if kept else {}
    missing = wanted.keys() - found.keys()
    if missing:
        for wrap in KeyWrap.objects.filter(data_key__in=missing, party=party):
            found[wrap.data_key_id] = _open(wrap, wanted[wrap.data_key_id])
    if kept is not None:
        kept.update({(id_, party): key for id_, key in found.items()})
    return found


def key_for(data_key: DataKey, *, party: UUID) -> bytes:
    """The one key. Raises NotEntitled when the party has no wrap of it."""
    key = keys_for([data_key], party=party).get(data_key.id)
    if key is None:
        raise NotEntitled(
            "Your organisation has no key to this patient's data. The treatment centre that enrolled the patient "
            "can grant it."
        )
    return key


def _open(wrap: KeyWrap, data_key: DataKey) -> bytes:
    binding = _binding(data_key, wrap.party_id)
    if wrap.method == WrapMethod.INSTALLATION:
        return sealing.unseal(_installation_key(), bytes(wrap.wrapped), binding)
    return sealing.unwrap_key(_recipient_secret(wrap.party_id), bytes(wrap.wrapped), binding)


def _binding(data_key: DataKey, party: UUID) -> bytes:
    return sealing.associated_data("needlepoint/data-key/v1", str(data_key.subject), data_key.version, str(party))


def _installation_key() -> bytes:
    return sealing.derive(settings.KEY_ENCRYPTION_KEY, "needlepoint/patient-keys/v1")


def _recipient_secret(party: UUID) -> bytes:
    # Apart from the party's signing key: one key, one purpose.
    name = f"party-{party}-hpke"
    store = keystore()
    store.create(name)
    return store.secret(name)
