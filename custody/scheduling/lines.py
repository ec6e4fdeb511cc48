"""The search itself: one line of slot layers for each maker, and dynamic programming along it. Pure.

A slot of one layer leads to a contiguous stretch of the next (its starts are sorted), so a pass over a line takes a
bisection and one lookup in a sparse table for each slot: O(n log n), however many chains there are. Values are seconds
since 1970; `NEVER` marks what cannot be reached.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any
from uuid import UUID

from custody.scheduling.plan import FreeSlot, Member, Problem

NEVER = 1 << 60
FOREVER = 1 << 50


class RangeMinimum:
    """The least value of any stretch of a list, each in constant time (sparse table)."""

    def __init__(self, values: Sequence[int]) -> None:
        level = list(values)
        self._levels = [level]
        half = 1
        while half * 2 <= len(values):
            level = list(map(min, level, level[half:]))
            self._levels.append(level)
            half *= 2

    def least(self, low: int, high: int) -> int:
        """The least of values[low:high]; NEVER for an empty stretch."""
        if low >= high:
            return NEVER
        power = (high - low).bit_length() - 1
        level = self._levels[power]
        return min(level[low], level[high - (1 << power)])


@dataclass(frozen=True, slots=True)
class Layer:
    """The slots that may be one link of a chain, by start. Times and durations in seconds.

    `roads` is the least time from the end of each slot to the next layer, where a courier's road sets one.
    """

    slots: list[FreeSlot]
    starts: list[int]
    seconds: int
    gap_min: int
    gap_max: int
    roads: list[int] | None = None

    def road(self, index: int) -> int:
        return self.roads[index] if self.roads else 0


@dataclass(frozen=True, slots=True)
class Line:
    """The layers of one maker (and of the couriers that serve several links), in the protocol's order.

    Lines of one search share layers (the centre's chairs and beds, the couriers' vans) and a `memo`, so that what lies
    before or behind the makers is worked out once and not for each of them.
    """

    maker: Member
    layers: tuple[Layer, ...]
    making: int
    memo: dict[Hashable, Any] = field(repr=False, compare=False)

    def onward(self, index: int, slot: int) -> tuple[int, int]:
        """The stretch of layer `index + 1` that this slot of layer `index` leads to."""
        layer, after = self.layers[index], self.layers[index + 1]
        end = layer.starts[slot] + layer.seconds
        low = bisect_left(after.starts, end + max(after.gap_min, layer.road(slot)))
        return low, bisect_right(after.starts, end + after.gap_max, lo=low)

    def leads(self, index: int, slot: int, onto: int) -> bool:
        """Whether a slot of layer `index` leads to that slot of the next layer."""
        low, high = self.onward(index, slot)
        return low <= onto < high

    def endings(self, *, until: int = FOREVER, latest: bool = False) -> list[list[int]]:
        """For each slot from the making on, the earliest start of a last slot that it leads to.

        With `latest`, the negated start of the latest one. Last slots that start after `until` do not count. The first
        list belongs to the making.
        """
        sign = -1 if latest else 1
        last = len(self.layers) - 1
        found: list[list[int]] = []
        for index in range(last, self.making - 1, -1):
            key = ("endings", until, latest, self._ids(index, None))
            if key not in self.memo:
                if index == last:
                    values = [sign * start if start <= until else NEVER for start in self.layers[last].starts]
                else:
                    table = self._table(("endings", until, latest, self._ids(index + 1, None)), found[-1])
                    values = [table.least(*self.onward(index, slot)) for slot in range(len(self.layers[index].starts))]
                self.memo[key] = values
            found.append(self.memo[key])
        return found[::-1]

    def beginnings(self, *, low: int, high: int, upto: int | None = None) -> list[list[int]]:
        """For each slot up to the making, the negated start of the latest collection that leads to it.

        Only collections that start from `low` to `high` count.
        """
        found: list[list[int]] = []
        for index in range((self.making if upto is None else upto) + 1):
            key = ("beginnings", low, high, self._ids(None, index + 1))
            if key not in self.memo:
                if index == 0:
                    values = [-start if low <= start <= high else NEVER for start in self.layers[0].starts]
                else:
                    values = self._reached(index, found[-1], ("beginnings", low, high, self._ids(None, index)))
                self.memo[key] = values
            found.append(self.memo[key])
        return found

    def _reached(self, index: int, before: list[int], key: Hashable) -> list[int]:
        layer, previous = self.layers[index], self.layers[index - 1]
        groups = []
        for road, members in _by_road(previous):
            starts = [previous.starts[member] for member in members]
            table = self._table((key, road), [before[member] for member in members])
            groups.append((starts, table, previous.seconds + max(layer.gap_min, road)))
        furthest = previous.seconds + layer.gap_max
        return [
            min(
                (
                    table.least(bisect_left(starts, start - furthest), bisect_right(starts, start - nearest))
                    for starts, table, nearest in groups
                ),
                default=NEVER,
            )
            for start in layer.starts
        ]

    def _table(self, key: Hashable, values: list[int]) -> RangeMinimum:
        known = ("table", key)
        if known not in self.memo:
            self.memo[known] = RangeMinimum(values)
        table: RangeMinimum = self.memo[known]
        return table

    def _ids(self, first: int | None, last: int | None) -> tuple[int, ...]:
        """Which layers these are; lines keep them alive as long as the memo."""
        return tuple(id(layer) for layer in self.layers[first:last])

    def path(self, making: int, beginnings: list[list[int]], endings: list[list[int]]) -> list[FreeSlot]:
        """The chain through a slot of the making that has these values: each other link as early as it can be."""
        indices = [making]
        for index in range(self.making - 1, -1, -1):
            wanted = beginnings[index + 1][indices[0]]
            indices.insert(0, self._back(index, indices[0], beginnings[index], wanted))
        for index in range(self.making, len(self.layers) - 1):
            wanted = endings[index - self.making][indices[-1]]
            low, high = self.onward(index, indices[-1])
            following = endings[index - self.making + 1]
            indices.append(next(slot for slot in range(low, high) if following[slot] == wanted))
        return [layer.slots[slot] for layer, slot in zip(self.layers, indices, strict=True)]

    def _back(self, index: int, onto: int, values: list[int], wanted: int) -> int:
        layer, after = self.layers[index], self.layers[index + 1]
        start = after.starts[onto] - layer.seconds
        low = bisect_left(layer.starts, start - after.gap_max)
        high = bisect_right(layer.starts, start - after.gap_min)
        return next(slot for slot in range(low, high) if values[slot] == wanted and self.leads(index, slot, onto))


def _by_road(layer: Layer) -> Iterator[tuple[int, Sequence[int]]]:
    if layer.roads is None:
        yield 0, range(len(layer.starts))
        return
    groups: dict[int, list[int]] = {}
    for index, road in enumerate(layer.roads):
        groups.setdefault(road, []).append(index)
    yield from groups.items()


def lines_of(problem: Problem, *, maker: UUID | None = None) -> Iterator[Line]:
    """One line for each maker, and for each choice of a courier whose capacity serves several links."""
    specs = problem.requirements.specs
    pool = _Pool(problem)
    capacities = [spec.party for spec in specs if spec.party not in {"centre", "maker"}]
    shared = sorted({capacity for capacity in capacities if capacities.count(capacity) > 1})
    for identifier, member in problem.makers.items():
        if identifier != (maker or identifier) or identifier != problem.kept.get("maker", identifier):
            continue
        roads = problem.transit.get(identifier, {})
        for choice in product(sorted(roads), repeat=len(shared)):
            fixed = dict(zip(shared, choice, strict=True)) | dict(problem.kept)
            if any(fixed[capacity] != chosen for capacity, chosen in zip(shared, choice, strict=True)):
                continue
            layers = []
            for place, spec in enumerate(specs):
                if spec.party == "centre":
                    parties: tuple[UUID, ...] = (problem.centre.id,)
                elif spec.party == "maker":
                    parties = (identifier,)
                else:
                    parties = (fixed[spec.party],) if spec.party in fixed else tuple(sorted(roads))
                leaves = place + 1 < len(specs) and specs[place + 1].party != spec.party
                driven = leaves and spec.party not in {"centre", "maker"}
                layers.append(
                    pool.layer(place, parties, {c: problem.road(identifier, c, spec) for c in roads} if driven else {})
                )
            yield Line(maker=member, layers=tuple(layers), making=problem.requirements.making, memo=pool.memo)


class _Pool:
    """The problem's slots by owner and kind, each sorted, and each layer made, once however many makers there are."""

    def __init__(self, problem: Problem) -> None:
        self.memo: dict[Hashable, Any] = {}
        self._specs = problem.requirements.specs
        self._begun = problem.begun
        self._owned: dict[tuple[UUID, str], list[FreeSlot]] = {}
        for slot in problem.slots:
            self._owned.setdefault((slot.party, slot.kind), []).append(slot)
        self._sorted: dict[tuple[int, tuple[UUID, ...]], tuple[list[FreeSlot], list[int]]] = {}
        self._layers: dict[Hashable, Layer] = {}

    def layer(self, place: int, parties: tuple[UUID, ...], roads: Mapping[UUID, int]) -> Layer:
        key = (place, parties, tuple(sorted(roads.items())))
        if key not in self._layers and place < len(self._begun):
            self._layers[key] = self._as_begun(place, roads)
        elif key not in self._layers:
            spec = self._specs[place]
            slots, starts = self._slots(place, parties)
            self._layers[key] = Layer(
                slots=slots,
                starts=starts,
                seconds=spec.minutes * 60,
                gap_min=spec.gap_min_minutes * 60,
                gap_max=spec.gap_max_minutes * 60 if spec.gap_max_minutes else FOREVER,
                roads=[roads.get(slot.party, 0) * 60 for slot in slots] if any(roads.values()) else None,
            )
        return self._layers[key]

    def _as_begun(self, place: int, roads: Mapping[UUID, int]) -> Layer:
        """A link that is under way or over: one slot, after the one before it however long that was."""
        slot, is_last = self._begun[place], place == len(self._begun) - 1
        return Layer(
            slots=[slot],
            starts=[int(slot.starts_at.timestamp())],
            seconds=self._specs[place].minutes * 60 if is_last else 0,
            gap_min=0,
            gap_max=FOREVER,
            roads=[roads.get(slot.party, 0) * 60] if is_last and any(roads.values()) else None,
        )

    def _slots(self, place: int, parties: tuple[UUID, ...]) -> tuple[list[FreeSlot], list[int]]:
        key = (place, parties)
        if key not in self._sorted:
            spec = self._specs[place]
            chosen = [
                slot
                for party in parties
                for slot in self._owned.get((party, spec.kind), ())
                if (slot.ends_at - slot.starts_at).total_seconds() >= spec.minutes * 60
            ]
            # Of two slots that start together, the one with more room, then in an order that never changes.
            chosen.sort(key=lambda slot: (slot.starts_at, -slot.free, slot.resource, slot.id))
            self._sorted[key] = (chosen, [int(slot.starts_at.timestamp()) for slot in chosen])
        return self._sorted[key]
