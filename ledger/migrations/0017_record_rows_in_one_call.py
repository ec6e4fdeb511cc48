"""PostgreSQL writes the rows that every record leaves in one call of a function that it keeps (ADR 9)."""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# The lock and the look are two statements: the second sees what was committed while the first waited.
FUNCTION = """
CREATE OR REPLACE FUNCTION needlepoint_write_record(
    a_held_key text, a_held_party integer, a_held_place integer,
    a_id uuid, a_chain uuid, a_seq integer, a_type text, a_prev_hash text, a_envelope bytea, a_entry_hash text,
    a_leaf_hash text, a_log text, a_party uuid, a_person uuid, a_idempotency_key text,
    a_occurred_at timestamptz, a_recorded_at timestamptz,
    a_first_person uuid, a_first_name text, a_first_salt text,
    a_second_person uuid, a_second_name text, a_second_salt text,
    a_state jsonb
) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF a_held_key <> '' THEN
        PERFORM pg_advisory_xact_lock_shared(a_held_party, a_held_place);
        PERFORM 1 FROM ledger_partykey WHERE key_id = a_held_key AND ended_by_id IS NULL;
        IF NOT FOUND THEN
            RETURN false;
        END IF;
    END IF;
    INSERT INTO ledger_record (
        id, chain_id, seq, type, prev_hash, envelope, entry_hash, leaf_hash, log, party_id, person, idempotency_key,
        occurred_at, recorded_at
    ) VALUES (
        a_id, a_chain, a_seq, a_type, a_prev_hash, a_envelope, a_entry_hash, a_leaf_hash, a_log, a_party, a_person,
        a_idempotency_key, a_occurred_at, a_recorded_at
    );
    INSERT INTO ledger_pendingrecord (record_id, log) VALUES (a_id, a_log);
    INSERT INTO ledger_signedname (record_id, position, person, name, salt)
    VALUES (a_id, 1, a_first_person, a_first_name, a_first_salt);
    IF a_second_person IS NOT NULL THEN
        INSERT INTO ledger_signedname (record_id, position, person, name, salt)
        VALUES (a_id, 2, a_second_person, a_second_name, a_second_salt);
    END IF;
    UPDATE ledger_chain SET head_seq = a_seq, head_hash = a_entry_hash, head_log = a_log, state = a_state
    WHERE id = a_chain;
    RETURN true;
END
$$
"""


def install(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(FUNCTION, params=None)


def remove(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION IF EXISTS needlepoint_write_record", params=None)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0016_written_with_their_record")]
    operations = [migrations.RunPython(install, remove)]
