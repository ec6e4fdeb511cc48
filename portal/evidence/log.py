"""The log over HTTP, as other people's tools read it (C2SP tlog-tiles), and the address that takes co-signatures.

Read by members, by their witnesses with a token, or by everybody, as NEEDLEPOINT_LOG_READERS says.
"""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from custody.therapies import disclosure
from ledger.clock import now
from ledger.cosigning.operations import UnknownWitness, take_cosignatures
from ledger.crypto import tiles as tile_format
from ledger.errors import NotPermitted, Refusal
from ledger.log import evidence
from ledger.log.logs import OPERATORS
from portal.accounts.actors import actor_of

TEXT = "text/plain; charset=utf-8"
MAX_NOTE_BYTES = 100_000
CHECKPOINT_SECONDS = 2


class EntriesHoldValues(NotPermitted):
    """Entries hold values that payers and couriers never see on a screen."""


@require_safe
def checkpoint(request: HttpRequest, log: str = OPERATORS) -> HttpResponse:
    """The newest checkpoint that enough witnesses co-signed, a signed note."""
    return _file(evidence.published_note(log).encode(), TEXT, f"max-age={CHECKPOINT_SECONDS}")


@require_safe
def pending(request: HttpRequest, log: str = OPERATORS) -> HttpResponse:
    """The checkpoint that witnesses are asked to co-sign; readers do not rely on it."""
    return HttpResponse(
        evidence.offered_note(at=now(), log=log), content_type=TEXT, headers={"Cache-Control": "no-store"}
    )


@require_safe
def tile(request: HttpRequest, path: str, log: str = OPERATORS) -> HttpResponse:
    """A hash tile or an entry bundle. None ever changes; a fuller one has another name."""
    if path.startswith("entries/") and not _may_read_entries(request):
        raise EntriesHoldValues(
            "Entries hold values of steps, which payers and couriers do not see. "
            "The checkpoint, the hash tiles and each record's proof are open to you."
        )
    found, data = evidence.tile_bytes(f"tile/{path}", log)
    full = found.width == tile_format.WIDTH
    return _file(data, "application/octet-stream", "max-age=31536000, immutable" if full else "max-age=60")


@csrf_exempt
@require_POST
def cosignatures(request: HttpRequest, log: str = OPERATORS) -> HttpResponse:
    """Co-signatures under a checkpoint of ours, whose first line names its log.

    No session and no token: the signature is what admits them.
    """
    try:
        if int(request.headers.get("Content-Length") or 0) > MAX_NOTE_BYTES:
            raise UnknownWitness("A checkpoint with its co-signatures is shorter than that.")
        taken = take_cosignatures(note=request.body.decode("utf-8", "surrogateescape"), at=now())
    except Refusal as refusal:
        return HttpResponse(refusal.message + "\n", status=refusal.status, content_type=TEXT)
    return HttpResponse(f"{taken.size}\n", content_type=TEXT)


def _may_read_entries(request: HttpRequest) -> bool:
    """Witnesses replay every record, so a token opens all of them; on a person's screen the person's role decides."""
    return getattr(request, "reads_log", False) or disclosure.sees_values(actor_of(request))


def _file(data: bytes, kind: str, caching: str) -> HttpResponse:
    scope = "public" if settings.LOG_READERS == "public" else "private"
    headers = {"Cache-Control": f"{scope}, {caching}"}
    answer = HttpResponse(data, content_type=kind, headers=headers)
    patch_vary_headers(answer, ["Cookie", "Authorization"])
    return answer
