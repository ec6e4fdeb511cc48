"""Runs of pytest for tests of what a run gave: real ones, in a folder of their own, without Django or our plug-ins."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def run(folder: Path, files: Mapping[str, str], *, to: str = "results.xml") -> Path:
    """Write test files by their paths, run them, and give the JUnit XML that pytest wrote."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "-c", "/dev/null", f"--junitxml={to}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--rootdir", ".", *files],
        cwd=folder,
        env={"PATH": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    return folder / to
