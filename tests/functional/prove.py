"""Judge finished segments in the database that the environment names; run as a process by `portal_server`.

The therapies are named as arguments. Without any they are two of those that `tests.functional.tell` tells: one that
came to its end, with all its segments, and one whose transport was too warm.
"""

from __future__ import annotations

import os
import sys
from uuid import UUID

import django


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    from custody.compliance.models import ComplianceProof
    from custody.compliance.tasks import close_provers, prove_now
    from custody.compliance.triggers import JOB
    from custody.exceptions.models import CustodyException
    from custody.therapies.models import Therapy
    from ledger.clock import now
    from ledger.log import sequencer
    from ledger.outbox.models import OutboxJob

    therapies = {UUID(one) for one in sys.argv[1:]}
    if not therapies:
        warm = CustodyException.objects.filter(kind="excursion").order_by("opened_at").values_list("therapy_id")[0][0]
        therapies = {Therapy.objects.order_by("ordered_at").values_list("pk", flat=True)[0], warm}
    try:
        for job in OutboxJob.objects.filter(kind=JOB).order_by("run_after", "pk"):
            if UUID(job.payload["therapy"]) in therapies:
                prove_now(therapy=UUID(job.payload["therapy"]), segment=job.payload["segment"], at=now())
    finally:
        close_provers()
    sequencer.drain()
    verdicts = set(ComplianceProof.objects.filter(therapy__in=therapies).values_list("verdict", flat=True))
    print(", ".join(sorted(verdicts)))


if __name__ == "__main__":
    main()
