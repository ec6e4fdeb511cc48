"""What every protocol has to fulfil, whatever its product. Pure.

A new therapy is a new document and no code, so the document is where a mix-up could be let in. These rules keep it out:
whoever wrote the protocol, nothing is infused that was not released, checked at the bedside and cleared, cells pass
from hand to hand without a gap, and every proof segment fits the circuit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import pairwise

from custody.protocols.bounds import check_bounds
from custody.protocols.fields import check_fields
from custody.protocols.parts import Field, Leg, Protocol, ProtocolInvalid, Segment, Step
from ledger.proofs import specification as circuit

ONCE = ("order", "booking", "label", "collection", "review", "release", "gate", "bedside", "infusion")
"""Step kinds of which a protocol has exactly one."""
NEVER_OPTIONAL = frozenset({*ONCE, "pack", "offer", "accept", "acceptance", "test", "payer_approval"})
PAIRED = frozenset({"collection", "acceptance", "bedside", "infusion"})
"""Step kinds at which a second person always verifies (DESIGN §6; DOMAIN, steps 3, 6, 10 and 12)."""
BEFORE = (
    ("booking", "collection"),
    ("label", "collection"),
    ("collection", "preparation at the maker"),
    ("collection", "acceptance"),
    ("collection", "process"),
    ("collection", "test"),
    ("test", "release"),
    ("review", "release"),
    ("release", "gate"),
    ("gate", "infusion"),
    ("bedside", "infusion"),
    ("acceptance", "infusion"),
    ("infusion", "outcome"),
)
"""Kinds that must have been done, all of them, before any of the other kind."""
SCANS: Mapping[str, frozenset[str]] = {
    "collection": frozenset({"wristband", "order", "label"}),
    "bedside": frozenset({"wristband", "bag"}),
    "infusion": frozenset({"wristband", "bag"}),
}
SCANS_OF_MATERIAL = frozenset({"label", "bag", "cassette"})
"""What stands on the patient's material and carries the chain of identity."""
PARTY_OF_KIND: Mapping[str, str] = {
    "order": "centre",
    "payer_approval": "payer",
    "booking": "centre",
    "label": "centre",
    "collection": "centre",
    "process": "maker",
    "test": "maker",
    "review": "maker",
    "release": "maker",
    "gate": "centre",
    "bedside": "centre",
    "infusion": "centre",
    "outcome": "centre",
}
ROLES_OF_PARTY: Mapping[str, frozenset[str]] = {
    "centre": frozenset({"nurse", "coordinator", "physician", "cell_lab"}),
    "maker": frozenset({"scheduler", "operator", "qc_analyst", "qa", "qp"}),
    "payer": frozenset({"payer_analyst"}),
    "courier_outbound": frozenset({"courier", "dispatcher"}),
    "courier_return": frozenset({"courier", "dispatcher"}),
}
ROLES_OF_KIND: Mapping[str, frozenset[str]] = {
    "review": frozenset({"qa"}),
    "release": frozenset({"qp"}),
    "gate": frozenset({"physician"}),
}
"""Who alone may do it: QA reviews, the Qualified Person releases (EU GMP Annex 16), a physician clears."""
WITHOUT_PATIENT = frozenset({"payer", "courier_outbound", "courier_return"})
"""Who never holds patient data (DESIGN §5)."""


def check(protocol: Protocol) -> None:
    """Raise ProtocolInvalid, which names the place and what would be right."""
    _references(protocol)
    _kinds(protocol)
    before = ancestors(protocol)
    check_fields(protocol, before)
    _order(protocol, before)
    for step in protocol.steps:
        _step(step)
    for leg in protocol.legs:
        _leg(protocol, leg, before)
    for segment in protocol.segments:
        _segment(protocol, segment, before)
    check_bounds(protocol, before)


def check_new(protocol: Protocol) -> None:
    """What is asked of a document that is published from now on, beside `check`. Raises ProtocolInvalid.

    Documents that are on the ledger already stay right: therapies are replayed under them.
    """
    for step in protocol.steps:
        if step.kind == "process" and step.material and not SCANS_OF_MATERIAL & set(step.scans):
            raise ProtocolInvalid(
                f"Step “{step.code}” handles the patient's material: name in “scans” what is scanned at the bench "
                "(label, bag or cassette), or say “material”: false."
            )


def ancestors(protocol: Protocol) -> dict[str, frozenset[str]]:
    """For each step, every step that stands somewhere before it."""
    found: dict[str, frozenset[str]] = {}
    for step in protocol.steps:
        found[step.code] = frozenset(step.after).union(*(found[code] for code in step.after))
    return found


def _references(protocol: Protocol) -> None:
    stages = dict(protocol.stages)
    slots = {slot.code for slot in protocol.slots}
    legs = {leg.code for leg in protocol.legs}
    for what, codes in (
        ("stages", [code for code, _ in protocol.stages]),
        ("steps", [step.code for step in protocol.steps]),
        ("legs", [leg.code for leg in protocol.legs]),
        ("slots", [slot.code for slot in protocol.slots]),
        ("milestones", [milestone.code for milestone in protocol.milestones]),
        ("proof segments", [segment.code for segment in protocol.segments]),
    ):
        if len(set(codes)) != len(codes):
            raise ProtocolInvalid(f"Two {what} of the protocol have the same code.")
    seen: set[str] = set()
    for step in protocol.steps:
        where = f"Step “{step.code}”"
        if step.stage not in stages:
            raise ProtocolInvalid(f"{where} names the stage “{step.stage}”, which the protocol does not have.")
        for before in step.after:
            if before not in seen:
                raise ProtocolInvalid(f"{where} comes after “{before}”, which must stand earlier in the document.")
        if step.due.slot and step.due.slot not in slots:
            raise ProtocolInvalid(f"{where} is due by the slot “{step.due.slot}”, which the protocol does not have.")
        if step.kind in {"pack", "offer", "accept", "acceptance"} and step.leg not in legs:
            raise ProtocolInvalid(f"{where} needs one of the protocol's legs.")
        seen.add(step.code)
    for milestone in protocol.milestones:
        if milestone.step not in seen:
            raise ProtocolInvalid(f"Milestone “{milestone.code}” names the step “{milestone.step}”, which is missing.")
        if milestone.proof:
            segment = next((one for one in protocol.segments if one.code == milestone.proof), None)
            if segment is None:
                raise ProtocolInvalid(
                    f"Milestone “{milestone.code}” names the proof segment “{milestone.proof}”, which is missing."
                )
            if milestone.step not in segment.steps:
                raise ProtocolInvalid(
                    f"Milestone “{milestone.code}” pays for “{milestone.step}”, which its proof of "
                    f"“{milestone.proof}” does not cover."
                )
    if protocol.milestones and sum(milestone.share_percent for milestone in protocol.milestones) != 100:
        raise ProtocolInvalid("The shares of the payment milestones must add up to 100 per cent.")
    for segment in protocol.segments:
        for code in segment.steps:
            if code not in seen:
                raise ProtocolInvalid(f"Proof segment “{segment.code}” names the step “{code}”, which is missing.")
        for code in segment.since:
            if code not in seen:
                raise ProtocolInvalid(f"Proof segment “{segment.code}” begins with “{code}”, which is missing.")
        if segment.leg is not None and segment.leg not in legs:
            raise ProtocolInvalid(f"Proof segment “{segment.code}” names the leg “{segment.leg}”, which is missing.")


def _kinds(protocol: Protocol) -> None:
    if protocol.steps[0].kind != "order" or protocol.steps[0].after:
        raise ProtocolInvalid("The first step of a protocol is the order.")
    for kind in ONCE:
        count = sum(step.kind == kind for step in protocol.steps)
        if count != 1:
            raise ProtocolInvalid(f"A protocol has exactly one step of the kind “{kind}”; this one has {count}.")
    for step in protocol.steps[1:]:
        if not step.after:
            raise ProtocolInvalid(f"Step “{step.code}” comes after no other: name what has to be done before it.")
    completing = [step for step in protocol.steps if step.completes]
    if [step.kind for step in completing] != ["infusion"]:
        raise ProtocolInvalid("The infusion, and nothing else, completes the therapy (“completes”: true).")


def _order(protocol: Protocol, before: Mapping[str, frozenset[str]]) -> None:
    by_kind: dict[str, list[Step]] = {}
    for step in protocol.steps:
        maker_prepares = step.kind == "preparation" and step.party == "maker"
        by_kind.setdefault("preparation at the maker" if maker_prepares else step.kind, []).append(step)
    for earlier_kind, later_kind in BEFORE:
        for later in by_kind.get(later_kind, []):
            for earlier in by_kind.get(earlier_kind, []):
                if earlier.code not in before[later.code]:
                    raise ProtocolInvalid(
                        f"Step “{later.code}” ({later_kind}) must come after “{earlier.code}” ({earlier_kind})."
                    )


def _step(step: Step) -> None:
    where = f"Step “{step.code}”"
    if step.optional and step.kind in NEVER_OPTIONAL:
        raise ProtocolInvalid(f"{where}: a step of the kind “{step.kind}” cannot be optional.")
    if step.repeats and step.kind != "outcome":
        raise ProtocolInvalid(f"{where}: only an outcome can be repeated; a test is not done until it passes.")
    party = PARTY_OF_KIND.get(step.kind)
    if party and step.party != party:
        raise ProtocolInvalid(f"{where}: a step of the kind “{step.kind}” is for the {party}.")
    strangers = ({*step.roles, *step.second_roles}) - ROLES_OF_PARTY[step.party]
    if strangers:
        raise ProtocolInvalid(f"{where}: the {step.party} has no {sorted(strangers)[0]}.")
    alone = ROLES_OF_KIND.get(step.kind)
    if alone and set(step.roles) - alone:
        raise ProtocolInvalid(f"{where} must be signed by a {' or '.join(sorted(alone))} alone.")
    if step.kind in PAIRED and not step.second_roles:
        raise ProtocolInvalid(f"{where}: a second person verifies every {step.kind} (“second_roles”).")
    if not step.material and step.kind != "process":
        raise ProtocolInvalid(f"{where}: only a process step can be without the patient's material.")
    missing = SCANS.get(step.kind, frozenset()) - set(step.scans)
    if missing:
        raise ProtocolInvalid(f"{where}: the {sorted(missing)[0]} has to be scanned.")
    if len({field.code for field in step.fields}) != len(step.fields):
        raise ProtocolInvalid(f"{where}: two fields have the same code.")
    if step.kind == "test" and (len(step.fields) != 1 or step.fields[0].kind not in {"decimal", "choice"}):
        raise ProtocolInvalid(f"{where}: a release test has one field, a decimal or a choice: its result.")
    for field in step.fields:
        _field(step, field)


def _field(step: Step, field: Field) -> None:
    where = f"Step “{step.code}”, field “{field.code}”"
    if field.low is not None and field.high is not None and field.low > field.high:
        raise ProtocolInvalid(f"{where}: the low limit is above the high one.")
    if field.kind != "decimal" and (field.low is not None or field.high is not None):
        raise ProtocolInvalid(f"{where}: only a decimal has limits.")
    for limit in (field.low, field.high):
        if limit is not None and limit != limit.quantize(Decimal(1).scaleb(-field.decimals)):
            raise ProtocolInvalid(f"{where}: the limit {limit} has more than {field.decimals} decimals.")
    if field.kind == "choice" and len(set(field.choices)) < 2:
        raise ProtocolInvalid(f"{where}: a choice needs at least two different choices.")
    allowed = {"choice": field.choices, "check": ("yes", "no")}.get(field.kind, ())
    if field.expected is not None and field.expected not in allowed:
        raise ProtocolInvalid(f"{where}: “{field.expected}” cannot be chosen, so it cannot be expected.")
    if step.kind == "test":
        if field.kind == "decimal" and field.low is None and field.high is None:
            raise ProtocolInvalid(f"{where}: a release test needs a limit.")
        if field.kind == "choice" and field.expected is None:
            raise ProtocolInvalid(f"{where}: a release test needs an expected result.")
        if field.low is not None and field.low < 0:
            raise ProtocolInvalid(f"{where}: a release test cannot be negative.")
        if not field.required:
            raise ProtocolInvalid(f"{where}: a release test needs its result.")
    if step.party in WITHOUT_PATIENT and field.sensitive:
        raise ProtocolInvalid(f"{where}: payers and couriers never hold patient data.")


def _leg(protocol: Protocol, leg: Leg, before: Mapping[str, frozenset[str]]) -> None:
    """A leg is one pack, then offers and acceptances in turn, each giver the one who holds the cells."""
    where = f"Leg “{leg.code}”"
    if leg.low_c100 > leg.high_c100:
        raise ProtocolInvalid(f"{where}: the low temperature is above the high one.")
    if leg.hard_low_c100 is not None and leg.hard_high_c100 is not None:
        if not leg.hard_low_c100 <= leg.low_c100 or not leg.high_c100 <= leg.hard_high_c100:
            raise ProtocolInvalid(f"{where}: the hard limits lie outside the band, not inside.")
        width = leg.high_c100 - leg.low_c100 + 1
        if max(leg.low_c100 - leg.hard_low_c100, leg.hard_high_c100 - leg.high_c100) > width:
            raise ProtocolInvalid(f"{where}: a hard limit is further from the band than the band is wide.")
    steps = [step for step in protocol.steps if step.leg == leg.code and step.kind in {"pack", "offer", "accept"}]
    kinds = [step.kind for step in steps]
    hops = (len(steps) - 1) // 2
    if hops < 1 or kinds != ["pack", *["offer", "accept"] * hops]:
        raise ProtocolInvalid(f"{where} must be packed once, then offered and accepted in turn.")
    for earlier, later in pairwise(steps):
        if earlier.code not in before[later.code] or (later.kind == "accept" and earlier.code not in later.after):
            raise ProtocolInvalid(f"{where}: “{later.code}” must come after “{earlier.code}”.")
        if later.kind == "offer" and later.party != earlier.party:
            raise ProtocolInvalid(f"{where}: “{later.code}” is for the {earlier.party}, which then holds the cells.")
        if later.kind == "accept" and later.party == earlier.party:
            raise ProtocolInvalid(f"{where}: nobody hands over to themselves (“{later.code}”).")
    if steps[0].party != leg.origin or steps[-1].party != leg.destination:
        raise ProtocolInvalid(f"{where} must begin at the {leg.origin} and end at the {leg.destination}.")
    last = steps[-1].code
    for step in protocol.steps:
        judges = step.kind == "acceptance" and step.leg == leg.code
        if judges and (step.party != leg.destination or last not in before[step.code]):
            raise ProtocolInvalid(f"{where}: “{step.code}” is for the {leg.destination}, after “{last}”.")


def _segment(protocol: Protocol, segment: Segment, before: Mapping[str, frozenset[str]]) -> None:
    """A proof speaks of a graph of steps, each after at most two others, and of release tests (DESIGN §8)."""
    where = f"Proof segment “{segment.code}”"
    codes = (*segment.since, *segment.steps)
    if len(set(codes)) != len(codes):
        raise ProtocolInvalid(f"{where} names a step twice.")
    by_code = {step.code: step for step in protocol.steps}
    graph = [by_code[code] for code in codes if by_code[code].kind != "test"]
    tests = [by_code[code] for code in segment.steps if by_code[code].kind == "test"]
    if not 1 <= len(graph) <= circuit.STEPS or len(tests) > circuit.TESTS:
        raise ProtocolInvalid(f"{where} can hold 1 to {circuit.STEPS} steps and {circuit.TESTS} release tests.")
    if [step.number for step in graph] != sorted(step.number for step in graph):
        raise ProtocolInvalid(f"{where} names its steps in another order than the document.")
    for step in graph:
        if step.repeats:
            raise ProtocolInvalid(f"{where}: “{step.code}” may be repeated, so no proof can speak of it.")
        meet = len(just_before(step.code, [other.code for other in graph], before))
        if meet > circuit.PREDECESSORS:
            most = circuit.PREDECESSORS
            raise ProtocolInvalid(f"{where}: “{step.code}” comes after more than {most} others at once: not provable.")
        if step.optional and not any(step.code in before[other.code] for other in graph if not other.optional):
            raise ProtocolInvalid(f"{where}: it may be judged before “{step.code}” is done: name a step after it.")
    for code in segment.since:
        if by_code[code].optional or not any(code in before[step] for step in segment.steps):
            raise ProtocolInvalid(f"{where}: no step of it has to come after “{code}”, with which it begins.")
    if segment.vein_to_vein and not {"collection", "infusion"} <= {step.kind for step in graph}:
        raise ProtocolInvalid(f"{where}: vein to vein is from the collection to the infusion; it needs both.")
    if segment.leg is not None:
        kinds = [step.kind for step in graph if step.leg == segment.leg]
        if "pack" not in kinds or "accept" not in kinds:
            raise ProtocolInvalid(f"{where}: it must span the leg “{segment.leg}” from packing to receipt.")
        leg = protocol.leg(segment.leg)
        if leg.high_c100 - leg.low_c100 >= 2**13:
            raise ProtocolInvalid(f"{where}: a band of more than 81.91 °C cannot be proven.")


def just_before(code: str, codes: Iterable[str], before: Mapping[str, frozenset[str]]) -> list[str]:
    """Those of `codes` that stand before a step with none of them in between, in the order of `codes`."""
    ahead = [other for other in codes if other in before[code]]
    return [one for one in ahead if not any(one in before[other] for other in ahead)]
