"""A passkey signs a batch step and a release in a real browser, and a program that is not ours checks both."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from portal.accounts.demonstration import PASSWORD
from tests.functional.hands import fill_in_limits, is_sound, label, scan
from tests.functional.maker.test_maker_jobs import OPERATORS

pytestmark = pytest.mark.browser
CHECKER = Path(__file__).resolve().parents[2] / "integration" / "outside" / "programs" / "hand_signatures.py"
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def with_passkey(page: Page) -> Any:
    """Register a passkey on the device and make it this person's signature."""
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    device.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    page.goto("/accounts/2fa/webauthn/add/")
    if "reauthenticate" in page.url:
        page.get_by_label("Your password").fill(PASSWORD)
        page.get_by_role("button", name="Confirm").click()
        page.wait_for_url("**/webauthn/add/")
    page.locator("#id_name").fill("Bench tablet")
    page.get_by_role("button", name="Add this device").click()
    page.wait_for_url(lambda url: "webauthn/add" not in url)
    page.goto("/accounts/signature/")
    is_sound(page)
    page.get_by_role("link", name="Sign with it").click()
    is_sound(page)
    page.get_by_role("button", name="Sign with this passkey").click()
    expect(page.get_by_text("You sign records with this passkey from now on")).to_be_visible()
    is_sound(page)
    return device


def task(as_person: Any, therapy: str, address: str, person: int) -> tuple[Page, str]:
    """The page of the person of the maker whose therapy it is, and the second person's e-mail."""
    for people in OPERATORS.values():
        page = as_person(people[person], host="localhost")
        answer = page.goto(address.format(therapy))
        if answer is not None and answer.ok:
            return page, people[1]
    raise AssertionError("no maker makes this therapy")


def checked(portal_server: Any, therapy: str, folder: Path) -> tuple[int, str, Path]:
    bundle = folder / "bundle.zip"
    portal_server.manage("export_bundle", therapy, "--output", str(bundle))
    done = subprocess.run(
        [sys.executable, "-I", str(CHECKER), str(bundle)], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr, bundle


# The release comes first: its therapy is told through the batch steps, which an operator with a passkey of their own
# does not sign by password any more.
def test_a_release_is_signed_with_a_passkey(as_person: Any, portal_server: Any, tmp_path: Path) -> None:
    therapy = portal_server.tell(days=36, stop_before="release")
    page, _ = task(as_person, therapy, "/batches/{}/sign-off/release/", 2)
    with_passkey(page)
    page.goto(f"/batches/{therapy}/sign-off/release/")
    page.get_by_label("Certificate number").fill("26-0412")
    page.get_by_role("button", name="Sign and release").click()
    page.wait_for_url(re.compile(r"/batches/[0-9a-f-]+/$"))
    expect(page.get_by_text("Released").first).to_be_visible()

    status, words, bundle = checked(portal_server, therapy, tmp_path)
    assert (status, "release signer: passkey" in words) == (0, True), words
    assert altered(bundle)[0] == 1


def test_a_batch_step_is_signed_with_a_passkey(as_person: Any, portal_server: Any, tmp_path: Path) -> None:
    therapy = portal_server.tell(days=12, stop_before="transduce")
    page, verifier = task(as_person, therapy, "/batches/{}/bench/transduce/", 0)
    device = with_passkey(page)
    page.goto(f"/batches/{therapy}/bench/transduce/")
    scan(page, "label", label(page, "label"))
    fill_in_limits(page)
    page.get_by_role("button", name="Start now").click()
    page.get_by_label("Verifier’s e-mail").fill(verifier)
    page.get_by_label("Verifier’s password").fill(PASSWORD)
    is_sound(page)
    page.get_by_role("button", name="Sign and record, both").click()
    page.wait_for_url(re.compile(r"/batches/[0-9a-f-]+/$"))
    expect(page.get_by_text("signed and on the ledger").first).to_be_visible()
    page.locator("details > summary", has_text="in limits and signed").click()
    expect(page.get_by_text("with their own passkey").first).to_be_visible()
    is_sound(page)

    status, words, bundle = checked(portal_server, therapy, tmp_path)
    assert (status, "manufacturing.step.performed/v1 transduce signer: passkey" in words) == (0, True), words
    held = subprocess.run(
        [sys.executable, "-m", "ledger.verify", str(bundle)], capture_output=True, text=True, check=False
    )
    assert (held.returncode, "with their own passkey" in " ".join(held.stdout.split())) == (0, True), held.stdout
    assert "All holds" in portal_server.manage("verify", "--quiet")
    device.detach()


def altered(bundle: Path) -> tuple[int, str]:
    """What the program says of the bundle when the release in it was made for another batch."""
    other = bundle.with_name("altered.zip")
    with zipfile.ZipFile(bundle) as given, zipfile.ZipFile(other, "w") as made:
        for name in given.namelist():
            data = given.read(name)
            made.writestr(name, turned(data) if name.endswith(".dsse") else data)
    done = subprocess.run([sys.executable, "-I", str(CHECKER), str(other)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def turned(envelope: bytes) -> bytes:
    import base64
    import json

    value = json.loads(envelope)
    payload = json.loads(base64.b64decode(value["payload"]))
    if payload["body"].get("step") == "release":
        payload["body"]["values"]["decision"] = {"value": "reject", "unit": ""}
    value["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()
    return json.dumps(value).encode()
