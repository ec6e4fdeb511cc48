"""Opening and making wraps of patients' keys.

The holder's wrap is AES-256-GCM under the installation's key for patients' keys; every other party's is HPKE (RFC 9180,
base mode) to that party's X25519 key in the keystore. Both are bound to subject, version and party, so
that a wrap copied to another row opens nothing.

Unwrapped keys are kept for the length of one `scope()` (a request, a job) and no longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from uuid import UUID

from ledger.crypto import sealing
from ledger.parties.keystore import keystore
from ledger.privacy import installation
from ledger.privacy.errors import NotEntitled
from ledger.privacy.models import DataKey, KeyWrap, Purpose, RecipientKey, WrapMethod

_CacheKey = tuple[UUID, int, UUID]
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
    under = installation.in_force(Purpose.PATIENT_KEYS)
    return KeyWrap(
        data_key=data_key,
        party_id=data_key.holder_id,
        method=WrapMethod.INSTALLATION,
        wrapped=sealing.seal(under.key, key, _binding(data_key, data_key.holder_id)),
        wrapped_under=under.version,
        created_at=at,
    )


def wrap_for(data_key: DataKey, key: bytes, *, party: UUID, granted_by: UUID | None, at: datetime) -> KeyWrap:
    """An HPKE wrap of the key for a party."""
    version = recipient_version(party)
    public = sealing.recipient_public(recipient_secret(party, version))
    return KeyWrap(
        data_key=data_key,
        party_id=party,
        method=WrapMethod.HPKE,
        wrapped=sealing.wrap_key(public, key, _binding(data_key, party)),
        wrapped_under=version,
        granted_by=granted_by,
        created_at=at,
    )


def keys_for(data_keys: Iterable[DataKey], *, party: UUID) -> Mapping[UUID, bytes]:
    """The keys among these that the party has a wrap of, by the data key's id; at most one query."""
    kept = _cache.get()
    wanted = {data_key.id: data_key for data_key in data_keys}
    found = {}
    for id_, data_key in wanted.items() if kept else ():
        if kept and (known := kept.get((id_, data_key.version, party))) is not None:
            found[id_] = known
    missing = wanted.keys() - found.keys()
    if missing:
        wraps = KeyWrap.objects.filter(data_key__in=missing, party=party)
        for wrap in wraps.only("data_key", "party", "method", "wrapped", "wrapped_under"):
            found[wrap.data_key_id] = unwrap(wrap, wanted[wrap.data_key_id])
    if kept is not None:
        kept.update({(id_, wanted[id_].version, party): key for id_, key in found.items()})
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


def unwrap(wrap: KeyWrap, data_key: DataKey) -> bytes:
    """The key in a wrap. Raises UnsealError when it is not of this key, version and party."""
    binding, wrapped = _binding(data_key, wrap.party_id), bytes(wrap.wrapped)
    if wrap.method == WrapMethod.INSTALLATION:
        return sealing.unseal(installation.patient_wrapping_key(wrapped), wrapped, binding)
    return sealing.unwrap_key(recipient_secret(wrap.party_id, wrap.wrapped_under), wrapped, binding)


def wrap_again(wrap: KeyWrap, data_key: DataKey) -> None:
    """The same key in a wrap of the present version; the caller has locked the data key."""
    key = unwrap(wrap, data_key)
    if wrap.method == WrapMethod.INSTALLATION:
        fresh = hold(data_key, key, at=wrap.created_at)
    else:
        fresh = wrap_for(data_key, key, party=wrap.party_id, granted_by=wrap.granted_by, at=wrap.created_at)
    wrap.wrapped, wrap.wrapped_under = fresh.wrapped, fresh.wrapped_under
    wrap.save(update_fields=["wrapped", "wrapped_under"])


def recipient_version(party: UUID) -> int:
    """Which HPKE key of the party is in force; one query."""
    last = RecipientKey.objects.filter(party_id=party).order_by("-version").values_list("version", flat=True).first()
    return last or 0


def recipient_secret(party: UUID, version: int) -> bytes:
    """The party's HPKE private key of this version; the first one is made when it is first wanted."""
    store, name = keystore(), recipient_name(party, version)
    store.create(name)
    return store.secret(name)


def recipient_name(party: UUID, version: int) -> str:
    """Under which name the keystore has it. Apart from the party's signing key: one key, one purpose."""
    return f"party-{party}-v{version}-hpke" if version else f"party-{party}-hpke"


def _binding(data_key: DataKey, party: UUID) -> bytes:
    return sealing.associated_data("needlepoint/data-key/v1", str(data_key.subject), data_key.version, str(party))
