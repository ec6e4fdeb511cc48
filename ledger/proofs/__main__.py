"""`python -m ledger.proofs FILE…`: check saved proofs with no database, no network and no Django.

Exit status 0: all hold; 1: one does not; 2: a file cannot be read. `--key` is the digest of the verification key as
you have it from the ledger; without it the proof is only shown to hold under the key in its own file.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from ledger.proofs.saved import NotASavedProof, judge
from ledger.proofs.verifier import VerificationError

MAX_BYTES = 1_000_000


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = ArgumentParser(prog="python -m ledger.proofs", description="Check saved compliance proofs, offline.")
    parser.add_argument("files", nargs="+", type=Path, help="saved proofs (needlepoint.saved-proof/v1)")
    parser.add_argument("--key", help="SHA-256 of the verification key that the ledger registers for the circuit")
    given = parser.parse_args(arguments)
    status = 0
    for path in given.files:
        try:
            with path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
            if len(content) > MAX_BYTES:
                raise NotASavedProof(f"the file is larger than {MAX_BYTES:,} bytes")
            verified = judge(json.loads(content))
        except VerificationError as problem:
            tell(f"{path}: does not hold: {problem}")
            status = max(status, 1)
            continue
        except (OSError, ValueError, RecursionError) as problem:
            sys.stderr.write(f"{path}: cannot be read: {problem}\n")
            status = 2
            continue
        if given.key is not None and verified.verification_key != given.key:
            tell(f"{path}: does not hold: it was proven under another key, {verified.verification_key}")
            status = max(status, 1)
        else:
            under = "the registered key" if given.key else "the key in the file"
            tell(f"{path}: holds under {under} ({verified.verification_key}); statement {verified.statement_id}")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
