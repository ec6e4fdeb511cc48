"""After a divergence that puts history in doubt: hold every therapy that has records from there on.

Runs once for each report that comes in: what the first one left open, a second one may settle.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from custody.compliance.tasks import operator_prover
from custody.contract.holds import hold_of
from custody.contract.moment import OPEN_STATUSES
from custody.holds.operations import hold_therapy
from custody.therapies.models import Therapy
from ledger.cosigning import queries as cosigning
from ledger.divergence import queries
from ledger.divergence.doubt import Doubt, Told, doubt_of
from ledger.divergence.operations import HOLD
from ledger.divergence.queries import DivergenceLine
from ledger.log import evidence
from ledger.log.contract import Refused, State
from ledger.log.logs import OPERATORS, code_of
from ledger.log.models import Chain, Record
from ledger.outbox.handlers import JobRun, handles
from ledger.parties.actor import Actor, service_actor


@handles(HOLD, queue="holds", lease_seconds=60)
def hold(payload: Mapping[str, Any], run: JobRun) -> None:
    """Hold the therapies that a divergence puts in doubt; those that it held before stay as they are."""
    divergence = queries.divergence_named(UUID(payload["divergence"]))
    parties = {one.vkey: one.party for one in divergence.reporters}
    told = [Told(parties[vkey], vkey, report) for vkey, report in queries.reports_of(divergence.id)]
    log = code_of(settings.LOG_ORIGIN, divergence.log) or OPERATORS
    doubt = doubt_of(told, log_key=evidence.log_key(log=log), members=cosigning.witnessing_members())
    if doubt is None:
        return
    agreed = doubt.agreed if doubt.agreed is not None else cosigning.last_agreed(below=doubt.size, log=log)
    by, therapies = steward(), doubtful(divergence, doubt, agreed=agreed)
    for number, therapy in enumerate(therapies):
        try:
            hold_therapy(
                therapy=therapy,
                divergence=divergence.id,
                agreed=agreed,
                by=by,
                at=run.at,
                key=f"{divergence.id}:{therapy}",
            )
        except Refused:
            # It ended, or was held or freed, between the list and the lock; the audit trail has it.
            continue
        run.report(100 * (number + 1) // len(therapies), "Holding therapies")


def doubtful(divergence: DivergenceLine, doubt: Doubt, *, agreed: int) -> list[UUID]:
    """The open therapies with a record from place `agreed` on that was written before the divergence was known."""
    log = code_of(settings.LOG_ORIGIN, divergence.log) or OPERATORS
    written = Record.objects.filter(log=log, chain__kind="therapy", recorded_at__lte=divergence.received_at)
    after = written.filter(Q(leaf__index__gte=agreed) | Q(leaf=None)).values("chain__subject")
    lost = {entry.subject for entry in doubt.lost if entry.chain_kind == "therapy"}
    therapies = Therapy.objects.filter(status__in=OPEN_STATUSES).filter(Q(pk__in=after) | Q(pk__in=lost))
    found = list(therapies.order_by("pk").values_list("pk", flat=True))
    states = Chain.objects.filter(kind="therapy", subject__in=found).values_list("subject", "state")
    name = str(divergence.id)
    known = {subject for subject, state in states if name in state.get("freed", []) or _is_held_from(state, agreed)}
    return [therapy for therapy in found if therapy not in known]


def _is_held_from(state: State, agreed: int) -> bool:
    """Whether the therapy waits already, from this place or an earlier one.

    To hold it again would make the log longer, which a witness may report as another divergence, and so on for ever.
    """
    hold = hold_of(state)
    return hold is not None and min(hold["divergences"].values()) <= agreed


def steward() -> Actor:
    """The operator's own process, which holds therapies; it may do nothing else. Raises OperatorMissing."""
    operator = operator_prover()
    return service_actor(
        party=operator.party,
        party_code=operator.party_code,
        party_kind=operator.party_kind,
        service="divergence watch",
        permissions=frozenset({"hold.place"}),
    )
