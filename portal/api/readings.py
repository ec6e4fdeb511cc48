"""Readings from loggers and gateways: `POST /api/v1/readings`.

The device says who it is by `Authorization: Device <id>.<key>` (RFC 9110 §11.6.2, a scheme of ours). Sending a batch
again is no harm: what is known already is counted and nothing changes, so a logger repeats until it is answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from custody.telemetry import devices, parse
from custody.telemetry.operations import ingest
from custody.telemetry.problems import BadReadings, Problem
from ledger import clock
from portal import refusals
from portal.access import DEVICE, route
from portal.api.parsers import read_bounded

CONFLICTS_SHOWN = 50


class DeviceAuthentication(BaseAuthentication):
    """Lets a registered device in by its API key; `request.auth` is then its id."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, UUID]:
        try:
            return AnonymousUser(), devices.let_in(request.headers.get("Authorization", ""))
        except devices.NotLetIn as refusal:
            raise AuthenticationFailed(refusal.message) from None

    def authenticate_header(self, request: Request) -> str:
        return "Device"


class BatchParser(BaseParser):
    """The bytes of the body as they came, at most `INGEST_MAX_BYTES`; the readings' own parser names every fault."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        return read_bounded(stream, limit=settings.INGEST_MAX_BYTES)


class Readings(APIView):
    """Takes a device's batch of at most 5,000 readings."""

    authentication_classes = [DeviceAuthentication]
    permission_classes: list[Any] = []
    parser_classes = [BatchParser]

    def post(self, request: Request) -> Response:
        try:
            # A request without a body never reaches a parser, and DRF then gives an empty dictionary.
            readings = parse.batch(request.data if isinstance(request.data, bytes) else b"")
        except BadReadings as refusal:
            return _refused(request, refusal)
        device: Any = request.auth
        result = ingest(device=device, readings=readings, at=clock.now())
        return Response(
            {
                "accepted": result.accepted,
                "duplicates": result.duplicates,
                "conflicts": len(result.conflicts),
                "conflicting_seq": list(result.conflicts[:CONFLICTS_SHOWN]),
                "ahead_of_clock": result.ahead,
            },
            status=202,
        )


def _refused(request: Request, refusal: BadReadings) -> Response:
    body = refusals.problem(
        refusal.status,
        refusal.message,
        code=refusal.code,
        instance=request.path,
        errors=[_error(problem) for problem in refusal.problems],
        total=refusal.total,
    )
    return Response(body, status=refusal.status, content_type=refusals.PROBLEM_JSON)


def _error(problem: Problem) -> dict[str, Any]:
    return {
        "reading": problem.line or None,
        "field": problem.column,
        "found": problem.found,
        "right": problem.right,
        "detail": str(problem),
    }


urlpatterns = [route("api/v1/readings", Readings.as_view(), name="api_readings", rule=DEVICE)]
