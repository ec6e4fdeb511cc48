"""The shared rules of a device's chain: who may register a logger, and with which keys. Pure."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from ledger.crypto import ed25519
from ledger.crypto.errors import VerificationError
from ledger.log.contract import Refused, State, World
from ledger.log.entries import Entry
from ledger.proofs.babyjubjub import InvalidPoint, PublicKey
from ledger.proofs.field import parse_element
from ledger.proofs.registry import REGISTRY_CAPACITY

REGISTERED = "custody.device.registered/v1"
SERIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{2,39}")
KINDS = frozenset({"logger", "gateway"})
OWNER_KINDS = frozenset({"treatment_centre", "manufacturer", "courier", "operator"})
_KEY = re.compile(r"[0-9a-f]{64}")


class DeviceContract:
    """A device is registered once, by an organisation that handles shipments, with keys that are sound."""

    chain_kind = "device"

    def initial(self) -> State:
        return {"status": "none"}

    def admit(self, state: State, entry: Entry, world: World) -> State:
        if entry.type != REGISTERED:
            raise Refused(f"The shared rules know no record “{entry.type}” of a device.")
        if state["status"] != "none":
            raise Refused("This device is already registered.")
        if world.party(entry.party).kind not in OWNER_KINDS:
            raise Refused("Only an organisation that makes, carries or gives cells registers a logger.")
        body = entry.body
        serial, kind, place = body.get("serial"), body.get("kind"), body.get("place")
        if not isinstance(serial, str) or not SERIAL.fullmatch(serial):
            raise Refused("A serial number has 3 to 40 letters, digits, full stops, hyphens, underscores or slashes.")
        if kind not in KINDS:
            raise Refused("A device is a logger or a gateway.")
        if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < REGISTRY_CAPACITY:
            raise Refused(f"The device registry has {REGISTRY_CAPACITY:,} places; this one lies outside.")
        after = copy.deepcopy(state)
        after.update(
            status="registered",
            serial=serial,
            kind=kind,
            place=place,
            party=str(entry.party),
            ed25519=_ed25519(body.get("ed25519")),
            babyjubjub=_babyjubjub(body.get("babyjubjub")),
        )
        return after


def _ed25519(value: Any) -> str:
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise Refused("The device's Ed25519 key must be 32 bytes in hexadecimal.")
    try:
        ed25519.check_public_key(bytes.fromhex(value))
    except VerificationError as problem:
        raise Refused(f"The device's Ed25519 key cannot be used: {problem}") from problem
    return value


def _babyjubjub(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or set(value) != {"x", "y"}:
        raise Refused("The device's BabyJubJub key must have the coordinates x and y.")
    try:
        PublicKey(parse_element(value["x"]), parse_element(value["y"]))
    except (ValueError, InvalidPoint) as problem:
        raise Refused(f"The device's BabyJubJub key cannot be used: {problem}") from problem
    return {"x": value["x"], "y": value["y"]}
