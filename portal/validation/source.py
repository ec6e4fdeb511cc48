"""Which source this is: its version, its commit, and a digest over its files. A run of the tests states the digest."""

from __future__ import annotations

import hashlib
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

SOURCE = ("portal", "manufacturing", "custody", "ledger", "templates", "static", "protocols")
KINDS_OF_SOURCE = frozenset(
    {".py", ".toml", ".typ", ".html", ".txt", ".css", ".js", ".json", ".sol", ".circom", ".wasm"}
)
PROPERTY = "needlepoint-source"
"""The property of a JUnit XML file that holds the digest of the source that was tested (see `tests/conftest.py`)."""


def source_digest(root: Path) -> tuple[str, int]:
    """SHA-256 over path and content of every file of the source, in the order of their paths; and how many they are."""
    total, count = hashlib.sha256(), 0
    for path in sorted(_source(root), key=lambda path: path.relative_to(root).as_posix()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{content}  {path.relative_to(root).as_posix()}\n".encode())
        count += 1
    return total.hexdigest(), count


def version_of(root: Path) -> str:
    """The version that pyproject.toml states."""
    return str(tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"])


def commit_of(root: Path) -> str:
    """The commit of a git checkout, with a word if files were changed since; empty elsewhere."""
    if not (root / ".git").exists():
        return ""
    commit = _git(root, "rev-parse", "HEAD")
    if not commit:
        return ""
    return commit + (", with changes" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")


def _source(root: Path) -> Iterator[Path]:
    yield from (root / name for name in ("manage.py", "requirements.txt") if (root / name).is_file())
    for folder in SOURCE:
        for path in (root / folder).rglob("*"):
            inside = path.relative_to(root).parts
            built = inside[:2] in {("static", "build"), ("static", "vendor")} or "__pycache__" in inside
            if path.suffix in KINDS_OF_SOURCE and not built and path.is_file():
                yield path


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
