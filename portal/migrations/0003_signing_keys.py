"""What this installation holds of people's signing keys, and acts that wait for a passkey."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0011_person_signing_keys"), ("portal", "0002_web_hooks")]
    operations = [
        migrations.CreateModel(
            name="PreparedAct",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("path", models.CharField(max_length=300)),
                ("seed", models.BinaryField()),
                ("acts", models.JSONField()),
                ("at", models.DateTimeField(db_index=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SigningKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key_id", models.CharField(max_length=16)),
                ("name", models.CharField(blank=True, max_length=100)),
                ("credential_id", models.TextField(blank=True, help_text="Of a passkey, base64url.")),
                ("sign_count", models.BigIntegerField(default=0)),
                ("salt", models.BinaryField(null=True)),
                ("sealed", models.BinaryField(null=True)),
                ("created_at", models.DateTimeField()),
                ("last_used_at", models.DateTimeField(null=True)),
                (
                    "party",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.party"),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="signing_keys",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("user", "party", "key_id"), name="signing_key_once")],
            },
        ),
    ]
