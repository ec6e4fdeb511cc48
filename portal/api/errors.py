"""Refusals of the API as RFC 9457 problem details (`application/problem+json`); bad input never becomes a 5xx."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, TooManyFilesSent
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from ledger.errors import Refusal
from portal import refusals


def handle(exception: Exception, context: dict[str, Any]) -> Response | None:
    """The answer to an exception of an API view; None lets a real fault of ours through as a 500."""
    found = _described(exception)
    if found is None:
        return None
    status, detail, code, errors, headers = found
    set_rollback()
    more = {"errors": errors} if errors else {}
    request = context.get("request")
    if request is not None:
        more["instance"] = request.path
    body = refusals.problem(status, detail, code=code, **more)
    return Response(body, status=status, headers=headers, content_type=refusals.PROBLEM_JSON)


_Described = tuple[int, str, str, list[dict[str, str]], dict[str, str]]


def _described(exception: Exception) -> _Described | None:
    match exception:
        case Refusal():
            errors = [{"field": exception.field, "detail": exception.message}] if exception.field else []
            return exception.status, exception.message, exception.code, errors, {}
        case exceptions.ValidationError():
            errors = list(_flat(exception.detail))
            return 422, _counted(errors), "BadInput", errors, {}
        case DjangoValidationError():
            errors = [{"field": "", "detail": text} for text in exception.messages]
            return 422, _counted(errors), "BadInput", errors, {}
        case exceptions.APIException():
            return exception.status_code, str(exception.detail), _code(exception), [], _headers(exception)
        case Http404():
            return 404, refusals.NOTHING, "NotFound", [], {}
        case PermissionDenied():
            return 403, "Your role or your organisation may not do this.", "NotPermitted", [], {}
        case RequestDataTooBig():
            return 413, "The request is larger than this server takes. Send it in parts.", "TooLarge", [], {}
        case TooManyFilesSent() | SuspiciousOperation() | UnicodeError():
            return 400, "Part of the request is not in a form that can be read.", "BadInput", [], {}
    return None


def _counted(errors: list[dict[str, str]]) -> str:
    if len(errors) == 1:
        where = errors[0]["field"]
        return f"{where}: {errors[0]['detail']}" if where else errors[0]["detail"]
    return f"{len(errors)} values need mending."


def _flat(detail: Any, path: str = "") -> Any:
    """DRF's nested error detail as pairs of a dotted field path and a sentence."""
    if isinstance(detail, dict):
        for name, below in detail.items():
            here = path if name == "non_field_errors" else f"{path}.{name}" if path else str(name)
            yield from _flat(below, here)
    elif isinstance(detail, (list, tuple)):
        for place, below in enumerate(detail):
            nested = isinstance(below, (dict, list, tuple))
            if nested and not below:
                continue
            yield from _flat(below, f"{path}.{place}" if nested and path else str(place) if nested else path)
    else:
        yield {"field": path, "detail": str(detail)}


def _code(exception: exceptions.APIException) -> str:
    return type(exception).__name__


def _headers(exception: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if wait := getattr(exception, "wait", None):
        headers["Retry-After"] = str(int(wait))
    if how := getattr(exception, "auth_header", None):
        headers["WWW-Authenticate"] = how
    return headers
