"""The protocols on the ledger. They are no secret among members, so these take no actor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings

from custody.protocols import document as documents
from custody.protocols.document import Protocol
from ledger.errors import NotFound
from ledger.log.models import Document
from ledger.log.world import world

KIND = "protocol"


class ProtocolUnknown(NotFound):
    """No protocol with this digest is on the ledger."""


def protocols() -> list[Protocol]:
    """The newest version of every published protocol, by title."""
    newest: dict[str, Document] = {}
    for row in Document.objects.filter(kind=KIND):
        known = newest.get(row.code)
        if known is None or _order(row.version) > _order(known.version):
            newest[row.code] = row
    return sorted((_read(row) for row in newest.values()), key=lambda protocol: protocol.title)


def every_version() -> list[Protocol]:
    """Every published version of every protocol. One query for what is new; documents are kept by the process."""
    digests = Document.objects.filter(kind=KIND).order_by("pk").values_list("pk", flat=True)
    return [documents.read_cached(world.document(digest), digest) for digest in digests]


def role_lists(role: str) -> list[str]:
    """The lists of roles, as `OpenStep.roles` writes them, that name this role: few, and an index finds them."""
    lists = {step.roles for protocol in every_version() for step in protocol.steps if role in step.roles}
    return sorted(f",{','.join(roles)}," for roles in lists)


def protocol(digest: str) -> Protocol:
    """The protocol with this digest. Raises ProtocolUnknown."""
    row = Document.objects.filter(kind=KIND, pk=digest).first()
    if row is None:
        raise ProtocolUnknown(f"No protocol with the digest {digest[:16]}… is on the ledger.")
    return _read(row)


def shipped() -> list[dict[str, Any]]:
    """The protocol documents that come with Needlepoint (`protocols/*.json`), by file name."""
    folder: Path = settings.BASE_DIR / "protocols"
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def _read(row: Document) -> Protocol:
    return documents.read_cached(row.content, row.digest)


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
