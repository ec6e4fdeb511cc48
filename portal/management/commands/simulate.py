"""`manage.py simulate`: the loggers of the demonstration's shipments under way, sending as real ones would.

By default each reading takes the whole way: HTTP to a running portal, with the device's own API key (made anew when the
command starts, as only its hash is kept). `--direct` writes to the database instead.
"""

from __future__ import annotations

import http.client
import json
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Max

from custody.protocols.document import Leg
from custody.telemetry import parse
from custody.telemetry.models import Device, Reading
from custody.telemetry.operations import ingest, renew_api_key
from custody.telemetry.permissions import REGISTER
from custody.telemetry.reading import NewReading
from custody.telemetry.shipments import known_leg
from custody.telemetry.simulation import KINDS, Kind, readings_for
from custody.transport.models import Shipment
from ledger import clock
from ledger.parties.actor import service_actor

TIMEOUT_SECONDS = 20
CALM_OF = 4
"""With `--kind mixed` one shipment of so many has a trouble."""


@dataclass
class Simulator:
    """Sends what the loggers have read since they were last heard. `url` is None to write directly."""

    url: str | None
    every_s: int
    kind: str
    api_keys: dict[UUID, str] = field(default_factory=dict)

    def round(self, at: datetime) -> list[str]:
        """One round over all shipments under way. Returns a line for each that had something to say."""
        lines = []
        shipments = Shipment.objects.filter(received_at=None, packed_at__lte=at, therapy__status="active")
        for shipment in shipments.select_related("therapy").order_by("packed_at"):
            leg = known_leg(shipment.therapy_id, shipment.leg)
            kind = self._kind(shipment)
            readings = self._due(shipment, leg, kind, at)
            if not readings:
                continue
            accepted = sum(
                self._send(shipment.logger_id, readings[start : start + parse.BATCH_MAX], at)
                for start in range(0, len(readings), parse.BATCH_MAX)
            )
            last = readings[-1]
            lines.append(
                f"{shipment.therapy.call_name}, {leg.title}: {accepted} of {len(readings)} readings taken ({kind}), "
                f"last {last.temperature_c100 / 100:.2f} °C at {last.at:%H:%M:%S} UTC"
            )
        return lines

    def _kind(self, shipment: Shipment) -> Kind:
        if self.kind != "mixed":
            return next(kind for kind in KINDS if kind == self.kind)
        number = shipment.id.int
        return KINDS[1 + number // CALM_OF % (len(KINDS) - 1)] if number % CALM_OF == 0 else "calm"

    def _due(self, shipment: Shipment, leg: Leg, kind: Kind, at: datetime) -> list[NewReading]:
        """The readings since the last one that is stored, all on the grid that starts at packing."""
        step = timedelta(seconds=self.every_s)
        start = shipment.packed_at.replace(microsecond=0) + timedelta(seconds=1)
        if at < start:
            return []
        made = readings_for(
            leg,
            start,
            start + (at - start) // step * step,
            interval_s=self.every_s,
            kind=kind,
            seed=shipment.id.int % 2**32,
            trouble_from=start + 10 * step,
        )
        heard = Reading.objects.filter(device_id=shipment.logger_id, at__lte=at).aggregate(last=Max("at"))["last"]
        return [reading for reading in made if heard is None or reading.at > heard]

    def _send(self, device: UUID, readings: Sequence[NewReading], at: datetime) -> int:
        if self.url is None:
            return ingest(device=device, readings=readings, at=at).accepted
        body = json.dumps({"readings": [_as_json(reading) for reading in readings]})
        headers = {"Authorization": f"Device {device}.{self._api_key(device, at)}", "Content-Type": "application/json"}
        status, answer = _post(self.url, body, headers)
        if status != http.client.ACCEPTED:
            raise CommandError(f"The portal answered {status}: {answer.get('detail', answer)}")
        return int(answer["accepted"])

    def _api_key(self, device: UUID, at: datetime) -> str:
        if device not in self.api_keys:
            party = Device.objects.select_related("party").get(pk=device).party
            by = service_actor(
                party=party.id,
                party_code=party.code,
                party_kind=party.kind,
                service="simulator",
                permissions=frozenset({REGISTER}),
            )
            self.api_keys[device] = renew_api_key(device=device, by=by, at=at)
        return self.api_keys[device]


def _as_json(reading: NewReading) -> dict[str, Any]:
    sign, (whole, rest) = "-" if reading.temperature_c100 < 0 else "", divmod(abs(reading.temperature_c100), 100)
    return {
        "seq": reading.seq,
        "at": reading.at.isoformat().replace("+00:00", "Z"),
        "temperature_c": f"{sign}{whole}.{rest:02d}",
        "tilt": reading.tilt_degrees,
        **({} if reading.shock_g is None else {"shock_g": reading.shock_g}),
    }


def _post(url: str, body: str, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("POST", f"{parts.path.rstrip('/')}/api/v1/readings", body, headers)
        response = connection.getresponse()
        try:
            return response.status, dict(json.loads(response.read()))
        except ValueError:
            return response.status, {}
    finally:
        connection.close()


class Command(BaseCommand):
    help = "Send readings for the shipments under way, as their loggers would. For demonstrations."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default=settings.PUBLIC_URL, help="the running portal (default %(default)s)")
        parser.add_argument("--direct", action="store_true", help="write to the database and not over HTTP")
        parser.add_argument(
            "--kind", choices=(*KINDS, "mixed"), default="mixed", help="what happens (default %(default)s)"
        )
        parser.add_argument("--every", type=int, default=60, help="seconds between two readings (default %(default)s)")
        parser.add_argument("--pause", type=float, default=10, help="seconds between two rounds (default %(default)s)")
        parser.add_argument("--rounds", type=int, default=0, help="stop after so many rounds (default: never)")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMONSTRATION:
            raise CommandError("Readings are simulated in the demonstration only.")
        if options["every"] < 1 or options["pause"] < 0:
            raise CommandError("Give --every of 1 second or more and --pause of 0 or more.")
        url = None if options["direct"] else options["url"]
        if url is not None and urlsplit(url).scheme not in {"http", "https"}:
            raise CommandError("Give --url as http://HOST:PORT.")
        simulator = Simulator(url=url, every_s=options["every"], kind=options["kind"])
        done = 0
        try:
            while not options["rounds"] or done < options["rounds"]:
                if done:
                    time.sleep(options["pause"])
                self._round(simulator)
                done += 1
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")

    def _round(self, simulator: Simulator) -> None:
        at = clock.now()
        try:
            lines = simulator.round(at)
        except (OSError, http.client.HTTPException) as problem:
            # The portal may be restarting; a logger would try again too.
            self.stderr.write(f"{simulator.url} cannot be reached ({problem}). Trying again.")
            return
        for line in lines or [f"{at:%H:%M:%S} UTC: nothing new from the shipments under way."]:
            self.stdout.write(line)
