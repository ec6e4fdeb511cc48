"""Writing a bundle from the database: the chains asked for, and the register of members that they speak of."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from ledger.bundles.format import Bundle, PrintedName
from ledger.clock import stamp
from ledger.cosigning import queries as cosigning
from ledger.crypto.tlog_proof import TlogProof
from ledger.errors import Conflict, NotFound
from ledger.log import evidence
from ledger.log.models import Chain, Record, SignedName

Place = tuple[str, UUID]


class NothingToShow(NotFound):
    """There is no such chain."""


class NotYetInTheLog(Conflict):
    """Some of the records wait for their place in the log."""


def bundle_of(*, kind: str, subject: UUID, along: Iterable[Place] = (), at: datetime) -> Bundle:
    """The chain (`kind`, `subject`) whole, with the chains `along` and the register: the rules may ask for any member.

    Raises NothingToShow, NotYetInTheLog.
    """
    main = Chain.objects.filter(kind=kind, subject=subject).values_list("id", flat=True).first()
    if main is None:
        raise NothingToShow("There is nothing on the ledger about this.")
    wanted = Record.objects.filter(Q(chain__in={main, *_chains(along)}) | Q(chain__kind="register"))
    checkpoint = cosigning.published()
    if checkpoint is None:
        raise NotYetInTheLog("No checkpoint is published yet: too few witnesses have co-signed one. Try again soon.")
    if wanted.filter(Q(leaf=None) | Q(leaf__index__gte=checkpoint.size)).exists():
        raise NotYetInTheLog("Some of these records wait for their place in the log. Try again in a second.")
    included = evidence.included(wanted.order_by("leaf__index"), size=checkpoint.size)
    index_of = {one.id: one.index for one in included}
    names = SignedName.objects.filter(record__chain=main).order_by("record__leaf__index", "position")
    return Bundle(
        log=settings.LOG_ORIGIN,
        log_key=evidence.log_key(),
        witnesses=tuple(one.witness.vkey for one in cosigning.cosignatures_of(checkpoint.size)),
        chain_kind=kind,
        subject=subject,
        made_at=stamp(at),
        checkpoint=checkpoint.note,
        records={one.index: one.envelope for one in included},
        proofs={one.index: str(TlogProof(one.index, one.path, checkpoint.note)) for one in included},
        names=tuple(
            PrintedName(index_of[name.record_id], name.position, name.name, bytes.fromhex(name.salt)) for name in names
        ),
    )


def _chains(places: Iterable[Place]) -> set[UUID]:
    wanted = Q(pk__in=[])
    for kind, subject in places:
        wanted |= Q(kind=kind, subject=subject)
    return set(Chain.objects.filter(wanted).values_list("id", flat=True))
