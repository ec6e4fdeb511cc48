"""What the demonstration tells: therapies in every stage, and every kind of exception.

`started_days_ago` is when the therapy was ordered; it then goes on by itself to the present day, so a therapy ordered
sixty days ago is infused and one ordered twenty days ago is being made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from portal.demonstration.story import Story

CALM = Story("as planned")
BRIEF = Story("warm for a while, within the budget", readings={"outbound": "brief"})


@dataclass(frozen=True, slots=True)
class Case:
    """One therapy to tell: under which protocol, at which centre, when it was ordered, and its story."""

    protocol: str
    centre: str
    started_days_ago: float
    story: Story


FRESH, FROZEN, EDITED = "cd19-fresh", "bcma-frozen", "hsc-edited"
LINDEN, HARROW = "X0042", "X0117"

TOLD: tuple[Case, ...] = (
    # Infused, with everything in order: these are proven.
    *(Case(FRESH, (LINDEN, HARROW)[n % 2], 128 - 4 * n, (CALM, BRIEF)[n == 3]) for n in range(8)),
    *(Case(FROZEN, (HARROW, LINDEN)[n % 2], 130 - 6 * n, CALM) for n in range(3)),
    # Infused, but not proven: each for another reason.
    Case(FRESH, LINDEN, 108, Story("warm on the way out", readings={"outbound": "excursion"})),
    Case(FRESH, HARROW, 104, Story("silent logger on the way back", readings={"return": "gap"})),
    Case(FROZEN, LINDEN, 112, Story("shipper tilted", readings={"outbound": "tilt"})),
    Case(FRESH, LINDEN, 101, Story("a step out of limits", outside=frozenset({"harvest"}))),
    Case(
        FRESH,
        HARROW,
        98,
        Story("supplied out of specification", outside=frozenset({"test-viability"}), oos_until="informed"),
    ),
    # Ended before infusion.
    Case(FRESH, LINDEN, 90, Story("declined by the payer", declined=True)),
    Case(FRESH, HARROW, 84, Story("cancelled before collection", cancel="collect")),
    Case(FROZEN, HARROW, 88, Story("cells did not grow", fail="harvest")),
    Case(FRESH, LINDEN, 77, Story("out of specification, refused", outside=frozenset({"test-dose"}), fail="review")),
    # Waiting for a decision now.
    Case(FRESH, LINDEN, 44.1, Story("wrong bag at the bedside", stop_identity="bedside-check", resolve=False)),
    Case(
        FRESH,
        HARROW,
        34.5,
        Story("out of specification, physician asks", outside=frozenset({"test-viability"}), oos_until="requested"),
    ),
    Case(
        FROZEN,
        LINDEN,
        35.6,
        Story("out of specification, to be told", outside=frozenset({"test-dose"}), oos_until="accepted"),
    ),
    Case(FRESH, LINDEN, 8.4, Story("warm on the way out, open", readings={"outbound": "excursion"}, resolve=False)),
    Case(FRESH, LINDEN, 7.9, Story("delayed on the road, open", delayed_after="pickup-outbound", resolve=False)),
    Case(FRESH, HARROW, 9.4, Story("silent logger, open", readings={"outbound": "gap"}, resolve=False)),
    Case(FROZEN, HARROW, 33, Story("a step out of limits, open", outside=frozenset({"cryopreserve"}), resolve=False)),
    Case(FRESH, HARROW, 11.5, Story("shipper refused once", refuse_handoff="pickup-outbound")),
    # At rest at a step of each role, so that every worklist has something in it.
    *(
        Case(FRESH, (LINDEN, HARROW)[n % 2], days, Story("at a step", stop_before=step))
        for n, (days, step) in enumerate(
            (
                (1.1, "payer-approval"),
                (1.6, "payer-approval"),
                (2.5, "booking"),
                (2.7, "booking"),
                (2.85, "booking"),
                (5.58, "label"),
                (7.2, "collect"),
                (8.2, "collect"),
                (7.4, "pack-outbound"),
                (9.0, "pickup-outbound"),
                (7.6, "deliver-outbound"),
                (8.2, "receive-starting-material"),
                (8.6, "accept-starting-material"),
                (8.8, "wash-and-select"),
                (9.4, "transduce"),
                (12.53, "sample-day-5"),
                (16.6, "harvest"),
                (15.9, "cryopreserve"),
                (23.2, "test-potency"),
                (30.45, "test-sterility"),
                (34.61, "review"),
                (33.65, "release"),
                (33.36, "pack-return"),
                (35.65, "pickup-return"),
                (37.36, "deliver-return"),
                (38.48, "receive-product"),
                (35.65, "accept-product"),
                (36.5, "clear-lymphodepletion"),
                (43.45, "bedside-check"),
                (41.69, "infuse"),
            )
        )
    ),
    *(Case(FROZEN, (LINDEN, HARROW)[n % 2], 8 + 9 * n, CALM) for n in range(4)),
    *(Case(EDITED, (HARROW, LINDEN)[n % 2], 10 + 22 * n, CALM) for n in range(4)),
)


def cases() -> Iterator[Case]:
    """The therapies to tell, the oldest order first, so that slots are taken in the order of life."""
    yield from sorted(TOLD, key=lambda case: -case.started_days_ago)
