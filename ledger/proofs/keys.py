"""Proving keys on disk.

`UnsafeDevelopmentKeys` makes them by a set-up that a single process runs. Whoever runs it could keep the secret
numbers it draws and forge proofs of false statements, so it is for development and CI alone; production imports
the result of a ceremony in which many members contribute, as long as one of them forgets.

A key's folder is named after its circuit (its sources, and the version of groth16py). `manifest.json` pins the
SHA-256 of each file beside it: importing a key checks no points, so a file that was altered or cut short is
found here and made anew. A new key is a new verification key: proofs under the old one stay valid under the old.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledger.proofs.circuit import CIRCUITS, CapacityClass
from ledger.proofs.verification_key import VerificationKey
from ledger.proofs.witness_calculator import WitnessCalculator, compile_natively

if TYPE_CHECKING:
    import groth16py

log = logging.getLogger("needlepoint.proofs")

Progress = Callable[[float, str], None]
"""Called with the part done (0 to 1) and a few words."""

PROVING_KEY = "proving.key"
CEREMONY_KEY = "proving.zkey"
WITNESS = "witness.wasm"
WITNESS_NATIVE = "witness.native"
VERIFICATION_KEY = "verification_key.json"
MANIFEST = "manifest.json"
_FILES = (PROVING_KEY, WITNESS, WITNESS_NATIVE, VERIFICATION_KEY)
_CEREMONY_FILES = (CEREMONY_KEY, WITNESS, WITNESS_NATIVE, VERIFICATION_KEY)
_SINGLE = "single party: unsafe, for development only"
_WASM_MAGIC = b"\0asm\1\0\0\0"
PROJECT = Path(__file__).resolve().parents[2]


class KeySetupFailed(RuntimeError):
    """The set-up ended without a key; the text holds its last words."""


@dataclass(frozen=True)
class KeyFiles:
    """A complete key whose files had the pinned hashes when it was opened."""

    size: CapacityClass
    folder: Path
    verification_key: VerificationKey
    of_ceremony: bool = False

    def load_proving_key(self) -> groth16py.ProvingKey:
        """Read the proving key into memory (8 s at 600 readings, for groth16py checks every point of its own keys; a
        ceremony's was verified when it was taken in, and its file has the hash that it had then)."""
        import groth16py

        if self.of_ceremony:
            return groth16py.import_zkey(str(self.folder / CEREMONY_KEY))[0]
        return groth16py.ProvingKey.load(str(self.folder / PROVING_KEY))

    def load_calculator(self) -> WitnessCalculator:
        """The circuit's witness calculator."""
        wasm, native = ((self.folder / name).read_bytes() for name in (WITNESS, WITNESS_NATIVE))
        return WitnessCalculator(wasm, native=native)


def quiet(_part: float, _words: str) -> None:
    """Progress that nobody watches."""


class UnsafeDevelopmentKeys:
    """Single-party keys in a cache folder outside the repository. Unsafe: never use them in production."""

    def __init__(self, cache: Path) -> None:
        self.cache = Path(cache)

    def folder(self, size: CapacityClass) -> Path:
        """Where the key of this circuit is, or will be."""
        return self.cache / f"{size.name.replace('/', '-')}-{size.digest()[:16]}"

    def existing(self, size: CapacityClass) -> KeyFiles | None:
        """The key, if it is there and every file has its pinned hash."""
        return _opened(size, self.folder(size), _FILES)

    def ensure(self, size: CapacityClass, *, progress: Progress = quiet) -> KeyFiles:
        """The key, made first when it is missing or damaged; processes that ask at once make it once.

        The set-up runs in a process of its own, so its memory (1.7 GB at 600 readings) is given back.
        Raises KeySetupFailed.
        """
        found = self.existing(size)
        if found is None:
            log.warning("making a single-party proving key for %s: unsafe, for development only", size.name)
            _run_setup(self.cache, size, progress)
            found = self.existing(size)
        if found is None:
            raise KeySetupFailed(f"no usable key for {size.name} in {self.cache}")
        progress(1.0, f"Keys of {size.name} are ready")
        return found

    def make(self, size: CapacityClass) -> None:
        """Make the key in this process, unless another has made it by the time we hold the lock.

        Callers want `ensure`; this is what its process runs.
        """
        import groth16py

        self.cache.mkdir(parents=True, exist_ok=True)
        folder = self.folder(size)
        with _locked(self.cache / f"{folder.name}.lock"):
            if self.existing(size) is not None:
                return
            with tempfile.TemporaryDirectory(prefix=".making-", dir=self.cache) as scratch:
                made = Path(scratch) / "key"
                made.mkdir()
                main = Path(scratch) / "main.circom"
                main.write_text(size.main())
                proving, verifying = groth16py.setup_circom(str(main), [str(CIRCUITS), groth16py.circomlib_path(2)])
                proving.save(str(made / PROVING_KEY))
                module = _witness_module(made / PROVING_KEY)
                (made / WITNESS).write_bytes(module)
                (made / WITNESS_NATIVE).write_bytes(compile_natively(module))
                verification = VerificationKey.from_snarkjs(verifying.to_json())
                (made / VERIFICATION_KEY).write_text(json.dumps(verification.to_snarkjs(), indent=1))
                (made / MANIFEST).write_text(json.dumps(_manifest(size, made, verification, _FILES, _SINGLE), indent=1))
                if folder.exists():
                    shutil.rmtree(folder)
                made.rename(folder)


class CeremonyKeys:
    """Keys that members made together (`ledger.proofs.ceremony`), taken in by this installation."""

    def __init__(self, cache: Path) -> None:
        self.cache = Path(cache)

    def folder(self, size: CapacityClass) -> Path:
        """Where the key of this circuit is, or will be."""
        return self.cache / f"{size.name.replace('/', '-')}-{size.digest()[:16]}-ceremony"

    def existing(self, size: CapacityClass) -> KeyFiles | None:
        """The key, if it was taken in and every file has its pinned hash."""
        return _opened(size, self.folder(size), _CEREMONY_FILES, of_ceremony=True)

    def take_in(self, size: CapacityClass, zkey: Path, verification: VerificationKey, module: bytes) -> KeyFiles:
        """Keep a verified key file with the circuit's witness calculator. Raises KeySetupFailed."""
        self.cache.mkdir(parents=True, exist_ok=True)
        folder = self.folder(size)
        with (
            _locked(self.cache / f"{folder.name}.lock"),
            tempfile.TemporaryDirectory(prefix=".making-", dir=self.cache) as scratch,
        ):
            made = Path(scratch) / "key"
            made.mkdir()
            shutil.copyfile(zkey, made / CEREMONY_KEY)
            (made / WITNESS).write_bytes(module)
            (made / WITNESS_NATIVE).write_bytes(compile_natively(module))
            (made / VERIFICATION_KEY).write_text(json.dumps(verification.to_snarkjs(), indent=1))
            manifest = _manifest(size, made, verification, _CEREMONY_FILES, "ceremony: the ledger says by whom")
            (made / MANIFEST).write_text(json.dumps(manifest, indent=1))
            if folder.exists():
                shutil.rmtree(folder)
            made.rename(folder)
        found = self.existing(size)
        if found is None:
            raise KeySetupFailed(f"the key of {size.name} could not be taken in")
        return found


def keys_to_prove_with(cache: Path, size: CapacityClass, *, unsafe: bool, progress: Progress = quiet) -> KeyFiles:
    """The ceremony's key where there is one; else, if `unsafe`, a development key. Raises KeySetupFailed."""
    found = CeremonyKeys(cache).existing(size)
    if found is not None:
        return found
    if not unsafe:
        raise KeySetupFailed(
            f"no key of a ceremony for {size.name} is here, and production proves under no other: hold one, or take "
            "its key in with manage.py ceremony finish (docs/how-to/ceremony.md)"
        )
    return UnsafeDevelopmentKeys(cache).ensure(size, progress=progress)


def _opened(size: CapacityClass, folder: Path, files: tuple[str, ...], *, of_ceremony: bool = False) -> KeyFiles | None:
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        for name in files:
            if _sha256(folder / name) != manifest["sha256"][name]:
                log.warning("proving key %s: %s does not have its pinned hash", folder.name, name)
                return None
        key = VerificationKey.from_snarkjs((folder / VERIFICATION_KEY).read_text())
        return KeyFiles(size, folder, key, of_ceremony)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError) as problem:
        log.warning("proving key %s cannot be read (%s)", folder.name, type(problem).__name__)
        return None


def expected_setup_seconds(size: CapacityClass) -> float:
    """A rule of thumb for progress bars, from the figures of docs/explanation/proof-statement.md."""
    return 20 + 1.1 * size.blocks


def _run_setup(cache: Path, size: CapacityClass, progress: Progress) -> None:
    command = [sys.executable, "-m", "ledger.proofs.setup_process", str(cache), str(size.blocks)]
    words = f"Making development keys for up to {size.readings:,} readings"
    began = time.monotonic()
    with (
        tempfile.TemporaryFile("w+", errors="replace") as said,
        subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=said, stderr=said) as process,
    ):
        try:
            while True:
                part = (time.monotonic() - began) / expected_setup_seconds(size)
                progress(min(0.97, part), words)
                try:
                    code = process.wait(timeout=0.5)
                    break
                except subprocess.TimeoutExpired:
                    continue
        except BaseException:
            process.kill()
            raise
        if code != 0:
            said.seek(0)
            raise KeySetupFailed(f"the set-up of {size.name} ended with code {code}: {said.read()[-500:].strip()}")


def _manifest(
    size: CapacityClass, folder: Path, key: VerificationKey, files: tuple[str, ...], set_up: str
) -> dict[str, Any]:
    return {
        "circuit": size.name,
        "circuit_digest": size.digest(),
        "verification_key": key.digest,
        "set_up": set_up,
        "sha256": {name: _sha256(folder / name) for name in files},
    }


def _witness_module(proving_key: Path) -> bytes:
    """The WebAssembly module that groth16py stores in a saved key, eight bytes of length before it."""
    content = proving_key.read_bytes()
    place = content.find(_WASM_MAGIC)
    while place >= 8:
        length = int.from_bytes(content[place - 8 : place], "little")
        module = content[place : place + length]
        if len(module) == length and length > 10_000 and b"getWitnessSize" in module:
            return module
        place = content.find(_WASM_MAGIC, place + 1)
    raise KeySetupFailed("this version of groth16py stores the witness calculator elsewhere")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the file's advisory lock; the system lets go of it when a process dies."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            os.utime(path)
            fcntl.flock(file, fcntl.LOCK_UN)
