"""Why sealed data stays closed."""

from __future__ import annotations

from ledger.errors import Conflict, NotFound, NotPermitted


class NotEntitled(NotPermitted):
    """The party holds no wrap of the subject's key."""


class NotTheHolder(NotPermitted):
    """Only the party that holds a patient's data may share or erase it."""


class SubjectUnknown(NotFound):
    """No key was ever made for this subject."""


class SubjectErased(NotFound):
    """The subject's keys, values and salts were destroyed (GDPR art. 17)."""


class SubjectExists(Conflict):
    """A key for this subject exists already."""


class NothingSealed(NotFound):
    """No value was sealed at this place."""
