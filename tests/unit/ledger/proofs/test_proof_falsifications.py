"""Every clause of the statement, broken on purpose: no witness satisfies the circuit, and no proof verifies.

First what a dishonest party can bring about in the real world (values, times, keys of its own, all committed to
and signed anew), which the plain rules must find as well. Then what a dishonest prover can feed to the circuit.
"""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest

from ledger.proofs.babyjubjub import BASE, SUBGROUP_ORDER
from ledger.proofs.circuit import SMALL, CircuitInputs, circuit_inputs
from ledger.proofs.field import FIELD
from ledger.proofs.keys import KeyFiles
from ledger.proofs.registry import registry_path
from ledger.proofs.specification import SegmentSpec, SpanSpec, StepSpec, TestSpec
from ledger.proofs.statement import Reading, SegmentWitness, public_inputs_of, readings_root, spec_hash
from ledger.proofs.verifier import VerificationError, verify_proof, verify_quickly
from ledger.proofs.violations import violations
from ledger.proofs.witness_calculator import FalseStatement, WitnessCalculator
from tests.unit.ledger.proofs.constraint_system import ConstraintSystem
from tests.unit.ledger.proofs.proof_samples import (
    COLLECTION,
    DEVICE,
    NOON,
    NURSE,
    OPERATOR,
    OTHER_DEVICE,
    PHYSICIAN,
    REGISTRY,
    STRANGER,
    THERAPY,
    TRANSIT,
    collection,
    log,
    recounted,
    salt,
    signed_leg,
    transit,
    with_reading,
    with_step,
    with_test,
)

pytestmark = pytest.mark.prover
Forge = Callable[[CircuitInputs], bytes]
READINGS = log(70)
LEG = transit().readings
assert LEG is not None
ARRIVED = READINGS[-1].at


def relogged(readings: list[Reading] | tuple[Reading, ...]) -> SegmentWitness:
    return replace(transit(), readings=signed_leg(readings))


def shifted(readings: tuple[Reading, ...], first: int, seconds: int) -> list[Reading]:
    return [r._replace(at=r.at + (seconds if i >= first else 0)) for i, r in enumerate(readings)]


def warmed(*places: int, to: int = 1100) -> SegmentWitness:
    """These readings outside the band: 300 s apart, so 300 s of time for each."""
    readings = list(READINGS)
    for place in places:
        readings[place] = readings[place]._replace(temperature=to)
    return relogged(readings)


def seen_by(place: int, performer: UUID, verifier: UUID | None) -> SegmentWitness:
    return with_step(transit(), place, performer=performer, verifier=verifier)


def with_leg(**limits: int) -> SegmentSpec:
    assert TRANSIT.readings is not None
    return replace(TRANSIT, readings=replace(TRANSIT.readings, **limits))


RECOUNTED = recounted(transit(), ARRIVED + 2500, ARRIVED + 2800)
SPAN = ARRIVED + 3600 - NOON

AT_THE_LIMIT: dict[str, tuple[SegmentSpec, SegmentWitness]] = {
    "as it should be": (TRANSIT, transit()),
    "with its optional step": (TRANSIT, RECOUNTED),
    "without readings and tests": (COLLECTION, collection()),
    "one step only": (SegmentSpec((StepSpec("order"),)), replace(collection(), steps=collection().steps[:1])),
    "nothing but a step that may be left out": (
        SegmentSpec((StepSpec("order", optional=True),)),
        replace(collection(), steps=()),
    ),
    "full circuit": (TRANSIT, transit(75)),
    "lowest temperature": (TRANSIT, with_reading(transit(), 9, READINGS[9]._replace(temperature=200))),
    "highest temperature": (TRANSIT, with_reading(transit(), 9, READINGS[9]._replace(temperature=800))),
    "outside for all of the budget": (TRANSIT, warmed(20, 21, 40)),
    "outside at both hard limits' warm end": (TRANSIT, warmed(20, to=1400)),
    "just outside": (TRANSIT, warmed(20, to=801)),
    "too cold for a while": (TRANSIT, warmed(20, 30, to=0)),
    "first reading outside": (TRANSIT, warmed(0)),
    "last reading outside": (TRANSIT, warmed(69)),
    "largest tilt": (TRANSIT, with_reading(transit(), 9, READINGS[9]._replace(tilt=60))),
    "largest shock": (TRANSIT, with_reading(transit(), 9, READINGS[9]._replace(shock=25))),
    "no limit on tilt and shock": (
        with_leg(tilt_hi=127, shock_hi=63),
        with_reading(transit(), 9, READINGS[9]._replace(tilt=127, shock=63)),
    ),
    "longest gap": (TRANSIT, relogged(READINGS[:30] + READINGS[31:])),
    "readings a second apart": (TRANSIT, with_reading(transit(), 9, READINGS[9]._replace(at=READINGS[8].at + 1))),
    "readings in one second": (TRANSIT, with_reading(transit(), 9, READINGS[9]._replace(at=READINGS[8].at))),
    "log begins at the last moment": (TRANSIT, relogged(READINGS[3:])),
    "log ends at the last moment": (TRANSIT, relogged(READINGS[:-2])),
    "longest step": (TRANSIT, with_step(transit(), 2, end=NOON + 6900)),
    "step in no time": (TRANSIT, with_step(transit(), 2, end=NOON + 6000)),
    "no wait": (TRANSIT, with_step(transit(), 4, start=ARRIVED)),
    "paperwork while the cells travel": (TRANSIT, with_step(transit(), 5, start=NOON + 5000, end=NOON + 5001)),
    "lowest result": (TRANSIT, with_test(transit(), 0, 8000)),
    "highest result": (TRANSIT, with_test(transit(), 2, 150_000_000_000)),
    "longest span": (replace(TRANSIT, span=SpanSpec(0, 7, SPAN)), transit()),
    "two others verify": (TRANSIT, seen_by(0, OPERATOR, NURSE)),
    "one person where one is enough": (TRANSIT, seen_by(1, NURSE, NURSE)),
}
AT_THE_LIMIT["longest wait"] = (
    TRANSIT,
    with_step(
        with_step(transit(), 4, start=ARRIVED + 7200, end=ARRIVED + 7200), 6, start=ARRIVED + 7200, end=ARRIVED + 7300
    ),
)

BROKEN_RULES: dict[str, tuple[SegmentSpec, SegmentWitness]] = {
    "a hundredth of a degree past the upper hard limit": (TRANSIT, warmed(9, to=1401)),
    "a hundredth of a degree past the lower hard limit": (TRANSIT, warmed(69, to=-1)),
    "a hundredth of a degree too warm, nothing borne": (with_leg(hard_hi=800), warmed(9, to=801)),
    "a hundredth of a degree too cold, nothing borne": (with_leg(hard_lo=200), warmed(9, to=199)),
    "outside for longer than the budget": (TRANSIT, warmed(20, 21, 40, 41)),
    "outside for a second more than the budget": (with_leg(budget=899), warmed(20, 21, 40)),
    "outside for half a second more than the budget": (
        with_leg(budget=300),
        relogged(
            shifted(
                tuple(r._replace(temperature=900 if i == 20 else r.temperature) for i, r in enumerate(READINGS)), 21, 1
            )
        ),
    ),
    "outside, and the budget is nothing": (with_leg(budget=0), warmed(20)),
    "outside before the first reading": (
        with_leg(budget=449),
        relogged([READINGS[2]._replace(temperature=900), *READINGS[3:]]),
    ),
    "outside after the last reading": (
        with_leg(budget=449),
        relogged([*READINGS[:-2], READINGS[-2]._replace(temperature=900)]),
    ),
    "too warm, then too cold": (
        TRANSIT,
        relogged([r._replace(temperature={20: 900, 40: 100}.get(i, r.temperature)) for i, r in enumerate(READINGS)]),
    ),
    "a degree of tilt too much": (TRANSIT, with_reading(transit(), 0, READINGS[0]._replace(tilt=61))),
    "a shock of one g too much": (TRANSIT, with_reading(transit(), 0, READINGS[0]._replace(shock=26))),
    "a shock of which nothing is known": (TRANSIT, with_reading(transit(), 30, READINGS[30]._replace(shock=63))),
    "a second of silence too much": (TRANSIT, relogged(shifted(READINGS[:30] + READINGS[31:], 30, 1))),
    "log begins a second late": (TRANSIT, relogged([READINGS[3]._replace(at=NOON + 6901), *READINGS[4:]])),
    "log ends a second early": (TRANSIT, relogged([*READINGS[:-3], READINGS[-3]._replace(at=ARRIVED - 601)])),
    "one reading, no gaps": (TRANSIT, relogged(READINGS[:1])),
    "log of the second half of the way": (TRANSIT, relogged(READINGS[35:])),
    "step a second too long": (TRANSIT, with_step(transit(), 2, end=NOON + 6901)),
    "step ends before it begins": (TRANSIT, with_step(transit(), 2, end=NOON + 5999)),
    "step a second too late": (TRANSIT, with_step(transit(), 6, start=ARRIVED + 9201, end=ARRIVED + 9201)),
    "step before its predecessor ended": (TRANSIT, with_step(transit(), 4, start=ARRIVED - 1)),
    "joined before its other branch ended": (
        TRANSIT,
        with_step(transit(), 5, start=NOON + 6000, end=ARRIVED + 3001),
    ),
    "joined before the optional step ended": (TRANSIT, recounted(transit(), ARRIVED + 2500, ARRIVED + 3001)),
    "joined before what comes before the step left out": (TRANSIT, with_step(transit(), 6, start=ARRIVED + 1999)),
    "optional step too long": (TRANSIT, recounted(transit(), ARRIVED + 2100, ARRIVED + 2701)),
    "optional step too early": (TRANSIT, recounted(transit(), ARRIVED + 1999, ARRIVED + 2100)),
    "parallel step too late": (TRANSIT, with_step(transit(), 5, start=NOON + 8601, end=NOON + 8700)),
    "steps exchanged in time": (
        TRANSIT,
        with_step(with_step(transit(), 1, start=NOON + 6000, end=NOON + 6300), 2, start=NOON + 4000, end=NOON + 4800),
    ),
    "vein to vein a second too long": (replace(TRANSIT, span=SpanSpec(0, 7, SPAN - 1)), transit()),
    "vein to vein the wrong way round": (replace(TRANSIT, span=SpanSpec(7, 0, SPAN)), transit()),
    "same person twice": (TRANSIT, seen_by(0, NURSE, NURSE)),
    "same person twice at a later step": (TRANSIT, seen_by(4, PHYSICIAN, PHYSICIAN)),
    "nobody verified": (TRANSIT, seen_by(4, NURSE, None)),
    "optional step done by one alone": (
        TRANSIT,
        replace(
            RECOUNTED,
            steps=tuple(replace(s, verifier=s.performer) if s.code == "recount" else s for s in RECOUNTED.steps),
        ),
    ),
    "result below its limit": (TRANSIT, with_test(transit(), 0, 7999)),
    "result above its limit": (TRANSIT, with_test(transit(), 2, 150_000_000_001)),
    "growth in the sterility test": (TRANSIT, with_test(transit(), 1, 1)),
    "logger of nobody": (
        TRANSIT,
        replace(
            transit(),
            readings=replace(signed_leg(READINGS, device=STRANGER), registry=registry_path(REGISTRY, DEVICE.public)),
        ),
    ),
    "another logger's signature": (
        TRANSIT,
        replace(
            transit(),
            readings=replace(
                LEG,
                signature=OTHER_DEVICE.sign(
                    readings_root(THERAPY, READINGS, salt=salt("readings"), device=DEVICE.public)
                ),
            ),
        ),
    ),
    "signature for other readings": (TRANSIT, replace(transit(), readings=replace(LEG, readings=READINGS[:-1]))),
    "dropped reading": (TRANSIT, replace(transit(), readings=replace(LEG, readings=READINGS[:30] + READINGS[31:]))),
    "readings of another therapy": (
        TRANSIT,
        replace(transit(), readings=signed_leg(READINGS, therapy=UUID(int=THERAPY.int ^ 1))),
    ),
}


@pytest.mark.parametrize("name", AT_THE_LIMIT)
def test_circuit_accepts_what_the_rules_allow(
    name: str, calculator: WitnessCalculator, constraints: ConstraintSystem
) -> None:
    spec, witness = AT_THE_LIMIT[name]
    assert violations(spec, witness) == []
    assert constraints.broken(calculator.calculate(circuit_inputs(spec, witness, SMALL))) == []


@pytest.mark.parametrize("name", BROKEN_RULES)
def test_circuit_and_rules_refuse(
    name: str,
    calculator: WitnessCalculator,
    stubborn_calculator: WitnessCalculator,
    constraints: ConstraintSystem,
) -> None:
    spec, witness = BROKEN_RULES[name]
    inputs = circuit_inputs(spec, witness, SMALL)
    assert violations(spec, witness)
    assert 1 <= len(constraints.broken(stubborn_calculator.calculate(inputs))) <= 100
    with pytest.raises(FalseStatement):
        calculator.calculate(inputs)


def put(name: str, value: int, index: int | None = None) -> Callable[[CircuitInputs], None]:
    """Overwrite one input, or one place of it."""

    def change(inputs: CircuitInputs) -> None:
        if index is None:
            inputs[name] = value % FIELD
        else:
            row = inputs[name]
            assert isinstance(row, list)
            row[index] = value % FIELD

    return change


def both(*changes: Callable[[CircuitInputs], None]) -> Callable[[CircuitInputs], None]:
    def change(inputs: CircuitInputs) -> None:
        for one in changes:
            one(inputs)

    return change


def add(name: str, amount: int, index: int | None = None) -> Callable[[CircuitInputs], None]:
    def change(inputs: CircuitInputs) -> None:
        value = inputs[name]
        number = value[index] if isinstance(value, list) and index is not None else value
        assert isinstance(number, int)
        put(name, number + amount, index)(inputs)

    return change


def respecified(spec: SegmentSpec) -> Callable[[CircuitInputs], None]:
    """Wider limits under the public hash of the narrower ones."""

    def change(inputs: CircuitInputs) -> None:
        inputs["spec"] = spec.vector()

    return change


def with_rules(place: int, change: Callable[[StepSpec], StepSpec]) -> Callable[[CircuitInputs], None]:
    steps = list(TRANSIT.steps)
    steps[place] = change(steps[place])
    return respecified(replace(TRANSIT, steps=tuple(steps)))


RULES_OF = {step.code: 15 + 2 * place + 1 for place, step in enumerate(TRANSIT.steps)}

TAMPERED: dict[str, Callable[[CircuitInputs], None]] = {
    "another therapy": add("therapy", 1),
    "another specification hash": add("specHash", 1),
    "another readings root": add("readingsRoot", 1),
    "another steps root": add("stepsRoot", 1),
    "another release root": add("releaseRoot", 1),
    "another device registry": add("deviceRegistry", 1),
    "no readings root": put("readingsRoot", 0),
    "no device registry": put("deviceRegistry", 0),
    "wider test limits under the same hash": respecified(
        replace(TRANSIT, tests=(TestSpec("viability", 0, 10_000), *TRANSIT.tests[1:]))
    ),
    "larger budget under the same hash": respecified(with_leg(budget=901)),
    "wider hard limit under the same hash": respecified(with_leg(hard_hi=1401)),
    "second person spared under the same hash": with_rules(0, lambda step: replace(step, two_people=False)),
    "step made optional under the same hash": with_rules(1, lambda step: replace(step, optional=True)),
    "predecessor taken away under the same hash": with_rules(7, lambda step: replace(step, after=(5,))),
    "longer span under the same hash": respecified(replace(TRANSIT, span=SpanSpec(0, 7, 73 * 3600))),
    "rules of a step past the field": add("spec", 1 << 82, RULES_OF["pack"]),
    "predecessor that stands later": add("spec", 8 << 64, RULES_OF["pack"]),
    "readings declared not required": put("spec", 0, 0),
    "readings required twice over": put("spec", 2, 0),
    "band turned round": both(put("spec", 30_800, 1), put("spec", 30_200, 2)),
    "hidden excursion": add("temperature", 1, 9),
    "temperature made harmless": add("temperature", -1, 9),
    "hidden tilt": add("tilt", 1, 9),
    "hidden shock": add("shock", -1, 9),
    "tilt passed off as shock": both(add("tilt", 256, 9), add("shock", -1, 9)),
    "moved in time": both(add("gap", 1, 9), add("gap", -1, 10)),
    "log cut short by a block": put("blockActive", 0, 0),
    "block half there": put("blockActive", 2, 0),
    "one reading fewer": add("readingsCount", -1),
    "more readings than the block holds": put("readingsCount", 76),
    "number of readings wrapped round": put("readingsCount", -1),
    "time before the first reading": put("gap", 1, 0),
    "temperature below zero of the field": put("temperature", -1, 9),
    "tilt below zero of the field": put("tilt", -1, 9),
    "shock past its bits": put("shock", 256, 9),
    "gap backwards by wrapping round": put("gap", -5, 9),
    "log from before 1970": put("readingsStart", -1),
    "log from after 2106": put("readingsStart", 2**32),
    "side of the band in halves": put("tooWarm", 2),
    "less time outside than there was": add("outsideHalves", -1),
    "time outside wrapped round": put("outsideHalves", -2),
    "shipment brought nearer to the log": add("head", -1),
    "silence before the log wrapped round": put("head", -600),
    "silence after the log too long": put("tail", 601),
    "receipt brought nearer to the log": put("tail", -1),
    "step begins before 1970": put("stepStart", -1, 0),
    "segment begins before 1970": put("begin", -1),
    "segment begins after 2106": put("begin", 2**32),
    "segment begins after its first step": add("begin", 1),
    "step ends after 2106": put("stepEnd", 2**40, 4),
    "step of negative length": add("stepEnd", -7200, 1),
    "step left out": put("stepActive", 0, 4),
    "optional step that nobody did": put("stepActive", 1, 6),
    "step too many": put("stepActive", 1, 9),
    "step half there": put("stepActive", FIELD - 1, 2),
    "time passes in a step left out": add("stepEnd", 5, 6),
    "time passes before a step left out": both(add("stepStart", 5, 6), add("stepEnd", 5, 6)),
    "step left out ends early": both(add("stepStart", -2000, 6), add("stepEnd", -2000, 6)),
    "other document": add("stepDocument", 1, 0),
    "other salt": add("stepSalt", 1, 0),
    "other performer": add("stepPerformer", 1, 0),
    "other verifier": add("stepVerifier", 1, 0),
    "performer exchanged with verifier": both(
        put("stepPerformer", PHYSICIAN.int, 0), put("stepVerifier", NURSE.int, 0)
    ),
    "times of two steps exchanged": both(put("stepStart", NOON + 6000, 1), put("stepStart", NOON + 4000, 2)),
    "test left out": put("testActive", 0, 2),
    "test too many": put("testActive", 1, 3),
    "result wrapped round below zero": put("testValue", -1, 0),
    "result past every limit": put("testValue", 2**48, 2),
    "signature with the order added": add("signatureS", SUBGROUP_ORDER),
    "signature off by one": add("signatureS", 1),
    "nonce off the curve": add("signatureX", 1),
    "nonce at the origin": both(put("signatureX", 0), put("signatureY", 0)),
    "key off the curve": add("deviceY", 1),
    "key of order one": both(put("deviceX", 0), put("deviceY", 1)),
    "key of another device": both(put("deviceX", OTHER_DEVICE.public.x), put("deviceY", OTHER_DEVICE.public.y)),
    "key is the base point": both(put("deviceX", BASE[0]), put("deviceY", BASE[1])),
    "path turned the other way": put("registrySide", 1, 0),
    "path half left, half right": put("registrySide", 2, 1),
    "path through another sibling": add("registrySibling", 1, 3),
    "other salt of the log": add("readingsSalt", 1),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_circuit_refuses_tampered_inputs(
    name: str, stubborn_calculator: WitnessCalculator, constraints: ConstraintSystem
) -> None:
    inputs = circuit_inputs(TRANSIT, transit(), SMALL)
    TAMPERED[name](inputs)
    assert 1 <= len(constraints.broken(stubborn_calculator.calculate(inputs))) <= 100


UNASKED: dict[str, Callable[[CircuitInputs], None]] = {
    "readings root where none belongs": put("readingsRoot", 1),
    "device registry where none belongs": put("deviceRegistry", 1),
    "a reading where none belongs": put("blockActive", 1, 0),
    "a number of readings where none belongs": put("readingsCount", 1),
    "time outside where nothing is measured": put("outsideHalves", 1),
    "a silence where nothing is measured": put("head", 1),
    "a step where none belongs": put("stepActive", 1, 3),
    "a release test where none belongs": put("testActive", 1, 0),
    "a key off the curve where none is used": put("deviceX", 1),
}


@pytest.mark.parametrize("name", UNASKED)
def test_switched_off_parts_take_nothing_but_nothing(
    name: str, stubborn_calculator: WitnessCalculator, constraints: ConstraintSystem
) -> None:
    inputs = circuit_inputs(COLLECTION, collection(), SMALL)
    UNASKED[name](inputs)
    assert 1 <= len(constraints.broken(stubborn_calculator.calculate(inputs))) <= 100


@pytest.mark.parametrize("bits", [6, 7, 11, 13])
def test_band_weights_reach_every_value_of_every_band(bits: int) -> None:
    """The circuit's halving rule, for each width below 2^bits: subset sums are all of 0 to the width."""
    for width in range(2**bits):
        left, reached = width, 1
        for i in range(bits):
            weight = left if i == bits - 1 else (left + 1) // 2
            left -= weight
            reached |= reached << weight
        assert reached == (1 << (width + 1)) - 1


def test_relaxed_specification_has_another_public_hash() -> None:
    wider = replace(TRANSIT, tests=(TestSpec("viability", 0, 10_000), *TRANSIT.tests[1:]))
    assert spec_hash(wider) != spec_hash(TRANSIT)


def test_no_wire_of_the_circuit_is_left_free(calculator: WitnessCalculator, constraints: ConstraintSystem) -> None:
    """Changing one wire alone always breaks a constraint, save where its value decides nothing: which of two
    predecessors ended later when both ended at once (`later`, mostly one predecessor named twice), the inverse where
    nobody had to verify, two `IsZero` of circomlib whose input is zero, and the side of the band without a log."""
    places, joined, paired = 24, 1, 2
    free = constraints.free_wires(calculator.calculate(circuit_inputs(TRANSIT, transit(), SMALL)))
    assert len(free) == (places - joined) + (places - paired) + 2
    free = constraints.free_wires(calculator.calculate(circuit_inputs(COLLECTION, collection(), SMALL)))
    assert len(free) == places + places + 1


@pytest.mark.parametrize("name", ["outside for a second more than the budget", "same person twice", "logger of nobody"])
def test_forged_proof_of_a_broken_rule_does_not_verify(name: str, forge: Forge, small_key: KeyFiles) -> None:
    key = small_key.verification_key
    spec, witness = BROKEN_RULES[name]
    proof = forge(circuit_inputs(spec, witness, SMALL))
    for verify in (verify_proof, verify_quickly):
        with pytest.raises(VerificationError, match="does not hold"):
            verify(key, public_inputs_of(spec, witness), proof)


@pytest.mark.parametrize(
    "name", ["hidden excursion", "step left out", "less time outside than there was", "signature with the order added"]
)
def test_forged_proof_from_tampered_inputs_does_not_verify(name: str, forge: Forge, small_key: KeyFiles) -> None:
    key = small_key.verification_key
    inputs = circuit_inputs(TRANSIT, transit(), SMALL)
    TAMPERED[name](inputs)
    with pytest.raises(VerificationError, match="does not hold"):
        verify_proof(key, public_inputs_of(TRANSIT, transit()), forge(inputs))


def test_calculator_refuses_unknown_missing_and_misshapen_inputs(calculator: WitnessCalculator) -> None:
    inputs = circuit_inputs(TRANSIT, transit(), SMALL)
    without = {name: value for name, value in inputs.items() if name != "therapy"}
    for wrong in ({**inputs, "colour": 1}, without, {**inputs, "gap": [1] * 74}, {**inputs, "therapy": FIELD}):
        with pytest.raises(ValueError):
            calculator.calculate(wrong)
