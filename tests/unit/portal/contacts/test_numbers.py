"""How a telephone number is written and read."""

import pytest

from portal.contacts.rules import BadNumber, read_number, uri_of


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("+44 20 7946 0123", "+44 20 7946 0123"),
        ("  +44  20 7946\t0123 ", "+44 20 7946 0123"),
        ("+31330000311", "+31330000311"),
        ("+1 202 555 0143", "+1 202 555 0143"),
        ("+123456789012345", "+123456789012345"),
    ],
)
def test_a_number_with_its_countrys_code_is_read(given: str, read: str) -> None:
    assert read_number(given) == read
    assert uri_of(read_number(given)) == "tel:" + read.replace(" ", "")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("020 7946 0123", "country’s code first"),
        ("0044 20 7946 0123", r"Write \+ in place of the first 00: \+44"),
        ("+44 (0)20 7946 0123", "Write . and digits"),
        ("+0 20 7946 0123", "Write . and digits"),
        ("+44 20 7946 0123 ext 4", "Write . and digits"),
        ("the porter", "Write . and digits"),
        ("+44 20", "7 to 15 digits"),
        ("+44 20 7946 0123 0123 0", "this has 17"),
        ("+1 2 3 4 5 6 7 8 9 0 1 2 3 4 5", "Leave out some"),
        ("+44\u06600 7946 0123", "Write . and digits"),
    ],
)
def test_what_cannot_be_called_from_everywhere_is_refused_with_what_would_be_right(given: str, words: str) -> None:
    with pytest.raises(BadNumber, match=words):
        read_number(given)
