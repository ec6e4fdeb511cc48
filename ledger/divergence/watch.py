"""The portal's own audit: tables against records, and silence, a slice at a time, always.

A turn glances at the rows of some chains, for a third of its time (`glance`), and replays those whose rows changed and
whose records did not; then it replays the chains that were written last and goes on in a round over the rest, chain by
chain and bundle by bundle of the log, until its time is up. So a row that was edited past the application is found
without anybody asking, within seconds; one that was edited while nobody looked, within a round. What it finds it
reports as a witness does, signed with the operator's key. A portal that lies does not report itself: this finds
accidents and intruders, and the members' witnesses find the rest.

A finding has to show twice. Reports name table, row and column and never a value.
"""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterator, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection

from ledger.clock import stamp
from ledger.cosigning import queries as cosigning
from ledger.crypto import checkpoint, merkle, notes
from ledger.crypto import tiles as tile_format
from ledger.crypto.errors import VerificationError
from ledger.divergence import report as reports
from ledger.divergence.glance import Glance
from ledger.divergence.models import AuditRound, Divergence, DivergenceReport, DivergenceResolution
from ledger.divergence.operations import Reporter, Taken, TooManyReports, keep
from ledger.log import evidence, tiles, triggers, verification
from ledger.log.audit import audit
from ledger.log.finding import Finding
from ledger.log.logs import OPERATORS
from ledger.log.models import Chain, Checkpoint, Leaf, PendingRecord, Record
from ledger.parties.keystore import keystore
from ledger.parties.models import Party

NEWEST = 4
"""How many of the last records' chains every turn replays."""
GLANCE = 1 / 3
"""The share of a turn's time in which the rows of all chains are seen, some each turn."""
TURN_SECONDS = 5.0
ASLEEP = timedelta(minutes=1)
"""After so long without a turn the audit was off: nobody is called silent before it has listened for a while."""
AUDITOR = "audit"
_GLANCE = Glance()
"""This process's memory of what the rows were; one loop of one process turns."""
SPOKE_AGAIN = "Settled by the portal's own audit: what was silent has spoken again."


def turn(*, at: datetime, seconds: float | None = None) -> int:
    """Look at one more slice, for `seconds` (the setting, if None); how many findings there were.

    Nothing happens before an operator is enrolled, or with no time given.
    """
    budget = settings.AUDIT_SECONDS if seconds is None else seconds
    operator = Party.objects.filter(kind="operator").order_by("code").first()
    if operator is None or not budget:
        return 0
    begun = time.monotonic()
    position = _begun(at)
    changed = {chain.pk: chain for chain in _GLANCE.changed(begun + budget * GLANCE)}
    found = [*_tables(position, begun + budget, changed, at=at)]
    position.save()
    by = reporter(operator)
    for finding in found:
        _report(finding, by, operator, at=at)
    return len(found) + listen(operator, awake_since=position.awake_since, at=at)


def reporter(operator: Party) -> Reporter:
    """The audit as a reporter: the operator's key under a name of the log's own."""
    name = f"{settings.LOG_ORIGIN}/{AUDITOR}"
    return Reporter(name, operator.pk, notes.vkey(name, keystore().signer(f"party-{operator.pk}").public_key))


def last_round() -> AuditRound | None:
    """How far the audit is, for the health page."""
    return AuditRound.objects.filter(pk=1).first()


def _begun(at: datetime) -> AuditRound:
    position, _ = AuditRound.objects.get_or_create(
        pk=1, defaults={"started_at": at, "turned_at": at, "awake_since": at}
    )
    if at - position.turned_at > ASLEEP:
        position.awake_since = at
    position.turned_at = at
    return position


def _tables(position: AuditRound, until: float, changed: Mapping[UUID, Chain], *, at: datetime) -> Iterator[Finding]:
    """What is wrong with those that changed, with the newest and with the next slice of the round."""
    yield from _newest_checkpoint()
    newest = Record.objects.order_by("-id").values_list("chain_id", flat=True)[:NEWEST]
    for chain in changed.values():
        yield from _chain(chain)
    for chain in Chain.objects.filter(pk__in=set(newest) - set(changed)):
        yield from _chain(chain)
    if position.chain is None and position.leaf == 0:
        for table in triggers.missing(connection, triggers.every_table()):
            yield Finding(table, "every row", "the trigger that refuses changes is gone")
    while time.monotonic() < until:
        rest = Chain.objects.order_by("pk")
        if position.chain is not None:
            rest = rest.filter(pk__gt=position.chain)
        slice_ = list(rest[:4])
        for chain in slice_:
            yield from _chain(chain)
            position.chain = chain.pk
        if not slice_ and not (yield from _bundle(position)):
            position.finished_at, position.took_seconds = at, int((at - position.started_at).total_seconds())
            position.chain, position.leaf, position.started_at = None, 0, at
            yield from verification._orphans(lambda what, count: None)
            return


def _chain(chain: Chain) -> Iterator[Finding]:
    """A chain's findings that show twice: a record may have come in between two looks."""
    first = audit(kind=chain.kind, subject=chain.subject).findings
    if first:
        again = set(audit(kind=chain.kind, subject=chain.subject).findings)
        yield from (finding for finding in first if finding in again)


def _bundle(position: AuditRound) -> Generator[Finding, None, bool]:
    """The next 256 leaves: each is its record's envelope, and the tile holds it. Returns whether there were any."""
    rows = Leaf.objects.filter(log=OPERATORS, index__gte=position.leaf).select_related("record").order_by("index")
    leaves = list(rows.only("index", "record__envelope", "record__leaf_hash")[: tile_format.WIDTH])
    newest = tiles.latest_checkpoint()
    if not leaves or newest is None:
        return False
    node = tiles.reader(newest.size)
    for expected, leaf in enumerate(leaves, start=position.leaf):
        if leaf.index != expected:
            yield Finding("ledger_leaf", str(expected), "it is missing")
            break
        computed = merkle.leaf_hash(bytes(leaf.record.envelope))
        if computed.hex() != leaf.record.leaf_hash:
            yield Finding("ledger_record", str(leaf.record_id), "its leaf hash is not that of its envelope")
        if leaf.index < newest.size and node(0, leaf.index) != computed:
            yield Finding("ledger_tile", str(leaf.index), "its hash is not that of the leaf's record")
    position.leaf += tile_format.WIDTH
    return True


def _newest_checkpoint() -> Iterator[Finding]:
    row = Checkpoint.objects.filter(log=OPERATORS).order_by("-size").first()
    if row is None:
        return
    verifier = notes.parse_vkey(evidence.log_key())
    try:
        said = checkpoint.open_checkpoint(row.note, origin=settings.LOG_ORIGIN, log=verifier).checkpoint
        root = merkle.subtree_root(0, row.size, tiles.reader(row.size))
    except (VerificationError, ValueError) as problem:
        yield Finding("ledger_checkpoint", str(row.size), f"it does not hold: {problem}")
        return
    if (said.size, said.root) != (row.size, root) or row.root != root.hex():
        yield Finding("ledger_checkpoint", str(row.size), "its root is not that of the tiles")


def _report(finding: Finding, by: Reporter, operator: Party, *, at: datetime) -> Taken | None:
    problem = f"column {finding.column} is not what the records say" if finding.column else finding.problem
    text = f"{finding.table} {finding.row}: {problem}"
    facts = {"table": finding.table, "row": finding.row, "column": finding.column, "problem": problem}
    return _sent("mismatch", text, by, operator, at=at, evidence={"finding.json": json.dumps(facts).encode()})


def _sent(
    kind: str, problem: str, by: Reporter, operator: Party, *, at: datetime, evidence: dict[str, bytes], size: int = 0
) -> Taken | None:
    """Sign a report and keep it, unless the same is open already; None when it was not kept."""
    said = {"log": settings.LOG_ORIGIN, "kind": kind, "size": size, "index": None, "problem": problem}
    if _is_open(by, problem):
        return None
    document = reports.compose(
        witness=by.name,
        signer=keystore().signer(f"party-{operator.pk}"),
        detected_at=stamp(at),
        evidence=evidence,
        **said,  # type: ignore[arg-type]
    )
    found = reports.parse(document)
    reports.check_signature(found, by.vkey)
    try:
        return keep(found, document=document, by=by, at=at)
    except TooManyReports:
        # As many are open as one reporter may have: the red bar says enough.
        return None


def report(*, kind: str, problem: str, size: int, evidence: dict[str, bytes], at: datetime) -> Taken | None:
    """Report what another part of the portal found, as the audit; None when it is open already."""
    operator = Party.objects.filter(kind="operator").order_by("code").first()
    if operator is None:
        return None
    return _sent(kind, problem, reporter(operator), operator, at=at, evidence=evidence, size=size)


def _is_open(by: Reporter, problem: str) -> bool:
    mine = DivergenceReport.objects.filter(witness=by.name, divergence__resolution=None)
    return mine.filter(divergence__problem=problem[: reports.MAX_PROBLEM]).exists()


def listen(operator: Party, *, awake_since: datetime, at: datetime) -> int:
    """Report who has been silent for five minutes, and settle what has spoken again; how many are silent."""
    by = reporter(operator)
    silent = dict(_silent(at)) if at - awake_since > cosigning.STALE else {}
    if at - awake_since > cosigning.STALE:
        _settle_spoken(by, operator, set(silent), at=at)
    for problem, size in silent.items():
        _sent("stale", problem, by, operator, at=at, evidence={}, size=size)
    return len(silent)


def _silent(at: datetime) -> Iterator[tuple[str, int]]:
    watch = cosigning.watch(at=at)
    if watch.stale:
        size = watch.published.size if watch.published else 0
        yield f"The quorum of the policy has not co-signed anything newer than {size} records, or not for long.", size
    enrolled = cosigning.enrolled_since()
    for one in watch.witnesses:
        if one.stale and at - enrolled[one.name] > cosigning.STALE:
            since = f"since {stamp(one.signed_at)}" if one.signed_at else "ever"
            yield f"The witness {one.name} has not co-signed {since}.", one.size or 0
    oldest = PendingRecord.objects.order_by("id").values_list("record__recorded_at", flat=True).first()
    if oldest is not None and at - oldest > cosigning.STALE:
        yield f"A record waits for its place in the log since {stamp(oldest)}: the sequencer stands still.", 0


def _settle_spoken(by: Reporter, operator: Party, silent: set[str], *, at: datetime) -> None:
    mine = Divergence.objects.filter(kind="stale", resolution=None, reports__witness=by.name)
    for row in mine.exclude(problem__in=silent):
        minutes = max(1, round((at - row.received_at).total_seconds() / 60))
        DivergenceResolution.objects.get_or_create(
            divergence=row,
            defaults={
                "party_id": operator.pk,
                "person": UUID(int=0),
                "role": AUDITOR,
                "reason": f"{SPOKE_AGAIN} It was open for {minutes} min.",
                "at": at,
            },
        )


__all__ = ["AUDITOR", "TURN_SECONDS", "last_round", "listen", "report", "reporter", "turn"]
