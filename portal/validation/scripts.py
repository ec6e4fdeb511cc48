"""The scripts of the PQ: the steps of a protocol document by role, and what each role tries beside them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from custody.protocols.document import Protocol, Step
from portal.accounts.roles import ROLES
from portal.compliance.references import screens
from portal.compliance.tables import TablesInvalid, requirements
from portal.dashboards.tasks import ACTS

PATH = Path(__file__).with_name("scripts.toml")

DOES: Mapping[str, str] = {
    "order": "Choose or enrol the test patient, state consent and eligibility.",
    "payer_approval": "Decide on cover.",
    "booking": "Compare the chains that are offered, hold one and book it.",
    "label": "Print the labels and compare them with the order.",
    "pack": "Scan shipper, seal and logger, and start the logger.",
    "offer": "Scan, and hand over to the person who is there.",
    "accept": "Compare the seal before you take over.",
    "acceptance": "Commit the readings and read what they say.",
    "review": "Open what is not folded, and read whether the batch is proven.",
    "release": "Read results, exceptions and proofs, and decide.",
    "gate": "Confirm that the product is here and was accepted.",
    "bedside": "Compare patient, cassette and bag.",
}
"""What is done in a step of this kind, before its fields."""
EXPECTED: Mapping[str, str] = {
    "order": "A chain of identity and a call name are issued; the payer sees that a decision waits.",
    "payer_approval": "The centre sees the decision within a second; when declined, the therapy has ended.",
    "booking": "Every place of the chain is booked, or none; each organisation sees its part.",
    "label": "The label shows the chain of identity; every scanner in use reads it.",
    "collection": "Every identity turned green before the form could be signed.",
    "preparation": "What was prepared, by whom and when, stands in the journey before what comes after it.",
    "pack": "Seal, shipper and logger stand in the record; the logger can be packed nowhere else.",
    "offer": "Custody stays with the giver until the receiver has taken over.",
    "accept": "Custody is with the receiver; another seal or shipper is refused.",
    "acceptance": "The readings are committed first; an open exception holds the acceptance.",
    "process": "Values are judged as they are typed; one out of limits is recorded and opens a deviation.",
    "test": "The result is judged by its limits; a failing one opens an exception out of specification.",
    "review": "What is in order is folded; what is open holds the review.",
    "release": "It is refused before the review and every test, and to whoever reviewed.",
    "gate": "It is locked until the product was received and accepted.",
    "bedside": "Patient, cassette and bag turned green one by one; another patient's bag is a full stop.",
    "infusion": "The therapy counts as infused; it cannot be cancelled any more.",
    "outcome": "The outcome is recorded; a milestone that it reaches names this record.",
}
PARTIES: Mapping[str, str] = {
    "centre": "treatment centre",
    "maker": "manufacturer",
    "payer": "payer",
    "courier_outbound": "courier, outbound",
    "courier_return": "courier, return",
}


class Script(BaseModel):
    """What a role tries: numbered acts, what is expected, and the requirements that it shows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: str
    title: str = Field(min_length=3)
    screen: str
    do: tuple[str, ...] = Field(min_length=1)
    expect: str = Field(min_length=10)
    shows: tuple[str, ...] = Field(min_length=1)


@cache
def scripts() -> tuple[Script, ...]:
    """Every script, in the order of the file. Raises TablesInvalid."""
    return read(PATH)


def read(path: Path) -> tuple[Script, ...]:
    """A file of scripts; roles, addresses and requirements that it names have to exist. Raises TablesInvalid."""
    try:
        found = tuple(Script.model_validate(row) for row in tomllib.loads(path.read_text(encoding="utf-8"))["script"])
    except (OSError, KeyError, tomllib.TOMLDecodeError, ValidationError) as problem:
        raise TablesInvalid(f"{path.name} is not right: {problem}") from None
    known = {one.id for one in requirements().requirements}
    for script in found:
        wrong = sorted(set(script.shows) - known)
        if script.role not in ROLES or script.screen not in screens() or wrong:
            raise TablesInvalid(
                f"{path.name}, “{script.title}”: there is no role {script.role}, screen {script.screen} or requirement "
                f"{', '.join(wrong)}".rstrip()
            )
    return found


def scripts_showing(requirement: str) -> list[int]:
    """The numbers of the scripts that show a requirement."""
    return [number for number, script in enumerate(scripts(), 1) if requirement in script.shows]


def way_to(step: Step) -> str:
    """How the tester comes to the page of a step."""
    if step.kind not in ACTS:
        return f"At {' or '.join(screens()['order'])}"
    first, row, _ = ACTS[step.kind]
    return f"Worklist: “{first}”, or “{row}”"


def acts_of(step: Step) -> str:
    """What the tester does, one act a line."""
    return "\n".join(_acts(step))


def expected_of(step: Step) -> str:
    """What has to follow, by the protocol and by the kind of step."""
    signed = "both names" if step.needs_second else "your name"
    return (
        f"{EXPECTED[step.kind]}\nThe journey shows the record with {signed}, role, time with zone and “{step.meaning}”."
    )


def who_does(step: Step) -> str:
    """The step's roles in words."""
    return " or ".join(ROLES[role].name for role in step.roles)


def steps_of(protocol: Protocol, role: str) -> list[Step]:
    """The steps that stand on a role's sheet: those in which it is named first."""
    return [step for step in protocol.steps if step.roles[0] == role]


def roles_of(protocol: Protocol) -> list[str]:
    """The roles that have a sheet, in the order in which they come into the journey."""
    return list(dict.fromkeys(step.roles[0] for step in protocol.steps))


def _acts(step: Step) -> Iterator[str]:
    if step.scans:
        yield f"Scan {', '.join(step.scans)}."
    if step.kind in DOES:
        yield DOES[step.kind]
    for field in step.fields:
        limits = f" ({field.limits})" if field.limits else ""
        choices = f" (one of {len(field.choices)})" if field.choices else ""
        yield f"Enter {field.title}{limits}{choices}{'' if field.required else ', if there is any'}."
    if step.kind == "collection" or step.kind == "bedside":
        yield "Scan once an identity of another therapy, on a copy that is meant for it."
    if step.needs_second:
        second = " or ".join(ROLES[role].name.lower() for role in step.second_roles)
        yield f"A second person ({second}) verifies on the same screen."
    yield "Sign." if not step.optional else "Sign. The step may be left out."
