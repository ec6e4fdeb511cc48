"""The end of disclosures: sealed values are destroyed when their time is over. For housekeeping."""

from __future__ import annotations

from datetime import datetime

from custody.disclosures.models import Disclosure, DisclosurePackage

AT_ONCE = 500


def expire(*, at: datetime) -> int:
    """Destroy what is sealed in disclosures whose time is over; how many."""
    over = list(
        Disclosure.objects.filter(until__lte=at, pk__in=DisclosurePackage.objects.values("pk")).values_list(
            "pk", flat=True
        )[:AT_ONCE]
    )
    return DisclosurePackage.objects.filter(pk__in=over).delete()[0] if over else 0
