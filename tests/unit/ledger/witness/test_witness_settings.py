"""The settings file, the keys and the memory of a witness: what is wrong is said, and nothing is made up."""

from __future__ import annotations

import os
import sqlite3

import pytest

from ledger.witness import configuration, process, schema
from ledger.witness.configuration import BadSettings
from ledger.witness.process import MemoryLost, Witness
from tests.unit.ledger.witness.logs import LOG_KEY, ORIGIN

LOG = f'[[log]]\norigin = "{ORIGIN}"\nkeys = ["{LOG_KEY}"]\n'
GOOD = f'name = "member.example/witness"\nfolder = "memory"\n{LOG}url = "http://127.0.0.1:1/log"\ntoken = "npl_x"\n'


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.delenv(configuration.KEK_VARIABLE, raising=False)

    def to_file(text=GOOD):
        (tmp_path / "witness.toml").write_text(text)
        return configuration.load(tmp_path / "witness.toml")

    return to_file


def test_a_good_file_is_read_and_its_folder_is_beside_it(write, tmp_path):
    found = write(GOOD.replace("folder =", 'listen = "127.0.0.1:0"\npoll_seconds = 2\nfolder ='))

    assert found.folder == tmp_path / "memory"
    assert (found.listen, found.poll_seconds, found.logs[0].token) == (("127.0.0.1", 0), 2.0, "npl_x")
    assert "npl_x" not in repr(found)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name = ", "not TOML"),
        (LOG, "name is missing"),
        ('name = "a b"\nfolder = "m"\n' + LOG, "cannot name a key"),
        ('name = "a"\n' + LOG, "folder is missing"),
        ('name = "a"\nfolder = "m"\n', "no \\[\\[log\\]\\]"),
        ('name = "a"\nfolder = "m"\npol_seconds = 1\n' + LOG, "“pol_seconds”, which is not known"),
        ('name = "a"\nfolder = "m"\npoll_seconds = -1\n' + LOG, "poll_seconds is a number"),
        ('name = "a"\nfolder = "m"\nlisten = "8301"\n' + LOG, "listen is an address"),
        ('name = "a"\nfolder = "m"\n' + LOG + LOG, "named twice"),
        ('name = "a"\nfolder = "m"\n' + LOG.replace(LOG_KEY.key_id.hex(), "00000000"), "key id"),
        ('name = "a"\nfolder = "m"\n[[log]]\norigin = "x"\n', "keys is a list"),
        ('name = "a"\nfolder = "m"\n' + LOG + 'url = "ftp://x"\n', "begins with http"),
        ('name = "a"\nfolder = "m"\n' + LOG + 'token_file = "none"\n', "token_file cannot be read"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_sentence(write, text, why):
    with pytest.raises(BadSettings, match=why):
        write(text)


def test_a_key_encryption_key_is_made_once_for_its_owner_alone(write):
    settings = write()

    first = configuration.key_encryption_key(settings.folder)

    assert configuration.key_encryption_key(settings.folder) == first
    assert os.stat(settings.folder / "key-encryption-key").st_mode & 0o077 == 0


def test_keys_and_memory_come_back_as_they_were(write):
    store, keys = process.opened(write())
    store.close()
    again, same = process.opened(write())
    again.close()

    assert same.vkeys == keys.vkeys


def test_a_witness_that_lost_its_database_does_not_sign(write):
    store, _ = process.opened(write())
    store.close()
    store.path.unlink()

    with pytest.raises(MemoryLost, match="no longer knows what it co-signed"):
        process.opened(write())


def test_a_database_of_another_key_or_name_is_refused(write, tmp_path):
    store, _ = process.opened(write())
    store.close()

    with pytest.raises(MemoryLost, match="belongs to the key"):
        process.opened(write(GOOD.replace("member.example", "other.example")))


@pytest.mark.parametrize("content", [b"not a database" * 100, None])
def test_a_foreign_file_is_not_taken_for_a_memory(tmp_path, content):
    path = tmp_path / "witness.sqlite3"
    if content:
        path.write_bytes(content)
    else:
        other = sqlite3.connect(path)
        other.execute("CREATE TABLE patients (name TEXT)")
        other.close()

    with pytest.raises(schema.ForeignDatabase):
        schema.opened(path)


def test_a_log_that_is_away_is_told_and_accuses_nobody(write):
    said, alerts = [], []
    witness = Witness(write(), say=said.append, alert=alerts.append)

    assert witness.once() is False

    assert "cannot be reached" in said[0]
    assert alerts == witness.store.reports() == []
    witness.store.close()
