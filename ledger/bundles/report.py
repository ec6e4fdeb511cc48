"""The report on a bundle: what it says, what was checked, and what it cannot show. For people who read contracts."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from ledger.bundles.checks import RecordLine, Signed, Verdict

WIDTH = 100
METHODS = {"passkey": "their own passkey", "password+totp": "their own key, released by password and code"}


def report(verdict: Verdict) -> str:
    """The report as plain text, at most 100 columns wide."""
    return "\n".join(_lines(verdict)) + "\n"


def _lines(verdict: Verdict) -> Iterator[str]:
    bundle = verdict.bundle
    yield from _heading("Report on an evidence bundle", "=")
    yield f"About       {bundle.chain_kind} {bundle.subject}"
    yield f"Log         {bundle.log}"
    yield f"Made at     {bundle.made_at}, as the file says; nobody signed that"
    yield ""
    if not verdict.holds:
        yield "RESULT      This bundle does NOT hold. Do not rely on it."
        for problem in verdict.problems:
            yield from _wrapped(problem, "            ", first="          - ")
        yield ""
        yield from _wrapped("What follows had been found in order before the check ended.")
    else:
        yield "RESULT      This bundle holds."
    yield ""
    yield from _what_was_checked(verdict)
    yield from _heading(f"What happened: {len(verdict.journey)} records, {_order(verdict)}")
    for number, line in enumerate(verdict.journey, 1):
        yield from _record(number, line)
    if verdict.bundle.disclosed:
        yield from _disclosed(verdict)
    yield from _proofs(verdict)
    yield from _limits(verdict)


def _disclosed(verdict: Verdict) -> Iterator[str]:
    yield from _heading(f"What was disclosed: {len(verdict.disclosed)} of {len(verdict.bundle.disclosed)} values hold")
    for one in verdict.disclosed:
        since = "and the therapy’s own record had committed to it before" if one.sources else "as its holder signed"
        yield from _wrapped(f"{one.name}: {one.value} (it is what was committed to, {since})", "  ", first="- ")
    yield ""


def _what_was_checked(verdict: Verdict) -> Iterator[str]:
    yield from _heading("What was checked")
    others = len(verdict.records) - len(verdict.journey)
    said = [
        f"The log’s statement of its content (checkpoint of {verdict.size:,} records, root {verdict.root}) is signed "
        + ("with the key that you gave." if verdict.own_key else "with the key that came with the bundle."),
        f"{len(verdict.records):,} records ({others:,} of them on members, protocols and devices) are in "
        + ("these logs, " if verdict.others else "that log, ")
        + "each at its place (RFC 6962).",
        "Each record is signed by its organisation, with a key that stood on the ledger by then (Ed25519, DSSE), and "
        "is linked to the record before it.",
        "Each record was admitted by the consortium’s shared rules, which were run again here.",
        _hands(verdict),
        f"{len(verdict.proofs)} zero-knowledge proofs of compliance were verified against what the records say.",
    ]
    if verdict.witnesses and verdict.own_witnesses:
        said.insert(
            1, f"The same statement is cosigned by these witnesses: {_names(verdict)} (by the keys that you gave)."
        )
    elif verdict.witnesses:
        said.insert(
            1,
            f"The same statement carries cosignatures in the names of these witnesses: {_names(verdict)}. Their keys "
            "came with the bundle, so whoever made it could have made them: get each key from the member that runs the "
            "witness, and run the check again with --witness.",
        )
    else:
        said.insert(1, "No witness’s cosignature was found: the log alone vouches for its statement.")
    said[1:1] = [
        f"The log {one.log}, announced in that one, has signed its statement too (checkpoint of {one.size:,} records, "
        f"root {one.root}); {_cosigners(one.witnesses, verdict)}."
        for one in verdict.others.values()
    ]
    for sentence in said:
        yield from _wrapped(sentence, "  ", first="- ")
    doubtful = sum(line.doubtful_since is not None for line in verdict.records)
    if doubtful:
        yield from _wrapped(
            f"{doubtful:,} of these records were signed while the key may have been in other hands, as its owner said "
            "later. They hold, and are marked; ask their organisation whether they are its own.",
            "  ",
            first="- ",
        )
    if not verdict.own_key:
        yield ""
        yield from _wrapped(
            "Compare this key with the one that you have from the consortium, or ask a member for it, and run the "
            "check again with --log-key. Until then the bundle only agrees with itself:"
        )
        yield f"  {verdict.bundle.log_key}"
    yield ""


def _names(verdict: Verdict) -> str:
    return ", ".join(verdict.witnesses)


def _hands(verdict: Verdict) -> str:
    given = [signed for line in verdict.records for signed in line.signatures]
    own = sum(bool(signed.key_id) for signed in given)
    rest = (
        f"For the other {len(given) - own:,} their organisation vouches, by the method named."
        if own < len(given)
        else ""
    )
    if not own:
        return (
            "No person signed with a key of their own in these records: their organisations vouch for who acted, by "
            "the method named."
        )
    return (
        f"{own:,} signatures are by people’s own keys over what they signed, each bound to a pseudonym on the ledger "
        f"by then (Web Authentication, Ed25519). {rest}"
    ).strip()


def _order(verdict: Verdict) -> str:
    return "in the order of the chain, across its members’ logs" if verdict.others else "in the order of the log"


def _cosigners(names: Iterable[str], verdict: Verdict) -> str:
    said = ", ".join(names)
    how = "cosigned by" if verdict.own_witnesses else "cosigned in the names of"
    return f"{how} {said}" if said else "no witness cosigned it"


def _record(number: int, line: RecordLine) -> Iterator[str]:
    when = line.at.strftime("%Y-%m-%d %H:%M:%S UTC")
    yield from _wrapped(f"{line.title}", "      ", first=f"{number:3d}.  ")
    for signed in line.signatures:
        yield from _wrapped(f"{when}  {_person(signed)}", "        ", first="      ")
    if line.log:
        yield f"      in the log of {line.log}:"
    if line.doubtful_since is not None:
        since = line.doubtful_since.strftime("%Y-%m-%d %H:%M UTC")
        yield from _wrapped(
            f"SIGNED WHILE THE KEY MAY HAVE BEEN IN OTHER HANDS, since {since}", "      ", first="      "
        )
    yield f"      leaf {line.index}, SHA-256 {line.entry_hash}"
    yield ""


def _person(signed: Signed) -> str:
    who = signed.name or "a person not named here"
    how = (
        f"with {METHODS.get(signed.method, signed.method)}, key {signed.key_id}"
        if signed.key_id
        else f"by {signed.method}"
    )
    return f"“{signed.meaning}”: {who}, {signed.role.replace('_', ' ')}, {signed.organisation} ({how})"


def _proofs(verdict: Verdict) -> Iterator[str]:
    yield from _heading("Proofs of compliance")
    if not verdict.proofs:
        yield "None is in this bundle."
    for proof in verdict.proofs:
        yield from _wrapped(f"{proof.title}: proven (statement {proof.statement})", "  ", first="- ")
    if any(proof.unsafe for proof in verdict.proofs):
        yield ""
        yield from _wrapped(
            "UNSAFE KEYS: one party alone made the keys of these proofs, for development. Whoever made them could "
            "forge a proof. They show nothing to an outsider."
        )
    yield ""


def _limits(verdict: Verdict) -> Iterator[str]:
    yield from _heading("What this bundle cannot show")
    sentences = [
        "What was recorded after it was made. Its last records could also have been left out: ask the log, or a "
        "witness, whether the chain goes on.",
        "That what people signed is true: only that they signed it, when the log took it, and that it was not changed.",
        "Values that are not on the ledger. Patient data are not; a record holds commitments to them.",
    ]
    if not (verdict.witnesses and verdict.own_witnesses):
        sentences.append(
            "That everybody was shown the same log: that is what witnesses’ cosignatures are for, by keys that you "
            "have from the witnesses’ members."
        )
    for sentence in sentences:
        yield from _wrapped(sentence, "  ", first="- ")


def _heading(text: str, rule: str = "-") -> Iterator[str]:
    yield text
    yield rule * len(text)


def _wrapped(text: str, indent: str = "", *, first: str = "") -> Iterator[str]:
    yield from textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
