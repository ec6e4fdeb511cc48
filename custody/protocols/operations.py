"""Publishing a protocol: checked whole, then frozen on the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from custody.protocols import document as documents
from custody.protocols.safety import check_new
from ledger.log.documents import publish_document
from ledger.log.models import Document, Record
from ledger.parties.actor import Actor

KIND = "protocol"


def publish_protocol(*, document: Mapping[str, Any], by: Actor, at: datetime, key: str) -> Record:
    """Publish a protocol document; the same content again gives the record that is there.

    Raises ProtocolInvalid with the place that is wrong, NotPermitted, VersionTaken, DocumentTooLong, Refused.
    """
    by.check("document.publish")
    protocol = documents.read(document)
    if not Document.objects.filter(kind=KIND, digest=protocol.digest).exists():
        check_new(protocol)
    return publish_document(
        kind=KIND, code=protocol.code, version=protocol.version, document=document, by=by, at=at, key=key
    )
