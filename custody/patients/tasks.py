"""What time does to patients' data, for housekeeping: the end of keeping, and erasures that a backup has undone."""

from __future__ import annotations

from datetime import datetime

import structlog

from custody.contract import erasure
from custody.patients import erasing, erasure_journal
from custody.patients.models import Patient, PatientAct
from custody.patients.retention import KEPT_YEARS, years_after
from custody.therapies.models import Therapy
from ledger.crypto.errors import VerificationError
from ledger.errors import Refusal
from ledger.log.models import Record
from ledger.log.returning import bring_back

log = structlog.get_logger(__name__)
EVERY_SECONDS = 3_600
AT_ONCE = 200
_last: dict[str, datetime] = {}


def expire_kept(*, at: datetime) -> int:
    """Erase patients whose time of keeping is over: when the process begins and every hour; how many."""
    return expire_now(at=at) if _is_time("expiry", at) else 0


def erase_again(*, at: datetime) -> int:
    """`replay_erasures` when the process begins, as it does after a restore, and every hour."""
    return replay_erasures(at=at) if _is_time("erasures", at) else 0


def _is_time(chore: str, at: datetime) -> bool:
    if chore in _last and 0 <= (at - _last[chore]).total_seconds() < EVERY_SECONDS:
        return False
    _last[chore] = at
    return True


def expire_now(*, at: datetime) -> int:
    """The same now. What is restricted is kept until that is lifted."""
    over = Therapy.objects.filter(ended_at__lte=years_after(at, -KEPT_YEARS)).values("patient_id")
    restricted = PatientAct.objects.filter(kind="restricted", ended_at=None).values("patient_id")
    due = Patient.objects.filter(pk__in=over).exclude(erased=erasure.WHOLE).exclude(pk__in=restricted)
    done = 0
    for row in due.select_related("centre")[:AT_ONCE]:
        try:
            until = erasing.keeping_of(row)
            if until is None or until > at:
                continue
            erasing.expire(patient=row.pk, by=erasing.retention_actor(row.centre), at=at, key=f"expired-{row.pk}")
        except Refusal as refusal:
            log.info("retention.waits", reason=refusal.code)
        else:
            done += 1
    return done


def replay_erasures(*, at: datetime) -> int:
    """Bring back erasures that the database has lost, and erase again what is readable; how many things were done.

    A file that does not verify is left alone and said in the log: nobody erases a patient by putting a file there.
    """
    done = 0
    for record in erasure_journal.unwritten():
        erasure_journal.write(record)
        done += 1
    held = set(Record.objects.filter(chain__kind=erasure.KIND).values_list("id", flat=True))
    for chain, records in erasure_journal.kept():
        if all(one.id in held for one in records):
            continue
        try:
            done += bring_back(records)
        except (VerificationError, Refusal) as problem:
            log.error("erasures.not_brought_back", chain=str(chain), problem=str(problem)[:200])
    for row in erasing.readable_again():
        erasing.carry_out_again(row, at=at)
        done += 1
    return done
