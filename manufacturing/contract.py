"""The clauses that manufacturing adds to the therapy contract. Pure."""

from __future__ import annotations

from custody.contract import extend_kind
from custody.contract.moment import Moment, field_element
from custody.protocols.document import Step
from ledger.log.contract import Refused

SUPPLIED_ANYWAY = frozenset({"accepted", "informed"})


def register() -> None:
    """Add the clauses; called once, at start-up."""
    extend_kind("process", at_the_bench)
    extend_kind("test", tested)
    extend_kind("review", reviewed)
    extend_kind("release", released)


def at_the_bench(moment: Moment, step: Step) -> None:
    """Only who holds the cells can work on them."""
    if moment.state["custody"]["holder"] != moment.author:
        raise Refused("The cells are not with your organisation.")


def tested(moment: Moment, step: Step) -> None:
    """A release test carries the leaf that its proof opens."""
    moment.state["done"][step.code]["test_leaf"] = field_element(moment.member("test_leaf"), "The test's proof leaf")


def reviewed(moment: Moment, step: Step) -> None:
    """QA reviews when every release test is on record."""
    _every_test_is_done(moment, "review")


def released(moment: Moment, step: Step) -> None:
    """The QP releases what is in specification, or what the physician accepted out of it; never what they reviewed."""
    review = moment.protocol.step_of_kind("review")
    done = moment.state["done"]
    if review and done.get(review.code, {}).get("person") == str(moment.entry.signer.person):
        raise Refused("Whoever reviewed the batch does not release it.")
    tests = [step for step in moment.protocol.steps if step.kind == "test"]
    _every_test_is_done(moment, "release")
    failed = [test for test in tests if test.code in done and not done[test.code]["ok"]]
    oos = moment.state["oos"]
    if failed and (oos is None or oos["stage"] not in SUPPLIED_ANYWAY):
        raise Refused(
            f"“{failed[0].title}” is out of specification. Supply needs the physician's request and acceptance first."
        )
    for test in failed:
        if test.code not in oos["covers"]:
            raise Refused(f"“{test.title}” came after the evaluation of the risks. Open it as out of specification.")


def _every_test_is_done(moment: Moment, what: str) -> None:
    for step in moment.protocol.steps:
        if step.kind == "test" and not step.optional and step.code not in moment.state["done"]:
            raise Refused(f"The {what} waits for “{step.title}”.")
