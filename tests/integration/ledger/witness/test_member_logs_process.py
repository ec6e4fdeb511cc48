"""A portal with one log a member, and a witness of it: real processes, each with a database of its own, over HTTP."""

from __future__ import annotations

import re
import shutil
import sqlite3
import time
from contextlib import closing

import pytest

from ledger.crypto import cosignature, notes, policy
from tests.integration.ledger.witness.house import House

CROSS = "from tests.integration.ledger.witness.crossing import cross; print(*cross())"


@pytest.fixture
def house(founded, tmp_path, free_port):
    """A portal that had one log and now has one for each member, its server running."""
    shutil.copytree(founded, tmp_path / "house")
    made = House(tmp_path / "house", free_port)
    made.environment["NEEDLEPOINT_LOGS"] = "member"
    made.serve()
    yield made
    made.close()


def logs_of(house, code):
    with closing(sqlite3.connect(house.folder / code / "witness.sqlite3", timeout=30)) as database:
        rows = database.execute("SELECT origin, verified, cosigned_size FROM log").fetchall()
    return {origin: (verified, cosigned) for origin, verified, cosigned in rows}


def test_a_witness_finds_follows_and_cosigns_every_members_log(house):
    path, token, log_key, vkeys = house.witness("X0042")
    (house.folder / "policy").write_text(f"log {log_key}\nwitness a {vkeys[0]}\nquorum a\n")
    codes = house.tell(CROSS)[0].split()
    time.sleep(2)  # The log offers checkpoints of the span before this one.

    done = house.manage("witness", "--settings", str(path), "--once")

    known = logs_of(house, "X0042")
    assert set(known) == {"needlepoint.example/consortium", *(f"needlepoint.example/consortium/{c}" for c in codes)}
    assert all(verified == cosigned > 0 for verified, cosigned in known.values()), done.stdout
    for code in codes:
        status, note = house.get(f"{code}/checkpoint", token)
        assert status == 200
        key = house.tell(f"from ledger.log import evidence; print(evidence.log_key(log={code!r}))")[0]
        text = f"log {key}\nwitness a {vkeys[0]}\nquorum a\n"
        assert policy.open_checkpoint(note, policy.parse(text.encode()), now=int(time.time())).size > 0
        assert len(notes.open_note(note, [cosignature.verifier(vkey) for vkey in vkeys]).signatures) == 2


def test_a_bent_record_of_a_members_log_is_refused_located_and_reported(house):
    path, *_ = house.witness("X0042")
    codes = house.tell(CROSS)[0].split()
    time.sleep(2)
    with closing(sqlite3.connect(house.folder / "portal.sqlite3", timeout=30)) as database:
        names = database.execute("SELECT name FROM sqlite_master WHERE type='trigger' AND tbl_name='ledger_record'")
        for (name,) in names.fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        database.execute(
            'UPDATE ledger_record SET envelope = CAST(replace(CAST(envelope AS TEXT), \'"payload":"e\', '
            '\'"payload":"f\') AS BLOB) WHERE log = ?',
            (codes[0],),
        )
        database.commit()

    done = house.manage("witness", "--settings", str(path), "--once", check=False)

    assert done.returncode == 2
    assert re.search(rf"ALERT altered_entry needlepoint.example/consortium/{codes[0]} .* at record 0", done.stderr)
    assert logs_of(house, "X0042").get(f"needlepoint.example/consortium/{codes[0]}", (0, 0))[1] == 0
