"""The portal's tables: people and their memberships, and nothing of the trade."""

from portal.accounts.models import Membership, User

__all__ = ["Membership", "User"]
