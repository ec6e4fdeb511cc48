"""`python -m ledger.package inspection.zip`: check an inspection package with no database and no network.

Exit status 0: all of it holds; 1: something does not; 2: it cannot be read, or a key given on the command line cannot.
"""

from __future__ import annotations

import importlib
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from ledger.bundles import package
from ledger.crypto.errors import VerificationError
from ledger.verify import RULES


def main(arguments: Sequence[str] | None = None) -> int:
    parser = ArgumentParser(prog="python -m ledger.package", description="Check an inspection package, offline.")
    parser.add_argument("package", type=Path, help="the file, as the portal gave it")
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
        verdict = package.check(given.package, log_key=given.log_key, witnesses=given.witness, quorum=given.quorum)
    except VerificationError as problem:
        print(problem, file=sys.stderr)  # noqa: T201
        return 2
    said = verdict.manifest
    lines = [
        f"Inspection  {said.get('reference')} ({said.get('inspection')})",
        f"Period      {said.get('since')} to {said.get('until')}",
        f"Made at     {said.get('made_at')}, signed by {verdict.signer or 'nobody whose key is known'}",
        f"Log's key   {'the one that you gave' if verdict.own_key else 'as the package gives it'}",
        "",
        f"RESULT      {'All of it holds.' if verdict.holds else 'This package does NOT hold. Do not rely on it.'}",
        *(f"          - {problem}" for problem in verdict.problems),
        "",
        f"Checked     {verdict.bundles} evidence bundles, {verdict.records:,} records, {verdict.proofs:,} proofs",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if verdict.holds else 1


if __name__ == "__main__":
    sys.exit(main())
