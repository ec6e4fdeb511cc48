"""The portal's tables: people and their memberships, and nothing of the trade."""

from portal.accounts.models import Membership, User
from portal.audit.models import AuditEvent
from portal.contacts.models import DutyNumber
from portal.hooks.models import HookDelivery, WebHook

__all__ = ["AuditEvent", "DutyNumber", "HookDelivery", "Membership", "User", "WebHook"]
