"""Jobs that say when they begin and end, so that a test can see which process did what."""

import os
import time

from django.apps import AppConfig

from ledger.outbox.handlers import handles


def mark(word, payload, run):
    line = f"{word} {payload['n']} {run.attempt} {os.getpid()}\n"
    with open(os.environ["PROBE_MARKS"], "a", buffering=1) as file:
        file.write(line)


class ProbeConfig(AppConfig):
    name = "probe"

    def ready(self):
        @handles("probe.work", lease_seconds=2, max_attempts=5)
        def work(payload, run):
            mark("begin", payload, run)
            # The first attempt may be told to hang, so that a test can kill its worker in the middle of it.
            time.sleep(payload.get("first_seconds", 0) if run.attempt == 1 else 0)
            time.sleep(payload.get("seconds", 0))
            mark("end", payload, run)

        handles("probe.fatal", lease_seconds=1, max_attempts=2)(work)
        handles("probe.long", queue="proofs", lease_seconds=1, max_attempts=5)(work)
