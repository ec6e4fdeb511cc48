"""What each kind of record is called, in one place: timelines, the ledger's pages and the audit trail say the same."""

from __future__ import annotations

from collections.abc import Mapping

from custody.contract.closing import CLOSED, CLOSED_WITH_REASON, HALTED
from custody.contract.corrections import CORRECTED
from custody.contract.holds import AGREED, BROKEN, HELD
from custody.rules import type_words

OF_A_THERAPY: Mapping[str, str] = {
    "custody.therapy.ended/v1": "Therapy ended",
    "custody.label.reprinted/v1": "Label printed again",
    "custody.itinerary.moved/v1": "Slot chain moved",
    CORRECTED: "Value corrected",
    "custody.identity.stopped/v1": "Identity stop",
    HALTED: "Halted by an answer",
    "custody.exception.opened/v1": "Exception opened",
    CLOSED: "Exception closed",
    CLOSED_WITH_REASON: "Exception closed",
    "custody.oos.requested/v1": "Physician asked for supply",
    "custody.oos.evaluated/v1": "Risk evaluated by the maker",
    "custody.oos.accepted/v1": "Physician accepted the risk",
    "custody.oos.informed/v1": "Authority informed",
    "custody.transfer.offered/v1": "Handed over on the way",
    "custody.transfer.accepted/v1": "Taken over on the way",
    "custody.handoff.refused/v1": "Hand-over refused",
    "custody.readings.committed/v1": "Readings committed",
    "custody.proof.published/v1": "Proof published",
    "custody.proof.refused/v1": "Cannot be proven",
    HELD: "Held: the ledger has forked",
    AGREED: "Records confirmed after the fork",
    BROKEN: "Freed in an emergency: one of two signatures",
}
"""Records of a therapy that are no step of its protocol; a step is called by its protocol's title."""
_OTHERS: Mapping[str, str] = {
    "custody.device.registered/v1": "Logger registered",
    "custody.disclosure.answered/v1": "Fields disclosed",
    "custody.disclosure.asked/v1": "Fields asked for",
    "custody.disclosure.given/v1": "Fields shared",
    "custody.disclosure.refused/v1": "Disclosure refused",
    "custody.disclosure.taken_back/v1": "Request for fields taken back",
    "custody.disclosure.withdrawn/v1": "Disclosure withdrawn",
    "custody.emergency.ended/v1": "Emergency access ended",
    "custody.emergency.opened/v1": "Glass broken in an emergency",
    "custody.erasure.asked/v1": "Erasure of a patient asked for",
    "custody.erasure.done/v1": "Patient erased",
    "custody.erasure.withdrawn/v1": "Erasure of a patient withdrawn",
    "custody.identity.corrected/v1": "Patient’s identity corrected",
    "custody.restriction.set/v1": "Use of a patient’s data restricted",
    "custody.restriction.lifted/v1": "Restriction of a patient’s data lifted",
    "custody.copy.given/v1": "Copy given to a patient",
    "custody.inspection.closed/v1": "Inspection closed",
    "custody.inspection.opened/v1": "Inspection opened",
    "custody.report.signed/v1": "Report signed",
    "ledger.access.reviewed/v1": "Access reviewed",
    "ledger.ceremony.begun/v1": "Key ceremony begun",
    "ledger.ceremony.contributed/v1": "Contribution to a key ceremony",
    "ledger.ceremony.finished/v1": "Key ceremony finished",
    "ledger.ceremony.sealed/v1": "Key ceremony sealed by a beacon",
    "ledger.document.published/v1": "Document published",
    "ledger.log.opened/v1": "Member’s own log opened",
    "ledger.party.enrolled/v1": "Member enrolled",
    "ledger.key.added/v1": "Key added",
    "ledger.key.added/v2": "Key added",
    "ledger.key.rotated/v1": "Key rotated",
    "ledger.key.revoked/v1": "Key revoked",
    "ledger.key.reissued/v1": "Key issued anew",
    "ledger.key.backed_up/v1": "Key backed up",
    "ledger.key.backup_rehearsed/v1": "Key recovery rehearsed",
    "ledger.log_key.announced/v1": "Successor of the log’s key announced",
    "ledger.log_key.stopped/v1": "The log’s old key stopped",
    "ledger.person.key_bound/v1": "Person’s signing key bound",
    "ledger.person.key_revoked/v1": "Person’s signing key revoked",
}
WORDS: Mapping[str, str] = {**OF_A_THERAPY, **_OTHERS}


def words_of(record_type: str) -> str:
    """A record's type in words; where none stand here, by its name: `custody.step.performed/v1`, “Step performed”."""
    return WORDS.get(record_type) or type_words(record_type)


def types_said(word: str) -> list[str]:
    """The types whose words hold this word, whatever their own names are."""
    wanted = word.casefold()
    return [record_type for record_type, words in WORDS.items() if wanted in words.casefold()]
