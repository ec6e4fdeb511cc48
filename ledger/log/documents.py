"""Documents on the ledger, such as protocols: published once a version, and named by digest ever after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from ledger.crypto import canonical
from ledger.errors import BadInput, Conflict
from ledger.log.contract import State, World
from ledger.log.document_rules import PUBLISHED, digest_of, document_id
from ledger.log.entries import Entry
from ledger.log.models import Document, Record
from ledger.log.operations import append, open_chain, operation
from ledger.log.projections import Change, Insert, Projection
from ledger.parties.actor import Actor

MAX_BYTES = 46_000
"""Canonical bytes of a document: with its envelope's Base64 it must fit a log entry of 65,535 bytes."""


class DocumentTooLong(BadInput):
    """The document does not fit a ledger record."""


class VersionTaken(Conflict):
    """This version was published with another content."""


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
