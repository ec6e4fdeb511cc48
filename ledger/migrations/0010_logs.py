"""Every row of the evidence says which log it is of; what is there is of the operator's."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from ledger.log import triggers

REMADE = ("ledger_record", "ledger_leaf", "ledger_checkpoint")


def lift(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    triggers.remove(schema_editor, REMADE)


def protect(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    triggers.install(schema_editor, REMADE)


def log() -> models.CharField:
    return models.CharField(blank=True, default="", max_length=16)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0009_anchors")]
    operations = [
        migrations.RunPython(lift, protect),
        migrations.AddField("chain", "head_log", log()),
        migrations.AddField("record", "log", log()),
        migrations.AddField("pendingrecord", "log", log()),
        migrations.RemoveConstraint("tile", "tile_place_unique"),
        migrations.AddField("tile", "log", log()),
        migrations.AddConstraint(
            "tile", models.UniqueConstraint(fields=("log", "level", "index"), name="tile_place_unique")
        ),
        migrations.RemoveConstraint("cosignature", "cosignature_once_a_size"),
        migrations.RemoveIndex("cosignature", "cosignature_size"),
        migrations.AddField("cosignature", "log", log()),
        migrations.AddConstraint(
            "cosignature",
            models.UniqueConstraint(fields=("witness", "log", "size"), name="cosignature_once_a_size"),
        ),
        migrations.AddIndex("cosignature", models.Index(fields=["log", "-size"], name="cosignature_size")),
        # A primary key cannot be widened in place on both engines: the rows move to a table of the new form.
        migrations.RenameModel("Leaf", "PlacedRecord"),
        migrations.AlterField(
            "placedrecord",
            "record",
            models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.record"),
        ),
        migrations.CreateModel(
            name="Leaf",
            fields=[
                ("position", models.BigIntegerField(primary_key=True, serialize=False)),
                ("log", log()),
                ("index", models.BigIntegerField()),
                (
                    "record",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="leaf", to="ledger.record"
                    ),
                ),
            ],
        ),
        migrations.RunSQL(
            'INSERT INTO ledger_leaf (position, log, "index", record_id)'
            ' SELECT "index", \'\', "index", record_id FROM ledger_placedrecord ORDER BY "index"',
            'INSERT INTO ledger_placedrecord ("index", record_id) SELECT "index", record_id FROM ledger_leaf',
        ),
        migrations.DeleteModel("PlacedRecord"),
        migrations.AddConstraint("leaf", models.UniqueConstraint(fields=("log", "index"), name="leaf_place_unique")),
        migrations.RenameModel("Checkpoint", "SignedSize"),
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("log", log()),
                ("size", models.BigIntegerField()),
                ("root", models.CharField(max_length=64)),
                ("note", models.TextField()),
                ("signed_at", models.DateTimeField()),
            ],
        ),
        migrations.RunSQL(
            "INSERT INTO ledger_checkpoint (log, size, root, note, signed_at)"
            " SELECT '', size, root, note, signed_at FROM ledger_signedsize ORDER BY size",
            "INSERT INTO ledger_signedsize (size, root, note, signed_at)"
            " SELECT size, root, note, signed_at FROM ledger_checkpoint",
        ),
        migrations.DeleteModel("SignedSize"),
        migrations.AddConstraint(
            "checkpoint", models.UniqueConstraint(fields=("log", "size"), name="checkpoint_size_unique")
        ),
        migrations.CreateModel(
            name="MemberLog",
            fields=[
                ("code", models.CharField(max_length=16, primary_key=True, serialize=False)),
                ("public_key", models.CharField(max_length=64)),
                ("opened_at", models.DateTimeField()),
                (
                    "party",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="log",
                        to="ledger.party",
                    ),
                ),
                (
                    "record",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.record"
                    ),
                ),
            ],
        ),
        migrations.RunPython(protect, lift),
    ]
