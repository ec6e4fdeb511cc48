"""The Merkle tree of a transparency log: RFC 6962 §2.1, proofs verified as in RFC 9162 §2.1.3.2 and §2.1.4.2.

SHA-256; leaves are prefixed with 0x00 and inner nodes with 0x01. Proofs are made over `node(level, index)`, the hash
of the full subtree of 2^level leaves that begins at leaf index·2^level, so that a log can serve them from its stored
tiles. Verifying follows the other RFC's algorithm, not the maker's, so that one does not repeat the other's mistake.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ledger.crypto.errors import VerificationError

HASH_BYTES = 32
MAX_PATH = 64
EMPTY_ROOT = hashlib.sha256(b"").digest()
_SIZE_PREFIX = 8
_sha256 = hashlib.sha256

NodeReader = Callable[[int, int], bytes]


def sha256_hex(data: bytes) -> str:
    """The digest of a whole document, in hex: what the hash links of a chain are made of."""
    return hashlib.sha256(data).hexdigest()


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root over all `leaf_hashes`, level by level; an odd last node rises unchanged."""
    level = list(leaf_hashes)
    if not level:
        return EMPTY_ROOT
    while len(level) > 1:
        # `node_hash`, written out: it is called so often here that the call takes longer than the hash.
        above = [_sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0]


def full_subtrees(hashes: bytes) -> tuple[bytes, ...]:
    """Neighbouring hashes, one after the other, and above them those of all their full subtrees, level by level."""
    levels = [hashes]
    while len(hashes) >= 2 * HASH_BYTES:
        whole = len(hashes) // (2 * HASH_BYTES) * (2 * HASH_BYTES)
        hashes = b"".join(
            [_sha256(b"\x01" + hashes[i : i + 2 * HASH_BYTES]).digest() for i in range(0, whole, 2 * HASH_BYTES)]
        )
        levels.append(hashes)
    return tuple(levels)


def subtree_root(start: int, end: int, node: NodeReader) -> bytes:
    """The hash over leaves [start, end), put together from full subtrees (RFC 6962 §2.1, MTH)."""
    count = end - start
    if count == 0:
        return EMPTY_ROOT
    if count & (count - 1) == 0 and start % count == 0:
        level = count.bit_length() - 1
        return node(level, start >> level)
    split = _split(count)
    return node_hash(subtree_root(start, start + split, node), subtree_root(start + split, end, node))


def inclusion_proof(index: int, size: int, node: NodeReader) -> list[bytes]:
    """The audit path of leaf `index` in the tree of `size` leaves, from the leaf upwards (RFC 6962 §2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"There is no leaf {index} in a tree of {size}.")
    start, end, path = 0, size, []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(subtree_root(middle, end, node))
            end = middle
        else:
            path.append(subtree_root(start, middle, node))
            start = middle
    return path[::-1]


def consistency_proof(old: int, new: int, node: NodeReader) -> list[bytes]:
    """That the tree of `old` leaves is a prefix of the tree of `new` leaves (RFC 6962 §2.1.2)."""
    if not 0 <= old <= new:
        raise ValueError(f"A tree of {old} leaves cannot come before one of {new}.")
    if old in (0, new):
        return []
    start, end, path, whole = 0, new, [], True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(subtree_root(middle, end, node))
            end = middle
        else:
            path.append(subtree_root(start, middle, node))
            start, whole = middle, False
    if not whole:
        path.append(subtree_root(start, end, node))
    return path[::-1]


@dataclass(slots=True)
class Node:
    """The hash of the full subtree of 2^level leaves that begins at leaf index·2^level."""

    level: int
    index: int
    hash: bytes


class Frontier:
    """The right edge of a growing tree, in O(log n) hashes (a "compact range" from leaf 0): what appending needs.

    It holds the roots of the full subtrees that `size` leaves fall into, largest first: one for each bit set in `size`.
    """

    __slots__ = ("_hashes", "_size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        if size < 0 or len(hashes) != size.bit_count() or any(len(hash_) != HASH_BYTES for hash_ in hashes):
            raise VerificationError(f"These are not the edge hashes of a tree of {size} leaves.")
        self._size = size
        self._hashes = list(hashes)

    @property
    def size(self) -> int:
        return self._size

    @property
    def hashes(self) -> tuple[bytes, ...]:
        return tuple(self._hashes)

    def append(self, leaf: bytes) -> list[Node]:
        """Add one leaf hash; the nodes that it completes, from the leaf upwards: exactly what a log has to store."""
        if len(leaf) != HASH_BYTES:
            raise ValueError(f"A leaf hash has {HASH_BYTES} bytes, not {len(leaf)}.")
        nodes = [Node(0, self._size, leaf)]
        hash_, level, carry = leaf, 0, self._size
        while carry & 1:
            hash_, level, carry = node_hash(self._hashes.pop(), hash_), level + 1, carry >> 1
            nodes.append(Node(level, carry, hash_))
        self._hashes.append(hash_)
        self._size += 1
        return nodes

    def root(self) -> bytes:
        if not self._hashes:
            return EMPTY_ROOT
        computed = self._hashes[-1]
        for hash_ in reversed(self._hashes[:-1]):
            computed = node_hash(hash_, computed)
        return computed

    def to_bytes(self) -> bytes:
        """The size as a big-endian uint64, then the hashes, largest subtree first."""
        return self._size.to_bytes(_SIZE_PREFIX, "big") + b"".join(self._hashes)

    @classmethod
    def from_bytes(cls, data: bytes) -> Frontier:
        if len(data) < _SIZE_PREFIX or (len(data) - _SIZE_PREFIX) % HASH_BYTES:
            raise VerificationError("These bytes are not the edge of a tree.")
        size = int.from_bytes(data[:_SIZE_PREFIX], "big")
        return cls(size, [data[i : i + HASH_BYTES] for i in range(_SIZE_PREFIX, len(data), HASH_BYTES)])


def verify_inclusion(*, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bytes:
    """`leaf` (a leaf hash), if `proof` shows it at `index` of the tree with `size` and `root` (RFC 9162 §2.1.3.2)."""
    _check_hashes(leaf, root, *proof)
    if not 0 <= index < size:
        raise VerificationError(f"There is no leaf {index} in a tree of {size}.")
    fn, sn, computed = index, size - 1, leaf
    for hash_ in proof:
        if sn == 0:
            raise VerificationError("The inclusion proof is too long.")
        if fn & 1 or fn == sn:
            computed = node_hash(hash_, computed)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            computed = node_hash(computed, hash_)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise VerificationError("The inclusion proof is too short.")
    if computed != root:
        raise VerificationError("The inclusion proof does not lead to the root.")
    return leaf


def verify_consistency(
    *, old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bytes:
    """`new_root`, if `proof` shows that the new tree only appended to the old one (RFC 9162 §2.1.4.2).

    The RFC leaves out the empty tree: here it precedes every tree, its root has to be `EMPTY_ROOT`, its proof empty.
    """
    _check_hashes(old_root, new_root, *proof)
    if not 0 <= old_size <= new_size:
        raise VerificationError(f"The tree shrank from {old_size} to {new_size} leaves.")
    if (old_size == 0 and old_root != EMPTY_ROOT) or (new_size == 0 and new_root != EMPTY_ROOT):
        raise VerificationError("A tree without leaves has another root than the empty tree.")
    if old_size in (0, new_size):
        if proof:
            raise VerificationError("The consistency proof is too long.")
        if old_size == new_size and old_root != new_root:
            raise VerificationError(f"There are two different roots for {old_size} leaves.")
        return new_root
    if not proof:
        raise VerificationError("The consistency proof is empty.")
    path = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    computed_old = computed_new = path[0]
    for hash_ in path[1:]:
        if sn == 0:
            raise VerificationError("The consistency proof is too long.")
        if fn & 1 or fn == sn:
            computed_old, computed_new = node_hash(hash_, computed_old), node_hash(hash_, computed_new)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            computed_new = node_hash(computed_new, hash_)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise VerificationError("The consistency proof is too short.")
    if computed_old != old_root:
        raise VerificationError("The consistency proof does not lead to the old root.")
    if computed_new != new_root:
        raise VerificationError("The consistency proof does not lead to the new root.")
    return new_root


def _split(count: int) -> int:
    """The largest power of two below `count` (RFC 6962 §2.1, k)."""
    return 1 << ((count - 1).bit_length() - 1)


def _check_hashes(*hashes: bytes) -> None:
    if any(len(hash_) != HASH_BYTES for hash_ in hashes):
        raise VerificationError(f"A hash of the tree has {HASH_BYTES} bytes.")
