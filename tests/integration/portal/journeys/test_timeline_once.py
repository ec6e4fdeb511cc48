"""The custody timeline and the dashboards tell every event once."""

from __future__ import annotations

from collections import Counter

import pytest
from django.urls import reverse

from custody.compliance.operations import refuse_proof
from custody.compliance.tasks import operator_prover
from portal.demonstration.story import Story
from tests.factories.screens import signed_in
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db


def entries_of(therapy, actor):
    page = signed_in(actor).get(reverse("therapy", args=[therapy.therapy]))
    timeline = page.context["timeline"]
    return [item.entry for item in (*timeline.folded, *timeline.shown) if item.entry]


def test_a_hand_over_that_was_refused_and_offered_anew_is_no_event_told_twice():
    therapy = told(
        small_consortium(), Story("refused", refuse_handoff="pickup-outbound", stop_before="wash-and-select")
    )

    entries = entries_of(therapy, therapy.actor("centre", "nurse"))

    assert len({entry.record for entry in entries}) == len(entries) == therapy.chain.records.count()
    assert "Hand over to the courier, again" in [entry.title for entry in entries]
    assert max(Counter((entry.title, entry.detail) for entry in entries).values()) == 1


def test_an_exception_does_not_repeat_what_the_record_before_it_says():
    therapy = told(small_consortium(), Story("collected", stop_before="wash-and-select"))
    refuse_proof(
        therapy=therapy.therapy,
        segment="transit",
        reasons=["The logger was silent."],
        by=operator_prover(),
        at=therapy.now,
        key="told-only-once",
    )

    refused, opened = entries_of(therapy, therapy.actor("centre", "nurse"))[-2:]

    assert refused.detail == "Transit to the maker: The logger was silent."
    assert opened.title == "Exception opened"
    assert opened.detail == "For what stands before it: “Cannot be proven”."
