"""Enrolling members of the consortium."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings

from ledger.errors import BadInput, Conflict, NotPermitted
from ledger.log.models import Record
from ledger.log.operations import append, open_chain, operation
from ledger.parties.actor import Actor, service_actor
from ledger.parties.contract import ENROLLED, operator_of, party_of
from ledger.parties.keystore import keystore
from ledger.parties.models import Party


class PartyCodeTaken(Conflict):
    """A member with this code is already enrolled."""


def founding_actor(name: str = "Consortium operator") -> Actor:
    """The operator of this log before anybody is enrolled: who enrols it, and through it the first members."""
    return service_actor(
        party=operator_of(settings.LOG_ORIGIN),
        party_code="OPERATOR",
        party_kind="operator",
        service=name,
        permissions=frozenset({"party.enrol", "document.publish"}),
    )


@operation
def enrol_party(
    *,
    code: str,
    name: str,
    kind: str,
    country: str,
    city: str,
    time_zone: str,
    by: Actor,
    at: datetime,
    key: str,
    latitude_e6: int = 0,
    longitude_e6: int = 0,
) -> Record:
    """Enrol an organisation with a fresh Ed25519 key. The new party's identifier is `record.chain.subject`.

    The operator of the log comes first and enrols itself; every other member's record is signed by an operator. Place
    in millionths of a degree. Raises NotPermitted, PartyCodeTaken, BadInput, Refused.
    """
    by.check("party.enrol")
    if Party.objects.filter(code=code).exists():
        raise PartyCodeTaken(f"A member with the code {code} is already enrolled.", field="code")
    _check_time_zone(time_zone)
    party = _identifier(code, kind, by)
    chain = open_chain(kind="register", subject=party)
    signer = keystore().create(f"party-{party}")
    return append(
        chain=chain,
        by=by,
        type=ENROLLED,
        body={
            "code": code,
            "name": name,
            "kind": kind,
            "country": country,
            "city": city,
            "time_zone": time_zone,
            "latitude_e6": latitude_e6,
            "longitude_e6": longitude_e6,
            "public_key": signer.public_key.hex(),
        },
        meaning="enrolled as a member",
        occurred_at=at,
        at=at,
        key=key,
    )


def _identifier(code: str, kind: str, by: Actor) -> UUID:
    operator = operator_of(settings.LOG_ORIGIN)
    if by.party_kind != "operator":
        raise NotPermitted("Only the consortium's operator enrols members.")
    if kind == "operator" and by.party == operator and not Party.objects.filter(pk=operator).exists():
        return operator
    return party_of(settings.LOG_ORIGIN, code)


def _check_time_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(f"There is no time zone “{name}”. Write one such as Europe/Berlin.", field="time_zone") from None
