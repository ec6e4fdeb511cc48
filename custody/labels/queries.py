"""Which labels of a therapy were printed, as its records say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from custody.contract.items import Item, item_of
from custody.labels.projection import PRINTED
from custody.therapies.queries import Journey


@dataclass(frozen=True, slots=True)
class Print:
    """One print, counted from 1. `items` is empty, and `copies` may be None, in records from before they were named."""

    serial: int
    reason: str
    copies: int | None
    items: tuple[Item, ...]
    printed_at: datetime


def prints(journey: Journey) -> tuple[Print, ...]:
    """Every print of the therapy's labels, the first one first."""
    records = [record for record in journey.records if record.type in PRINTED]
    return tuple(
        Print(
            serial=serial,
            reason=record.body.get("reason", ""),
            copies=record.body.get("copies"),
            items=tuple(filter(None, map(item_of, record.body.get("items", ())))),
            printed_at=record.occurred_at,
        )
        for serial, record in enumerate(records, start=1)
    )


def highest(kind: str, printed: Sequence[Print]) -> int:
    """The highest number of this kind of item that was printed; 0 where there is none."""
    return max((item.number for one in printed for item in one.items if item.kind == kind), default=0)
