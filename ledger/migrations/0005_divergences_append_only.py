"""Refuse UPDATE, DELETE and TRUNCATE on what witnesses reported and how it was settled, on both engines."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from ledger.log import triggers


def install(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    triggers.install(schema_editor, triggers.DIVERGENCE_TABLES)


def remove(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    triggers.remove(schema_editor, triggers.DIVERGENCE_TABLES)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_divergences")]
    operations = [migrations.RunPython(install, remove)]
