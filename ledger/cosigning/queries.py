"""What is published, and who watches. It takes no actor: every member may know all of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from uuid import UUID

from django.conf import settings

from ledger.cosigning.models import Cosignature, Witness
from ledger.crypto import cosignature, notes, policy
from ledger.crypto.errors import VerificationError
from ledger.errors import Conflict
from ledger.log import tiles
from ledger.log.logs import OPERATORS
from ledger.log.models import Checkpoint

STALE = timedelta(minutes=5)
"""A checkpoint whose co-signatures are older than this is refused by readers (DESIGN §3)."""

OFFER_SECONDS = 2
"""All witnesses that ask within one such span are asked to co-sign the same checkpoint."""

SEARCHED = 200
"""How many co-signed sizes are looked through for one that meets the policy."""


class PolicyUnusable(Exception):
    """The file that NEEDLEPOINT_WITNESS_POLICY names cannot be used."""


class StaleCheckpoint(Conflict):
    """The quorum that the policy asks for has been silent for five minutes."""


@dataclass(frozen=True, slots=True)
class Published:
    """A checkpoint with its co-signatures. `fresh_at` is when the quorum last spoke; None where none is asked for."""

    size: int
    root: str
    note: str
    signed_at: datetime
    fresh_at: datetime | None


@dataclass(frozen=True, slots=True)
class WitnessStanding:
    """One witness, under its name: what it co-signed last, when, and how many records it is behind."""

    name: str
    party: UUID
    key_ids: tuple[str, ...]
    vkeys: tuple[str, ...]
    size: int | None
    signed_at: datetime | None
    behind: int
    stale: bool
    in_policy: bool


@dataclass(frozen=True, slots=True)
class Watch:
    """Who watches the log: witnesses, what is published, and what the policy asks for."""

    witnesses: tuple[WitnessStanding, ...]
    published: Published | None
    demanded: bool
    stale: bool
    newest: int
    log: str = OPERATORS

    @property
    def current(self) -> int:
        """How many witnesses spoke within the last five minutes."""
        return sum(not one.stale for one in self.witnesses)

    @property
    def unpublished(self) -> int:
        """How many records came since the published checkpoint."""
        return self.newest - (self.published.size if self.published else 0)


def policy_in_force() -> policy.Policy | None:
    """The policy of the settings; None when none is set: then the newest checkpoint is published at once."""
    path = settings.WITNESS_POLICY
    if path is None:
        return None
    try:
        return _parsed(path, path.stat().st_mtime_ns)
    except (OSError, VerificationError) as problem:
        raise PolicyUnusable(f"{path} cannot be used as a policy: {problem}") from problem


def policy_for_readers() -> str:
    """The policy as text, for who checks co-signatures; empty where none is set. Readers may have one of their own."""
    path = settings.WITNESS_POLICY
    return policy.as_told(path.read_bytes()) if path is not None and policy_in_force() else ""


@lru_cache(maxsize=4)
def _parsed(path: Path, _changed: int) -> policy.Policy:
    return policy.parse(path.read_bytes())


def offered(*, at: datetime, log: str = OPERATORS) -> Checkpoint | None:
    """The checkpoint that witnesses are asked to co-sign: the newest one that is older than the present span.

    Without that, each of them would be shown another size while records come, and no size would have a quorum.
    """
    span = datetime.fromtimestamp(at.timestamp() // OFFER_SECONDS * OFFER_SECONDS, at.tzinfo)
    return (
        Checkpoint.objects.filter(log=log, signed_at__lt=span).order_by("-size").first()
        or Checkpoint.objects.filter(log=log).order_by("size").first()
    )


@dataclass(frozen=True, slots=True)
class Vouched:
    """How far a quorum vouches for a log: up to `size`, and whether it has spoken within five minutes.

    Where no policy asks for a quorum `size` is None: nobody vouches, and nobody has to.
    """

    size: int | None
    fresh: bool


def vouched(*, at: datetime, log: str = OPERATORS) -> Vouched:
    """What readers may rely on at this moment (DESIGN §3: older than five minutes is stale)."""
    asked = policy_in_force()
    if asked is None or asked.quorum == policy.NONE:
        return Vouched(None, True)
    found = published(log)
    if found is None:
        return Vouched(0, False)
    return Vouched(found.size, found.fresh_at is not None and at - found.fresh_at <= STALE)


def check_fresh(*, at: datetime, log: str = OPERATORS) -> None:
    """Raise StaleCheckpoint when the policy's quorum has been silent for five minutes."""
    if not vouched(at=at, log=log).fresh:
        raise StaleCheckpoint(
            "Too few witnesses have co-signed the log in the last five minutes, so nobody vouches that everybody sees "
            "the same records now. What is verified here would only hold for earlier. Try again when they speak."
        )


def published(log: str = OPERATORS) -> Published | None:
    """The newest checkpoint that meets the policy, its co-signatures under it; None when there is none yet."""
    asked = policy_in_force()
    if asked is None or asked.quorum == policy.NONE:
        newest = tiles.latest_checkpoint(log)
        return _with_lines(newest, cosignatures_of(newest.size, log), asked) if newest else None
    sizes = Cosignature.objects.filter(log=log).order_by("-size").values_list("size", flat=True).distinct()[:SEARCHED]
    rows: dict[int, list[Cosignature]] = {}
    found = Cosignature.objects.filter(log=log, size__in=list(sizes)).select_related("witness")
    for row in found.order_by("witness__name"):
        rows.setdefault(row.size, []).append(row)
    for size in sorted(rows, reverse=True):
        if asked.met_by({(row.witness.name, bytes.fromhex(row.witness.key_id)) for row in rows[size]}):
            return _with_lines(Checkpoint.objects.get(log=log, size=size), rows[size], asked)
    return None


def witnessing_members() -> int:
    """How many members have a witness that is enrolled and not retired."""
    return Witness.objects.filter(retired_at=None).values("party_id").distinct().count()


def enrolled_since() -> dict[str, datetime]:
    """When each witness was enrolled, by its name; those that were retired are left out."""
    rows = Witness.objects.filter(retired_at=None).order_by("-enrolled_at")
    return dict(rows.values_list("name", "enrolled_at"))


def last_agreed(*, below: int, log: str = OPERATORS) -> int:
    """The largest size below `below` that the policy's quorum co-signed (any witness, where none is set); or 0."""
    asked = policy_in_force()
    lines: dict[int, set[tuple[str, bytes]]] = {}
    rows = Cosignature.objects.filter(log=log, size__lt=below).select_related("witness").order_by("-size")
    for row in rows.iterator(chunk_size=500):
        if lines and row.size not in lines:
            lines = {}
        taken = lines.setdefault(row.size, set())
        taken.add((row.witness.name, bytes.fromhex(row.witness.key_id)))
        if asked is None or asked.quorum == policy.NONE or asked.met_by(taken):
            return row.size
    return 0


def cosignatures_of(size: int, log: str = OPERATORS) -> list[Cosignature]:
    """The co-signatures under the checkpoint of this size."""
    return list(Cosignature.objects.filter(log=log, size=size).select_related("witness").order_by("witness__name"))


def watch(*, at: datetime, log: str = OPERATORS) -> Watch:
    """Who watches a log, for the health page."""
    asked, newest, shown = policy_in_force(), tiles.latest_checkpoint(log), published(log)
    size = newest.size if newest else 0
    named = {(one.verifier.name, one.verifier.key_id.hex()) for one in asked.witnesses.values()} if asked else set()
    grouped: dict[str, list[Witness]] = {}
    for witness in Witness.objects.filter(retired_at=None).order_by("name", "key_id"):
        grouped.setdefault(witness.name, []).append(witness)
    standings = []
    for name, keys in grouped.items():
        last = Cosignature.objects.filter(log=log, witness__in=keys).order_by("-signed_at", "-size").first()
        standings.append(
            WitnessStanding(
                name=name,
                party=keys[0].party_id,
                key_ids=tuple(key.key_id for key in keys),
                vkeys=tuple(key.vkey for key in keys),
                size=last.size if last else None,
                signed_at=last.signed_at if last else None,
                behind=size - (last.size if last else 0),
                stale=last is None or at - last.signed_at > STALE,
                in_policy=any((key.name, key.key_id) in named for key in keys),
            )
        )
    demanded = asked is not None and asked.quorum != policy.NONE
    fresh_at = shown.fresh_at if shown else None
    return Watch(
        witnesses=tuple(standings),
        published=shown,
        demanded=demanded,
        stale=demanded and (fresh_at is None or at - fresh_at > STALE),
        newest=size,
        log=log,
    )


def _with_lines(row: Checkpoint, lines: list[Cosignature], asked: policy.Policy | None) -> Published:
    note = row.note
    for line in lines:
        note = notes.add_signature(note, line.line)
    return Published(row.size, row.root, note, row.signed_at, _fresh_at(lines, asked))


def _fresh_at(lines: list[Cosignature], asked: policy.Policy | None) -> datetime | None:
    """The latest moment since which the policy is met by signatures that are no older."""
    if asked is None or asked.quorum == policy.NONE:
        return None
    taken: set[tuple[str, bytes]] = set()
    for line in sorted(lines, key=lambda line: line.signed_at, reverse=True):
        verifier = cosignature.verifier(line.witness.vkey)
        taken.add((verifier.name, verifier.key_id))
        if asked.met_by(taken):
            return line.signed_at
    return None
