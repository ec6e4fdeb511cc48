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
LONGEST_WHY = 500


def says_why(text: str) -> bool:
    """Whether a reason has as many words as one needs: “ok” and a full stop are none."""
    return sum(any(sign.isalnum() for sign in word) for word in text.split()) >= LEAST_WORDS
