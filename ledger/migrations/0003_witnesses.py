import django.db.models.deletion
from django.db import migrations, models

import ledger.ids


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0002_append_only"),
    ]

    operations = [
        migrations.CreateModel(
            name="LogToken",
            fields=[
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
                (
                    "party",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="ledger.party",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Witness",
            fields=[
                ("id", models.UUIDField(default=ledger.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=255)),
                ("key_id", models.CharField(max_length=8)),
                ("vkey", models.TextField()),
                ("enrolled_at", models.DateTimeField()),
                ("retired_at", models.DateTimeField(null=True)),
                (
                    "party",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="witnesses",
                        to="ledger.party",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Cosignature",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("size", models.BigIntegerField()),
                ("line", models.TextField()),
                ("signed_at", models.DateTimeField()),
                ("first_signed_at", models.DateTimeField()),
                (
                    "witness",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="cosignatures", to="ledger.witness"
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="witness",
            constraint=models.UniqueConstraint(fields=("name", "key_id"), name="witness_key_unique"),
        ),
        migrations.AddIndex(
            model_name="cosignature",
            index=models.Index(fields=["-size"], name="cosignature_size"),
        ),
        migrations.AddConstraint(
            model_name="cosignature",
            constraint=models.UniqueConstraint(fields=("witness", "size"), name="cosignature_once_a_size"),
        ),
    ]
