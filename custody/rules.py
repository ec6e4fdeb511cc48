"""The shared rules of custody, made known, and how its records read to a verifier. Pure."""

from __future__ import annotations

from uuid import UUID

from custody.compliance.ledger_inputs import ledger_inputs
from custody.contract import TherapyContract, disclosing, emergency, erasure, rights
from custody.contract.proofs import INPUTS
from custody.oversight import rules as oversight
from custody.protocols import document
from custody.protocols.document import RECORD_TYPES
from custody.telemetry.contract import DeviceContract
from ledger.bundles import readers
from ledger.bundles.readers import Claim, Facts
from ledger.log import contract, document_rules
from ledger.log.contract import State
from ledger.log.entries import Entry
from ledger.proofs.babyjubjub import PublicKey
from ledger.proofs.registry import registry_root

PROOF_PUBLISHED = "custody.proof.published/v1"
UNSAFE_KEY = "unsafe_proof_key"
PROOF_KEYS = frozenset({UNSAFE_KEY, "proof_key"})


class RegistryIncomplete(ValueError):
    """Not every device of the registry that the proof speaks of is among the records."""


class KeyNotPublished(ValueError):
    """The proof's key is a document of another kind."""


def register() -> None:
    """Make rules and readers known, once."""
    contract.register(TherapyContract())
    contract.register(DeviceContract())
    contract.register(erasure.PatientContract())
    contract.register(disclosing.DisclosureContract())
    contract.register(emergency.EmergencyContract())
    contract.register(oversight.InspectionContract())
    contract.register(oversight.ReportContract())
    document_rules.check_kind("protocol", document.read)
    readers.name_records("therapy", title)
    readers.name_records(erasure.KIND, privacy_title)
    readers.name_records(disclosing.KIND, privacy_title)
    readers.name_records(emergency.KIND, privacy_title)
    readers.read_claims(PROOF_PUBLISHED, claim)


def type_words(record_type: str) -> str:
    """A record's type as words: `custody.step.corrected/v1` becomes “Step corrected”."""
    return record_type.rsplit("/", 1)[0].split(".", 1)[-1].replace(".", " ").replace("_", " ").capitalize()


def title(state: State, entry: Entry, facts: Facts) -> str:
    """The protocol's own title of the step, or the record's type in words."""
    words = type_words(entry.type)
    if entry.type not in RECORD_TYPES.values():
        return words
    step = document.read(facts.document(state["protocol"])).step(str(entry.body.get("step", "")))
    return f"{step.title} ({words.lower()})" if step else words


def privacy_title(state: State, entry: Entry, facts: Facts) -> str:
    """What a record of a patient's or a disclosure's chain is called."""
    return {
        emergency.OPENED: "Glass broken",
        emergency.ENDED: "Emergency access ended",
        disclosing.ASKED: "Disclosure asked for",
        disclosing.ANSWERED: "Fields disclosed",
        disclosing.REFUSED: "Disclosure refused",
        disclosing.GIVEN: "Fields shared",
        disclosing.WITHDRAWN: "Disclosure withdrawn",
        rights.CORRECTED: "Identity corrected",
        rights.RESTRICTED: "Use restricted",
        rights.LIFTED: "Restriction lifted",
        rights.COPIED: "Copy given to the patient",
        erasure.ASKED: "Erasure asked for",
        erasure.WITHDRAWN: "Erasure withdrawn",
        erasure.DONE: "Patient data erased",
    }.get(entry.type, entry.type)


def claim(state: State, entry: Entry, facts: Facts) -> Claim:
    """The compliance proof in a record, beside what the records before it say."""
    body = entry.body
    protocol = document.read(facts.document(state["protocol"]))
    segment = next(known for known in protocol.segments if known.code == body["segment"])
    kind = facts.document_kind(body["key"])
    if kind not in PROOF_KEYS:
        raise KeyNotPublished("its verification key was not published as one")
    expected = ledger_inputs(
        state=state,
        therapy=UUID(str(entry.subject)),
        protocol=protocol,
        segment=segment,
        device_registry=_registry_root(facts, int(body["registry_size"])),
        circuit=str(body["circuit"]),
    )
    return Claim(
        title=segment.title,
        inputs=tuple(int(body["inputs"][name]) for name in INPUTS),
        expected=tuple(expected),
        proof=bytes.fromhex(body["proof"]),
        key=facts.document(body["key"]),
        unsafe=kind == UNSAFE_KEY,
    )


def _registry_root(facts: Facts, size: int) -> int:
    """The registry's root over its first `size` places."""
    devices = {device["place"]: device["babyjubjub"] for device in facts.states("device")}
    if not all(place in devices for place in range(size)):
        raise RegistryIncomplete(f"the first {size} devices of the registry are not all among the records")
    keys = [PublicKey(int(devices[place]["x"]), int(devices[place]["y"])) for place in range(size)]
    return registry_root(keys)
