"""The services that tests use, and why one cannot be used. `python -m tests.services` says it before a test run.

A service counts only where a test carries its marker. With CI=true a missing one ends the run.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
POSTGRES_URL = os.environ.get("NEEDLEPOINT_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
REDIS_URL = os.environ.get("NEEDLEPOINT_TEST_REDIS_URL", "redis://127.0.0.1:6379/15")
CHROMIUM = os.environ.get("NEEDLEPOINT_TEST_CHROMIUM", "/usr/bin/chromium")
MOSQUITTO = os.environ.get("NEEDLEPOINT_TEST_MOSQUITTO", "/usr/sbin/mosquitto")
SOFTHSM = os.environ.get("NEEDLEPOINT_TEST_SOFTHSM", "/usr/lib/softhsm/libsofthsm2.so")
SNARKJS = ROOT / "scripts" / "ceremony" / "node_modules" / "snarkjs" / "build" / "cli.cjs"
ANVIL = ROOT / "tests" / "chain" / "node_modules" / "@foundry-rs" / "anvil-linux-amd64" / "bin" / "anvil"
CI = os.environ.get("CI", "").lower() == "true"


@cache
def missing_postgres() -> str:
    """Why PostgreSQL cannot be used; empty when it can."""
    import psycopg

    try:
        with psycopg.connect(POSTGRES_URL, connect_timeout=3):
            return ""
    except psycopg.Error:
        return f"no PostgreSQL server answers at {_shown(POSTGRES_URL)} (NEEDLEPOINT_TEST_POSTGRES_URL)"


@cache
def missing_redis() -> str:
    """Why Redis cannot be used; empty when it can."""
    import redis

    client = redis.Redis.from_url(REDIS_URL, socket_timeout=3)
    try:
        client.ping()
    except redis.RedisError:
        return f"no Redis server answers at {_shown(REDIS_URL)} (NEEDLEPOINT_TEST_REDIS_URL)"
    finally:
        client.close()
    return ""


def missing_browser() -> str:
    """Why Chromium cannot be used; empty when it can."""
    return "" if Path(CHROMIUM).exists() else f"there is no Chromium at {CHROMIUM} (NEEDLEPOINT_TEST_CHROMIUM)"


def missing_mosquitto() -> str:
    """Why the Mosquitto broker cannot be used; empty when it can."""
    if Path(MOSQUITTO).exists() or shutil.which("mosquitto"):
        return ""
    return f"there is no Mosquitto at {MOSQUITTO} (NEEDLEPOINT_TEST_MOSQUITTO)"


def missing_evm() -> str:
    """Why an EVM node cannot be used; empty when it can."""
    return "" if ANVIL.exists() else "there is no EVM node (make chain installs one)"


def missing_snarkjs() -> str:
    """Why snarkjs cannot be used; empty when it can."""
    return "" if SNARKJS.exists() else "there is no snarkjs (make ceremony installs it)"


def missing_softhsm() -> str:
    """Why a PKCS#11 token cannot be used; empty when it can."""
    if importlib.util.find_spec("pkcs11") is None:
        return "the package python-pkcs11 is not installed (requirements-pkcs11.txt)"
    if not Path(SOFTHSM).exists() or not shutil.which("softhsm2-util"):
        return f"there is no SoftHSM at {SOFTHSM} (NEEDLEPOINT_TEST_SOFTHSM; Debian: softhsm2)"
    return ""


def missing_outside() -> str:
    """Why the verifiers that others wrote cannot be used; empty when they can."""
    from tests.integration.outside import tools

    return tools.missing()


SERVICES: dict[str, tuple[str, Callable[[], str]]] = {
    "postgres": ("PostgreSQL", missing_postgres),
    "redis": ("Redis", missing_redis),
    "browser": ("Chromium", missing_browser),
    "mosquitto": ("Mosquitto", missing_mosquitto),
    "evm": ("EVM node", missing_evm),
    "snarkjs": ("snarkjs", missing_snarkjs),
    "softhsm": ("SoftHSM", missing_softhsm),
    "outside": ("Outside verifiers", missing_outside),
}


def used() -> list[str]:
    """The markers that some test carries."""
    texts = [path.read_text() for path in (ROOT / "tests").rglob("test_*.py")]
    return [marker for marker in SERVICES if any(f"mark.{marker}" in text for text in texts)]


def main() -> int:
    """Say what the test run will do without; 0 when nothing, or when that is allowed."""
    absent = 0
    for marker in used():
        name, missing = SERVICES[marker]
        reason = missing()
        absent += bool(reason)
        what = f"LEFT OUT: {reason}. Tests marked “{marker}” do not run." if reason else "here."
        print(f"  {name:<17} {what}")
    if absent and CI:
        print("CI=true: a build that leaves tests out is no build. Start what is missing.")
        return 1
    return 0


def _shown(url: str) -> str:
    """The address without a password."""
    head, at, tail = url.rpartition("@")
    return f"{head.partition('://')[0]}://…@{tail}" if at and ":" in head.partition("://")[2] else url


if __name__ == "__main__":
    sys.exit(main())
