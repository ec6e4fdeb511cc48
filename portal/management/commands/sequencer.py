"""`manage.py sequencer`: the log's sequencer alone in a process of its own, until SIGTERM or SIGINT."""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from portal.live.announcer import Announcer
from portal.live.background import Background


class Command(BaseCommand):
    help = (
        "Run the log's sequencer, and housekeeping, and no jobs. Start it on two machines: one is at work, the other "
        "takes over when the first is gone. Servers and workers leave the log alone with "
        "NEEDLEPOINT_SEQUENCER=apart."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        background, announcer = Background(queues=(), sequence=True), Announcer()
        announcer.start()
        background.start()
        self.stdout.write("Giving records their place in the log. Stop with Ctrl-C.")
        self.stdout.flush()
        stopping.wait()
        # A batch that has begun is finished and committed; what came meanwhile waits for the next sequencer.
        background.stop()
        announcer.stop()
