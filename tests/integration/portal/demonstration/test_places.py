"""The places that the demonstration's members offer."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db.models import Count

from custody.scheduling.models import Slot
from portal.demonstration import consortium
from portal.demonstration.slots import publish_all

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("hour", [0, 6, 12, 18, 23])
def test_members_offer_every_day_once_whatever_the_hour(hour):
    """Summer time ends in these days, and late in the evening of one country it is tomorrow in another."""
    late = datetime(2026, 10, 20, hour, 40, tzinfo=UTC)
    cast = consortium.found(at=late, tell=lambda line: None)

    publish_all(cast, first=late, days=10, at=late)

    days = Slot.objects.filter(kind="pickup").values_list("party").annotate(days=Count("id"))
    assert {count for _, count in days} == {10}
