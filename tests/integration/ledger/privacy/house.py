"""What the tests of killed rotations run in processes of their own: `python -m …house WHAT`, on the database given."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import uuid4

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

import django

django.setup()

from custody.patients import operations, queries  # noqa: E402
from custody.patients.identity import PatientIdentity  # noqa: E402
from custody.patients.models import Patient  # noqa: E402
from custody.rights import correcting  # noqa: E402
from ledger.clock import now  # noqa: E402
from portal.accounts.actors import actor_for  # noqa: E402
from portal.accounts.models import Membership  # noqa: E402
from tests.factories import people  # noqa: E402

SOMEBODY = PatientIdentity("Ngozi", "Okafor", date(1971, 5, 17), "RN-0000", Decimal("68.5"), "ward 4")


def found(count: int) -> None:
    by = people.actor("coordinator", people.organisation("treatment_centre"))
    for number in range(count):
        identity = replace(SOMEBODY, record_number=f"RN-{number:04}")
        operations.enrol_patient(identity=identity, by=by, at=now(), key=f"enrol-{number:06}")


def write(writer: int) -> None:
    """Enrol and correct until killed; each line says what is acknowledged. Writers take numbers apart."""
    by, number = _coordinator(), 5000 + 1000 * writer
    patients = list(Patient.objects.values_list("pk", flat=True))
    while True:
        number += 1
        identity = replace(SOMEBODY, record_number=f"RN-{number:04}")
        made = operations.enrol_patient(identity=identity, by=by, at=now(), key=f"enrol-{uuid4()}")
        one = patients[number % len(patients)]
        known = queries.identities(by=by, patient_ids=[one])[one]
        correcting.correct_identity(
            patient=one,
            identity=replace(known, weight_kg=Decimal(number % 90 + 10)),
            reason="weighed_anew",
            by=by,
            at=now(),
            key=f"correct-{uuid4()}",
        )
        print(made.pk, one, number % 90 + 10, flush=True)
        time.sleep(0.02)


def check() -> None:
    """Say how many patients are readable and found by their number, of how many."""
    by = _coordinator()
    rows = list(Patient.objects.all())
    known = queries.identities(by=by, patient_ids=[row.pk for row in rows])
    by_number = sum(
        queries.find_by_record_number(by=by, record_number=known[row.pk].record_number) == row
        for row in rows
        if row.pk in known
    )
    print(len(rows), len(known), by_number)


def _coordinator():
    held = Membership.objects.select_related("user", "party").get(role="coordinator")
    return actor_for(held.user, held, "password")


if __name__ == "__main__":
    {"found": found, "write": write, "check": lambda *_: check()}[sys.argv[1]](*map(int, sys.argv[2:]))
