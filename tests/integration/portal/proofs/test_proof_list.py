"""The list of proofs: a page at a time, and numbers that speak of all of them."""

from __future__ import annotations

import pytest
from django.urls import reverse

from custody.compliance.operations import refuse_proof
from custody.compliance.tasks import operator_prover
from custody.exceptions.models import CustodyException
from ledger.ids import uuid7
from portal.demonstration.story import Story
from portal.proofs import views
from tests.factories.screens import signed_in
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db
FIRST, LAST = "The logger was silent.", "The wash took too long."
SAID, TOLD = "collect: took 9 h, 8 h allowed", "“Collect the cells”: took 9 h, 8 h allowed"


@pytest.fixture
def browser(monkeypatch):
    """An inspector, after two segments of a therapy could not be proven, with one row on a page."""
    cast = small_consortium()
    one = told(cast, Story("collected", stop_before="wash-and-select"))
    for segment, reason in (("order-to-collection", FIRST), ("transit", LAST)):
        refuse_proof(
            therapy=one.therapy, segment=segment, reasons=[reason], by=operator_prover(), at=one.now, key=str(uuid7())
        )
    monkeypatch.setattr(views, "SHOWN", 1)
    return signed_in(cast.actor(cast.of_kind("regulator")[0].id, "inspector"))


def text_of(browser, query: str = "") -> str:
    return " ".join(browser.get(reverse("proofs") + query).content.decode().split())


def test_the_list_counts_all_and_shows_a_page(browser):
    page = text_of(browser)

    assert "two segments cannot be proven" in page
    assert (FIRST in page) != (LAST in page)
    assert "?unproven=1" in page


def test_every_segment_stands_on_one_of_the_pages(browser):
    pages = [text_of(browser), text_of(browser, "?unproven=1")]

    assert sorted(reason for reason in (FIRST, LAST) for page in pages if reason in page) == sorted((FIRST, LAST))
    assert "?unproven=2" not in pages[1]


def test_why_a_segment_cannot_be_proven_is_told_by_the_names_of_its_steps():
    cast = small_consortium()
    one = told(cast, Story("collected", stop_before="wash-and-select"))
    record = refuse_proof(
        therapy=one.therapy,
        segment="order-to-collection",
        reasons=[SAID],
        by=operator_prover(),
        at=one.now,
        key="said-by-the-prover",
    )
    inspector = signed_in(cast.actor(cast.of_kind("regulator")[0].id, "inspector"))
    exception = CustodyException.objects.get(therapy=one.therapy, kind="not_proven")
    pages = [
        reverse("home"),
        reverse("exceptions"),
        reverse("exception", args=[exception.pk]),
        reverse("proofs"),
        reverse("therapy_proofs", args=[one.therapy]),
        reverse("therapy", args=[one.therapy]),
        reverse("audit"),
        reverse("audit_entry", args=[record.pk]),
    ]

    for page in pages:
        shown = " ".join(inspector.get(page).content.decode().split())
        assert TOLD in shown, page
        assert SAID not in shown, page
        assert "order-to-collection<" not in shown, page
