"""Indexes that a unique constraint makes needless: each record cost three more than it had use for.

Dropped by hand and not by altering the columns: SQLite would make the tables anew, and their triggers would be gone.
"""

from __future__ import annotations

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

NEEDLESS = (("ledger_record", "chain_id"), ("ledger_record", "party_id"), ("ledger_signedname", "record_id"))


def drop(apps: Any, schema_editor: Any) -> None:
    database = schema_editor.connection
    for table, column in NEEDLESS:
        with database.cursor() as cursor:
            found = database.introspection.get_constraints(cursor, table)
        for name, about in found.items():
            if about["index"] and not about["unique"] and about["columns"] == [column]:
                schema_editor.execute(f"DROP INDEX {schema_editor.quote_name(name)}")


def create(apps: Any, schema_editor: Any) -> None:
    for table, column in NEEDLESS:
        name = schema_editor.quote_name(f"{table}_{column}_again")
        schema_editor.execute(
            f"CREATE INDEX {name} ON {schema_editor.quote_name(table)} ({schema_editor.quote_name(column)})"
        )


class Migration(migrations.Migration):
    dependencies = [("ledger", "0013_access_reviews")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(drop, create)],
            state_operations=[
                migrations.AlterField(
                    "record",
                    "chain",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="records",
                        to="ledger.chain",
                    ),
                ),
                migrations.AlterField(
                    "record",
                    "party",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="ledger.party",
                    ),
                ),
                migrations.AlterField(
                    "signedname",
                    "record",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="names",
                        to="ledger.record",
                    ),
                ),
            ],
        )
    ]
