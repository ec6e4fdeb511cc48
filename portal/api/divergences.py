"""Witnesses' reports: `POST /api/divergences/`.

No token and no session: the enrolled witness's signature under the report is what admits it. A witness repeats until it
is answered; the same report again is no harm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.urls import reverse
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ledger import clock
from ledger.divergence.operations import take_report
from ledger.divergence.report import MAX_BYTES
from portal.access import DEVICE, route
from portal.api.parsers import read_bounded


class ReportParser(BaseParser):
    """The bytes of the body as they came; the report's own parser names every fault."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        return read_bounded(stream, limit=MAX_BYTES)


class Divergences(APIView):
    """Takes a signed report with its evidence: 201 when this witness had not reported it, else 200."""

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    parser_classes = [ReportParser]

    def post(self, request: Request) -> Response:
        # A request without a body never reaches a parser, and DRF then gives an empty dictionary.
        document = request.data if isinstance(request.data, bytes) else b""
        taken = take_report(document=document, at=clock.now())
        page = settings.PUBLIC_URL.rstrip("/") + reverse("divergence", args=[taken.divergence])
        return Response({"id": str(taken.divergence), "page": page}, status=201 if taken.fresh else 200)


urlpatterns = [route("api/divergences/", Divergences.as_view(), name="api_divergences", rule=DEVICE)]
