"""A kind of exception more: a therapy that an answer halts."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("custody", "0013_how_many_labels"),
    ]

    operations = [
        migrations.AlterField(
            model_name="custodyexception",
            name="kind",
            field=models.CharField(
                choices=[
                    ("identity_stop", "Identity stop"),
                    ("halt", "Halted by an answer"),
                    ("out_of_specification", "Out of specification"),
                    ("custody_gap", "Gap in custody"),
                    ("transport_problem", "Transport problem"),
                    ("excursion", "Excursion"),
                    ("deviation", "Out of limits"),
                    ("not_proven", "Not proven"),
                ],
                max_length=24,
            ),
        ),
    ]
