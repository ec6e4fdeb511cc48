"""Blind indexes: finding a row by the exact value of a sealed field.

An index is a keyed digest (HMAC-SHA256 under a key of the installation for this one column), so a copy of the database
alone lets nobody try out record numbers. It holds for one scope (a treatment centre): equal numbers of two centres
do not show as equal.
"""

from __future__ import annotations

from ledger.crypto import sealing
from ledger.privacy import installation
from ledger.privacy.models import Purpose


def blind_index(*, column: str, scope: str, value: str) -> str:
    """64 hex digits for `value` in `column`, for example `custody.patient.record_number`."""
    return _index(installation.in_force(Purpose.INDEX).key, column, scope, value)


def blind_indexes(*, column: str, scope: str, value: str) -> list[str]:
    """The same under every key that rows may still be indexed under, the one in force first: to search with."""
    return [_index(one.key, column, scope, value) for one in installation.all_of(Purpose.INDEX)]


def _index(secret: bytes, column: str, scope: str, value: str) -> str:
    key = sealing.derive(secret, sealing.associated_data("needlepoint/index/v1", column, scope))
    return sealing.blind_index(key, value)
