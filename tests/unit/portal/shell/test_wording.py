"""What people read: local times, durations, identifiers, quantities."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.template import engines
from django.utils import timezone
from django_cotton.compiler_regex import CottonCompiler

from portal.templatetags import np_identifiers, np_numbers, np_signs, np_times
from portal.templatetags.needlepoint import register

NOW = datetime(2026, 11, 24, 13, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _vienna():
    with timezone.override(ZoneInfo("Europe/Vienna")):
        yield


def _rendered(source, **context):
    return engines["django"].from_string(CottonCompiler().process(source)).render(context)


@pytest.mark.parametrize(
    ("show", "words"),
    [
        ("full", "24 Nov 2026, 14:05 CET"),
        ("short", "24 Nov, 14:05 CET"),
        ("clock", "14:05"),
        ("zoned", "14:05 CET"),
        ("seconds", "14:05:00 CET"),
        ("date", "24 Nov 2026"),
        ("weekday", "Tue 24 Nov"),
        ("long", "Tuesday 24 November 2026"),
    ],
)
def test_a_moment_is_told_in_the_zone_of_the_site(show, words):
    assert np_times.local(NOW, show) == words


@pytest.mark.parametrize(
    ("zone", "words"),
    [("Asia/Dubai", "17:05 UTC+4"), ("Asia/Kolkata", "18:35 IST"), ("America/Sao_Paulo", "10:05 UTC−3")],
)
def test_a_zone_without_letters_is_told_by_its_distance(zone, words):
    with timezone.override(ZoneInfo(zone)):
        assert np_times.local(NOW, "zoned") == words


def test_a_time_carries_utc_in_title_and_datetime():
    tag = np_times.moment(NOW, "clock")

    assert 'datetime="2026-11-24T13:05:00Z"' in tag
    assert 'title="24 Nov 2026, 13:05 UTC"' in tag


def test_a_summer_time_keeps_its_own_abbreviation():
    assert np_times.local(datetime(2026, 7, 1, 12, 0, tzinfo=UTC), "zoned") == "14:00 CEST"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (2040, "34 min"), (3600, "1 h"), (6900, "1 h 55"), (183600, "2 d 3 h")],
)
def test_a_duration_has_two_units_at_most(seconds, words):
    assert np_times.duration(seconds) == np_times.duration(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(("minutes", "words"), [(25, "in 25 min"), (0, "now"), (-120, "2 h late")])
def test_a_due_time_says_whether_it_is_late(minutes, words):
    assert np_times.relative(NOW + timedelta(minutes=minutes), NOW) == words


def test_nothing_heard_is_never_told_as_a_time():
    assert np_times.ago(None) == "never"


def test_an_identifier_shows_the_last_four_in_bold():
    plain = np_identifiers.coi("X004226001873", False)
    assert plain == '<span class="np-coi">X0042\u202f26\u202f00<b>1873</b></span>'
    assert np_identifiers.coi("X004226001873") == plain.replace(
        "</b>", '</b><span class="chk" title="Check character">M</span>'
    )


@pytest.mark.parametrize(
    ("value", "character"), [("X004226001873", "M"), ("X0042 26 001916", "W"), ("x004226001798", "C")]
)
def test_the_check_character_is_that_of_iso_7064_mod_37_2(value, character):
    assert np_identifiers.coi_check(value) == character
    assert f'<span class="chk" title="Check character">{character}</span>' in np_identifiers.coi(value, True)


def test_differing_characters_are_underlined_and_nothing_else():
    shown = np_identifiers.coi_against("X004226001873", "X004226001837")

    assert shown == '<span class="np-coi">X0042\u202f26\u202f0018<u>73</u></span>'
    assert "<u>" not in np_identifiers.coi_against("X004226001873", "x0042 26 001873")


def test_an_identifier_of_another_shape_is_escaped_and_shown_whole():
    assert np_identifiers.coi("<b>") == '<span class="np-coi">&lt;b&gt;</span>'


def test_a_hash_is_shortened_but_whole_in_its_title():
    value = bytes(range(32))

    assert np_identifiers.short_hash(value) == "00010203…1d1e1f"
    assert f'title="{value.hex()}"' in np_identifiers.digest(value)


@pytest.mark.parametrize(
    ("value", "words"), [(1284, "1,284"), ("-178.6", "−178.6"), (0, "0"), (None, ""), ("", ""), ("n/a", "")]
)
def test_numbers_are_grouped_with_a_true_minus(value, words):
    assert np_numbers.grouped(value) == words


def test_centi_degrees_are_told_in_degrees():
    assert np_numbers.celsius(-17860) == "−178.6\u00a0°C"
    assert np_numbers.celsius(-4) == "0.0\u00a0°C"


@pytest.mark.parametrize(("part", "whole", "percent"), [(6, 60, 10), (70, 60, 100), (-1, 60, 0), (1, 0, 0)])
def test_a_share_stays_between_0_and_100(part, whole, percent):
    assert np_numbers.percent(part, whole) == percent


def test_a_thread_says_where_it_stands():
    stages = [{"name": "Order", "state": "done"}, {"name": "Collection", "state": "now"}, {"name": "Transit"}]

    assert np_signs.thread_position(stages) == "Step 2 of 3: Collection"
    assert np_signs.thread_position(stages[:1]) == "Done, 1 step"


def test_a_component_stands_in_a_sentence_without_a_gap():
    assert _rendered('until <c-time :at="at" show="clock" />, then', at=NOW).startswith("until <time ")
    assert "</time>, then" in _rendered('until <c-time :at="at" show="clock" />, then', at=NOW)


def test_what_a_person_wrote_is_escaped_in_every_slot():
    shown = _rendered('<c-status kind="{{ kind }}">{{ words }}</c-status>', kind='"><script>', words="<script>")

    assert "<script>" not in shown


def test_the_library_holds_what_the_reference_names():
    reference = (settings.BASE_DIR / "docs" / "reference" / "components.md").read_text()
    named = set(re.findall(r"\\\|([a-z_]+)", reference))

    assert named
    assert named <= set(register.filters)


def test_every_component_is_in_the_reference_and_on_the_sheet():
    folder = settings.BASE_DIR / "templates"
    components = {path.stem for path in (folder / "components").glob("*.html")}
    reference = (settings.BASE_DIR / "docs" / "reference" / "components.md").read_text()
    sheet = "".join(path.read_text() for path in folder.glob("**/*.html"))

    assert {name for name in components if f"c-{name}" not in reference and f"-{name}" not in reference} == set()
    assert {name for name in components if f"<c-{name}" not in sheet} == set()
