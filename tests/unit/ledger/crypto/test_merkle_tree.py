from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.crypto import merkle
from ledger.crypto.errors import VerificationError
from ledger.crypto.merkle import Frontier

LEAVES = [merkle.leaf_hash(i.to_bytes(4, "big")) for i in range(300)]


def naive_root(hashes):
    """RFC 6962 §2.1 word for word, by recursion."""
    if not hashes:
        return merkle.EMPTY_ROOT
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return merkle.node_hash(naive_root(hashes[:k]), naive_root(hashes[k:]))


def naive_path(m, hashes):
    """RFC 6962 §2.1.1, PATH(m, D[n])."""
    if len(hashes) == 1:
        return []
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    if m < k:
        return [*naive_path(m, hashes[:k]), naive_root(hashes[k:])]
    return [*naive_path(m - k, hashes[k:]), naive_root(hashes[:k])]


def naive_subproof(m, hashes, whole):
    """RFC 6962 §2.1.2, SUBPROOF(m, D[n], b)."""
    n = len(hashes)
    if m == n:
        return [] if whole else [naive_root(hashes)]
    k = 1
    while k * 2 < n:
        k *= 2
    if m <= k:
        return [*naive_subproof(m, hashes[:k], whole), naive_root(hashes[k:])]
    return [*naive_subproof(m - k, hashes[k:], False), naive_root(hashes[:k])]


def node(level, index):
    return naive_root(LEAVES[index << level : (index + 1) << level])


def test_known_roots_and_leaf_hashes(vectors):
    case = vectors["rfc6962"]
    hashes = [merkle.leaf_hash(bytes.fromhex(leaf)) for leaf in case["leaves"]]
    assert [hash_.hex() for hash_ in hashes] == case["leaf_hashes"]
    assert [merkle.root(hashes[:size]).hex() for size in range(9)] == case["roots"]


def test_known_inclusion_proofs(vectors):
    case = vectors["rfc6962"]
    hashes = [bytes.fromhex(hash_) for hash_ in case["leaf_hashes"]]

    def known_node(level, index):
        return merkle.root(hashes[index << level : (index + 1) << level])

    for known in case["inclusion"]:
        index, size, proof = known["index"], known["size"], [bytes.fromhex(hash_) for hash_ in known["proof"]]
        assert merkle.inclusion_proof(index, size, known_node) == proof
        root = bytes.fromhex(case["roots"][size])
        assert merkle.verify_inclusion(leaf=hashes[index], index=index, size=size, proof=proof, root=root)


def test_known_consistency_proofs(vectors):
    case = vectors["rfc6962"]
    hashes = [bytes.fromhex(hash_) for hash_ in case["leaf_hashes"]]
    roots = [bytes.fromhex(root) for root in case["roots"]]

    def known_node(level, index):
        return merkle.root(hashes[index << level : (index + 1) << level])

    for known in case["consistency"]:
        old, new, proof = known["old"], known["new"], [bytes.fromhex(hash_) for hash_ in known["proof"]]
        assert merkle.consistency_proof(old, new, known_node) == proof
        merkle.verify_consistency(old_size=old, new_size=new, old_root=roots[old], new_root=roots[new], proof=proof)


@pytest.mark.parametrize("size", range(71))
def test_roots_agree_with_the_definition_and_with_appending(size):
    frontier = Frontier()
    for leaf in LEAVES[:size]:
        frontier.append(leaf)
    assert merkle.root(LEAVES[:size]) == naive_root(LEAVES[:size]) == frontier.root()
    assert merkle.subtree_root(0, size, node) == frontier.root()


@pytest.mark.parametrize("size", range(1, 71))
def test_every_leaf_of_every_size_is_proven(size):
    root = naive_root(LEAVES[:size])
    for index in range(size):
        proof = merkle.inclusion_proof(index, size, node)
        assert proof == naive_path(index, LEAVES[:size])
        merkle.verify_inclusion(leaf=LEAVES[index], index=index, size=size, proof=proof, root=root)


@pytest.mark.parametrize("new", range(71))
def test_every_growth_is_proven(new):
    for old in range(new + 1):
        proof = merkle.consistency_proof(old, new, node)
        assert proof == (naive_subproof(old, LEAVES[:new], True) if old else [])
        old_root, new_root = naive_root(LEAVES[:old]), naive_root(LEAVES[:new])
        merkle.verify_consistency(old_size=old, new_size=new, old_root=old_root, new_root=new_root, proof=proof)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))), st.data())
def test_no_other_inclusion_claim_passes(place, data):
    size, index = place
    root, proof = naive_root(LEAVES[:size]), merkle.inclusion_proof(index, size, node)
    good = {"leaf": LEAVES[index], "index": index, "size": size, "proof": proof, "root": root}
    merkle.verify_inclusion(**good)
    lies = [
        {**good, "index": (index + 1) % size} if size > 1 else {**good, "index": 1},
        {**good, "leaf": merkle.leaf_hash(b"another")},
        {**good, "root": merkle.leaf_hash(b"another")},
        {**good, "proof": [*proof, merkle.EMPTY_ROOT]},
        {**good, "proof": [merkle.EMPTY_ROOT, *proof]},
        {**good, "leaf": LEAVES[index][:31]},
        {**good, "root": root + b"\x00"},
        {**good, "index": -1},
        {**good, "size": index},
    ]
    if proof:
        k = data.draw(st.integers(0, len(proof) - 1))
        lies += [
            {**good, "proof": proof[:k] + proof[k + 1 :]},
            {**good, "proof": [*proof[:k], bytes(32), *proof[k + 1 :]]},
            {**good, "proof": [*proof[:k], proof[k] + b"\x00", *proof[k + 1 :]]},
            {**good, "proof": []},
        ]
    for lie in lies:
        with pytest.raises(VerificationError):
            merkle.verify_inclusion(**lie)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n))), st.data())
def test_no_other_growth_passes(sizes, data):
    old, new = sizes
    good = {
        "old_size": old,
        "new_size": new,
        "old_root": naive_root(LEAVES[:old]),
        "new_root": naive_root(LEAVES[:new]),
        "proof": merkle.consistency_proof(old, new, node),
    }
    proof = good["proof"]
    merkle.verify_consistency(**good)
    rewritten = [*LEAVES[: old - 1], merkle.leaf_hash(b"rewritten"), *LEAVES[old:new]]
    lies = [
        {**good, "old_root": merkle.leaf_hash(b"another")},
        {**good, "new_root": merkle.leaf_hash(b"another")},
        {**good, "new_root": naive_root(rewritten)},
        {**good, "proof": [*proof, bytes(32)]},
        {**good, "old_size": new + 1},
        {**good, "old_size": -1},
        {**good, "old_size": 0},
        {**good, "old_root": good["old_root"][:31]},
    ]
    if proof:
        k = data.draw(st.integers(0, len(proof) - 1))
        lies += [
            {**good, "proof": proof[:k] + proof[k + 1 :]},
            {**good, "proof": [*proof[:k], bytes(32), *proof[k + 1 :]]},
            {**good, "proof": []},
        ]
    for lie in lies:
        with pytest.raises(VerificationError):
            merkle.verify_consistency(**lie)


def test_two_roots_for_one_size_are_a_fork():
    with pytest.raises(VerificationError, match="two different roots for 5 leaves"):
        merkle.verify_consistency(old_size=5, new_size=5, old_root=LEAVES[0], new_root=LEAVES[1], proof=[])


def test_a_shrunken_log_is_refused():
    with pytest.raises(VerificationError, match="shrank from 5 to 4"):
        merkle.verify_consistency(old_size=5, new_size=4, old_root=LEAVES[0], new_root=LEAVES[1], proof=[])


def test_the_empty_tree_has_one_root_only():
    grown = {"old_size": 0, "new_size": 3, "new_root": naive_root(LEAVES[:3]), "proof": []}
    merkle.verify_consistency(**grown, old_root=merkle.EMPTY_ROOT)
    with pytest.raises(VerificationError, match="without leaves"):
        merkle.verify_consistency(**grown, old_root=LEAVES[0])
    with pytest.raises(VerificationError, match="without leaves"):
        merkle.verify_consistency(old_size=0, new_size=0, old_root=LEAVES[0], new_root=LEAVES[0], proof=[])


def test_a_leaf_cannot_pose_as_an_inner_node():
    forged_leaf = merkle.leaf_hash(LEAVES[0] + LEAVES[1])
    assert forged_leaf != merkle.node_hash(LEAVES[0], LEAVES[1])


@given(st.integers(0, 300), st.integers(0, 60))
def test_a_stored_frontier_continues_where_it_stopped(size, more):
    frontier = Frontier()
    for leaf in LEAVES[:size]:
        frontier.append(leaf)
    restored = Frontier.from_bytes(frontier.to_bytes())
    assert (restored.size, restored.hashes) == (size, frontier.hashes)
    for leaf in LEAVES[: min(more, 300 - size)]:
        assert restored.append(leaf) == frontier.append(leaf)
    assert restored.root() == frontier.root()


def test_appending_tells_which_nodes_are_complete():
    frontier, stored = Frontier(), {}
    for leaf in LEAVES[:130]:
        for found in frontier.append(leaf):
            assert (found.level, found.index) not in stored
            stored[found.level, found.index] = found.hash
    assert stored == {(level, index): node(level, index) for level in range(8) for index in range(130 >> level)}


@pytest.mark.parametrize("data", [b"", bytes(7), bytes(40), (1).to_bytes(8, "big"), (3).to_bytes(8, "big") + bytes(33)])
def test_bytes_that_are_no_frontier_are_refused(data):
    with pytest.raises(VerificationError):
        Frontier.from_bytes(data)


def test_proofs_of_places_that_do_not_exist_are_not_made():
    for index, size in [(0, 0), (5, 5), (-1, 5)]:
        with pytest.raises(ValueError, match="There is no leaf"):
            merkle.inclusion_proof(index, size, node)
    with pytest.raises(ValueError, match="cannot come before"):
        merkle.consistency_proof(6, 5, node)


def test_random_large_sizes_with_a_tree_of_full_subtrees():
    generator = random.Random(6962)
    for _ in range(30):
        size = generator.randrange(1, 2**40)
        index = generator.randrange(size)

        def synthetic(level, position):
            # Full subtrees of equal leaves: every node of a level has the same hash.
            del position
            hash_ = LEAVES[0]
            for _ in range(level):
                hash_ = merkle.node_hash(hash_, hash_)
            return hash_

        root = merkle.subtree_root(0, size, synthetic)
        proof = merkle.inclusion_proof(index, size, synthetic)
        merkle.verify_inclusion(leaf=LEAVES[0], index=index, size=size, proof=proof, root=root)
        old = generator.randrange(1, size + 1)
        merkle.verify_consistency(
            old_size=old,
            new_size=size,
            old_root=merkle.subtree_root(0, old, synthetic),
            new_root=root,
            proof=merkle.consistency_proof(old, size, synthetic),
        )


def test_a_byte_moved_between_neighbours_is_refused():
    """SHA-256(0x01 ‖ left ‖ right) does not know where left ends: only the lengths do."""
    left, right = LEAVES[0], LEAVES[1]
    root = merkle.node_hash(left, right)
    longer, shorter = left + right[:1], right[1:]
    assert merkle.node_hash(longer, shorter) == root
    with pytest.raises(VerificationError, match="32 bytes"):
        merkle.verify_inclusion(leaf=longer, index=0, size=2, proof=[shorter], root=root)
    with pytest.raises(VerificationError, match="32 bytes"):
        merkle.verify_consistency(old_size=1, new_size=2, old_root=longer, new_root=root, proof=[shorter])
