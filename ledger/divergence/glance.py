"""A cheap look at all chains' rows: which changed though no record was added since the last look.

Replaying a therapy takes some twenty milliseconds; reading its rows and hashing them about one. So the rows of all
chains are seen again within seconds, and only a chain whose rows changed under the same last record is replayed. The
hashes are kept in this process alone: what was edited while it did not run is found by the audit's round, which replays
all.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from uuid import UUID

from ledger.log import projections
from ledger.log.models import Chain

CHAINS = 16
"""How many chains' rows are read at once, by one query a table."""
_BYTES = 16


class Glance:
    """Goes round over all chains, kind by kind; remembers each one's last record and a hash of its rows."""

    def __init__(self) -> None:
        self._seen: dict[UUID, tuple[bytes, bytes]] = {}
        self._kinds: list[str] = []
        self._after: UUID | None = None

    def changed(self, until: float) -> Iterator[Chain]:
        """Look on until that moment (time.monotonic), at one group at least and at no chain twice."""
        begun: tuple[str, UUID | None] | None = None
        while True:
            if not self._kinds:
                self._kinds = sorted(set(Chain.objects.order_by().values_list("kind", flat=True).distinct()))
                if not self._kinds:
                    return
            place = (self._kinds[0], self._after)
            if place == begun:
                return
            begun = begun or place
            yield from self._compared(*self._next())
            if time.monotonic() >= until:
                return

    def _next(self) -> tuple[str, list[Chain]]:
        kind = self._kinds[0]
        rest = Chain.objects.filter(kind=kind).order_by("pk")
        chains = list((rest.filter(pk__gt=self._after) if self._after else rest)[:CHAINS])
        self._after = chains[-1].pk if len(chains) == CHAINS else None
        if self._after is None:
            self._kinds.pop(0)
        return kind, chains

    def _compared(self, kind: str, chains: Sequence[Chain]) -> Iterator[Chain]:
        rows = _hashes(kind, chains)
        for chain in chains:
            now = (bytes.fromhex(chain.head_hash)[:_BYTES], rows[chain.pk])
            before = self._seen.get(chain.pk)
            self._seen[chain.pk] = now
            if before is not None and before != now and before[0] == now[0]:
                yield chain


def _hashes(kind: str, chains: Sequence[Chain]) -> dict[UUID, bytes]:
    """A hash of each chain's head, state and projected rows; it means something within one process only."""
    hashes = {chain.subject: blake2b(digest_size=_BYTES) for chain in chains}
    for chain in chains:
        hashes[chain.subject].update(repr((chain.head_seq, chain.head_log, chain.state)).encode())
    for projection in projections.projections_for(kind):
        for label, column in projection.models.items():
            model = projections.model_of(label)
            name = model._meta.get_field(column).attname  # type: ignore[union-attr]
            columns = [field.attname for field in model._meta.concrete_fields]
            place = columns.index(name)
            for row in (
                model._default_manager.filter(**{f"{name}__in": list(hashes)}).order_by("pk").values_list(*columns)
            ):
                hashes[row[place]].update(repr((label, row)).encode())
    return {chain.pk: hashes[chain.subject].digest() for chain in chains}
