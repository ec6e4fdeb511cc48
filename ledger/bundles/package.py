"""An inspection package: many evidence bundles and lists in one zip, under one signed manifest. Pure.

    manifest.dsse.json   what the package is, and the SHA-256 of every other file; signed (DSSE) by who made it
    inspection.zip       the evidence bundle of the inspection itself
    therapies/ID.zip     the evidence bundle of each therapy in scope
    *.json, checkpoint   lists for people and machines, and the log's checkpoint
    README.txt           how to check all this

The signer's key is the one that the register in `inspection.zip` gives it; the anchor is the log's key, as ever.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ledger.bundles import checks
from ledger.bundles import format as file_format
from ledger.bundles.checks import Verdict
from ledger.crypto import canonical, dsse, notes
from ledger.crypto.ed25519 import Signer
from ledger.crypto.errors import VerificationError
from ledger.parties.authorship import keys_by_id

FORMAT = "needlepoint-inspection-package/v1"
PAYLOAD_TYPE = "application/vnd.needlepoint.package+json"
MANIFEST, README_FILE, OWN = "manifest.dsse.json", "README.txt", "inspection.zip"
FILES_PART = "digests.json"
MAX_FILES = 5_000
MAX_FILE_BYTES = 400_000_000
MAX_TOTAL_BYTES = 4_000_000_000
_EPOCH = (1980, 1, 1, 0, 0, 0)

README = """This file holds what an inspection looked at: each therapy's evidence, the exceptions, and the proofs.

To check all of it, with no network and no database: install Python 3.11 or newer, unpack the source of Needlepoint,
install the packages in its requirements.txt, and say

    python -m ledger.package THIS-FILE.zip --log-key "THE LOG'S KEY, AS YOU HAVE IT FROM ELSEWHERE"

Each file in therapies/ is an evidence bundle of its own: python -m ledger.verify therapies/ID.zip tells what happened.
"""


class PackageUnreadable(VerificationError):
    """The file is no package, or a damaged one."""


@dataclass(frozen=True, slots=True)
class Package:
    """What is written: the manifest's own members, and the other files by name."""

    manifest: Mapping[str, Any]
    files: Mapping[str, bytes]


@dataclass(slots=True)
class PackageVerdict:
    """What was found. The package holds when `problems` is empty; each names the file."""

    manifest: Mapping[str, Any]
    signer: str = ""
    own_key: bool = False
    bundles: int = 0
    records: int = 0
    proofs: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.problems


def write(target: Path | IO[bytes], package: Package, *, signer: Signer) -> None:
    """Write and sign. The digests stand in a file of their own, which the manifest names, so that it stays short."""
    files = dict(package.files) | {README_FILE: README.encode()}
    files[FILES_PART] = canonical.encode({name: _digest(data) for name, data in sorted(files.items())})
    manifest = canonical.encode({**package.manifest, "format": FORMAT, "digests": _digest(files[FILES_PART])})
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        _put(out, README_FILE, files.pop(README_FILE))
        _put(out, MANIFEST, dsse.sign(manifest, signers=[signer], payload_type=PAYLOAD_TYPE))
        for name in sorted(files):
            _put(out, name, files[name])


def check(
    source: Path | IO[bytes], *, log_key: Sequence[str] = (), witnesses: Sequence[str] = (), quorum: int | None = None
) -> PackageVerdict:
    """Check everything: the manifest's signature, every file's digest, and each bundle. Raises PackageUnreadable."""
    try:
        with zipfile.ZipFile(source) as given:
            files = _files(given)
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, ValueError) as problem:
        raise PackageUnreadable(f"The file cannot be opened as a package: {problem}") from None
    try:
        envelope = files.pop(MANIFEST)
        manifest = canonical.decode(dsse.payload_of(envelope))
        if manifest["format"] != FORMAT:
            raise PackageUnreadable(f"The package's format is {str(manifest['format'])[:60]!r}, not {FORMAT}.")
        own, made_by = files[OWN], str(manifest["made_by"])
    except KeyError as missing:
        raise PackageUnreadable(f"The package lacks {missing}.") from None
    verdict = PackageVerdict(manifest, own_key=bool(log_key))
    _check_digests(verdict, files, str(manifest.get("digests")))
    opened = _check_bundle(verdict, OWN, own, log_key, witnesses, quorum)
    if opened is not None:
        _check_signature(verdict, envelope, opened, made_by)
        if str(opened.bundle.subject) != manifest.get("inspection"):
            verdict.problems.append(f"{OWN}: it is about another inspection than the manifest")
    therapies = [name for name in files if name.startswith("therapies/")]
    if len(therapies) != manifest.get("therapies"):
        verdict.problems.append(
            f"{MANIFEST}: it speaks of {manifest.get('therapies')} therapies, {len(therapies)} are here"
        )
    for name in sorted(therapies):
        _check_bundle(verdict, name, files[name], log_key, witnesses, quorum)
    return verdict


def _check_digests(verdict: PackageVerdict, files: dict[str, bytes], expected: str) -> None:
    listed = files.pop(FILES_PART, b"")
    if _digest(listed) != expected:
        verdict.problems.append(f"{FILES_PART}: it is not the list that was signed")
        return
    digests = canonical.decode(listed)
    for name in sorted({*digests, *files}):
        if name not in files:
            verdict.problems.append(f"{name[:120]}: it is missing")
        elif name not in digests:
            verdict.problems.append(f"{name[:120]}: it does not belong there")
        elif _digest(files[name]) != digests[name]:
            verdict.problems.append(f"{name[:120]}: it is not the file that was signed")


def _check_bundle(
    verdict: PackageVerdict,
    name: str,
    data: bytes,
    log_key: Sequence[str],
    witnesses: Sequence[str],
    quorum: int | None,
) -> Verdict | None:
    try:
        bundle = file_format.read(io.BytesIO(data))
        own = [key for key in log_key if not notes.parse_vkey(key).name.startswith(f"{bundle.log}/")]
        others = [key for key in log_key if key not in own]
        found = checks.check(bundle, log_key=own, witnesses=witnesses, quorum=quorum, other_keys=others)
    except VerificationError as problem:
        verdict.problems.append(f"{name[:120]}: {problem}")
        return None
    verdict.problems += [f"{name[:120]}: {problem}" for problem in found.problems]
    verdict.bundles += 1
    verdict.records += len(found.journey)
    verdict.proofs += len(found.proofs)
    return found


def _check_signature(verdict: PackageVerdict, envelope: bytes, opened: Verdict, made_by: str) -> None:
    register = next((state for party, state in opened.registers.items() if str(party) == made_by), None)
    if register is None:
        verdict.problems.append(f"{MANIFEST}: who signed it is no member that the records speak of")
        return
    try:
        dsse.verify(envelope, keys=keys_by_id(register), payload_type=PAYLOAD_TYPE)
    except VerificationError as problem:
        verdict.problems.append(f"{MANIFEST}: {problem}")
        return
    verdict.signer = opened.names.get(made_by, made_by)


def _files(given: zipfile.ZipFile) -> dict[str, bytes]:
    infos = given.infolist()
    if len(infos) > MAX_FILES or sum(info.file_size for info in infos) > MAX_TOTAL_BYTES:
        raise PackageUnreadable("The package is larger than any that we write.")
    files: dict[str, bytes] = {}
    for info in infos:
        if info.filename in files or info.file_size > MAX_FILE_BYTES:
            raise PackageUnreadable(f"The package holds {info.filename[:80]!r} twice, or it is too large.")
        files[info.filename] = given.read(info)
    return files


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _put(out: zipfile.ZipFile, name: str, data: bytes) -> None:
    out.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)
