"""The shared rules of key ceremonies: begun once, each member's contribution on the one before, a beacon, an end. Pure.

One chain for all ceremonies, so that a beacon serves once in any of them. Hashes of contributions and of the start are
those that snarkjs says (BLAKE2b-512); files are named by SHA-256, so anyone can tell which one was meant.
"""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from ledger.ids import derived
from ledger.log.contract import Refused, State, World
from ledger.log.entries import Entry

KIND = "ceremony"
BEGUN = "ledger.ceremony.begun/v1"
CONTRIBUTED = "ledger.ceremony.contributed/v1"
SEALED = "ledger.ceremony.sealed/v1"
FINISHED = "ledger.ceremony.finished/v1"
LEAST = 2
"""Contributions by so many organisations at least: with one, that one could forge."""
_CIRCUIT = re.compile(r"segment-[1-9][0-9]{0,5}/v[1-9][0-9]?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BLAKE2B = re.compile(r"[0-9a-f]{128}")


def subject() -> UUID:
    """The subject of the chain of ceremonies."""
    return derived(KIND, "proof-keys")


class CeremonyContract:
    """State: the newest ceremony of each circuit, every beacon that was used, every key with which one ended."""

    chain_kind = KIND

    def initial(self) -> State:
        return {"circuits": {}, "beacons": [], "keys": []}

    def admit(self, state: State, entry: Entry, world: World) -> State:
        acts = {BEGUN: _begun, CONTRIBUTED: _contributed, SEALED: _sealed, FINISHED: _finished}
        if entry.type not in acts:
            raise Refused(f"The shared rules know no record “{entry.type}” of a ceremony.")
        if entry.subject != subject():
            raise Refused("Ceremonies are recorded on the one chain of ceremonies.")
        if entry.type != CONTRIBUTED and world.party(entry.party).kind != "operator":
            raise Refused("The consortium's operator begins, seals and finishes a ceremony.")
        circuit = _matching(entry, "circuit", _CIRCUIT)
        after = acts[entry.type](state, entry, world, circuit)
        beacons = [*state["beacons"], after["beacon"]] if entry.type == SEALED else state["beacons"]
        keys = [*state["keys"], after["key"]] if entry.type == FINISHED else state["keys"]
        return {"circuits": {**state["circuits"], circuit: after}, "beacons": beacons, "keys": keys}


def _begun(state: State, entry: Entry, world: World, circuit: str) -> dict[str, Any]:
    before = state["circuits"].get(circuit)
    if before and before["status"] != "finished":
        raise Refused(f"A ceremony of {circuit} is under way. Finish it before another begins.")
    source = entry.body.get("beacon_source")
    if not isinstance(source, str) or not 10 <= len(source) <= 300:
        raise Refused("Say before it begins which public random beacon will end it, such as a block still to come.")
    return {
        "run": before["run"] + 1 if before else 1,
        "status": "open",
        "circuit_digest": _matching(entry, "circuit_digest", _SHA256),
        "constraints": _matching(entry, "constraints", _SHA256),
        "phase1": _matching(entry, "phase1", _SHA256),
        "start": _matching(entry, "start", _BLAKE2B),
        "file": _matching(entry, "file", _SHA256),
        "start_file": entry.body["file"],
        "beacon_source": source,
        "contributions": [],
    }


def _contributed(state: State, entry: Entry, world: World, circuit: str) -> dict[str, Any]:
    run = _open(state, circuit)
    _follows(run, entry)
    if entry.body.get("number") != len(run["contributions"]) + 1:
        raise Refused(f"The next contribution is number {len(run['contributions']) + 1}.")
    if str(entry.party) in {one["party"] for one in run["contributions"]}:
        raise Refused("This organisation has contributed. Another one's contribution adds trust; a second adds none.")
    made = {
        "party": str(entry.party),
        "hash": _matching(entry, "contribution", _BLAKE2B),
        "file": _matching(entry, "file", _SHA256),
    }
    return {**run, "file": made["file"], "contributions": [*run["contributions"], made]}


def _sealed(state: State, entry: Entry, world: World, circuit: str) -> dict[str, Any]:
    run = _open(state, circuit)
    _follows(run, entry)
    if len(run["contributions"]) < LEAST:
        raise Refused(f"At least {LEAST} organisations contribute before the beacon. Ask another member.")
    beacon = _matching(entry, "beacon", _SHA256)
    if beacon in state["beacons"]:
        raise Refused("This beacon has been used. Take the next value of the announced source.")
    exponent = entry.body.get("exponent")
    if not isinstance(exponent, int) or isinstance(exponent, bool) or not 10 <= exponent <= 63:
        raise Refused("The beacon's exponent is a whole number from 10 to 63.")
    sealed = {"seal": _matching(entry, "contribution", _BLAKE2B), "file": _matching(entry, "file", _SHA256)}
    return {**run, **sealed, "status": "sealed", "beacon": beacon, "exponent": exponent}


def _finished(state: State, entry: Entry, world: World, circuit: str) -> dict[str, Any]:
    run = state["circuits"].get(circuit)
    if not run or run["status"] != "sealed":
        raise Refused("A ceremony is finished after its beacon. See manage.py ceremony state.")
    if entry.body.get("file") != run["file"]:
        raise Refused("The key is not of the file that the beacon sealed. Finish with that file.")
    key = _matching(entry, "key", _SHA256)
    if world.document(key).get("protocol") != "groth16":
        raise Refused("The verification key has to be on the ledger before the ceremony ends with it.")
    return {**run, "status": "finished", "key": key}


def _open(state: State, circuit: str) -> dict[str, Any]:
    run: dict[str, Any] | None = state["circuits"].get(circuit)
    if run is None or run["status"] == "finished":
        raise Refused(f"No ceremony of {circuit} is under way. The operator begins one.")
    if run["status"] != "open":
        raise Refused("The beacon has sealed this ceremony: nothing can be added. Finish it.")
    return run


def _follows(run: dict[str, Any], entry: Entry) -> None:
    last = run["contributions"][-1]["hash"] if run["contributions"] else run["start"]
    if entry.body.get("before") != last:
        raise Refused(f"It does not follow the newest accepted contribution, {last[:16]}…. Contribute to that file.")


def _matching(entry: Entry, name: str, form: re.Pattern[str]) -> str:
    value = entry.body.get(name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise Refused(f"“{name}” of the ceremony's record is not well formed.")
    return value
