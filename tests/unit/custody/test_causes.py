"""Which causes an exception of each kind is closed with."""

from __future__ import annotations

import pytest

from custody.contract.exceptions import KINDS
from custody.exceptions.causes import CAUSES, CAUSES_OF, causes_of
from custody.exceptions.models import ExceptionKind

BEFORE = {"equipment", "handling", "material", "transport", "patient_material", "data", "wrong_scan", "unknown"}


def test_every_kind_has_causes_of_its_own_and_every_cause_a_kind():
    assert set(CAUSES_OF) == set(KINDS) == set(ExceptionKind.values)
    assert {code for kind in KINDS for code in causes_of(kind)} == set(CAUSES)


def test_causes_of_before_keep_their_words():
    assert set(CAUSES) >= BEFORE


@pytest.mark.parametrize("kind", KINDS)
def test_not_found_and_other_close_the_list(kind):
    assert list(causes_of(kind))[-2:] == ["unknown", "other"]
