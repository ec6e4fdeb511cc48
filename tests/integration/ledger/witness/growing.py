"""Adds a record to a log, from a process of its own."""

from __future__ import annotations

from django.utils import timezone

from ledger.log import sequencer
from ledger.log.documents import publish_document
from ledger.parties.operations import founding_actor


def grow() -> None:
    """Publish a document, and give it its place."""
    at = timezone.now()
    publish_document(
        kind="note",
        code="tests",
        version=f"1.{at:%H%M%S}",
        document={"text": at.isoformat()},
        by=founding_actor(),
        at=at,
        key=f"grow-{at:%H%M%S%f}",
    )
    sequencer.drain()
