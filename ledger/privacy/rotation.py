"""Rotating the keys that patient data rests on, one kind at a time, while everything goes on.

| kind | what is changed | what stays |
|---|---|---|
| `kek` | the installation's keys are wrapped anew by the key service, key files sealed anew | those keys |
| `wraps` | the key that wraps patients' keys for their holders | patients' keys |
| `patients` | each patient's key; every value is sealed anew | values, salts, commitments |
| `parties` | the organisations' HPKE keys; what is shared with them is wrapped anew | patients' keys |
| `index` | the key of the blind indexes | record numbers |

What is still to be done is read off the rows, a few of them in one transaction each: a rotation that is killed goes on
where it stood, and writers wait for one patient at most. An old key is destroyed when nothing is under it any more,
and GRACE_SECONDS after the last row was moved: a writer that had read the old one has long ended by then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F

from ledger.clock import now
from ledger.parties.keystore import keystore
from ledger.privacy import installation, keyring, renewal
from ledger.privacy.key_service import key_service
from ledger.privacy.models import (
    DataKey,
    InstallationKey,
    KeyRotation,
    KeyWrap,
    Purpose,
    RecipientKey,
    WrapMethod,
)

GRACE_SECONDS = 60
BATCH = 50
COUNTED_TOGETHER = 10
"""The count of a rotation is written down so often; what is to be done is read off the rows, never off the count."""
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Reindex:
    """How a table's blind indexes are made anew: its rows under an old key, and one row moved to the new one."""

    left: Callable[[int], list[UUID]]
    move: Callable[[UUID, int], None]
    left_count: Callable[[int], int]


_reindexes: list[Reindex] = []
_before_kek: list[Callable[[], None]] = []


def before_kek(keep: Callable[[], None]) -> None:
    """A room above that derives something from the KEK registers how it is kept when the KEK changes."""
    _before_kek.append(keep)


def register_index(reindex: Reindex) -> None:
    """A room above that keeps blind indexes registers how they are made anew, once, at start-up."""
    _reindexes.append(reindex)


class _Kind:
    """One kind of rotation: `begin` makes the new key, `moves` yields after each row that was moved."""

    def begin(self, at: datetime) -> None: ...

    def left(self, started_at: datetime) -> int:
        raise NotImplementedError

    def moves(self, started_at: datetime) -> Iterator[None]:
        raise NotImplementedError


class _Patients(_Kind):
    def left(self, started_at: datetime) -> int:
        return self._rows(started_at).count()

    def moves(self, started_at: datetime) -> Iterator[None]:
        while ids := list(self._rows(started_at).order_by("id").values_list("id", flat=True)[:BATCH]):
            for id_ in ids:
                with transaction.atomic():
                    key = self._rows(started_at).select_for_update().filter(pk=id_).first()
                    if key is not None:
                        renewal.renew(key, at=now())
                yield None

    @staticmethod
    def _rows(started_at: datetime):  # type: ignore[no-untyped-def]
        rows = DataKey.objects.filter(erased_at=None, created_at__lt=started_at)
        return rows.exclude(renewed_at__gte=started_at)


class _Wraps(_Kind):
    def begin(self, at: datetime) -> None:
        installation.make(Purpose.PATIENT_KEYS, installation.in_force(Purpose.PATIENT_KEYS).version + 1, at=at)

    def left(self, started_at: datetime) -> int:
        return self._rows().count()

    def moves(self, started_at: datetime) -> Iterator[None]:
        while ids := list(self._rows().order_by("id").values_list("id", flat=True)[:BATCH]):
            for id_ in ids:
                _move_wrap(id_)
                yield None

    @staticmethod
    def _rows():  # type: ignore[no-untyped-def]
        version = installation.in_force(Purpose.PATIENT_KEYS).version
        return KeyWrap.objects.filter(method=WrapMethod.INSTALLATION, wrapped_under__lt=version)


class _Parties(_Kind):
    def begin(self, at: datetime) -> None:
        parties = set(KeyWrap.objects.filter(method=WrapMethod.HPKE).values_list("party_id", flat=True))
        for party in parties | set(RecipientKey.objects.values_list("party_id", flat=True)):
            version = keyring.recipient_version(party) + 1
            keystore().create(keyring.recipient_name(party, version))
            RecipientKey.objects.create(party_id=party, version=version, created_at=at)

    def left(self, started_at: datetime) -> int:
        return len(self._rows())

    def moves(self, started_at: datetime) -> Iterator[None]:
        while ids := self._rows()[:BATCH]:
            for id_ in ids:
                _move_wrap(id_)
                yield None

    @staticmethod
    def _rows() -> list[int]:
        newest: dict[UUID, int] = {}
        for party, version in RecipientKey.objects.values_list("party_id", "version"):
            newest[party] = max(version, newest.get(party, 0))
        rows = KeyWrap.objects.filter(method=WrapMethod.HPKE, party__in=newest).order_by("id")
        return [
            id_ for id_, party, under in rows.values_list("id", "party_id", "wrapped_under") if under < newest[party]
        ]


class _Index(_Kind):
    def begin(self, at: datetime) -> None:
        installation.make(Purpose.INDEX, installation.in_force(Purpose.INDEX).version + 1, at=at)

    def left(self, started_at: datetime) -> int:
        version = installation.in_force(Purpose.INDEX).version
        return sum(one.left_count(version) for one in _reindexes)

    def moves(self, started_at: datetime) -> Iterator[None]:
        version = installation.in_force(Purpose.INDEX).version
        for one in _reindexes:
            while ids := one.left(version)[:BATCH]:
                for id_ in ids:
                    one.move(id_, version)
                    yield None


class _Kek(_Kind):
    """Wrapped anew: the installation's own keys, and the key files that the settings' KEK seals."""

    def begin(self, at: datetime) -> None:
        for keep in _before_kek:
            keep()
        # What was derived from the old KEK itself has to have keys of its own first.
        for purpose, kind in ((Purpose.PATIENT_KEYS, "wraps"), (Purpose.INDEX, "index")):
            if not InstallationKey.objects.filter(purpose=purpose).exists():
                KINDS[kind].begin(at)

    def left(self, started_at: datetime) -> int:
        rest = KINDS["wraps"].left(started_at) + KINDS["index"].left(started_at)
        stale = InstallationKey.objects.exclude(kek=key_service().name()).count()
        return rest + stale + len(keystore().sealed_otherwise())

    def moves(self, started_at: datetime) -> Iterator[None]:
        yield from KINDS["wraps"].moves(started_at)
        yield from KINDS["index"].moves(started_at)
        for row in InstallationKey.objects.exclude(kek=key_service().name()):
            installation.wrap_anew(row)
            yield None
        for name in keystore().sealed_otherwise():
            keystore().seal_anew(name)
            yield None


KINDS: Mapping[str, _Kind] = {
    "kek": _Kek(),
    "wraps": _Wraps(),
    "patients": _Patients(),
    "parties": _Parties(),
    "index": _Index(),
}


def _move_wrap(id_: int) -> None:
    with transaction.atomic():
        wrap = KeyWrap.objects.filter(pk=id_).select_related("data_key").first()
        if wrap is None:
            return
        # The data key first, as everybody locks it; the wrap is then read as it is now.
        data_key = DataKey.objects.select_for_update().get(pk=wrap.data_key_id)
        wrap = KeyWrap.objects.filter(pk=id_).first()
        if wrap is not None:
            keyring.wrap_again(wrap, data_key)


def open_rotation(kind: str, *, at: datetime) -> tuple[KeyRotation, bool]:
    """The unfinished rotation of this kind, or a new one with its new key; whether it was there already."""
    found = KeyRotation.objects.filter(kind=kind, finished_at=None).first()
    if found is not None:
        return found, True
    try:
        with transaction.atomic():
            made = KeyRotation.objects.create(kind=kind, started_at=at)
            KINDS[kind].begin(at)
    except IntegrityError:
        return KeyRotation.objects.get(kind=kind, finished_at=None), True
    return made, False


def rotate(kind: str, *, at: datetime, tell: Progress = lambda count: None) -> KeyRotation:
    """Rotate to the end, from wherever an earlier run was stopped. `tell` hears of each row."""
    rotation, _ = open_rotation(kind, at=at)
    moved = 0
    while KINDS[kind].left(rotation.started_at):
        for _ in KINDS[kind].moves(rotation.started_at):
            moved += 1
            tell(1)
            if moved == COUNTED_TOGETHER:
                KeyRotation.objects.filter(pk=rotation.pk).update(done=F("done") + moved)
                moved = 0
    KeyRotation.objects.filter(pk=rotation.pk).update(done=F("done") + moved, finished_at=now())
    rotation.refresh_from_db()
    return rotation


def left(kind: str, rotation: KeyRotation) -> int:
    """How many rows are still under the old key."""
    return KINDS[kind].left(rotation.started_at)


def destroy_old_keys(*, at: datetime, grace_seconds: float = GRACE_SECONDS) -> int:
    """Destroy the keys that nothing is under any more, a while after their rotation ended; how many.

    Whatever a late writer put under an old key meanwhile is moved first. For housekeeping; may run twice.
    """
    before = at - timedelta(seconds=grace_seconds)
    destroyed = 0
    for kind, purpose in (("wraps", Purpose.PATIENT_KEYS), ("index", Purpose.INDEX)):
        current = InstallationKey.objects.filter(purpose=purpose, created_at__lt=before).order_by("-version").first()
        if current is None or KeyRotation.objects.filter(kind__in=(kind, "kek"), finished_at=None).exists():
            continue
        old = InstallationKey.objects.filter(purpose=purpose, version__lt=current.version)
        if old.exists() and _drained(kind):
            destroyed += old.delete()[0]
    if not KeyRotation.objects.filter(kind="parties", finished_at=None).exists():
        destroyed += _destroy_recipient_keys(before)
    return destroyed


def _drained(kind: str) -> bool:
    for _ in KINDS[kind].moves(now()):
        time.sleep(0)
    return KINDS[kind].left(now()) == 0


def _destroy_recipient_keys(before: datetime) -> int:
    destroyed = 0
    for row in RecipientKey.objects.filter(created_at__lt=before):
        older = keyring.recipient_name(row.party_id, row.version - 1)
        if older in keystore().names() and _drained("parties"):
            keystore().remove(older)
            destroyed += 1
    return destroyed


def progress() -> list[KeyRotation]:
    """Every rotation there was, the last first."""
    return list(KeyRotation.objects.order_by("-started_at"))


__all__ = ["GRACE_SECONDS", "KINDS", "Reindex", "destroy_old_keys", "left", "open_rotation", "register_index", "rotate"]
