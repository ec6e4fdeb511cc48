"""The clause of a halt: an answer that says that patient, cells or consent may be the wrong ones.

A step is not done with such an answer. The halt stands in its place, signed by who answered, and everything on the
therapy waits as after a mix-up. Once others have closed it, the step is done anew; or the therapy is ended.
"""

from __future__ import annotations

from typing import Any

from custody.contract.closing import HALT
from custody.contract.moment import Moment, step_named
from custody.contract.worklist import is_done, is_ready
from custody.protocols.document import Step
from ledger.log.contract import Refused


def halted(moment: Moment) -> dict[str, Any]:
    """Admit the halt and return the exception that it opens; `answered` are those who may not close it."""
    if set(moment.body) != {"id", "step", "answers"}:
        raise Refused("A halt says which step and which answers, and nothing else.")
    step = step_named(moment.protocol, moment.text("step", longest=40))
    _check_answers(moment, step)
    if not is_ready(moment.state, moment.protocol, step) and not is_done(moment.state, step.code):
        raise Refused(f"“{step.title}” is not to be done now.")
    _check_signers(moment, step)
    people = [moment.entry.signer, *([moment.entry.second] if moment.entry.second is not None else [])]
    return {
        "kind": HALT,
        "blocking": True,
        "by": moment.author,
        "step": step.code,
        "answered": sorted({str(one.person) for one in people}),
    }


def _check_answers(moment: Moment, step: Step) -> None:
    """Each is one that can be given to a question of this step, and one that halts."""
    answers = moment.members("answers")
    if not answers:
        raise Refused("Say which answer halts the therapy.")
    for code, answer in answers.items():
        field = step.field(code)
        if field is None or not field.halts:
            raise Refused(f"“{step.title}” has no question “{code}” that halts a therapy.")
        if answer not in (field.choices if field.kind == "choice" else ("yes", "no")) or field.allows(answer):
            raise Refused(f"“{field.title}: {answer}” halts nothing.")


def check_is_another(moment: Moment, exception: dict[str, Any]) -> None:
    """Whoever gave the answer that halted neither closes it nor is the second to look. Raises Refused."""
    answered = exception.get("answered", ())
    if str(moment.entry.signer.person) in answered:
        raise Refused("Whoever gave the answer that halted the therapy does not close it: somebody else looks first.")
    if moment.entry.second is not None and str(moment.entry.second.person) in answered:
        raise Refused("The second person must be somebody else than those who gave the answer that halted.")


def _check_signers(moment: Moment, step: Step) -> None:
    """Those who may sign the step; a second person where there is one. Nobody is kept from a halt for want of one."""
    if moment.state["parties"].get(step.party) != moment.author:
        raise Refused(f"“{step.title}” is for another organisation of this therapy.")
    moment.require_role(*step.roles)
    if moment.entry.second is not None:
        moment.require_second(step.second_roles or step.roles)
