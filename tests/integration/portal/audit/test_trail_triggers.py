"""`verify` names every append-only table whose trigger is gone, those of the rooms above the ledger as well."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from custody.oversight.models import ReportFile
from custody.patients.models import PatientAccess
from ledger.log import triggers
from portal.audit.models import AuditEvent

pytestmark = pytest.mark.django_db


def drop(table: str, kind: str) -> None:
    quote = connection.ops.quote_name
    on_table = f" ON {quote(table)}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {quote(f'{table}_no_{kind}')}{on_table}")


def verified() -> str:
    """What `manage.py verify --all` prints on a ledger that does not hold."""
    said = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("verify", "--all", "--quiet", stdout=said)
    assert ended.value.code == 1
    return said.getvalue()


@pytest.mark.parametrize("kind", ["update", "delete"])
@pytest.mark.parametrize("model", [AuditEvent, ReportFile, PatientAccess])
def test_verify_names_a_table_whose_trigger_was_dropped(model, kind):
    drop(model._meta.db_table, kind)

    said = verified()

    assert f"{model._meta.db_table} every row: the trigger that refuses changes is gone" in said
    assert "1 bad row found" in said


def test_verify_looks_at_every_table_that_a_migration_protects():
    assert set(triggers.protected(connection)) == set(triggers.every_table())
