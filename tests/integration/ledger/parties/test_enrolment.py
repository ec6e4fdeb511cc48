"""Members are enrolled by records: the operator first, by itself, then the others by the operator."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.conf import settings

from ledger.errors import BadInput, NotPermitted
from ledger.log.contract import Refused
from ledger.log.models import Chain, Record
from ledger.log.verification import findings
from ledger.log.world import DatabaseWorld
from ledger.parties import operations, queries
from ledger.parties.actor import service_actor
from ledger.parties.contract import operator_of
from ledger.parties.models import Party, PartyKey

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _forget() -> None:
    DatabaseWorld.forget()
    queries.forget()


def enrol(at: datetime, *, code: str = "OPERATOR", kind: str = "operator", **changes: object) -> Record:
    facts: dict[str, object] = {
        "code": code,
        "name": f"Member {code}",
        "kind": kind,
        "country": "DE",
        "city": "Heidelberg",
        "time_zone": "Europe/Berlin",
        "latitude_e6": 49_398_750,
        "longitude_e6": 8_672_434,
        "by": operations.founding_actor(),
        "at": at,
        "key": f"enrol-{code}",
    }
    return operations.enrol_party(**(facts | changes))  # type: ignore[arg-type]


def test_the_operator_enrols_itself_and_then_a_centre(at: datetime) -> None:
    enrol(at)
    record = enrol(at, code="X0042", kind="treatment_centre")
    centre = queries.party_coded("X0042")
    assert (centre.id, centre.kind, centre.city) == (record.chain.subject, "treatment_centre", "Heidelberg")
    assert PartyKey.objects.filter(party_id=centre.id).count() == 1
    assert record.party_id == operator_of(settings.LOG_ORIGIN)
    assert queries.name_of(centre.id) == "Member X0042"


def test_the_replayed_register_gives_the_same_rows(at: datetime) -> None:
    enrol(at)
    enrol(at, code="X0042", kind="treatment_centre")
    assert [str(finding) for finding in findings() if finding.table != "ledger_checkpoint"] == []
    Party.objects.filter(code="X0042").update(kind="payer")
    assert [finding.table for finding in findings()] == ["ledger_party"]


def test_nobody_but_the_operator_begins_with_themselves(at: datetime) -> None:
    enrol(at)
    rogue = service_actor(
        party=Party.objects.get().id.__class__(int=7),
        party_code="ROGUE",
        party_kind="operator",
        service="rogue",
        permissions=frozenset({"party.enrol"}),
    )
    with pytest.raises(Refused, match="No member"):
        enrol(at, code="ROGUE", by=rogue)
    assert Party.objects.count() == 1


def test_a_member_cannot_enrol_others_even_with_the_permission(at: datetime) -> None:
    enrol(at)
    payer = enrol(at, code="PAY-1", kind="payer").chain.subject
    actor = service_actor(
        party=payer, party_code="PAY-1", party_kind="payer", service="x", permissions=frozenset({"party.enrol"})
    )
    with pytest.raises(NotPermitted, match="Only the consortium's operator"):
        enrol(at, code="PAY-2", kind="payer", by=actor)


def test_a_code_is_given_once(at: datetime) -> None:
    enrol(at)
    enrol(at, code="COU-1", kind="courier")
    with pytest.raises(operations.PartyCodeTaken):
        enrol(at, code="COU-1", kind="courier", key="another-key")
    assert Chain.objects.count() == 2


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"kind": "bank"}, Refused, "kind of the organisation"),
        ({"code": "x1"}, Refused, "code"),
        ({"code": "X00421"}, Refused, "facility code"),
        ({"country": "Germany"}, Refused, "country"),
        ({"time_zone": "Mars/Olympus"}, BadInput, "time zone"),
        ({"latitude_e6": 90_000_001}, Refused, "latitude_e6"),
        ({"name": ""}, Refused, "name"),
    ],
)
def test_facts_that_are_not_right_leave_nothing(
    changes: dict[str, object], error: type[Exception], words: str, at: datetime
) -> None:
    enrol(at)
    with pytest.raises(error, match=words):
        enrol(at, **({"code": "X0042", "kind": "treatment_centre"} | changes))  # type: ignore[arg-type]
    assert Party.objects.count() == 1
    assert Record.objects.count() == 1
