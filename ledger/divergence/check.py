"""Whether a report's evidence proves what it claims, by itself: no Django, no database, no network.

Everything rests on the log's own key, which the reader has from elsewhere, and on SHA-256 (RFC 6962, RFC 9162). A tile
is believed only as far as it hashes to a root that the log signed. Two kinds of claim are told apart:

- what the log signed contradicts itself or is no honest record: **proven** against everybody;
- what the log *served* does not fit what it signed: the bytes show the contradiction, and that the log served them
  rests on the witness's signature under the report; the verdict says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from ledger.crypto import canonical, checkpoint, dsse, ed25519, merkle, notes, tiles
from ledger.crypto.checkpoint import Checkpoint
from ledger.crypto.errors import VerificationError
from ledger.divergence import report as reports
from ledger.divergence.report import Report
from ledger.ids import derived
from ledger.log.entries import Entry, entry_of

ON_WITNESS = "That the log served these bytes is what the witness signed; the bytes are what it signed them to be."
NEEDS_HISTORY = (
    "The log signed this record, as its inclusion under the checkpoint shows. Whether its author might write it "
    "follows from the records before it: replay them with `manage.py witness`, or compare with another member's copy."
)
CLOCK_SKEW_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the claim is proven, why, and on what it rests."""

    proven: bool
    sentences: tuple[str, ...]


class _NotShown(Exception):
    """The evidence does not show what is claimed; the text says what is missing or fits."""


def check(report: Report, *, log_key: str | Sequence[str], witness_key: str) -> Verdict:
    """The verdict on a report.

    Raises VerificationError when a key is none, when the log's key is of another log, or when the witness's key did not
    sign the report: then there is nothing to judge.
    """
    keys = [notes.parse_vkey(key) for key in ([log_key] if isinstance(log_key, str) else log_key)]
    if any(key.type != notes.TYPE_ED25519 for key in keys):
        raise VerificationError("The log's key is not one with which logs sign checkpoints.")
    reports.check_signature(report, witness_key)
    try:
        return Verdict(True, tuple(_CHECKS[report.finding.kind](_Evidence(report, keys))))
    except _NotShown as problem:
        return Verdict(False, (str(problem),))


class _Evidence:
    """The pieces of a report, as far as the log's signature covers them."""

    def __init__(self, report: Report, keys: Sequence[notes.VerifierKey]) -> None:
        self.report = report
        self.finding = report.finding
        self._keys = keys

    def note(self, name: str) -> Checkpoint | None:
        """A checkpoint that the log signed; None when there is none of that name, or it is not of this log."""
        data = self.report.evidence.get(name)
        if data is None:
            return None
        for key in self._keys:
            try:
                text = data.decode("utf-8")
                return checkpoint.open_checkpoint(text, origin=self.finding.log, log=key).checkpoint
            except (UnicodeDecodeError, VerificationError):
                continue
        return None

    def shown(self) -> Checkpoint:
        found = self.note("shown.note")
        if found is None:
            raise _NotShown("The evidence holds no checkpoint that this log's key signed.")
        return found

    def tile(self, tile: tiles.TileId) -> bytes:
        for path in (tile.path, tiles.TileId(tile.level, tile.index).path):
            if path in self.report.evidence:
                return self.report.evidence[path]
        raise VerificationError(f"The evidence lacks {tile.path}.")

    def node(self, size: int) -> merkle.NodeReader:
        return tiles.node_reader(self.tile, size)

    def leaf(self, index: int) -> bytes:
        """The hash of the leaf at `index`, as the signed checkpoint has it."""
        signed = self.shown()
        try:
            node = self.node(signed.size)
            proof = merkle.inclusion_proof(index, signed.size, node)
            return merkle.verify_inclusion(
                leaf=node(0, index), index=index, size=signed.size, proof=proof, root=signed.root
            )
        except (VerificationError, ValueError) as problem:
            raise _NotShown(f"The evidence does not show which leaf the log signed at {index}: {problem}") from None

    def entry(self) -> tuple[int, bytes]:
        index = self.finding.index
        data = self.report.evidence.get(f"entry-{index}")
        if index is None or data is None:
            raise _NotShown("The evidence does not hold the record in question.")
        return index, data


def _split_view(given: _Evidence) -> list[str]:
    found = [note for name in ("seen.note", "shown.note", "published.note") if (note := given.note(name))]
    for one in found:
        for other in found:
            if one.size == other.size and one.root != other.root:
                return [
                    f"The log's key signed two different roots for one size, {one.size:,} records:",
                    f"  {one.root.hex()}",
                    f"  {other.root.hex()}",
                    "An honest log cannot do that. Nobody else's word is needed for this.",
                ]
    return _fork(given)


def _fork(given: _Evidence) -> list[str]:
    old, new = given.note("seen.note"), given.note("published.note") or given.note("shown.note")
    if old is None or new is None:
        raise _NotShown("The evidence does not hold two checkpoints that this log's key signed.")
    if old.size == new.size and old.root != new.root:
        return [f"The log's key signed two different roots for one size, {old.size:,} records."]
    if old.size > new.size:
        old, new = new, old
    try:
        node = given.node(new.size)
        prefix = merkle.subtree_root(0, old.size, node)
        merkle.verify_consistency(
            old_size=old.size,
            new_size=new.size,
            old_root=prefix,
            new_root=new.root,
            proof=merkle.consistency_proof(old.size, new.size, node),
        )
    except (VerificationError, ValueError) as problem:
        raise _NotShown(f"The tiles do not show what the larger tree begins with: {problem}") from None
    if prefix == old.root:
        raise _NotShown(f"The tree of {old.size:,} records does begin the tree of {new.size:,}: there is no fork.")
    return [
        f"The log's key signed a tree of {old.size:,} records and one of {new.size:,} that does not begin with it:",
        f"  signed for {old.size:,} records:            {old.root.hex()}",
        f"  the first {old.size:,} of {new.size:,} records: {prefix.hex()}",
        "Old records were rewritten. Nobody else's word is needed for this.",
    ]


def _rollback(given: _Evidence) -> NoReturn:
    old, new = given.note("seen.note"), given.note("shown.note")
    if old is None or new is None or old.size <= new.size:
        raise _NotShown(
            "The evidence does not hold a larger checkpoint that was seen and a smaller one shown after it."
        )
    raise _NotShown(
        f"The log's key signed a checkpoint of {old.size:,} records, and one of {new.size:,}. Every log has signed "
        "smaller ones before: that this one was shown after the larger one is the witness's word. "
        "Ask other members' witnesses."
    )


def _altered_entry(given: _Evidence) -> list[str]:
    index, data = given.entry()
    signed = given.leaf(index)
    if merkle.leaf_hash(data) == signed:
        raise _NotShown(f"The record is the one that the log signed at {index:,}: nothing was altered.")
    return [
        f"The record that was served at {index:,} is not the one that the log signed there:",
        f"  signed: {signed.hex()}",
        f"  served: {merkle.leaf_hash(data).hex()}",
        ON_WITNESS,
    ]


def _altered_tile(given: _Evidence) -> list[str]:
    signed = given.shown()
    try:
        root = merkle.subtree_root(0, signed.size, given.node(signed.size))
    except (VerificationError, ValueError) as problem:
        raise _NotShown(f"The evidence lacks tiles that the root is made of: {problem}") from None
    if root == signed.root:
        raise _NotShown("The tiles do make the root that the log signed: nothing was altered.")
    return [
        f"The tiles that were served do not make the root that the log signed for {signed.size:,} records:",
        f"  signed: {signed.root.hex()}",
        f"  served: {root.hex()}",
        ON_WITNESS,
    ]


def _bad_record(given: _Evidence) -> list[str]:
    """A record that the log signed and that is wrong by itself, whatever came before it."""
    index, data = given.entry()
    if merkle.leaf_hash(data) != given.leaf(index):
        raise _NotShown(f"The record is not the one that the log signed at {index:,}.")
    wrong = _wrong_by_itself(data, given.finding.log)
    if wrong is None:
        raise _NotShown(NEEDS_HISTORY)
    return [f"The log signed the record at {index:,}, and no honest log takes it: {wrong}"]


def _wrong_by_itself(data: bytes, origin: str) -> str | None:
    try:
        entry = entry_of(canonical.decode(dsse.payload_of(data)))
    except VerificationError as problem:
        return f"it cannot be read. {problem}"
    if entry.log != origin:
        return f"it was signed for another log, {entry.log[:80]!r}."
    if entry.chain != derived("chain", entry.chain_kind, entry.subject):
        return "it names a chain that does not follow from what it is about."
    if (entry.occurred_at - entry.recorded_at).total_seconds() > CLOCK_SKEW_SECONDS:
        return "it was recorded before it happened."
    return _own_signature(data, entry)


def _own_signature(data: bytes, entry: Entry) -> str | None:
    """What is wrong with the signature of a record that brings its own key, as an enrolment does."""
    value = entry.body.get("public_key")
    if entry.chain_kind != "register" or entry.subject != entry.party or entry.seq != 0 or not isinstance(value, str):
        return None
    try:
        key = ed25519.check_public_key(bytes.fromhex(value))
        dsse.verify(data, keys={ed25519.keyid(key): key})
    except (ValueError, VerificationError) as problem:
        return f"its signature does not hold under the key that it brings. {problem}"
    return None


def _bad_checkpoint(given: _Evidence) -> NoReturn:
    if "shown.note" not in given.report.evidence:
        raise _NotShown("The evidence does not hold what was shown.")
    if given.note("shown.note") is not None:
        raise _NotShown("The checkpoint is one that the log's key signed: nothing is wrong with it.")
    raise _NotShown(
        "What was shown as a checkpoint is not one that the log's key signed. Anybody can write such bytes: that the "
        "log served them is the witness's word. Ask other members' witnesses."
    )


def _on_a_chain(given: _Evidence) -> NoReturn:
    if "anchor.json" not in given.report.evidence:
        raise _NotShown("The evidence does not name the transaction.")
    raise _NotShown(
        "What a chain holds, the chain shows: anchor.json names chain, contract, block and transaction. Ask any node "
        "of that chain, and compare with the root that the log's own tiles give for that size."
    )


def _nothing_to_show(given: _Evidence) -> NoReturn:
    raise _NotShown(
        "What is not shown cannot be proven by bytes. Ask the log for it yourself: the report names the file. "
        "The witness signed that it was missing."
    )


def _inside(given: _Evidence) -> NoReturn:
    raise _NotShown(
        "This is about the portal's own tables, or about silence, and bytes cannot prove either. Whoever runs the "
        "portal sees it with `manage.py verify`; that the co-signatures stand still, every reader of the log sees."
    )


_CHECKS: Mapping[str, Callable[[_Evidence], list[str]]] = {
    "split_view": _split_view,
    "fork": _fork,
    "rollback": _rollback,
    "altered_entry": _altered_entry,
    "altered_tile": _altered_tile,
    "broken_record": _bad_record,
    "unknown_key": _bad_record,
    "broken_link": _bad_record,
    "contract": _bad_record,
    "bad_signature": _bad_checkpoint,
    "malformed": _bad_checkpoint,
    "truncated": _nothing_to_show,
    "mismatch": _inside,
    "anchor_mismatch": _on_a_chain,
    "stale": _inside,
}
