"""A therapy on paper: the contract, a small consortium and records in memory. No database, no ledger."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from custody.contract import TherapyContract, ready_steps
from custody.contract.items import LETTERS, Item, Label, check_character
from custody.contract.reckoning import reckoned_values
from custody.contract.scanning import counts_bags
from custody.protocols import document
from custody.protocols.document import Field, Protocol, Step
from ledger.clock import parse_stamp, stamp
from ledger.ids import derived
from ledger.log.contract import PartyFacts, Refused, State
from ledger.log.entries import Entry, Signature
from manufacturing import contract as manufacturing

manufacturing.register()

FOLDER = Path(__file__).parents[4] / "protocols"
ORDERED_AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
COMMITMENT = "ab" * 32
WHY = "The scale was read again by two people"
HOUR = timedelta(hours=1)


@cache
def shipped(code: str) -> dict[str, Any]:
    """A protocol document of the folder `protocols/`."""
    found: dict[str, Any] = json.loads((FOLDER / f"{code}.json").read_text())
    return found


def of_format_1(code: str) -> dict[str, Any]:
    """A shipped document as it was before the contract judged times, possible figures, halts and reckoned values."""
    content = copy.deepcopy(shipped(code)) | {"format": "needlepoint-protocol/1", "version": "1.1"}
    for step in content["steps"]:
        step.pop("material", None)
        for each in step.get("fields", []):
            for name in ("plausible", "halts", "reckoned", "at_most", "at_least", "same_as"):
                each.pop(name, None)
    return content


CODES = ("bcma-frozen", "cd19-fresh", "hsc-edited")


def party(name: str) -> UUID:
    return derived("paper party", name)


MEMBERS = {
    "centre": PartyFacts(party("centre"), "X0042", "treatment_centre", "DE"),
    "other centre": PartyFacts(party("other centre"), "X0077", "treatment_centre", "FR"),
    "maker": PartyFacts(party("maker"), "MAK-1", "manufacturer", "NL"),
    "other maker": PartyFacts(party("other maker"), "MAK-2", "manufacturer", "NL"),
    "courier": PartyFacts(party("courier"), "COU-1", "courier", "DE"),
    "second courier": PartyFacts(party("second courier"), "COU-2", "courier", "DE"),
    "third courier": PartyFacts(party("third courier"), "COU-3", "courier", "DE"),
    "payer": PartyFacts(party("payer"), "PAY-1", "payer", "DE"),
    "regulator": PartyFacts(party("regulator"), "REG-1", "regulator", "DE"),
    "operator": PartyFacts(party("operator"), "OPERATOR", "operator", "DE"),
}
CAPACITIES = {
    "centre": "centre",
    "maker": "maker",
    "payer": "payer",
    "courier_outbound": "courier",
    "courier_return": "second courier",
}

PEOPLE = ("A", "B", "C", "T")


class PaperWorld:
    """Members and documents in two dictionaries."""

    def __init__(self, *documents: Mapping[str, Any]) -> None:
        self.parties = {facts.id: facts for facts in MEMBERS.values()}
        self.documents = {document.digest_of(each): each for each in documents}

    def party(self, party: UUID) -> PartyFacts:
        if party not in self.parties:
            raise Refused(f"No member {party} is enrolled.")
        return self.parties[party]

    def document(self, digest: str) -> Mapping[str, Any]:
        if digest not in self.documents:
            raise Refused("No such document.")
        return self.documents[digest]


@dataclass(frozen=True)
class Person:
    """Somebody at a member organisation."""

    member: str
    role: str
    name: str = "A"

    @property
    def signature(self) -> Signature:
        return Signature(
            person=derived("paper person", self.member, self.role, self.name),
            party=party(self.member),
            name_commitment=COMMITMENT,
            role=self.role,
            meaning="signed",
            method="passkey",
        )


@dataclass
class Paper:
    """One therapy: its state, and what has been admitted to it."""

    code: str = "cd19-fresh"
    contract: TherapyContract = field(default_factory=TherapyContract)
    state: State = field(default_factory=lambda: TherapyContract().initial())
    entries: list[Entry] = field(default_factory=list)
    now: datetime = ORDERED_AT
    content: Mapping[str, Any] | None = None
    """Another document than the shipped one of that code."""

    def __post_init__(self) -> None:
        content = self.content or shipped(self.code)
        self.world = PaperWorld(content)
        self.digest = document.digest_of(content)
        self.protocol: Protocol = document.read_cached(content, self.digest)
        self.subject = derived("paper therapy", self.code)

    # Records

    def entry(
        self,
        type: str,
        body: Mapping[str, Any],
        by: Person,
        *,
        second: Person | None = None,
        occurred_at: datetime | None = None,
    ) -> Entry:
        at = occurred_at or self.now
        return Entry(
            log="paper.example/log",
            chain=derived("chain", "therapy", self.subject),
            chain_kind="therapy",
            subject=self.subject,
            seq=len(self.entries),
            prev_hash="0" * 64,
            type=type,
            key=f"key-{len(self.entries)}",
            signer=by.signature,
            second=second.signature if second else None,
            occurred_at=at,
            recorded_at=at,
            body=body,
        )

    def admit(self, entry: Entry) -> None:
        """Admit a record; the state moves on, or Refused is raised and it stays."""
        self.state = self.contract.admit(self.state, entry, self.world)
        self.entries.append(entry)
        self.now = max(self.now, entry.occurred_at)

    def record(self, type: str, body: Mapping[str, Any], by: Person, *, second: Person | None = None) -> None:
        self.now += timedelta(minutes=1)
        self.admit(self.entry(type, body, by, second=second))

    # Steps of the protocol

    def step(self, code: str) -> Step:
        found = self.protocol.step(code)
        assert found is not None, code
        return found

    def member_of(self, capacity: str) -> str:
        held = self.state.get("parties", {}).get(capacity)
        return next((name for name, facts in MEMBERS.items() if str(facts.id) == held), CAPACITIES[capacity])

    def by(self, step: Step) -> Person:
        name = "B" if step.kind in {"accept", "release"} else "A"
        usual = Person(self.member_of(step.party), step.roles[0], name)
        holder = self.state["custody"].get("person") if step.kind == "offer" else None
        known = [replace(usual, name=one) for one in PEOPLE]
        return next((one for one in known if str(one.signature.person) == holder), usual)

    def second(self, step: Step) -> Person | None:
        return Person(self.member_of(step.party), step.second_roles[0], "C") if step.second_roles else None

    def step_entry(self, code: str, **changes: Any) -> Entry:
        """The step's record as it ought to be; `by`, `second`, `occurred_at` and members of the body may be changed.

        A change to `...` leaves the member out.
        """
        step = self.step(code)
        by, second = changes.pop("by", self.by(step)), changes.pop("second", self.second(step))
        ended = changes.pop("occurred_at", self.now + HOUR)
        body = self.body(step, ended - HOUR / 2) | changes
        body = {name: value for name, value in body.items() if value is not ...}
        return self.entry(step.record_type, body, by, second=second, occurred_at=ended)

    def do(self, code: str, **changes: Any) -> None:
        self.admit(self.step_entry(code, **changes))

    def body(self, step: Step, started: datetime) -> dict[str, Any]:
        follows = reckoned_values(self.state, step, ended=started + HOUR / 2)
        body: dict[str, Any] = {
            "step": step.code,
            "started_at": stamp(started),
            "in_limits": True,
            "values": {
                f.code: {"value": follows.get(f.code) or good(f), "unit": f.unit}
                for f in step.fields
                if not f.sensitive
            },
            "sealed": {f.code: COMMITMENT for f in step.fields if f.sensitive},
            "scans": self.scans(step),
            "leaf": str(1000 + step.number),
        }
        return body | self.extra(step)

    def scanned(self, kind: str) -> str:
        custody = self.state["custody"]
        special = {"seal": custody["seal"], "shipper": custody["container"]}.get(kind)
        if special or not self.protocol.names_items or kind not in LETTERS:
            return str(special or self.state["coi"])
        return Label(self.state["coi"], Item(kind, 1)).code

    def scans(self, step: Step, bags: int | None = None) -> dict[str, str]:
        """What the step asks to scan, and as many product bags as are infused: `bags`, else as the form says."""
        counted = counts_bags(step) if self.protocol.names_items else None
        count = (bags or int(good(counted))) if counted else 1
        further = {f"bag-{n}": Label(self.state["coi"], Item("bag", n)).code for n in range(2, count + 1)}
        return {kind: self.scanned(kind) for kind in step.scans} | further

    def extra(self, step: Step) -> dict[str, Any]:
        custody = self.state.get("custody", {})
        if step.kind == "order":
            return order_body(self.digest)
        if step.kind == "payer_approval":
            return {"approved": True}
        if step.kind == "booking":
            return {"bookings": self.bookings()}
        if step.kind == "label":
            return {"copies": 3, "items": ["W01", "R01", "M01"]}
        if step.kind == "pack":
            leg = str(step.leg)
            return {"seal": f"SEAL-{leg}", "container": f"BOX-{leg}", "logger": str(derived("logger", leg))}
        if step.kind == "offer":
            accept = next(s for s in self.protocol.steps if s.kind == "accept" and step.code in s.after)
            to = self.state["parties"].get(accept.party, str(party("courier")))
            handoff = str(derived("handoff", len(self.entries)))
            return {"handoff": handoff, "to": to, "seal": custody["seal"], "personal": True}
        if step.kind == "accept":
            return {"handoff": (custody["offer"] or {"id": str(party("nobody"))})["id"], "seal": custody["seal"]}
        return {"test_leaf": "7"} if step.kind == "test" else {}

    def bookings(self, start: datetime | None = None) -> list[dict[str, str]]:
        """The protocol's chain of slots, each as soon after the one before as it may be."""
        moment = start or self.now + timedelta(days=5)
        found = []
        for spec in self.protocol.slots:
            moment += timedelta(minutes=spec.gap_min_minutes)
            end = moment + timedelta(minutes=spec.minutes)
            found.append(
                {
                    "code": spec.code,
                    "id": str(derived("booking", spec.code)),
                    "slot": str(derived("slot", spec.code)),
                    "party": str(party(CAPACITIES[spec.party])),
                    "start": stamp(moment),
                    "end": stamp(end),
                }
            )
            moment = end
        return found

    # Readings and exceptions

    def readings_body(self, leg: str, **changes: Any) -> dict[str, Any]:
        return {
            "leg": leg,
            "root": "12345",
            "series": COMMITMENT,
            "count": 100,
            "first_at": stamp(self.now),
            "last_at": stamp(self.now),
            "device": str(derived("logger", leg)),
            "signature": {"r8x": "1", "r8y": "2", "s": "3"},
        } | changes

    def commit_readings(self, leg: str, **changes: Any) -> None:
        self.record("custody.readings.committed/v1", self.readings_body(leg, **changes), Person("operator", "prover"))

    def open_exception(self, kind: str, *, step: str = "", by: Person | None = None, name: str = "one") -> str:
        identifier = str(derived("exception", name))
        body = {"id": identifier, "kind": kind, "finding": "Something was found", "step": step}
        self.record("custody.exception.opened/v1", body, by or Person("maker", "qa"))
        return identifier

    def close_exception(self, identifier: str, *, by: Person | None = None, second: Person | None = None) -> None:
        body = {"id": identifier, "resolution": "accepted", "cause": "handling", "why": WHY}
        self.record("custody.exception.closed/v2", body, by or Person("maker", "qa"), second=second)

    def stop_identity(self, *, by: Person | None = None) -> str:
        identifier = str(derived("exception", "stop", len(self.entries)))
        body = {"id": identifier, "kind": "bag", "scanned": "another chain of identity"}
        self.record("custody.identity.stopped/v1", body, by or Person("centre", "nurse"))
        return identifier

    def oos(self, stage: str, *, by: Person | None = None) -> None:
        who = Person("centre", "physician") if stage in {"requested", "accepted"} else Person("maker", "qa")
        self.record(f"custody.oos.{stage}/v1", {}, by or who)

    def end(self, how: str = "cancelled", reason: str = "patient_unfit", by: Person | None = None) -> None:
        body = {"how": how, "reason": reason}
        self.record("custody.therapy.ended/v1", body, by or Person("centre", "physician"))

    # Walking

    def walk(self, *, before: str = "", after: str = "") -> Paper:
        """Do whatever is ready, in the protocol's order, until `before` is next, or `after` is done, or nothing is."""
        if self.state["status"] == "none":
            self.do("order", occurred_at=ORDERED_AT)
        while after not in self.state["done"]:
            ready = [one for one in ready_steps(self.state, self.protocol) if not one.held]
            if not ready:
                break
            step = ready[0].step
            if step.code == before:
                break
            if step.kind == "acceptance" and step.leg not in self.state["readings"]:
                self.commit_readings(str(step.leg))
            self.do(step.code, occurred_at=self.next_time(step))
        return self

    def next_time(self, step: Step) -> datetime:
        after = [parse_stamp(self.state["done"][code]["at"]) for code in step.after if code in self.state["done"]]
        return max([self.now, *after]) + HOUR

    def copy(self) -> Paper:
        return replace(self, state=copy.deepcopy(self.state), entries=list(self.entries))


def order_body(digest: str) -> dict[str, Any]:
    bare = "X004226000001"
    return {
        "protocol": digest,
        "coi": bare + check_character(bare),
        "call_name": "Heron 1873",
        "patient": str(derived("patient", 1)),
        "payer": str(party("payer")),
        "consent": True,
        "eligible": True,
        "identity": {"name": COMMITMENT, "birth_date": COMMITMENT},
    }


def good(field: Field) -> str:
    """A value inside the field's limits."""
    if field.kind == "decimal":
        low = field.low if field.low is not None else Decimal(0)
        high = field.high if field.high is not None else low + 10
        return plain(((low + high) / 2).quantize(Decimal(1).scaleb(-field.decimals)))
    if field.kind == "choice":
        return field.expected or field.choices[0]
    return {"check": "yes", "code": "LOT-2026-118"}.get(field.kind, "")


def bad(field: Field) -> str | None:
    """A value of the right form outside the field's limits, if there is one."""
    grain = Decimal(1).scaleb(-field.decimals)
    if field.kind == "decimal" and field.high is not None:
        return plain(field.high + grain)
    if field.kind == "decimal" and field.low is not None:
        return plain(field.low - grain)
    if field.kind == "choice" and field.expected:
        return next(choice for choice in field.choices if choice != field.expected)
    return "no" if field.kind == "check" else None


def plain(number: Decimal) -> str:
    text = format(number.normalize(), "f")
    return "0" if text == "-0" else text
