"""A therapy's row names the first required step still to do; rows that are there already get it from their chain."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models


def fill(apps: Any, schema_editor: Any) -> None:
    therapies, chains = apps.get_model("custody", "Therapy"), apps.get_model("ledger", "Chain")
    documents = dict(apps.get_model("ledger", "Document").objects.values_list("digest", "content"))
    states = chains.objects.filter(kind="therapy").values_list("subject", "state")
    for therapy, state in states.iterator(chunk_size=500):
        row = therapies.objects.filter(pk=therapy).only("protocol_digest").first()
        if row is None or row.protocol_digest not in documents:
            continue
        done = state.get("done", {})
        steps = (one for one in documents[row.protocol_digest]["steps"] if not one.get("optional", False))
        row.next_step = next((one["code"] for one in steps if one["code"] not in done), "")
        row.save(update_fields=["next_step"])


class Migration(migrations.Migration):
    dependencies = [("custody", "0009_patients_rights"), ("ledger", "0017_record_rows_in_one_call")]
    operations = [
        migrations.AddField(
            model_name="therapy",
            name="next_step",
            field=models.CharField(blank=True, default="", max_length=60),
            preserve_default=False,
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
