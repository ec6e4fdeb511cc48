"""The demonstration told whole, as `make run` tells it: nobody's worklist is empty, whatever the day of the week."""

from __future__ import annotations

from collections import Counter

import pytest

from custody.contract.corrections import CORRECTED
from custody.disclosures.models import Disclosure
from custody.emergency.models import EmergencyAccess
from custody.exceptions.models import CustodyException
from custody.patients.models import PatientAct, PatientErasure
from custody.therapies.models import OpenStep, Therapy
from ledger.clock import now
from ledger.log.models import Record
from portal.demonstration.stories import TOLD
from portal.demonstration.telling import tell_all

pytestmark = pytest.mark.django_db
OPEN_ONCE = {"identity_stop", "custody_gap", "transport_problem", "excursion", "deviation"}


def test_every_story_rests_where_it_means_to_though_all_share_the_places():
    tell_all(now=now(), tell=lambda line: None, progress=lambda done, of: None)

    waiting = Counter(OpenStep.objects.values_list("step", flat=True))
    wanted = Counter(case.story.stop_before for case in TOLD if case.story.stop_before)
    assert {step: (count, waiting[step]) for step, count in wanted.items() if waiting[step] < count} == {}
    held = Counter(CustodyException.objects.filter(closed_at=None).values_list("kind", flat=True))
    assert {kind for kind in OPEN_ONCE if held[kind] < 1} == set()
    assert held["out_of_specification"] == 3
    assert {"active", "completed", "failed", "cancelled", "declined"} <= set(
        Therapy.objects.values_list("status", flat=True)
    )
    assert set(PatientAct.objects.values_list("kind", flat=True)) == {"corrected", "restricted", "copied"}
    assert PatientErasure.objects.get().status == "asked"
    assert set(Disclosure.objects.values_list("status", flat=True)) == {"asked", "answered"}
    assert Record.objects.filter(type=CORRECTED).count() == 1
    assert EmergencyAccess.objects.get().ended_how == "by_person"
