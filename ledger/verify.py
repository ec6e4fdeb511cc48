"""`python -m ledger.verify bundle.zip`: check an evidence bundle with no database and no network.

Exit status 0: it holds; 1: it does not; 2: it cannot be read, or a key given on the command line cannot.
"""

from __future__ import annotations

import importlib
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from ledger.bundles import checks, report
from ledger.bundles import format as file_format
from ledger.crypto import notes
from ledger.crypto.errors import VerificationError

RULES = ("ledger.rules", "custody.rules", "manufacturing.contract")
"""Where the consortium's shared rules are. By name: the ledger knows no trade, but runs its rules."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = ArgumentParser(prog="python -m ledger.verify", description="Check an evidence bundle, offline.")
    parser.add_argument("bundle", type=Path, help="the file, as `manage.py export_bundle` or the portal made it")
    parser.add_argument(
        "--log-key",
        action="append",
        default=[],
        help="the log's verifier key as you have it from elsewhere (name+id+base64); more than once while it changes, "
        "and for each member's log whose key you have",
    )
    parser.add_argument("--witness", action="append", default=[], help="a witness's verifier key; may be repeated")
    parser.add_argument("--quorum", type=int, help="how many of these witnesses have to have cosigned (default: all)")
    given = parser.parse_args(arguments)
    for name in RULES:
        importlib.import_module(name).register()
    try:
        bundle = file_format.read(given.bundle)
        others = [key for key in given.log_key if notes.parse_vkey(key).name.startswith(f"{bundle.log}/")]
        own = [key for key in given.log_key if key not in others]
        verdict = checks.check(bundle, log_key=own, witnesses=given.witness, quorum=given.quorum, other_keys=others)
    except VerificationError as problem:
        print(problem, file=sys.stderr)  # noqa: T201
        return 2
    sys.stdout.write(report.report(verdict))
    return 0 if verdict.holds else 1


if __name__ == "__main__":
    sys.exit(main())
