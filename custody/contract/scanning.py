"""The clause of what is scanned before a step is signed: of this therapy, and each the item that the step asks for.

Under a protocol whose labels name their items (format 3) a code of another item, or of none, is no scan of this one,
and as many product bags are scanned as are infused, each once. Under older ones the code is the chain of identity alone
(docs/adr/0020).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from custody.contract.items import LETTERS, MOST, NAMES, Label, label_of
from custody.contract.moment import Moment
from custody.protocols.document import Field, Step
from ledger.log.contract import Refused

IDENTITIES = frozenset(LETTERS)
"""What is scanned that carries the chain of identity; a shipper and a seal have numbers of their own."""
COUNTED = "bags"
"""The unit of a field that says how many product bags were infused."""


def check_scans(moment: Moment, step: Step) -> None:
    """Raise Refused where something was not scanned, or is not what it has to be."""
    scans = moment.members("scans")
    for kind in step.scans:
        given = scans.get(kind)
        if not isinstance(given, str) or not given:
            raise Refused(f"Scan the {NAMES.get(kind, kind)} first.")
        if kind in IDENTITIES and not moment.protocol.names_items and given != moment.state["coi"]:
            raise Refused(f"The {kind} belongs to another therapy.")
        if kind == "seal" and moment.state["custody"]["seal"] not in {None, given}:
            raise Refused("The seal is not the one that was set.")
        if kind == "shipper" and moment.state["custody"]["container"] not in {None, given}:
            raise Refused("The shipper is not the one that was packed.")
    if moment.protocol.names_items:
        _check_items(moment, step, scans)


def _check_items(moment: Moment, step: Step, scans: Mapping[str, object]) -> None:
    seen: set[str] = set()
    for name, given in scans.items():
        kind = kind_scanned(name)
        if kind not in IDENTITIES:
            continue
        if kind not in step.scans or not isinstance(given, str):
            raise Refused(f"“{step.title}” asks for no scan “{name}”.")
        label = label_of(given)
        if label is None:
            raise Refused(f"What was scanned as {NAMES[kind]} is no label.")
        if label.coi != moment.state["coi"]:
            raise Refused(f"The {NAMES[kind]} belongs to another therapy.")
        wrong = why_not(kind, label, items_named=True)
        if wrong:
            raise Refused(wrong)
        if given in seen:
            raise Refused(said_twice(label))
        seen.add(given)
    counting = counts_bags(step)
    if counting is not None:
        values = moment.members("values")
        said = values.get(counting.code)
        count = said.get("value") if isinstance(said, Mapping) else None
        scanned = sum(kind_scanned(name) == "bag" for name in scans)
        wrong = why_not_so_many(str(count), scanned) if count is not None else ""
        if wrong:
            raise Refused(wrong)


def why_not(kind: str, label: Label, *, items_named: bool) -> str:
    """Why a label of this therapy is not the item that is wanted, in words for who scanned it; empty where it is."""
    if label.item is None:
        if not items_named:
            return ""
        return f"This label does not say what it is on. Print it anew; wanted is the {NAMES[kind]}."
    if label.item.kind == kind:
        return ""
    return f"This is {label.item.named}. Wanted is the {NAMES[kind]}: scan that."


def said_twice(label: Label) -> str:
    """What is said of one label that was scanned for two."""
    named = label.item.named if label.item else "the label"
    return f"{named[:1].upper()}{named[1:]} was scanned twice. Scan each once."


def scan_names(kind: str, count: int) -> Iterator[str]:
    """The names under which a record holds so many scans of one kind: `bag`, `bag-2`, `bag-3`."""
    yield kind
    for number in range(2, count + 1):
        yield f"{kind}-{number}"


def kind_scanned(name: str) -> str:
    """The kind of item that stands under this name in a record's scans."""
    kind, _, number = name.partition("-")
    return kind if not number or (kind == "bag" and number.isascii() and number.isdecimal()) else name


def counts_bags(step: Step) -> Field | None:
    """The field of an infusion that says how many product bags were infused: a decimal in bags, in the open."""
    if step.kind != "infusion" or "bag" not in step.scans:
        return None
    found = (field for field in step.fields if field.kind == "decimal" and field.unit == COUNTED)
    return next((field for field in found if not field.sensitive), None)


def why_not_so_many(count: str, scanned: int) -> str:
    """Why so many scans of bags do not go with the count that was entered; empty where they do."""
    if Decimal(count) == scanned:
        return ""
    if Decimal(count) > MOST:
        return f"At most {MOST} bags are infused in one step. Check the figure."
    bags = "1 product bag is" if scanned == 1 else f"{scanned} product bags are"
    return f"{bags} scanned, and {count} infused. Scan each bag that is infused, once."
