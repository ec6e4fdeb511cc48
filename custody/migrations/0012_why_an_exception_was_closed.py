"""Why an exception was closed, in words; those that were closed before have none."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("custody", "0011_expected_arrival")]
    operations = [
        migrations.AddField(
            model_name="custodyexception",
            name="why",
            field=models.CharField(blank=True, default="", max_length=500),
            preserve_default=False,
        ),
    ]
