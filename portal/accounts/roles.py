"""Every role of the consortium: who it belongs to, what it may ever do, and which dashboard it lands on.

This is the first of the three questions of access (STYLE 15): what a role may *ever* do. Whether this person may do it
to this therapy is asked in each noun's `permissions.py`, and whether its state allows it in the contract. A role holds
what its work needs and nothing for convenience: a courier never reads a patient, a cell lab works by the chain of
identity alone, and nobody who makes a product releases it.
"""

from __future__ import annotations

from dataclasses import dataclass

CENTRE = "treatment_centre"
MAKER = "manufacturer"
COURIER = "courier"
PAYER = "payer"
REGULATOR = "regulator"
OPERATOR = "operator"
EVERY_KIND = frozenset({CENTRE, MAKER, COURIER, PAYER, REGULATOR, OPERATOR})

PERMISSIONS: dict[str, str] = {
    "patient.enrol": "Enrol a patient and record consent",
    "patient.read": "See who a patient is, where the centre is entitled to it",
    "patient.correct": "Correct who a patient is, with a reason and the former value kept",
    "patient.rights": "Restrict the use of a patient's data, lift that, and give the patient a copy",
    "patient.erase": "Ask for a patient's erasure, and confirm another person's request",
    "patient.share": "Share fields of a patient's data with another organisation, for a purpose and a time",
    "glass.break": "See who a patient is in an emergency, for a short time and with an alert",
    "disclosure.ask": "Ask another organisation to disclose fields of a therapy",
    "disclosure.open": "Read what another organisation has disclosed to one's own",
    "disclosure.answer": "Answer for the organisation when fields of a therapy are asked for",
    "therapy.read": "Follow a therapy that concerns the organisation",
    "therapy.order": "Order a therapy",
    "therapy.end": "End a therapy before its infusion, with a reason",
    "payer.decide": "Approve or decline payment",
    "itinerary.search": "Search slot chains",
    "itinerary.book": "Book a slot chain",
    "itinerary.move": "Move a booked slot chain",
    "slots.publish": "Publish the organisation's free slots",
    "label.print": "Print and reprint identity labels",
    "step.perform": "Perform and sign a step that the protocol gives to the role",
    "step.verify": "Verify another person's step",
    "handoff.offer": "Hand goods over",
    "handoff.accept": "Take goods over",
    "handoff.refuse": "Refuse goods, with a reason",
    "readings.upload": "Upload a logger's readings",
    "readings.commit": "Commit closed readings to the ledger",
    "exception.open": "Open an exception or a deviation",
    "exception.close": "Close an exception, with a reason",
    "exception.read_all": "See the exceptions of every member",
    "oos.request": "Request an out-of-specification product for a patient",
    "oos.evaluate": "Evaluate the risk of an out-of-specification product",
    "oos.accept": "Accept an out-of-specification product for a patient",
    "oos.inform": "Inform the authority of an out-of-specification supply",
    "batch.review": "Review a batch by exception",
    "batch.release": "Release or reject a batch as Qualified Person",
    "proof.publish": "Publish a compliance proof",
    "proof.verify": "Verify a compliance proof",
    "document.publish": "Publish a protocol document to the ledger",
    "party.enrol": "Enrol a member organisation",
    "device.register": "Register loggers, gateways and their keys",
    "audit.read": "Read the audit trail",
    "inspection.open": "Open a timed inspection of a site, and close it",
    "divergence.acknowledge": "Say that the organisation has seen a divergence of the ledger",
    "divergence.resolve": "Settle a divergence of the ledger, with a reason",
    "hold.agree": "Confirm a held therapy's records after a divergence, for the organisation",
    "hold.break": "Free a held therapy in an emergency, together with the other of physician and Qualified Person",
    "keys.manage": "Add, rotate and revoke the organisation's signing keys",
    "members.manage": "Manage the organisation's people and their roles",
}

_HANDS_OVER = frozenset({"handoff.offer", "handoff.accept", "handoff.refuse"})
_DOES_STEPS = frozenset({"therapy.read", "step.perform", "exception.open"})
_WORKS_IN_PAIRS = _DOES_STEPS | {"step.verify"}
_ORDERS = frozenset({"patient.enrol", "patient.correct", "patient.read", "therapy.order"}) | {
    "itinerary.search",
    "itinerary.book",
}


@dataclass(frozen=True, slots=True)
class Role:
    """What a membership makes of a person. `dashboard` is the code of the screen behind `/`.

    `signs` says that the role puts electronic signatures on records: in production such people need a second factor.
    """

    code: str
    name: str
    description: str
    party_kinds: frozenset[str]
    permissions: frozenset[str]
    signs: bool
    dashboard: str


def _role(
    code: str,
    name: str,
    description: str,
    *,
    kinds: frozenset[str] | str,
    may: frozenset[str] | set[str],
    signs: bool = True,
    dashboard: str = "",
) -> Role:
    of = frozenset({kinds}) if isinstance(kinds, str) else kinds
    unknown = set(may) - PERMISSIONS.keys()
    if unknown:
        raise ValueError(f"the role {code} is given permissions that do not exist: {sorted(unknown)}")
    return Role(
        code, name, description, of, frozenset(may), signs, dashboard or (kinds if isinstance(kinds, str) else "")
    )


_ALL = (
    _role(
        "nurse",
        "Nurse",
        "Collects the cells, hands over and takes over, and checks and infuses at the bedside with a second person.",
        kinds=CENTRE,
        may=_WORKS_IN_PAIRS | _HANDS_OVER | {"patient.read", "label.print", "itinerary.search", "itinerary.book"},
    ),
    _role(
        "coordinator",
        "Coordinator",
        "Enrols patients, orders and cancels therapies, books and moves slot chains, and records outcomes.",
        kinds=CENTRE,
        may=_WORKS_IN_PAIRS | _ORDERS | {"itinerary.move", "label.print", "therapy.end", "slots.publish", "hold.agree"},
    ),
    _role(
        "physician",
        "Physician",
        "Decides on the therapy, passes the lymphodepletion gate, and answers for out-of-specification products.",
        kinds=CENTRE,
        may=_WORKS_IN_PAIRS
        | _ORDERS
        | {"therapy.end", "exception.close", "oos.request", "oos.accept"}
        | {"hold.agree", "hold.break"},
    ),
    _role(
        "cell_lab",
        "Cell lab",
        "Prepares, packs and receives the cells by their chain of identity, without the patient's name.",
        kinds=CENTRE,
        may=_WORKS_IN_PAIRS | _HANDS_OVER | {"label.print", "readings.upload", "readings.commit", "glass.break"},
    ),
    _role(
        "data_protection_officer",
        "Data-protection officer",
        "Oversees who sees patients' data, answers who asks for it, and erases what may no longer be kept.",
        kinds=CENTRE,
        may={"patient.read", "patient.correct", "patient.rights", "patient.erase", "patient.share"}
        | {"disclosure.answer", "disclosure.open", "audit.read"},
        dashboard="privacy",
    ),
    _role(
        "scheduler",
        "Scheduler",
        "Publishes the site's slots and sees which slot chains they fit.",
        kinds=MAKER,
        may=_DOES_STEPS | {"itinerary.search", "slots.publish"},
    ),
    _role(
        "operator",
        "Operator",
        "Receives the cells and runs the batch, each step performed by one and verified by another.",
        kinds=MAKER,
        may=_WORKS_IN_PAIRS | _HANDS_OVER | {"label.print", "readings.upload", "readings.commit"},
    ),
    _role(
        "qc_analyst",
        "QC analyst",
        "Runs the release tests and signs their results.",
        kinds=MAKER,
        may=_WORKS_IN_PAIRS,
    ),
    _role(
        "qa",
        "Quality assurance",
        "Reviews batches by exception, closes exceptions, evaluates and reports out-of-specification supply.",
        kinds=MAKER,
        may=_WORKS_IN_PAIRS
        | {"batch.review", "therapy.end", "exception.close", "oos.evaluate", "oos.inform"}
        | {"document.publish", "proof.verify", "audit.read", "divergence.acknowledge", "hold.agree"}
        | {"disclosure.answer", "disclosure.open"},
    ),
    _role(
        "qp",
        "Qualified Person",
        "Certifies and releases or rejects each batch, and ends a therapy whose product cannot be made.",
        kinds=MAKER,
        may=_DOES_STEPS
        | {
            "batch.release",
            "therapy.end",
            "exception.close",
            "oos.evaluate",
            "oos.inform",
            "proof.verify",
            "audit.read",
            "divergence.acknowledge",
            "hold.agree",
            "hold.break",
            "glass.break",
            "disclosure.open",
        },
    ),
    _role(
        "courier",
        "Courier",
        "Picks up, scans, carries and hands over, and uploads the logger's readings.",
        kinds=COURIER,
        may=_DOES_STEPS | _HANDS_OVER | {"readings.upload"},
    ),
    _role(
        "dispatcher",
        "Dispatcher",
        "Publishes pickup slots, watches the shipments on the road, passes them to another driver and looks after the "
        "loggers.",
        kinds=COURIER,
        may=_DOES_STEPS
        | {"handoff.offer", "slots.publish", "readings.upload", "device.register", "divergence.acknowledge"},
    ),
    _role(
        "payer_analyst",
        "Payer analyst",
        "Approves payment and follows custody and milestones by pseudonym, without clinical data.",
        kinds=PAYER,
        may={
            "therapy.read",
            "payer.decide",
            "step.perform",
            "proof.verify",
            "divergence.acknowledge",
            "hold.agree",
            "disclosure.ask",
            "disclosure.open",
        },
    ),
    _role(
        "inspector",
        "Inspector",
        "Sees exceptions first, verifies proofs and the ledger, and reads the audit trail.",
        kinds=REGULATOR,
        may={"therapy.read", "exception.read_all", "proof.verify", "audit.read", "inspection.open"}
        | {"divergence.acknowledge", "divergence.resolve", "disclosure.ask", "disclosure.open"},
        signs=False,
    ),
    _role(
        "administrator",
        "Administrator",
        "Looks after the organisation's people, their roles and its devices.",
        kinds=EVERY_KIND,
        may={"members.manage", "keys.manage", "device.register", "audit.read", "proof.verify"}
        | {"divergence.acknowledge", "patient.erase"},
        signs=False,
        dashboard="member",
    ),
    _role(
        "operator_steward",
        "Consortium steward",
        "Enrols member organisations and keeps the shared documents; sees no therapy.",
        kinds=OPERATOR,
        may={"party.enrol", "keys.manage", "document.publish", "audit.read", "proof.verify"}
        | {"divergence.acknowledge", "divergence.resolve"},
        dashboard="member",
    ),
)

ROLES: dict[str, Role] = {role.code: role for role in _ALL}

SYSTEM_PERMISSIONS = frozenset(
    {"readings.upload", "readings.commit", "exception.open", "proof.publish", "therapy.read"}
)


def role_named(code: str) -> Role:
    """The role of that code. Raises KeyError: a membership names only roles of this file."""
    return ROLES[code]


def roles_of(party_kind: str) -> tuple[Role, ...]:
    """The roles that an organisation of this kind may give to its people."""
    return tuple(role for role in ROLES.values() if party_kind in role.party_kinds)
