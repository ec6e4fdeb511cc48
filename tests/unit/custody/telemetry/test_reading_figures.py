"""The figure of a leg: thinned without losing an excursion, and left open where nothing is known."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custody.protocols.document import Leg
from custody.telemetry import charts, rules
from custody.telemetry.charts import Mark
from custody.telemetry.reading import NewReading
from custody.telemetry.simulation import KINDS, readings_for

T0 = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
LEG = Leg(
    "return",
    "Frozen product",
    "maker",
    "centre",
    -19600,
    -15000,
    10,
    20,
    45,
    10,
    240,
    "Dry-vapour shipper",
    shock_max_g=25,
)
CHILLED = Leg("outbound", "Fresh cells", "centre", "maker", 200, 800, 60, 15, 60, 10, 72, "Box", shock_max_g=25)
GAP = timedelta(minutes=20)


def figure(readings, end, leg=LEG, marks=()):
    report = rules.evaluate(leg=leg, readings=readings, start=T0, end=end)
    return charts.figure(leg=leg, readings=readings, report=report, marks=marks, zone="Europe/Berlin")


def test_the_figure_says_band_limits_marks_and_findings():
    end = T0 + timedelta(hours=8)
    made = figure(readings_for(LEG, T0, end, 300, "excursion", 1), end, marks=[Mark(T0, "Sealed")])
    assert made["band"] == {"low": -196.0, "high": -150.0}
    assert [limit["label"] for limit in made["limits"]] == ["limit −196 °C", "limit −150 °C"]
    assert made["marks"] == [{"at": T0, "label": "Sealed"}]
    (excursion,) = made["excursions"]
    assert excursion["value"] > -150
    assert "min outside, −" in excursion["label"]
    assert (made["unit"], made["zone"], made["gaps"]) == ("°C", "Europe/Berlin", [])


def test_the_line_is_open_exactly_where_the_gap_is():
    end = T0 + timedelta(hours=8)
    made = figure(readings_for(LEG, T0, end, 300, "gap", 1), end)
    (gap,) = made["gaps"]
    holes = [at for at, value in made["points"] if value is None]
    assert len(holes) == 1
    assert gap["from"] < holes[0] < gap["to"]
    assert gap["label"].startswith("No readings, ")


def test_one_hot_reading_among_twenty_thousand_is_drawn():
    readings = [NewReading(n, T0 + timedelta(minutes=n), -18000, 0) for n in range(20_000)]
    readings[13_337] = NewReading(13_337, T0 + timedelta(minutes=13_337), -1000, 0)
    points = charts.thinned(readings, GAP)
    assert len(points) <= 1_500
    assert (readings[13_337].at, -10.0) in points
    assert None not in [value for _, value in points], "the line is whole where the readings are"


def test_few_readings_are_drawn_as_they_are():
    readings = readings_for(LEG, T0, T0 + timedelta(hours=4), 60)
    assert charts.thinned(readings, GAP) == [(r.at, r.temperature_c100 / 100) for r in readings]
    assert charts.thinned([], GAP) == []


series = st.lists(st.tuples(st.integers(1, 3_000), st.integers(-20_000, 3_000)), max_size=400)


@settings(max_examples=150, deadline=None)
@given(series, st.integers(30, 200))
def test_neither_extreme_is_lost_and_no_hole_is_drawn_over(steps, most):
    at, readings = T0, []
    for number, (seconds, c100) in enumerate(steps):
        at += timedelta(seconds=seconds)
        readings.append(NewReading(number, at, c100, 0))
    points = charts.thinned(readings, GAP, most=most)
    values = [value for _, value in points if value is not None]
    assert len(points) <= most
    assert [moment for moment, _ in points] == sorted(moment for moment, _ in points)
    if readings:
        temperatures = [reading.temperature_c100 / 100 for reading in readings]
        assert (min(values), max(values)) == (min(temperatures), max(temperatures))
    gaps = [(a.at, b.at) for a, b in itertools.pairwise(readings) if b.at - a.at > GAP]
    joined = [(a[0], b[0]) for a, b in itertools.pairwise(points) if a[1] is not None and b[1] is not None]
    assert not [1 for start, end in joined for a, b in gaps if start <= a and b <= end]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("leg", [LEG, CHILLED], ids=["frozen", "chilled"])
@pytest.mark.parametrize("seed", range(5))
def test_simulated_readings_break_exactly_what_they_are_to_break(kind, leg, seed):
    start, end = T0 + timedelta(microseconds=1), T0 + timedelta(hours=30, seconds=17)
    readings = readings_for(leg, start, end, 240, kind, seed)
    report = rules.evaluate(leg=leg, readings=readings, start=start, end=end)
    assert report.verdict == {"calm": "in_limits", "brief": "within_budget"}.get(kind, kind)
    assert bool(report.excursions) == (kind in {"excursion", "brief"})
    assert bool(report.gaps) == (kind == "gap")
    assert bool(report.tilts) == (kind == "tilt")
    assert all(reading.tilt_degrees <= leg.tilt_max_degrees for reading in readings) == (kind != "tilt")
    assert bool(report.shocks) == (kind == "shock")
    assert readings_for(leg, start, end, 240, kind, seed) == readings
    assert len({reading.seq for reading in readings}) == len(readings)


def test_a_later_end_adds_readings_and_changes_none():
    def until(hours):
        return readings_for(LEG, T0, T0 + timedelta(hours=hours), 300, "gap", 3, trouble_from=T0 + timedelta(hours=1))

    assert until(6)[: len(until(3))] == until(3)


def test_simulation_wants_a_kind_and_an_interval_that_exist():
    with pytest.raises(ValueError, match="kind is one of"):
        readings_for(LEG, T0, T0, 60, "earthquake")
    with pytest.raises(ValueError, match="interval"):
        readings_for(LEG, T0, T0, 0)
