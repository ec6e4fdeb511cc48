"""The judgement of a leg: time outside, gaps, tilt; and what must never change it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custody.protocols.document import Leg
from custody.telemetry import rules
from custody.telemetry.reading import NewReading, celsius
from custody.telemetry.rules import Verdict

T0 = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
LEG = Leg(
    code="outbound",
    title="Fresh cells to the maker",
    origin="centre",
    destination="maker",
    low_c100=200,
    high_c100=800,
    budget_minutes=30,
    gap_max_minutes=15,
    tilt_max_degrees=45,
    tilt_max_minutes=10,
    hold_max_hours=72,
    container="Insulated box",
)
MINUTE = timedelta(minutes=1)


def reading(minute, c100=500, tilt=0, seq=None, **more):
    return NewReading(minute if seq is None else seq, T0 + minute * MINUTE, c100, tilt, **more)


def judge(*readings, minutes=60, leg=LEG):
    return rules.evaluate(leg=leg, readings=readings, start=T0, end=T0 + minutes * MINUTE)


def every(step, minutes, **more):
    return [reading(minute, **more) for minute in range(0, minutes + 1, step)]


def test_readings_inside_the_band_are_in_limits():
    report = judge(*every(5, 60))
    assert (report.verdict, report.count, report.findings) == (Verdict.IN_LIMITS, 13, ())
    assert (report.minimum, report.maximum, report.mean, report.minutes_outside) == (500, 500, 500, 0)
    assert rules.summary(report) == "In limits: 13 readings from 5 °C to 5 °C."


def test_the_limits_belong_to_the_band():
    assert judge(reading(0, 200), *every(5, 60)[1:-1], reading(60, 800)).verdict is Verdict.IN_LIMITS
    assert judge(reading(0, 199), *every(5, 60)[1:]).minutes_outside == 3  # 2.5 min, rounded up


def test_a_bad_reading_answers_half_way_to_its_neighbours():
    readings = every(10, 60)
    readings[3] = reading(30, 900)
    report = judge(*readings)
    (excursion,) = report.excursions
    assert (excursion.start, excursion.end) == (T0 + 25 * MINUTE, T0 + 35 * MINUTE)
    assert (excursion.minutes, excursion.peak_c100, excursion.peak_at) == (10, 900, T0 + 30 * MINUTE)
    assert excursion.finding == "10 min outside 2 °C to 8 °C, up to 9 °C"
    assert report.verdict is Verdict.WITHIN_BUDGET


def test_short_excursions_add_up_beyond_the_budget():
    readings = every(5, 100)
    for place in (2, 6, 7, 10, 13, 16, 18):
        readings[place] = reading(place * 5, 150)
    report = judge(*readings, minutes=100)
    assert len(report.excursions) == 6
    assert report.minutes_outside == 35
    assert report.verdict is Verdict.EXCURSION
    assert report.findings[0] == "35 min outside 2 °C to 8 °C, 30 allowed"
    assert report.budget_sentence == "35 min outside, 30 allowed"


def test_the_budget_itself_is_allowed_and_a_second_more_is_not():
    readings = [reading(0), reading(15, 900), reading(30, 900), reading(45), reading(60)]
    assert judge(*readings).seconds_outside == 30 * 60
    assert judge(*readings).verdict is Verdict.WITHIN_BUDGET
    later = NewReading(45, T0 + 45 * MINUTE + timedelta(seconds=1), 500, 0)
    over = judge(*readings[:3], later, reading(60))
    assert over.seconds_outside == 30 * 60 + 1
    assert over.is_over_budget
    assert over.minutes_outside == 31, "what is over a limit never reads as if it were not"


def test_silence_after_a_bad_reading_counts_as_bad():
    report = judge(*every(5, 20), reading(25, 900), minutes=120)
    assert report.seconds_outside == 97 * 60 + 30
    assert report.verdict is Verdict.EXCURSION
    assert report.gaps[0].finding == "No reading for the last 95 min, 15 allowed"


def test_gaps_at_the_start_in_the_middle_and_at_the_end_are_found():
    report = judge(reading(20), reading(36), reading(40), minutes=60)
    assert [gap.minutes for gap in report.gaps] == [20, 16, 20]
    assert [gap.finding for gap in report.gaps] == [
        "No reading for 20 min after packing, 15 allowed",
        "No reading for 16 min, 15 allowed",
        "No reading for the last 20 min, 15 allowed",
    ]
    assert report.verdict is Verdict.GAP


def test_an_interval_as_long_as_allowed_is_no_gap():
    assert judge(reading(15), reading(30), reading(45)).gaps == ()


def test_no_reading_at_all_is_never_fine():
    report = judge()
    assert (report.verdict, report.count, report.minimum, report.mean) == (Verdict.NO_READINGS, 0, None, None)
    assert report.findings == ("No reading between packing and receipt, 15 allowed",)


def test_tilt_counts_only_when_it_lasts():
    short = every(5, 60)
    short[4] = reading(20, tilt=90)
    assert judge(*short).tilts == ()
    long = list(short)
    long[5], long[6] = reading(25, tilt=80), reading(30, tilt=46)
    (tilt,) = judge(*long).tilts
    assert (tilt.minutes, tilt.peak_degrees) == (15, 90)
    assert tilt.finding == "Tilted over 45° for 15 min, 10 allowed; up to 90°"
    assert judge(*long).verdict is Verdict.TILT


STRICT = replace(LEG, hard_low_c100=0, hard_high_c100=1400, shock_max_g=25)


def test_a_reading_past_a_hard_limit_is_an_excursion_however_short():
    for c100, words in ((1401, "up to 14.01 °C; 14 °C is the limit"), (-1, "down to −0.01 °C; 0 °C is the limit")):
        readings = every(1, 60, shock_g=0)
        readings[30] = reading(30, c100, shock_g=0)
        report = judge(*readings, leg=STRICT)
        assert (report.verdict, report.is_over_budget, report.is_excursion) == (Verdict.EXCURSION, False, True)
        assert words in report.findings[0]
    readings[30] = reading(30, 1400, shock_g=0)
    assert judge(*readings, leg=STRICT).verdict is Verdict.WITHIN_BUDGET


def test_a_shock_beyond_the_limit_is_found_and_silence_about_shocks_too():
    readings = every(5, 60, shock_g=25)
    assert judge(*readings, leg=STRICT).verdict is Verdict.IN_LIMITS
    readings[4] = reading(20, shock_g=26)
    report = judge(*readings, leg=STRICT)
    assert (report.verdict, report.findings) == (Verdict.SHOCK, ("A shock of 26 g, 25 g allowed",))
    readings[4] = reading(20)
    assert judge(*readings, leg=STRICT).findings == ("The logger measures no shock, 25 g allowed",)
    assert judge(*readings).verdict is Verdict.IN_LIMITS


def test_readings_outside_the_journey_are_not_judged():
    report = judge(reading(-5, 3000), *every(5, 60), reading(65, 3000))
    assert (report.count, report.verdict) == (13, Verdict.IN_LIMITS)


def test_a_clock_that_runs_ahead_is_said():
    fast = reading(30, received_at=T0 + 20 * MINUTE)
    report = judge(*(r for r in every(5, 60) if r.seq != 30), fast)
    assert report.ahead_of_clock == 1
    assert "the logger's clock is wrong" in report.findings[0]


def test_of_two_readings_of_one_second_the_worse_stands():
    report = judge(*every(5, 60), NewReading(999, T0 + 30 * MINUTE, 900, 0))
    assert (report.count, report.maximum) == (13, 900)


@pytest.mark.parametrize(
    ("c100", "words"), [(-15025, "−150.25 °C"), (800, "8 °C"), (-50, "−0.5 °C"), (0, "0 °C"), (412, "4.12 °C")]
)
def test_a_temperature_is_written_exactly(c100, words):
    assert celsius(c100) == words


seconds = st.integers(min_value=-600, max_value=7_800)
anything = st.builds(
    lambda second, c100, tilt: NewReading(second + 600, T0 + timedelta(seconds=second), c100, tilt),
    seconds,
    st.integers(min_value=-500, max_value=1_500),
    st.integers(min_value=0, max_value=180),
)
inside = st.builds(
    lambda second, c100: NewReading(10_000 + second, T0 + timedelta(seconds=second), c100, 0),
    seconds,
    st.integers(min_value=LEG.low_c100, max_value=LEG.high_c100),
)
outside = st.builds(
    lambda second, c100: NewReading(20_000 + second, T0 + timedelta(seconds=second), c100, 0),
    seconds,
    st.sampled_from([LEG.low_c100 - 1, LEG.high_c100 + 1, -19_000, 4_000]),
)
several = st.lists(anything, max_size=25)


@settings(max_examples=300, deadline=None)
@given(several, inside)
def test_a_reading_inside_the_band_never_adds_time_outside(readings, one):
    assert judge(*readings, one, minutes=120).seconds_outside <= judge(*readings, minutes=120).seconds_outside


@settings(max_examples=300, deadline=None)
@given(several, outside)
def test_a_reading_outside_the_band_never_takes_time_outside_away(readings, one):
    assert judge(*readings, one, minutes=120).seconds_outside >= judge(*readings, minutes=120).seconds_outside


@settings(max_examples=200, deadline=None)
@given(several, st.randoms(use_true_random=False))
def test_neither_order_of_arrival_nor_repetition_changes_the_report(readings, chance):
    shuffled = readings + readings[: len(readings) // 2]
    chance.shuffle(shuffled)
    assert judge(*shuffled, minutes=120) == judge(*readings, minutes=120)


@settings(max_examples=200, deadline=None)
@given(several)
def test_the_parts_add_up(readings):
    report = judge(*readings, minutes=120)
    total = sum((excursion.end - excursion.start).total_seconds() for excursion in report.excursions)
    assert total <= report.seconds_outside < total + 1
    assert report.seconds_outside <= 120 * 60
    assert (report.verdict is Verdict.EXCURSION) == report.is_over_budget
    assert all(
        earlier.end <= later.start for earlier, later in zip(report.excursions, report.excursions[1:], strict=False)
    )


@settings(max_examples=200, deadline=None)
@given(several, anything)
def test_a_further_reading_never_makes_silence_longer(readings, one):
    def silence(*known):
        return max((gap.end - gap.start for gap in judge(*known, minutes=120).gaps), default=timedelta(0))

    assert silence(*readings, one) <= silence(*readings)
