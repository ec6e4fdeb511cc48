"""A real portal process and real witness processes, each with a database of its own, over HTTP."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import socket
import sqlite3
import time
from contextlib import ExitStack, closing, suppress

from ledger.crypto import cosignature, notes, policy, submission
from tests.integration.ledger.witness.house import SECONDS, House

GROW = "from tests.integration.ledger.witness.growing import grow; grow()"


def test_witnesses_follow_a_portal_and_their_quorum_publishes(house):
    first, second = house.witness("X0042"), house.witness("C0205")
    token, log_key = first[1], first[2]
    text = f"log {log_key}\nwitness a {first[3][0]}\nwitness b {second[3][1]}\ngroup both all a b\nquorum both\n"
    (house.folder / "policy").write_text(text)
    assert house.get("checkpoint", token)[0] == 404, "nobody has co-signed yet"

    running = [house.start("manage.py", "witness", "--settings", str(path)) for path, *_ in (first, second)]
    house.until(lambda: house.get("checkpoint", token)[0] == 200, "both have co-signed")

    note = house.get("checkpoint", token)[1]
    found = policy.open_checkpoint(note, policy.parse(text.encode()), now=int(time.time()))
    assert house.remembered("X0042") == house.remembered("C0205") == (found.size, found.size)
    verifiers = [cosignature.verifier(vkey) for vkey in (*first[3], *second[3])]
    assert len(notes.open_note(note, verifiers).signatures) == 4

    # One is killed with the log growing under it; the quorum waits for it, and it goes on where it was.
    os.killpg(running[1].pid, signal.SIGKILL)
    running[1].wait(timeout=10)
    house.tell(GROW)
    house.until(lambda: house.remembered("X0042")[1] > found.size, "the first goes on")
    assert f"\n{found.size}\n" in house.get("checkpoint", token)[1], "one of two is no quorum"
    house.start("manage.py", "witness", "--settings", str(second[0]))
    grown = house.remembered("X0042")[1]
    house.until(lambda: f"\n{grown}\n" in house.get("checkpoint", token)[1], "the second has caught up")
    assert house.manage("witness", "--settings", str(first[0]), "--reports").stdout == ""


def test_a_bent_record_is_refused_reported_and_never_published(house):
    path, token, log_key, vkeys = house.witness("R0901")
    (house.folder / "policy").write_text(f"log {log_key}\nwitness a {vkeys[0]}\nquorum a\n")
    with closing(sqlite3.connect(house.folder / "portal.sqlite3", timeout=30)) as database:
        names = database.execute("SELECT name FROM sqlite_master WHERE type='trigger' AND tbl_name='ledger_record'")
        for (name,) in names.fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        record, envelope = database.execute(
            'SELECT r.id, r.envelope FROM ledger_record r JOIN ledger_leaf l ON l.record_id = r.id WHERE l."index" = 5'
        ).fetchone()
        changed = bytes(envelope).replace(b'"payload":"e', b'"payload":"f', 1)
        assert changed != bytes(envelope)
        database.execute("UPDATE ledger_record SET envelope = ? WHERE id = ?", (changed, record))
        database.commit()

    done = house.manage("witness", "--settings", str(path), "--once", check=False)

    assert done.returncode == 2
    assert re.search(r"ALERT altered_entry .* at record 5", done.stderr)
    assert "altered_entry" in house.manage("witness", "--settings", str(path), "--reports").stdout
    assert house.get("checkpoint", token)[0] == 404


def test_a_witness_without_its_memory_does_not_start(house):
    path, *_ = house.witness("P0501")
    assert house.manage("witness", "--settings", str(path), "--once").returncode == 0
    for file in (house.folder / "P0501").glob("witness.sqlite3*"):
        file.unlink()

    done = house.manage("witness", "--settings", str(path), check=False)

    assert done.returncode == 1
    assert "no longer knows what it co-signed" in done.stderr


def test_a_witness_opens_no_portals_database_and_answers_submissions(house):
    path, token, *_ = house.witness("M0311")
    path.write_text(path.read_text().replace("127.0.0.1:0", f"127.0.0.1:{_free()}"))
    port = int(re.search(r'listen = "127.0.0.1:(\d+)"', path.read_text())[1])
    house.start("manage.py", "witness", "--settings", str(path), DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    house.until(lambda: (house.folder / "M0311").exists() and house.remembered("M0311")[1], "it co-signed")

    size = house.remembered("M0311")[1]
    note = house.get("checkpoint/pending", token)[1]
    for old, status in ((size, 200), (0, 409)):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("POST", "/add-checkpoint", submission.encode(old, [], note))
        answer = connection.getresponse()
        body = answer.read().decode()
        assert answer.status == status, body
        connection.close()
    assert (answer.headers["Content-Type"], body) == ("text/x.tlog.size", f"{size}\n")


def test_one_command_runs_a_consortium_and_ctrl_c_ends_all_of_it(founded, tmp_path):
    shutil.copytree(founded, tmp_path / "house")
    port = _free_row(6)
    house = House(tmp_path / "house", port)
    try:
        command = house.start("manage.py", "consortium", "--port", str(port))
        agreed = "records published; 5 of 5 witnesses watch, 4 are needed"
        house.until(lambda: agreed in (house.folder / "output").read_text(), "five have co-signed")

        command.send_signal(signal.SIGINT)

        assert command.wait(timeout=SECONDS) == 0
        assert "ALERT" not in house.output()
        for number in range(6):
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", port + number)) != 0, "somebody still listens"
    finally:
        house.close()


def _free_row(count):
    """The first of so many free ports in a row."""
    for first in range(20_000 + os.getpid() % 500 * 20, 60_000, count):
        with suppress(OSError), ExitStack() as probes:
            for number in range(count):
                probes.enter_context(socket.socket()).bind(("127.0.0.1", first + number))
            return first
    raise AssertionError("no free ports")


def _free():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
