"""Tell a small demonstration into the database that the environment names; run as a process by `portal_server`.

With arguments it adds one therapy and prints its id: `python -m tests.functional.tell '{"days": 2, "stop_before": …}'`.
"""

from __future__ import annotations

import json
import os
import sys

import django

STORIES = (
    ("cd19-fresh", "X0042", 60, {}),
    ("cd19-fresh", "X0042", 2.0, {"stop_before": "payer-approval"}),
    ("cd19-fresh", "X0042", 2.4, {"stop_before": "booking"}),
    ("cd19-fresh", "X0042", 5.0, {"stop_before": "label"}),
    ("cd19-fresh", "X0042", 8.0, {"stop_before": "collect"}),
    ("cd19-fresh", "X0042", 8.3, {"stop_before": "pickup-outbound"}),
    ("cd19-fresh", "X0042", 9.0, {"stop_before": "accept-starting-material", "readings": {"outbound": "excursion"}}),
    ("cd19-fresh", "X0042", 12.0, {"stop_before": "transduce"}),
    ("cd19-fresh", "X0042", 36.0, {"stop_before": "release"}),
    ("cd19-fresh", "X0042", 46.0, {"stop_before": "bedside-check"}),
    ("cd19-fresh", "X0042", 16.5, {"stop_before": "pickup-outbound"}),
)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    from custody.patients.models import Patient
    from ledger.clock import now
    from ledger.log import sequencer
    from portal.demonstration import consortium, slots
    from portal.demonstration.stories import Case
    from portal.demonstration.story import Story
    from portal.demonstration.telling import prepare, tell_case

    # Each test uses up a therapy of its own, and a bed is taken for weeks.
    consortium.LOGGERS_A_COURIER, slots.BEDS, slots.CHAIRS = 24, 40, 8
    at = now()
    if len(sys.argv) > 1:
        story = json.loads(sys.argv[1])
        case = Case(story.pop("protocol"), story.pop("centre"), story.pop("days"), Story("told", **story))
        print(tell_case(consortium.load_cast(at), case, 1000 + Patient.objects.count(), now=at))
        sequencer.drain()
        return
    cast = prepare(at=at, tell=lambda line: None, past_days=62, future_days=75)
    for number, (protocol, centre, days, story) in enumerate(STORIES, 1):
        resolve = "readings" not in story
        tell_case(cast, Case(protocol, centre, days, Story("told", resolve=resolve, **story)), number, now=at)
    sequencer.drain()


if __name__ == "__main__":
    main()
