"""How many labels were printed together; nobody knows it of earlier prints."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("custody", "0012_why_an_exception_was_closed")]
    operations = [
        migrations.AddField(model_name="label", name="copies", field=models.SmallIntegerField(null=True)),
    ]
