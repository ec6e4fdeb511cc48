"""Sites compared over the months, as figures and their tables. Pure: rows in, data of the chart component out."""

from __future__ import annotations

from calendar import month_abbr
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from custody.compliance.history import Month, SiteMonths
from custody.exceptions.models import ExceptionKind

COLOURS = ("--np-thread", "--np-move", "--np-due", "--np-ok", "--np-stop", "--np-wait", "--np-thread-edge")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "x")


@dataclass(frozen=True, slots=True)
class Row:
    """One site's line of the table: its name, and a cell a month in words."""

    name: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure, what it shows in a sentence, and the same as a table."""

    figure: dict[str, Any]
    finding: str
    months: tuple[str, ...]
    rows: tuple[Row, ...]


def shares(lines: Sequence[SiteMonths], months: Sequence[Month], names: Mapping[UUID, str]) -> Compared:
    """The proven part of what was judged, a line a site; a month without a verdict leaves the line open."""
    labels = [_label(month) for month in months]
    judged = [line for line in lines if line.judged]
    data = []
    for place, line in enumerate(judged):
        look = place % len(COLOURS)
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": names.get(line.party, str(line.party)),
                "x": labels,
                "y": [line.share(month) for month in months],
                "connectgaps": False,
                "line": {
                    "color": COLOURS[look],
                    "dash": DASHES[(place // len(COLOURS) + look) % len(DASHES)],
                    "width": 2,
                },
                "marker": {"color": COLOURS[look], "symbol": SYMBOLS[look], "size": 9},
                "hovertemplate": "%{x}: %{y} % proven<extra>%{fullData.name}</extra>",
            }
        )
    layout = {
        "showlegend": True,
        "legend": {"orientation": "h", "y": -0.22},
        "margin": {"l": 56, "r": 16, "t": 16, "b": 96},
        "yaxis": {"range": [0, 104], "ticksuffix": " %", "nticks": 5},
        "xaxis": {"type": "category", "showgrid": False},
    }
    rows = tuple(
        Row(
            names.get(line.party, str(line.party)),
            tuple(
                f"{line.proven.get(month, 0)} of {line.judged[month]}" if line.judged.get(month) else "none judged"
                for month in months
            ),
        )
        for line in judged
    )
    return Compared({"data": data, "layout": layout}, _share_words(judged, months, names), tuple(labels), rows)


def kinds(lines: Sequence[SiteMonths], months: Sequence[Month], names: Mapping[UUID, str]) -> Compared:
    """How many exceptions of each kind were opened at each site over all these months, stacked by kind, worst left."""
    found = [line for line in lines if line.exceptions]
    sites = [names.get(line.party, str(line.party)) for line in found]
    counts = {
        kind: [sum(of.get(kind, 0) for of in line.exceptions.values()) for line in found]
        for kind in ExceptionKind.values
    }
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": ExceptionKind(kind).label,
            "y": sites,
            "x": numbers,
            "marker": {"color": COLOURS[place % len(COLOURS)], "line": {"color": "--np-surface", "width": 2}},
            "text": [f"{number} {ExceptionKind(kind).label.lower()}" if number else "" for number in numbers],
            "textposition": "inside",
            "insidetextanchor": "middle",
            # The last colour is a pale one: white would not be read on it.
            "insidetextfont": {"color": "--np-ink" if (place + 1) % len(COLOURS) == 0 else "--np-surface"},
            "constraintext": "inside",
            "hovertemplate": "%{y}: %{x}<extra>%{fullData.name}</extra>",
        }
        for place, (kind, numbers) in enumerate(counts.items())
        if any(numbers)
    ]
    layout = {
        "barmode": "stack",
        "showlegend": True,
        "legend": {"orientation": "h", "y": -0.18, "traceorder": "normal"},
        "margin": {"l": 56, "r": 16, "t": 8, "b": 88},
        "xaxis": {"nticks": 6, "rangemode": "tozero"},
        "yaxis": {"type": "category", "autorange": "reversed", "showgrid": False},
    }
    rows = tuple(
        Row(name, tuple(_kind_words(line.exceptions.get(month, {})) for month in months))
        for name, line in zip(sites, found, strict=True)
    )
    total = sum(sum(numbers) for numbers in counts.values())
    worst = f"; most at {sites[0]}" if sites and total else ""
    number, places = (
        f"{total} exception{'' if total == 1 else 's'}",
        f"{len(sites)} site{'' if len(sites) == 1 else 's'}",
    )
    finding = f"{number} opened at {places}{worst}"
    return Compared({"data": data, "layout": layout}, finding, tuple(_label(month) for month in months), rows)


def _kind_words(of: Mapping[str, int]) -> str:
    words = [f"{of[kind]} {ExceptionKind(kind).label.lower()}" for kind in ExceptionKind.values if of.get(kind)]
    return ", ".join(words) or "none"


def _share_words(lines: Sequence[SiteMonths], months: Sequence[Month], names: Mapping[UUID, str]) -> str:
    shares = {
        line.party: 100 * sum(line.proven.values()) // sum(line.judged.values())
        for line in lines
        if sum(line.judged.get(month, 0) for month in months)
    }
    if not shares:
        return "Nothing was judged in these months"
    low = min(shares, key=lambda party: (shares[party], str(party)))
    if shares[low] == 100:
        return "Every segment that was judged in these months is proven, at every site"
    return f"{names.get(low, str(low))} has the smallest part proven: {shares[low]} % of what was judged"


def _label(month: Month) -> str:
    year, number = month
    return f"{month_abbr[number]} {year}"
