"""Development keys: made once however many ask, damaged files found, nothing unsafe made in silence.

A tiny circuit stands in for the real one where only the files and the lock matter; its set-up is as real.
"""

import json
import multiprocessing
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ledger.proofs import keys as keys_module
from ledger.proofs.circuit import SMALL, CapacityClass
from ledger.proofs.keys import (
    MANIFEST,
    PROVING_KEY,
    VERIFICATION_KEY,
    WITNESS,
    WITNESS_NATIVE,
    KeySetupFailed,
    UnsafeDevelopmentKeys,
)
from ledger.proofs.witness_calculator import FalseStatement

pytestmark = pytest.mark.prover


@dataclass(frozen=True, slots=True)
class TinyCircuit(CapacityClass):
    """x · y = z with x < 256; z is public."""

    def main(self) -> str:
        return (
            'pragma circom 2.1.6;\ninclude "bitify.circom";\n'
            "template Tiny() { signal input z; signal input x; signal input y;\n"
            "component bits = Num2Bits(8); bits.in <== x; x * y === z; }\n"
            "component main {public [z]} = Tiny();\n"
        )


TINY = TinyCircuit(0)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cache = tmp_path_factory.mktemp("keys")
    UnsafeDevelopmentKeys(cache).make(TINY)
    return cache


@pytest.fixture
def cache(made: Path, tmp_path: Path) -> Path:
    """A copy of a complete cache, to be spoilt."""
    return shutil.copytree(made, tmp_path / "cache")


def _make(cache: Path, barrier: Any, digests: Any) -> None:
    barrier.wait()
    keys = UnsafeDevelopmentKeys(cache)
    keys.make(TINY)
    found = keys.existing(TINY)
    digests.put(found.verification_key.digest if found else None)


def test_processes_that_ask_at_once_make_one_key(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, digests = context.Barrier(3), context.Queue()
    processes = [context.Process(target=_make, args=(tmp_path, barrier, digests)) for _ in range(3)]
    for process in processes:
        process.start()
    results = {digests.get(timeout=120) for _ in processes}
    for process in processes:
        process.join(timeout=30)
    # A set-up draws fresh secrets, so a second one would have given another key.
    assert len(results) == 1
    assert results != {None}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".making")] == []


def test_finished_key_is_not_made_again(cache: Path) -> None:
    keys = UnsafeDevelopmentKeys(cache)
    before = keys.existing(TINY)
    keys.make(TINY)
    assert keys.existing(TINY) == before


@pytest.mark.parametrize("name", [PROVING_KEY, WITNESS, WITNESS_NATIVE, VERIFICATION_KEY])
def test_damaged_file_is_found_and_the_key_made_anew(name: str, cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    keys = UnsafeDevelopmentKeys(cache)
    path = keys.folder(TINY) / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert keys.existing(TINY) is None
    assert f"{name} does not have its pinned hash" in caplog.text
    keys.make(TINY)
    assert keys.existing(TINY) is not None


@pytest.mark.parametrize("name", [PROVING_KEY, WITNESS, WITNESS_NATIVE, VERIFICATION_KEY, MANIFEST])
def test_missing_or_shortened_file_is_found(name: str, cache: Path) -> None:
    keys = UnsafeDevelopmentKeys(cache)
    path = keys.folder(TINY) / name
    path.write_bytes(path.read_bytes()[:-100])
    assert keys.existing(TINY) is None
    path.unlink()
    assert keys.existing(TINY) is None


@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"sha256": {}}', '{"sha256": 5}'])
def test_manifest_without_the_hashes_is_no_manifest(manifest: str, cache: Path) -> None:
    keys = UnsafeDevelopmentKeys(cache)
    (keys.folder(TINY) / MANIFEST).write_text(manifest)
    assert keys.existing(TINY) is None


def test_manifest_says_that_the_key_is_unsafe(made: Path) -> None:
    manifest = json.loads((UnsafeDevelopmentKeys(made).folder(TINY) / MANIFEST).read_text())
    assert manifest["set_up"] == "single party: unsafe, for development only"
    assert manifest["circuit_digest"] == TINY.digest()


def test_changed_circuit_has_a_key_of_its_own(made: Path) -> None:
    keys = UnsafeDevelopmentKeys(made)
    assert keys.folder(SMALL) != keys.folder(TINY)
    assert keys.existing(SMALL) is None


def test_saved_calculator_works_with_and_without_native_code(cache: Path) -> None:
    keys = UnsafeDevelopmentKeys(cache)
    files = keys.existing(TINY)
    assert files is not None
    native = files.load_calculator().calculate({"z": 30, "x": 5, "y": 6})
    (files.folder / WITNESS_NATIVE).write_bytes(b"code for another machine")
    assert files.load_calculator().calculate({"z": 30, "x": 5, "y": 6}) == native
    with pytest.raises(FalseStatement):
        files.load_calculator().calculate({"z": 31, "x": 5, "y": 6})


def test_set_up_that_fails_is_reported_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "a file where the cache should be"
    blocked.write_text("")
    told: list[float] = []
    with pytest.raises(KeySetupFailed, match="FileExistsError|NotADirectoryError"):
        UnsafeDevelopmentKeys(blocked).ensure(SMALL, progress=lambda part, words: told.append(part))
    assert told
    assert "unsafe" in caplog.text


def test_progress_of_a_ready_key_is_complete(small_key: object) -> None:
    told: list[tuple[float, str]] = []
    cache = small_key.folder.parent  # type: ignore[attr-defined]
    UnsafeDevelopmentKeys(cache).ensure(SMALL, progress=lambda part, words: told.append((part, words)))
    assert told == [(1.0, "Keys of segment-75/v2 are ready")]


def test_expected_time_grows_with_the_circuit() -> None:
    times = [keys_module.expected_setup_seconds(CapacityClass(blocks)) for blocks in (1, 8, 26)]
    assert times == sorted(times)
