"""Reasons in words: what was found, the number, and its limit."""

from dataclasses import replace
from uuid import UUID

from ledger.proofs.registry import registry_path
from ledger.proofs.specification import SpanSpec
from ledger.proofs.statement import Reading, ReadingsWitness, SegmentWitness
from ledger.proofs.violations import violations
from tests.unit.ledger.proofs.proof_samples import (
    COLLECTION,
    NOON,
    NURSE,
    OTHER_DEVICE,
    REGISTRY,
    STRANGER,
    THERAPY,
    TRANSIT,
    collection,
    log,
    recounted,
    signed_leg,
    transit,
    with_reading,
    with_step,
    with_test,
)

ARRIVED = log(70)[-1].at


def leg(witness: SegmentWitness) -> ReadingsWitness:
    assert witness.readings is not None
    return witness.readings


def reasons(witness: SegmentWitness) -> list[str]:
    return [violation.reason for violation in violations(TRANSIT, witness)]


def rules(witness: SegmentWitness) -> list[str]:
    return [violation.rule for violation in violations(TRANSIT, witness)]


def test_compliant_segments_have_no_violation() -> None:
    assert violations(TRANSIT, transit()) == []
    assert violations(COLLECTION, collection()) == []


def test_slow_step_is_named_with_its_limit() -> None:
    witness = with_step(transit(), 1, end=NOON + 4000 + 3600 + 60)
    assert reasons(witness)[0] == "pack: took 1 h 1 min, 1 h allowed"
    assert violations(TRANSIT, witness)[0].value == 3660
    assert violations(TRANSIT, witness)[0].limit == 3600


def test_late_early_and_backward_steps_are_told_apart() -> None:
    assert reasons(with_step(transit(), 1, start=NOON + 3600 + 7201, end=NOON + 10801))[0] == (
        "pack: began 2 h 1 s after collection, 2 h allowed"
    )
    assert reasons(with_step(transit(), 1, start=NOON + 3300))[0] == "pack: began 5 min before collection ended"
    assert reasons(with_step(transit(), 0, end=NOON - 1)) == ["collection: ended 1 s before it began"]


def test_vein_to_vein_is_limited() -> None:
    spec = replace(TRANSIT, span=SpanSpec(0, 7, 3600))
    assert [v.reason for v in violations(spec, transit())] == ["from collection to closing: 8 h 25 min, 1 h allowed"]


def test_steps_in_parallel_wait_for_the_last_of_those_before_them() -> None:
    late = with_step(transit(), 5, start=NOON + 6000, end=ARRIVED + 3060)
    assert "closing: began 1 min before paperwork ended" in reasons(late)
    recount = recounted(transit(), ARRIVED + 2500, ARRIVED + 3060)
    assert reasons(recount) == ["closing: began 1 min before recount ended"]
    assert reasons(with_step(transit(), 6, start=ARRIVED + 1940)) == [
        "closing: took 27 min 40 s, 10 min allowed",
        "closing: began 1 min before acceptance ended",
    ]


def test_a_second_person_is_asked_for_and_has_to_be_another() -> None:
    assert reasons(with_step(transit(), 0, verifier=None)) == ["collection: nobody verified, a second person has to"]
    assert reasons(with_step(transit(), 0, verifier=NURSE)) == [
        "collection: verified by the person who performed it, somebody else has to"
    ]


def test_time_outside_is_summed_against_the_budget() -> None:
    readings = list(log(70))
    for i in (20, 21, 40, 41):
        readings[i] = readings[i]._replace(temperature=900)
    witness = replace(transit(), readings=signed_leg(readings))
    assert reasons(witness) == ["20 min outside 2.00 to 8.00 °C, 15 min allowed"]
    readings[41] = readings[41]._replace(temperature=100)
    assert reasons(replace(transit(), readings=signed_leg(readings)))[-1].startswith("both warmer and colder than")


def test_missing_unknown_and_swapped_steps_are_named() -> None:
    steps = transit().steps
    assert reasons(replace(transit(), steps=steps[:2] + steps[3:])) == ["no record of step pickup"]
    assert rules(replace(transit(), steps=(*steps[:6], steps[0], steps[6]))) == ["step.sequence"]
    assert rules(replace(transit(), steps=(*steps, replace(steps[0], code="detour")))) == ["step.unknown"]
    swapped = (steps[1], steps[0], *steps[2:])
    assert reasons(replace(transit(), steps=swapped)) == ["step 1 is pack, collection expected"]


def test_release_test_is_named_with_unit_and_limits() -> None:
    assert reasons(with_test(transit(), 0, 7999)) == ["viability: 79.99 %, 80.00 to 100.00 % allowed"]
    assert reasons(with_test(transit(), 1, 1)) == ["sterility: 1, 0 to 0 allowed"]
    assert reasons(with_test(transit(), 2, 150_000_000_001))[0].startswith("cell-count: 150,000,000,001 cells, ")


def test_an_excursion_is_one_reason_with_its_worst_reading() -> None:
    readings = list(log(70))
    for i, temperature in ((30, 1410), (31, 1540), (32, 1405), (50, 1401)):
        readings[i] = readings[i]._replace(temperature=temperature)
    witness = replace(transit(), readings=signed_leg(readings))
    assert reasons(witness) == [
        "15.40 °C on 21 Nov 2026, 16:15:00 UTC, 0.00 to 14.00 °C allowed (3 readings)",
        "14.01 °C on 21 Nov 2026, 17:50:00 UTC, 0.00 to 14.00 °C allowed (1 reading)",
        "20 min outside 2.00 to 8.00 °C, 15 min allowed",
    ]


def test_tilt_shock_and_silence_are_named() -> None:
    readings = log(70)
    shaken = with_reading(transit(), 7, readings[7]._replace(shock=26))
    assert reasons(shaken) == ["a shock of 26 g on 21 Nov 2026, 14:15:00 UTC, 25 g allowed (1 reading)"]
    tilted = with_reading(transit(), 7, readings[7]._replace(tilt=61))
    assert reasons(tilted) == ["tilted 61° on 21 Nov 2026, 14:15:00 UTC, 60° allowed (1 reading)"]
    silent = replace(transit(), readings=signed_leg(readings[:20] + readings[22:]))
    assert reasons(silent) == ["no reading for 15 min from 21 Nov 2026, 15:15:00 UTC, 10 min allowed"]


def test_log_must_span_shipment_to_receipt() -> None:
    late = replace(transit(), readings=signed_leg(log(70)[4:]))
    assert reasons(late) == ["the log begins 15 min after pickup ended, 10 min allowed"]
    early = replace(transit(), readings=signed_leg(log(67)))
    assert reasons(early) == ["the log ends 15 min before receipt ended, 10 min allowed"]


def test_missing_log_unasked_log_and_too_long_a_log() -> None:
    assert reasons(replace(transit(), readings=None)) == ["there is no temperature log for this leg"]
    unasked = violations(COLLECTION, replace(collection(), readings=transit().readings))
    assert [v.rule for v in unasked] == ["readings.unasked"]
    assert [v.rule for v in violations(TRANSIT, transit(70), capacity=69)] == ["readings.capacity"]


def test_a_reading_before_the_one_before_it_is_refused() -> None:
    readings = log(70)
    early = replace(
        leg(transit()), readings=(*readings[:5], readings[5]._replace(at=readings[4].at - 1), *readings[6:])
    )
    assert rules(replace(transit(), readings=early)) == ["readings.order", "readings.gap", "readings.range"]


def test_unregistered_device_and_foreign_signature() -> None:
    stranger = signed_leg(log(70), device=STRANGER)
    in_our_registry = replace(stranger, registry=registry_path(REGISTRY, OTHER_DEVICE.public))
    assert rules(replace(transit(), readings=in_our_registry)) == ["device.registered"]
    forged = replace(leg(transit()), signature=OTHER_DEVICE.sign(7))
    assert rules(replace(transit(), readings=forged)) == ["device.signature"]
    replayed = replace(transit(), readings=signed_leg(log(70), therapy=UUID(int=THERAPY.int + 1)))
    assert rules(replayed) == ["device.signature"]


def test_values_past_any_range_are_reasons_and_not_crashes() -> None:
    wild = replace(leg(transit()), readings=(*log(69), Reading(2**40, -40_000, 400)))
    assert {"readings.temperature", "readings.tilt", "readings.gap", "readings.range"} <= set(
        rules(replace(transit(), readings=wild))
    )
    assert rules(with_step(transit(), 0, start=-1))[0] == "step.time"
