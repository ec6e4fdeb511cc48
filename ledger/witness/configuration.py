"""The settings file of a witness, in TOML; a bad or missing value is refused with a sentence that says where."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ledger.crypto import notes
from ledger.crypto.errors import VerificationError

KEK_VARIABLE = "NEEDLEPOINT_WITNESS_KEY_ENCRYPTION_KEY"
_KNOWN = {"name", "folder", "listen", "poll_seconds", "recosign_seconds", "rollback_seconds", "lookback_seconds", "log"}
_KNOWN_OF_LOG = {"origin", "keys", "url", "token", "token_file", "report_to"}


class BadSettings(Exception):
    """The settings file cannot be used, and why."""


@dataclass(frozen=True)
class LogSettings:
    """A log that this witness co-signs. With a `url` it follows it and replays its records; without, it only answers
    those who submit its checkpoints. `report_to` is where a divergence is reported; empty: nowhere but here."""

    origin: str
    keys: tuple[notes.VerifierKey, ...]
    url: str = ""
    token: str = field(default="", repr=False)
    report_to: str = ""


@dataclass(frozen=True)
class WitnessSettings:
    """What an operator of a witness may set. `listen` is (host, port), or None: then nobody can submit."""

    name: str
    folder: Path
    logs: tuple[LogSettings, ...]
    listen: tuple[str, int] | None = None
    poll_seconds: float = 1.0
    recosign_seconds: float = 30.0
    rollback_seconds: float = 10.0
    lookback_seconds: float = 5.0

    @property
    def database(self) -> Path:
        return self.folder / "witness.sqlite3"

    @property
    def keys(self) -> Path:
        return self.folder / "keys"


def load(path: Path) -> WitnessSettings:
    """The settings in a file; relative paths begin at the file's folder. Raises BadSettings."""
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except OSError as problem:
        raise BadSettings(f"{path} cannot be read: {problem.strerror}.") from problem
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise BadSettings(f"{path} is not TOML: {problem}.") from problem
    try:
        return _settings(values, path.resolve().parent)
    except BadSettings as problem:
        raise BadSettings(f"{path}: {problem}") from problem


def key_encryption_key(folder: Path) -> bytes:
    """The key that seals this witness's keys: from the environment, or kept beside them (mode 0600)."""
    given = os.environ.get(KEK_VARIABLE, "")
    if not given:
        path = folder / "key-encryption-key"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(descriptor, "w") as file:
                file.write(os.urandom(32).hex())
        given = path.read_text().strip()
    try:
        kek = bytes.fromhex(given)
    except ValueError:
        kek = b""
    if len(kek) != 32:
        raise BadSettings(f"{KEK_VARIABLE}, or the file key-encryption-key, has to hold 64 hexadecimal digits.")
    return kek


def _settings(values: Mapping[str, Any], folder: Path) -> WitnessSettings:
    _only(values, _KNOWN, "the file")
    name = _text(values, "name")
    try:
        notes.format_line(name, bytes(4), b"\x00")
    except VerificationError as problem:
        raise BadSettings(f"name: {problem}") from problem
    logs = values.get("log")
    if not isinstance(logs, list) or not logs:
        raise BadSettings("there is no [[log]]: name at least one log to co-sign.")
    found = tuple(_log(log, folder) for log in logs)
    if len({log.origin for log in found}) != len(found):
        raise BadSettings("a log is named twice.")
    return WitnessSettings(
        name=name,
        folder=folder / _text(values, "folder"),
        logs=found,
        listen=_listen(values["listen"]) if "listen" in values else None,
        poll_seconds=_seconds(values, "poll_seconds", 1.0),
        recosign_seconds=_seconds(values, "recosign_seconds", 30.0),
        rollback_seconds=_seconds(values, "rollback_seconds", 10.0),
        lookback_seconds=_seconds(values, "lookback_seconds", 5.0),
    )


def _log(values: Any, folder: Path) -> LogSettings:
    if not isinstance(values, dict):
        raise BadSettings("[[log]] is written with two brackets.")
    _only(values, _KNOWN_OF_LOG, "[[log]]")
    origin = _text(values, "origin")
    keys = values.get("keys")
    if not isinstance(keys, list) or not keys or not all(isinstance(key, str) for key in keys):
        raise BadSettings(f'log {origin}: keys is a list of verifier keys, such as keys = ["{origin}+1a2b3c4d+AQ…"].')
    try:
        parsed = tuple(notes.parse_vkey(key) for key in keys)
    except VerificationError as problem:
        raise BadSettings(f"log {origin}: {problem}") from problem
    if any(key.type != notes.TYPE_ED25519 for key in parsed):
        raise BadSettings(f"log {origin}: a key is not one with which logs sign checkpoints.")
    url, token = values.get("url", ""), values.get("token", "")
    if url and urlsplit(str(url)).scheme not in ("http", "https"):
        raise BadSettings(f"log {origin}: url begins with http:// or https://.")
    report_to = values.get("report_to", _beside(str(url)))
    if report_to and (not isinstance(report_to, str) or urlsplit(report_to).scheme not in ("http", "https")):
        raise BadSettings(f'log {origin}: report_to begins with http:// or https://, or is "" for nowhere.')
    if "token_file" in values:
        try:
            token = (folder / _text(values, "token_file")).read_text().strip()
        except OSError as problem:
            raise BadSettings(f"log {origin}: token_file cannot be read: {problem.strerror}.") from problem
    return LogSettings(origin=origin, keys=parsed, url=str(url), token=str(token), report_to=report_to)


def _beside(url: str) -> str:
    """Where the portal that serves a log at this address takes reports."""
    return f"{url.rstrip('/').removesuffix('/log')}/api/divergences/" if url.rstrip("/").endswith("/log") else ""


def _only(values: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(values) - known)
    if unknown:
        raise BadSettings(f"{where} holds “{unknown[0]}”, which is not known. Known are {', '.join(sorted(known))}.")


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or not value.strip():
        raise BadSettings(f"{name} is missing, or not a text.")
    return value


def _seconds(values: Mapping[str, Any], name: str, default: float) -> float:
    value = values.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 3_600:
        raise BadSettings(f"{name} is a number of seconds up to 3600.")
    return float(value)


def _listen(value: Any) -> tuple[str, int]:
    host, _, port = str(value).rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 <= int(port) < 65_536:
        raise BadSettings('listen is an address and a port, such as listen = "127.0.0.1:8301".')
    return host.strip("[]"), int(port)
