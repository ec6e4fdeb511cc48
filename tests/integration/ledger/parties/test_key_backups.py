"""A member's key lies with custodians, is rehearsed, lost and recovered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from ledger.log import queries as ledger_queries
from ledger.log import sequencer
from ledger.log.verification import findings
from ledger.log.world import DatabaseWorld
from ledger.parties import key_operations, operations, queries, signing
from ledger.parties.keystore import keystore
from ledger.parties.models import KeyBackup, Party, PartyKey
from tests.factories import keys as given

pytestmark = pytest.mark.django_db

CUSTODIANS = ("Ada Ott", "Ben Iyer", "Cem Aydin")


@pytest.fixture(autouse=True)
def own_keys(at: datetime, settings, tmp_path: Path) -> Iterator[None]:
    for forget in (DatabaseWorld.forget, queries.forget, signing.forget):
        forget()
    settings.KEY_DIR = tmp_path / "keys"
    for code, kind in (("OPERATOR", "operator"), ("PAY-1", "payer"), ("PAY-2", "payer")):
        operations.enrol_party(
            code=code, name=f"Member {code}", kind=kind, country="DE", city="Heidelberg", time_zone="Europe/Berlin",
            by=operations.founding_actor(), at=at, key=f"enrol-{code}",
        )  # fmt: skip
    yield
    signing.forget()


@pytest.fixture
def shares(tmp_path: Path) -> list[Path]:
    return backed_up(tmp_path, "PAY-1", "shares")


def backed_up(tmp_path: Path, code: str, folder: str) -> list[Path]:
    for name in CUSTODIANS:
        (tmp_path / f"{name}.pass").write_text(f"passphrase of {name}\n")
    files = [f"--passphrase-file={tmp_path / name}.pass" for name in CUSTODIANS]
    named = [f"--custodian={name}" for name in CUSTODIANS]
    call_command("backup_key", code, *named, *files, "--threshold=2", f"--to={tmp_path / folder}", stdout=StringIO())
    return sorted((tmp_path / folder).iterdir())


def recovered(shares: list[Path], *more: str, of: tuple[str, ...] = CUSTODIANS) -> str:
    said = StringIO()
    named = [f"--share={path}" for path in shares]
    files = [f"--passphrase-file={shares[0].parent.parent / name}.pass" for name in of[: len(shares)]]
    call_command("recover_key", *named, *files, *more, stdout=said)
    return said.getvalue()


def party() -> Party:
    return Party.objects.get(code="PAY-1")


def lose() -> Path:
    (path,) = (one for one in keystore()._directory.iterdir() if one.name == f"party-{party().pk}.key")  # type: ignore[attr-defined]
    path.unlink()
    keystore()._signers.clear()  # type: ignore[attr-defined]
    signing.forget()
    return path


def test_a_lost_key_comes_back_from_two_of_three(shares: list[Path], at: datetime) -> None:
    lose()
    with pytest.raises(signing.KeyNotHeld, match="recover_key"):
        key_operations.add_key(by=given.holder(party().pk), at=at, key="add-key-1")
    assert "is in place again" in recovered(shares[:2])
    key_operations.add_key(by=given.holder(party().pk), at=at, key="add-key-2")


def test_a_rehearsal_leaves_a_dated_record_and_puts_nothing_in_place(shares: list[Path]) -> None:
    path = lose()
    signing.signer_for(given.steward().party)
    with pytest.raises(CommandError, match="No signing key"):
        recovered(shares[:2], "--rehearse")
    recovered(shares[:2])
    before = path.read_bytes()
    assert "the rehearsal is on the ledger" in recovered(shares[:2], "--rehearse")
    assert path.read_bytes() == before
    assert KeyBackup.objects.get().rehearsed_at is not None
    sequencer.drain()
    assert list(findings()) == []


def test_no_custodian_is_named_on_the_ledger(shares: list[Path]) -> None:
    records = ledger_queries.chain_records(kind="register", subject=party().pk)
    text = json.dumps([dict(record.body) for record in records])
    assert "ledger.key.backed_up/v1" in [record.type for record in records]
    assert not any(name in text for name in CUSTODIANS)


def test_one_share_is_too_few(shares: list[Path]) -> None:
    with pytest.raises(CommandError, match="2 different shares are needed, and there are 1"):
        recovered(shares[:1])
    with pytest.raises(CommandError, match="2 different shares are needed, and there are 1"):
        recovered([shares[0], shares[0]], of=(CUSTODIANS[0], CUSTODIANS[0]))


def test_a_wrong_passphrase_names_its_custodian(shares: list[Path]) -> None:
    with pytest.raises(CommandError, match="not the passphrase of Ada Ott"):
        recovered(shares[:2], of=(CUSTODIANS[1], CUSTODIANS[1]))


def test_shares_of_two_backups_are_told_apart(shares: list[Path], tmp_path: Path) -> None:
    others = backed_up(tmp_path, "PAY-1", "again")
    with pytest.raises(CommandError, match="is of another backup"):
        recovered([shares[0], others[1]])


def test_a_damaged_share_is_named_as_such(shares: list[Path]) -> None:
    whole = shares[0].read_bytes()
    for damaged in (whole[:-20], whole.replace(b'"threshold":2', b'"threshold":1'), b"{}", b"\xff\xfe"):
        shares[0].write_bytes(damaged)
        with pytest.raises(CommandError, match="damaged|no share"):
            recovered(shares[:2])


def test_a_share_whose_labels_were_changed_and_summed_anew_is_refused(shares: list[Path]) -> None:
    from ledger.parties import shares as form

    file = json.loads(shares[0].read_bytes())
    file.pop("checksum")
    file["custodian"] = "Eve"
    shares[0].write_bytes(form.to_bytes(form._share(file)))
    with pytest.raises(CommandError, match="is damaged, or was changed"):
        recovered(shares[:2])


def test_a_key_that_was_rotated_meanwhile_is_not_put_back(shares: list[Path], at: datetime) -> None:
    key_operations.rotate_key(by=given.holder(party().pk), at=at, key="rotate-1")
    with pytest.raises(CommandError, match="has this key no more"):
        recovered(shares[:2])


def test_another_key_in_its_place_is_never_replaced(shares: list[Path]) -> None:
    path = lose()
    keystore().create(f"party-{party().pk}")
    before = path.read_bytes()
    with pytest.raises(CommandError, match="holds another key"):
        recovered(shares[:2])
    assert path.read_bytes() == before


def test_a_short_passphrase_makes_no_backup(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("short")
    call = ["backup_key", "PAY-1", "--custodian=A", "--custodian=B", "--threshold=2", f"--to={tmp_path / 'out'}"]
    with pytest.raises(CommandError, match="shorter than 12"):
        call_command(*call, f"--passphrase-file={tmp_path / 'p'}", f"--passphrase-file={tmp_path / 'p'}")
    assert not (tmp_path / "out").exists()
    assert not KeyBackup.objects.exists()


def test_rotating_and_revoking_from_the_server(at: datetime) -> None:
    said, first = StringIO(), PartyKey.objects.get(party=party())
    call_command("rotate_key", "PAY-1", "--spare", stdout=said)
    call_command("revoke_key", "PAY-1", first.key_id, "--reason=compromised",
                 "--compromised-since=2026-03-01T08:00:00+01:00", stdout=said)  # fmt: skip
    call_command("rotate_key", "PAY-1", stdout=said)
    in_force = PartyKey.objects.get(party=party(), ended_by=None)
    assert f"signs with the key {in_force.key_id}" in said.getvalue()
    call_command("revoke_key", "PAY-1", in_force.key_id, "--reason=lost", "--reissue", stdout=said)
    assert PartyKey.objects.get(party=party(), ended_by=None).origin == "reissued"
    with pytest.raises(CommandError, match="has no key"):
        call_command("revoke_key", "PAY-1", "0" * 16, "--reason=lost", stdout=said)
