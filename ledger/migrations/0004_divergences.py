import django.db.models.deletion
from django.db import migrations, models

import ledger.ids


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0003_witnesses"),
    ]

    operations = [
        migrations.CreateModel(
            name="Divergence",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=24)),
                ("log", models.CharField(max_length=255)),
                ("size", models.BigIntegerField()),
                ("index", models.BigIntegerField(null=True)),
                ("problem", models.TextField()),
                ("received_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="DivergenceAcknowledgement",
            fields=[
                ("id", models.UUIDField(default=ledger.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("person", models.UUIDField()),
                ("role", models.CharField(max_length=40)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="DivergenceReport",
            fields=[
                ("id", models.UUIDField(default=ledger.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("witness", models.CharField(max_length=255)),
                ("vkey", models.TextField()),
                ("document", models.BinaryField()),
                ("detected_at", models.DateTimeField()),
                ("received_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="DivergenceResolution",
            fields=[
                (
                    "divergence",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="resolution",
                        serialize=False,
                        to="ledger.divergence",
                    ),
                ),
                ("person", models.UUIDField()),
                ("role", models.CharField(max_length=40)),
                ("reason", models.TextField()),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.AddIndex(
            model_name="divergence",
            index=models.Index(fields=["-received_at"], name="divergence_received"),
        ),
        migrations.AddField(
            model_name="divergenceacknowledgement",
            name="divergence",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="acknowledgements", to="ledger.divergence"
            ),
        ),
        migrations.AddField(
            model_name="divergenceacknowledgement",
            name="party",
            field=models.ForeignKey(
                db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.party"
            ),
        ),
        migrations.AddField(
            model_name="divergencereport",
            name="divergence",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="reports", to="ledger.divergence"
            ),
        ),
        migrations.AddField(
            model_name="divergencereport",
            name="party",
            field=models.ForeignKey(
                db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.party"
            ),
        ),
        migrations.AddField(
            model_name="divergenceresolution",
            name="party",
            field=models.ForeignKey(
                db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.party"
            ),
        ),
        migrations.AddConstraint(
            model_name="divergenceacknowledgement",
            constraint=models.UniqueConstraint(fields=("divergence", "person"), name="divergence_seen_once"),
        ),
        migrations.AddConstraint(
            model_name="divergencereport",
            constraint=models.UniqueConstraint(fields=("divergence", "witness"), name="divergence_once_a_witness"),
        ),
    ]
