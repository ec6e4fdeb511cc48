"""A delay says when the shipment is expected and when it was planned; the delays that are there said neither."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("custody", "0010_next_step")]
    operations = [
        migrations.AddField(model_name="custodyexception", name=name, field=models.DateTimeField(null=True))
        for name in ("expected_at", "planned_at")
    ]
