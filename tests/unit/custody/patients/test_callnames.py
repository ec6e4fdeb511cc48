"""Call names: told apart by ear, unique at a site, never a person's name."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.patients.callnames import NAMES, CallNamesExhausted, choose

# Spelling that sounds alike, longest first: enough of English to compare two words by ear.
SOUNDS = [
    *[("phth", "t"), ("sch", "sk"), ("ght", "t"), ("ph", "f"), ("tch", "C"), ("ch", "C"), ("sh", "S"), ("th", "T")],
    *[("ck", "k"), ("wh", "w"), ("kn", "n"), ("wr", "r"), ("gn", "n"), ("qu", "kw"), ("x", "ks"), ("ce", "se")],
    *[("ci", "si"), ("cy", "sy"), ("c", "k"), ("z", "s"), ("dge", "j"), ("ge", "je"), ("gi", "ji"), ("y", "i")],
    *[("ou", "u"), ("oo", "u"), ("ea", "i"), ("ee", "i"), ("ai", "e"), ("au", "o"), ("aw", "o"), ("ow", "o")],
]


def _sound(word: str) -> str:
    text = word.lower()
    for spelling, sound in SOUNDS:
        text = text.replace(spelling, sound)
    return re.sub(r"e$", "", re.sub(r"(.)\1+", r"\1", text))


def _distance(first: str, second: str) -> int:
    """Levenshtein's distance."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        above, row = row, [i]
        for j, b in enumerate(second, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (a != b)))
    return row[-1]


def _close(first: str, second: str, limit: int) -> bool:
    return abs(len(first) - len(second)) < limit and _distance(first, second) < limit


def test_there_are_enough_and_they_are_short_single_words():
    assert len(NAMES) >= 400
    assert len(set(NAMES)) == len(NAMES)
    assert all(re.fullmatch(r"[A-Z][a-z]{2,9}", name) for name in NAMES)


def test_no_two_are_one_sound_or_two_letters_apart():
    pairs = list(itertools.combinations([(name.lower(), _sound(name)) for name in NAMES], 2))
    close = [(a, b) for (a, sound_a), (b, sound_b) in pairs if _close(a, b, 3) or _close(sound_a, sound_b, 2)]
    assert len(pairs) > 80_000
    assert close == []


def test_the_measure_finds_what_the_ear_confuses():
    assert _close("finch", "birch", 3)
    assert _close(_sound("Phlox"), _sound("Flax"), 2)
    assert not _close("heron", "kestrel", 3)


def test_none_is_a_first_name_or_of_ill_omen():
    people = "Robin Merlin Phoebe Jay Lily Rose Daisy Iris Heather Holly Ivy Hazel Rowan Olive Rosemary Jasmine Poppy"
    others = "Vulture Raven Crow Nightshade Hemlock Styx Lethe Cuckoo Killdeer Booby"
    assert not set(NAMES) & {*people.split(), *others.split()}


def test_the_tail_is_the_end_of_the_serial():
    assert choose((), "HV26-0A1873").endswith(" 1873")
    assert choose((), "hv26001a7k").endswith(" 1A7K")


def test_a_word_in_use_is_not_given_again():
    first = choose((), "A1873")
    second = choose({first}, "A1873")

    assert first.split()[0] != second.split()[0]
    assert choose((), "A1873") == first


@given(st.lists(st.integers(0, 9999), max_size=60, unique=True))
def test_names_of_a_site_differ_by_word(serials):
    taken: list[str] = []
    for serial in serials:
        taken.append(choose(taken, f"H26{serial:04}"))
    assert len({name.split()[0] for name in taken}) == len(serials)


def test_when_every_word_is_used_the_tail_tells_apart_and_then_no_more():
    taken = {f"{word} 0001" for word in NAMES}
    again = choose(taken, "H0002")
    assert again not in taken

    with pytest.raises(CallNamesExhausted):
        choose(taken | {f"{word} 0002" for word in NAMES}, "H0002")


@pytest.mark.parametrize("serial", ["", "12", "--1-2-3"])
def test_a_serial_without_four_characters_is_refused(serial):
    with pytest.raises(ValueError, match="at least 4"):
        choose((), serial)
