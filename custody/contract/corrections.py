"""The clause that corrects a value of a step: a record of its own, with the reason and two signatures.

The step's record stays as it was signed, and so does its proof leaf: a proof speaks of what was recorded then. What was
scanned, decided or tested is not corrected at all: for that there are exceptions, and tests done anew (EU GMP Part IV;
21 CFR 211.192).
"""

from __future__ import annotations

from collections.abc import Mapping

from custody.contract.comparing import FIGURES, HeldTo, compared, figures_of
from custody.contract.correctable import why_not
from custody.contract.moment import Moment, step_named
from custody.contract.steps import COMMITMENT, halts_nothing, public_value
from custody.contract.worklist import times_done
from custody.protocols.document import Step
from ledger.log.contract import Refused

CORRECTED = "custody.step.corrected/v1"
REASONS: Mapping[str, str] = {
    "typing_error": "Typed wrong",
    "misread": "Misread from the instrument or the paper",
    "other_field": "Entered in the wrong field",
    "known_later": "The right value became known later",
}
"""Why a value is corrected."""


def step_corrected(moment: Moment) -> None:
    """Other values for fields of a step that is on record, by those who may sign it."""
    step = step_named(moment.protocol, moment.text("step", longest=40))
    state = moment.state
    refusal = why_not(state, moment.protocol, step)
    if refusal:
        raise Refused(refusal)
    if moment.member("n") != times_done(state, step.code):
        raise Refused(f"“{step.title}” was done again since. Reload the page.")
    if state["parties"].get(step.party) != moment.author:
        raise Refused(f"“{step.title}” is another organisation's, which corrects it itself.")
    moment.require_role(*step.roles)
    moment.require_second(step.second_roles or step.roles)
    if moment.text("reason", longest=24) not in REASONS:
        raise Refused("Give one of the known reasons for the correction.")
    within = _fields(moment, step)
    within = not _contradicts_later(moment, step) and within
    declared = moment.member("in_limits")
    if not isinstance(declared, bool) or (declared and not within):
        raise Refused(
            "The record must say whether every corrected value is in limits and agrees with what came later, and say "
            "it truly."
        )
    if not declared:
        state["done"][step.code]["ok"] = False
        if step.code not in state["unraised"]:
            state["unraised"].append(step.code)


def _contradicts_later(moment: Moment, step: Step) -> list[str]:
    """Keep the corrected figures that others are held to, and say what of later steps does not agree with them.

    Refused where they do not agree with each other, or with what stands before.
    """
    changed = compared(moment.protocol, step, {code: one["value"] for code, one in moment.members("values").items()})
    if not changed:
        return []
    standing = {**figures_of(moment.state, step.code), **changed}
    held_to = HeldTo(moment.state, moment.protocol, step)
    for sentence in held_to.contradictions(standing, changed=changed).values():
        raise Refused(sentence)
    moment.state["done"][step.code][FIGURES] = standing
    return held_to.contradicted_later(changed)


def _fields(moment: Moment, step: Step) -> bool:
    """Each named field is the step's, public or sealed as the protocol says. Returns whether all are in limits."""
    values, sealed = moment.members("values"), moment.members("sealed")
    if not values and not sealed:
        raise Refused("Name at least one value that is corrected.")
    within = True
    for given, is_open in ((values, True), (sealed, False)):
        for code, value in given.items():
            field = step.field(code)
            if field is None or field.sensitive is is_open:
                raise Refused(f"“{step.title}” has no such field “{code}”, or it is not recorded in this way.")
            if is_open:
                if field.reckoned is not None:
                    raise Refused(f"“{field.title}” follows from the records and is not corrected.")
                within = public_value(field, value, moment.protocol) and within
                halts_nothing(field, value["value"])
            elif not isinstance(value, str) or not COMMITMENT.fullmatch(value):
                raise Refused(f"“{field.title}” is sensitive: the record holds a commitment, not the value.")
    return within
