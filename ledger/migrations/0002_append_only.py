"""Refuse UPDATE, DELETE and TRUNCATE on the evidence, on both engines (DESIGN §3)."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from ledger.log import triggers


def install(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    triggers.install(schema_editor, triggers.LEDGER_TABLES)


def remove(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    triggers.remove(schema_editor, triggers.LEDGER_TABLES)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]
    operations = [migrations.RunPython(install, remove)]
