"""`verify` names the table and the row that somebody changed by SQL: in the ledger and in every projection."""

import pytest
from django.db import connection, transaction
from django.db.models import (
    BooleanField,
    CharField,
    DateTimeField,
    Field,
    ForeignKey,
    IntegerField,
    JSONField,
    Model,
    TextField,
    UUIDField,
)

from custody.compliance.models import ComplianceProof
from custody.exceptions.models import CustodyException
from custody.exceptions.operations import close_exception
from ledger.log import projections, sequencer
from ledger.log.models import Chain, Checkpoint, Leaf, PendingRecord, Record, SignedName, Tile
from ledger.log.verification import findings
from portal.demonstration.story import Story
from tests import append_only
from tests.factories import keys
from tests.factories.beside import told_beside
from tests.factories.member_logs import one_log_a_member
from tests.factories.therapies import Told, small_consortium, told

pytestmark = pytest.mark.django_db

LEDGER = (Record, SignedName, Leaf, Checkpoint, Tile, Chain, PendingRecord)
NOT_COMPARED = {("ledger_checkpoint", "signed_at")}
"""When a checkpoint was signed is our own note; the signed text does not say it."""


@pytest.fixture
def ledger(db: None) -> Told:
    """A consortium with a therapy on the road, an open exception, refused segment, and one record not yet sequenced.

    That one opens its author's own log.
    """
    cast = small_consortium(days=60)
    one = told(cast, Story("warm", readings={"outbound": "excursion"}, resolve=False))
    told(cast, Story("rest", stop_before="test-potency"), number=2)
    keys.backed_up(one.actor("maker", "qa").party, at=one.now)
    keys.announced(at=one.now)
    told_beside(one)
    sequencer.drain()
    found = CustodyException.objects.get(therapy_id=one.therapy)
    with one_log_a_member():
        close_exception(
            exception=found.id,
            resolution="accepted",
            cause="transport",
            why="The logger was read again",
            by=one.actor("maker", "qa"),
            at=one.now,
            key=one.key(),
        )
    return one


def test_the_untouched_ledger_holds(ledger):
    assert list(findings()) == []


def test_every_changed_row_is_named(ledger):
    missed = []
    for model in _tables():
        row = model._default_manager.order_by("pk").first()
        if row is None:
            continue
        column, value = _change(row)
        with append_only.lifted(connection):
            found = _found_after(
                f'UPDATE "{model._meta.db_table}" SET "{column}" = %s WHERE "{model._meta.pk.column}" = %s',
                [value, model._meta.pk.get_db_prep_value(row.pk, connection)],
            )
        if not any(one.table == model._meta.db_table for one in found):
            missed.append((model._meta.db_table, column, [str(one) for one in found[:2]]))

    assert missed == []


def test_every_row_that_is_taken_away_is_missed(ledger):
    unnoticed = []
    for model in {projections.model_of(label) for one in projections.all_projections() for label in one.models}:
        row = model._default_manager.order_by("pk").last()
        if row is None:
            continue
        with append_only.lifted(connection):
            found = _found_after(
                f'DELETE FROM "{model._meta.db_table}" WHERE "{model._meta.pk.column}" = %s',
                [model._meta.pk.get_db_prep_value(row.pk, connection)],
            )
        if not any(one.table == model._meta.db_table for one in found):
            unnoticed.append(model._meta.db_table)

    assert unnoticed == []


def test_every_projection_table_stands_in_the_test(ledger):
    empty = {model._meta.db_table for model in _tables() if not model._default_manager.exists()}

    assert empty <= {ComplianceProof._meta.db_table}


def _tables() -> list[type[Model]]:
    projected = {projections.model_of(label) for one in projections.all_projections() for label in one.models}
    return [*LEDGER, *sorted(projected, key=lambda model: model._meta.db_table)]


def _change(row: Model) -> tuple[str, object]:
    """A column of the row and another value for it, as the database takes it."""
    if isinstance(row, Leaf):
        return "index", 10**9
    if isinstance(row, PendingRecord):
        in_the_log = Record.objects.filter(leaf__index=0).get()
        return "record_id", PendingRecord._meta.get_field("record").get_db_prep_save(in_the_log.pk, connection)
    for field in row._meta.local_concrete_fields:
        if field.primary_key or (row._meta.db_table, field.column) in NOT_COMPARED:
            continue
        other = _other(field, getattr(row, field.attname))
        if other is not None:
            return field.column, field.get_db_prep_save(other, connection)
    pytest.fail(f"no column of {row._meta.db_table} can be changed")


def _other(field: Field, value: object) -> object | None:
    if isinstance(field, ForeignKey | UUIDField | JSONField):
        return None
    if isinstance(field, BooleanField):
        return not value
    if isinstance(field, IntegerField):
        return int(value or 0) + 1_000
    if isinstance(field, DateTimeField) and value is not None:
        return value.replace(year=2001)
    if isinstance(field, CharField | TextField) and isinstance(value, str):
        return (("0" if value[:1] != "0" else "1") + value[1:]) or "x"
    if field.get_internal_type() == "BinaryField":
        return bytes([bytes(value)[0] ^ 1]) + bytes(value)[1:]
    return None


def _found_after(statement: str, values: list[object]) -> list:
    """What `verify` finds after the statement, which is undone."""
    before = transaction.savepoint()
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA defer_foreign_keys = ON")
        cursor.execute(statement, values)
    try:
        return list(findings())
    finally:
        transaction.savepoint_rollback(before)
