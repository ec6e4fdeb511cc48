"""What the commands about members' keys share: whose they are, passphrases, and refusals as command errors."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from django.core.management.base import CommandError

from ledger.crypto.errors import VerificationError
from ledger.errors import Refusal
from ledger.parties.actor import Actor
from ledger.parties.keystore import KeystoreError
from ledger.parties.models import Party
from portal.accounts.actors import keyholder_actor


def member_coded(code: str) -> Party:
    """The member with this code. Raises CommandError, which names those that there are."""
    found = Party.objects.filter(code=code).first()
    if found is None:
        codes = ", ".join(Party.objects.order_by("code").values_list("code", flat=True)) or "none is enrolled"
        raise CommandError(f"No organisation has the code {code}. There are: {codes}.")
    return found


def holder_of(code: str) -> Actor:
    """Who acts on this member's keys from the server."""
    return keyholder_actor(member_coded(code))


@contextmanager
def said_plainly() -> Iterator[None]:
    """Refusals end the command with their sentence, and nothing else."""
    try:
        yield
    except Refusal as refusal:
        raise CommandError(refusal.message) from refusal
    except (VerificationError, KeystoreError) as problem:
        raise CommandError(str(problem)) from problem


def passphrases(names: Sequence[str], files: Sequence[str]) -> list[str]:
    """A passphrase for each custodian: from files in the same order, or asked for without showing it."""
    if files and len(files) != len(names):
        raise CommandError(f"There are {len(names)} custodians and {len(files)} passphrase files.")
    if files:
        try:
            return [Path(file).read_text("utf-8").rstrip("\r\n") for file in files]
        except OSError as problem:
            raise CommandError(f"{problem.filename} cannot be read: {problem.strerror}.") from problem
    return [getpass.getpass(f"Passphrase of {name}: ") for name in names]
