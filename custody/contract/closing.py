"""The records that halt a therapy and that close an exception, and what a written reason is."""

from __future__ import annotations

HALTED = "custody.therapy.halted/v1"
HALT = "halt"
"""The kind of the exception that a halt opens."""
CLOSED = "custody.exception.closed/v1"
"""Closed by resolution and cause alone, as it was until a written reason was asked for: what stands is replayed."""
CLOSED_WITH_REASON = "custody.exception.closed/v2"
"""The same with `why`, in words. Whoever runs this version writes no other."""
CLOSINGS = frozenset({CLOSED, CLOSED_WITH_REASON})
LEAST_WORDS = 3
LEAST_LETTERS = 15
LEAST_OF_A_WORD = 2
LONGEST_WHY = 500
WHY_ASKED = (
    f"Write why: what was looked at and what was found, in at least three different words and {LEAST_LETTERS} letters."
)


def says_why(text: str) -> bool:
    """Whether a reason says something: letters enough, in three different words, of which “a” and “b” are none.

    The form and the operation ask for it always, the contract from format 3 on.
    """
    words = ["".join(filter(str.isalpha, word)).casefold() for word in text.split()]
    different = {word for word in words if len(word) >= LEAST_OF_A_WORD}
    return len(different) >= LEAST_WORDS and sum(map(len, words)) >= LEAST_LETTERS


def has_words(text: str) -> bool:
    """Whether a reason has three words, whatever they are: all that was asked for under formats 1 and 2."""
    return sum(any(sign.isalnum() for sign in word) for word in text.split()) >= LEAST_WORDS
