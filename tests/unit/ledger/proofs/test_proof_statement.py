"""Public inputs: recomputable from records alone, and changed by every change of what happened."""

import json
from dataclasses import replace
from uuid import UUID

import pytest

from ledger.proofs.circuit import LONG, SMALL, STANDARD, CapacityClass, TooManyReadings, capacity_class, circuit_inputs
from ledger.proofs.registry import registry_root
from ledger.proofs.specification import (
    NO_LIMIT,
    ReadingsSpec,
    SegmentSpec,
    StepSpec,
    TestSpec,
    UnprovableSpec,
)
from ledger.proofs.statement import (
    NotEncodable,
    Reading,
    public_inputs,
    public_inputs_of,
    readings_root,
    release_root,
    spec_hash,
    step_leaf,
    steps_root,
    test_leaf,
)
from tests.unit.ledger.proofs.proof_samples import (
    COLLECTION,
    NOON,
    REGISTRY,
    THERAPY,
    TRANSIT,
    collection,
    log,
    salt,
    transit,
    with_step,
    with_test,
)

DEVICE = REGISTRY[2]
assert DEVICE is not None


def test_public_inputs_follow_from_the_leaves_on_record() -> None:
    witness = transit()
    assert witness.readings is not None
    from_records = public_inputs(
        TRANSIT,
        therapy=THERAPY,
        step_leaves=[step_leaf(THERAPY, s) for s in witness.steps],
        test_leaves=[test_leaf(THERAPY, t) for t in witness.tests],
        readings_root=readings_root(THERAPY, witness.readings.readings, salt=salt("readings"), device=DEVICE),
        device_registry=registry_root(REGISTRY),
    )
    assert from_records == public_inputs_of(TRANSIT, witness)


def test_segment_without_readings_has_zeros_in_their_place() -> None:
    public = public_inputs_of(COLLECTION, collection())
    assert (public.readings_root, public.device_registry) == (0, 0)
    assert public.release_root == release_root([])


@pytest.mark.parametrize("missing", ["step_leaves", "test_leaves", "readings_root", "device_registry"])
def test_records_that_do_not_fit_the_specification_are_refused(missing: str) -> None:
    known = {"step_leaves": [1] * 5, "test_leaves": [1] * 3, "readings_root": 1, "device_registry": 1}
    known[missing] = [1] if missing.endswith("leaves") else None
    with pytest.raises(ValueError):
        public_inputs(TRANSIT, therapy=THERAPY, **known)  # type: ignore[arg-type]


def test_every_part_of_a_step_and_a_test_is_bound_by_its_leaf() -> None:
    step, test = transit().steps[1], transit().tests[0]
    changes = {"code": "other", "start": 1, "end": 1, "document": bytes(32), "salt": 1}
    leaves = {step_leaf(THERAPY, replace(step, **{name: value})) for name, value in changes.items()}
    leaves |= {step_leaf(THERAPY, step), step_leaf(UUID(int=1), step)}
    results = {test_leaf(THERAPY, replace(test, **change)) for change in ({"code": "b"}, {"value": 1}, {"salt": 1})}
    results |= {test_leaf(THERAPY, test), test_leaf(UUID(int=1), test)}
    assert len(leaves) == 7
    assert len(results) == 5


def test_roots_bind_order_and_number() -> None:
    assert len({steps_root(leaves) for leaves in ([1, 2], [2, 1], [1, 2, 0], [1], [])}) == 5
    assert steps_root([1]) != release_root([1])
    with pytest.raises(ValueError):
        steps_root([1] * 25)


def test_readings_root_binds_every_reading_salt_therapy_and_device() -> None:
    readings = log(80)
    roots = {readings_root(THERAPY, readings, salt=1, device=DEVICE)}
    for i, change in ((0, {"at": readings[0].at + 1}), (79, {"temperature": 201}), (40, {"tilt": 1})):
        changed = list(readings)
        changed[i] = changed[i]._replace(**change)
        roots.add(readings_root(THERAPY, changed, salt=1, device=DEVICE))
    roots.add(readings_root(THERAPY, readings[:-1], salt=1, device=DEVICE))
    roots.add(readings_root(THERAPY, readings, salt=2, device=DEVICE))
    roots.add(readings_root(UUID(int=1), readings, salt=1, device=DEVICE))
    assert REGISTRY[0] is not None
    roots.add(readings_root(THERAPY, readings, salt=1, device=REGISTRY[0]))
    assert len(roots) == 8


@pytest.mark.parametrize(
    "readings",
    [
        (),
        (Reading(NOON, 500, 0), Reading(NOON - 1, 500, 0)),
        (Reading(NOON, 500, 0), Reading(NOON + 70_000, 500, 0)),
        (Reading(NOON, -30_001, 0),),
        (Reading(NOON, 500, -1),),
    ],
)
def test_readings_that_no_logger_means_cannot_be_committed_to(readings: tuple[Reading, ...]) -> None:
    with pytest.raises(NotEncodable):
        readings_root(THERAPY, readings, salt=1, device=DEVICE)


def test_the_same_public_inputs_for_every_capacity_class() -> None:
    small, standard = (circuit_inputs(TRANSIT, transit(), size) for size in (SMALL, STANDARD))
    names = ("therapy", "specHash", "readingsRoot", "stepsRoot", "releaseRoot", "deviceRegistry")
    assert [small[name] for name in names] == [standard[name] for name in names]


def test_every_limit_changes_the_specification_hash() -> None:
    assert TRANSIT.readings is not None
    leg = TRANSIT.readings
    specs = [
        TRANSIT,
        COLLECTION,
        replace(TRANSIT, max_total=1),
        replace(TRANSIT, tests=TRANSIT.tests[:2]),
        replace(TRANSIT, steps=(*TRANSIT.steps[:4], StepSpec("acceptance", 3600, 7201))),
        replace(TRANSIT, steps=(*TRANSIT.steps[:4], StepSpec("acceptance", 3601, 7200))),
        replace(TRANSIT, tests=(TestSpec("viability", 8000, 9999), *TRANSIT.tests[1:])),
        replace(TRANSIT, tests=(TestSpec("viability", 7999, 10000), *TRANSIT.tests[1:])),
        replace(TRANSIT, readings=None),
        *(
            replace(TRANSIT, readings=replace(leg, **{name: getattr(leg, name) - 1}))
            for name in ("temperature_lo", "temperature_hi", "tilt_hi", "max_gap", "ship_step", "receive_step")
        ),
    ]
    assert len({spec_hash(spec) for spec in specs}) == len(specs)


def test_units_word_reasons_and_are_not_hashed() -> None:
    plain = replace(TRANSIT, tests=tuple(TestSpec(t.code, t.lo, t.hi) for t in TRANSIT.tests))
    assert spec_hash(plain) == spec_hash(TRANSIT)


def test_specification_survives_json() -> None:
    for spec in (TRANSIT, COLLECTION):
        assert SegmentSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec
    with pytest.raises(UnprovableSpec):
        SegmentSpec.from_json({"steps": [{"code": "a", "colour": 1}], "tests": [], "readings": None, "max_total": 1})


@pytest.mark.parametrize(
    "build",
    [
        lambda: SegmentSpec(steps=()),
        lambda: SegmentSpec(steps=(StepSpec("a"),) * 25),
        lambda: SegmentSpec(steps=(StepSpec("a"),), tests=(TestSpec("t", 0, 1),) * 13),
        lambda: StepSpec("A"),
        lambda: StepSpec("a", NO_LIMIT + 1),
        lambda: StepSpec("a", max_wait=-1),
        lambda: TestSpec("t", 2, 1),
        lambda: TestSpec("t", 0, 2**48),
        lambda: ReadingsSpec(800, 200, 60, 600, 0, 0),
        lambda: ReadingsSpec(-19_600, -19_600 + 8192, 60, 600, 0, 0),
        lambda: ReadingsSpec(200, 800, 181, 600, 0, 0),
        lambda: ReadingsSpec(200, 800, 60, 4097, 0, 0),
        lambda: ReadingsSpec(200, 800, 60, 0, 0, 0),
        lambda: SegmentSpec(steps=(StepSpec("a"),), readings=ReadingsSpec(200, 800, 60, 600, 0, 1)),
        lambda: SegmentSpec(steps=(StepSpec("a"), StepSpec("b")), readings=ReadingsSpec(200, 800, 60, 600, 1, 0)),
    ],
)
def test_specification_that_does_not_fit_the_circuit_is_refused_with_a_reason(build) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UnprovableSpec, match=r"can be proven|needs 1 to 30"):
        build()


def test_capacity_class_is_the_smallest_that_holds_the_readings() -> None:
    assert [capacity_class(n) for n in (0, 600, 601, 1950)] == [STANDARD, STANDARD, LONG, LONG]
    assert capacity_class(21_075).readings == 21_075
    with pytest.raises(TooManyReadings):
        capacity_class(21_076)
    with pytest.raises(TooManyReadings):
        circuit_inputs(TRANSIT, transit(76), SMALL)


def test_circuit_digest_differs_by_class() -> None:
    assert len({CapacityClass(blocks).digest() for blocks in (1, 8, 26)}) == 3


def test_witness_changes_show_in_the_public_inputs() -> None:
    base = public_inputs_of(TRANSIT, transit())
    assert public_inputs_of(TRANSIT, with_step(transit(), 0, end=NOON)).steps_root != base.steps_root
    assert public_inputs_of(TRANSIT, with_test(transit(), 0, 9151)).release_root != base.release_root
