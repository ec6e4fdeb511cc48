"""A therapy's status says what is so, and never what is still to come."""

from __future__ import annotations

import pytest

from custody.therapies.models import Therapy
from custody.therapies.queries import line
from portal.demonstration.story import Story
from portal.presenters.therapies import status_of
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db

SAID = {
    "payer-approval": "Ordered, the payer decides",
    "booking": "Covered, slots to book",
    "label": "Booked, labels to print",
    "collect": "Before collection",
    "pack-outbound": "Collected, to be packed",
    "pickup-outbound": "Packed, waits for the courier",
    "deliver-outbound": "On the road to the maker",
    "receive-starting-material": "At the maker’s door",
    "accept-starting-material": "At the maker, to be accepted",
    "wash-and-select": "Making",
    "test-dose": "Tests and release",
    "pack-return": "Released, to be packed",
    "hand-over-return": "Packed, waits for the courier",
    "deliver-return": "On the way back",
    "receive-product": "At the centre’s door",
    "accept-product": "Received, being checked",
    "clear-lymphodepletion": "Lymphodepletion",
    "infuse": "Before infusion",
}

SAID_OF_STEM_CELLS = {
    "pack-outbound": "Collected, to be packed",
    "deliver-return": "On the way back",
    "accept-product": "Received, being checked",
}


@pytest.mark.parametrize(("step", "words"), SAID_OF_STEM_CELLS.items())
def test_a_step_that_was_left_out_changes_nothing_of_what_is_said(step, words):
    """The protocol of edited stem cells has a step that may be left out, and is here."""
    one = told(small_consortium(days=160), Story("rest", stop_before=step), protocol="hsc-edited")

    assert status_of(line(Therapy.objects.get(pk=one.therapy))).words == words


@pytest.mark.parametrize(("step", "words"), SAID.items())
def test_before_a_step_the_status_says_what_it_waits_for(step, words):
    one = told(small_consortium(), Story("rest", stop_before=step))

    assert status_of(line(Therapy.objects.get(pk=one.therapy))).words == words
