"""Enrolling witnesses, and taking their co-signatures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from ledger.cosigning.models import Cosignature, Witness
from ledger.crypto import checkpoint, cosignature, notes
from ledger.crypto.errors import VerificationError
from ledger.errors import BadInput, Conflict, NotPermitted
from ledger.log.logs import code_of
from ledger.log.models import Checkpoint, MemberLog

CLOCK_SKEW = timedelta(minutes=5)
"""How far a witness's clock may be from this one's."""


class BadWitnessKey(BadInput):
    """This is no verifier key of a witness."""


class WitnessTaken(Conflict):
    """The name or key is enrolled for somebody else, or was retired."""


class BadCosignature(BadInput):
    """The time of a co-signature is off."""


class UnknownWitness(NotPermitted):
    """No enrolled witness signed this, or its signature does not hold."""


class OtherCheckpoint(Conflict):
    """A witness co-signed a checkpoint that this log did not make."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The size that was co-signed and by whom."""

    size: int
    names: tuple[str, ...]


def enrol_witness(*, party: UUID, vkey: str, at: datetime) -> Witness:
    """Make a witness's key known, for this party. The same again gives the row that is there."""
    try:
        found = cosignature.verifier(vkey)
    except VerificationError as problem:
        raise BadWitnessKey(f"This is not the key of a witness. {problem}") from problem
    if isinstance(found, notes.VerifierKey):
        raise BadWitnessKey("This key signs plain notes, as a log does. Give the key that the witness itself shows.")
    with transaction.atomic():
        for other in Witness.objects.filter(name=found.name):
            if other.party_id != party:
                raise WitnessTaken(f"The name {found.name} is another member's. Choose another name for the witness.")
            if other.vkey == vkey and other.retired_at is None:
                return other
            if other.vkey == vkey:
                raise WitnessTaken("This key was retired. A witness that comes back brings a new key and a new name.")
        return Witness.objects.create(
            party_id=party, name=found.name, key_id=found.key_id.hex(), vkey=vkey, enrolled_at=at
        )


def retire_witness(*, name: str, at: datetime) -> int:
    """Take no more co-signatures of the keys under this name; how many keys that were."""
    return Witness.objects.filter(name=name, retired_at=None).update(retired_at=at)


def take_cosignatures(*, note: str, at: datetime) -> Taken:
    """Keep the co-signatures under a checkpoint of ours. Whoever hands them in, the signature itself admits them.

    Raises BadCosignature, UnknownWitness, OtherCheckpoint.
    """
    try:
        parsed = notes.parse_note(note)
        said = checkpoint.parse(parsed.text)
    except VerificationError as problem:
        raise UnknownWitness(f"This is no checkpoint with signatures. {problem}") from problem
    log = code_of(settings.LOG_ORIGIN, said.origin)
    if log is None or (log and not MemberLog.objects.filter(pk=log).exists()):
        raise OtherCheckpoint(f"This log is {settings.LOG_ORIGIN}, not {said.origin[:200]}.")
    names = {found.name for found in parsed.signatures}
    rows = {(row.name, row.key_id): row for row in Witness.objects.filter(name__in=names, retired_at=None)}
    try:
        opened = notes.open_note(note, [cosignature.verifier(row.vkey) for row in rows.values()])
    except VerificationError as problem:
        raise UnknownWitness(f"No enrolled witness signed this. {problem}") from problem
    ours = Checkpoint.objects.filter(log=log, size=said.size).first()
    if ours is None or checkpoint.parse(notes.parse_note(ours.note).text) != said:
        raise OtherCheckpoint(f"This log signed no such checkpoint of {said.size} records.")
    with transaction.atomic():
        for found in opened.signatures:
            _keep(rows[found.name, found.key_id.hex()], log, said.size, found, at)
    return Taken(said.size, opened.names)


def _keep(witness: Witness, log: str, size: int, found: notes.NoteSignature, at: datetime) -> None:
    try:
        signed_at = datetime.fromtimestamp(cosignature.timestamp_of(found.signature), UTC)
    except (ValueError, OverflowError, OSError) as problem:
        raise BadCosignature("The co-signature's time is none.") from problem
    if abs(at - signed_at) > CLOCK_SKEW:
        raise BadCosignature(
            f"The witness's clock says {signed_at:%Y-%m-%d %H:%M:%S}, this one {at:%Y-%m-%d %H:%M:%S} (UTC). "
            "Mend the clock that is wrong."
        )
    line = notes.format_line(found.name, found.key_id, found.signature)
    row, fresh = Cosignature.objects.select_for_update().get_or_create(
        witness=witness,
        log=log,
        size=size,
        defaults={"line": line, "signed_at": signed_at, "first_signed_at": signed_at},
    )
    if not fresh and row.signed_at < signed_at:
        row.line, row.signed_at = line, signed_at
        row.save(update_fields=["line", "signed_at"])
