"""Words for what concerns patients' data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from custody.contract import disclosing, emergency, erasure, rights
from custody.emergency.queries import AccessLine
from custody.patients.access_log import Look, LookGroup
from custody.patients.overview import ActLine, ErasureLine
from custody.rights.copying import FETCHED_WITHIN
from custody.rights.corrections import Correction
from portal.accounts.models import User
from portal.accounts.roles import ROLES
from portal.disclosures.presenter import STATUSES as DISCLOSURES

PURPOSES = {**emergency.REASONS, **disclosing.PURPOSES}
LEFT = "Somebody who has left"
SINGLY = 40
"""Openings of one line of who looked that a page lists one by one."""
SCOPES = {
    erasure.REST: "All but what traces the cells",
    erasure.WHOLE: "Everything",
}
STATUSES = {
    "asked": ("wait", "Waits for a second person"),
    "withdrawn": ("plan", "Withdrawn"),
    "done": ("ok", "Erased"),
}
WAYS = {
    "worklist": "On a list of therapies",
    "journey": "On a therapy’s page",
    "patient": "On the patient’s page",
    "search": "Found by record number",
    "order": "When ordering",
    "correction": "When correcting",
    "erasure": "When confirming an erasure",
    "restriction": "When restricting",
    "copy": "In a copy for the patient",
    "field": "One field, with its proof",
    "emergency": "Emergency access",
    "shared": "Shared fields",
    "disclosure": "What was disclosed, read",
    "disclosing": "When disclosing",
}


@dataclass(frozen=True, slots=True)
class LookView:
    """One opening of an identity, in words."""

    at: datetime
    who: str
    role: str
    party: str
    way: str
    kind: str
    purpose: str
    patient: UUID
    of: str


@dataclass(frozen=True, slots=True)
class LooksView:
    """One line of who looked: a person, where, why and on which day; `openings` are the single ones, the last first.

    `earlier` counts those that are not shown singly. `patient` and `of` are set where all were of one patient.
    """

    who: str
    role: str
    party: str
    way: str
    kind: str
    purpose: str
    count: int
    first_at: datetime
    last_at: datetime
    patients: int
    patient: UUID | None
    of: str
    openings: tuple[LookView, ...]
    earlier: int


@dataclass(frozen=True, slots=True)
class AccessView:
    """An emergency access, in words."""

    line: AccessLine
    who: str
    role: str
    party: str
    reason: str
    ended: str


@dataclass(frozen=True, slots=True)
class ErasureView:
    """An erasure, in words."""

    line: ErasureLine
    scope: str
    reason: str
    kind: str
    status: str
    asked_by: str
    done_by: str


@dataclass(frozen=True, slots=True)
class CorrectionView:
    """A correction, in words."""

    line: Correction
    who: str
    reason: str


@dataclass(frozen=True, slots=True)
class ActView:
    """A restriction or a copy, in words; `fetchable` while the asker may fetch the copy's file."""

    line: ActLine
    what: str
    reason: str
    who: str
    ended_by: str
    fetchable: bool


def people(ids: Sequence[UUID | None]) -> dict[UUID, str]:
    """Names of these people; one query."""
    wanted = {one for one in ids if one is not None}
    return dict(User.objects.filter(pk__in=wanted).values_list("pk", "name"))


def looks(
    found: Sequence[Look], parties: Mapping[UUID, str], call_names: Mapping[UUID, Sequence[str]] = MappingProxyType({})
) -> list[LookView]:
    """Each look in words; `call_names` of the patients' therapies where the list is of many patients."""
    names = people([one.person for one in found])
    return [
        LookView(
            at=one.at,
            who=names.get(one.person, LEFT),
            role=ROLES[one.role].name if one.role in ROLES else one.role.replace("_", " "),
            party=parties.get(one.party, ""),
            way=WAYS.get(one.way, one.way),
            kind="stop" if one.way == "emergency" else "plan",
            purpose=PURPOSES.get(one.purpose, one.purpose),
            patient=one.patient,
            of=", ".join(call_names.get(one.patient, ())) or "without a therapy",
        )
        for one in found
    ]


def together(
    groups: Sequence[LookGroup],
    parties: Mapping[UUID, str],
    call_names: Mapping[UUID, Sequence[str]] = MappingProxyType({}),
) -> list[LooksView]:
    """Each line of who looked in words, with at most SINGLY single openings."""
    shown = [one for group in groups for one in group.looks[:SINGLY]]
    words = iter(looks(shown, parties, call_names))
    views = []
    for group in groups:
        openings = tuple(next(words) for _ in group.looks[:SINGLY])
        last, patients = openings[0], group.patients
        views.append(
            LooksView(
                who=last.who,
                role=last.role,
                party=last.party,
                way=last.way,
                kind=last.kind,
                purpose=last.purpose,
                count=len(group.looks),
                first_at=group.first_at,
                last_at=group.last_at,
                patients=len(patients),
                patient=last.patient if len(patients) == 1 else None,
                of=last.of if len(patients) == 1 else "",
                openings=openings,
                earlier=len(group.looks) - len(openings),
            )
        )
    return views


def erasures(found: Sequence[ErasureLine]) -> list[ErasureView]:
    names = people([person for one in found for person in (one.asked_by, one.done_by)])
    return [
        ErasureView(
            line=one,
            scope=SCOPES[one.scope],
            reason=reason_words(one.reason),
            kind=STATUSES[one.status][0],
            status=STATUSES[one.status][1],
            asked_by=names.get(one.asked_by, "") if one.asked_by else "",
            done_by=names.get(one.done_by, "the installation itself") if one.done_by else "",
        )
        for one in found
    ]


def corrections(found: Sequence[Correction]) -> list[CorrectionView]:
    names = people([one.by for one in found])
    return [CorrectionView(one, names.get(one.by, LEFT), rights.CORRECTIONS[one.reason]) for one in found]


def acts(found: Sequence[ActLine | None], at: datetime, own: UUID | None) -> list[ActView]:
    lines = [one for one in found if one is not None]
    names = people([person for one in lines for person in (one.by, one.ended_by)])
    return [
        ActView(
            line=one,
            what="Copy given to the patient" if one.kind == "copied" else "Use restricted",
            reason=rights.GROUNDS.get(one.reason, ""),
            who=names.get(one.by, LEFT),
            ended_by=names.get(one.ended_by, LEFT) if one.ended_by else "",
            fetchable=one.kind == "copied" and one.by == own and at - one.at < FETCHED_WITHIN,
        )
        for one in lines
    ]


def copy_words() -> dict[str, str]:
    """What the codes in a patient's copy mean."""
    return {
        **{f"role:{code}": role.name for code, role in ROLES.items()},
        **{f"way:{code}": words for code, words in WAYS.items()},
        **{f"purpose:{code}": words for code, words in PURPOSES.items()},
        **{f"standing:{code}": words.lower() for code, (_, words) in DISCLOSURES.items()},
    }


def accesses(found: Sequence[AccessLine], parties: Mapping[UUID, str]) -> list[AccessView]:
    names = people([one.person for one in found])
    return [
        AccessView(
            line=one,
            who=names.get(one.person, LEFT),
            role=ROLES[one.role].name if one.role in ROLES else one.role,
            party=parties.get(one.party, ""),
            reason=emergency.REASONS[one.reason],
            ended={"by_person": "given back", "by_officer": "ended by the officer"}.get(
                one.ended_how, "ended by itself"
            ),
        )
        for one in found
    ]


def reason_words(reason: str) -> str:
    return erasure.REASONS.get(reason, "The time of keeping is over")
