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
from ledger.proofs.specification import SegmentSpec, StepSpec, TestSpec
from ledger.proofs.statement import Reading, SegmentWitness, public_inputs_of, readings_root, spec_hash
from ledger.proofs.verifier import VerificationError, verify_proof, verify_quickly
from ledger.proofs.violations import violations
from ledger.proofs.witness_calculator import FalseStatement, WitnessCalculator
from tests.unit.ledger.proofs.constraint_system import ConstraintSystem
from tests.unit.ledger.proofs.proof_samples import (
    COLLECTION,
    DEVICE,
    NOON,
    OTHER_DEVICE,
    REGISTRY,
    STRANGER,
    THERAPY,
    TRANSIT,
    collection,
    log,
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


AT_THE_LIMIT: dict[str, tuple[SegmentSpec, SegmentWitness]] = {
    "as it should be": (TRANSIT, transit()),
    "without readings and tests": (COLLECTION, collection()),
    "one step only": (SegmentSpec((StepSpec("order"),)), replace(collection(), steps=collection().steps[:1])),
    "full circuit": (TRANSIT, transit(75)),
    "lowest temperature": (TRANSIT, with_reading(transit(), 9, READINGS[9]._replace(temperature=200))),
    "highest temperature": (TRANSIT, with_reading(transit(), 9, READINGS[9]._replace(temperature=800))),
    "largest tilt": (TRANSIT, with_reading(transit(), 9, READINGS[9]._replace(tilt=60))),
    "longest gap": (TRANSIT, relogged(READINGS[:30] + READINGS[31:])),
    "readings a second apart": (TRANSIT, with_reading(transit(), 9, READINGS[9]._replace(at=READINGS[8].at + 1))),
    "log begins at the last moment": (TRANSIT, relogged(READINGS[2:])),
    "log ends at the last moment": (TRANSIT, relogged(READINGS[:-2])),
    "longest step": (TRANSIT, with_step(transit(), 2, end=NOON + 6900)),
    "step in no time": (TRANSIT, with_step(transit(), 2, end=NOON + 6000)),
    "longest wait": (TRANSIT, with_step(transit(), 4, start=ARRIVED + 7200, end=ARRIVED + 7200)),
    "no wait": (TRANSIT, with_step(transit(), 4, start=ARRIVED)),
    "lowest result": (TRANSIT, with_test(transit(), 0, 8000)),
    "highest result": (TRANSIT, with_test(transit(), 2, 150_000_000_000)),
    "longest total": (replace(TRANSIT, max_total=ARRIVED + 2000 - NOON), transit()),
}

BROKEN_RULES: dict[str, tuple[SegmentSpec, SegmentWitness]] = {
    "a hundredth of a degree too warm": (TRANSIT, with_reading(transit(), 9, READINGS[9]._replace(temperature=801))),
    "a hundredth of a degree too cold": (TRANSIT, with_reading(transit(), 69, READINGS[69]._replace(temperature=199))),
    "a degree of tilt too much": (TRANSIT, with_reading(transit(), 0, READINGS[0]._replace(tilt=61))),
    "a second of silence too much": (TRANSIT, relogged(shifted(READINGS[:30] + READINGS[31:], 30, 1))),
    "two readings in one second": (TRANSIT, with_reading(transit(), 9, READINGS[9]._replace(at=READINGS[8].at))),
    "log begins a second late": (TRANSIT, relogged([READINGS[2]._replace(at=NOON + 6601), *READINGS[3:]])),
    "log ends a second early": (TRANSIT, relogged([*READINGS[:-3], READINGS[-3]._replace(at=ARRIVED - 601)])),
    "one reading, no gaps": (TRANSIT, relogged(READINGS[:1])),
    "step a second too long": (TRANSIT, with_step(transit(), 2, end=NOON + 6901)),
    "step ends before it begins": (TRANSIT, with_step(transit(), 2, end=NOON + 5999)),
    "step a second too late": (TRANSIT, with_step(transit(), 4, start=ARRIVED + 7201, end=ARRIVED + 7201)),
    "step before its predecessor ended": (TRANSIT, with_step(transit(), 4, start=ARRIVED - 1)),
    "whole segment a second too long": (replace(TRANSIT, max_total=ARRIVED + 1999 - NOON), transit()),
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


def relax_specification(inputs: CircuitInputs) -> None:
    """Wider limits, with a hash to match: caught only because a verifier computes specHash from the protocol."""
    wider = replace(TRANSIT, tests=(TestSpec("viability", 0, 10_000), *TRANSIT.tests[1:]))
    inputs["spec"] = wider.vector()


TAMPERED: dict[str, Callable[[CircuitInputs], None]] = {
    "another therapy": add("therapy", 1),
    "another specification hash": add("specHash", 1),
    "another readings root": add("readingsRoot", 1),
    "another steps root": add("stepsRoot", 1),
    "another release root": add("releaseRoot", 1),
    "another device registry": add("deviceRegistry", 1),
    "no readings root": put("readingsRoot", 0),
    "no device registry": put("deviceRegistry", 0),
    "wider limits under the same hash": relax_specification,
    "readings declared not required": put("spec", 0, 0),
    "readings required twice over": put("spec", 2, 0),
    "band turned round": both(put("spec", 30_800, 1), put("spec", 30_200, 2)),
    "hidden excursion": add("temperature", 1, 9),
    "hidden tilt": add("tilt", 1, 9),
    "moved in time": both(add("gap", 1, 9), add("gap", -1, 10)),
    "reading left out of the middle": put("active", 0, 9),
    "log cut short": put("active", 0, 69),
    "padding taken for a reading": put("active", 1, 70),
    "reading half there": put("active", 2, 9),
    "first reading left out": put("active", 0, 0),
    "temperature below zero of the field": put("temperature", -1, 9),
    "gap backwards by wrapping round": put("gap", -5, 9),
    "log from before 1970": put("readingsStart", -1),
    "step begins before 1970": put("stepStart", -1, 0),
    "step ends after 2106": put("stepEnd", 2**32, 4),
    "step of negative length": add("stepEnd", -7200, 1),
    "step left out": put("stepActive", 0, 4),
    "step too many": put("stepActive", 1, 5),
    "step half there": put("stepActive", FIELD - 1, 2),
    "padding runs on after the last step": add("stepEnd", 5, 20),
    "other document": add("stepDocument", 1, 0),
    "other salt": add("stepSalt", 1, 0),
    "test left out": put("testActive", 0, 2),
    "test too many": put("testActive", 1, 3),
    "result wrapped round below zero": put("testValue", -1, 0),
    "result past every limit": put("testValue", 2**48, 2),
    "shipment dated to another step": both(put("shipAt", 0, 2), put("shipAt", 1, 3)),
    "no shipment": put("shipAt", 0, 2),
    "shipment twice": put("shipAt", 1, 0),
    "shipment in two halves": both(put("shipAt", -1, 2), put("shipAt", 2, 1)),
    "receipt dated to another step": both(put("receiveAt", 0, 3), put("receiveAt", 1, 2)),
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
    "a reading where none belongs": put("active", 1, 0),
    "a shipment where none belongs": put("shipAt", 1, 0),
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


@pytest.mark.parametrize("bits", [8, 12, 13])
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
    """Changing one wire alone always breaks a constraint, save in two `IsZero` of circomlib whose input is zero:
    the inverse there may be anything and decides nothing."""
    free = constraints.free_wires(calculator.calculate(circuit_inputs(TRANSIT, transit(), SMALL)))
    assert len(free) == 2
    assert constraints.free_wires(calculator.calculate(circuit_inputs(COLLECTION, collection(), SMALL))) == []


@pytest.mark.parametrize("name", ["a hundredth of a degree too warm", "result below its limit", "logger of nobody"])
def test_forged_proof_of_a_broken_rule_does_not_verify(name: str, forge: Forge, small_key: KeyFiles) -> None:
    key = small_key.verification_key
    spec, witness = BROKEN_RULES[name]
    proof = forge(circuit_inputs(spec, witness, SMALL))
    for verify in (verify_proof, verify_quickly):
        with pytest.raises(VerificationError, match="does not hold"):
            verify(key, public_inputs_of(spec, witness), proof)


@pytest.mark.parametrize("name", ["hidden excursion", "log cut short", "signature with the order added"])
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
