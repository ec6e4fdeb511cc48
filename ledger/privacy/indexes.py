"""Blind indexes: finding a row by the exact value of a sealed field.

An index is a keyed digest (HMAC-SHA256 under a key of the installation for this one column), so a copy of the database
alone lets nobody try out record numbers. It holds for one scope (a treatment centre): equal numbers of two centres
do not show as equal.
"""

from __future__ import annotations

from django.conf import settings

from ledger.crypto import sealing


def blind_index(*, column: str, scope: str, value: str) -> str:
    """64 hex digits for `value` in `column`, for example `custody.patient.record_number`."""
    key = sealing.derive(settings.KEY_ENCRYPTION_KEY, sealing.associated_data("needlepoint/index/v1", column, scope))
    return sealing.blind_index(key, value)
