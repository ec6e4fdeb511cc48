"""The shared rules of what patients ask for beside erasure: a correction, a restriction and a copy. Pure.

They are records of the patient's chain (`erasure`). A correction commits to the new value of each field and names the
commitment that it replaces, so that both stay provable (21 CFR 11.10(e), GDPR art. 16). While the use of the data is
restricted it is kept and nothing else (GDPR art. 18), so nothing is erased either; the patient is told before that ends
(art. 18(3)). That a copy was given is written down, its content is not (art. 15(3), 45 CFR 164.524).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from custody.contract.moment import stamp_of, uuid_text
from ledger.log.contract import Refused, State
from ledger.log.entries import Entry

CORRECTED = "custody.identity.corrected/v1"
RESTRICTED = "custody.restriction.set/v1"
LIFTED = "custody.restriction.lifted/v1"
COPIED = "custody.copy.given/v1"
CORRECTIONS: Mapping[str, str] = {
    "typing_error": "It was typed wrong",
    "changed": "It has changed, for example a name by marriage",
    "weighed_anew": "The patient was weighed anew",
    "number_changed": "The hospital gave another record number",
    "patient_asked": "The patient asked for it",
}
"""Why an identity is corrected."""
GROUNDS: Mapping[str, str] = {
    "accuracy": "The patient says that it is not accurate, and that is being checked",
    "unlawful": "Its use was not lawful, and the patient wants it kept all the same",
    "claim": "The patient needs it for a legal claim",
    "objection": "The patient objected, and the reasons are being weighed",
}
"""Why its use is restricted (GDPR art. 18(1)(a) to (d))."""
CORRECTING_ROLES = frozenset({"coordinator", "physician", "data_protection_officer"})
OFFICER = "data_protection_officer"
MAX_FIELDS = 20
_FIELD = re.compile(r"[a-z_]{1,40}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def corrected(state: State, entry: Entry) -> None:
    """Fields of the identity have other values from now on."""
    if entry.signer.role not in CORRECTING_ROLES:
        raise Refused("A coordinator, a physician or the data-protection officer of the centre corrects an identity.")
    if state["done"]:
        raise Refused("Part of this patient's data is erased: what traces the cells stays as it was.")
    if entry.body.get("reason") not in CORRECTIONS:
        raise Refused("Give one of the known reasons for the correction.")
    now, was = entry.body.get("identity"), entry.body.get("was")
    if not isinstance(now, Mapping) or not isinstance(was, Mapping) or set(now) != set(was):
        raise Refused("A correction names each field with its value before and after.")
    if not 0 < len(now) <= MAX_FIELDS or not all(_FIELD.fullmatch(str(name)) for name in now):
        raise Refused("Name at least one field of the identity.")
    if not all(isinstance(one, str) and _DIGEST.fullmatch(one) for one in (*now.values(), *was.values())):
        raise Refused("On the ledger a value stands as its commitment.")
    known = state.get("identity", {})
    if any(known.get(name, was[name]) != was[name] or was[name] == now[name] for name in now):
        raise Refused("Somebody else has corrected this meanwhile. Reload the page and look at what stands there.")
    state["identity"] = {**known, **now}


def restricted(state: State, entry: Entry) -> None:
    """From now on the data is kept, and used for nothing but what art. 18(2) allows."""
    _require_officer(entry)
    if state.get("restricted") is not None:
        raise Refused("The use of this patient's data is restricted already.")
    if entry.body.get("ground") not in GROUNDS:
        raise Refused("Give one of the known grounds for the restriction.")
    state["restricted"] = uuid_text(entry.body.get("restriction"), "restriction")


def lifted(state: State, entry: Entry) -> None:
    """The restriction ends, and the patient was told so before."""
    _require_officer(entry)
    if state.get("restricted") is None:
        raise Refused("The use of this patient's data is not restricted. Somebody else lifted it.")
    if uuid_text(entry.body.get("restriction"), "restriction") != state["restricted"]:
        raise Refused("This restriction is over, and another one stands. Reload the page.")
    if stamp_of(entry.body.get("told_at"), "told_at") > entry.recorded_at:
        raise Refused("The patient is told before the restriction is lifted, not after.")
    state["restricted"] = None


def copied(state: State, entry: Entry) -> None:
    """The patient was given a copy of what is kept."""
    _require_officer(entry)
    state["copies"] = state.get("copies", 0) + 1


def require_unrestricted(state: State) -> None:
    """Erasing is a use as well. Raises Refused."""
    if state.get("restricted") is not None:
        raise Refused(
            "The use of this patient's data is restricted, and what is restricted is kept. Lift the restriction first."
        )


CLAUSES = {CORRECTED: corrected, RESTRICTED: restricted, LIFTED: lifted, COPIED: copied}


def _require_officer(entry: Entry) -> None:
    if entry.signer.role != OFFICER:
        raise Refused("The data-protection officer of the centre does this.")
