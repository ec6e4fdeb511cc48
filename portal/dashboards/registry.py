"""Which dashboard a role lands on, and what its navigation shows.

A dashboard is one module, one template and one query (STYLE 18). It registers itself when `load` imports it; views and
templates never ask for a role.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from ledger.parties.actor import Actor
from portal.accounts.roles import ROLES

MODULES = ("treatment_centre", "manufacturer", "courier", "payer", "regulator", "member", "privacy")


@dataclass(frozen=True, slots=True)
class NavItem:
    """One entry of the main navigation. `tone` is "stop" when the count is of things that are wrong."""

    label: str
    url: str
    icon: str = ""
    count: int | None = None
    tone: str = ""


Query = Callable[[Actor], Mapping[str, Any]]
Navigation = Callable[[Actor], list[NavItem]]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A landing page: `query(actor)` gives the template's context, `navigation(actor)` the entries above it."""

    roles: frozenset[str]
    template: str
    query: Query
    navigation: Navigation


class NoDashboard(LookupError):
    """A role has no dashboard: a fault of ours, found by the tests."""


_REGISTERED: dict[str, Dashboard] = {}


def register(dashboard: Dashboard) -> Dashboard:
    """Give these roles this dashboard. A role has one."""
    for role in dashboard.roles:
        if role not in ROLES:
            raise ValueError(f"there is no role {role}")
        if _REGISTERED.get(role, dashboard) is not dashboard:
            raise ValueError(f"the role {role} has two dashboards")
        _REGISTERED[role] = dashboard
    return dashboard


@cache
def load() -> None:
    """Import the dashboards, so that they register themselves."""
    for name in MODULES:
        import_module(f"portal.dashboards.{name}")


def has_dashboard(role: str) -> bool:
    """Whether a role lands somewhere."""
    return role in _REGISTERED


def dashboard_for(actor: Actor) -> Dashboard:
    """The dashboard of the actor's role. Raises NoDashboard."""
    load()
    try:
        return _REGISTERED[actor.role]
    except KeyError:
        raise NoDashboard(actor.role) from None


def navigation_for(actor: Actor) -> list[NavItem]:
    """The actor's navigation; empty for a role without a dashboard."""
    try:
        return dashboard_for(actor).navigation(actor)
    except NoDashboard:
        return []
