"""`python -m ledger.proofs.setup_process CACHE BLOCKS`: make one development key and end. See `keys`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ledger.proofs.circuit import CapacityClass
from ledger.proofs.keys import UnsafeDevelopmentKeys


def main() -> None:
    """Runs at a low priority: nobody waits for it with a patient at hand."""
    os.nice(10)
    UnsafeDevelopmentKeys(Path(sys.argv[1])).make(CapacityClass(int(sys.argv[2])))


if __name__ == "__main__":
    main()
