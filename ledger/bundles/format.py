"""The file: a zip with the records as they were signed, their proofs, the checkpoint, and the printed names.

    manifest.json                 canonical JSON: format, log, its key, witnesses' keys, what the bundle is about
    checkpoint                    a signed note (C2SP tlog-checkpoint), with its cosignatures
    records/000000000012.dsse     the record at leaf 12, byte for byte as in the log (DSSE)
    proofs/000000000012.tlog-proof  its inclusion in that checkpoint (C2SP tlog-proof@v1)
    names.json                    the printed names behind the signatures' commitments, with their salts
    disclosed.json                of a disclosure only: the values that were shown, with their salts and paths
    README.txt                    how to check all this

Where members have logs of their own, the files above are of the operator's log, and each other log that the records
stand in has a folder `logs/CODE/` with its own checkpoint, records and proofs.

Nothing else may be in it. Reading trusts nothing: names, numbers and sizes are bounded before anything is unpacked.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, TypeVar
from uuid import UUID

from ledger.crypto import canonical
from ledger.crypto.errors import VerificationError

FORMAT = "needlepoint-evidence-bundle/v1"
MAX_FILES = 20_000
MAX_FILE_BYTES = 4_000_000
MAX_TOTAL_BYTES = 400_000_000
_MEMBERS = r"(?:logs/([a-z0-9][a-z0-9-]{1,15})/)?"
_CHECKPOINT = re.compile(_MEMBERS + r"checkpoint", re.ASCII)
_RECORD = re.compile(_MEMBERS + r"records/([0-9]{12})\.dsse", re.ASCII)
_PROOF = re.compile(_MEMBERS + r"proofs/([0-9]{12})\.tlog-proof", re.ASCII)
Made = TypeVar("Made")
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
    """Who signed the record at leaf `index`: `position` 1 is the signer, 2 who verified. The salt is 16 bytes.

    `log` is the code of the member whose log it is, empty for the operator's.
    """

    index: int
    position: int
    name: str
    salt: bytes
    log: str = ""


@dataclass(frozen=True, slots=True)
class Disclosed:
    """A value that was disclosed: its name in the records, and what its commitment binds. The salt is 16 bytes."""

    name: str
    path: str
    salt: bytes = field(repr=False)
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Part:
    """What a bundle holds of one log: its checkpoint, and records and proofs by leaf index."""

    checkpoint: str
    records: Mapping[int, bytes]
    proofs: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a file holds, read and NOT verified. `records` and `proofs` are by leaf index, of the operator's log.

    `members` are the parts of members' own logs, by the code of the member.
    """

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
    members: Mapping[str, Part] = field(default_factory=dict)
    disclosed: tuple[Disclosed, ...] = ()

    @property
    def parts(self) -> dict[str, Part]:
        """All logs' parts by code, the operator's under the empty one."""
        return {"": Part(self.checkpoint, self.records, self.proofs), **self.members}

    @property
    def record_count(self) -> int:
        return sum(len(part.records) for part in self.parts.values())


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
        "records": bundle.record_count,
    }
    names = [
        [name.index, name.position, name.name, name.salt.hex(), *([name.log] if name.log else [])]
        for name in bundle.names
    ]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
        _put(out, "README.txt", README.encode())
        _put(out, "manifest.json", canonical.encode(manifest))
        _put(out, "names.json", canonical.encode({"names": names}))
        if bundle.disclosed:
            shown = [[one.name, one.path, one.salt.hex(), one.value] for one in bundle.disclosed]
            _put(out, "disclosed.json", canonical.encode({"disclosed": shown}))
        for code, part in sorted(bundle.parts.items()):
            folder = folder_of(code)
            _put(out, f"{folder}checkpoint", part.checkpoint.encode())
            for index in sorted(part.records):
                _put(out, f"{folder}records/{index:012d}.dsse", part.records[index])
                _put(out, f"{folder}proofs/{index:012d}.tlog-proof", part.proofs[index].encode())


def folder_of(code: str) -> str:
    """Where the files of a log lie in the bundle."""
    return f"logs/{code}/" if code else ""


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
        manifest = _decoded(files, "manifest.json")
        names = _decoded(files, "names.json")["names"]
        disclosed = _decoded(files, "disclosed.json")["disclosed"] if "disclosed.json" in files else []
        files.pop("README.txt")
        return replace(
            _bundle(manifest, names, files),
            names=tuple(_row(_name, row, "names.json") for row in names),
            disclosed=tuple(_row(_disclosed, row, "disclosed.json") for row in disclosed),
        )
    except KeyError as missing:
        raise BundleUnreadable(f"The bundle lacks {missing}.") from None
    except VerificationError as problem:
        raise BundleUnreadable(f"The bundle is not well formed: {problem}") from None
    except (UnicodeDecodeError, ValueError, TypeError, AttributeError) as problem:
        raise BundleUnreadable(f"The bundle is not well formed: {type(problem).__name__}") from None


def _decoded(files: dict[str, bytes], name: str) -> Any:
    """The canonical JSON in the file of this name, which is taken out."""
    data = files.pop(name)
    try:
        return canonical.decode(data)
    except VerificationError as problem:
        raise BundleUnreadable(f"{name}: {problem}") from None


def _text(name: str, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise BundleUnreadable(f"{name}: it is not text.") from None


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


def _bundle(manifest: Any, names: Any, files: dict[str, bytes]) -> Bundle:
    if manifest["format"] != FORMAT:
        raise BundleUnreadable(
            f"The bundle's format is {str(manifest['format'])[:60]!r}; this verifier reads {FORMAT}."
        )
    checkpoints: dict[str, str] = {}
    records: dict[str, dict[int, bytes]] = {}
    proofs: dict[str, dict[int, str]] = {}
    for name, data in files.items():
        if match := _RECORD.fullmatch(name):
            records.setdefault(match[1] or "", {})[int(match[2])] = data
        elif match := _PROOF.fullmatch(name):
            proofs.setdefault(match[1] or "", {})[int(match[2])] = _text(name, data)
        elif match := _CHECKPOINT.fullmatch(name):
            checkpoints[match[1] or ""] = _text(name, data)
        else:
            raise BundleUnreadable(f"The bundle holds {name[:80]!r}, which does not belong there.")
    if "" not in checkpoints:
        raise BundleUnreadable("The bundle lacks 'checkpoint'.")
    logs = {*records, *proofs}
    for log in sorted(logs):
        if alone := sorted(records.get(log, {}).keys() ^ proofs.get(log, {}).keys()):
            kind = "proof" if alone[0] in records.get(log, {}) else "record"
            raise BundleUnreadable(
                "Records and proofs do not go together: "
                f"the {kind} of leaf {alone[0]:,} is missing in {folder_of(log)}{kind}s/."
            )
    if (here := sum(len(several) for several in records.values())) != manifest["records"]:
        raise BundleUnreadable(
            f"manifest.json speaks of {manifest['records']} records and {here} are here: some are missing."
        )
    if logs - checkpoints.keys() or checkpoints.keys() - logs - {""}:
        raise BundleUnreadable("Records and checkpoints do not go together: one of them is missing.")
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
        checkpoint=checkpoints[""],
        records=records.get("", {}),
        proofs=proofs.get("", {}),
        names=(),
        members={log: Part(checkpoints[log], records[log], proofs[log]) for log in sorted(logs - {""})},
    )


def _row(make: Callable[[Sequence[Any]], Made], row: Any, file: str) -> Made:
    """A row of one of the lists; it says which file holds one that is ill formed, and nothing of what it holds."""
    try:
        return make(row)
    except (ValueError, TypeError, AttributeError):
        raise BundleUnreadable(f"{file}: a row in it is not well formed.") from None


def _disclosed(row: Sequence[Any]) -> Disclosed:
    name, path, salt, value = row
    if not all(isinstance(one, str) for one in row):
        raise ValueError("not a text")
    return Disclosed(name, path, bytes.fromhex(salt), value)


def _name(row: Sequence[Any]) -> PrintedName:
    index, position, name, salt, *more = row
    log = more[0] if more else ""
    if len(more) > 1 or not isinstance(log, str):
        raise ValueError("more than five members")
    if type(index) is not int or position not in (1, 2) or not isinstance(name, str):
        raise ValueError("not a place and a name")
    return PrintedName(index, position, name, bytes.fromhex(salt), log)
