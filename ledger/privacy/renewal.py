"""A fresh key in place of a subject's old one: every value sealed anew, and nothing left that opens the old ones.

Values, salts and commitments stay as they are, so what stands on the ledger stays true. The key's row keeps its id and
counts its version up: whoever waits for its lock reads the new version.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ledger.crypto import sealing
from ledger.privacy import keyring
from ledger.privacy.models import DataKey, KeyWrap, SealedPayload
from ledger.privacy.payloads import decode, encode

BATCH = 500


def renew(
    data_key: DataKey, *, at: datetime, keeps: Callable[[SealedPayload], bool] | None = None, share: bool = True
) -> int:
    """Give a subject, whose row the caller has locked, a fresh key; how many values are under it.

    Values that `keeps` does not keep are destroyed with their salts, with `share=False` all wraps but the holder's too.
    """
    held = KeyWrap.objects.get(data_key=data_key, party=data_key.holder_id)
    old_key, old_version = keyring.unwrap(held, data_key), data_key.version
    new_key = sealing.fresh_key()
    kept, gone = [], []
    for payload in SealedPayload.objects.filter(data_key=data_key):
        if keeps is not None and not keeps(payload):
            gone.append(payload.pk)
            continue
        shown = decode(payload, old_version, old_key)
        payload.ciphertext = encode(
            payload, old_version + 1, new_key, salt=bytes.fromhex(shown.salt), value=shown.value
        )
        kept.append(payload)
    data_key.version, data_key.renewed_at = old_version + 1, at
    data_key.save(update_fields=["version", "renewed_at"])
    SealedPayload.objects.filter(pk__in=gone).delete()
    SealedPayload.objects.bulk_update(kept, ["ciphertext"], batch_size=BATCH)
    for wrap in KeyWrap.objects.filter(data_key=data_key):
        if wrap.party_id == data_key.holder_id:
            fresh = keyring.hold(data_key, new_key, at=at)
        elif share:
            fresh = keyring.wrap_for(data_key, new_key, party=wrap.party_id, granted_by=wrap.granted_by, at=at)
        else:
            wrap.delete()
            continue
        wrap.wrapped, wrap.wrapped_under = fresh.wrapped, fresh.wrapped_under
        wrap.save(update_fields=["wrapped", "wrapped_under"])
    return len(kept)
