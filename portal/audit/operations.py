"""Writing an audit event, in the transaction of the act that it is about: there is no act without it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ledger.parties.actor import Actor
from portal.audit.models import AuditEvent

ACTS: Mapping[str, str] = {
    "person.enrolled": "Gave a person a role",
    "membership.ended": "Ended a person's role",
    "hook.added": "Registered a web hook",
    "hook.removed": "Removed a web hook",
    "contact.changed": "Changed the duty telephone number",
    "audit.exported": "Exported the audit trail",
    "inspection.packaged": "Exported an inspection package",
}
"""Every act that is written down here, in words."""


def write_down(
    act: str,
    *,
    subject: str,
    by: Actor,
    at: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    why: str = "",
) -> AuditEvent:
    """One event; `before` and `after` hold the values that changed, by name. Raises ValueError for an unknown act."""
    if act not in ACTS:
        raise ValueError(f"there is no act {act!r} to write down")
    return AuditEvent.objects.create(
        at=at,
        person=by.person,
        name=by.name,
        party=by.party,
        role=by.role,
        act=act,
        subject=subject[:200],
        before=dict(before or {}),
        after=dict(after or {}),
        why=why[:300],
    )
