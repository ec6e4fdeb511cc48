"""Walks one therapy through its protocol by the real operations, each step by a person entitled to it.

Nothing here knows a protocol: which step comes next, who does it, what is scanned and which values lie in limits all
come from the contract's open steps and the protocol document.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from django.db.models import Q

from custody.contract import ReadyStep, ready_steps
from custody.contract.comparing import HeldTo
from custody.contract.worklist import HALTING, planned_of
from custody.exceptions import operations as exceptions
from custody.exceptions.models import CustodyException
from custody.labels.operations import print_label
from custody.protocols.document import Protocol, Step
from custody.scheduling import operations as scheduling
from custody.scheduling import queries as slots
from custody.scheduling.plan import Criteria
from custody.telemetry import operations as telemetry
from custody.telemetry.models import Device
from custody.telemetry.simulation import readings_for
from custody.therapies import operations as therapies
from custody.therapies.off_plan import EARLY
from custody.therapies.queries import protocol_by_digest
from custody.transport import operations as transport
from custody.transport.models import Handoff, Shipment
from ledger.log.models import Chain, Record
from ledger.parties.actor import Actor
from manufacturing.batches.operations import perform_batch_step
from manufacturing.quality import operations as quality
from portal.demonstration import entered, pace
from portal.demonstration.consortium import Cast
from portal.demonstration.story import Story

Watch = Callable[[Step, Record], None]
DELAY_MINUTES = 100


class StoryEnds(Exception):
    """The therapy can go no further; the text says why."""


class Walker:
    """One therapy on its way. Times lie between the order and `until`; nothing is recorded later."""

    def __init__(
        self,
        cast: Cast,
        therapy: UUID,
        *,
        until: datetime,
        seed: int,
        story: Story,
        watch: Watch | None = None,
        maker: UUID | None = None,
        avoid: Collection[tuple[UUID, ...]] = (),
    ) -> None:
        self.cast = cast
        self.therapy = therapy
        self.until = until
        self.random = Random(seed)  # noqa: S311  a demonstration repeats itself on purpose
        self.story = story
        self.watch = watch
        self.maker = maker
        self.avoid = avoid
        self.slots: tuple[UUID, ...] = ()
        self.refused: set[str] = set()
        self.stopped = False
        self.ahead: timedelta | None = None
        """How far ahead of `until` the next step lies, once the walk has come there."""
        self.rested_too_long = timedelta(0)
        """By how much the step at which the story rests lies there too long, once the walk has come there."""

    @property
    def chain(self) -> Chain:
        return Chain.objects.get(kind="therapy", subject=self.therapy)

    def run(self) -> None:
        """Walk until the story rests, the therapy ends, or the present is reached."""
        try:
            while self._next():
                pass
        except StoryEnds:
            pass
        self._inform()

    def _next(self) -> bool:
        chain = self.chain
        protocol = protocol_by_digest(chain.state["protocol"])
        open_now = ready_steps(chain.state, protocol)
        free = [ready for ready in open_now if not ready.held]
        if not free and open_now:
            return self._resolve(chain, protocol)
        if not free:
            return False
        at, ready = min(
            ((self._when(one, protocol), one) for one in free), key=lambda two: (two[0], two[1].step.number)
        )
        if ready.step.code == self.story.stop_before:
            self.rested_too_long = pace.rested_too_long(ready, until=self.until)
            return False
        if at > self.until:
            self.ahead = at - self.until
            return False
        if self.story.cancel == ready.step.code:
            self._end(chain, "cancelled", "patient_unfit", "physician", at)
            return False
        if self.story.fail == ready.step.code:
            self._end(chain, "failed", "manufacturing_failed", "qp", at)
            return False
        record = self._do(ready, chain, protocol, at)
        if self.watch is not None:
            self.watch(ready.step, record)
        return True

    def _when(self, ready: ReadyStep, protocol: Protocol) -> datetime:
        planned = planned_of(self.chain.state, ready.step, ready.due_at)
        return pace.when(ready, protocol=protocol, rests_at=self.story.stop_before, until=self.until, planned=planned)

    def _do(self, ready: ReadyStep, chain: Chain, protocol: Protocol, at: datetime) -> Record:
        step = ready.step
        by = self.cast.actor(UUID(ready.party), *step.roles)
        if step.kind == "release":
            review = protocol.step_of_kind("review")
            reviewer = chain.state["done"][review.code]["person"] if review else None
            by = self.cast.actor(UUID(ready.party), *step.roles, other_than=UUID(reviewer) if reviewer else None)
        key = f"walk-{self.therapy.hex[:12]}-{step.number}-{chain.head_seq}"
        handler = getattr(self, f"_{step.kind}", None) or self._generic
        record: Record = handler(step, ready, chain, protocol, by, at, key)
        return record

    # One method a step kind; each calls one operation.

    def _payer_approval(
        self, step: Step, ready: ReadyStep, chain: Chain, protocol: Protocol, by: Actor, at: datetime, key: str
    ) -> Record:
        return therapies.decide_payer(
            therapy=self.therapy,
            approved=not self.story.declined,
            values=self._values(step),
            by=by,
            at=at,
            key=key,
        )

    def _booking(
        self, step: Step, ready: ReadyStep, chain: Chain, protocol: Protocol, by: Actor, at: datetime, key: str
    ) -> Record:
        criteria = Criteria(earliest=at + timedelta(days=2), maker=self.maker, limit=1)
        found = slots.offers(therapy=self.therapy, by=by, criteria=criteria, at=at)
        if not found.offers:
            raise StoryEnds(found.reason)
        self.slots = found.offers[0].slot_ids
        if self.slots in self.avoid:
            self.ahead = timedelta(0)
            raise StoryEnds("with these slots it has been seen to come to the present")
        return scheduling.book_itinerary(therapy_id=self.therapy, slot_ids=self.slots, by=by, at=at, key=key)

    def _label(
        self, step: Step, ready: ReadyStep, chain: Chain, protocol: Protocol, by: Actor, at: datetime, key: str
    ) -> Record:
        return print_label(
            therapy=self.therapy, values=self._values(step), items=entered.FIRST_LABELS, by=by, at=at, key=key
        )

    def _pack(
        self, step: Step, ready: ReadyStep, chain: Chain, protocol: Protocol, by: Actor, at: datetime, key: str
    ) -> Record:
        courier = UUID(chain.state["parties"][f"courier_{step.leg}"])
        logger = self._free_logger(courier, at)
        number = self.random.randint(100, 999)
        return transport.pack(
            therapy=self.therapy,
            step=step.code,
            container=f"DV-{number}" if step.leg == "return" else f"BX-{number}",
            seal=f"4{self.random.randint(0, 9)} {self.random.randint(100, 999)} {self.random.randint(100, 999)}",
            logger_serial=logger.serial,
            values=self._values(step),
            scans=self._scans(step, chain),
            by=by,
            second=self._second(step, by),
            at=at,
            key=key,
        )

    def _offer(
        self, step: Step, ready: ReadyStep, chain: Chain, protocol: Protocol, by: Actor, at: datetime, key: str
    ) -> Record:
        holder = chain.state["custody"].get("person")
        by = self.cast.person(UUID(ready.party), UUID(holder)) if holder else by
        return transport.offer_handoff(
            therapy=self.therapy,
            step=step.code,
            seal=chain.state["custody"]["seal"],
            scans=self._scans(step, chain),
            by=by,
            at=at,
            key=key,
        )

    def _accept(
        self, step: Step, ready: ReadyStep, chain: Chain, protocol: Protocol, by: Actor, at: datetime, key: str
    ) -> Record:
        offer = chain.state["custody"]["offer"]
        by = self.cast.actor(UUID(ready.party), *step.roles, other_than=UUID(offer["person"]))
        handoff = Handoff.objects.get(pk=UUID(offer["id"]))
        if self.story.refuse_handoff == step.code and step.code not in self.refused:
            self.refused.add(step.code)
            return transport.refuse_handoff(handoff=handoff.id, reason="damaged", by=by, at=at, key=f"{key}-refused")
        record = transport.accept_handoff(
            handoff=handoff.id,
            seal=chain.state["custody"]["seal"],
            scans=self._scans(step, chain),
            values=self._values(step),
            by=by,
            second=self._second(step, by),
            at=at,
            key=key,
        )
        leg = protocol.leg(step.leg or "")
        if step.party == leg.destination:
            self._commit_readings(leg.code, by, at)
        elif step.code == self.story.delayed_after:
            planned = transport.arrival_due(self.chain.state, protocol)
            transport.report_problem(
                therapy=self.therapy,
                problem="delay",
                expected_at=max(planned, at) + timedelta(minutes=DELAY_MINUTES),
                by=by,
                at=at,
                key=f"{key}-delay",
            )
        return record

    def _generic(
        self, step: Step, ready: ReadyStep, chain: Chain, protocol: Protocol, by: Actor, at: datetime, key: str
    ) -> Record:
        if step.code == self.story.stop_identity and not self.stopped:
            self.stopped = True
            return exceptions.stop_identity(
                therapy=self.therapy,
                kind=step.scans[-1] if step.scans else "bag",
                scanned="another chain of identity",
                step=step.code,
                by=by,
                at=at,
                key=f"{key}-stop",
            )
        lasts = min(step.duration_max_minutes * 0.7, max(4.0, (at - ready.since).total_seconds() / 60 * 0.6))
        common: dict[str, Any] = {
            "therapy": self.therapy,
            "values": self._values(step),
            "by": by,
            "at": at,
            "key": key,
        }
        if step.kind == "review":
            return quality.review_batch(**common)
        if step.kind == "release":
            return quality.release_batch(**common)
        stepped = common | {
            "step": step.code,
            "scans": self._scans(step, chain, common["values"]),
            "second": self._second(step, by),
            "started_at": self._started(ready, chain, at, timedelta(minutes=int(lasts))),
        }
        if step.kind == "process":
            return perform_batch_step(**stepped)
        if step.kind == "test":
            return quality.record_test(**stepped)
        return therapies.perform_step(**stepped)

    def _started(self, ready: ReadyStep, chain: Chain, at: datetime, lasted: timedelta) -> datetime:
        """When a step that took so long began: conditioning not before the day that it is booked for."""
        planned = planned_of(chain.state, ready.step, ready.due_at) if ready.step.kind in EARLY else None
        return at - lasted if planned is None else max(at - lasted, min(planned, at))

    def _second(self, step: Step, by: Actor) -> Actor | None:
        if not step.second_roles:
            return None
        return self.cast.actor(by.party, *step.second_roles, other_than=by.person)

    def _scans(self, step: Step, chain: Chain, values: Mapping[str, str] | None = None) -> dict[str, str]:
        protocol = protocol_by_digest(chain.state["protocol"])
        return entered.scans(step, protocol, chain.state, values or {})

    def _values(self, step: Step) -> dict[str, str]:
        state = self.chain.state
        held_to = HeldTo(state, protocol_by_digest(state["protocol"]), step)
        outside = entered.first_limited(step) if step.code in self.story.outside else None
        return entered.values(step, held_to=held_to, outside=outside, random=self.random)

    def _free_logger(self, courier: UUID, at: datetime) -> Device:
        """A logger of the courier that is on no way at that time."""
        # Stories are told one after the other: what rests on the road in one is on the road for all later ones.
        meanwhile = Q(packed_at__lte=at + timedelta(days=3), received_at__gte=at)
        busy = Shipment.objects.filter(meanwhile | Q(received_at=None))
        free = Device.objects.filter(party_id=courier, kind="logger").exclude(pk__in=busy.values("logger_id"))
        device = free.order_by("serial").first()
        if device is None:
            raise StoryEnds("every logger is on its way")
        return device

    def _commit_readings(self, leg: str, by: Actor, received_at: datetime) -> None:
        self.log_readings(leg, received_at)
        telemetry.commit_readings(
            therapy=self.therapy,
            leg=leg,
            by=by if by.may("readings.commit") else self.cast.actor(by.party, "operator", "cell_lab"),
            at=received_at + timedelta(minutes=5),
            key=f"readings-{self.therapy.hex[:12]}-{leg}",
        )

    def log_readings(self, leg: str, end: datetime) -> None:
        """What the logger of the leg's shipment measured from packing to `end`."""
        shipment = Shipment.objects.get(therapy_id=self.therapy, leg=leg)
        protocol = protocol_by_digest(self.chain.state["protocol"])
        specification = protocol.leg(leg)
        seconds = (end - shipment.packed_at).total_seconds()
        interval = max(60, min(specification.gap_max_minutes * 45, int(seconds / 560) + 1))
        readings = readings_for(
            specification,
            shipment.packed_at,
            end,
            interval_s=interval,
            kind=self.story.readings.get(leg, "calm"),
            seed=self.random.randint(0, 10**6),
        )
        telemetry.ingest(device=shipment.logger_id, readings=readings, at=end)

    def _resolve(self, chain: Chain, protocol: Protocol) -> bool:
        """Close what holds the therapy, by who may; or rest."""
        held = CustodyException.objects.filter(therapy_id=self.therapy, closed_at=None).order_by("rank").first()
        if held is None:
            return False
        at = min(self.until, max(held.opened_at, chain_time(chain)) + timedelta(hours=2))
        if held.kind == "out_of_specification":
            return self._out_of_specification(held, chain, at)
        if not self.story.resolve:
            return False
        centre, maker = UUID(chain.state["parties"]["centre"]), chain.state["parties"].get("maker")
        second = None
        if held.kind in HALTING:
            by = self.cast.actor(centre, "physician")
            second = self.cast.actor(centre, "nurse")
        else:
            by = self.cast.actor(UUID(maker) if maker else centre, "qa", "physician")
        exceptions.close_exception(
            exception=held.id,
            resolution="accepted",
            cause={"excursion": "transport", "custody_gap": "data", "identity_stop": "wrong_scan"}.get(
                held.kind, "handling"
            ),
            why=entered.why_closed(held.kind),
            by=by,
            second=second,
            at=at,
            key=f"close-{held.id.hex[:20]}",
        )
        return True

    def _out_of_specification(self, held: CustodyException, chain: Chain, at: datetime) -> bool:
        path = ("requested", "evaluated", "accepted", "informed")
        wanted = path[: path.index(self.story.oos_until) + 1] if self.story.oos_until else ()
        done = path.index(held.oos_stage) + 1 if held.oos_stage in path else 0
        if done >= len(wanted):
            return False
        centre, maker = UUID(chain.state["parties"]["centre"]), UUID(chain.state["parties"]["maker"])
        act, by = {
            "requested": (exceptions.request_supply, self.cast.actor(centre, "physician")),
            "evaluated": (exceptions.evaluate_risk, self.cast.actor(maker, "qa")),
            "accepted": (exceptions.accept_risk, self.cast.actor(centre, "physician")),
            "informed": (exceptions.inform_authority, self.cast.actor(maker, "qa")),
        }[wanted[done]]
        act(exception=held.id, by=by, at=at, key=f"oos-{wanted[done]}-{held.id.hex[:16]}")
        return True

    def _inform(self) -> None:
        """Tell the authority of an out-of-specification supply, where the story goes so far."""
        told = CustodyException.objects.filter(therapy_id=self.therapy, oos_stage="accepted").first()
        if told is not None and self.story.oos_until == "informed":
            chain = self.chain
            self._out_of_specification(told, chain, chain_time(chain) + timedelta(hours=1))

    def _end(self, chain: Chain, how: str, reason: str, role: str, at: datetime) -> None:
        party = chain.state["parties"]["centre" if how == "cancelled" else "maker"]
        therapies.end_therapy(
            therapy=self.therapy,
            how=how,
            reason=reason,
            by=self.cast.actor(UUID(party), role),
            at=at,
            key=f"end-{self.therapy.hex[:20]}",
        )


def chain_time(chain: Chain) -> datetime:
    """When the last record of the chain was made."""
    last = chain.records.order_by("-seq").values_list("recorded_at", flat=True).first()
    assert last is not None, "a therapy has at least its order"
    return last
