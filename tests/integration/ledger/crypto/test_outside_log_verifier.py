"""A verifier that others wrote (PyPI `aics-tlog`, Python ≥ 3.12) accepts our files unchanged, and refuses altered ones.

Set TLOG_VERIFIER to its command, e.g. /tmp/verifier/bin/aics-tlog; without it these tests are skipped.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from ledger.crypto import checkpoint, cosignature, merkle, notes, tiles
from ledger.crypto.ed25519 import InMemorySigner

VERIFIER = os.environ.get("TLOG_VERIFIER", "")
ORIGIN = "ledger.example/consortium"
WITNESS = "witness.example/w1"
LOG = InMemorySigner(bytes(range(32)))
COSIGNER = InMemorySigner(bytes(range(32, 64)))
ENTRIES = [b'{"record":%d}' % i for i in range(1_000)]

pytestmark = pytest.mark.skipif(not VERIFIER, reason="TLOG_VERIFIER names no outside verifier (PyPI aics-tlog)")


def publish(directory: Path, entries: list[bytes]) -> None:
    """Write a log of `entries` as the static files of C2SP tlog-tiles, with one witness's cosignature."""
    frontier, stored = merkle.Frontier(), {}
    for entry in entries:
        for node in frontier.append(merkle.leaf_hash(entry)):
            stored[node.level, node.index] = node.hash
    for tile in tiles.tiles_of(len(entries)):
        first = tile.index * tiles.WIDTH
        if tile.level is None:
            data = tiles.encode_bundle(entries[first : first + tile.width])
        else:
            data = b"".join(stored[8 * tile.level, first + place] for place in range(tile.width))
        path = directory / tile.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    text = checkpoint.body(ORIGIN, len(entries), frontier.root())
    note = notes.sign_note(text, ORIGIN, LOG)
    note = notes.add_signature(note, cosignature.cosign(text, WITNESS, COSIGNER, timestamp=int(time.time())))
    (directory / "checkpoint").write_text(note)


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    keys = ["--log-key", notes.vkey(ORIGIN, LOG.public_key), "--origin", ORIGIN]
    return subprocess.run(
        [VERIFIER, *map(str, arguments), *keys], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    publish(tmp_path / "log", ENTRIES)
    return tmp_path / "log"


def test_checkpoint_and_cosignature_are_accepted(log):
    witness = ["--witness-key", cosignature.vkey(WITNESS, COSIGNER.public_key), "--quorum", "1", "--max-age", "300"]
    result = run("verify-checkpoint", "--note", log / "checkpoint", *witness)
    assert result.returncode == 0, result.stdout + result.stderr


def test_an_altered_checkpoint_is_refused(log):
    note = (log / "checkpoint").read_text()
    (log / "checkpoint").write_text(note.replace("\n1000\n", "\n1001\n"))
    assert run("verify-checkpoint", "--note", log / "checkpoint").returncode != 0


@pytest.mark.parametrize("index", [0, 255, 256, 777, 999])
def test_every_entry_is_found_in_the_tiles(log, tmp_path, index):
    found = tmp_path / "entry"
    result = run("verify-inclusion", "--tiles", log, "--index", str(index), "--entry-out", found)
    assert result.returncode == 0, result.stdout + result.stderr
    assert found.read_bytes() == ENTRIES[index]


def test_growth_is_accepted_and_a_rewritten_past_is_not(log, tmp_path):
    older, rewritten = tmp_path / "older", tmp_path / "rewritten"
    publish(older, ENTRIES[:300])
    result = run("verify-consistency", "--old-checkpoint", older / "checkpoint", "--tiles", log)
    assert result.returncode == 0, result.stdout + result.stderr
    publish(rewritten, [b"another first record", *ENTRIES[1:300]])
    result = run("verify-consistency", "--old-checkpoint", rewritten / "checkpoint", "--tiles", log)
    assert result.returncode != 0


def test_our_own_reader_agrees(log):
    node = tiles.node_reader(lambda tile: (log / tile.path).read_bytes(), len(ENTRIES))
    opened = checkpoint.open_checkpoint(
        (log / "checkpoint").read_text(), origin=ORIGIN, log=notes.parse_vkey(notes.vkey(ORIGIN, LOG.public_key))
    ).checkpoint
    merkle.verify_inclusion(
        leaf=merkle.leaf_hash(ENTRIES[777]),
        index=777,
        size=opened.size,
        proof=merkle.inclusion_proof(777, opened.size, node),
        root=opened.root,
    )
