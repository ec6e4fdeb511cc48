"""What every check of this package raises."""

from __future__ import annotations


class VerificationError(Exception):
    """Something did not verify: a signature, a proof, a commitment or a format. Nothing to verify is a failure too."""
