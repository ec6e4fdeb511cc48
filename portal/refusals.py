"""The pages and answers for requests that cannot be served: what happened, and what to do.

Programs (addresses under /api/ and /ingest/, or `Accept: application/json`) get RFC 9457 problem details.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

TITLES = {
    400: "This request cannot be read",
    401: "Sign in first",
    403: "This is not for your role",
    404: "There is nothing here",
    405: "This address does not take that",
    409: "This has changed in the meantime",
    413: "This is too large",
    415: "This kind of content is not read here",
    422: "Something needs mending",
    429: "Too many attempts",
    500: "Something broke on our side",
    503: "Not available at the moment",
}
NOTHING = "The address is wrong, or what it led to is not yours to see."
MACHINE_PATHS = ("/api/", "/ingest/")
PROBLEM_JSON = "application/problem+json"


def wants_json(request: HttpRequest) -> bool:
    """Whether a program asks, and not a person at a browser."""
    if request.path.startswith(MACHINE_PATHS):
        return True
    accepted = request.headers.get("Accept", "")
    return "json" in accepted and "text/html" not in accepted


def problem(status: int, detail: str, *, code: str = "", **more: Any) -> dict[str, Any]:
    """RFC 9457 problem details. `code` is a refusal's stable name and makes its `type`."""
    kind = f"urn:needlepoint:problem:{code}" if code else "about:blank"
    return {"type": kind, "title": TITLES.get(status, "Refused"), "status": status, "detail": detail, **more}


def answer(request: HttpRequest, status: int, detail: str, *, code: str = "", title: str = "") -> HttpResponse:
    """The refusal of a request, as a page or as problem details. `title` where that of the status would mislead."""
    if wants_json(request):
        return JsonResponse(problem(status, detail, code=code), status=status, content_type=PROBLEM_JSON)
    context = {"status": status, "title": title or TITLES.get(status, "Refused"), "detail": detail}
    return render(request, "refused.html", context, status=status)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return answer(request, 404, NOTHING)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        return answer(
            request,
            413,
            "More was sent than this server takes at once. Nothing was changed. Send less, or send it in parts.",
        )
    return answer(request, 400, "Part of what was sent is not in a form that can be read. Nothing was changed.")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return answer(request, 403, "Your role or your organisation may not open this.")


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form from another site, or from before the last sign-in."""
    return answer(
        request,
        403,
        "It was opened before you signed in again, so it could not be sent. Nothing was changed. "
        "Go back, reload the page and send it once more.",
        title="This page is out of date",
    )


def broken(request: HttpRequest) -> HttpResponse:
    """The page of last resort: without the reader's name, since asking the database may be what broke."""
    detail = "Nothing of what you sent was recorded. Try again; if it stays so, tell your administrator the time."
    if wants_json(request):
        return JsonResponse(problem(500, detail), status=500, content_type=PROBLEM_JSON)
    return HttpResponse(render_to_string("500.html"), status=500)
