"""A sheet as a PDF, by Typst: the template beside this file, the sheet as JSON. Text is never read as markup."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typst

from portal.validation.sheets import Block, Cell, Heading, Sheet, Signatures, Table, Text

TEMPLATE = Path(__file__).with_name("sheet.typ")


def pdf_of(sheet: Sheet) -> bytes:
    """The PDF of a sheet."""
    made = typst.compile(str(TEMPLATE), format="pdf", sys_inputs=inputs_of(sheet))
    assert isinstance(made, bytes)
    return made


def inputs_of(sheet: Sheet) -> dict[str, str]:
    """What the template reads."""
    data = {
        "code": sheet.code,
        "title": sheet.title,
        "facts": [[name, _cell(cell)] for name, cell in sheet.facts],
        "verdict": _cell(sheet.verdict),
        "blocks": [_block(block) for block in sheet.blocks],
    }
    return {"sheet": json.dumps(data)}


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Heading(text, level):
            return {"kind": "heading", "text": text, "level": level}
        case Text(text):
            return {"kind": "text", "text": text}
        case Table(head, widths, rows, to_fill):
            drawn = [[_cell(cell) for cell in row] for row in rows]
            return {"kind": "table", "head": head, "widths": widths, "rows": drawn, "fill": to_fill}
        case Signatures(who):
            return {"kind": "signatures", "who": who}


def _cell(cell: Cell) -> dict[str, str]:
    return {"text": cell.text, "tone": cell.tone}
