"""`python -m ledger.divergence evidence.zip --log-key KEY`: does the evidence prove the claim? Offline.

Exit status 0: proven; 1: not proven; 2: the file or a key cannot be read, or the report is not its witness's.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from ledger.clock import stamp
from ledger.crypto.errors import VerificationError
from ledger.divergence import archive
from ledger.divergence.check import check
from ledger.witness.breaches import KINDS


def main(arguments: Sequence[str] | None = None) -> int:
    parser = ArgumentParser(prog="python -m ledger.divergence", description="Check evidence of a divergence, offline.")
    parser.add_argument("evidence", type=Path, help="the file, as the portal gave it")
    parser.add_argument(
        "--log-key",
        action="append",
        required=True,
        help="the log's verifier key as you have it from elsewhere; more than once while it changes",
    )
    parser.add_argument("--witness-key", help="the witness's verifier key as you have it from elsewhere")
    given = parser.parse_args(arguments)
    try:
        report, named = archive.read(given.evidence)
        verdict = check(report, log_key=given.log_key, witness_key=given.witness_key or named)
    except VerificationError as problem:
        print(problem, file=sys.stderr)  # noqa: T201
        return 2
    said = report.finding
    place = "" if said.index is None else f", record {said.index:,}"
    lines = [
        f"Claim:    {KINDS[said.kind]} ({said.kind})",
        f"Log:      {said.log}, size {said.size:,}{place}",
        f"Witness:  {said.witness}, {stamp(said.detected_at)}"
        + ("" if given.witness_key else "; its key as the file gives it"),
        f"It says:  {said.problem}",
        "",
        "PROVEN" if verdict.proven else "NOT PROVEN by this evidence alone",
        *verdict.sentences,
    ]
    if said.left_out:
        lines += ["", f"Too large to be sent, and kept by the witness: {', '.join(sorted(said.left_out))}"]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if verdict.proven else 1


if __name__ == "__main__":
    sys.exit(main())
