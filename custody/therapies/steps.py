"""The body of a step's record: public values, commitments of the sealed ones, and the leaf that proofs open.

What is sealed lies under a key of the acting party for this therapy, so that each party can prove its own steps and
none has to see another's values (DESIGN §5, §8).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from custody.contract.comparing import HeldTo
from custody.contract.reckoning import reckoned_values
from custody.contract.worklist import times_done
from custody.protocols import document
from custody.protocols.document import Field, Protocol, Step
from custody.protocols.results import result_integer
from custody.therapies.projection import step_row_id
from custody.therapies.values import CheckedValues, check
from ledger.clock import stamp
from ledger.crypto import canonical
from ledger.errors import NotFound
from ledger.ids import derived
from ledger.log.models import Chain
from ledger.log.operations import lock_chain
from ledger.log.world import world
from ledger.parties.actor import Actor
from ledger.privacy import operations as privacy
from ledger.privacy.models import DataKey
from ledger.proofs import statement
from ledger.proofs.field import new_salt

SEALED_TABLE = "custody.StepRecord"
LEAF_SALT = "leaf-salt"
TEST_SALT = "test-salt"
TEST_VALUE = "test-value"


class TherapyNotFound(NotFound):
    """There is no such therapy, or it is not this actor's to see."""


class StepUnknown(NotFound):
    """The protocol of this therapy has no such step."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """A step's body, ready to append, and what was out of limits."""

    body: dict[str, Any]
    checked: CheckedValues


def lock_therapy(therapy: UUID) -> tuple[Chain, Protocol]:
    """The therapy's chain, locked, and its protocol. Raises ChainMissing."""
    chain = lock_chain(kind="therapy", subject=therapy)
    return chain, protocol_of(chain)


def protocol_of(chain: Chain) -> Protocol:
    digest = chain.state["protocol"]
    return document.read_cached(world.document(digest), digest)


def step_of(protocol: Protocol, code: str) -> Step:
    """The named step. Raises StepUnknown."""
    step = protocol.step(code)
    if step is None:
        raise StepUnknown(f"This therapy's protocol has no step “{code}”.")
    return step


def sealing_subject(therapy: UUID, party: UUID) -> UUID:
    """The pseudonym under which a party seals what it knows of a therapy."""
    return derived("sealed", therapy, party)


def prepare(
    *,
    therapy: UUID,
    state: Mapping[str, Any],
    protocol: Protocol,
    step: Step,
    started_at: datetime,
    occurred_at: datetime,
    by: Actor,
    at: datetime,
    values: Mapping[str, str] | None = None,
    scans: Mapping[str, str] | None = None,
    second: Actor | None = None,
) -> Preparation:
    """Check the values, seal what is sensitive, and build the body. Raises ValuesRefused."""
    held_to = HeldTo(state, protocol, step)
    checked = check(step, values or {}, reckoned_values(state, step, ended=occurred_at), held_to)
    count = times_done(state, step.code) + 1
    row = str(step_row_id(therapy, step.code, count))
    leaf_salt = new_salt()
    secrets = {f"value:{code}": value for code, value in checked.values.items() if _field(step, code).sensitive}
    secrets[LEAF_SALT] = str(leaf_salt)
    test = _test(therapy, step, checked)
    if test is not None:
        secrets |= {TEST_SALT: str(test.salt), TEST_VALUE: str(test.value)}
    commitments = seal_values(therapy, row, secrets, by=by, at=at)
    body: dict[str, Any] = {
        "step": step.code,
        "started_at": stamp(started_at),
        "in_limits": not checked.out_of_limits,
        "values": {
            code: {"value": value, "unit": _field(step, code).unit}
            for code, value in checked.values.items()
            if not _field(step, code).sensitive
        },
        "sealed": {
            name.removeprefix("value:"): commitment
            for name, commitment in commitments.items()
            if name.startswith("value:")
        },
        "scans": dict(scans or {}),
    }
    witness = statement.StepWitness(
        code=step.code,
        start=int(started_at.timestamp()),
        end=int(occurred_at.timestamp()),
        document=document_of(body),
        salt=leaf_salt,
        performer=by.person,
        verifier=second.person if second is not None else None,
    )
    body["leaf"] = str(statement.step_leaf(therapy, witness))
    if test is not None:
        body["test_leaf"] = str(statement.test_leaf(therapy, test))
    return Preparation(body=body, checked=checked)


def step_body(
    *,
    therapy: UUID,
    state: Mapping[str, Any],
    protocol: Protocol,
    step: Step,
    started_at: datetime,
    occurred_at: datetime,
    by: Actor,
    at: datetime,
) -> dict[str, Any]:
    """The body of a step that has no values of its own, such as the booking."""
    return prepare(
        therapy=therapy,
        state=state,
        protocol=protocol,
        step=step,
        started_at=started_at,
        occurred_at=occurred_at,
        by=by,
        at=at,
    ).body


def document_of(body: Mapping[str, Any]) -> bytes:
    """SHA-256 of what a step's record says beside its times: the `document` of its proof leaf."""
    content = {name: body[name] for name in ("values", "sealed", "scans", "in_limits")}
    return hashlib.sha256(canonical.encode(content)).digest()


def _test(therapy: UUID, step: Step, checked: CheckedValues) -> statement.TestWitness | None:
    """The witness of a release test: its first field is its result."""
    if step.kind != "test" or not step.fields:
        return None
    field = step.fields[0]
    value = max(0, result_integer(field, checked.values[field.code]))
    return statement.TestWitness(code=step.code, value=value, salt=new_salt())


def _field(step: Step, code: str) -> Field:
    field = step.field(code)
    assert field is not None, "values were checked against the step"
    return field


def seal_values(therapy: UUID, row: str, secrets: Mapping[str, str], *, by: Actor, at: datetime) -> dict[str, str]:
    subject = sealing_subject(therapy, by.party)
    if not DataKey.objects.filter(subject=subject).exists():
        privacy.create_subject(subject=subject, holder=by.party, at=at)
    made = privacy.seal_fields(subject=subject, table=SEALED_TABLE, row=row, values=secrets, by=by, at=at)
    return {name: commitment.digest for name, commitment in made.items()}
