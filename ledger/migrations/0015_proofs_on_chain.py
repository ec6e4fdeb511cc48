"""Compliance proofs on an EVM chain: what was sent, and what is proven there."""

from django.db import migrations, models

import ledger.ids

_STATUS = [
    ("sent", "Sent"),
    ("mined", "In a block"),
    ("confirmed", "Confirmed"),
    ("refused", "Refused by the contract"),
    ("dropped", "Dropped by the chain"),
]


class Migration(migrations.Migration):
    dependencies = [("ledger", "0014_needless_indexes")]

    operations = [
        migrations.CreateModel(
            name="ProofSending",
            fields=[
                ("id", models.UUIDField(default=ledger.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("chain_id", models.BigIntegerField()),
                ("contract", models.CharField(max_length=42)),
                ("account", models.CharField(max_length=42)),
                ("nonce", models.BigIntegerField()),
                ("transaction", models.CharField(max_length=66)),
                ("fee_per_gas", models.DecimalField(decimal_places=0, max_digits=30)),
                ("status", models.CharField(choices=_STATUS, default="sent", max_length=12)),
                ("problem", models.CharField(blank=True, max_length=300)),
                ("block", models.BigIntegerField(null=True)),
                ("block_hash", models.CharField(blank=True, max_length=66)),
                ("gas_used", models.BigIntegerField(null=True)),
                ("sent_at", models.DateTimeField()),
                ("settled_at", models.DateTimeField(null=True)),
                ("record_id", models.UUIDField()),
                ("statement", models.CharField(max_length=64)),
            ],
            options={
                "indexes": [models.Index(fields=["record_id"], name="proof_sending_record")],
                "constraints": [
                    models.UniqueConstraint(fields=("chain_id", "transaction"), name="proof_sending_transaction")
                ],
            },
        ),
        migrations.CreateModel(
            name="ProvenOnChain",
            fields=[
                ("id", models.UUIDField(default=ledger.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("record_id", models.UUIDField()),
                ("statement", models.CharField(max_length=64)),
                ("chain_id", models.BigIntegerField()),
                ("contract", models.CharField(max_length=42)),
                ("transaction", models.CharField(max_length=66)),
                ("block", models.BigIntegerField()),
                ("by", models.CharField(max_length=42)),
                ("seen_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("record_id", "chain_id", "contract"), name="proven_on_chain_once")
                ],
            },
        ),
    ]
