"""Signing keys in a PKCS#11 token: the ledger signs with them, and they do not leave it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from ledger.crypto import ed25519
from ledger.log import sequencer
from ledger.log.verification import findings
from ledger.log.world import DatabaseWorld
from ledger.parties import backups, key_operations, operations, queries, signing
from ledger.parties.keystore import KeyNotFound, SealedFileKeystore, SecretStaysInside, keystore
from ledger.parties.models import Party
from ledger.parties.pkcs11_keystore import TokenKeystore, TokenUnusable
from tests.factories import keys as given
from tests.services import ROOT, SOFTHSM

pytestmark = pytest.mark.softhsm
PIN = "246810"


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A fresh token; the module reads its configuration once a process."""
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    label = "needlepoint-test"
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "13579111"],
        check=True, capture_output=True,
    )  # fmt: skip
    yield label
    del os.environ["SOFTHSM2_CONF"]


def opened(token: str, folder: Path, pin: str = PIN) -> TokenKeystore:
    files = SealedFileKeystore(folder, bytes(32))
    return TokenKeystore(module=Path(SOFTHSM), token=token, pin=pin, files=files)


def test_a_key_of_the_token_signs_what_everybody_can_verify(token: str, tmp_path: Path) -> None:
    signer = opened(token, tmp_path).create("party-one")
    assert ed25519.verify(signer.public_key, b"a record", signer.sign(b"a record"))
    assert signer.keyid == ed25519.keyid(signer.public_key)


def test_the_same_name_is_the_same_key(token: str, tmp_path: Path) -> None:
    store = opened(token, tmp_path)
    first = store.create("party-two")
    assert opened(token, tmp_path).create("party-two").public_key == first.public_key
    assert store.create("party-three").public_key != first.public_key
    assert {"party-two", "party-three"} <= set(store.names())


def test_no_private_key_leaves_the_token_and_none_comes_in(token: str, tmp_path: Path) -> None:
    store = opened(token, tmp_path)
    store.create("party-four")
    with pytest.raises(SecretStaysInside, match="token's own means"):
        store.secret("party-four")
    with pytest.raises(SecretStaysInside):
        store.restore("party-four", bytes(32))
    assert list(tmp_path.iterdir()) == []


def test_what_has_to_be_read_lies_in_sealed_files(token: str, tmp_path: Path) -> None:
    store = opened(token, tmp_path)
    store.create("party-five-hpke")
    assert len(store.secret("party-five-hpke")) == 32
    assert len(list(tmp_path.iterdir())) == 1


def test_a_key_that_is_not_there_is_not_found(token: str, tmp_path: Path) -> None:
    with pytest.raises(KeyNotFound, match="in the token"):
        opened(token, tmp_path).signer("party-nobody")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"token": "another"}, "no token named 'another'"),
        ({"module": Path("/nowhere/lib.so")}, "cannot be opened.*/nowhere/lib.so"),
    ],
)
def test_a_token_that_cannot_be_used_says_why(
    token: str, tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    files = SealedFileKeystore(tmp_path, bytes(32))
    right: dict[str, object] = {"module": Path(SOFTHSM), "token": token, "pin": PIN}
    with pytest.raises(TokenUnusable, match=words):
        TokenKeystore(**{**right, **changes}, files=files)  # type: ignore[arg-type]


def test_a_wrong_pin_says_so(token: str, tmp_path: Path) -> None:
    """In a process of its own: one that is logged in is not asked again."""
    code = (
        "from pathlib import Path; from ledger.parties.pkcs11_keystore import TokenKeystore; "
        f"TokenKeystore(module=Path({SOFTHSM!r}), token={token!r}, pin='999999', files=None)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "TokenUnusable: The PIN of the token 'needlepoint-test' is wrong." in done.stderr


@pytest.mark.django_db
def test_a_whole_ledger_signs_with_a_token(token: str, tmp_path: Path, at: datetime, settings) -> None:
    settings.KEYSTORE, settings.PKCS11_MODULE, settings.PKCS11_TOKEN, settings.PKCS11_PIN = (
        "pkcs11", Path(SOFTHSM), token, PIN,
    )  # fmt: skip
    settings.KEY_DIR = tmp_path / "keys"
    for forget in (DatabaseWorld.forget, queries.forget, signing.forget):
        forget()
    for code, kind in (("OPERATOR", "operator"), ("PAY-1", "payer")):
        operations.enrol_party(
            code=code, name=f"Member {code}", kind=kind, country="DE", city="Heidelberg", time_zone="Europe/Berlin",
            by=operations.founding_actor(), at=at, key=f"enrol-{code}",
        )  # fmt: skip
    holder = given.holder(Party.objects.get(code="PAY-1").pk)
    key_operations.rotate_key(by=holder, at=at, key="rotate-1")
    given.announced(at=at)
    sequencer.drain()
    assert isinstance(keystore(), TokenKeystore)
    assert list(findings()) == []
    with pytest.raises(backups.BackupRefused, match="does not leave it"):
        backups.back_up(custodians=[("A", "x" * 12), ("B", "y" * 12)], threshold=2, by=holder, at=at)
    signing.forget()
