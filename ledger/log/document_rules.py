"""The shared rules of documents: who publishes one, under which name, and that a version is published once. Pure.

One chain a document. The digest is SHA-256 over its canonical JSON (RFC 8785). The rooms above register what makes a
document of their kind a good one, so that no operator can publish one that nobody can work with.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from ledger.crypto import canonical
from ledger.ids import derived
from ledger.log.contract import Refused, State, World
from ledger.log.entries import Entry

PUBLISHED = "ledger.document.published/v1"

_KIND = re.compile(r"[a-z][a-z_]{0,19}")
_CODE = re.compile(r"[a-z][a-z0-9-]{0,39}")
_VERSION = re.compile(r"[0-9]{1,6}\.[0-9]{1,6}")

Check = Callable[[Mapping[str, Any]], object]
_checks: dict[str, Check] = {}


def check_kind(kind: str, check: Check) -> None:
    """Register what a document of this kind must fulfil: a pure function that raises a Refusal."""
    _checks[kind] = check


def document_id(kind: str, code: str) -> UUID:
    """The subject of the chain that holds every version of a document."""
    return derived("document", kind, code)


def digest_of(document: Mapping[str, Any]) -> str:
    """SHA-256 of the document's canonical JSON, as hex. Raises CanonicalError for what has no canonical form."""
    return hashlib.sha256(canonical.encode(dict(document))).hexdigest()


class DocumentContract:
    """A document's versions: each published once, by the consortium's operator. Pure."""

    chain_kind = "document"

    def initial(self) -> State:
        return {"versions": {}}

    def admit(self, state: State, entry: Entry, world: World) -> State:
        if entry.type != PUBLISHED:
            raise Refused(f"The shared rules know no record “{entry.type}” of a document.")
        if world.party(entry.party).kind != "operator":
            raise Refused("Only the consortium's operator publishes documents.")
        kind, code, version = (
            _matching(entry, name, form) for name, form in (("kind", _KIND), ("code", _CODE), ("version", _VERSION))
        )
        if entry.subject != document_id(kind, code):
            raise Refused("The document's identifier does not follow from its kind and code.")
        if version in state["versions"]:
            raise Refused(f"Version {version} of “{code}” is already published. Give the new content a new version.")
        document = entry.body.get("document")
        if not isinstance(document, Mapping):
            raise Refused("A document is a JSON object.")
        for name, value in (("code", code), ("version", version)):
            if document.get(name, value) != value:
                raise Refused(f"The document's own {name} is another one.")
        if kind in _checks:
            _checks[kind](document)
        return {"versions": {**state["versions"], version: digest_of(document)}}


def _matching(entry: Entry, name: str, form: re.Pattern[str]) -> str:
    value = entry.body.get(name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise Refused(f"“{name}” of the document is not well formed.")
    return value
