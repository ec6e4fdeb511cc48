"""Logger files as they come: a corpus of awkward ones, and what is said of those that cannot be taken."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custody.telemetry import logger_files
from custody.telemetry.problems import BadReadings, TooLarge

BERLIN = ZoneInfo("Europe/Berlin")
AT = datetime(2026, 11, 22, 13, 5, tzinfo=UTC)

PLAIN = "seq,time,temperature_c,tilt\n1,2026-11-22T13:05:00Z,4.12,3\n2,2026-11-22T13:10:00Z,-4.5,0\n"

TAKEN = {
    "plain": (PLAIN, {}),
    "bom": ("\ufeff" + PLAIN, {}),
    "crlf and empty lines": (PLAIN.replace("\n", "\r\n\r\n"), {}),
    "old mac": (PLAIN.replace("\n", "\r"), {}),
    "quoted": ('"Seq","Time (UTC)","Temp. (°C)","Tilt (°)"\n"1","2026-11-22 13:05:00","4.12","3"\n', {}),
    "decimal comma": ("Nr;Datum;Uhrzeit;Temperatur °C;Neigung\n1;22.11.2026;14:05:00;4,12;3\n", {"zone": BERLIN}),
    "decimal comma in quotes": ('time,temp,angle\n2026-11-22 13:05:00,"4,12","3,0"\n', {}),
    "tab": ("Timestamp\tTemp\tAngle\n2026-11-22 13:05\t4.12\t3\n", {}),
    "bar": ("Date|Time|Temperature|Tilt\n2026/11/22|13:05|4.12|3\n", {}),
    "fahrenheit": ("date/time,Temperature (°F),tilt\n2026-11-22 13:05,39.416,3\n", {}),
    "fahrenheit in the cell": ("date/time,Temperature,tilt\n2026-11-22 13:05,39.416 °F,3°\n", {}),
    "kelvin": ("time,Temperature [K],tilt\n2026-11-22 13:05,277.27,3\n", {}),
    "american": ("Date,Time,Temp (C),Tilt\n11/22/2026,1:05:00 PM,4.12,3\n", {}),
    "british": ("Date,Time,Temp (C),Tilt\n22/11/2026,13:05:00,4.12,3\n", {}),
    "named month": ("Date,Time,Temp (C),Tilt\n22-Nov-2026,13:05,4.12,3\n", {}),
    "month first by name": ('time,Temp (C),Tilt\n"Nov 22, 2026 1:05 pm",4.12,3\n', {}),
    "german month": ("Zeit;Temp;Neigung\n22. Nov 26 13:05;4,12;3\n", {}),
    "offset in the heading": (
        '"#","Date Time, GMT+01:00","Temp, °C (S/N: 208)","Tilt"\n1,2026-11-22 14:05,4.12,3\n',
        {},
    ),
    "offset behind the time": ("time,temp,tilt\n2026-11-22 08:05:00-05:00,4.12,3\n", {"zone": BERLIN}),
    "epoch": ("timestamp,temp,tilt\n1795352700,4.12,3\n", {}),
    "epoch in milliseconds": ("timestamp,temp,tilt\n1795352700123,4.12,3\n", {}),
    "preamble": (
        "Logger report\nSerial,TL-208\nTemp range,2,8\nStart time,2026-11-22\n\nTime,Temperature,Max temp,Tilt\n"
        "2026-11-22 13:05:00.750,4.12,9.9,3\n",
        {},
    ),
    "spreadsheet hint": ("sep=;\ntime;temp;tilt\n2026-11-22 13:05;4,12;3\n", {}),
    "true minus and sign of a direction": ("time,temp,tilt\n2026-11-22 13:05,+4.12,−2.4\n", {}),
    "room beside product": ("time,temp,ambient temp,tilt\n2026-11-22 13:05,4.12,21.0,3\n", {}),
    "trailing delimiter": ("time,temp,tilt,\n2026-11-22 13:05,4.12,3,\n", {}),
}


@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_the_common_shapes_are_read_alike(name, encoding):
    text, options = TAKEN[name]
    if encoding == "cp1252" and not _fits(text, "cp1252"):
        pytest.skip("holds characters that Windows-1252 has not")
    raw = text.encode(encoding) if encoding != "utf-16" else text.removeprefix("\ufeff").encode("utf-16")
    first = logger_files.read(raw, **options).readings[0]
    assert (first.at, first.temperature_c100, first.tilt_degrees) == (AT, 412, 3)


def _fits(text, encoding):
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def read(text, **options):
    return logger_files.read(text.encode() if isinstance(text, str) else text, **options)


def faults(text, **options):
    with pytest.raises(BadReadings) as refusal:
        read(text, **options)
    return refusal.value


def test_the_logger_s_own_sequence_numbers_are_kept():
    assert [reading.seq for reading in read(PLAIN).readings] == [1, 2]


def test_without_sequence_numbers_the_second_names_the_reading():
    once = read("No.,time,temp,tilt\n1,2026-11-22 13:05,4,0\n2,2026-11-22 13:10,4,0\n")
    tail = read("No.,time,temp,tilt\n1,2026-11-22 13:10,4,0\n")
    assert once.readings[1] == tail.readings[0], "a file that begins later overlaps, it does not contradict"


def test_what_was_understood_is_told():
    file = read("sep=;\ntime (UTC+01:00);temp °F;tilt\n2026-11-22 13:05;39,4;3\n2026-11-22 13:06;;\n")
    assert (file.delimiter, file.unit, file.zone, file.without_value) == ("semicolon", "°F", "UTC+01:00", 1)
    assert file.headings == ("time (UTC+01:00)", "temp °F", "tilt")


def test_the_hour_that_comes_twice_is_told_apart_by_the_order():
    rows = "\n".join(f"2026-10-25 0{h}:{m:02d},4,0" for h, m in [(1, 50), (2, 20), (2, 50), (2, 20), (2, 50), (3, 0)])
    times = [reading.at for reading in read(f"time,temp,tilt\n{rows}\n", zone=BERLIN).readings]
    assert [f"{at:%H:%M}" for at in times] == ["23:50", "00:20", "00:50", "01:20", "01:50", "02:00"]


def test_an_hour_that_the_clocks_skipped_is_refused():
    refusal = faults("time,temp,tilt\n2026-03-29 02:30,4,0\n", zone=BERLIN)
    assert "skipped when the clocks went forward" in refusal.message


def test_a_date_that_can_be_read_two_ways_is_refused_unless_the_sender_says_which():
    text = "time,temp,tilt\n03/04/2026 10:00,4,0\n04/04/2026 10:00,4,0\n"
    assert "day and month could be either way round" in faults(text).message
    assert read(text, day_first=True).readings[0].at == datetime(2026, 4, 3, 10, tzinfo=UTC)
    assert read(text, day_first=False).readings[0].at == datetime(2026, 3, 4, 10, tzinfo=UTC)


def test_one_clear_date_settles_the_whole_file():
    text = "time,temp,tilt\n12/11/2026 10:00,4,0\n13/11/2026 10:00,4,0\n"
    assert read(text).readings[0].at == datetime(2026, 11, 12, 10, tzinfo=UTC)


def test_dates_of_both_kinds_in_one_file_are_refused():
    text = "time,temp,tilt\n13/11/2026 10:00,4,0\n11/14/2026 10:00,4,0\n"
    assert "some dates put the day first, some the month" in faults(text).message


def test_a_file_without_tilt_is_for_a_leg_without_a_limit_on_it():
    text = "time,temp\n2026-11-22 13:05,4.1\n"
    assert "add a column “tilt (°)”" in faults(text).message
    assert read(text, tilt_required=False).readings[0].tilt_degrees == 0


def test_every_fault_is_listed_with_its_line_column_and_remedy():
    text = (
        "time,temp,tilt\n"
        "2026-11-22 13:05,4.1,0\n"
        "2026-11-22 25:05,4.1,0\n"
        "2026-11-22 13:15,warm,200\n"
        "\n"
        "2026-11-22 13:25,4,1,0\n"
        '2026-11-22 13:30,"=HYPERLINK(""http://x"")",0\n'
        "2026-11-22 13:05,4.2,0\n"
    )
    assert [str(problem) for problem in faults(text).problems] == [
        "Line 3, “time”: found “2026-11-22 25:05”; there is no such date or time; "
        "write a time such as 2026-11-22 13:05:00",
        "Line 4, “temp”: found “warm”; write a number such as -150.25",
        "Line 4, “tilt”: found “200”; a tilt lies between 0 and 180 degrees",
        "Line 6: found “4 cells”; a line has 3 cells; with decimal commas use ;",
        'Line 7, “temp”: found “=HYPERLINK("http://x")”; write a number such as -150.25',
        "Line 8, “time”: found “2026-11-22 13:05”; line 2 says something else for the same; a reading has one value",
    ]


def test_fifty_faults_are_shown_and_all_are_counted():
    refusal = faults("time,temp,tilt\n" + "2026-11-22 13:05,x,0\n" * 70)
    assert (len(refusal.problems), refusal.total) == (50, 70)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "an empty file"),
        (b"\xef\xbb\xbf \r\n", "an empty file"),
        (b"%PDF-1.7\n", "export the readings from the logger's program as CSV"),
        (b"PK\x03\x04xl/", "a spreadsheet or zip file"),
        (b"\x00\x01\x02", "bytes that are no text"),
        (b"time,temp\x00,tilt\n", "bytes that are no text"),
        (b"\xff\xfe\x00", "bytes that are no text"),
        (b"2026-11-22,4.1,0\n", "begin with a line of headings"),
        (b"time,tilt\n2026-11-22,0\n", "add a column “temperature (°C)”".encode().decode()),
        (b"temp,tilt\n4,0\n", "add a column “time” (or “timestamp”"),
        (b"time,Channel 1 temp,Channel 2 temp,tilt\n", "two columns can be the temperature"),
        (b"time,temp,tilt\n", "no readings below the headings"),
        (b'time,temp,tilt\n"2026-11-22 13:05,4,0\n' + b"x" * 200_000, "check the quotation marks"),
        (b"time,temp,tilt\n9999-11-22 13:05,4,0\n", "check the logger's clock"),
        (b"time,temp,tilt\n99999999999999999999,4,0\n", "write a time such as"),
        (b"time,temp,tilt\n2026-11-22 13:05,1e400,0\n", "write a number such as -150.25"),
    ],
)
def test_what_cannot_be_taken_says_what_would_be_right(raw, words):
    assert words in faults(raw).message


def test_a_file_that_is_too_long_is_refused_before_it_is_read():
    refusal = faults("time,temp,tilt\n" + "x" * 100, max_bytes=100)
    assert isinstance(refusal, TooLarge)
    assert "send at most 100 bytes" in refusal.message


CELLS = st.sampled_from(["time", "temp °C", "tilt", "2026-11-22 13:05", "4,1", "-150.2", "03/04/2026", "", '"', "=1+1"])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(CELLS | st.text(max_size=6), max_size=5), max_size=6), st.sampled_from(",;\t|"))
def test_nothing_but_a_refusal_comes_of_odd_files(rows, delimiter):
    raw = "\n".join(delimiter.join(row) for row in rows).encode("utf-8", "replace")
    problems = []
    try:
        assert logger_files.read(raw).readings
    except BadReadings as refusal:
        problems = refusal.problems
    assert all(str(problem).isprintable() for problem in problems)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80))
def test_nothing_but_a_refusal_comes_of_bytes_for_a_file(raw):
    with pytest.raises(BadReadings):
        logger_files.read(raw)


@pytest.mark.parametrize("heading", ["shock (g)", "Max shock", "Impact", "Beschleunigung"])
def test_a_column_of_shocks_is_taken_where_it_has_a_value(heading):
    text = f"time,temp,tilt,{heading}\n2026-11-22 13:05,4.12,3,2.5 g\n2026-11-22 13:10,4.12,3,\n"
    assert [reading.shock_g for reading in read(text).readings] == [3, None]


def test_a_limit_or_an_alarm_is_no_shock():
    text = "time,temp,tilt,shock limit\n2026-11-22 13:05,4.12,3,25\n"
    assert read(text).readings[0].shock_g is None
