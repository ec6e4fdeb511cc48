"""Version 1 of the statement, kept so that proofs on record stay verifiable (ADR 15). Nothing is proven under it.

Its steps were a chain: no shock, no budget, no second person, no span. Vector: readings required; temperature low and
high (plus 30,000); tilt; longest gap; shipping and receiving step; number of steps and of tests; longest total; 24
times (code, longest duration, longest wait); 12 times (code, low, high). Absent places are 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from ledger.proofs.babyjubjub import PublicKey
from ledger.proofs.field import check_element, encode_code, encode_uuid
from ledger.proofs.poseidon import hash_many, poseidon
from ledger.proofs.specification import TEMPERATURE_OFFSET
from ledger.proofs.statement import NotEncodable, PublicInputs

VERSION = 1
STEPS, TESTS = 24, 12
NO_TOTAL_LIMIT = 2**32 - 1
_SPEC, _STEPS, _RELEASE = 1, 2, 3
_READINGS_TAG, _READINGS_SEAL, _BLOCK, _WORD_BITS = 1000, 1001, 75, 48


def public_inputs(
    *,
    therapy: UUID,
    leg: Sequence[int] | None,
    steps: Sequence[tuple[str, int, int]],
    tests: Sequence[tuple[str, int, int]],
    step_leaves: Sequence[int],
    test_leaves: Sequence[int],
    readings_root: int | None,
    device_registry: int | None,
) -> PublicInputs:
    """What the ledger says of a segment. `leg` is (temperature low and high, tilt, gap, ship and receive step) or None,
    `steps` are (code, longest duration, longest wait), `tests` (code, low, high).

    Raises ValueError when the leaves are not those of the steps and tests.
    """
    if len(step_leaves) != len(steps) or len(test_leaves) != len(tests) or len(steps) > STEPS or len(tests) > TESTS:
        raise ValueError("the number of records is not the specification's")
    vector = [
        *([1, *leg] if leg is not None else [0] * 7),
        len(steps),
        len(tests),
        NO_TOTAL_LIMIT,
        *_filled([number for code, *limits in steps for number in (encode_code(code), *limits)], 3 * STEPS),
        *_filled([number for code, *limits in tests for number in (encode_code(code), *limits)], 3 * TESTS),
    ]
    return PublicInputs(
        encode_uuid(therapy),
        hash_many(vector, domain=_SPEC, version=VERSION),
        check_element(readings_root or 0, name="readings root"),
        hash_many([len(step_leaves), *_filled(step_leaves, STEPS)], domain=_STEPS, version=VERSION),
        hash_many([len(test_leaves), *_filled(test_leaves, TESTS)], domain=_RELEASE, version=VERSION),
        check_element(device_registry or 0, name="device registry"),
    )


def readings_root(therapy: UUID, readings: Sequence[tuple[int, int, int]], *, salt: int, device: PublicKey) -> int:
    """The commitment to a leg's readings (second, temperature, tilt), whose words were gap, temperature and tilt of 16
    bits each, zeros after the last. Raises NotEncodable."""
    if not readings:
        raise NotEncodable("there are no readings")
    before = readings[0][0] - 1
    state = poseidon([_READINGS_TAG, salt, encode_uuid(therapy), before, device.x])
    words = []
    for at, temperature, tilt in readings:
        row = (at - before, temperature + TEMPERATURE_OFFSET, tilt)
        if not all(0 <= value < 2**16 for value in row):
            raise NotEncodable(f"the reading at second {at} is out of order or outside the logger's range")
        words.append(row[0] + (row[1] << 16) + (row[2] << 32))
        before = at
    words = _filled(words, len(words) + -len(words) % _BLOCK)
    for i in range(0, len(words), _BLOCK):
        packed = [
            sum(word << (_WORD_BITS * k) for k, word in enumerate(words[j : j + 5])) for j in range(i, i + _BLOCK, 5)
        ]
        state = poseidon([state, *packed])
    return poseidon([_READINGS_SEAL, state, len(readings)])


def _filled(values: Sequence[int], places: int) -> list[int]:
    return [*values, *[0] * (places - len(values))]
