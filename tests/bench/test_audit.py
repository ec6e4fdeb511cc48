"""The full audit against bare Ed25519 verification on all cores at once, and the tree against bare hashing."""

from __future__ import annotations

import hashlib
import time
import tracemalloc
from collections.abc import Callable
from itertools import islice
from multiprocessing import get_context
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection
from nacl.bindings import crypto_sign_open

from ledger.crypto import merkle
from ledger.log import sequencer, shares, tiles
from ledger.log.models import Record, Tile
from ledger.log.shares import Shares
from ledger.log.verification import findings
from tests.factories.plain import plain_chain
from tests.factories.processor import processor, server_seconds
from tests.factories.writers import run_apart, write_one

CHAINS, RECORDS = 400, 50
LEAVES = 1_000_000
ROUNDS, PROOFS = 3, 100


def _ledger() -> int:
    """Four hundred chains of fifty records each, as therapies are, in the log."""
    jobs = [write_one(plain_chain()) for _ in range(CHAINS)]
    half = len(jobs) // 2
    crew = [
        run_apart(lambda part=part: [job() for job in part for _ in range(RECORDS)])  # type: ignore[misc]
        for part in (jobs[:half], jobs[half:])
    ]
    for process in crew:
        process.join()
    sequencer.drain()
    _analyse()
    return Record.objects.count()


def _analyse() -> None:
    """What a database does by itself within a minute of so many new rows."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _verify_by_openssl(count: int) -> None:
    """The bare measure: nothing but signatures, of messages as long as a record, as `cryptography` checks them."""
    key, message = Ed25519PrivateKey.generate(), b"x" * 1_000
    signature, public = key.sign(message), key.public_key()
    for _ in range(count):
        public.verify(signature, message)


def _verify_by_libsodium(count: int) -> None:
    """The same as PyNaCl checks them: in half the time, and so the harder measure."""
    key, message = Ed25519PrivateKey.generate(), b"x" * 1_000
    signed, public = key.sign(message) + message, key.public_key().public_bytes_raw()
    for _ in range(count):
        crypto_sign_open(signed, public)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _raw(verify: Callable[[int], None], count: int, processes: int) -> float:
    share, fork = (count // processes,), get_context("fork")
    crew = [fork.Process(target=verify, args=share) for _ in range(processes)]

    def run() -> None:
        for process in crew:
            process.start()
        for process in crew:
            process.join()

    return count / _seconds(run)


@pytest.mark.bench
@pytest.mark.postgres(orm=True)
@pytest.mark.django_db(transaction=True)
def test_the_full_audit_checks_three_fifths_as_many_records_as_bare_openssl_checks_signatures():
    records = _ledger()
    cores = shares.possible()
    ours, by_openssl, by_libsodium = [], [], []
    for _ in range(ROUNDS):
        processes = Shares(cores)
        try:
            by_openssl.append(_raw(_verify_by_openssl, records, cores))
            by_libsodium.append(_raw(_verify_by_libsodium, records, cores))
            found: list[object] = []
            ours.append(records / _seconds(lambda: found.extend(findings(processes=processes))))  # noqa: B023
            assert found == []
        finally:
            processes.close()

    ratio, harder = max(ours) / max(by_openssl), max(ours) / max(by_libsodium)
    print(
        f"\nfull audit: {max(ours):,.0f} records/s on {cores} cores, bare Ed25519 by OpenSSL {max(by_openssl):,.0f}/s,"
        f" ratio {ratio:.2f} (≥ 0.6); by libsodium {max(by_libsodium):,.0f}/s, ratio {harder:.2f} (held 0.3)"
    )
    assert ratio >= 0.6
    assert harder >= 0.3


@pytest.mark.bench
@pytest.mark.postgres(orm=True)
@pytest.mark.django_db(transaction=True)
def test_the_audits_memory_does_not_grow_with_the_log():
    def peak() -> int:
        tracemalloc.start()
        assert list(findings()) == []
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    _ledger()
    few, size = peak(), Record.objects.count()
    _ledger()
    _ledger()
    more = peak()

    print(
        f"\naudit's memory: {few / 1e6:.1f} MB at {size:,} records,"
        f" {more / 1e6:.1f} MB at {Record.objects.count():,} (ratio ≤ 1.2)"
    )
    assert more <= 1.2 * few


def _bare_root(entries: list[bytes]) -> bytes:
    sha = hashlib.sha256
    level = [sha(b"\x00" + entry).digest() for entry in entries]
    while len(level) > 1:
        above = [sha(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        level = above + level[len(above) * 2 :]
    return level[0]


def _rehash(entries: list[bytes]) -> bytes:
    """As `verify` and the sequencer do it: leaf after leaf, every node in hand once."""
    frontier = merkle.Frontier()
    for entry in entries:
        frontier.append(merkle.leaf_hash(entry))
    return frontier.root()


@pytest.mark.bench
def test_a_million_leaves_are_rehashed_in_three_times_the_bare_hashing():
    entries = [number.to_bytes(8, "big") * 8 for number in range(LEAVES)]
    roots: list[bytes] = []
    bare, ours = [], []
    for _ in range(ROUNDS):
        bare.append(processor(lambda: roots.append(_bare_root(entries))))
        ours.append(processor(lambda: roots.append(_rehash(entries))))

    ratio = min(ours) / min(bare)
    print(f"\n1 M leaves: {min(ours):.2f} s rehashed, bare {min(bare):.2f} s, ratio {ratio:.2f} (≤ 3)")
    assert len(set(roots)) == 1
    assert ratio <= 3


def _store_a_tree(size: int) -> bytes:
    """The tiles of a log of so many leaves, straight into the table; the root. No record stands behind them."""
    frontier, growing, rows = merkle.Frontier(), {}, []
    for number in range(size):
        for node in frontier.append(merkle.leaf_hash(number.to_bytes(8, "big"))):
            if node.level % 8 == 0:
                growing.setdefault((node.level // 8, node.index // tiles.WIDTH), bytearray()).extend(node.hash)
    rows = (Tile(level=level, index=index, hashes=bytes(hashes)) for (level, index), hashes in growing.items())
    while some := list(islice(rows, 500)):
        Tile.objects.bulk_create(some)
    return frontier.root()


@pytest.mark.bench
@pytest.mark.postgres(orm=True)
@pytest.mark.django_db
def test_an_inclusion_proof_among_a_million_leaves_takes_a_millisecond_at_most():
    root = _store_a_tree(LEAVES)
    _analyse()
    chance, server = Random(6962), server_seconds()
    indexes = [chance.randrange(LEAVES) for _ in range(PROOFS)]
    tiles.inclusion_proof(0, LEAVES)
    rounds: list[list[list[bytes]]] = []

    def prove() -> None:
        rounds.append([tiles.inclusion_proof(index, LEAVES) for index in indexes])

    each = min(processor(prove, server) for _ in range(ROUNDS)) / PROOFS * 1000

    print(f"\ninclusion proof at 1 M leaves: {each:.2f} ms of processor, here and in the database (≤ 1)")
    for index, proof in zip(indexes, rounds[0], strict=True):
        leaf = merkle.leaf_hash(index.to_bytes(8, "big"))
        merkle.verify_inclusion(leaf=leaf, index=index, size=LEAVES, proof=proof, root=root)
    assert each <= 1
