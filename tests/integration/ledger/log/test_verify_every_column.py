"""`verify` compares every column of every table that mirrors records, and knows a row that no record makes.

The columns are changed all at once, each in a row of its own table, by SQL: what is named is what is compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import Field, Model

from custody.compliance.operations import refuse_proof
from ledger.log import projections, sequencer
from ledger.log.finding import Finding
from ledger.log.models import Record
from ledger.log.verification import findings
from ledger.parties.models import Party
from portal.accounts.actors import system_actor
from portal.demonstration.story import Story
from tests import append_only
from tests.factories import keys
from tests.factories.beside import told_beside
from tests.factories.member_logs import one_log_a_member
from tests.factories.therapies import Told, small_consortium, told

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def once(django_db_setup: None, django_db_blocker) -> Iterator[Told]:
    """A therapy that came as far as release with something out of limits, told once for the module."""
    with django_db_blocker.unblock(), transaction.atomic():
        cast = small_consortium(days=80)
        one = told(cast, Story("on its way back", readings={"outbound": "excursion"}, stop_before="receive-product"))
        with one_log_a_member():
            refuse_proof(
                therapy=one.therapy,
                segment="transit",
                reasons=["warm"],
                by=system_actor(Party.objects.get(pk=one.state["parties"]["maker"])),
                at=one.now,
                key=one.key(),
            )
        keys.backed_up(one.actor("maker", "qa").party, at=one.now)
        keys.announced(at=one.now)
        told_beside(one)
        sequencer.drain()
        yield one
        transaction.set_rollback(True)


@pytest.fixture
def ledger(once: Told, db: None) -> Told:
    return once


def mirrored() -> Iterator[tuple[type[Model], str]]:
    """Each table that a projection writes, with the column that holds the chain's subject."""
    for projection in projections.all_projections():
        for label, column in projection.models.items():
            yield projections.model_of(label), column


def changed(field: Field, value: object) -> object:
    """Another value of the same kind."""
    kind = field.get_internal_type()
    if isinstance(value, UUID) or (value is None and kind in {"UUIDField", "ForeignKey", "OneToOneField"}):
        return uuid4()
    if kind == "BooleanField":
        return not value
    if kind == "JSONField":
        return {"changed": True}
    if kind == "DateTimeField":
        return value + timedelta(seconds=1) if value else Record.objects.first().recorded_at
    if "Integer" in kind:
        return (value or 0) + 1
    return f"{'y' if str(value or '').startswith('x') else 'x'}{str(value or '')[1:]}"


def run(statement: str, values: list[object]) -> None:
    with append_only.lifted(connection), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA defer_foreign_keys = ON")
        else:
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(statement, values)


def found_after(*statements: tuple[str, list[object]]) -> list[Finding]:
    before = transaction.savepoint()
    try:
        for statement, values in statements:
            run(statement, values)
        return list(findings())
    finally:
        transaction.savepoint_rollback(before)


def update(row: Model, fields: list[Field]) -> tuple[str, list[object]]:
    pairs = ", ".join(f'"{field.column}" = %s' for field in fields)
    values = [field.get_db_prep_save(changed(field, getattr(row, field.attname)), connection) for field in fields]
    key = row._meta.pk
    statement = f'UPDATE "{row._meta.db_table}" SET {pairs} WHERE "{key.column}" = %s'
    return statement, [*values, key.get_db_prep_save(row.pk, connection)]


def test_every_column_of_every_mirrored_row_is_compared(ledger):
    statements, expected = [], set()
    for model, subject in mirrored():
        row = model._default_manager.order_by("pk").first()
        columns = {subject, f"{subject}_id"}
        fields = [
            field
            for field in model._meta.local_concrete_fields
            if not field.primary_key and field.attname not in columns and field.name not in columns
        ]
        statements.append(update(row, fields))
        expected |= {(model._meta.db_table, str(row.pk), field.attname) for field in fields}

    named = {(one.table, one.row, one.problem.partition(" is ")[0]) for one in found_after(*statements)}

    assert {model._meta.db_table for model, _ in mirrored() if not model._default_manager.exists()} == set()
    assert expected - named == set()


def test_a_row_given_to_another_subject_is_missed_here_and_strange_there(ledger):
    for model, subject in mirrored():
        field = model._meta.get_field(subject)
        row = model._default_manager.order_by("pk").last()
        if field.primary_key:
            continue

        named = [(one.table, one.row) for one in found_after(update(row, [field]))]

        assert named.count((model._meta.db_table, str(row.pk))) == 2, (model._meta.db_table, named)


def test_a_row_that_no_record_makes_is_named(ledger):
    for model, _ in mirrored():
        row = model._default_manager.order_by("pk").first()
        fields = list(model._meta.local_concrete_fields)
        values = [getattr(row, field.attname) for field in fields]
        for place, field in enumerate(fields):
            if field.unique or field.attname in _unique_together(model):
                values[place] = changed(field, values[place])
        columns = ", ".join(f'"{field.column}"' for field in fields)
        places = ", ".join(["%s"] * len(fields))
        given = [field.get_db_prep_save(value, connection) for field, value in zip(fields, values, strict=True)]
        key = str(values[fields.index(model._meta.pk)])

        found = found_after((f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES ({places})', given))

        named = {one.row for one in found if one.table == model._meta.db_table and "record" in one.problem}
        assert key in named, f"a stray row of {model._meta.db_table} is not noticed: {found[:2]}"


def _unique_together(model: type[Model]) -> set[str]:
    """The last column of each unique constraint: changing it makes room for a second row."""
    names = [constraint.fields[-1] for constraint in model._meta.constraints if getattr(constraint, "fields", ())]
    return {model._meta.get_field(name).attname for name in names}


def test_the_command_names_the_tampered_row_and_fails(ledger, capsys):
    record = Record.objects.filter(type__startswith="custody.").order_by("recorded_at", "id")[3]
    run(*update(record, [Record._meta.get_field("entry_hash")]))

    with pytest.raises(SystemExit) as ended:
        call_command("verify", "--quiet")

    said = capsys.readouterr().out
    assert ended.value.code == 1
    assert said.splitlines() == [
        f"ledger_record {record.id}: its column entry_hash is not what was signed",
        f"1 bad row found; {Record.objects.count():,} records on the ledger.",
    ]


def test_the_command_says_in_one_line_that_all_holds(ledger, capsys):
    call_command("verify", "--quiet")

    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"All holds: {Record.objects.count():,} records, their signatures, rules, log, tables")
