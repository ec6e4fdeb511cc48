"""The keys with which people sign, as their chains say."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0010_logs")]
    operations = [
        migrations.CreateModel(
            name="PersonKey",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("subject", models.UUIDField(db_index=True)),
                ("person", models.UUIDField(db_index=True)),
                ("key_id", models.CharField(db_index=True, max_length=16)),
                ("key", models.CharField(max_length=1400)),
                ("kind", models.CharField(max_length=12)),
                ("valid_from_at", models.DateTimeField()),
                ("ended_how", models.CharField(blank=True, default="", max_length=12)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "added_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.record"
                    ),
                ),
                (
                    "ended_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.record"
                    ),
                ),
                (
                    "party",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.party"),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("subject", "key_id"), name="person_key_once")],
            },
        ),
    ]
