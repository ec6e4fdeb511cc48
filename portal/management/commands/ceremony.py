"""`manage.py ceremony`: members make the key of a circuit together; each act says what comes next."""

from __future__ import annotations

import re
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ledger.ceremony import operations, queries
from ledger.clock import now
from ledger.errors import Refusal
from ledger.ids import uuid7
from ledger.parties.actor import Actor, service_actor
from ledger.parties.models import Party, PartyKind
from ledger.proofs import ceremony
from ledger.proofs.ceremony import CeremonyError
from ledger.proofs.circuit import CLASSES, CapacityClass
from ledger.proofs.constraints import read_constraints, write_r1cs
from ledger.proofs.keys import PROVING_KEY, WITNESS, CeremonyKeys, KeySetupFailed, UnsafeDevelopmentKeys
from portal.management.keyholders import member_coded


class Command(BaseCommand):
    help = "Lead members through the making of a proof key: begin, contribute, accept, beacon, finish, check, state."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        act = acts.add_parser("begin", help="make the file that the first member contributes to (operator)")
        _size(act)
        act.add_argument("phase1", type=Path, help="a prepared powers-of-tau file (.ptau) that fits the class")
        act.add_argument("out", type=Path)
        act.add_argument("--beacon-source", required=True, help="the public value, still unknown, to end it")
        act = acts.add_parser("contribute", help="add a contribution, on your own machine; needs no database")
        act.add_argument("given", type=Path)
        act.add_argument("out", type=Path)
        act.add_argument("--name", default="", help="a name in the file; the record's signature counts")
        act = acts.add_parser("accept", help="verify a contribution and record it, signed by its organisation")
        _size(act)
        act.add_argument("phase1", type=Path)
        act.add_argument("file", type=Path)
        act.add_argument("--by", required=True, metavar="PARTY", help="the code of the organisation that contributed")
        _start(act)
        act = acts.add_parser("beacon", help="end the contributions with the announced beacon (operator)")
        _size(act)
        act.add_argument("given", type=Path)
        act.add_argument("out", type=Path)
        act.add_argument("value", help="64 hexadecimal digits, as the announced source says them")
        act = acts.add_parser("finish", help="verify everything, publish the verification key, take the key in")
        _size(act)
        act.add_argument("phase1", type=Path)
        act.add_argument("file", type=Path)
        act = acts.add_parser("check", help="verify a file against circuit, first phase and ledger; anybody may")
        _size(act)
        act.add_argument("phase1", type=Path)
        act.add_argument("file", type=Path)
        _start(act)
        acts.add_parser("state", help="how far each ceremony is")

    def handle(self, *args: Any, **options: Any) -> None:
        with _plainly():
            getattr(self, f"_{options['act']}")(**options)

    def _begin(self, *, readings: int, phase1: Path, out: Path, beacon_source: str, **_: Any) -> None:
        size, by = _class_of(readings), _operator()
        with _constraints(size) as (file, _module):
            start = ceremony.begin(file, phase1, out)
            operations.record_begun(
                circuit=size.name,
                circuit_digest=size.digest(),
                constraints=ceremony.sha256(file),
                phase1=ceremony.sha256(phase1),
                start=start,
                file=ceremony.sha256(out),
                beacon_source=beacon_source,
                by=by,
                at=now(),
                key=str(uuid7()),
            )
        self.stdout.write(f"Begun: {size.name}, circuit hash {start.start}")
        self.stdout.write(f"Send {out} to the first member, who says: manage.py ceremony contribute {out.name} …")

    def _contribute(self, *, given: Path, out: Path, name: str, **_: Any) -> None:
        if out.exists():
            raise CommandError(f"{out} is there already. Give the new file another name.")
        before = ceremony.read_transcript(given)
        made = ceremony.contribute(given, out, name=name or f"contribution {len(before.contributions) + 1}")
        self.stdout.write(f"Contribution {len(before.contributions) + 1}: {made.hash}")
        self.stdout.write(f"Write the hash down, and send {out} to be accepted. What it was made of is forgotten.")

    def _accept(self, *, readings: int, phase1: Path, file: Path, by: str, start: Path | None, **_: Any) -> None:
        size = _class_of(readings)
        run = _of_this_circuit(size)
        known = [one["hash"] for one in run["contributions"]]
        made = ceremony.added(known, run["start"], ceremony.read_transcript(file))
        if made.beacon:
            raise CommandError("What the file adds is a beacon, no contribution. The operator seals: ceremony beacon.")
        _verify(size, run, phase1, file, start)
        operations.record_contribution(
            circuit=size.name,
            before=known,
            start=run["start"],
            made=made,
            file=ceremony.sha256(file),
            by=_contributor(member_coded(by)),
            at=now(),
            key=str(uuid7()),
        )
        self.stdout.write(f"Accepted: contribution {len(known) + 1} by {by}, {made.hash}")
        self.stdout.write("Send this file to the next member, or end with: manage.py ceremony beacon …")

    def _beacon(self, *, readings: int, given: Path, out: Path, value: str, **_: Any) -> None:
        size, by = _class_of(readings), _operator()
        run = _of_this_circuit(size)
        beacon = value.removeprefix("0x").lower()
        if not re.fullmatch(r"[0-9a-f]{64}", beacon):
            raise CommandError("A beacon is 64 hexadecimal digits: a block's hash, or a round of a public beacon.")
        known = [one["hash"] for one in run["contributions"]]
        if ceremony.sha256(given) != run["file"]:
            raise CommandError(f"This is not the newest accepted file, whose SHA-256 is {run['file']}.")
        made = ceremony.seal(given, out, beacon=beacon)
        operations.record_seal(
            circuit=size.name,
            before=known[-1] if known else run["start"],
            made=made,
            file=ceremony.sha256(out),
            by=by,
            at=now(),
            key=str(uuid7()),
        )
        self.stdout.write(f"Sealed by the beacon {beacon}. Now: manage.py ceremony finish {readings} PHASE1 {out}")

    def _finish(self, *, readings: int, phase1: Path, file: Path, **_: Any) -> None:
        size, by = _class_of(readings), _operator()
        run = _of_this_circuit(size)
        _sealed_with(run, file)
        with _constraints(size) as (constraints, module):
            _same_start(run, constraints, phase1)
            ceremony.verify(constraints, phase1, file)
        key = ceremony.verification_key(file)
        CeremonyKeys(Path(settings.PROOF_CACHE_DIR)).take_in(size, file, key, module)
        if run["status"] == "sealed":
            operations.finish(
                circuit=size.name,
                run=run["run"],
                verifying=key,
                file=ceremony.sha256(file),
                by=by,
                at=now(),
                key=str(uuid7()),
            )
        self.stdout.write(f"Finished: {size.name} has the verification key {key.digest}. It is on the ledger,")
        self.stdout.write("and this installation proves under it from now on. Other provers: say finish there too.")

    def _check(self, *, readings: int, phase1: Path, file: Path, start: Path | None, **_: Any) -> None:
        size = _class_of(readings)
        run = _of_this_circuit(size)
        found = ceremony.read_transcript(file)
        ledger = [one["hash"] for one in run["contributions"]] + ([run["seal"]] if "seal" in run else [])
        hashes = [one.hash for one in found.contributions]
        if found.start != run["start"] or hashes != ledger[: len(hashes)]:
            raise CommandError("The file's contributions are not those on the ledger: ask its sender for the true one.")
        _verify(size, run, phase1, file, start)
        self.stdout.write(f"Holds: {size.name}, {len(hashes)} of the {len(ledger)} contributions on the ledger.")
        if "key" in run and hashes == ledger:
            digest = ceremony.verification_key(file).digest
            if digest != run["key"]:
                raise CommandError("The file's verification key is not the one on the ledger.")
            self.stdout.write(f"Its verification key is the one on the ledger: {digest}")

    def _state(self, **_: Any) -> None:
        found = queries.ceremonies()
        names = dict(Party.objects.values_list("id", "code"))
        for circuit, run in sorted(found.items()):
            self.stdout.write(f"{circuit}: {run['status']}, ends with: {run['beacon_source']}")
            for number, one in enumerate(run["contributions"], start=1):
                code = next((code for party, code in names.items() if str(party) == one["party"]), one["party"])
                self.stdout.write(f"  {number}. {code}: {one['hash']}")
            if "beacon" in run:
                self.stdout.write(f"  beacon {run['beacon']}")
            self.stdout.write(f"  newest file (SHA-256): {run['file']}")
            if "key" in run:
                self.stdout.write(f"  verification key: {run['key']}")
        if not found:
            self.stdout.write("No ceremony is on the ledger.")


def _size(parser: ArgumentParser) -> None:
    parser.add_argument("readings", type=int, help="the circuit's capacity class, such as 600")


def _start(parser: ArgumentParser) -> None:
    words = "the file that begin made, if you have it: it is not made anew, which saves most of the time"
    parser.add_argument("--start", type=Path, help=words)


def _class_of(readings: int) -> CapacityClass:
    found = next((size for size in CLASSES if size.readings == readings), None)
    if found is None:
        there = ", ".join(str(size.readings) for size in CLASSES)
        raise CommandError(f"No circuit holds {readings} readings. There are: {there}.")
    return found


@contextmanager
def _constraints(size: CapacityClass) -> Iterator[tuple[Path, bytes]]:
    """The circuit's constraints as a file, and its witness calculator; groth16py compiles, in a process of its own."""
    folder = UnsafeDevelopmentKeys(Path(settings.PROOF_CACHE_DIR)).ensure(size).folder
    module = (folder / WITNESS).read_bytes()
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "circuit.r1cs"
        file.write_bytes(write_r1cs(read_constraints((folder / PROVING_KEY).read_bytes(), module)))
        yield file, module


def _of_this_circuit(size: CapacityClass) -> dict[str, Any]:
    run = queries.ceremony_of(size.name)
    if run["circuit_digest"] != size.digest():
        raise CommandError(
            "The ceremony on the ledger was begun with other sources of the circuit. Use the release of Needlepoint "
            "that it was begun with, or begin another."
        )
    return run


def _same_phase1(run: dict[str, Any], phase1: Path) -> None:
    if ceremony.sha256(phase1) != run["phase1"]:
        raise CommandError(f"{phase1} is not the first phase that the ceremony began with (SHA-256 {run['phase1']}).")


def _same_start(run: dict[str, Any], constraints: Path, phase1: Path) -> None:
    _same_phase1(run, phase1)
    if ceremony.sha256(constraints) != run["constraints"]:
        raise CommandError("The circuit compiled here has other constraints than the ceremony's: do not go on.")


def _verify(size: CapacityClass, run: dict[str, Any], phase1: Path, file: Path, start: Path | None) -> None:
    if start is not None:
        if ceremony.sha256(start) != run["start_file"]:
            raise CommandError(f"{start} is not the file that the ceremony began with (SHA-256 {run['start_file']}).")
        _same_phase1(run, phase1)
        ceremony.verify_from(start, phase1, file)
        return
    with _constraints(size) as (constraints, _module):
        _same_start(run, constraints, phase1)
        ceremony.verify(constraints, phase1, file)


def _sealed_with(run: dict[str, Any], file: Path) -> None:
    """Raise unless the file holds exactly the accepted contributions and the seal."""
    if run["status"] == "open":
        raise CommandError("The ceremony is not sealed. Say manage.py ceremony beacon first.")
    expected = [*(one["hash"] for one in run["contributions"]), run["seal"]]
    if [one.hash for one in ceremony.read_transcript(file).contributions] != expected:
        raise CommandError("This is not the file that the beacon sealed: the ledger has other contributions.")


def _operator() -> Actor:
    operator = Party.objects.filter(kind=PartyKind.OPERATOR).order_by("code").first()
    if operator is None:
        raise CommandError("No consortium operator is enrolled. Load the consortium first.")
    return _acting(operator, {operations.RUN, "document.publish"})


def _contributor(party: Party) -> Actor:
    return _acting(party, {operations.CONTRIBUTE})


def _acting(party: Party, permissions: set[str]) -> Actor:
    return service_actor(
        party=party.pk,
        party_code=party.code,
        party_kind=party.kind,
        service="key ceremony",
        permissions=frozenset(permissions),
    )


@contextmanager
def _plainly() -> Iterator[None]:
    try:
        yield
    except Refusal as refusal:
        raise CommandError(refusal.message) from refusal
    except (CeremonyError, KeySetupFailed) as problem:
        raise CommandError(str(problem)) from problem
