"""Whose cosignatures are enough: a policy of logs, witnesses, groups and a quorum (C2SP tlog-policy).

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <name>...
    quorum <name>|none

Names are opaque: they are compared byte by byte and mean nothing outside of the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from ledger.crypto import checkpoint, cosignature, notes
from ledger.crypto.errors import VerificationError

NONE = "none"
MAX_NAMES = 256
MAX_BYTES = 1_000_000
_THRESHOLD = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_SPACES = re.compile(r"[ \t]+")


@dataclass(frozen=True)
class Known:
    """A log or a witness of the policy, with its address if the policy names one."""

    name: str
    verifier: notes.Verifier
    url: str = ""


@dataclass(frozen=True)
class Group:
    """Holds when at least `threshold` of its members (witnesses or groups) do."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    """The known logs and witnesses, and what is enough."""

    logs: tuple[Known, ...]
    witnesses: Mapping[str, Known]
    groups: Mapping[str, Group]
    quorum: str

    @property
    def verifiers(self) -> list[notes.Verifier]:
        """What `notes.open_note` takes to check the witnesses' signatures."""
        return [one.verifier for one in self.witnesses.values()]

    def met_by(self, cosigners: Collection[tuple[str, bytes]]) -> bool:
        """Whether these keys (key name and key id), whose cosignatures were verified, make the quorum."""
        if self.quorum == NONE:
            return True

        def holds(name: str) -> bool:
            if name in self.witnesses:
                verifier = self.witnesses[name].verifier
                return (verifier.name, verifier.key_id) in cosigners
            group = self.groups[name]
            return sum(map(holds, group.members)) >= group.threshold

        return holds(self.quorum)


MAX_AGE_SECONDS = 300
"""Older than this, a quorum's word on which checkpoint is the largest is no longer taken (five minutes)."""


def open_checkpoint(note: str, policy: Policy, *, now: int | None = None) -> checkpoint.Checkpoint:
    """The checkpoint in `note`, if a log of the policy signed it and enough witnesses co-signed.

    With `now` (POSIX seconds) only co-signatures of the last five minutes count, and none from more than five minutes
    ahead: that is for who reads the log as it stands. Without, their age does not matter: that is for proofs kept.
    """
    opened = notes.open_note(note, [*(log.verifier for log in policy.logs), *policy.verifiers])
    found = checkpoint.parse(opened.text)
    signed = {(line.name, line.key_id) for line in opened.signatures}
    if not any((log.verifier.name, log.verifier.key_id) in signed for log in policy.logs if log.name == found.origin):
        raise VerificationError("The checkpoint is not signed by a log of the policy.")
    cosigned = [line for line in opened.signatures if (line.name, line.key_id) in _keys_of(policy)]
    if not policy.met_by({(line.name, line.key_id) for line in cosigned}):
        raise VerificationError("Too few witnesses co-signed this checkpoint.")
    if now is not None and policy.quorum != NONE:
        recent = {
            (line.name, line.key_id)
            for line in cosigned
            if abs(now - cosignature.timestamp_of(line.signature)) <= MAX_AGE_SECONDS
        }
        if not policy.met_by(recent):
            raise VerificationError("The checkpoint is stale: too few witnesses co-signed it in the last five minutes.")
    return found


def _keys_of(policy: Policy) -> set[tuple[str, bytes]]:
    return {(verifier.name, verifier.key_id) for verifier in policy.verifiers}


def parse(data: bytes) -> Policy:
    """The policy in a file's bytes. Raises VerificationError, which names the line."""
    if len(data) > MAX_BYTES:
        raise VerificationError(f"The policy is longer than {MAX_BYTES} bytes.")
    if any((byte < 0x20 and byte not in (0x09, 0x0A)) or byte == 0x7F for byte in data):
        raise VerificationError("The policy holds a control character other than tab and newline.")
    if data and not data.endswith(b"\n"):
        raise VerificationError("The last line of the policy does not end in a newline.")
    reading = _Reading()
    for number, line in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), start=1):
        line = line.strip(" \t")
        if line and not line.startswith("#"):
            try:
                reading.take(_SPACES.split(line))
            except VerificationError as problem:
                raise VerificationError(f"Line {number} of the policy: {problem}") from problem
    if reading.quorum is None:
        raise VerificationError("The policy has no quorum line.")
    return Policy(tuple(reading.logs), reading.witnesses, reading.groups, reading.quorum)


def as_told(data: bytes) -> str:
    """The policy's lines for a reader: no comments, and no addresses, which only who runs the log has a use for.

    `data` is a policy that `parse` takes.
    """
    kept = {"log": 2, "witness": 3}
    lines = [_SPACES.split(line.strip(" \t")) for line in data.decode().split("\n")]
    told = [words[: kept.get(words[0], len(words))] for words in lines if words[0] and not words[0].startswith("#")]
    return "".join(f"{' '.join(words)}\n" for words in told)


class _Reading:
    """The policy as far as it was read."""

    def __init__(self) -> None:
        self.logs: list[Known] = []
        self.witnesses: dict[str, Known] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self._used: set[str] = set()
        self._keys: dict[str, set[bytes]] = {"log": set(), "witness": set()}

    def take(self, words: list[str]) -> None:
        kinds: dict[str, Callable[[list[str]], None]] = {
            "log": self._log,
            "witness": self._witness,
            "group": self._group,
            "quorum": self._quorum,
        }
        if words[0] not in kinds:
            raise VerificationError(f"“{words[0][:40]}” is none of log, witness, group and quorum.")
        kinds[words[0]](words[1:])

    def _log(self, words: list[str]) -> None:
        if len(words) not in (1, 2):
            raise VerificationError("A log has a verifier key and perhaps an address.")
        key = self._fresh_key("log", words[0])
        if key.type != notes.TYPE_ED25519:
            raise VerificationError("The verifier key is not one of a log.")
        self.logs.append(Known(key.name, key, *words[1:]))

    def _witness(self, words: list[str]) -> None:
        if len(words) not in (2, 3):
            raise VerificationError("A witness has a name, a verifier key and perhaps an address.")
        name = self._fresh_name(words[0])
        key = self._fresh_key("witness", words[1])
        if key.type == notes.TYPE_ED25519:
            raise VerificationError("The verifier key is one of a log, not of a witness.")
        self.witnesses[name] = Known(name, cosignature.verifier(words[1]), *words[2:])

    def _group(self, words: list[str]) -> None:
        if len(words) < 3:
            raise VerificationError("A group has a name, a threshold and at least one member.")
        name, threshold, *members = words
        self._fresh_name(name)
        for member in members:
            if member not in self.witnesses and member not in self.groups:
                raise VerificationError(f"“{member[:40]}” is not defined on a line before.")
            if member in self._used:
                raise VerificationError(f"“{member[:40]}” is a member twice; once is allowed.")
            self._used.add(member)
        counts = {"any": 1, "all": len(members)}
        if threshold not in counts and not _THRESHOLD.fullmatch(threshold):
            raise VerificationError("A group's threshold is all, any or a number.")
        count = counts[threshold] if threshold in counts else int(threshold)
        if count > len(members):
            raise VerificationError(f"The group asks for {count} of {len(members)} members.")
        self.groups[name] = Group(name, count, tuple(members))

    def _quorum(self, words: list[str]) -> None:
        if self.quorum is not None:
            raise VerificationError("There is a second quorum line.")
        if len(words) != 1 or (words[0] != NONE and words[0] not in self.witnesses and words[0] not in self.groups):
            raise VerificationError("The quorum is “none”, or a witness or group that is defined on a line before.")
        self.quorum = words[0]

    def _fresh_name(self, name: str) -> str:
        if name == NONE or name in self.witnesses or name in self.groups:
            raise VerificationError(f"The name “{name[:40]}” is taken.")
        if len(self.witnesses) + len(self.groups) >= MAX_NAMES:
            raise VerificationError(f"A policy defines at most {MAX_NAMES} witnesses and groups.")
        return name

    def _fresh_key(self, kind: str, text: str) -> notes.VerifierKey:
        key = notes.parse_vkey(text)
        if key.public_key in self._keys[kind]:
            raise VerificationError(f"The same public key stands on two {kind} lines.")
        self._keys[kind].add(key.public_key)
        return key
