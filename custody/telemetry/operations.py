"""Taking readings in, and committing a leg's readings to the ledger when the leg is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from uuid import UUID

from django.db import transaction

from custody.compliance.triggers import enqueue_finished
from custody.exceptions.opening import open_exception
from custody.protocols.document import Leg
from custody.telemetry import committed, keys, logger_files, permissions, rules, storage
from custody.telemetry.committed import CommittedSeries
from custody.telemetry.devices import RegisteredDevice, register_device, renew_api_key
from custody.telemetry.logger_files import LoggerFile
from custody.telemetry.models import Device
from custody.telemetry.projection import COMMITTED
from custody.telemetry.reading import CLOCK_SKEW_MAX, TILT_HIGH_DEGREES, NewReading
from custody.telemetry.rules import LegReport
from custody.telemetry.shipments import known_leg, shipment_of
from custody.therapies.steps import lock_therapy
from ledger.clock import stamp
from ledger.crypto import commitments
from ledger.errors import BadInput, Conflict
from ledger.log.models import Chain, Record
from ledger.log.operations import append, operation
from ledger.parties.actor import Actor
from ledger.proofs import babyjubjub
from ledger.proofs.circuit import CLASSES
from ledger.proofs.field import format_element, new_salt
from ledger.proofs.statement import NotEncodable

__all__ = [
    "IngestResult",
    "RegisteredDevice",
    "Upload",
    "commit_readings",
    "ingest",
    "register_device",
    "renew_api_key",
    "upload_logger_file",
]

PROOF_CAPACITY = CLASSES[-1].readings
"""How many readings the largest circuit takes."""


class NothingRead(Conflict):
    """There is no reading of the leg, and nobody said that there never will be one."""


class LegStillUnderWay(Conflict):
    """The shipment has not been received yet."""


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of a batch: new, known already, and (by sequence number) said differently before.

    `ahead` counts readings dated more than five minutes ahead of their arrival; they are kept and marked.
    """

    accepted: int
    duplicates: int
    conflicts: tuple[int, ...]
    ahead: int


@dataclass(frozen=True, slots=True)
class Upload:
    """How a logger's file was understood, and what became of its readings."""

    file: LoggerFile
    result: IngestResult


@transaction.atomic
def ingest(*, device: Device | UUID, readings: Sequence[NewReading], at: datetime) -> IngestResult:
    """Store a device's readings. Sending them again changes nothing; a reading whose sequence number came before with
    other content is reported and kept apart as evidence, and the first one stands."""
    device = device if isinstance(device, UUID) else device.id
    new: dict[int, NewReading] = {}
    repeated: list[NewReading] = []
    for reading in readings:
        if new.setdefault(reading.seq, reading) is not reading:
            repeated.append(reading)
    batch = list(new.values())
    accepted = storage.insert(device, batch, received_at=at) if batch else 0
    conflicts: list[NewReading] = []
    if accepted < len(readings):
        stands = new if accepted == len(batch) else storage.stored(device, list(new))
        conflicts = [r for r in (*batch, *repeated) if not stands[r.seq].says_the_same(r)]
        if conflicts:
            storage.keep_conflicts(device, conflicts, received_at=at)
    latest = at + CLOCK_SKEW_MAX
    return IngestResult(
        accepted=accepted,
        duplicates=len(readings) - accepted - len(conflicts),
        conflicts=tuple(sorted({reading.seq for reading in conflicts})),
        ahead=sum(reading.at > latest for reading in readings),
    )


def upload_logger_file(
    *,
    therapy: UUID,
    leg: str,
    raw: bytes,
    by: Actor,
    at: datetime,
    zone: tzinfo,
    day_first: bool | None = None,
    max_bytes: int = logger_files.MAX_BYTES,
) -> Upload:
    """Take in the CSV file of the logger that travelled on this leg. `zone` is that of times without one.

    Raises NotPermitted, LegNotFound, BadReadings with every fault (nothing is stored then), TooLarge.
    """
    permissions.check_upload(by, therapy)
    specification = known_leg(therapy, leg)
    shipment = shipment_of(therapy, leg)
    file = logger_files.read(
        raw,
        zone=zone,
        # Without a limit on tilt a file without tilt says all that is asked.
        tilt_required=specification.tilt_max_degrees < TILT_HIGH_DEGREES,
        day_first=day_first,
        max_bytes=max_bytes,
    )
    return Upload(file, ingest(device=shipment.logger_id, readings=file.readings, at=at))


@operation
def commit_readings(*, therapy: UUID, leg: str, by: Actor, at: datetime, key: str, lost: bool = False) -> Record:
    """Commit a received leg's readings: the Poseidon root over them, signed by the logger, and what they show.

    Opens exceptions, in the same transaction, for time outside the band beyond the budget, for gaps, for tilt, and for
    readings that cannot be proven. Readings that arrive later are kept, and change nothing of this.
    `lost` says that the logger's readings will never come: without it nothing is committed while there are none.
    Raises LegNotFound, LegStillUnderWay, NothingRead, NotPermitted, Refused (committed already).
    """
    chain, protocol = lock_therapy(therapy)
    permissions.check_commit(by, therapy)
    specification = next((known for known in protocol.legs if known.code == leg), None)
    if specification is None:
        raise BadInput(f"The protocol has no leg “{leg}”.", field="leg")
    shipment = shipment_of(therapy, leg)
    if shipment.received_at is None:
        raise LegStillUnderWay("The shipment has not been received yet. Its readings are committed after that.")
    start, end = shipment.packed_at, shipment.received_at
    found = storage.between(shipment.logger_id, start, end)
    report = rules.evaluate(leg=specification, readings=found, start=start, end=end)
    if not report.count and not lost:
        raise NothingRead(
            "The logger has said nothing on this way. Upload its file first. If the logger or its file is lost, "
            "say so: this way is then never proven."
        )
    series = CommittedSeries(
        readings=tuple(rules.series(specification, found, start=start, end=end)),
        root_salt=new_salt(),
        series_salt=commitments.fresh_salt(),
        ahead=report.ahead_of_clock,
    )
    root, signature, unprovable = _sign(therapy, shipment.logger_id, series)
    record = append(
        chain=chain,
        by=by,
        type=COMMITTED,
        body={
            "leg": leg,
            "root": root,
            "series": series.series_commitment(therapy, leg),
            "count": report.count,
            "first_at": stamp(report.first_at) if report.first_at else None,
            "last_at": stamp(report.last_at) if report.last_at else None,
            "device": str(shipment.logger_id),
            "signature": signature,
        },
        meaning="readings committed",
        occurred_at=at,
        at=at,
        key=key,
    )
    committed.keep(therapy, leg, series, at=at)
    _open_exceptions(chain, specification, report, unprovable, by=by, at=at, key=key)
    enqueue_finished(chain=chain, protocol=protocol, at=at)
    return record


def _sign(therapy: UUID, device: UUID, series: CommittedSeries) -> tuple[str, dict[str, str] | None, str]:
    """The root and the logger's signature on it; `0` and none, with the reason, where no proof could use them."""
    signer = keys.of(device).babyjubjub
    try:
        root = series.root(therapy, signer.public)
    except NotEncodable as problem:
        return "0", None, f"The readings cannot be proven: {problem}"
    count = len(series.readings)
    unprovable = ""
    if count > PROOF_CAPACITY:
        unprovable = f"{count:,} readings, {PROOF_CAPACITY:,} fit the largest proof: set the logger's interval longer"
    return format_element(root), signature_json(signer.sign(root)), unprovable


def signature_json(signature: babyjubjub.Signature) -> dict[str, str]:
    """An EdDSA signature as records carry it."""
    return {
        "r8x": format_element(signature.r8[0]),
        "r8y": format_element(signature.r8[1]),
        "s": format_element(signature.s),
    }


def _open_exceptions(
    chain: Chain, leg: Leg, report: LegReport, unprovable: str, *, by: Actor, at: datetime, key: str
) -> None:
    found: list[tuple[str, str, dict[str, object]]] = []
    if report.is_excursion:
        worst = max(report.excursions, key=lambda excursion: (excursion.is_beyond, excursion.minutes))
        budget = f"{report.minutes_outside} min outside {rules.band(leg)}, {report.budget_minutes} allowed"
        finding = budget if report.is_over_budget else report.findings[0]
        facts: dict[str, object] = {
            "minutes": report.minutes_outside,
            "budget_minutes": report.budget_minutes,
            "excursions": len(report.excursions),
            "peak_c100": worst.peak_c100,
            "peak_at": stamp(worst.peak_at),
        }
        found.append(("excursion", finding, facts))
    if report.gaps:
        longest = max(report.gaps, key=lambda gap: gap.minutes)
        more = f" (and {len(report.gaps) - 1} shorter)" if len(report.gaps) > 1 else ""
        facts = {"minutes": longest.minutes, "from": stamp(longest.start), "to": stamp(longest.end)}
        found.append(("custody_gap", longest.finding + more, facts | {"gaps": len(report.gaps)}))
    if report.tilts:
        most = max(report.tilts, key=lambda tilt: tilt.minutes)
        facts = {
            "minutes": most.minutes,
            "degrees": most.peak_degrees,
            "from": stamp(most.start),
            "to": stamp(most.end),
        }
        found.append(("deviation", most.finding, facts))
    if report.shocks:
        hardest = max(report.shocks, key=lambda shock: shock.g or 0)
        more = f" (and {len(report.shocks) - 1} more)" if len(report.shocks) > 1 else ""
        facts = {"shock_g": hardest.g, "at": stamp(hardest.at)}
        found.append(("deviation", hardest.finding + more, facts))
    if unprovable and not report.gaps:
        found.append(("not_proven", unprovable, {"readings": report.count}))
    for kind, finding, facts in found:
        open_exception(
            chain=chain,
            kind=kind,
            finding=f"{leg.title}: {finding}"[:240],
            occurred_at=at,
            by=by,
            at=at,
            key=f"{key}:{kind}",
            leg=leg.code,
            facts=facts,
        )
