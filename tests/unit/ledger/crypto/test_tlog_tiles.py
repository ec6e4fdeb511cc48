from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.crypto import checkpoint, merkle, notes, tiles, tlog_proof
from ledger.crypto.errors import VerificationError
from ledger.crypto.tiles import TileId

ORIGIN = "ledger.example/consortium"


def stored_tiles(leaves):
    """What a log of these leaf hashes has stored, by path, made without the code under test."""
    stored, level, hashes = {}, 0, leaves
    while hashes:
        for index in range(0, len(hashes), 256):
            tile = hashes[index : index + 256]
            stored[TileId(level, index // 256, len(tile)).path] = b"".join(tile)
        hashes = [merkle.root(hashes[i : i + 256]) for i in range(0, len(hashes) - len(hashes) % 256, 256)]
        level += 1
    return stored


@pytest.mark.parametrize(
    ("level", "index", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (0, 999, 256, "tile/0/999"),
        (0, 1000, 256, "tile/0/x001/000"),
        (3, 1234067, 256, "tile/3/x001/x234/067"),
        (1, 17, 112, "tile/1/017.p/112"),
        (63, 5, 1, "tile/63/005.p/1"),
        (None, 1234067, 256, "tile/entries/x001/x234/067"),
        (None, 0, 255, "tile/entries/000.p/255"),
    ],
)
def test_paths_are_those_of_the_specification(level, index, width, path):
    assert TileId(level, index, width).path == path
    assert tiles.parse_path(path) == TileId(level, index, width)
    made = tiles.entries_path(index, width) if level is None else tiles.tile_path(level, index, width)
    assert made == path


@given(st.none() | st.integers(0, 63), st.integers(0, 2**60), st.integers(1, 256))
def test_every_path_parses_to_its_tile(level, index, width):
    tile = TileId(level, index, width)
    assert tiles.parse_path(tile.path) == tile


def test_a_tree_of_70000_leaves_has_the_tiles_of_the_specifications_example():
    found = list(tiles.tiles_of(70_000))
    level = {k: [tile for tile in found if tile.level == k] for k in (0, 1, 2, 3, None)}
    assert [len(level[k]) for k in (0, 1, 2, 3)] == [274, 2, 1, 0]
    assert [level[k][-1].width for k in (0, 1, 2)] == [112, 17, 1]
    assert level[None][-1] == TileId(None, 273, 112)


def test_a_tree_of_256_leaves_has_a_full_tile_and_one_above():
    assert list(tiles.tiles_of(256)) == [TileId(0, 0), TileId(1, 0, 1), TileId(None, 0)]
    assert list(tiles.tiles_of(0)) == []


@given(st.integers(0, 70_000), st.integers(0, 70_000))
def test_growth_touches_only_new_tiles(first, second):
    old, new = sorted((first, second))
    before = set(tiles.tiles_of(old))
    assert list(tiles.tiles_of(new, since=old)) == [tile for tile in tiles.tiles_of(new) if tile not in before]


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 513, 1000, 65_536, 65_537, 66_000])
def test_proofs_come_out_of_stored_tiles(size):
    leaves = [merkle.leaf_hash(i.to_bytes(4, "big")) for i in range(size)]
    stored = stored_tiles(leaves)
    assert set(stored) == {tile.path for tile in tiles.tiles_of(size) if tile.level is not None}
    root = merkle.root(leaves)
    for index in {0, size // 3, size // 2, size - 1}:
        node = tiles.node_reader(lambda tile: stored[tile.path], size)
        proof = merkle.inclusion_proof(index, size, node)
        merkle.verify_inclusion(leaf=leaves[index], index=index, size=size, proof=proof, root=root)
    for old in {1, size // 2, size - 1} - {0}:
        node = tiles.node_reader(lambda tile: stored[tile.path], size)
        proof = merkle.consistency_proof(old, size, node)
        old_root = merkle.root(leaves[:old])
        merkle.verify_consistency(old_size=old, new_size=size, old_root=old_root, new_root=root, proof=proof)


def test_a_proof_of_a_million_leaves_reads_few_tiles():
    read: list[TileId] = []
    size = 1_000_003

    def reader(tile):
        read.append(tile)
        return bytes(32 * tile.width)

    merkle.inclusion_proof(777_777, size, tiles.node_reader(reader, size))
    assert len(read) <= 6
    assert len(set(read)) == len(read)


def test_nodes_beyond_the_tree_are_not_made_up():
    node = tiles.node_reader(lambda tile: bytes(32 * tile.width), 5)
    for level, index in [(0, 5), (1, 2), (3, 0), (0, -1)]:
        with pytest.raises(ValueError, match="no full subtree"):
            node(level, index)


def test_a_full_tile_stands_in_for_a_partial_one():
    data = bytes(range(256)) * 32
    assert tiles.parse_tile(data, 3) == tiles.parse_tile(data[:96], 3)
    for bad, width in [(b"", 1), (data[:95], 2), (data[:64], 3), (data + data[:32], 256), (data, 0)]:
        with pytest.raises(VerificationError):
            tiles.parse_tile(bad, width)


@settings(max_examples=50)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_bundles_hold_what_was_put_in(entries):
    bundle = tiles.encode_bundle(entries)
    assert tiles.parse_bundle(bundle, len(entries)) == entries
    assert tiles.parse_bundle(bundle, 1) == entries[:1]
    with pytest.raises(VerificationError):
        tiles.parse_bundle(bundle[:-1], len(entries))
    with pytest.raises(VerificationError):
        tiles.parse_bundle(bundle, len(entries) + 1)


def test_a_bundle_has_limits():
    longest = bytes(65_535)
    assert tiles.parse_bundle(tiles.encode_bundle([longest]), 1) == [longest]
    for entries in ([], [b""] * 257, [bytes(65_536)]):
        with pytest.raises(ValueError, match="entr"):
            tiles.encode_bundle(entries)
    with pytest.raises(VerificationError):
        tiles.parse_bundle(tiles.encode_bundle([b""] * 256) + b"\x00\x00", 256)


def test_an_offline_proof_is_written_read_and_verified(signer):
    leaves = [merkle.leaf_hash(bytes([i])) for i in range(5)]
    note = notes.sign_note(checkpoint.body(ORIGIN, 5, merkle.root(leaves)), ORIGIN, signer)
    path = merkle.inclusion_proof(3, 5, lambda level, i: merkle.root(leaves[i << level : (i + 1) << level]))
    proof = tlog_proof.TlogProof(3, tuple(path), note, extra=b"which record")
    assert str(proof).startswith("c2sp.org/tlog-proof@v1\nextra d2hpY2ggcmVjb3Jk\nindex 3\n")
    assert tlog_proof.parse(str(proof)) == proof
    log = notes.parse_vkey(notes.vkey(ORIGIN, signer.public_key))
    assert tlog_proof.verify(str(proof), leaf=leaves[3], origin=ORIGIN, log=log).checkpoint.size == 5
    with pytest.raises(VerificationError, match="does not lead to the root"):
        tlog_proof.verify(str(proof), leaf=leaves[2], origin=ORIGIN, log=log)


def test_the_only_leaf_of_a_log_has_an_empty_path(signer):
    leaf = merkle.leaf_hash(b"only")
    note = notes.sign_note(checkpoint.body(ORIGIN, 1, leaf), ORIGIN, signer)
    proof = tlog_proof.TlogProof(0, (), note)
    assert tlog_proof.parse(str(proof)) == proof
    log = notes.parse_vkey(notes.vkey(ORIGIN, signer.public_key))
    assert tlog_proof.verify(str(proof), leaf=leaf, origin=ORIGIN, log=log).checkpoint.root == leaf


def test_a_path_longer_than_any_tree_is_refused_before_it_is_verified(signer):
    note = notes.sign_note(checkpoint.body(ORIGIN, 1, bytes(32)), ORIGIN, signer)
    assert tlog_proof.parse(str(tlog_proof.TlogProof(0, (bytes(32),) * 64, note)))
    with pytest.raises(VerificationError, match="not those of an inclusion path"):
        tlog_proof.parse(str(tlog_proof.TlogProof(0, (bytes(32),) * 65, note)))
