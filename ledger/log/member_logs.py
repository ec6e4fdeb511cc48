"""The logs of this installation: which there are, which one a member's next record belongs in, and their keys.

`NEEDLEPOINT_LOGS=one` keeps every record in the operator's log; with `member` each member's go to its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Max

from ledger.crypto import notes
from ledger.log import log_rules
from ledger.log.contract import State, World
from ledger.log.entries import Entry
from ledger.log.logs import OPERATORS, name_of
from ledger.log.models import Checkpoint, MemberLog
from ledger.log.projections import Change, Insert, Projection
from ledger.parties.actor import Actor, service_actor
from ledger.parties.contract import operator_of
from ledger.parties.keystore import keystore

ONE, MEMBER = "one", "member"

_logs_of_parties: dict[UUID, str] = {}
"""Where one log is the rule, a party's own log is asked for once a process: none is opened then."""


@dataclass(frozen=True, slots=True)
class Home:
    """The log that a party's next record goes to, and the party's own log where that is another one."""

    code: str
    own: str

    @property
    def name(self) -> str:
        return name_of(settings.LOG_ORIGIN, self.code)


def key_name(code: str) -> str:
    """Under which name the keystore holds a log's key."""
    return f"log-{code}" if code else "log"


def verifier_key(code: str = OPERATORS) -> str:
    """A log's verifier key (C2SP signed-note). A member's is the one that was announced. Raises DoesNotExist."""
    name = name_of(settings.LOG_ORIGIN, code)
    if code == OPERATORS:
        return notes.vkey(name, keystore().create(key_name(code)).public_key)
    return notes.vkey(name, bytes.fromhex(MemberLog.objects.get(pk=code).public_key))


def every_log() -> list[str]:
    """All logs by code, the operator's first."""
    return [OPERATORS, *MemberLog.objects.order_by("code").values_list("code", flat=True)]


def home_of(by: Actor) -> Home | None:
    """Where this actor's next record goes; None when its party's log is still to be opened."""
    if by.party_kind == "operator":
        return Home(OPERATORS, OPERATORS)
    if settings.LOGS == MEMBER:
        code = MemberLog.objects.filter(party=by.party).values_list("code", flat=True).first()
        return Home(code, code) if code else None
    if by.party not in _logs_of_parties:
        found = MemberLog.objects.filter(party=by.party).values_list("code", flat=True).first()
        _logs_of_parties[by.party] = found or OPERATORS
    return Home(OPERATORS, _logs_of_parties[by.party])


def next_log(*, code: str, kind: str) -> str:
    """The name of the log that the next record of the member with this code goes to."""
    own = settings.LOGS == MEMBER and kind != "operator"
    return name_of(settings.LOG_ORIGIN, code.lower() if own else OPERATORS)


def opened_home(by: Actor) -> Home:
    """The member's own log, just opened."""
    code = by.party_code.lower()
    return Home(code, code)


def seen_from(home: Home) -> dict[str, int]:
    """What a record in this log says to have seen of the other one that decides which keys count."""
    if home.code == home.own == OPERATORS:
        return {}
    other = OPERATORS if home.code else home.own
    size = Checkpoint.objects.filter(log=other).aggregate(most=Max("size"))["most"] or 0
    return {name_of(settings.LOG_ORIGIN, other): size}


def announcer() -> Actor:
    """The operator, as it announces a log."""
    return service_actor(
        party=operator_of(settings.LOG_ORIGIN),
        party_code="OPERATOR",
        party_kind="operator",
        service="Consortium operator",
        permissions=frozenset(),
    )


def announcement(by: Actor) -> dict[str, Any]:
    """What the operator announces of a member's log. Its key is made here."""
    code = by.party_code.lower()
    return {"code": code, "public_key": keystore().create(key_name(code)).public_key.hex()}


def forget() -> None:
    """Drop what is kept; tests that change the setting call it."""
    _logs_of_parties.clear()


def project(entry: Entry, record_id: UUID, state: State, world: World) -> Iterator[Change]:
    """How an announcement becomes the log's row. Pure."""
    yield Insert(
        "ledger.MemberLog",
        entry.body["code"],
        {
            "party_id": entry.subject,
            "public_key": entry.body["public_key"],
            "record_id": record_id,
            "opened_at": entry.recorded_at,
        },
    )


PROJECTION = Projection(chain_kind=log_rules.KIND, project=project, models={"ledger.MemberLog": "party_id"})
