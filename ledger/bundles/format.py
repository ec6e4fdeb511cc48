"""The file: a zip with the records as they were signed, their proofs, the checkpoint, and the printed names.

    manifest.json                 canonical JSON: format, log, its key, witnesses' keys, what the bundle is about
    checkpoint                    a signed note (C2SP tlog-checkpoint), with its cosignatures
    records/000000000012.dsse     the record at leaf 12, byte for byte as in the log (DSSE)
    proofs/000000000012.tlog-proof  its inclusion in that checkpoint (C2SP tlog-proof@v1)
    names.json                    the printed names behind the signatures' commitments, with their salts
    README.txt                    how to check all this

Nothing else may be in it. Reading trusts nothing: names, numbers and sizes are bounded before anything is unpacked.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from ledger.crypto import canonical
from ledger.crypto.errors import VerificationError

FORMAT = "needlepoint-evidence-bundle/v1"
MAX_FILES = 20_000
MAX_FILE_BYTES = 4_000_000
MAX_TOTAL_BYTES = 400_000_000
_RECORD = re.compile(r"records/([0-9]{12})\.dsse", re.ASCII)
_PROOF = re.compile(r"proofs/([0-9]{12})\.tlog-proof", re.ASCII)
_EPOCH = (1980, 1, 1, 0, 0, 0)

README = """This file shows what happened to one therapy, and that nobody has changed it since.

records/   what each organisation signed, byte for byte (DSSE, Ed25519)
proofs/    that each record is in the consortium's log (C2SP tlog-proof)
checkpoint what the log, and the witnesses of its members, signed (C2SP tlog-checkpoint)
names.json the printed names that the signatures commit to

To check it, with no network and no database: install Python 3.11 or newer, unpack the source of Needlepoint,
install the packages in its requirements.txt, and say

    python -m ledger.verify THIS-FILE.zip --log-key "THE LOG'S KEY, AS YOU HAVE IT FROM ELSEWHERE"

The records and proofs can be checked with any other verifier of these standards as well.
"""


class BundleUnreadable(VerificationError):
    """The file is no evidence bundle, or a damaged one; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class PrintedName:
    """Who signed the record at leaf `index`: `position` 1 is the signer, 2 who verified. The salt is 16 bytes."""

    index: int
    position: int
    name: str
    salt: bytes


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a file holds, read and NOT verified. `records` and `proofs` are by leaf index."""

    log: str
    log_key: str
    witnesses: tuple[str, ...]
    chain_kind: str
    subject: UUID
    made_at: str
    checkpoint: str
    records: Mapping[int, bytes]
    proofs: Mapping[int, str]
    names: tuple[PrintedName, ...]


def write(target: Path | IO[bytes], bundle: Bundle) -> None:
    """Write the file. The same bundle gives the same bytes."""
    manifest = {
        "format": FORMAT,
        "log": bundle.log,
        "log_key": bundle.log_key,
        "witnesses": list(bundle.witnesses),
        "chain_kind": bundle.chain_kind,
        "subject": str(bundle.subject),
        "made_at": bundle.made_at,
        "records": len(bundle.records),
    }
    names = [[name.index, name.position, name.name, name.salt.hex()] for name in bundle.names]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        _put(out, "README.txt", README.encode())
        _put(out, "manifest.json", canonical.encode(manifest))
        _put(out, "checkpoint", bundle.checkpoint.encode())
        _put(out, "names.json", canonical.encode({"names": names}))
        for index in sorted(bundle.records):
            _put(out, f"records/{index:012d}.dsse", bundle.records[index])
            _put(out, f"proofs/{index:012d}.tlog-proof", bundle.proofs[index].encode())


def _put(out: zipfile.ZipFile, name: str, data: bytes) -> None:
    out.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED)


def read(source: Path | IO[bytes]) -> Bundle:
    """What the file holds, checked for form only. Raises BundleUnreadable."""
    try:
        with zipfile.ZipFile(source) as given:
            files = _files(given)
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, ValueError) as problem:
        raise BundleUnreadable(f"The file cannot be opened as a bundle: {problem}") from None
    try:
        manifest = canonical.decode(files.pop("manifest.json"))
        names = canonical.decode(files.pop("names.json"))["names"]
        checkpoint = files.pop("checkpoint").decode()
        files.pop("README.txt")
        return _bundle(manifest, names, checkpoint, files)
    except KeyError as missing:
        raise BundleUnreadable(f"The bundle lacks {missing}.") from None
    except VerificationError as problem:
        raise BundleUnreadable(f"The bundle is not well formed: {problem}") from None
    except (UnicodeDecodeError, ValueError, TypeError, AttributeError) as problem:
        raise BundleUnreadable(f"The bundle is not well formed: {type(problem).__name__}") from None


def _files(given: zipfile.ZipFile) -> dict[str, bytes]:
    infos = given.infolist()
    if len(infos) > MAX_FILES:
        raise BundleUnreadable(f"The bundle holds {len(infos):,} files; at most {MAX_FILES:,} are read.")
    if sum(info.file_size for info in infos) > MAX_TOTAL_BYTES or any(i.file_size > MAX_FILE_BYTES for i in infos):
        raise BundleUnreadable("The bundle, or a file in it, is larger than any that we write.")
    files: dict[str, bytes] = {}
    for info in infos:
        if info.filename in files:
            raise BundleUnreadable(f"The bundle holds {info.filename[:80]!r} twice.")
        # zipfile reads no further than the size that the directory states, and checks the CRC.
        files[info.filename] = given.read(info)
    return files


def _bundle(manifest: Any, names: Any, checkpoint: str, files: dict[str, bytes]) -> Bundle:
    if manifest["format"] != FORMAT:
        raise BundleUnreadable(
            f"The bundle's format is {str(manifest['format'])[:60]!r}; this verifier reads {FORMAT}."
        )
    records: dict[int, bytes] = {}
    proofs: dict[int, str] = {}
    for name, data in files.items():
        if match := _RECORD.fullmatch(name):
            records[int(match[1])] = data
        elif match := _PROOF.fullmatch(name):
            proofs[int(match[1])] = data.decode()
        else:
            raise BundleUnreadable(f"The bundle holds {name[:80]!r}, which does not belong there.")
    if records.keys() != proofs.keys() or len(records) != manifest["records"]:
        raise BundleUnreadable("Records and proofs do not go together: one of them is missing.")
    texts = [manifest[name] for name in ("log", "log_key", "chain_kind", "made_at")]
    witnesses = manifest["witnesses"]
    if not all(isinstance(text, str) for text in [*texts, *witnesses]) or not isinstance(names, list):
        raise BundleUnreadable("The manifest is not well formed.")
    return Bundle(
        log=texts[0],
        log_key=texts[1],
        witnesses=tuple(witnesses),
        chain_kind=texts[2],
        subject=UUID(manifest["subject"]),
        made_at=texts[3],
        checkpoint=checkpoint,
        records=records,
        proofs=proofs,
        names=tuple(_name(row) for row in names),
    )


def _name(row: Sequence[Any]) -> PrintedName:
    index, position, name, salt = row
    if type(index) is not int or position not in (1, 2) or not isinstance(name, str):
        raise BundleUnreadable("A printed name is not well formed.")
    return PrintedName(index, position, name, bytes.fromhex(salt))
