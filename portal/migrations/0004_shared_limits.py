"""A table for what several processes count together where there is no Redis."""

from django.core.management import call_command
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def make(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    call_command("createcachetable", "portal_cache", database=schema_editor.connection.alias, verbosity=0)


def remove(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    schema_editor.execute(f"DROP TABLE {schema_editor.connection.ops.quote_name('portal_cache')}")


class Migration(migrations.Migration):
    dependencies = [("portal", "0003_signing_keys")]
    operations = [migrations.RunPython(make, remove)]
