"""What the data-protection officer of the demonstration has to do and has done: so that no page of theirs is empty."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from custody.contract.emergency import REASONS
from custody.contract.rights import GROUNDS
from custody.disclosures import operations as disclosures
from custody.disclosures.models import Disclosure
from custody.emergency import operations as emergency
from custody.emergency.models import EmergencyAccess
from custody.patients import erasing
from custody.patients.queries import identities
from custody.rights import copying, correcting, restricting
from custody.therapies.models import Therapy
from portal.demonstration.consortium import Cast

CENTRE = "X0042"


def tell_privacy(cast: Cast, *, now: datetime) -> None:
    """A correction, a restriction, a copy, an erasure that waits, disclosures asked for and given, a broken glass.

    Each on a therapy of its own, as far as there are therapies of this centre that are infused or have ended.
    """
    done = list(Therapy.objects.filter(centre__code=CENTRE, status="completed").order_by("ordered_at", "id")[:4])
    ended = Therapy.objects.filter(centre__code=CENTRE, status="declined").order_by("ordered_at", "id").first()
    officer = cast.actor(cast.parties[CENTRE].id, "data_protection_officer")
    if len(done) == 4:
        _corrected(cast, done[0], at=now - timedelta(days=6))
        _restricted_and_copied(cast, done[1], at=now - timedelta(days=3))
        _shown(cast, done[2], at=now - timedelta(days=2))
        _in_an_emergency(cast, done[3], at=now - timedelta(days=1, hours=5))
    if ended is not None:
        erasing.ask_erasure(
            patient=ended.patient_id, reason="consent_withdrawn", by=officer, at=now - timedelta(hours=20),
            key="demo-erasure",
        )  # fmt: skip


def _corrected(cast: Cast, therapy: Therapy, *, at: datetime) -> None:
    by = cast.actor(therapy.centre_id, "coordinator")
    known = identities(by=by, patient_ids=[therapy.patient_id])[therapy.patient_id]
    correcting.correct_identity(
        patient=therapy.patient_id, identity=replace(known, family_name=f"{known.family_name}-Vos"), reason="changed",
        by=by, at=at, key="demo-correction",
    )  # fmt: skip


def _restricted_and_copied(cast: Cast, therapy: Therapy, *, at: datetime) -> None:
    by = cast.actor(therapy.centre_id, "data_protection_officer")
    ground = next(iter(GROUNDS))
    restricting.restrict(patient=therapy.patient_id, ground=ground, by=by, at=at, key="demo-restriction")
    copying.give_copy(patient=therapy.patient_id, by=by, at=at + timedelta(hours=1), key="demo-copy")


def _shown(cast: Cast, therapy: Therapy, *, at: datetime) -> None:
    inspector = cast.actor(cast.of_kind("regulator")[0].id, "inspector")
    officer = cast.actor(therapy.centre_id, "data_protection_officer")
    wanted = ["identity/birth_date", "step/order/indication"]
    for number, purpose in enumerate(("safety_report", "inspection")):
        asked = disclosures.ask(
            therapy=therapy.pk, holder=therapy.centre_id, fields=wanted, purpose=purpose, until=at + timedelta(days=30),
            by=inspector, at=at + timedelta(hours=number), key=f"demo-ask-{number}",
        )  # fmt: skip
        if number == 0:
            row = Disclosure.objects.get(pk=asked.chain.subject)
            answered = at + timedelta(minutes=40)
            disclosures.answer(disclosure=row.pk, fields=wanted, by=officer, at=answered, key="demo-answer")


def _in_an_emergency(cast: Cast, therapy: Therapy, *, at: datetime) -> None:
    by = cast.actor(therapy.centre_id, "cell_lab")
    reason = next(iter(REASONS))
    emergency.break_the_glass(
        therapy=therapy.pk, reason=reason, minutes=30, shown_again=True, by=by, at=at, key="demo-glass"
    )
    access = EmergencyAccess.objects.get(therapy_id=therapy.pk)
    emergency.end_access(access=access.pk, by=by, at=at + timedelta(minutes=12), key="demo-glass-back")
