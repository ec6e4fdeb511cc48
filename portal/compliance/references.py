"""Where a feature is to be seen, and which test shows it: references out of the tables into the code, each checked.

A table that names a screen, a command or a test that is not there says something false about the product, so `problem`
looks each of them up: addresses with the resolver, commands with Django, modules with the import system, tests by
reading their files (nothing of them runs).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from django.conf import settings
from django.core.management import get_commands
from django.urls import get_resolver

from portal.access import addresses
from portal.accounts.roles import PERMISSIONS
from portal.configuration import Configuration
from portal.management.commands.access_matrix import shown
from portal.management.commands.settings_reference import variable

FOLDER = Path("docs/reference/compliance")
"""Where the pages lie; links are relative to it."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One place to look, such as `screen:audit`: its kind and its name there."""

    kind: str
    name: str

    @classmethod
    def read(cls, text: str) -> Reference:
        """From its text. Raises ValueError where the kind is none of `KINDS`."""
        kind, colon, name = text.partition(":")
        if not colon or kind not in KINDS or not name:
            raise ValueError(f"“{text}” is no place to look: begin with {', '.join(f'{known}:' for known in KINDS)}")
        return cls(kind, name)

    @property
    def problem(self) -> str:
        """Why there is no such thing; empty when there is."""
        return "" if KINDS[self.kind](self.name) else f"there is no {self.kind} “{self.name}”"

    @property
    def words(self) -> str:
        """As people read it: an address, a command line, a path."""
        return _WORDS[self.kind](self.name)

    @property
    def path(self) -> str:
        """The file of the repository that it is, empty when it is none."""
        if self.kind == "module":
            return _file_of(self.name)
        return {"page": f"docs/{self.name}", "file": self.name}.get(self.kind, "")


def root() -> Path:
    """The project's folder."""
    folder: Path = settings.BASE_DIR
    return folder


@cache
def screens() -> Mapping[str, tuple[str, ...]]:
    """Every address by the name of its view, as people read it."""
    found: dict[str, list[str]] = {}
    for address, name in addresses(get_resolver().url_patterns):
        if name:
            found.setdefault(name, []).append(f"/{shown(address)}")
    return {name: tuple(sorted(set(places))) for name, places in found.items()}


def _screen(name: str) -> bool:
    return name in screens()


def _command(name: str) -> bool:
    return name.split(" ")[0] in get_commands()


def _module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _program(name: str) -> bool:
    found = find_spec(name) if _module(name) else None
    return found is not None and (found.submodule_search_locations is None or _module(f"{name}.__main__"))


def _setting(name: str) -> bool:
    return name in {variable(field, known) for field, known in Configuration.model_fields.items()}


def _page(name: str) -> bool:
    return (root() / "docs" / name).is_file()


def _file(name: str) -> bool:
    return (root() / name).is_file()


def _file_of(module: str) -> str:
    base = module.replace(".", "/")
    return f"{base}.py" if (root() / f"{base}.py").is_file() else f"{base}/__init__.py"


def _make(name: str) -> bool:
    return any(line.startswith(f"{name}:") for line in (root() / "Makefile").read_text().splitlines())


KINDS: Mapping[str, Callable[[str], bool]] = {
    "screen": _screen,
    "command": _command,
    "program": _program,
    "module": _module,
    "setting": _setting,
    "permission": PERMISSIONS.__contains__,
    "page": _page,
    "file": _file,
    "make": _make,
}
"""Every kind of place to look, and whether there is one of that name."""
_WORDS: Mapping[str, Callable[[str], str]] = {
    "screen": lambda name: " or ".join(screens().get(name, (name,))),
    "command": lambda name: f"manage.py {name}",
    "program": lambda name: f"python -m {name}",
    "module": _file_of,
    "setting": str,
    "permission": str,
    "page": lambda name: f"docs/{name}",
    "file": str,
    "make": lambda name: f"make {name}",
}


def problem_of_test(node: str) -> str:
    """Why there is no such test; empty when there is. `node` is pytest's node id, of a file, class or function."""
    path, _, name = node.partition("::")
    if not path.startswith("tests/") or ".." in path or not (root() / path).is_file():
        return f"there is no test file “{path}”"
    if name and name not in names_in(path):
        return f"“{path}” holds no test “{name}”"
    if not name and not names_in(path):
        return f"“{path}” holds no test"
    return ""


@cache
def names_in(path: str) -> frozenset[str]:
    """The tests of a file by name, methods as `Class::test`, read from its syntax tree; nothing is run or imported."""
    return frozenset(_names(ast.parse((root() / path).read_text(encoding="utf-8"))))


def _names(tree: ast.Module) -> list[str]:
    found: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            found.append(node.name)
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            found.append(node.name)
            methods = [one.name for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
            found += [f"{node.name}::{method}" for method in methods if method.startswith("test")]
        elif isinstance(node, ast.Assign):
            # `TestSequences = Machine.TestCase`, as hypothesis makes tests of its machines.
            found += [one.id for one in node.targets if isinstance(one, ast.Name) and one.id.startswith("Test")]
    return found


def forget() -> None:
    """Read files and addresses anew; for whoever changes them while the process lives."""
    screens.cache_clear()
    names_in.cache_clear()
