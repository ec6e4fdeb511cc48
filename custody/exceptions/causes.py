"""Why an exception came about and how it may end, by its kind: what a form offers and the operation takes. Pure.

The contract takes any coded cause, so what was closed with another one stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from custody.contract.exceptions import RESOLUTIONS
from custody.contract.moment import OPEN_STATUSES

CAUSES: Mapping[str, str] = {
    "wrong_scan": "the wrong thing was scanned",
    "label": "a wrong, old or unreadable label",
    "answer": "the answer was a slip",
    "identity": "identity was not established",
    "consent": "consent was missing or withdrawn",
    "temperature": "cooling or packing",
    "time": "time or planning",
    "seal": "seal or packaging",
    "quantity": "count or measurement",
    "process": "the process",
    "testing": "sampling or test method",
    "equipment": "equipment",
    "handling": "handling",
    "material": "material or lot",
    "transport": "transport",
    "patient_material": "the patient's cells",
    "data": "data or logger",
    "unknown": "not found",
    "other": "other, said in the reason",
}
ALWAYS = ("handling", "unknown", "other")
CAUSES_OF: Mapping[str, tuple[str, ...]] = {
    "identity_stop": ("wrong_scan", "label", "identity", "data"),
    "halt": ("answer", "identity", "consent", "label", "data"),
    "out_of_specification": ("patient_material", "process", "material", "testing", "equipment"),
    "custody_gap": ("data", "transport", "equipment", "time"),
    "transport_problem": ("transport", "time", "seal", "temperature", "equipment"),
    "excursion": ("temperature", "transport", "seal", "time", "equipment", "data"),
    "deviation": (
        *("time", "quantity", "temperature", "seal", "transport"),
        *("process", "equipment", "material", "patient_material", "data"),
    ),
    "not_proven": ("data", "time", "transport", "temperature", "process", "equipment"),
}
"""The likely ones first; `ALWAYS` follows them."""
ENDED_RESOLUTIONS = frozenset({"rejected", "explained"})
"""Nothing of a therapy that ended is accepted or put right."""
ENDED_ASKED = "This therapy has ended and its product is not supplied: say that it is rejected, or explain the result."


def causes_of(kind: str) -> dict[str, str]:
    """The causes that fit a kind of exception, with their words."""
    return {code: CAUSES[code] for code in (*CAUSES_OF[kind], *ALWAYS)}


def resolutions_of(kind: str, status: str) -> frozenset[str]:
    """How an exception of this kind may be closed while its therapy has this status."""
    if kind == "out_of_specification" and status not in OPEN_STATUSES:
        return ENDED_RESOLUTIONS
    return RESOLUTIONS
