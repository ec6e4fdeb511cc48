"""The cache where there is no Redis: in memory, save what several processes have to count together.

Limits on guessing and codes that were used once are only limits when every process of the server sees them, so what
django-allauth keeps stands in a table of the database. The rest may be forgotten, and stays in each process's memory.
"""

from __future__ import annotations

from typing import Any

from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.locmem import LocMemCache

TABLE = "portal_cache"
SHARED_PREFIXES = ("allauth", "np-shared:")


class SharedLimitsCache(LocMemCache):
    """In memory; keys under `SHARED_PREFIXES` in the table `TABLE`."""

    def __init__(self, name: str, params: dict[str, Any]) -> None:
        super().__init__(name, params)
        # Limits expire by themselves; the bound is for an attacker who makes up addresses.
        options = {**params, "OPTIONS": {"MAX_ENTRIES": 50_000}}
        self._shared = DatabaseCache(TABLE, options)

    def _of(self, key: str) -> Any:
        return self._shared if key.startswith(SHARED_PREFIXES) else super()

    def add(self, key: str, *args: Any, **kwargs: Any) -> bool:
        return bool(self._of(key).add(key, *args, **kwargs))

    def get(self, key: str, *args: Any, **kwargs: Any) -> Any:
        return self._of(key).get(key, *args, **kwargs)

    def set(self, key: str, *args: Any, **kwargs: Any) -> None:
        self._of(key).set(key, *args, **kwargs)

    def touch(self, key: str, *args: Any, **kwargs: Any) -> bool:
        return bool(self._of(key).touch(key, *args, **kwargs))

    def incr(self, key: str, *args: Any, **kwargs: Any) -> int:
        return int(self._of(key).incr(key, *args, **kwargs))

    def has_key(self, key: str, *args: Any, **kwargs: Any) -> bool:
        return bool(self._of(key).has_key(key, *args, **kwargs))

    def delete(self, key: str, *args: Any, **kwargs: Any) -> bool:
        return bool(self._of(key).delete(key, *args, **kwargs))

    def clear(self) -> None:
        super().clear()
        self._shared.clear()
