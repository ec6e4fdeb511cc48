"""What has to be tidied up as time goes by, with nobody looking: each chore may run twice, and at any time.

Any number of processes may do it at once; a chore that fails is logged, and the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from custody.disclosures import tasks as disclosures
from custody.emergency import operations as emergency
from custody.oversight import tasks as oversight
from custody.patients import tasks as patients
from custody.scheduling import tasks as scheduling
from ledger import clock
from ledger.outbox.errors import describe
from ledger.privacy import rotation
from portal.accounts import hands

log = structlog.get_logger(__name__)

SECONDS = 15.0
CHORES: Mapping[str, Callable[..., int]] = {
    "expired slot holds": scheduling.sweep,
    "unanswered signatures": hands.sweep,
    "erasures undone by a backup": patients.erase_again,
    "patients kept long enough": patients.expire_kept,
    "disclosures that are over": disclosures.expire,
    "emergencies that are over": emergency.sweep,
    "old keys": rotation.destroy_old_keys,
    "inspections that are over": oversight.end_inspections,
    "monthly reports": oversight.enqueue_reports,
}
"""What is tidied up, and the function that does it: given the time, it says how many there were."""


def run_once(at: datetime | None = None) -> dict[str, int]:
    """Do every chore; how many things each one tidied up."""
    done = {}
    for name, chore in CHORES.items():
        try:
            done[name] = chore(at=at or clock.now())
        except Exception as problem:
            log.error("housekeeping.failed", chore=name, error=describe(problem))
        else:
            if done[name]:
                log.info("housekeeping.done", chore=name, count=done[name])
    return done
