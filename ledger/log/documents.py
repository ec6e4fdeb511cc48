"""Documents on the ledger, such as protocols: published once a version, and named by digest ever after.

One chain a document. The digest is SHA-256 over its canonical JSON (RFC 8785). The rooms above register what makes a
document of their kind a good one, so that no operator can publish one that nobody can work with.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from ledger.crypto import canonical
from ledger.errors import BadInput, Conflict
from ledger.ids import derived
from ledger.log.contract import Refused, State, World
from ledger.log.entries import Entry
from ledger.log.models import Document, Record
from ledger.log.operations import append, open_chain, operation
from ledger.log.projections import Change, Insert, Projection
from ledger.parties.actor import Actor

PUBLISHED = "ledger.document.published/v1"
MAX_BYTES = 46_000
"""Canonical bytes of a document: with its envelope's Base64 it must fit a log entry of 65,535 bytes."""

_KIND = re.compile(r"[a-z][a-z_]{0,19}")
_CODE = re.compile(r"[a-z][a-z0-9-]{0,39}")
_VERSION = re.compile(r"[0-9]{1,6}\.[0-9]{1,6}")

Check = Callable[[Mapping[str, Any]], object]
_checks: dict[str, Check] = {}


class DocumentTooLong(BadInput):
    """The document does not fit a ledger record."""


class VersionTaken(Conflict):
    """This version was published with another content."""


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


def project(entry: Entry, record_id: UUID, state: State, world: World) -> Iterator[Change]:
    body = entry.body
    yield Insert(
        "ledger.Document",
        digest_of(body["document"]),
        {
            "subject": entry.subject,
            "kind": body["kind"],
            "code": body["code"],
            "version": body["version"],
            "content": dict(body["document"]),
            "record_id": record_id,
            "published_at": entry.recorded_at,
        },
    )


PROJECTION = Projection(chain_kind="document", project=project, models={"ledger.Document": "subject"})


@operation
def publish_document(
    *, kind: str, code: str, version: str, document: Mapping[str, Any], by: Actor, at: datetime, key: str
) -> Record:
    """Put a version of a document on the ledger, whole. The same content again gives the record that is there.

    Raises NotPermitted, VersionTaken, DocumentTooLong, Refused, and what the kind's own check raises.
    """
    by.check("document.publish")
    known = Document.objects.filter(kind=kind, code=code, version=version).select_related("record").first()
    if known is not None:
        if known.digest == digest_of(document):
            return known.record
        raise VersionTaken(f"Version {version} of “{code}” is published with another content. Give it a new version.")
    length = len(canonical.encode(dict(document)))
    if length > MAX_BYTES:
        raise DocumentTooLong(f"The document has {length:,} bytes; a record holds {MAX_BYTES:,}. Shorten its texts.")
    return append(
        chain=open_chain(kind="document", subject=document_id(kind, code)),
        by=by,
        type=PUBLISHED,
        body={"kind": kind, "code": code, "version": version, "document": dict(document)},
        meaning="approved and published",
        occurred_at=at,
        at=at,
        key=key,
    )
