"""The server: Django over HTTP, the live socket, and what starts and stops with the process."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
_django = get_asgi_application()

# These need the apps to be loaded.
from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.urls import path  # noqa: E402

from ledger.privacy import keyring  # noqa: E402
from portal.live.consumers import LiveConsumer  # noqa: E402
from portal.live.lifespan import Lifespan  # noqa: E402


async def _http(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    """Django, with patients' keys kept for the one request."""
    with keyring.scope():
        await _django(scope, receive, send)


application = ProtocolTypeRouter(
    {
        "http": _http,
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(URLRouter([path("live/", LiveConsumer.as_asgi())]))
        ),
        "lifespan": Lifespan(),
    }
)
