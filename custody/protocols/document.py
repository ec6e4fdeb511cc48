"""A protocol document, read into frozen dataclasses. Pure: a witness reads it the same way.

The schema is `custody/protocols/schema.json`; what JSON Schema cannot say (references, cycles, limits the wrong way
round, and what no protocol may leave out) is in `custody.protocols.safety`. DESIGN §4.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import rfc8785

from custody.protocols.bounds import BOUNDS
from custody.protocols.parts import (
    RECORD_TYPES,
    Bound,
    Due,
    Field,
    Leg,
    Milestone,
    Protocol,
    ProtocolInvalid,
    Reckoned,
    Segment,
    SlotSpec,
    Step,
)
from custody.protocols.safety import check

SCHEMA = json.loads((Path(__file__).parent / "schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

__all__ = [
    "RECORD_TYPES",
    "SCHEMA",
    "Bound",
    "Due",
    "Field",
    "Leg",
    "Milestone",
    "Protocol",
    "ProtocolInvalid",
    "Segment",
    "SlotSpec",
    "Step",
    "digest_of",
    "read",
    "read_cached",
]


def digest_of(document: Mapping[str, Any]) -> str:
    """SHA-256 of the document's canonical JSON (RFC 8785), as hex."""
    return hashlib.sha256(rfc8785.dumps(dict(document))).hexdigest()


def read(document: Mapping[str, Any]) -> Protocol:
    """Check a document and read it. Raises ProtocolInvalid, which names the place and what would be right.

    What was read before is remembered by its digest: the same content is right every time, and whoever replays the
    ledger meets the same few documents again and again.
    """
    try:
        digest = digest_of(document)
    except (rfc8785.CanonicalizationError, TypeError, ValueError, RecursionError) as problem:
        # It has no canonical form, so it cannot be right; where the schema does not say why, the encoder does.
        _check_schema(document)
        raise ProtocolInvalid(f"The protocol document has no canonical form: {str(problem)[:300]}") from None
    return read_cached(document, digest)


def _checked(document: Mapping[str, Any]) -> Protocol:
    _check_schema(document)
    protocol = _build(document)
    check(protocol)
    return protocol


def _check_schema(document: Mapping[str, Any]) -> None:
    problem = jsonschema.exceptions.best_match(VALIDATOR.iter_errors(document))
    if problem is not None:
        place = "/".join(str(part) for part in problem.absolute_path) or "document"
        raise ProtocolInvalid(f"The protocol document is not right at {place}: {problem.message[:300]}")


REMEMBERED = 64
_read: dict[str, Protocol] = {}


def read_cached(document: Mapping[str, Any], digest: str) -> Protocol:
    """`read` of a document whose digest is known, as that of a published one is."""
    found = _read.get(digest)
    if found is None:
        found = _checked(document)
        while len(_read) >= REMEMBERED:
            _read.pop(next(iter(_read)), None)
        _read[digest] = found
    return found


def _build(document: Mapping[str, Any]) -> Protocol:
    return Protocol(
        digest=digest_of(document),
        format=int(document["format"].rpartition("/")[2]),
        code=document["code"],
        version=document["version"],
        title=document["title"],
        starting_material=document["starting_material"],
        vein_to_vein_max_days=document["vein_to_vein_max_days"],
        stages=tuple((stage["code"], stage["title"]) for stage in document["stages"]),
        steps=tuple(_step(number, step) for number, step in enumerate(document["steps"], 1)),
        legs=tuple(_leg(leg) for leg in document["legs"]),
        slots=tuple(
            SlotSpec(
                code=slot["code"],
                title=slot["title"],
                kind=slot["kind"],
                party=slot["party"],
                minutes=slot["minutes"],
                gap_min_minutes=slot.get("gap_min_minutes", 0),
                gap_max_minutes=slot.get("gap_max_minutes", 0),
            )
            for slot in document["slots"]
        ),
        milestones=tuple(Milestone(**milestone) for milestone in document["milestones"]),
        segments=tuple(
            Segment(
                code=s["code"],
                title=s["title"],
                steps=tuple(s["steps"]),
                leg=s.get("leg"),
                since=tuple(s.get("since", ())),
                vein_to_vein=s.get("vein_to_vein", False),
            )
            for s in document["segments"]
        ),
        oos_default_hours=document["out_of_specification"]["default_hours"],
        oos_hours_by_country=document["out_of_specification"].get("hours_by_country", {}),
        price_minor=document["price"]["minor_units"],
        currency=document["price"]["currency"],
    )


def _step(number: int, step: Mapping[str, Any]) -> Step:
    due = step.get("due", {})
    return Step(
        number=number,
        code=step["code"],
        title=step["title"],
        stage=step["stage"],
        kind=step["kind"],
        party=step["party"],
        roles=tuple(step["roles"]),
        after=tuple(step.get("after", ())),
        meaning=step["meaning"],
        second_roles=tuple(step.get("second_roles", ())),
        scans=tuple(step.get("scans", ())),
        fields=tuple(_field(field) for field in step.get("fields", ())),
        due=Due(slot=due.get("slot"), edge=due.get("edge", "start"), offset_minutes=due.get("offset_minutes", 0)),
        duration_max_minutes=step.get("duration_max_minutes", 1440),
        wait_max_minutes=step.get("wait_max_minutes", 86_400),
        leg=step.get("leg"),
        optional=step.get("optional", False),
        repeats=step.get("repeats", False),
        completes=step.get("completes", False),
        timer_minutes=step.get("timer_minutes"),
        material=step.get("material", True),
    )


def _field(field: Mapping[str, Any]) -> Field:
    return Field(
        code=field["code"],
        title=field["title"],
        kind=field["kind"],
        unit=field.get("unit", ""),
        low=Decimal(field["low"]) if "low" in field else None,
        high=Decimal(field["high"]) if "high" in field else None,
        decimals=field.get("decimals", 2),
        choices=tuple(field.get("choices", ())),
        expected=field.get("expected"),
        required=field.get("required", True),
        sensitive=field.get("sensitive", False) or field["kind"] == "text",
        hint=field.get("hint", ""),
        plausible=_plausible(field),
        halts=field.get("halts", False),
        reckoned=Reckoned(field["reckoned"]["from"], field["reckoned"]["to"]) if "reckoned" in field else None,
        bounds=tuple(Bound(kind, **field[kind]) for kind in BOUNDS if kind in field),
    )


def _plausible(field: Mapping[str, Any]) -> tuple[Decimal, Decimal] | None:
    if "plausible" not in field:
        return None
    low, high = field["plausible"]
    return Decimal(low), Decimal(high)


def _leg(leg: Mapping[str, Any]) -> Leg:
    return Leg(
        code=leg["code"],
        title=leg["title"],
        origin=leg["origin"],
        destination=leg["destination"],
        low_c100=int(Decimal(leg["low_c"]) * 100),
        high_c100=int(Decimal(leg["high_c"]) * 100),
        budget_minutes=leg["budget_minutes"],
        gap_max_minutes=leg["gap_max_minutes"],
        tilt_max_degrees=leg["tilt_max_degrees"],
        tilt_max_minutes=leg["tilt_max_minutes"],
        hold_max_hours=leg["hold_max_hours"],
        container=leg["container"],
        hard_low_c100=int(Decimal(leg["hard_low_c"]) * 100) if "hard_low_c" in leg else None,
        hard_high_c100=int(Decimal(leg["hard_high_c"]) * 100) if "hard_high_c" in leg else None,
        shock_max_g=leg.get("shock_max_g"),
    )
