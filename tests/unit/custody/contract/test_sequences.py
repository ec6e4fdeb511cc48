"""No sequence of admitted records reaches an impossible state, whoever sends what in whichever order."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from custody import states
from custody.contract import ready_steps
from custody.contract.closing import CLOSINGS, HALTED
from custody.contract.custody_chain import KEPT
from custody.contract.exceptions import KINDS, OOS_TRANSITIONS, TRANSPORT_PROBLEMS
from custody.contract.therapy import AFTER_THE_END
from custody.contract.worklist import HALTING
from custody.protocols.safety import ancestors
from ledger.clock import parse_stamp, stamp
from ledger.ids import derived
from ledger.log.contract import Refused, State
from ledger.log.entries import Entry
from tests.unit.custody.contract.paper import CODES, MEMBERS, WHY, Paper, Person, party
from tests.unit.custody.contract.test_proofs import proof

STATIONS = (
    "booking",
    "collect",
    "hand-over-outbound",
    "deliver-outbound",
    "accept-starting-material",
    "test-appearance",
)
LATER = (
    "test-sterility",
    "release",
    "hand-over-return",
    "receive-product",
    "bedside-check",
    "infuse",
    "outcome-yearly",
)
WALKED = {(code, place): Paper(code).walk(before=place) for code in CODES for place in STATIONS + LATER}
BEFORE = {code: ancestors(Paper(code).protocol) for code in CODES}
ROLES = (
    "physician",
    "nurse",
    "cell_lab",
    "coordinator",
    "operator",
    "qa",
    "qp",
    "courier",
    "qc_analyst",
    "payer_analyst",
)
ANYBODY = st.builds(Person, st.sampled_from(sorted(MEMBERS)), st.sampled_from(ROLES), st.sampled_from(["A", "B", "C"]))
PHYSICIAN, NURSE, QA = Person("centre", "physician"), Person("centre", "nurse"), Person("maker", "qa")
COURIERS = ("courier", "second courier", "third courier")
TWISTS = (
    "as it ought to be",
    "one person twice",
    "no second",
    "another party",
    "another role",
    "too early",
    "incomplete",
)
OOS_BY = {"requested": PHYSICIAN, "evaluated": QA, "accepted": PHYSICIAN, "informed": QA}


class Records(RuleBasedStateMachine):
    """Records good and bad, sent to one therapy; beside it a few facts kept apart from the contract's own state."""

    def __init__(self) -> None:
        super().__init__()
        self.paper = Paper()
        self.holder: str | None = None
        self.supplied_without_path: list[str] = []
        self.ended_with: str | None = None

    @initialize(code=st.sampled_from(CODES), place=st.sampled_from(STATIONS + LATER))
    def begin(self, code: str, place: str) -> None:
        self.paper = WALKED[code, place].copy()
        self.holder = self.paper.state["custody"]["holder"]

    # What is sent

    @rule(how_many=st.integers(1, 25), data=st.data())
    def walk_on(self, how_many: int, data: st.DataObject) -> None:
        """What people do on an ordinary day; now and then a value is out of limits, and mostly somebody says so."""
        for _ in range(how_many):
            ready = [one.step for one in ready_steps(self.paper.state, self.paper.protocol) if not one.held]
            if not ready:
                return
            step = ready[0] if len(ready) == 1 else data.draw(st.sampled_from(ready))
            if step.kind == "acceptance" and step.leg not in self.paper.state["readings"]:
                self.commit(str(step.leg))
            self.send(self.paper.step_entry(step.code, occurred_at=self.paper.next_time(step)))

    @rule(data=st.data(), raised=st.sampled_from([True, True, False]))
    def do_a_step_out_of_limits(self, data: st.DataObject, raised: bool) -> None:
        ready = ready_steps(self.paper.state, self.paper.protocol)
        if not ready:
            return
        step = data.draw(st.sampled_from(ready)).step
        sent = self.send(self.paper.step_entry(step.code, in_limits=False, occurred_at=self.paper.next_time(step)))
        if sent and raised:
            kind = "out_of_specification" if step.kind == "test" else "deviation"
            self.open(kind, step.code, Person(self.paper.member_of(step.party), step.roles[0]))

    @rule(data=st.data(), twist=st.sampled_from(TWISTS), by=ANYBODY)
    def do_a_ready_step_with_a_twist(self, data: st.DataObject, twist: str, by: Person) -> None:
        """A step that the protocol's order allows, held or not, and one thing about it may be wrong."""
        while True:
            ready = [one.step for one in ready_steps(self.paper.state, self.paper.protocol)]
            if not ready or data.draw(st.booleans()) or any(step.needs_second for step in ready):
                break
            if not self.send(self.paper.step_entry(ready[0].code, occurred_at=self.paper.next_time(ready[0]))):
                break
        if not ready:
            return
        step = data.draw(st.sampled_from([s for s in ready if s.needs_second] or ready))
        if step.kind == "acceptance":
            self.commit(str(step.leg))
        usual = self.paper.by(step)
        changes: dict[str, Any] = {"occurred_at": self.paper.next_time(step)}
        if twist == "one person twice":
            role = step.second_roles[0] if step.second_roles else step.roles[0]
            changes |= {"second": Person(usual.member, role, usual.name), "by": Person(usual.member, role, usual.name)}
        elif twist == "no second":
            changes["second"] = None
        elif twist == "another party":
            changes["by"] = Person(by.member, usual.role, usual.name)
        elif twist == "another role":
            changes["by"] = Person(usual.member, by.role, by.name)
        elif twist == "too early":
            changes["occurred_at"] = self.paper.now - timedelta(hours=data.draw(st.integers(0, 400)))
        elif twist == "incomplete":
            changes[data.draw(st.sampled_from(["values", "scans", "leaf", "handoff", "seal", "started_at"]))] = ...
        self.send(self.paper.step_entry(step.code, **changes))

    @rule(data=st.data(), kind=st.sampled_from(["test", "test", "process", "acceptance"]))
    def go_wrong_and_be_carried_through(self, data: st.DataObject, kind: str) -> None:
        """A step goes wrong; it is hidden, played down or raised, and the rest is done as if nothing were amiss."""
        told = data.draw(st.sampled_from(["", "not_proven", "deviation", "out_of_specification"]))
        path = list(OOS_BY)[: data.draw(st.integers(0, 4))]
        wrong = None
        for _ in range(40):
            ready = [one.step for one in ready_steps(self.paper.state, self.paper.protocol)]
            if not ready or ready[0].kind == "outcome":
                break
            step = ready[0]
            if step.kind == "acceptance":
                self.commit(str(step.leg))
            ok = wrong is not None or step.kind != kind or data.draw(st.booleans())
            if not self.send(self.paper.step_entry(step.code, in_limits=ok, occurred_at=self.paper.next_time(step))):
                break
            if not ok:
                wrong = step.code
                if told:
                    self.open(told, step.code, Person(self.paper.member_of(step.party), step.roles[0]))
                for stage in path:
                    self.record(f"custody.oos.{stage}/v1", {}, OOS_BY[stage])
                for identifier in sorted(self.paper.state["exceptions"]):
                    self.close(identifier, QA)

    @rule(data=st.data())
    def do_any_step_whatever_the_order(self, data: st.DataObject) -> None:
        step = data.draw(st.sampled_from(self.paper.protocol.steps))
        self.send(self.paper.step_entry(step.code, occurred_at=self.paper.next_time(step)))

    @rule(data=st.data())
    def skip_ahead(self, data: st.DataObject) -> None:
        """Straight to what matters most."""
        codes = [
            step.code for step in self.paper.protocol.steps if step.kind in {"release", "gate", "bedside", "infusion"}
        ]
        step = self.paper.step(data.draw(st.sampled_from(codes)))
        self.send(self.paper.step_entry(step.code, occurred_at=self.paper.next_time(step)))

    @rule(kind=st.sampled_from(KINDS), data=st.data(), by=st.sampled_from([PHYSICIAN, QA]) | ANYBODY)
    def open_an_exception(self, kind: str, data: st.DataObject, by: Person) -> None:
        self.open(kind, data.draw(st.sampled_from(["", *self.paper.state["done"]])), by)

    @rule(by=st.sampled_from([NURSE, Person("courier", "courier")]), data=st.data())
    def stop_for_identity_and_try_to_go_on(self, by: Person, data: st.DataObject) -> None:
        body = {"id": self.fresh("stop"), "kind": "bag", "scanned": "another chain of identity"}
        self.record("custody.identity.stopped/v1", body, by)
        self.hand_on(data)
        for one in ready_steps(self.paper.state, self.paper.protocol):
            self.send(self.paper.step_entry(one.step.code, occurred_at=self.paper.next_time(one.step)))
        if data.draw(st.booleans()):
            self.close(body["id"], PHYSICIAN, second=NURSE)

    @rule(data=st.data(), by=ANYBODY)
    def answer_so_that_it_halts(self, data: st.DataObject, by: Person) -> None:
        asked = [step for step in self.paper.protocol.steps if any(field.halts for field in step.fields)]
        step = data.draw(st.sampled_from(asked))
        code = next(field.code for field in step.fields if field.halts)
        body = {
            "id": self.fresh("halt"),
            "step": step.code,
            "answers": {code: data.draw(st.sampled_from(["no", "yes"]))},
        }
        self.record(HALTED, body, data.draw(st.sampled_from([self.paper.by(step), by])))
        self.close(body["id"], data.draw(st.sampled_from([PHYSICIAN, QA, self.paper.by(step)])), second=NURSE)

    @rule(data=st.data(), by=ANYBODY)
    def close_an_exception(self, data: st.DataObject, by: Person) -> None:
        for identifier in sorted(self.paper.state["exceptions"]):
            who = data.draw(st.sampled_from([PHYSICIAN, QA, QA, by]))
            second = data.draw(st.sampled_from([NURSE, Person("maker", "qp"), None, who]))
            self.close(identifier, who, second=second)

    @rule(stages=st.lists(st.sampled_from(sorted(OOS_BY)), max_size=4), in_order=st.booleans(), by=ANYBODY)
    def go_out_of_specification(self, stages: list[str], in_order: bool, by: Person) -> None:
        for stage in list(OOS_BY)[: len(stages)] if in_order else stages:
            self.record(f"custody.oos.{stage}/v1", {}, OOS_BY[stage])
            self.record(f"custody.oos.{stage}/v1", {}, by)

    @rule(data=st.data())
    def hand_on(self, data: st.DataObject) -> None:
        """Couriers pass the cells on, to whom it was offered or to somebody who reaches for them."""
        custody = self.paper.state["custody"]
        for _ in range(2):
            holder = next((name for name in COURIERS if str(party(name)) == custody["holder"]), COURIERS[0])
            giver, receiver = (
                data.draw(st.sampled_from((holder, *COURIERS))),
                data.draw(st.sampled_from((*COURIERS, "maker"))),
            )
            body = {"handoff": self.fresh("transfer"), "to": str(party(receiver)), "seal": custody["seal"]}
            if data.draw(st.booleans()):
                body["personal"] = True
            role, name = data.draw(st.sampled_from([("courier", "A"), ("courier", "B"), ("dispatcher", "C")]))
            self.record("custody.transfer.offered/v1", body, Person(giver, role, name))
            custody = self.paper.state["custody"]
            if custody["offer"]:
                taker = Person(data.draw(st.sampled_from(COURIERS)), "courier", data.draw(st.sampled_from(["A", "T"])))
                verb = data.draw(st.sampled_from(["transfer.accepted", "transfer.accepted", "handoff.refused"]))
                body = {
                    "handoff": custody["offer"]["id"],
                    "seal": custody["seal"],
                    "reason": data.draw(st.sampled_from(["damaged", KEPT])),
                }
                self.record(f"custody.{verb}/v1", body, taker)

    @rule(leg=st.sampled_from(["outbound", "return"]))
    def commit(self, leg: str) -> None:
        self.record("custody.readings.committed/v1", self.paper.readings_body(leg), Person("operator", "prover"))

    @rule(data=st.data(), proven=st.booleans())
    def judge_a_segment(self, data: st.DataObject, proven: bool) -> None:
        segment = data.draw(st.sampled_from(self.paper.protocol.segments))
        root = self.paper.state["readings"].get(segment.leg, {}).get("root", "0")
        body = (
            proof(segment.code, inputs={"readingsRoot": root})
            if proven
            else {"segment": segment.code, "reasons": ["x"]}
        )
        self.record(f"custody.proof.{'published' if proven else 'refused'}/v1", body, Person("operator", "prover"))

    @rule(days=st.integers(0, 60))
    def move(self, days: int) -> None:
        body = {"bookings": self.paper.bookings(start=self.paper.now + timedelta(days=days))}
        self.record("custody.itinerary.moved/v1", body, Person("centre", "coordinator"))

    @rule(seldom=st.integers(0, 9), how=st.sampled_from(["cancelled", "failed"]), data=st.data())
    def end_and_try_to_go_on(self, seldom: int, how: str, data: st.DataObject) -> None:
        if seldom:
            return
        reason = "patient_unfit" if how == "cancelled" else "manufacturing_failed"
        self.record("custody.therapy.ended/v1", {"how": how, "reason": reason}, PHYSICIAN)
        self.hand_on(data)
        self.do_any_step_whatever_the_order(data)
        for step in self.paper.protocol.steps:
            if step.code not in self.paper.state["done"]:
                self.send(self.paper.step_entry(step.code, occurred_at=self.paper.next_time(step)))
                break

    # How it is sent

    def fresh(self, what: str) -> str:
        return str(derived(what, len(self.paper.entries), self.paper.now))

    def open(self, kind: str, step: str, by: Person) -> None:
        body = {"id": self.fresh("exception"), "kind": kind, "finding": "Something was found", "step": step}
        self.record("custody.exception.opened/v1", body, by)

    @rule(by=st.sampled_from([*COURIERS, "maker", "centre"]), data=st.data())
    def report_a_problem_on_the_road(self, by: str, data: st.DataObject) -> None:
        problem = data.draw(st.sampled_from([*sorted(TRANSPORT_PROBLEMS), "rain"]))
        leg = data.draw(st.sampled_from([self.paper.state["custody"]["leg"], "outbound"]))
        role = data.draw(st.sampled_from(["courier", "dispatcher", "qa"]))
        hours = data.draw(st.integers(-1, 3))
        moments = [stamp(self.paper.now + timedelta(hours=hours + later)) for later in (1, 0)]
        times = dict(zip(("expected_at", "planned_at"), moments, strict=True)) if data.draw(st.booleans()) else {}
        body = {
            "id": self.fresh("problem"),
            "kind": "transport_problem",
            "finding": "Delayed on the road",
            "leg": leg,
            "facts": {"problem": problem} | times,
        }
        self.record("custody.exception.opened/v1", body, Person(by, role))

    def close(self, identifier: str, by: Person, *, second: Person | None = None) -> None:
        body = {"id": identifier, "resolution": "accepted", "cause": "handling", "why": WHY}
        self.record("custody.exception.closed/v2", body, by, second=second)

    def record(self, type: str, body: dict[str, Any], by: Person, *, second: Person | None = None) -> None:
        self.paper.now += timedelta(minutes=1)
        self.send(self.paper.entry(type, body, by, second=second))

    def send(self, entry: Entry) -> bool:
        before = self.paper.state
        kept = copy.deepcopy(before)
        try:
            self.paper.admit(entry)
        except Refused:
            assert before == kept, "a refused record changes nothing"
            return False
        assert before == kept, "the state before is not changed"
        assert self.paper.contract.admit(before, entry, self.paper.world) == self.paper.state, "the same twice"
        self.check_change(entry, before, self.paper.state)
        return True

    # What may change, record by record

    def check_change(self, entry: Entry, before: State, after: State) -> None:
        if before["status"] != after["status"]:
            assert after["status"] in states.THERAPY[before["status"]]
        if before["status"] not in {"active", "completed"}:
            assert entry.type in AFTER_THE_END
            assert after["done"] == before["done"]
        stages = [(state["oos"] or {"stage": "none"})["stage"] for state in (before, after)]
        if stages[0] != stages[1] and stages[0] != "none":
            assert stages[1] in OOS_TRANSITIONS[stages[0]]
        stops = {key for key, exception in before["exceptions"].items() if exception["kind"] in HALTING}
        if stops:
            assert set(after["done"]) <= set(before["done"]), "nothing is done while an identity stop is open"
            assert after["custody"]["holder"] == before["custody"]["holder"]
            if not stops <= set(after["exceptions"]):
                assert entry.type in CLOSINGS
                assert entry.second is not None, "two people close an identity stop"
                for gone in stops - set(after["exceptions"]):
                    answered = before["exceptions"][gone].get("answered", ())
                    assert str(entry.signer.person) not in answered
                    assert str(entry.second.person) not in answered
        for code in set(after["done"]) - set(before["done"]):
            self.check_step(entry, code, before, after)
        if entry.type == "custody.exception.opened/v1" and entry.body["kind"] == "transport_problem":
            custody = before["custody"]
            assert entry.signer.role in {"courier", "dispatcher"}
            assert custody["leg"] == entry.body["leg"] is not None
            assert custody["holder"] == str(entry.party)
            problems = [one for one in after["exceptions"].values() if one["kind"] == "transport_problem"]
            told = [(one["problem"], one.get("expected_at")) for one in problems]
            assert len(told) == len(set(told)), "one problem is open once"
        if entry.type in {"custody.handoff.offered/v1", "custody.transfer.offered/v1"}:
            holder = before["custody"].get("person")
            of_dispatch = entry.type.startswith("custody.transfer") and entry.signer.role == "dispatcher"
            assert holder in {None, str(entry.signer.person)} or of_dispatch, "who holds a shipper gives it on"
        if before["custody"].get("personal"):
            assert after["custody"]["personal"]
        if entry.type in {"custody.handoff.accepted/v1", "custody.transfer.accepted/v1"}:
            offer = before["custody"]["offer"]
            assert offer is not None
            assert offer["to"] == str(entry.party)
            assert offer["person"] != str(entry.signer.person)
            self.holder = str(entry.party)
        elif entry.type == "custody.collection.performed/v1":
            self.holder = str(entry.party)
        assert after["custody"]["holder"] == self.holder, "the cells change hands by records of hand-over only"

    def check_step(self, entry: Entry, code: str, before: State, after: State) -> None:
        step = self.paper.step(code)
        assert str(entry.party) == before["parties"][step.party]
        assert entry.signer.role in step.roles
        if step.needs_second:
            assert entry.second is not None
            assert entry.second.person != entry.signer.person
            assert entry.second.role in step.second_roles
        if step.kind in {"acceptance", "release", "gate", "bedside", "infusion"}:
            assert not any(exception["blocking"] for exception in before["exceptions"].values())
            assert not before["unraised"], "what was out of limits is an exception before anything is decided"
        if step.kind == "release":
            failed = {
                test.code
                for test in self.paper.protocol.steps
                if test.kind == "test" and not after["done"][test.code]["ok"]
            }
            if failed:
                assert before["oos"]["stage"] in {"accepted", "informed"}
                assert failed <= set(before["oos"]["covers"])

    # What always holds

    @invariant()
    def everything_before_a_step_is_done(self) -> None:
        done = self.paper.state["done"]
        for code in done:
            for before in BEFORE[self.paper.code][code]:
                step = self.paper.step(before)
                assert before in done or step.optional, f"{code} without {before}"
                if before in done:
                    assert parse_stamp(done[before]["at"]) <= parse_stamp(done[code]["start"]), (before, code)
            assert parse_stamp(done[code]["start"]) <= parse_stamp(done[code]["at"])

    @invariant()
    def nothing_is_infused_without_release_gate_and_bedside_check(self) -> None:
        done = set(self.paper.state["done"])
        kinds = {self.paper.step(code).kind for code in done}
        if "infusion" in kinds:
            assert {"collection", "acceptance", "review", "release", "gate", "bedside"} <= kinds
            assert {"outbound", "return"} <= set(self.paper.state["readings"])
        if "gate" in kinds:
            assert "release" in kinds

    @invariant()
    def it_is_completed_exactly_when_it_is_infused(self) -> None:
        assert (self.paper.state["status"] == "completed") == ("infuse" in self.paper.state["done"])

    @invariant()
    def exactly_one_member_holds_the_cells_after_the_collection(self) -> None:
        custody = self.paper.state["custody"]
        members = {str(facts.id) for facts in MEMBERS.values()}
        assert (custody["holder"] in members) == ("collect" in self.paper.state["done"])
        if custody["offer"] is not None:
            assert custody["leg"] is not None
            assert custody["offer"]["to"] != custody["holder"]
        assert (custody["leg"] is None) == (custody["seal"] is None) == (custody["container"] is None)

    @invariant()
    def nobody_verified_their_own_act(self) -> None:
        for done in self.paper.state["done"].values():
            assert done["person"] != done["second"]

    @invariant()
    def nothing_out_of_limits_is_proven(self) -> None:
        for segment in self.paper.protocol.segments:
            if self.paper.state["proofs"].get(segment.code) == "proven":
                assert all(self.paper.state["done"][code]["ok"] for code in segment.steps)

    @invariant()
    def the_state_is_small_and_plain_json(self) -> None:
        state = self.paper.state
        text = json.dumps(state)
        assert json.loads(text) == state
        assert len(text) < 4000 + 600 * len(state["done"]) + 250 * (len(state["exceptions"]) + len(self.paper.entries))

    @invariant()
    def an_ended_therapy_offers_nothing_to_do(self) -> None:
        if self.paper.state["status"] not in {"active", "completed"}:
            assert ready_steps(self.paper.state, self.paper.protocol) == []
            assert stamp(parse_stamp(self.paper.state["ended_at"])) == self.paper.state["ended_at"]


Records.TestCase.settings = settings(
    max_examples=80, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestRecords = Records.TestCase
