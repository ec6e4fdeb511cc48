"""Gathering what a prover has to know of a segment: sealed salts and values, readings, and the records' leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from custody.compliance.readings import readings_witness
from custody.compliance.specification import segment_spec, steps_of, tests_of
from custody.protocols.document import Protocol, Segment
from custody.therapies.models import StepRecord
from custody.therapies.steps import LEAF_SALT, SEALED_TABLE, TEST_SALT, TEST_VALUE, document_of
from ledger.log.models import Chain
from ledger.log.queries import bodies_of
from ledger.parties.actor import Actor
from ledger.privacy import queries as privacy
from ledger.proofs.specification import SegmentSpec
from ledger.proofs.statement import SegmentWitness, StepWitness, TestWitness, step_leaf


@dataclass(frozen=True, slots=True)
class Evidence:
    """A segment ready to be judged: what is asked, and what is known."""

    spec: SegmentSpec
    witness: SegmentWitness


class EvidenceMissing(Exception):
    """Something that a proof needs was never recorded; the text says what."""


def gather(*, chain: Chain, protocol: Protocol, segment: Segment, registry_size: int) -> Evidence:
    """Everything about a finished segment. Raises EvidenceMissing."""
    spec = segment_spec(protocol, segment)
    rows = {row.step: row for row in StepRecord.objects.filter(therapy_id=chain.subject).order_by("performed_at")}
    done = [step for step in steps_of(protocol, segment) if step.code in rows or not step.optional]
    wanted = [step.code for step in (*done, *tests_of(protocol, segment))]
    missing = [code for code in wanted if code not in rows]
    if missing:
        raise EvidenceMissing(f"the step “{missing[0]}” is not on record")
    bodies = bodies_of([rows[code].record_id for code in wanted])
    secrets = _secrets([rows[code] for code in wanted])
    steps = tuple(
        StepWitness(
            code=step.code,
            start=int(rows[step.code].started_at.timestamp()),
            end=int(rows[step.code].performed_at.timestamp()),
            document=document_of(bodies[rows[step.code].record_id]),
            salt=int(secrets[rows[step.code].id][LEAF_SALT]),
            performer=rows[step.code].person,
            verifier=rows[step.code].second_person,
        )
        for step in done
    )
    for step in steps:
        if rows[step.code].leaf != str(step_leaf(chain.subject, step)):
            raise EvidenceMissing(f"the record of “{step.code}” commits to other facts, or in an earlier version’s way")
    tests = tuple(
        TestWitness(
            code=step.code,
            value=int(secrets[rows[step.code].id][TEST_VALUE]),
            salt=int(secrets[rows[step.code].id][TEST_SALT]),
        )
        for step in tests_of(protocol, segment)
    )
    readings = None
    if segment.leg:
        readings = readings_witness(therapy=chain.subject, leg=segment.leg, size=registry_size)
        if readings is None:
            raise EvidenceMissing(f"no provable readings of “{protocol.leg(segment.leg).title}” were committed")
    return Evidence(
        spec=spec, witness=SegmentWitness(therapy=chain.subject, steps=steps, tests=tests, readings=readings)
    )


def _secrets(rows: Sequence[StepRecord]) -> dict[UUID, dict[str, str]]:
    """The sealed salts and values of these steps, each opened as the party that sealed them."""
    opened: dict[UUID, dict[str, str]] = {}
    for party in {row.party_id for row in rows}:
        of_party = [str(row.id) for row in rows if row.party_id == party]
        for row, values in privacy.open_many(table=SEALED_TABLE, rows=of_party, by=prover_for(party)).items():
            opened[UUID(row)] = values
    return opened


def prover_for(party: UUID) -> Actor:
    """The installation's prover, working for a party with that party's keys."""
    return Actor(
        person=UUID(int=0),
        name="Prover",
        party=party,
        party_code="",
        party_kind="",
        role="prover",
        permissions=frozenset(),
        method="system",
    )
