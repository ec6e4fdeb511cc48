"""Refusals: what a person reads when an action cannot be done.

Every refused action raises a named subclass, declared in the module that refuses. The message says what happened and
what to do; `field` names the form field to mend, when there is one. `status` is the HTTP status an interface answers.
"""

from __future__ import annotations


class Refusal(Exception):
    """An action was refused; nothing was changed."""

    status = 409

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field

    @property
    def code(self) -> str:
        """The refusal's stable name, for interfaces and the audit trail."""
        return type(self).__name__


class NotPermitted(Refusal):
    """This role, person or organisation may not do this."""

    status = 403


class NotFound(Refusal):
    """There is no such thing that this actor may see."""

    status = 404


class BadInput(Refusal):
    """A value is missing or not of the right form."""

    status = 422


class Conflict(Refusal):
    """The state has moved on since the page was opened."""

    status = 409
