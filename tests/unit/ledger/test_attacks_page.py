"""The table of attacks names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_every_test_that_the_table_of_attacks_names_is_there():
    page = (ROOT / "docs/reference/attacks.md").read_text()
    code = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))

    named = re.findall(r"`(test_\w+)(…?)", page)

    assert len(named) > 25
    missing = [name for name, more in named if not re.search(rf"def {name}{'' if more else r'[(]'}", code)]
    assert missing == []
