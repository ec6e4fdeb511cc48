"""Two pairs sign one step at the same moment: one of them is on record, the other is told so, and nothing is void."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from ledger.clock import now
from ledger.errors import Refusal
from ledger.ids import uuid7
from ledger.log import sequencer
from ledger.log.queries import entry_in
from ledger.log.verification import findings
from manufacturing.batches import operations as batches
from portal.demonstration.story import Story
from tests.factories.passkeys import Passkey, holding
from tests.factories.therapies import small_consortium, told

pytestmark = [pytest.mark.postgres(orm=True), pytest.mark.django_db(transaction=True)]
STEP = "transduce"


def test_two_verifiers_at_once_leave_one_signed_step() -> None:
    therapy = told(small_consortium(days=40), Story("told", stop_before=STEP), number=1)
    first = therapy.actor("maker", "operator")
    verifiers = [therapy.actor("maker", role, other_than=first.person) for role in ("operator", "qa")]
    keys = {person.person: Passkey() for person in (first, *verifiers)}
    for person in (first, *verifiers):
        keys[person.person].bind_to(person)
    values, scans = therapy.values(STEP), therapy.scans(STEP)
    at, ready, said = now(), threading.Barrier(2), []

    def sign(verifier) -> None:
        try:
            ready.wait(20)
            batches.perform_batch_step(
                therapy=therapy.therapy, step=STEP, values=values, scans=scans, at=at, key=f"perform-{uuid7()}",
                by=holding(first, keys[first.person]), second=holding(verifier, keys[verifier.person]),
            )  # fmt: skip
            said.append("signed")
        except Refusal as refusal:
            said.append(refusal.message)
        finally:
            connection.close()

    threads = [threading.Thread(target=sign, args=(verifier,)) for verifier in verifiers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    sequencer.drain()

    assert sorted("already on record" if "already on record" in one else one for one in said) == [
        "already on record",
        "signed",
    ]
    # Told in the past and signed now, the step is late: its exception names it too.
    steps = therapy.chain.records.exclude(type="custody.exception.opened/v1")
    done = [one for one in steps if entry_in(one).body.get("step") == STEP]
    assert len(done) == 1
    assert entry_in(done[0]).second.hand is not None
    assert list(findings()) == []
