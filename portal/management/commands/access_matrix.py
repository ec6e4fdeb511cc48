"""`manage.py access_matrix`: write docs/reference/access-matrix.md from roles and rules, so that it stays true."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import get_resolver

from portal.access import Rule, addresses, rule_of
from portal.accounts.roles import PERMISSIONS, ROLES

HEAD = """# Access matrix

Who may ever do what, and who may open which address. Written by `python manage.py access_matrix` from
`portal/accounts/roles.py` and the rules in `portal/access.py`; `make check` fails when it is out of date. It is the
first of three gates: whether this person may do it to this therapy is asked by the operation, and whether its state
allows it by the contract (ADR 4).

## Roles and permissions

"""
KINDS = {
    "public": "everybody",
    "demonstration": "everybody, in a demonstration only",
    "device": "devices, by their key",
    "log": "members and witnesses by a token (or everybody, as `NEEDLEPOINT_LOG_READERS` says)",
    "signed_in": "whoever is signed in",
    "member": "every member",
    "closed": "nobody",
}
NAMES = re.compile(r"\(\?P<([a-z_0-9]+)>[^)]*\)")


class Command(BaseCommand):
    help = "Write docs/reference/access-matrix.md from roles and rules."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; fail when the page is out of date")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = settings.BASE_DIR / "docs" / "reference" / "access-matrix.md"
        wanted = page()
        if not options["check"]:
            path.write_text(wanted)
        elif not path.exists() or path.read_text() != wanted:
            raise CommandError("docs/reference/access-matrix.md is out of date. Run: make docs")


def page() -> str:
    """The whole page as Markdown."""
    roles = list(ROLES.values())
    rows = [f"| may | {' | '.join(role.name for role in roles)} |", f"|---|{':-:|' * len(roles)}"]
    for code, words in PERMISSIONS.items():
        marks = " | ".join("●" if code in role.permissions else "" for role in roles)
        rows.append(f"| {words} (`{code}`) | {marks} |")
    held = ["", "## Roles", "", "| role | of | signs | what for |", "|---|---|---|---|"]
    for role in roles:
        kinds = ", ".join(sorted(kind.replace("_", " ") for kind in role.party_kinds))
        held.append(f"| {role.name} (`{role.code}`) | {kinds} | {'yes' if role.signs else 'no'} | {role.description} |")
    doors = ["", "## Addresses", "", "| address | who gets past the door |", "|---|---|"]
    found = sorted({(shown(address), door(rule_of(name))) for address, name in addresses(get_resolver().url_patterns)})
    doors += [f"| `/{address}` | {said} |" for address, said in found]
    return HEAD + "\n".join([*rows, *held, *doors]) + "\n"


def shown(address: str) -> str:
    """An address as people read it: `^` and `$` gone, named parts in angle brackets."""
    return NAMES.sub(r"<\1>", address).replace("^", "").removesuffix("\\Z").removesuffix("$").replace("|", "/")


def door(rule: Rule | None) -> str:
    """Who gets past a rule, in words."""
    if rule is None:
        return "nobody: it has no rule"
    if rule.kind != "permission":
        return KINDS[rule.kind]
    able = [role.name for role in ROLES.values() if role.permissions & rule.permissions]
    hidden = " (others find nothing there)" if rule.hidden else ""
    return f"{', '.join(able) or 'nobody'}{hidden}"
