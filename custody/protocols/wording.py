"""What a prover found, in the names that the protocol gives its steps. Pure.

The prover knows a step by its code and says so: `wash-vector: took 3 h, 2 h allowed`. People know it by its title.
Only where such a sentence puts a code is one replaced, so that a word of plain English that happens to be one stays.
"""

from __future__ import annotations

import re
from functools import lru_cache

from custody.protocols.parts import Protocol


def in_titles(sentence: str, protocol: Protocol) -> str:
    """The sentence with every step's title in the place of its code; a sentence that holds none stays as it is."""
    titles = {step.code: f"“{step.title}”" for step in protocol.steps}

    def title(found: re.Match[str]) -> str:
        return titles[found[0].strip("'")]

    def each(found: re.Match[str]) -> str:
        return found[1] + ", ".join(titles.get(code, code) for code in found[2].split(", ")) + found[3]

    for pattern in _places(tuple(titles)):
        sentence = pattern.sub(title, sentence)
    return LISTED.sub(each, sentence)


LISTED = re.compile(r"^((?:.*: )?(?:no record of )?(?:step|test) )([a-z0-9._-]+(?:, [a-z0-9._-]+)*)($| is not in )")
"""`no record of step a, b` and `step a, b is not in the specification`."""


@lru_cache(maxsize=64)
def _places(codes: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """Where `ledger.proofs.violations` and `ledger.proofs.specification` name a step in their sentences."""
    code = "(?:" + "|".join(re.escape(one) for one in sorted(codes, key=len, reverse=True)) + ")"
    places = (
        rf"^{code}(?=: )",
        rf"(?<=: ){code}(?=: )",
        rf"(?<= before ){code}(?= ended)",
        rf"(?<= after ){code}(?=,| ended)",
        rf"(?<=\bfrom ){code}(?= to {code}: )",
        rf"(?<=” to ){code}(?=: )",
        rf"(?<= is ){code}(?=, )",
        rf"(?<=, ){code}(?= expected)",
        rf"(?<=step )'{code}'",
        rf"(?<=test )'{code}'",
    )
    return tuple(re.compile(place) for place in places)
