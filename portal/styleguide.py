"""The invented data of the component sheet. Nothing here comes from the database."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms

from portal.contacts.queries import DutyLine

START = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
ROOT = "9c41e07bd2a85f6631b0c4de9f7702ab58d1c6e3f40a9b17c25e8d6a3b90f1d4"
STAGES = "Order Collection Transit Making Release Return Receipt Infusion".split()  # noqa: SIM905
FULL_STAGES = (
    ("Order", "done", "12 Oct", ""),
    ("Collection", "done", "26 Oct", ""),
    ("Transit", "done", "27 Oct, 16 h", ""),
    ("Making", "done", "12 days", ""),
    ("Release", "done", "20 Nov, QP", ""),
    ("Return", "now", "due 14:30 today", "Gap of 38 minutes in custody and temperature"),
    ("Receipt", "plan", "24 Nov", ""),
    ("Lympho\u00addepletion", "plan", "27 Nov", ""),
    ("Infusion", "plan", "2 Dec", ""),
)


@dataclass(frozen=True)
class Stage:
    """One stage of a thread; `state` is done, now, plan or stop."""

    name: str
    state: str
    note: str = ""
    gap: str = ""
    href: str = ""


class CollectionForm(forms.Form):
    """A form with one of each control, and an error in one."""

    volume = forms.DecimalField(
        label="Collected volume",
        min_value=50,
        max_value=400,
        error_messages={"max_value": "4000 is over 400. Is it 400.0?"},
    )
    viability = forms.DecimalField(label="Viability")
    cells = forms.DecimalField(label="Viable cells")
    bag = forms.CharField(label="Bag number", required=False, help_text="As printed under the DataMatrix")
    anticoagulant = forms.ChoiceField(label="Anticoagulant", choices=[("a", "ACD-A"), ("h", "ACD-A with heparin")])
    access = forms.ChoiceField(
        label="Venous access",
        choices=[("p", "Peripheral"), ("c", "Central line")],
        widget=forms.RadioSelect,
    )
    note = forms.CharField(label="Remark", widget=forms.Textarea(attrs={"rows": 2}), required=False)
    compared = forms.BooleanField(label="I compared wristband, order and label")

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        for name, limits, unit in (("volume", "50 to 400", "mL"), ("viability", "at least 80", "%")):
            vars(self.fields[name]).update(limits=limits, unit=unit)
        vars(self.fields["cells"]).update(limits="at least 0.8", unit="×10⁶/mL", low=Decimal("0.8"))


def mini(now: int) -> list[Stage]:
    """The eight stages of a mini thread with stage `now` (from 0) as the present one."""
    return [
        Stage(name, "done" if place < now else "now" if place == now else "plan") for place, name in enumerate(STAGES)
    ]


def _bump(hours: float, at: float, width: float, size: float) -> float:
    return size * math.exp(-(((hours - at) / width) ** 2))


def readings() -> dict[str, Any]:
    """Two days in a dry-vapour shipper: one gap, one excursion above −150 °C, four hand-overs."""
    points: list[list[Any]] = []
    for place in range(0, 1383, 3):
        hours = place / 30
        if 11.3 < hours < 11.94:
            continue
        ripple = math.sin(place * 0.34) * 0.5 + math.sin(place * 0.074) * 0.7
        value = -187.5 + hours * 0.16 + ripple + _bump(hours, 1.1, 0.35, 9) + _bump(hours, 24.75, 0.3, 36.4)
        points.append([START + timedelta(minutes=2 * place), round(value + _bump(hours, 36, 0.8, 4), 1)])

    def at(hours: float) -> datetime:
        return START + timedelta(hours=hours)

    return {
        "zone": "Europe/Berlin",
        "unit": "°C",
        "name": "Shipper DV-118",
        "points": points,
        "max_gap": 900,
        "band": {"low": -200, "high": -150},
        "limits": [{"value": -150, "label": "limit −150 °C"}],
        "gaps": [{"from": at(11.3), "to": at(11.94), "label": "No readings, 38 min"}],
        "excursions": [{"at": at(24.75), "value": -147.1, "label": "Lid opened, customs"}],
        "marks": [{"at": at(0.05), "label": "Sealed"}, {"at": at(41.08), "label": "Loaded"}],
    }


def sites() -> dict[str, Any]:
    rows = (
        ("Vaartkade", 83.7, 91.3, 95.8, 204, False),
        ("Westhaven", 81.9, 89.6, 94.3, 96, False),
        ("Harrow Field", 80.4, 88.0, 92.9, 112, False),
        ("Solveig", 71.5, 84.2, 90.1, 38, True),
    )
    names = ("name", "low", "median", "high", "count", "apart")
    return {
        "unit": "%",
        "rows": [dict(zip(names, row, strict=True)) for row in rows],
        "limits": [{"value": 80, "label": "specification, at least 80 %"}],
    }


def context() -> dict[str, Any]:
    """Everything that templates/styleguide.html shows."""
    moment = datetime(2026, 11, 24, 13, 4, 52, tzinfo=UTC)
    curve = readings()
    form = CollectionForm(
        {
            "volume": "4000",
            "viability": "93.4",
            "cells": "1.12",
            "bag": "1",
            "anticoagulant": "a",
            "access": "p",
            "note": "",
            "compared": "on",
        }
    )
    spark = {**curve, "points": curve["points"][:120], "gaps": [], "excursions": [], "marks": []}
    return {
        "moment": moment,
        "due": moment + timedelta(minutes=25, seconds=8),
        "full_stages": [Stage(name, state, note, gap) for name, state, note, gap in FULL_STAGES],
        "mini_stages": mini(3),
        "mini_early": mini(1),
        "mini_done": [Stage(name, "done") for name in STAGES],
        "root": ROOT,
        "coi": "X004226001873",
        "other_coi": "X004226001837",
        "form": form,
        "clean_form": CollectionForm(),
        "readings": curve,
        "calls": (
            DutyLine(UUID(int=1), "Vaartkade Cell Works", "Duty desk, day and night", "+31 33 000 03 11"),
            DutyLine(UUID(int=2), "Polar Lane Logistics", "", ""),
        ),
        "table_rows": curve["points"][::60],
        "sites": sites(),
        "spark": spark,
        "colours": (
            "thread action ink ink-2 ink-3 line-strong canvas surface sunken ok move due stop wait".split()  # noqa: SIM905
        ),
        "kinds": (
            ("ok", "Done", "A check passed, or a thing is as it should be"),
            ("move", "Making", "Happening now, nothing for you to do"),
            ("due", "Due in 25 min", "Act or watch before a stated time"),
            ("stop", "Stop", "Halted or wrong; a person must decide"),
            ("wait", "Waiting for payer", "Someone else, always named"),
            ("plan", "Planned", "Not yet begun"),
            ("proven", "Proven", "Backed by a proof or a witnessed record"),
            ("gap", "No record for 38 min", "Nothing is known; never drawn as fine"),
        ),
    }
