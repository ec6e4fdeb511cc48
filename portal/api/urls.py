"""Addresses for programs, all below /api/. Each module of the API brings its own list."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver

from portal.api import divergences, readings

urlpatterns: list[URLPattern | URLResolver] = [*readings.urlpatterns, *divergences.urlpatterns]
