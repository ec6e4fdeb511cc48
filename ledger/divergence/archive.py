"""The evidence as a file: a zip that `python -m ledger.divergence` checks, and that people can look into.

    report.dsse.json    what the witness signed
    witness.vkey        the verifier key that the portal checked it with
    evidence/…          each piece, byte for byte; the report names their SHA-256
    README.txt          how to check all this

Reading trusts nothing: names and sizes are bounded before anything is unpacked.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO

from ledger.crypto.errors import VerificationError
from ledger.divergence import report as reports
from ledger.divergence.report import Report

_EPOCH = (1980, 1, 1, 0, 0, 0)
_FOLDER = "evidence/"
README = """This file is a witness's evidence that the consortium's log diverged.

To check it, with no network and no database: install Python 3.11 or newer, unpack the source of Needlepoint,
install the packages in its requirements.txt, and say

    python -m ledger.divergence THIS-FILE.zip --log-key "THE LOG'S KEY, AS YOU HAVE IT FROM ELSEWHERE"

The notes and tiles in evidence/ have the C2SP formats, so any other verifier of these reads them as well.
"""


class Unreadable(VerificationError):
    """The file is no evidence of a divergence, or a damaged one."""


def holds_entries(report: Report) -> bool:
    """Whether the evidence holds whole records, with the values of a step."""
    return any(name.startswith(("entry-", "kept-", "tile/entries/")) for name in report.evidence)


def write(target: Path | IO[bytes], report: Report, *, vkey: str) -> None:
    """Write the file. The same report gives the same bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        _put(out, "README.txt", README.encode())
        _put(out, "report.dsse.json", report.envelope)
        _put(out, "witness.vkey", f"{vkey}\n".encode())
        for name in sorted(report.evidence):
            _put(out, _FOLDER + name, report.evidence[name])


def read(source: Path | IO[bytes]) -> tuple[Report, str]:
    """The report in the file, checked for form and digests only, and the witness's key as the file gives it.

    Raises Unreadable.
    """
    try:
        with zipfile.ZipFile(source) as given:
            files = _files(given)
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, ValueError) as problem:
        raise Unreadable(f"The file cannot be opened as evidence: {problem}") from None
    try:
        envelope, vkey = files.pop("report.dsse.json"), files.pop("witness.vkey").decode("ascii").strip()
    except KeyError as missing:
        raise Unreadable(f"The file lacks {missing}.") from None
    except UnicodeDecodeError:
        raise Unreadable("The witness's key is not text.") from None
    files.pop("README.txt", None)
    strange = sorted(name for name in files if not name.startswith(_FOLDER))
    if strange:
        raise Unreadable(f"The file holds {strange[0][:80]!r}, which does not belong there.")
    try:
        return reports.opened(envelope, {name.removeprefix(_FOLDER): data for name, data in files.items()}), vkey
    except VerificationError as problem:
        raise Unreadable(f"The report is not well formed: {problem}") from None


def _files(given: zipfile.ZipFile) -> dict[str, bytes]:
    infos = given.infolist()
    if len(infos) > reports.MAX_PIECES + 3 or sum(info.file_size for info in infos) > reports.MAX_BYTES:
        raise Unreadable("The file, or what is in it, is larger than any that we write.")
    files: dict[str, bytes] = {}
    for info in infos:
        if info.filename in files:
            raise Unreadable(f"The file holds {info.filename[:80]!r} twice.")
        # zipfile reads no further than the size that the directory states, and checks the CRC.
        files[info.filename] = given.read(info)
    return files


def _put(out: zipfile.ZipFile, name: str, data: bytes) -> None:
    out.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)
