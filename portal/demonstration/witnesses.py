"""Five witnesses for the demonstration, one for each kind of member: their folders, settings, keys, and the policy."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings

from ledger.cosigning import tokens
from ledger.cosigning.operations import enrol_witness
from ledger.log import evidence
from ledger.parties.models import Party
from ledger.witness import configuration, process

KINDS = ("treatment_centre", "manufacturer", "courier", "payer", "regulator")


@dataclass(frozen=True, slots=True)
class MembersWitness:
    """One member's witness, ready to be started with its settings file."""

    party: str
    code: str
    settings_file: Path
    vkeys: tuple[str, str]


class NoMembers(Exception):
    """The demonstration is not loaded."""


def quorum_of(count: int) -> int:
    """⌊(n+f)/2⌋+1 of n witnesses, of which f = ⌊(n−1)/3⌋ may lie: two quorums share an honest one (DESIGN §3)."""
    return (count + (count - 1) // 3) // 2 + 1


def prepare(*, folder: Path, log_url: str, first_port: int, at: datetime) -> list[MembersWitness]:
    """One witness for the first member of each kind, enrolled, with a token. Again and again without harm."""
    members = [Party.objects.filter(kind=kind).order_by("code").first() for kind in KINDS]
    found = [
        _prepared(member, folder / member.code, log_url, first_port + place, at)
        for place, member in enumerate(members)
        if member is not None
    ]
    if len(found) < len(KINDS):
        raise NoMembers("The demonstration's members are not there. Run manage.py seed_demo first.")
    return found


def write_policy(path: Path, witnesses: Sequence[MembersWitness], *, log_key: str) -> int:
    """The policy file (C2SP tlog-policy): a quorum of the members, each by either of its keys. How many that are."""
    lines = ["# Written by manage.py consortium.", f"log {log_key}", ""]
    for one in witnesses:
        lines += [f"witness {one.code}-{place} {vkey}" for place, vkey in enumerate(one.vkeys, start=1)]
        lines += [f"group {one.code} any {one.code}-1 {one.code}-2", ""]
    count = quorum_of(len(witnesses))
    lines += [f"group members {count} {' '.join(one.code for one in witnesses)}", "quorum members"]
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text("\n".join(lines) + "\n")
    fresh.replace(path)
    return count


def _prepared(party: Party, folder: Path, log_url: str, port: int, at: datetime) -> MembersWitness:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    token_file, path = folder / "token", folder / "witness.toml"
    if not token_file.exists() or tokens.party_of(token_file.read_text().strip()) != party.pk:
        _private(token_file, tokens.issue(party=party.pk, at=at))
    lines = [
        f"# The witness of {party.name}. Written by manage.py consortium.",
        f"name = {json.dumps(f'{party.code.lower()}.witness.example')}",
        'folder = "memory"',
        f'listen = "127.0.0.1:{port}"',
        "lookback_seconds = 1",
        "",
        "[[log]]",
        f"origin = {json.dumps(settings.LOG_ORIGIN)}",
        f"keys = [{json.dumps(evidence.log_key())}]",
        f"url = {json.dumps(log_url)}",
        'token_file = "token"',
    ]
    _private(path, "\n".join(lines) + "\n")
    store, keys = process.opened(configuration.load(path))
    store.close()
    for vkey in keys.vkeys:
        enrol_witness(party=party.pk, vkey=vkey, at=at)
    return MembersWitness(party.name, party.code, path, keys.vkeys)


def _private(path: Path, text: str) -> None:
    with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)
