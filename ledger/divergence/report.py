"""A witness's report of a divergence: what broke, signed, with the bytes that show it.

The report is a DSSE envelope (payload type `application/vnd.needlepoint.divergence+json`) that the witness signs with
its Ed25519 key; the payload names each piece of evidence by its SHA-256. A co-signature's message begins otherwise
(`cosignature/v1`), so neither can pass for the other. On the way the envelope and the evidence travel as one JSON
document: `{"report": "<envelope>", "evidence": {"<name>": "<base64>"}}`. No Django here: witnesses write it, the portal
and `python -m ledger.divergence` read it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ledger.clock import parse_stamp
from ledger.crypto import base64s, canonical, dsse, ed25519, notes
from ledger.crypto.ed25519 import Signer
from ledger.crypto.errors import VerificationError
from ledger.witness.breaches import KINDS, fingerprint_of

FORMAT = "needlepoint-divergence/v1"
PAYLOAD_TYPE = "application/vnd.needlepoint.divergence+json"
MAX_BYTES = 4_000_000
"""A report with its evidence, as it travels."""
MAX_EVIDENCE_BYTES = 2_800_000
MAX_PIECES = 80
MAX_NAME = 120
MAX_PROBLEM = 1_000
MAX_SIZE = 2**53 - 1
_FIELDS = {"format", "witness", "log", "kind", "size", "index", "problem", "detected_at", "evidence", "left_out"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a report says; nothing of it is verified. `index` is the leaf, when one record is in question.

    `digests` are the SHA-256 of the evidence by name; `left_out` those of evidence that was too large to send.
    """

    witness: str
    log: str
    kind: str
    size: int
    index: int | None
    problem: str
    detected_at: datetime
    digests: Mapping[str, str]
    left_out: Mapping[str, str]

    @property
    def fingerprint(self) -> str:
        """The same for the same breach, whoever reports it."""
        return fingerprint_of(self.log, self.kind, self.size, self.index, self.problem)


@dataclass(frozen=True, slots=True)
class Report:
    """A finding, the envelope that says it, and the evidence that came with it, whose digests fit."""

    finding: Finding
    envelope: bytes
    evidence: Mapping[str, bytes]


def compose(
    *,
    witness: str,
    signer: Signer,
    log: str,
    kind: str,
    size: int,
    index: int | None,
    problem: str,
    detected_at: str,
    evidence: Mapping[str, bytes],
) -> bytes:
    """The document to send. Notes come first and then what is smallest; what is too much is named by its digest."""
    sent: dict[str, bytes] = {}
    left_out: dict[str, bytes] = {}
    room = MAX_EVIDENCE_BYTES
    for name, data in sorted(evidence.items(), key=lambda item: (not item[0].endswith(".note"), len(item[1]), item[0])):
        fits = len(data) <= room and len(sent) < MAX_PIECES
        (sent if fits else left_out)[name] = data
        room -= len(data) if fits else 0
    payload = {
        "format": FORMAT,
        "witness": witness,
        "log": log,
        "kind": kind,
        "size": size,
        "index": index,
        "problem": problem.encode("utf-8", "replace").decode()[:MAX_PROBLEM],
        "detected_at": detected_at,
        "evidence": {name: hashlib.sha256(data).hexdigest() for name, data in sent.items()},
        "left_out": dict(sorted((n, hashlib.sha256(d).hexdigest()) for n, d in left_out.items())[:MAX_PIECES]),
    }
    envelope = dsse.sign(canonical.encode(payload), signers=[signer], payload_type=PAYLOAD_TYPE)
    return encode(envelope, sent)


def encode(envelope: bytes, evidence: Mapping[str, bytes]) -> bytes:
    """The document that carries an envelope and its evidence."""
    pieces = {name: base64s.encode(data) for name, data in sorted(evidence.items())}
    return json.dumps({"report": envelope.decode(), "evidence": pieces}, separators=(",", ":")).encode()


def parse(document: bytes) -> Report:
    """The report in a document, checked for form and for its evidence's digests. Raises VerificationError."""
    if len(document) > MAX_BYTES:
        raise VerificationError(f"The report is longer than {MAX_BYTES:,} bytes.")
    try:
        value = json.loads(document.decode("utf-8"))
    except (ValueError, RecursionError) as problem:
        raise VerificationError("The report is not JSON in UTF-8.") from problem
    if not isinstance(value, dict) or set(value) != {"report", "evidence"}:
        raise VerificationError("The report has two fields: “report” and “evidence”.")
    said, pieces = value["report"], value["evidence"]
    if not isinstance(said, str) or not isinstance(pieces, dict) or len(pieces) > MAX_PIECES:
        raise VerificationError(f"“report” is a text, and “evidence” an object of at most {MAX_PIECES} pieces.")
    if not all(isinstance(data, str) for data in pieces.values()):
        raise VerificationError("Each piece of evidence is base64.")
    evidence = {name: base64s.decode(data, what=f"evidence {name[:40]!r}") for name, data in pieces.items()}
    return opened(said.encode("utf-8", "surrogatepass"), evidence)


def opened(envelope: bytes, evidence: Mapping[str, bytes]) -> Report:
    """The report in an envelope, with evidence that has the digests it names. Raises VerificationError."""
    finding = _finding(canonical.decode(dsse.payload_of(envelope)))
    if finding.digests.keys() != evidence.keys():
        raise VerificationError("The evidence that came is not the evidence that the report names.")
    for name, data in evidence.items():
        if hashlib.sha256(data).hexdigest() != finding.digests[name]:
            raise VerificationError(f"The evidence {name[:80]!r} is not what the report names: its digest differs.")
    return Report(finding, envelope, dict(evidence))


def check_signature(report: Report, vkey: str) -> None:
    """Raise VerificationError unless the witness of this verifier key (Ed25519) signed the report."""
    key = notes.parse_vkey(vkey)
    if key.name != report.finding.witness:
        raise VerificationError(f"The report is in the name of {report.finding.witness}, not of {key.name}.")
    public_key = ed25519.check_public_key(key.public_key)
    dsse.verify(report.envelope, keys={ed25519.keyid(public_key): public_key}, payload_type=PAYLOAD_TYPE)


def _finding(said: Mapping[str, Any]) -> Finding:
    if set(said) != _FIELDS or said["format"] != FORMAT:
        raise VerificationError(f"This is no report of the format {FORMAT}.")
    texts = [said[name] for name in ("witness", "log", "kind", "problem", "detected_at")]
    if not all(isinstance(text, str) and text and "\x00" not in text for text in texts):
        raise VerificationError("Witness, log, kind, problem and detected_at are texts.")
    if said["kind"] not in KINDS:
        raise VerificationError(f"{said['kind'][:40]!r} is no kind of divergence.")
    if any(len(text) > MAX_PROBLEM for text in texts) or len(said["witness"]) > 255 or len(said["log"]) > 255:
        raise VerificationError(f"A text of the report is longer than it may be ({MAX_PROBLEM} characters).")
    size, index = said["size"], said["index"]
    if not _is_count(size) or not (index is None or _is_count(index)):
        raise VerificationError("Size and index are whole numbers; index may be null.")
    return Finding(
        witness=said["witness"],
        log=said["log"],
        kind=said["kind"],
        size=size,
        index=index,
        problem=said["problem"],
        detected_at=_time(said["detected_at"]),
        digests=_digests(said["evidence"]),
        left_out=_digests(said["left_out"]),
    )


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_SIZE


def _time(text: str) -> datetime:
    try:
        return parse_stamp(text)
    except ValueError as problem:
        raise VerificationError("detected_at is a time in UTC as this ledger writes it.") from problem


def _digests(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > MAX_PIECES:
        raise VerificationError(f"Evidence is named in an object of at most {MAX_PIECES} pieces.")
    for name, digest in value.items():
        plain = 0 < len(name) <= MAX_NAME and all(c.isascii() and (c.isalnum() or c in "./-_") for c in name)
        if not plain or ".." in name or name.startswith("/"):
            raise VerificationError(f"{name[:80]!r} is no name for a piece of evidence.")
        if not isinstance(digest, str) or len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise VerificationError(f"The digest of {name[:80]!r} is not 64 hexadecimal digits.")
    return dict(value)
