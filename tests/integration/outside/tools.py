"""The programs of others, as `make outside` installs them beside the project and never into it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent
PYTHON = ROOT / ".venv-outside" / "bin" / "python"
AICS_TLOG = ROOT / ".venv-outside" / "bin" / "aics-tlog"
AICS_WITNESS = ROOT / ".venv-outside" / "bin" / "aics-witness"
NODE_MODULES = HERE / "programs" / "node_modules"
GO_SOURCES = Path("/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog")


def run(*command: str | Path, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120, check=False, **options)


def missing() -> str:
    """Which of them is not there, in words; empty when all are."""
    if not AICS_WITNESS.exists() or not AICS_TLOG.exists():
        return "the verifiers of others are not installed (make outside; it needs Python 3.12 or newer)"
    if not (NODE_MODULES / "@sigstore" / "verify").exists():
        return "npm's @sigstore/verify is not installed (make outside)"
    if not (NODE_MODULES / "@noble" / "post-quantum").exists():
        return "npm's @noble/post-quantum is not installed (make outside)"
    if not shutil.which("go") or not GO_SOURCES.exists():
        return "Go and its tlog package are not installed (Debian: golang-go golang-golang-x-mod-dev)"
    return ""
