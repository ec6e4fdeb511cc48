"""What people see of members' own logs."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.urls import reverse

from ledger.log import sequencer
from ledger.log.models import MemberLog, Record
from tests.factories.member_logs import one_log_a_member
from tests.factories.screens import somebody
from tests.factories.therapies import small_consortium

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db):
    """A consortium whose members have registered loggers and places, each in its own log."""
    with one_log_a_member():
        made = small_consortium(days=2)
        sequencer.drain()
        yield made


def text_of(answer):
    return " ".join(answer.content.decode().split())


def test_ledger_health_has_a_row_for_each_log(cast):
    text = text_of(somebody(cast, "R0901", "inspector").get(reverse("ledger")))

    assert MemberLog.objects.exists()
    assert 'id="logs"' in text
    for code in MemberLog.objects.values_list("code", flat=True):
        assert f"{settings.LOG_ORIGIN}/{code}</span>" in text


def test_the_last_records_say_whose_log_they_are_in(cast):
    newest = Record.objects.exclude(log="").order_by("-leaf__position").first()

    text = text_of(somebody(cast, "R0901", "inspector").get(reverse("ledger")))

    assert f'<span class="np-2nd">{newest.log.upper()}</span> {newest.leaf.index}' in text


def test_one_log_is_shown_as_ever(db):
    cast = small_consortium(days=2)
    sequencer.drain()

    text = text_of(somebody(cast, "R0901", "inspector").get(reverse("ledger")))

    assert 'id="logs"' not in text
    assert "own log" not in text
