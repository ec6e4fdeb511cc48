"""A report as a PDF, by Typst: the template beside this file, the data as JSON. Two runs give the same bytes."""

from __future__ import annotations

import json
from calendar import month_name
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typst

from custody.exceptions.models import ExceptionKind

TEMPLATE = Path(__file__).with_name("report.typ")


def pdf_of(content: Mapping[str, Any]) -> bytes:
    """The PDF of a report's content."""
    year, number = (int(part) for part in content["month"].split("-"))
    words = {"month": f"{month_name[number]} {year}", "kinds": dict(ExceptionKind.choices)}
    made = typst.compile(
        str(TEMPLATE), format="pdf", sys_inputs={"data": json.dumps(dict(content)), "words": json.dumps(words)}
    )
    assert isinstance(made, bytes)
    return made
