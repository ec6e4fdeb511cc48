"""The address `/`: each role's dashboard."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.accounts.actors import actor_of
from portal.dashboards import registry


def home(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    dashboard = registry.dashboard_for(actor)
    return render(request, dashboard.template, dict(dashboard.query(actor)))
