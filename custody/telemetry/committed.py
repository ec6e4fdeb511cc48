"""What opens a commitment to a leg's readings: the salts and the very series, sealed with AES-256-GCM."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.conf import settings

from custody.telemetry.models import ReadingsSecret
from custody.telemetry.reading import NewReading
from ledger.crypto import canonical, commitments, sealing
from ledger.proofs import statement_v1
from ledger.proofs.babyjubjub import PublicKey
from ledger.proofs.poseidon import STATEMENT_VERSION
from ledger.proofs.specification import MAX_SHOCK, MAX_TILT
from ledger.proofs.statement import Reading as ProofReading
from ledger.proofs.statement import readings_root


@dataclass(frozen=True, slots=True)
class CommittedSeries:
    """The readings that were committed, in order of time, with both salts: of the Poseidon root (a field element) and
    of the SHA-256 commitment to the series (16 bytes). `ahead` is how many were dated ahead of our clock, `statement`
    the version of the proofs' statement that the root was made for.
    """

    readings: tuple[NewReading, ...]
    root_salt: int
    series_salt: bytes
    ahead: int = 0
    statement: int = STATEMENT_VERSION

    def series_commitment(self, therapy: UUID, leg: str) -> str:
        """The salted SHA-256 commitment to the whole series (DESIGN §5): it stands even where no proof can."""
        path = f"custody.readings/{therapy}/{leg}"
        return commitments.commit(salt=self.series_salt, path=path, value=_rows(self.readings))

    def for_proof(self) -> list[ProofReading]:
        """The readings as the proof's statement takes them: where no shock was measured the largest is assumed, for
        what is not known is never counted as fine."""
        return [
            ProofReading(
                int(reading.at.timestamp()),
                reading.temperature_c100,
                min(reading.tilt_degrees, MAX_TILT),
                MAX_SHOCK if reading.shock_g is None else min(reading.shock_g, MAX_SHOCK),
            )
            for reading in self.readings
        ]

    def root(self, therapy: UUID, device: PublicKey) -> int:
        """The Poseidon root over the readings, in the statement's version of then. Raises NotEncodable."""
        if self.statement == statement_v1.VERSION:
            rows = [(int(r.at.timestamp()), r.temperature_c100, r.tilt_degrees) for r in self.readings]
            return statement_v1.readings_root(therapy, rows, salt=self.root_salt, device=device)
        return readings_root(therapy, self.for_proof(), salt=self.root_salt, device=device)


def _rows(readings: Sequence[NewReading]) -> str:
    """A reading without shock has four members, as all had before loggers sent it."""
    rows = [
        [r.seq, int(r.at.timestamp()), r.temperature_c100, r.tilt_degrees, *([] if r.shock_g is None else [r.shock_g])]
        for r in readings
    ]
    # Whole numbers only, so this is canonical (RFC 8785) as it stands, and much faster for thousands of rows.
    return json.dumps(rows, separators=(",", ":"))


def keep(therapy: UUID, leg: str, series: CommittedSeries, *, at: datetime) -> None:
    """Seal and store; one a leg."""
    content = {
        "ahead": series.ahead,
        "statement": series.statement,
        "root_salt": str(series.root_salt),
        "series_salt": series.series_salt.hex(),
        "rows": _rows(series.readings),
    }
    sealed = sealing.seal(_key(), zlib.compress(canonical.encode(content), 6), _place(therapy, leg))
    ReadingsSecret(therapy_id=therapy, leg=leg, sealed=sealed, created_at=at).save(force_insert=True)


def find(therapy: UUID, leg: str) -> CommittedSeries | None:
    """The committed series, or None when nothing is committed here. Raises UnsealError when the row was changed."""
    row = ReadingsSecret.objects.filter(therapy_id=therapy, leg=leg).first()
    if row is None:
        return None
    content = json.loads(zlib.decompress(sealing.unseal(_key(), bytes(row.sealed), _place(therapy, leg))))
    return CommittedSeries(
        readings=tuple(
            NewReading(seq, datetime.fromtimestamp(at, UTC), temperature, tilt, shock_g=shock[0] if shock else None)
            for seq, at, temperature, tilt, *shock in json.loads(content["rows"])
        ),
        root_salt=int(content["root_salt"]),
        series_salt=bytes.fromhex(content["series_salt"]),
        ahead=content["ahead"],
        statement=content.get("statement", statement_v1.VERSION),
    )


def _key() -> bytes:
    return sealing.derive(settings.KEY_ENCRYPTION_KEY, "needlepoint/readings-secrets/v1")


def _place(therapy: UUID, leg: str) -> bytes:
    return sealing.associated_data("custody.ReadingsSecret", str(therapy), leg)
