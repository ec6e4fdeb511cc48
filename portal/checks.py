"""System checks: `manage.py check` fails where an address has no rule or a role has no dashboard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps.config import AppConfig
from django.core.checks import CheckMessage, Error, Tags, register
from django.urls import get_resolver

from portal import access
from portal.accounts.roles import ROLES
from portal.dashboards import registry


@register(Tags.urls)
def addresses_have_rules(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Every address of the resolver has a name and a rule in `portal.access`."""
    found: list[CheckMessage] = []
    for address, name in access.addresses(get_resolver().url_patterns):
        if access.rule_of(name) is None:
            hint = "Declare it with portal.access.route(…, rule=…), or add a package's address to access.FOREIGN."
            found.append(
                Error(f"The address /{address} ({name or 'no name'}) has no rule.", hint=hint, id="portal.E001")
            )
    return found


@register(Tags.urls)
def roles_have_dashboards(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Every role lands somewhere."""
    registry.load()
    return [
        Error(f"The role {role} has no dashboard.", id="portal.E002")
        for role in ROLES
        if not registry.has_dashboard(role)
    ]
