from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0005_divergences_append_only")]

    operations = [
        # A column that may be empty is added in place, also on SQLite: the triggers of the table stay.
        migrations.AddField(model_name="divergence", name="reopens", field=models.UUIDField(null=True)),
        migrations.AddIndex(
            model_name="divergencereport",
            index=models.Index(fields=["witness", "-received_at"], name="divergence_report_witness"),
        ),
        migrations.CreateModel(
            name="AuditRound",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("chain", models.UUIDField(null=True)),
                ("leaf", models.BigIntegerField(default=0)),
                ("started_at", models.DateTimeField()),
                ("turned_at", models.DateTimeField()),
                ("awake_since", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
                ("took_seconds", models.IntegerField(null=True)),
            ],
        ),
    ]
