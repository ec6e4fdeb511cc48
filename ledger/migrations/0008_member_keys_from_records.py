"""Keys that were entered before this release get the record that brought them."""

import base64
import json

import django.db.models.deletion
from django.db import migrations, models

ORIGINS = {"ledger.party.enrolled/v1": "enrolled", "ledger.key.added/v1": "added"}


def fill(apps, schema_editor):
    keys = apps.get_model("ledger", "PartyKey")
    records = apps.get_model("ledger", "Record")
    for record in records.objects.filter(chain__kind="register", type__in=ORIGINS).order_by("recorded_at", "id"):
        envelope = json.loads(bytes(record.envelope))
        body = json.loads(base64.b64decode(envelope["payload"]))["body"]
        keys.objects.filter(public_key=body["public_key"]).update(
            origin=ORIGINS[record.type], seq=record.seq, added_by=record, valid_from_at=record.recorded_at
        )
    if schema_editor.connection.vendor == "postgresql":
        # The next step alters the table, which PostgreSQL refuses while constraints wait to be checked.
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")


class Migration(migrations.Migration):
    dependencies = [("ledger", "0007_member_and_log_keys")]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AlterField(
            "partykey",
            "added_by",
            models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.record"),
        ),
        migrations.AlterField("partykey", "valid_from_at", models.DateTimeField()),
    ]
