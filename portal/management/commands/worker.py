"""`manage.py worker`: the background threads in a process of their own, until SIGTERM or SIGINT."""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from portal.live.announcer import Announcer
from portal.live.background import Background, usual_queues


class Command(BaseCommand):
    help = "Run the log's sequencer and the outbox's jobs. Any number of workers may run; each job has one at a time."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--queues", default="", help="comma-separated; the usual ones when left out")
        parser.add_argument("--no-sequencer", action="store_true", help="leave the log to other processes")

    def handle(self, *args: Any, **options: Any) -> None:
        queues = [queue.strip() for queue in options["queues"].split(",") if queue.strip()] or sorted(usual_queues())
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        sequence = not (options["no_sequencer"] or settings.SEQUENCER_APART)
        background, announcer = Background(queues=queues, sequence=sequence), Announcer()
        announcer.start()
        background.start()
        self.stdout.write(f"Working on {', '.join(queues)}. Stop with Ctrl-C.")
        self.stdout.flush()
        stopping.wait()
        background.stop()
        announcer.stop()
