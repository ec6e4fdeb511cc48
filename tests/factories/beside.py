"""What stands on the ledger beside a therapy: a row in each table that mirrors records of people and of privacy."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from custody.disclosures import operations as disclosures
from custody.emergency import operations as emergency
from custody.oversight import operations as oversight
from custody.oversight.tasks import reporter
from custody.patients import erasing
from custody.rights import restricting
from custody.therapies.models import Therapy
from ledger.parties import access_reviews
from portal.demonstration.story import Story
from tests.factories.passkeys import Passkey
from tests.factories.therapies import Told, told

ENDED = 90


def told_beside(one: Told) -> None:
    """Ask for a disclosure, break the glass, inspect, report, review, bind a key, restrict, and ask for an erasure."""
    cast, at = one.cast, one.now
    centre, maker = (UUID(one.state["parties"][name]) for name in ("centre", "maker"))
    inspector = cast.actor(cast.parties["R0901"].id, "inspector")
    officer, qp = cast.actor(centre, "data_protection_officer"), cast.actor(maker, "qp")
    disclosures.ask(
        therapy=one.therapy,
        holder=centre,
        fields=["identity/family_name"],
        purpose="inspection",
        until=at + timedelta(days=5),
        by=inspector,
        at=at,
        key="beside-disclosure",
    )
    emergency.break_the_glass(
        therapy=one.therapy, reason="identity_doubtful", minutes=30, shown_again=True, by=qp, at=at, key="beside-glass"
    )
    oversight.open_inspection(
        site=maker,
        product="",
        since=at - timedelta(days=90),
        until=at,
        reason="routine",
        reference="BESIDE-1",
        ends_at=at + timedelta(hours=4),
        by=inspector,
        at=at,
        key="beside-inspection",
    )
    by = reporter(cast.parties[qp.party_code])
    oversight.sign_report(month="2026-07", content={"month": "2026-07"}, pdf=b"%PDF", by=by, at=at, key="beside-report")
    administrator = cast.actor(centre, "administrator")
    access_reviews.record_review(digest="0" * 64, people=9, roles=9, by=administrator, at=at, key="beside-review")
    Passkey().bind_to(administrator)
    treated = Therapy.objects.get(pk=one.therapy).patient_id
    restricting.restrict(patient=treated, ground="accuracy", by=officer, at=at, key="beside-restriction")
    ended = told(cast, Story("declined", declined=True), number=ENDED)
    patient = Therapy.objects.get(pk=ended.therapy).patient_id
    erasing.ask_erasure(patient=patient, reason="consent_withdrawn", by=officer, at=ended.now, key="beside-erasure")
