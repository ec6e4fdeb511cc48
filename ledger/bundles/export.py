"""Writing a bundle from the database: the chains asked for, and the register of members that they speak of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from ledger.bundles.format import Bundle, Disclosed, Part, PrintedName
from ledger.clock import stamp
from ledger.cosigning import queries as cosigning
from ledger.cosigning.queries import Published
from ledger.crypto import canonical, dsse
from ledger.crypto.tlog_proof import TlogProof
from ledger.errors import Conflict, NotFound
from ledger.log import evidence
from ledger.log.entries import entry_of
from ledger.log.evidence import IncludedRecord
from ledger.log.logs import OPERATORS
from ledger.log.models import Chain, Record, SignedName
from ledger.parties import acts
from ledger.parties.models import PersonKey

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
    about = {main, *_chains(along)}
    about |= _people_in(about)
    wanted = Record.objects.filter(Q(chain__in=about) | Q(chain__kind__in=("register", "log")))
    logs = [OPERATORS, *wanted.exclude(log=OPERATORS).order_by("log").values_list("log", flat=True).distinct()]
    if wanted.filter(leaf=None).exists():
        raise NotYetInTheLog("Some of these records wait for their place in the log. Try again in a second.")
    published = {log: _published(log) for log in logs}
    if any(wanted.filter(log=log, leaf__index__gte=published[log].size).exists() for log in logs):
        raise NotYetInTheLog("Some of these records wait for their place in the log. Try again in a second.")
    found = {log: evidence.included(wanted.order_by("leaf__index"), size=published[log].size, log=log) for log in logs}
    parts = {log: _part(published[log].note, several) for log, several in found.items()}
    place_of = {one.id: (one.log, one.index) for several in found.values() for one in several}
    names = SignedName.objects.filter(record__chain=main).order_by("record__seq", "position")
    operators = parts.pop(OPERATORS)
    return Bundle(
        log=settings.LOG_ORIGIN,
        log_key=evidence.log_key(published[OPERATORS].size),
        witnesses=_witnesses(published),
        chain_kind=kind,
        subject=subject,
        made_at=stamp(at),
        checkpoint=operators.checkpoint,
        records=operators.records,
        proofs=operators.proofs,
        names=tuple(_name(name, *place_of[name.record_id]) for name in names),
        members=parts,
    )


def with_disclosed(bundle: Bundle, values: tuple[Disclosed, ...]) -> Bundle:
    """The bundle with values that were disclosed to whoever it is for."""
    return replace(bundle, disclosed=values)


def _published(log: str) -> Published:
    found = cosigning.published(log)
    if found is None:
        raise NotYetInTheLog("No checkpoint is published yet: too few witnesses have co-signed one. Try again soon.")
    return found


def _part(note: str, records: list[IncludedRecord]) -> Part:
    return Part(
        checkpoint=note,
        records={one.index: one.envelope for one in records},
        proofs={one.index: str(TlogProof(one.index, one.path, note)) for one in records},
    )


def _witnesses(published: Mapping[str, Published]) -> tuple[str, ...]:
    """The keys of all who cosigned one of these checkpoints, each once."""
    rows = [row for log, one in published.items() for row in cosigning.cosignatures_of(one.size, log)]
    return tuple(dict.fromkeys(row.witness.vkey for row in rows))


def _name(row: SignedName, log: str, index: int) -> PrintedName:
    return PrintedName(index, row.position, row.name, bytes.fromhex(row.salt), log)


def _people_in(chains: set[UUID]) -> set[UUID]:
    """The chains with the signing keys of everybody who signed in these chains, in a register, or for such a key."""
    people = set(PersonKey.objects.values_list("subject", flat=True).distinct())
    if not people:
        return set()
    found: set[UUID] = set()
    asked = Record.objects.filter(Q(chain__in=chains) | Q(chain__kind__in=("register", "log")))
    while True:
        subjects = {
            acts.subject_of(signature.party, signature.person)
            for envelope in asked.values_list("envelope", flat=True).iterator(chunk_size=500)
            for signature in acts.signatures(entry_of(canonical.decode(dsse.payload_of(bytes(envelope)))))
        }
        more = set(Chain.objects.filter(kind=acts.KIND, subject__in=subjects & people).values_list("id", flat=True))
        if more <= found:
            return found
        asked = Record.objects.filter(chain__in=more - found)
        found |= more


def _chains(places: Iterable[Place]) -> set[UUID]:
    wanted = Q(pk__in=[])
    for kind, subject in places:
        wanted |= Q(kind=kind, subject=subject)
    return set(Chain.objects.filter(wanted).values_list("id", flat=True))
