"""The state machines of custody, as tables: what may follow what. Pure.

`manage.py draw_states` draws them, and the step graph of every protocol, into docs/states/; tests compare them with
what the contract does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from custody.contract.exceptions import OOS_STAGES, OOS_TRANSITIONS
from custody.contract.worklist import HELD_BY_EXCEPTION
from custody.protocols.document import Protocol

Transitions = Mapping[str, frozenset[str]]

THERAPY: Transitions = {
    "none": frozenset({"active"}),
    "active": frozenset({"completed", "cancelled", "failed", "declined"}),
    "completed": frozenset(),
    "cancelled": frozenset(),
    "failed": frozenset(),
    "declined": frozenset(),
}
HANDOFF: Transitions = {
    "none": frozenset({"offered"}),
    "offered": frozenset({"accepted", "refused"}),
    "accepted": frozenset(),
    "refused": frozenset(),
}
SHIPMENT: Transitions = {
    "held": frozenset({"packed"}),
    "packed": frozenset({"offered"}),
    "offered": frozenset({"packed", "carried", "held"}),
    "carried": frozenset({"offered"}),
}
"""The cells during a leg. A refused offer leads back to who holds them: `packed` at the origin, else `carried`."""
EXCEPTION: Transitions = {
    "none": frozenset({"open", "open, holding nothing"}),
    "open": frozenset({"closed", "open, holding nothing"}),
    "open, holding nothing": frozenset({"closed", "open"}),
    "closed": frozenset(),
}
DISCLOSURE: Transitions = {
    "none": frozenset({"asked", "given"}),
    "asked": frozenset({"answered", "refused", "taken_back"}),
    "answered": frozenset({"withdrawn"}),
    "given": frozenset({"withdrawn"}),
    "refused": frozenset(),
    "taken_back": frozenset(),
    "withdrawn": frozenset(),
}


@dataclass(frozen=True, slots=True)
class Machine:
    """A state machine with the words that a reader needs. `begins` is where it starts."""

    code: str
    title: str
    words: str
    begins: str
    transitions: Transitions
    titles: Mapping[str, str]
    causes: Mapping[tuple[str, str], str] = field(default_factory=dict)


MACHINES = (
    Machine(
        "therapy",
        "A therapy",
        "From order to infusion. Outcomes are recorded after the infusion; a therapy that ended in another way takes "
        "nothing but readings, proofs and decisions on its exceptions.",
        "none",
        THERAPY,
        {
            "none": "not ordered",
            "active": "under way",
            "completed": "infused",
            "cancelled": "cancelled",
            "failed": "failed",
            "declined": "declined by payer",
        },
        {
            ("none", "active"): "ordered by the centre",
            ("active", "completed"): "infused",
            ("active", "cancelled"): "the centre's physician or coordinator",
            ("active", "failed"): "physician, QA or QP",
            ("active", "declined"): "the payer says no",
        },
    ),
    Machine(
        "hand-over",
        "A hand-over",
        "Custody passes by two records: the holder offers, the receiver named in the offer scans and accepts. One "
        "offer is open at a time, and nobody accepts what they offered. On the way couriers hand over to each other, "
        "or one courier's people among themselves: by the same two records, of two people. There one person holds the "
        "shipper and nobody else gives it on; where they cannot, their dispatcher offers it to a colleague.",
        "none",
        HANDOFF,
        {"none": "not offered", "offered": "offered", "accepted": "accepted", "refused": "refused"},
        {
            ("none", "offered"): "holder, seal as set",
            ("offered", "accepted"): "receiver scans shipper and seal",
            ("offered", "refused"): "receiver with a reason, or a courier keeps what its own people did not take",
        },
    ),
    Machine(
        "shipment",
        "The cells on a leg",
        "Somebody holds the cells at every moment from the collection on. The leg's readings are committed once it is "
        "over, and the material is accepted after that.",
        "held",
        SHIPMENT,
        {"held": "held, not packed", "packed": "packed and sealed", "offered": "offered", "carried": "with a courier"},
        {
            ("held", "packed"): "container, seal, logger",
            ("packed", "offered"): "offered to the courier",
            ("offered", "packed"): "refused at the origin",
            ("offered", "carried"): "courier accepts, or the next one refuses",
            ("offered", "held"): "the destination accepts",
            ("carried", "offered"): "offered to courier or destination",
        },
    ),
    Machine(
        "exception",
        "An exception",
        f"While one that holds is open, these wait: {', '.join(sorted(HELD_BY_EXCEPTION))}. An identity stop, and an "
        "answer that halts, stop everything. A segment without proof holds nothing. A transport problem is opened by "
        "the courier that holds the packed cells, once while it is open, and by nobody else.",
        "none",
        EXCEPTION,
        {
            "none": "not found",
            "open": "open, holds the therapy",
            "open, holding nothing": "open, holds nothing",
            "closed": "closed",
        },
        {
            ("none", "open"): "found",
            ("none", "open, holding nothing"): "not proven",
            ("open", "closed"): "QA, QP or physician, two people after an identity stop or a halt",
            ("open", "open, holding nothing"): "out of specification, and the physician accepted",
            ("open, holding nothing", "open"): "a further finding",
            ("open, holding nothing", "closed"): "explained, or the authority is informed",
        },
    ),
    Machine(
        "out-of-specification",
        "Supply out of specification",
        "EU GMP Part IV §11.5. The country's clock runs from the physician's acceptance until the authority knows.",
        "found",
        OOS_TRANSITIONS,
        OOS_STAGES,
        {
            ("found", "requested"): "physician asks for supply",
            ("requested", "evaluated"): "maker's QA evaluates the risks",
            ("evaluated", "accepted"): "physician accepts",
            ("accepted", "informed"): "maker informs the authority",
            ("evaluated", "requested"): "a further finding",
            ("accepted", "requested"): "a further finding",
            ("informed", "found"): "another finding later",
        },
    ),
    Machine(
        "disclosure",
        "A disclosure",
        "Single fields of a therapy, shown by the member that holds them to one other, for a purpose and a time. When "
        "that is over, nothing is answered or taken back any more, and what was shown is destroyed.",
        "none",
        DISCLOSURE,
        {
            "none": "not asked for",
            "asked": "asked for",
            "answered": "disclosed",
            "given": "shared",
            "refused": "refused",
            "taken_back": "taken back",
            "withdrawn": "withdrawn",
        },
        {
            ("none", "asked"): "a regulator's inspector or a payer's analyst",
            ("none", "given"): "the holder by itself",
            ("asked", "answered"): "the holder, all of it or some",
            ("asked", "refused"): "the holder, with a reason",
            ("asked", "taken_back"): "who asked, with a reason",
            ("answered", "withdrawn"): "the holder",
            ("given", "withdrawn"): "the holder",
        },
    ),
)

_SHAPES = {"centre": ("[", "]"), "maker": ("[[", "]]"), "payer": ("([", "])")}
_PARTIES = {
    "centre": "treatment centre",
    "maker": "maker",
    "payer": "payer",
    "courier_outbound": "courier out",
    "courier_return": "courier back",
}
NOTICE = "<!-- Drawn by `manage.py draw_states`. Change the table or the protocol, not this page. -->"


def draw_machine(machine: Machine) -> str:
    """A page with the machine as a Mermaid state diagram."""
    names = {state: f"s{place}" for place, state in enumerate(machine.transitions)}
    lines = [f'    state "{machine.titles[state]}" as {name}' for state, name in names.items()]
    lines.append(f"    [*] --> {names[machine.begins]}")
    for state, following in machine.transitions.items():
        for after in machine.transitions:
            if after in following:
                cause = machine.causes.get((state, after), "")
                lines.append(f"    {names[state]} --> {names[after]}{f': {cause}' if cause else ''}")
        if not following:
            lines.append(f"    {names[state]} --> [*]")
    return _page(machine.title, machine.words, "stateDiagram-v2", lines)


def draw_protocol(protocol: Protocol) -> str:
    """A page with the protocol's steps as a Mermaid flow chart, one box a stage, and what the marks mean."""
    words = (
        f"Version {protocol.version}, {len(protocol.steps)} steps. Plain boxes are the treatment centre's, double ones "
        "the maker's, round ones the payer's, six-sided ones the couriers'. “2 people” marks a step that a second "
        "person verifies, a dotted line one that may be left out."
    )
    return _page(protocol.title, words, "flowchart TD", list(_protocol_lines(protocol)))


def _protocol_lines(protocol: Protocol) -> Iterator[str]:
    for place, (stage, title) in enumerate(protocol.stages):
        yield f'    subgraph g{place}["{title}"]'
        for step in protocol.steps:
            if step.stage == stage:
                left, right = _SHAPES.get(step.party, ("{{", "}}"))
                people = ", 2 people" if step.needs_second else ""
                yield f'        s{step.number}{left}"{step.title}<br/>{_PARTIES[step.party]}{people}"{right}'
        yield "    end"
    numbers = {step.code: step.number for step in protocol.steps}
    for step in protocol.steps:
        arrow = "-.->" if step.optional else "-->"
        for before in step.after:
            yield f"    s{numbers[before]} {arrow} s{step.number}"


def _page(title: str, words: str, kind: str, lines: list[str]) -> str:
    return "\n".join([NOTICE, "", f"# {title}", "", words, "", "```mermaid", kind, *lines, "```", ""])


def pages(protocols: Mapping[str, Protocol]) -> dict[str, str]:
    """Every page of docs/states/ by file name. `protocols` by code."""
    drawn = {f"{machine.code}.md": draw_machine(machine) for machine in MACHINES}
    drawn |= {f"protocol-{code}.md": draw_protocol(protocol) for code, protocol in protocols.items()}
    links = [f"- [{machine.title}]({machine.code}.md)" for machine in MACHINES]
    links += [f"- [{protocol.title}](protocol-{code}.md)" for code, protocol in sorted(protocols.items())]
    drawn["README.md"] = "\n".join([NOTICE, "", "# States, as the code has them", "", *links, ""])
    return drawn
