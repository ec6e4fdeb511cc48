"""Whoever writes while a key is rotated: no record that the old key signed comes behind the end of that key."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection

from ledger.log import sequencer
from ledger.log.models import Record
from ledger.log.operations import append, open_chain, operation
from ledger.log.verification import findings
from ledger.log.world import DatabaseWorld
from ledger.parties import key_operations, operations, queries, signing
from ledger.parties.actor import Actor
from ledger.parties.contract import ENROLLED, party_of
from ledger.parties.keystore import keystore
from ledger.parties.models import Party, PartyKey
from tests.factories import keys as given

pytestmark = [pytest.mark.postgres(orm=True), pytest.mark.django_db(transaction=True)]

WRITERS, RECORDS, ROTATIONS = 4, 25, 6


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    for forget in (DatabaseWorld.forget, queries.forget, signing.forget):
        forget()
    yield
    signing.forget()


@operation
def enrol(*, code: str, by: Actor, at: datetime, key: str) -> Record:
    """A member more, by the operator: each on a chain of its own, so nothing but the key keeps writers apart."""
    subject = party_of(settings.LOG_ORIGIN, code)
    body = {
        "code": code, "name": code, "kind": "payer", "country": "DE", "city": "Ulm", "time_zone": "Europe/Berlin",
        "latitude_e6": 0, "longitude_e6": 0,
        "public_key": keystore().create(f"party-{subject}").public_key.hex(),
    }  # fmt: skip
    return append(
        chain=open_chain(kind="register", subject=subject), by=by, type=ENROLLED, body=body, meaning="enrolled",
        occurred_at=at, at=at, key=key,
    )  # fmt: skip


def test_no_record_of_the_old_key_comes_behind_its_end(at: datetime) -> None:
    operations.enrol_party(
        code="OPERATOR", name="Operator", kind="operator", country="DE", city="Ulm", time_zone="Europe/Berlin",
        by=operations.founding_actor(), at=at, key="enrol-operator",
    )  # fmt: skip
    problems: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for count in range(RECORDS):
                enrol(code=f"W{number}-{count:03d}", by=given.steward(), at=at, key=f"write-{number}-{count:04d}")
        except BaseException as problem:
            problems.append(problem)
        finally:
            connection.close()

    writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    for count in range(ROTATIONS):
        key_operations.rotate_key(by=given.steward(), at=at, key=f"rotate-{count:04d}")
        sequencer.drain()
    for writer in writers:
        writer.join()
    sequencer.drain()

    operator: UUID = given.steward().party
    assert problems == []
    assert Party.objects.count() == WRITERS * RECORDS + 1
    assert PartyKey.objects.filter(party_id=operator).count() == ROTATIONS + 1
    assert [str(finding) for finding in findings()] == []
