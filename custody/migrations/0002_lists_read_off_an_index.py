from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("custody", "0001_initial"),
        ("ledger", "0002_append_only"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="custodyexception",
            name="exception_worst_first",
        ),
        migrations.RemoveIndex(
            model_name="openstep",
            name="open_step_party_due",
        ),
        migrations.RemoveIndex(
            model_name="therapy",
            name="therapy_proof_ended",
        ),
        migrations.AddIndex(
            model_name="complianceproof",
            index=models.Index(fields=["verdict", "-published_at", "id"], name="proof_verdict_published"),
        ),
        migrations.AddIndex(
            model_name="custodyexception",
            index=models.Index(
                condition=models.Q(("closed_at", None)), fields=["rank", "opened_at", "id"], name="exception_open_worst"
            ),
        ),
        migrations.AddIndex(
            model_name="custodyexception",
            index=models.Index(
                models.OrderBy(models.F("closed_at"), descending=True),
                models.F("id"),
                condition=models.Q(("closed_at__isnull", False)),
                name="exception_closed",
            ),
        ),
        migrations.AddIndex(
            model_name="openstep",
            index=models.Index(fields=["party", "due_at", "id"], name="open_step_party_due"),
        ),
        migrations.AddIndex(
            model_name="openstep",
            index=models.Index(fields=["party", "roles", "due_at"], name="open_step_roles"),
        ),
        migrations.AddIndex(
            model_name="openstep",
            index=models.Index(fields=["party", "kind", "due_at"], name="open_step_kind"),
        ),
        migrations.AddIndex(
            model_name="openstep",
            index=models.Index(fields=["due_at", "id"], name="open_step_due"),
        ),
        migrations.AddIndex(
            model_name="steprecord",
            index=models.Index(fields=["-performed_at", "id"], name="step_time"),
        ),
        migrations.AddIndex(
            model_name="therapy",
            index=models.Index(fields=["proof_state", "-changed_at"], name="therapy_proof_changed"),
        ),
        migrations.AddIndex(
            model_name="therapy",
            index=models.Index(fields=["-changed_at", "id"], name="therapy_changed"),
        ),
        migrations.AddIndex(
            model_name="therapy",
            index=models.Index(
                condition=models.Q(("status", "active")), fields=["maker", "ordered_at", "id"], name="therapy_made"
            ),
        ),
    ]
