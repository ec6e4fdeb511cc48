"""Text as Markdown in which nothing is markup but what we mean: GitHub's dialect, whose tables take cells of one line.

What a test, a file or a person is called is never ours to trust: a name could open a link, a heading or a table cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~])")
_AT_START = re.compile(r"^(\s*)([#+\-=]|\d+(?=[.)](?:\s|$)))", re.MULTILINE)
_BREAK = re.compile(r"\s*[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+\s*")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f]")


def plain(text: str) -> str:
    """The text so that it is read as it stands, on one line."""
    return _AT_START.sub(_kept, _SPECIAL.sub(r"\\\1", one_line(text).replace("&", "&amp;")))


def code(text: str) -> str:
    """The text as code, also inside a table; its fence is longer than any run of backticks in it."""
    line = one_line(text).replace("|", "\\|")
    if not line:
        return ""
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def link(words: str, target: str) -> str:
    """A link to a file of the repository."""
    return f"[{words}]({target})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table's lines. Cells are Markdown already."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return lines + [f"| {' | '.join(cell or ' ' for cell in row)} |" for row in rows]


def one_line(text: str) -> str:
    """The text without line breaks, and without characters that no page shows."""
    return _CONTROL.sub("�", _BREAK.sub(" ", text)).strip()


def _kept(found: re.Match[str]) -> str:
    space, mark = found.groups()
    return f"{space}{mark}\\" if mark.isdigit() else f"{space}\\{mark}"
