"""Keys that were entered before they could end get the record that brought them."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = [("ledger", "0006_divergences_taken_up_again")]
AFTER = [("ledger", "0008_member_keys_from_records")]
AT = datetime(2026, 3, 2, 8, tzinfo=UTC)


def migrated(target):
    executor = MigrationExecutor(connection)
    executor.migrate(target)
    return MigrationExecutor(connection).loader.project_state(target).apps


@pytest.fixture
def before():
    newest = MigrationExecutor(connection).loader.graph.leaf_nodes()
    yield migrated(BEFORE)
    migrated(newest)


def test_an_old_key_is_given_its_record_and_time(before):
    party = before.get_model("ledger", "Party").objects.create(
        id=uuid4(), code="PAY-1", name="Payer", kind="payer", country="DE", city="Ulm", time_zone="Europe/Berlin"
    )
    chain = before.get_model("ledger", "Chain").objects.create(id=uuid4(), kind="register", subject=party.id)
    body = {"body": {"public_key": "d7" * 32}}
    envelope = json.dumps({"payload": base64.b64encode(json.dumps(body).encode()).decode()}).encode()
    record = before.get_model("ledger", "Record").objects.create(
        id=uuid4(), chain=chain, seq=0, type="ledger.party.enrolled/v1", prev_hash="0" * 64, envelope=envelope,
        entry_hash="1" * 64, leaf_hash="2" * 64, party=party, person=UUID(int=0), idempotency_key="enrol",
        occurred_at=AT, recorded_at=AT,
    )  # fmt: skip
    before.get_model("ledger", "PartyKey").objects.create(key_id="k1", party=party, public_key="d7" * 32)

    key = migrated(AFTER).get_model("ledger", "PartyKey").objects.get(pk="k1")

    assert (key.added_by_id, key.valid_from_at, key.origin, key.seq) == (record.id, AT, "enrolled", 0)
