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
    SpanSpec,
    StepSpec,
    TestSpec,
    UnprovableSpec,
)
from ledger.proofs.statement import (
    NotEncodable,
    Reading,
    encode_readings,
    padded,
    placed,
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
    NURSE,
    PHYSICIAN,
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
        step_leaves=[step_leaf(THERAPY, s) if s else None for s in placed(TRANSIT, witness)],
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
    known = {"step_leaves": [1] * 8, "test_leaves": [1] * 3, "readings_root": 1, "device_registry": 1}
    known[missing] = [1] if missing.endswith("leaves") else None
    with pytest.raises(ValueError):
        public_inputs(TRANSIT, therapy=THERAPY, **known)  # type: ignore[arg-type]


def test_every_part_of_a_step_and_a_test_is_bound_by_its_leaf() -> None:
    step, test = transit().steps[1], transit().tests[0]
    changes = {"code": "other", "start": 1, "end": 1, "document": bytes(32), "salt": 1}
    changes |= {"performer": PHYSICIAN, "verifier": NURSE}
    leaves = {step_leaf(THERAPY, replace(step, **{name: value})) for name, value in changes.items()}
    leaves |= {step_leaf(THERAPY, step), step_leaf(UUID(int=1), step)}
    results = {test_leaf(THERAPY, replace(test, **change)) for change in ({"code": "b"}, {"value": 1}, {"salt": 1})}
    results |= {test_leaf(THERAPY, test), test_leaf(UUID(int=1), test)}
    assert len(leaves) == 9
    assert len(results) == 5


def test_roots_bind_order_and_number() -> None:
    assert len({steps_root(leaves) for leaves in ([1, 2], [2, 1], [None, 1, 2], [1, None, 2], [1], [])}) == 6
    assert len({release_root(leaves) for leaves in ([1, 2], [2, 1], [1, 2, 0], [1], [])}) == 5
    assert steps_root([1]) != release_root([1])
    with pytest.raises(ValueError):
        steps_root([1] * 25)


def test_readings_root_binds_every_reading_salt_therapy_and_device() -> None:
    readings = log(80)
    roots = {readings_root(THERAPY, readings, salt=1, device=DEVICE)}
    for i, change in (
        (0, {"at": readings[0].at + 1}),
        (79, {"temperature": 201}),
        (40, {"tilt": 1}),
        (41, {"shock": 2}),
    ):
        changed = list(readings)
        changed[i] = changed[i]._replace(**change)
        roots.add(readings_root(THERAPY, changed, salt=1, device=DEVICE))
    roots.add(readings_root(THERAPY, readings[:-1], salt=1, device=DEVICE))
    roots.add(readings_root(THERAPY, readings, salt=2, device=DEVICE))
    roots.add(readings_root(UUID(int=1), readings, salt=1, device=DEVICE))
    assert REGISTRY[0] is not None
    roots.add(readings_root(THERAPY, readings, salt=1, device=REGISTRY[0]))
    assert len(roots) == 9


@pytest.mark.parametrize(
    "readings",
    [
        (),
        (Reading(NOON, 500, 0), Reading(NOON - 1, 500, 0)),
        (Reading(NOON, 500, 0), Reading(NOON + 70_000, 500, 0)),
        (Reading(NOON, -30_001, 0),),
        (Reading(NOON, 500, -1),),
        (Reading(NOON, 500, 256),),
        (Reading(NOON, 500, 0, -1),),
        (Reading(NOON, 500, 0, 256),),
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
        replace(TRANSIT, span=None),
        replace(TRANSIT, span=SpanSpec(0, 7, 1)),
        replace(TRANSIT, span=SpanSpec(1, 7, 72 * 3600)),
        replace(TRANSIT, span=SpanSpec(0, 5, 72 * 3600)),
        replace(TRANSIT, tests=TRANSIT.tests[:2]),
        *(
            replace(TRANSIT, steps=(*TRANSIT.steps[:7], replace(TRANSIT.steps[7], **change)))
            for change in (
                {"code": "end"},
                {"max_duration": 601},
                {"max_wait": 7201},
                {"after": (5,)},
                {"after": (6,)},
                {"after": (4, 6)},
                {"after": ()},
                {"two_people": True},
            )
        ),
        replace(TRANSIT, steps=(*TRANSIT.steps, StepSpec("more", after=(7,), optional=True))),
        replace(TRANSIT, steps=(*TRANSIT.steps, StepSpec("more", after=(7,)))),
        replace(TRANSIT, tests=(TestSpec("viability", 8000, 9999), *TRANSIT.tests[1:])),
        replace(TRANSIT, tests=(TestSpec("viability", 7999, 10000), *TRANSIT.tests[1:])),
        replace(TRANSIT, readings=None),
        *(
            replace(TRANSIT, readings=replace(leg, **{name: getattr(leg, name) - 1}))
            for name in (
                "temperature_lo",
                "hard_lo",
                "hard_hi",
                "budget",
                "tilt_hi",
                "shock_hi",
                "max_gap",
                "ship_step",
            )
        ),
        *(
            replace(TRANSIT, readings=replace(leg, **{name: getattr(leg, name) + 1}))
            for name in ("temperature_hi", "receive_step")
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
        SegmentSpec.from_json({"steps": [{"code": "a", "colour": 1}], "tests": [], "readings": None, "span": None})


def leg_with(**limits: int) -> ReadingsSpec:
    assert TRANSIT.readings is not None
    return replace(TRANSIT.readings, **limits)


@pytest.mark.parametrize(
    "build",
    [
        lambda: SegmentSpec(steps=()),
        lambda: SegmentSpec(steps=tuple(StepSpec(f"a{i}") for i in range(25))),
        lambda: SegmentSpec(steps=(StepSpec("a"),), tests=tuple(TestSpec(f"t{i}", 0, 1) for i in range(13))),
        lambda: StepSpec("a", after=(0, 1, 2)),
        lambda: SegmentSpec(steps=(StepSpec("a", after=(0,)),)),
        lambda: SegmentSpec(steps=(StepSpec("a", after=(1,)), StepSpec("b"))),
        lambda: SegmentSpec(steps=(StepSpec("a"), StepSpec("b", after=(-1,)))),
        lambda: SegmentSpec(steps=(StepSpec("a"),), span=SpanSpec(0, 1, 5)),
        lambda: SpanSpec(0, 1, 2**32),
        lambda: StepSpec("A"),
        lambda: StepSpec("a", NO_LIMIT + 1),
        lambda: StepSpec("a", max_wait=-1),
        lambda: TestSpec("t", 2, 1),
        lambda: TestSpec("t", 0, 2**48),
        lambda: leg_with(temperature_lo=801),
        lambda: leg_with(temperature_hi=200 + 8192, hard_hi=200 + 8192),
        lambda: leg_with(hard_hi=1402),
        lambda: leg_with(hard_hi=799),
        lambda: leg_with(hard_lo=-402),
        lambda: leg_with(hard_lo=201),
        lambda: leg_with(budget=-1),
        lambda: leg_with(tilt_hi=128),
        lambda: leg_with(shock_hi=64),
        lambda: leg_with(max_gap=2048),
        lambda: leg_with(max_gap=0),
        lambda: replace(TRANSIT, readings=leg_with(receive_step=8)),
        lambda: replace(TRANSIT, readings=leg_with(receive_step=1)),
    ],
)
def test_specification_that_does_not_fit_the_circuit_is_refused_with_a_reason(build) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UnprovableSpec, match=r"can be proven|needs 1 to 30"):
        build()


@pytest.mark.parametrize(
    "build",
    [
        lambda: SegmentSpec(steps=(StepSpec("a"), StepSpec("a"))),
        lambda: SegmentSpec(steps=(StepSpec("a"), StepSpec("b", after=(0, 0)))),
        lambda: SegmentSpec(steps=(StepSpec("a", optional=1),)),  # type: ignore[arg-type]
        lambda: SegmentSpec(steps=(StepSpec("a", optional=True),), span=SpanSpec(0, 0, 5)),
        lambda: replace(TRANSIT, readings=leg_with(receive_step=6)),
    ],
)
def test_specification_that_would_say_nothing_definite_is_refused(build) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UnprovableSpec):
        build()


def test_a_step_left_out_is_named_as_such_and_no_other_step_can_be() -> None:
    known = {"therapy": THERAPY, "test_leaves": [1] * 3, "readings_root": 1, "device_registry": 1}
    leaves: list[int | None] = [1, 2, 3, 4, 5, 6, None, 8]
    assert public_inputs(TRANSIT, step_leaves=leaves, **known).steps_root == steps_root(leaves)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not optional"):
        public_inputs(TRANSIT, step_leaves=[None, *leaves[1:]], **known)  # type: ignore[arg-type]
    strange = replace(transit(), steps=(*transit().steps, replace(transit().steps[0], code="detour")))
    for witness in (strange, replace(transit(), steps=transit().steps * 2)):
        with pytest.raises(ValueError, match="not those of the specification"):
            public_inputs_of(TRANSIT, witness)


def test_the_last_block_is_filled_with_its_last_reading_and_no_time() -> None:
    rows = padded(encode_readings(log(77)))
    assert len(rows) == 150
    assert set(rows[77:]) == {(0, *rows[76][1:])}
    assert padded(encode_readings(log(75))) == encode_readings(log(75))


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
