"""Verifiers that we did not write accept the portal's log as it is served, and refuse it when one bit is another.

PyPI `aics-tlog` and `aics-witness`, sigstore's Merkle and checkpoint code, securesystemslib's DSSE, npm
`@sigstore/verify`, and Go's `sumdb/note` and `sumdb/tlog`; for witnesses' ML-DSA-44 npm `@noble/post-quantum`.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.crypto import checkpoint, cosignature, merkle, mldsa, notes, tiles, tlog_proof
from ledger.crypto.ed25519 import InMemorySigner
from tests.integration.outside import tools
from tests.integration.outside.conftest import Published

# Without the mark of the database pytest-django makes no database for tests, and the fixture would use the real one.
pytestmark = [pytest.mark.django_db, pytest.mark.outside]
Verify = Callable[[Published], int]


@pytest.fixture
def copy(published: Published, tmp_path: Path) -> Published:
    """The published files, to be altered."""
    shutil.copytree(published.folder, tmp_path / "copy")
    return replace(published, folder=tmp_path / "copy")


# Each takes what was published and says by its exit status whether it holds.


def by_aics_tlog(log: Published) -> int:
    trust = ("--log-key", log.key, "--origin", log.origin)
    found = log.folder / "found"
    found.unlink(missing_ok=True)
    place = ("--index", str(log.index), "--entry-out", found)
    growth = ("--old-checkpoint", log.folder / "older", "--checkpoint", log.folder / "checkpoint")
    results = [
        tools.run(tools.AICS_TLOG, "verify-checkpoint", "--note", log.folder / "checkpoint", *trust),
        tools.run(tools.AICS_TLOG, "verify-inclusion", "--tiles", log.folder, *place, *trust),
        tools.run(tools.AICS_TLOG, "verify-consistency", "--tiles", log.folder, *growth, *trust),
    ]
    return max(result.returncode for result in results) or int(found.read_bytes() != log.entry)


def material(log: Published) -> str:
    """The record's proof taken apart, for libraries that know no tlog-proof."""
    proof = tlog_proof.parse((log.folder / "record.tlog-proof").read_text())
    key = notes.parse_vkey(log.key)
    return json.dumps(
        {
            "note": log.note,
            "origin": log.origin,
            "log_key": key.public_key.hex(),
            "log_key_id": key.key_id.hex(),
            "index": proof.index,
            "hashes": [one.hex() for one in proof.path],
            "body": log.entry.hex(),
            "party_key": log.party_key.hex(),
        }
    )


def by_sigstore(log: Published) -> int:
    return tools.run(tools.PYTHON, tools.HERE / "programs" / "sigstore_checks.py", input=material(log)).returncode


def by_npm_sigstore(log: Published) -> int:
    return tools.run("node", tools.HERE / "programs" / "sigstore_checks.cjs", input=material(log)).returncode


@pytest.fixture(scope="module")
def go_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("go")
    environment = os.environ | {
        "GO111MODULE": "off",
        "GOPATH": "/usr/share/gocode",
        "GOCACHE": str(folder / "cache"),
        "GOFLAGS": "",
    }
    program = folder / "verify"
    made = tools.run("go", "build", "-o", program, tools.HERE / "programs" / "verify.go", env=environment)
    assert made.returncode == 0, made.stderr
    return program


@pytest.fixture(params=["aics-tlog", "sigstore", "npm @sigstore/verify", "Go sumdb"])
def verify(request: pytest.FixtureRequest) -> Verify:
    """Somebody else's verifier."""
    if request.param == "Go sumdb":
        program = request.getfixturevalue("go_program")
        return lambda log: (
            tools.run(program, log.folder, log.key, str(log.index), log.folder / "record.dsse").returncode
        )
    return {"aics-tlog": by_aics_tlog, "sigstore": by_sigstore, "npm @sigstore/verify": by_npm_sigstore}[request.param]


def test_the_log_is_accepted_as_it_is_served(copy, verify):
    assert verify(copy) == 0


def test_a_checkpoint_with_another_size_is_refused(copy, verify):
    path = copy.folder / "checkpoint"
    path.write_text(copy.note.replace(f"\n{copy.size}\n", f"\n{copy.size - 1}\n", 1))

    assert verify(copy) != 0


def test_a_checkpoint_of_another_log_is_refused(copy, verify):
    """The same content, signed by somebody else: a rewrite with fresh valid hashes."""
    text = copy.note.rpartition("\n\n")[0] + "\n"
    forged = notes.sign_note(text, copy.origin, InMemorySigner(bytes(range(32))))
    (copy.folder / "checkpoint").write_text(forged)

    assert verify(copy) != 0


def test_a_record_with_one_bit_changed_is_refused(copy, verify):
    entry = bytearray(copy.entry)
    entry[len(entry) // 2] ^= 1
    (copy.folder / "record.dsse").write_bytes(bytes(entry))
    bundle = next(path for path in (copy.folder / "tile" / "entries").rglob("*") if path.is_file())
    damaged = bytearray(bundle.read_bytes())
    damaged[5] ^= 1
    bundle.write_bytes(bytes(damaged))

    assert verify(copy) != 0


@pytest.mark.parametrize("outsider", ["aics-tlog", "Go sumdb"])
def test_a_tile_with_one_bit_changed_is_refused_by_who_reads_tiles(copy, outsider, go_program):
    tile = next(one for one in tiles.tiles_of(copy.size) if one.level == 0 and one.index == copy.index // tiles.WIDTH)
    path = copy.folder / tile.path
    data = bytearray(path.read_bytes())
    data[(copy.index % tiles.WIDTH ^ 1) * merkle.HASH_BYTES] ^= 1
    path.write_bytes(bytes(data))

    by_go = tools.run(go_program, copy.folder, copy.key, str(copy.index), copy.folder / "record.dsse").returncode
    assert (by_go if outsider == "Go sumdb" else by_aics_tlog(copy)) != 0


@pytest.mark.parametrize(("bit", "accepted"), [(None, True), (-1, False), (100, False)])
def test_a_witness_s_post_quantum_cosignature_is_checked_by_another_implementation(published, bit, accepted):
    signer, name = mldsa.MldsaSigner(bytes(range(32))), "witness.example/member"
    text = published.note.rpartition("\n\n")[0] + "\n"
    line = mldsa.cosign(text, name, signer, timestamp=1_795_000_000)
    if bit is not None:
        signature = bytearray(base64.b64decode(line.split(" ")[2]))
        signature[bit] ^= 1
        line = notes.format_line(name, bytes(signature[:4]), bytes(signature[4:]))
    asked = {"note": notes.add_signature(published.note, line), "vkey": mldsa.vkey(name, signer.public_key)}

    done = tools.run("node", tools.HERE / "programs" / "mldsa_check.mjs", input=json.dumps(asked))

    assert (done.returncode == 0) is accepted, done.stderr


# A witness of somebody else's follows our log.


@pytest.fixture
def foreign_witness(published: Published, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A running `aics-witness` that trusts our log: its address and its verifier key."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = tmp_path / "witness.json"
    init = tools.run(
        *(tools.AICS_WITNESS, "init", "-c", config, "--name", "witness.example/outside"),
        *("--listen", f"127.0.0.1:{port}"),
        cwd=tmp_path,
    )
    assert init.returncode == 0, init.stderr
    key = re.search(r"witness\.example/outside\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+", init.stdout + init.stderr)
    assert key is not None, init.stdout
    added = tools.run(
        tools.AICS_WITNESS, "add-log", "-c", config, "--origin", published.origin, "--vkey", published.key
    )
    assert added.returncode == 0, added.stderr
    server = subprocess.Popen(
        [tools.AICS_WITNESS, "serve", "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}", key[0]
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the foreign witness does not answer")


def _ask(address: str, old: int, proof: list[bytes], note: str) -> tuple[int, str]:
    """C2SP tlog-witness, add-checkpoint: the status and the answer."""
    lines = [f"old {old}", *(base64.b64encode(one).decode() for one in proof), "", note]
    request = urllib.request.Request(f"{address}/add-checkpoint", data="\n".join(lines).encode(), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode()


def test_a_foreign_witness_cosigns_our_log_and_sees_it_grow(published, foreign_witness):
    address, key = foreign_witness
    older = (published.folder / "older").read_text()
    said = checkpoint.parse(older.rpartition("\n\n")[0] + "\n")

    status, line = _ask(address, 0, [], older)
    assert status == 200, line
    witness = cosignature.verifier(key)
    log = notes.parse_vkey(published.key)
    signed = checkpoint.open_checkpoint(
        notes.add_signature(older, line), origin=published.origin, log=log, others=[witness]
    )
    assert "witness.example/outside" in signed.names

    proof = merkle.consistency_proof(said.size, published.size, reader_of(published))
    status, line = _ask(address, said.size, proof, published.note)
    assert status == 200, line

    damaged = [bytes([proof[0][0] ^ 1, *proof[0][1:]]), *proof[1:]]
    assert _ask(address, published.size, [], older)[0] in (400, 409)
    assert _ask(address, said.size, damaged, published.note)[0] == 409


def reader_of(log: Published) -> merkle.NodeReader:
    """Node hashes from the published entries, hashed anew."""
    frontier, hashes = merkle.Frontier(), {}
    for tile in tiles.tiles_of(log.size):
        if tile.level is None:
            for entry in tiles.parse_bundle((log.folder / tile.path).read_bytes(), tile.width):
                for node in frontier.append(merkle.leaf_hash(entry)):
                    hashes[node.level, node.index] = node.hash
    return lambda level, index: hashes[level, index]
