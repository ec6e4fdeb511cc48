"""A record's mark, the same wherever it stands: verified, signed, does not verify, or in doubt because of its key."""

from __future__ import annotations

from ledger.log.queries import RecordView, Standing

IN_DOUBT = "verified, but signed while the key may have been in other hands"
_MARKS = {
    "verified": ("verified", "verified"),
    "stale": ("signed", "signed; too few witnesses have spoken in the last five minutes"),
    "signed": ("signed", "signed, waiting for its place and its witnesses"),
    "broken": ("none", "does not verify"),
}


def mark_of(record: RecordView | Standing) -> tuple[str, str]:
    """The mark (`verified`, `signed` or `none`) and its words."""
    if record.doubtful_since is not None and record.standing == "verified":
        return "signed", IN_DOUBT
    return _MARKS[record.standing]
