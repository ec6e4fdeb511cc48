"""What a protocol is made of, apart from how it looks: headings, sentences, tables with cells to fill in, signatures.

One content, two forms: `markdown_of` for reading and comparing, `printing.pdf_of` for performing and signing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from portal.compliance.markdown import code, plain, table

Tone = Literal["plain", "code", "ok", "bad", "open"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell's text. `code` is set in the machine's letters; `ok`, `bad` and `open` are judgements."""

    text: str
    tone: Tone = "plain"


BLANK = Cell("")
"""To be filled in by hand."""


@dataclass(frozen=True, slots=True)
class Heading:
    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """`widths` are shares of the page's width, one a column. `to_fill` makes rows high enough to write in."""

    head: tuple[str, ...]
    widths: tuple[float, ...]
    rows: tuple[tuple[Cell, ...], ...]
    to_fill: bool = False

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.head) or any(len(row) != len(self.head) for row in self.rows):
            raise ValueError("a table's rows have as many cells as its head")


@dataclass(frozen=True, slots=True)
class Signatures:
    """Lines for name, signature and date, one for each of `who`."""

    who: tuple[str, ...]


Block = Heading | Text | Table | Signatures


@dataclass(frozen=True, slots=True)
class Sheet:
    """One document of the pack. `facts` stand under its title, `verdict` is what it comes to in one line."""

    code: str
    title: str
    facts: tuple[tuple[str, Cell], ...]
    verdict: Cell
    blocks: tuple[Block, ...]


def cells(*texts: str | Cell) -> tuple[Cell, ...]:
    """A row out of texts and cells."""
    return tuple(text if isinstance(text, Cell) else Cell(text) for text in texts)


def markdown_of(sheet: Sheet) -> str:
    """The sheet as Markdown (GitHub's dialect). Nothing in it is markup but what the sheet itself is."""
    return "\n".join(_lines(sheet)).rstrip() + "\n"


def _lines(sheet: Sheet) -> Iterator[str]:
    yield f"# {plain(sheet.code)} {plain(sheet.title)}"
    yield ""
    yield from table(["", ""], ([plain(name), _shown(cell)] for name, cell in sheet.facts))
    yield ""
    if sheet.verdict.text:
        yield _shown(sheet.verdict)
        yield ""
    for block in sheet.blocks:
        yield from _block(block)
        yield ""


def _block(block: Block) -> Iterator[str]:
    match block:
        case Heading(text, level):
            yield f"{'#' * level} {plain(text)}"
        case Text(text):
            yield plain(text)
        case Table(head, _, rows):
            yield from table([plain(name) for name in head], ([_shown(cell) for cell in row] for row in rows))
        case Signatures(who):
            yield from _signatures(who)


def _signatures(who: Sequence[str]) -> list[str]:
    return table(["", "Name", "Signature", "Date"], ([plain(one), "", "", ""] for one in who))


def _shown(cell: Cell) -> str:
    if not cell.text:
        return ""
    if cell.tone == "code":
        return " ".join(code(line) for line in cell.text.splitlines() if line.strip())
    words = "<br>".join(plain(line) for line in cell.text.splitlines())
    return f"**{words}**" if cell.tone in {"bad", "open"} else words
