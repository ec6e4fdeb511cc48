"""Identity stops, closing exceptions, and the out-of-specification path (EU GMP Part IV §11.5)."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from custody.contract.closing import CLOSED_WITH_REASON, LONGEST_WHY, WHY_ASKED, says_why
from custody.contract.exceptions import RESOLUTIONS
from custody.exceptions.causes import ENDED_ASKED, causes_of, resolutions_of
from custody.exceptions.models import CustodyException
from custody.therapies.steps import lock_therapy
from ledger.clock import stamp
from ledger.errors import BadInput, NotFound
from ledger.ids import derived
from ledger.log.models import Record
from ledger.log.operations import append, operation
from ledger.log.world import world
from ledger.parties.actor import Actor


class ExceptionUnknown(NotFound):
    """There is no such exception, or it is not this actor's to see."""


@operation
def stop_identity(*, therapy: UUID, kind: str, scanned: str, step: str, by: Actor, at: datetime, key: str) -> Record:
    """Halt a therapy because something scanned does not belong to it. `scanned` must be no patient data.

    What was scanned is recorded as its form only when it is a chain-of-identity id; else as “another code”.
    """
    chain, _ = lock_therapy(therapy)
    by.check("step.perform")
    return append(
        chain=chain,
        by=by,
        type="custody.identity.stopped/v1",
        body={
            "id": str(derived("exception", chain.id, key)),
            "kind": kind[:20],
            "scanned": scanned[:80],
            "step": step,
        },
        meaning="identity mismatch",
        occurred_at=at,
        at=at,
        key=key,
    )


@operation
def close_exception(
    *,
    exception: UUID,
    resolution: str,
    cause: str,
    why: str,
    by: Actor,
    at: datetime,
    key: str,
    second: Actor | None = None,
) -> Record:
    """Close an exception with its resolution, a cause that fits its kind, and the reason in words: no patient data.

    After an identity stop or a halt a second person looks too. Raises ExceptionUnknown, NotPermitted, BadInput,
    Refused.
    """
    row = find_exception(exception, by)
    by.check("exception.close")
    if resolution not in RESOLUTIONS:
        raise BadInput("Say how the exception is resolved.", field="resolution")
    fitting = causes_of(row.kind)
    if cause not in fitting:
        raise BadInput(f"Name the cause: {', '.join(fitting.values())}.", field="cause")
    why = " ".join(why.split())
    if not says_why(why):
        raise BadInput(WHY_ASKED, field="why")
    if len(why) > LONGEST_WHY:
        raise BadInput(f"Use at most {LONGEST_WHY} characters; there are {len(why)}.", field="why")
    chain, _ = lock_therapy(row.therapy_id)
    if resolution not in resolutions_of(row.kind, chain.state["status"]):
        raise BadInput(ENDED_ASKED, field="resolution")
    return append(
        chain=chain,
        by=by,
        type=CLOSED_WITH_REASON,
        body={"id": str(exception), "resolution": resolution, "cause": cause, "why": why},
        meaning="exception resolved",
        occurred_at=at,
        at=at,
        key=key,
        second=second,
    )


@operation
def request_supply(*, exception: UUID, by: Actor, at: datetime, key: str) -> Record:
    """The treating physician asks for supply although a release test is out of specification."""
    return _oos(exception, "requested", permission="oos.request", meaning="asked for supply", by=by, at=at, key=key)


@operation
def evaluate_risk(*, exception: UUID, by: Actor, at: datetime, key: str) -> Record:
    """The manufacturer gives its evaluation of the risks to the physician."""
    return _oos(exception, "evaluated", permission="oos.evaluate", meaning="risk evaluated", by=by, at=at, key=key)


@operation
def accept_risk(*, exception: UUID, by: Actor, at: datetime, key: str) -> Record:
    """The physician accepts; the clock for informing the authority starts, by the centre's country."""
    return _oos(exception, "accepted", permission="oos.accept", meaning="risk accepted", by=by, at=at, key=key)


@operation
def inform_authority(*, exception: UUID, by: Actor, at: datetime, key: str) -> Record:
    """The manufacturer has informed the authority, which ends the path."""
    return _oos(exception, "informed", permission="oos.inform", meaning="authority informed", by=by, at=at, key=key)


def _oos(exception: UUID, stage: str, *, permission: str, meaning: str, by: Actor, at: datetime, key: str) -> Record:
    row = find_exception(exception, by)
    by.check(permission)
    chain, protocol = lock_therapy(row.therapy_id)
    body: dict[str, str] = {"id": str(exception)}
    if stage == "accepted":
        country = world.party(UUID(chain.state["parties"]["centre"])).country
        hours = protocol.oos_hours_by_country.get(country, protocol.oos_default_hours)
        body["due_at"] = stamp(at + timedelta(hours=hours))
    return append(
        chain=chain,
        by=by,
        type=f"custody.oos.{stage}/v1",
        body=body,
        meaning=meaning,
        occurred_at=at,
        at=at,
        key=key,
    )


def find_exception(exception: UUID, by: Actor) -> CustodyException:
    """An exception of a therapy in which the actor's party takes part. Raises ExceptionUnknown."""
    row = CustodyException.objects.filter(pk=exception, therapy__parties__party_id=by.party).first()
    if row is None:
        raise ExceptionUnknown("There is no such exception for your organisation.")
    return row
