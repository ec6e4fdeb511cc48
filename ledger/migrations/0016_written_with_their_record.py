"""Names and queue entries are written in one message with their record: the database need not look for it once more.

Each look took 0.09 of 2.4 ms of processor (ADR 9). That names and records belong together is what `verify` checks. On
SQLite the constraints stay: it would make the tables anew, and their triggers would be gone.
"""

from __future__ import annotations

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

TABLES = ("ledger_signedname", "ledger_pendingrecord")


def drop(apps: Any, schema_editor: Any) -> None:
    database = schema_editor.connection
    if database.vendor == "sqlite":
        return
    for table in TABLES:
        with database.cursor() as cursor:
            found = database.introspection.get_constraints(cursor, table)
        for name, about in found.items():
            if about["foreign_key"]:
                schema_editor.execute(
                    f"ALTER TABLE {schema_editor.quote_name(table)} DROP CONSTRAINT {schema_editor.quote_name(name)}"
                )


def create(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "sqlite":
        return
    for table in TABLES:
        name = schema_editor.quote_name(f"{table}_record_id_again_fk")
        schema_editor.execute(
            f"ALTER TABLE {schema_editor.quote_name(table)} ADD CONSTRAINT {name} FOREIGN KEY (record_id)"
            " REFERENCES ledger_record (id) DEFERRABLE INITIALLY DEFERRED"
        )


class Migration(migrations.Migration):
    dependencies = [("ledger", "0015_proofs_on_chain")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(drop, create)],
            state_operations=[
                migrations.AlterField(
                    "signedname",
                    "record",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="names",
                        to="ledger.record",
                    ),
                ),
                migrations.AlterField(
                    "pendingrecord",
                    "record",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="pending",
                        to="ledger.record",
                    ),
                ),
            ],
        ),
    ]
