"""Keys are added, rotated and revoked by records, and are judged by their place in the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from io import StringIO
from uuid import UUID

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import transaction

from ledger.bundles import checks
from ledger.bundles.export import bundle_of
from ledger.bundles.report import report
from ledger.crypto import dsse
from ledger.crypto.ed25519 import InMemorySigner
from ledger.errors import NotPermitted
from ledger.log import evidence, log_keys, sequencer
from ledger.log import queries as ledger_queries
from ledger.log.contract import Refused
from ledger.log.models import Record
from ledger.log.operations import append, lock_chain
from ledger.log.verification import findings
from ledger.log.world import DatabaseWorld
from ledger.parties import key_operations as keys
from ledger.parties import operations, queries, signing
from ledger.parties.actor import Actor, service_actor
from ledger.parties.contract import operator_of
from ledger.parties.models import PartyKey
from tests.factories import keys as given

pytestmark = pytest.mark.django_db(transaction=True)

ANOTHER = InMemorySigner(b"\x2a" * 32)


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    for forget in (DatabaseWorld.forget, queries.forget, signing.forget):
        forget()
    yield
    signing.forget()


@pytest.fixture
def member(at: datetime) -> Actor:
    for code, kind in (("OPERATOR", "operator"), ("PAY-1", "payer")):
        operations.enrol_party(
            code=code, name=f"Member {code}", kind=kind, country="DE", city="Heidelberg", time_zone="Europe/Berlin",
            by=operations.founding_actor(), at=at, key=f"enrol-{code}",
        )  # fmt: skip
    return _actor(queries.party_coded("PAY-1").id, "PAY-1", "payer")


@pytest.fixture
def operator(member: Actor) -> Actor:
    return _actor(operator_of(settings.LOG_ORIGIN), "OPERATOR", "operator")


def _actor(party: UUID, code: str, kind: str) -> Actor:
    return service_actor(
        party=party, party_code=code, party_kind=kind, service="x",
        permissions=frozenset({"keys.manage", "party.enrol"}),
    )  # fmt: skip


def in_force(member: Actor) -> list[PartyKey]:
    return list(PartyKey.objects.filter(party_id=member.party, ended_by=None).order_by("seq"))


def signed_with(record: Record) -> str:
    return dsse.keyids_of(bytes(record.envelope))[0]


def sound() -> list[str]:
    sequencer.drain()
    return [str(finding) for finding in findings()]


def test_a_rotated_key_signs_no_more_and_its_records_stay_good(member: Actor, at: datetime) -> None:
    old = in_force(member)[0]
    rotated = keys.rotate_key(by=member, at=at, key="rotate-1")
    after = keys.add_key(by=member, at=at, key="add-key-1")
    fresh = in_force(member)[0]
    assert (signed_with(rotated), signed_with(after)) == (old.key_id, fresh.key_id)
    old.refresh_from_db()
    assert (old.ended_how, old.ended_by_id) == ("rotated", rotated.id)
    assert sound() == []


def test_a_spare_key_does_not_sign_before_it_is_needed(member: Actor, at: datetime) -> None:
    spare = keys.add_key(by=member, at=at, key="add-key-1")
    assert signing.signer_for(member.party).key_id == in_force(member)[0].key_id
    assert PartyKey.objects.get(added_by=spare).origin == "added"


def test_a_lost_key_is_revoked_with_the_spare_one(member: Actor, at: datetime) -> None:
    keys.add_key(by=member, at=at, key="add-key-1")
    lost, spare = in_force(member)
    revoked = keys.revoke_key(key_id=lost.key_id, reason="lost", by=member, at=at, key="revoke-1")
    assert signed_with(revoked) == spare.key_id
    assert signing.signer_for(member.party).key_id == spare.key_id
    assert sound() == []


def test_the_last_key_is_not_revoked_by_its_organisation(member: Actor, at: datetime) -> None:
    only = in_force(member)[0]
    with pytest.raises(signing.KeyNotHeld, match="No other key"):
        keys.revoke_key(key_id=only.key_id, reason="lost", by=member, at=at, key="revoke-1")
    assert in_force(member) == [only]


def test_after_a_total_loss_the_operator_revokes_and_issues_anew(member: Actor, operator: Actor, at: datetime) -> None:
    only = in_force(member)[0]
    keys.revoke_key(key_id=only.key_id, reason="lost", by=operator, at=at, key="revoke-1", party=member.party)
    with pytest.raises(signing.KeyNotHeld):
        keys.add_key(by=member, at=at, key="add-key-1")
    keys.reissue_key(party=member.party, by=operator, at=at, key="reissue-1")
    assert [row.origin for row in in_force(member)] == ["reissued"]
    keys.add_key(by=member, at=at, key="add-key-2")
    assert sound() == []


def test_the_operator_takes_no_key_of_a_member_that_has_a_spare_one(
    member: Actor, operator: Actor, at: datetime
) -> None:
    keys.add_key(by=member, at=at, key="add-key-1")
    first = in_force(member)[0]
    with pytest.raises(Refused, match="last key"):
        keys.revoke_key(key_id=first.key_id, reason="lost", by=operator, at=at, key="revoke-1", party=member.party)
    with pytest.raises(Refused, match="still has a key"):
        keys.reissue_key(party=member.party, by=operator, at=at, key="reissue-1")


def test_another_member_touches_no_key(member: Actor, at: datetime) -> None:
    stranger = _actor(member.party, "PAY-1", "payer")
    stranger = service_actor(
        party=operator_of("elsewhere"), party_code="X", party_kind="payer", service="x",
        permissions=stranger.permissions,
    )  # fmt: skip
    with pytest.raises(NotPermitted):
        keys.reissue_key(party=member.party, by=stranger, at=at, key="reissue-1")


def test_a_member_that_left_gets_no_key(member: Actor, operator: Actor, at: datetime) -> None:
    only = in_force(member)[0]
    keys.revoke_key(key_id=only.key_id, reason="ceased", by=operator, at=at, key="revoke-1", party=member.party)
    with pytest.raises(Refused, match="left the consortium"):
        keys.reissue_key(party=member.party, by=operator, at=at, key="reissue-1")


def test_a_key_from_elsewhere_is_taken_with_its_own_signature_only(member: Actor, at: datetime) -> None:
    public_key = ANOTHER.public_key.hex()
    with pytest.raises(Refused, match="did not sign its own entry"):
        keys.add_key(by=member, at=at, key="add-key-1", public_key=public_key, possession="00" * 64)
    with pytest.raises(Refused, match="has to sign its own entry"):
        keys.add_key(by=member, at=at, key="add-key-2", public_key=public_key)
    statement = keys.statement_for(party=member.party, public_key=public_key)
    proof = ANOTHER.sign(statement).hex()
    keys.add_key(by=member, at=at, key="add-key-3", public_key=public_key, possession=proof)
    assert public_key in {row.public_key for row in in_force(member)}


def test_a_key_comes_once(member: Actor, operator: Actor, at: datetime) -> None:
    theirs = in_force(operator)[0].public_key
    with pytest.raises(keys.KeyTaken):
        keys.add_key(by=member, at=at, key="add-key-1", public_key=theirs, possession="00" * 64)


@pytest.mark.parametrize("weak", ["00" * 32, "01" + "00" * 31, "ed" + "ff" * 30 + "7f", "zz", "ff" * 31])
def test_a_weak_key_is_refused(weak: str, member: Actor, at: datetime) -> None:
    """Points of small order, non-canonical encodings and what is no key at all (RFC 8032, §5.1.3)."""
    with pytest.raises(keys.PublicKeyRefused):
        keys.add_key(public_key=weak, possession="00" * 64, by=member, at=at, key="add-key-1")
    assert len(in_force(member)) == 1


def test_records_since_a_key_was_in_other_hands_are_marked_and_hold(member: Actor, at: datetime) -> None:
    keys.add_key(by=member, at=at, key="add-key-1")
    first = in_force(member)[0]
    late = keys.add_key(by=member, at=at + timedelta(hours=2), key="add-key-2")
    since = at + timedelta(hours=1)
    keys.revoke_key(
        key_id=first.key_id, reason="compromised", compromised_at=since,
        by=member, at=at + timedelta(hours=3), key="revoke-1",
    )  # fmt: skip
    assert sound() == []
    views = ledger_queries.chain_records(kind="register", subject=member.party)
    assert {view.standing for view in views} == {"verified"}
    assert {view.id: view.doubtful_since for view in views if view.doubtful_since} == {late.id: since}
    assert ledger_queries.standings([late.id])[late.id].doubtful_since == since


def test_a_rotated_key_can_be_called_compromised_later(member: Actor, at: datetime) -> None:
    first = in_force(member)[0]
    keys.rotate_key(by=member, at=at + timedelta(hours=1), key="rotate-1")
    keys.revoke_key(
        key_id=first.key_id, reason="compromised", compromised_at=at, by=member, at=at + timedelta(hours=2),
        key="revoke-1",
    )  # fmt: skip
    first.refresh_from_db()
    assert (first.ended_how, first.doubtful_since) == ("compromised", at)
    assert sound() == []


def test_a_signature_with_a_revoked_key_is_located_whatever_date_it_claims(member: Actor, at: datetime) -> None:
    sequencer.drain()
    old = signing.signer_for(member.party)
    keys.rotate_key(by=member, at=at + timedelta(days=1), key="rotate-1")
    forged = _past_the_guard(member, old, at=at)
    found = sound()
    assert len(found) == 1
    assert str(forged.id) in found[0]
    assert f"key {old.key_id}, which was replaced by another" in found[0]
    view = ledger_queries.standings([forged.id])[forged.id]
    assert (view.standing, "replaced by another" in view.problem) == ("broken", True)


def test_the_operation_does_not_sign_with_a_key_that_was_ended_meanwhile(member: Actor, at: datetime) -> None:
    stale = signing.signer_for(member.party)
    keys.rotate_key(by=member, at=at, key="rotate-1")
    signing._kept[member.party] = stale
    record = keys.add_key(by=member, at=at, key="add-key-1")
    assert signed_with(record) == in_force(member)[0].key_id


def _past_the_guard(member: Actor, old: signing.PartySigner, *, at: datetime) -> Record:
    """A record signed with a key that was ended, as somebody would write it who has the key and the database."""
    free: Callable[..., None] = lambda party, chosen: None  # noqa: E731
    held, signing.holding = signing.holding, free  # type: ignore[assignment]
    try:
        with transaction.atomic():
            chain = lock_chain(kind="register", subject=member.party)
            return append(
                chain=chain, by=member, type="ledger.key.added/v2", body=_spare(chain), meaning="key added",
                occurred_at=at, at=at, key="forged-1", signed_by=old,
            )  # fmt: skip
    finally:
        signing.holding = held


def _spare(chain: object) -> dict[str, str]:
    public_key = ANOTHER.public_key.hex()
    statement = keys._statement(chain, public_key, log=settings.LOG_ORIGIN)  # type: ignore[arg-type]
    return {"public_key": public_key, "possession": ANOTHER.sign(statement).hex()}


def test_the_command_that_verifies_counts_records_in_doubt(member: Actor, at: datetime) -> None:
    keys.add_key(by=member, at=at, key="add-key-1")
    first = in_force(member)[0]
    keys.add_key(by=member, at=at + timedelta(hours=2), key="add-key-2")
    keys.revoke_key(
        key_id=first.key_id, reason="lost", compromised_at=at + timedelta(hours=1),
        by=member, at=at + timedelta(hours=3), key="revoke-1",
    )  # fmt: skip
    sequencer.drain()
    said = StringIO()
    call_command("verify", "--quiet", stdout=said)
    assert "1 of them was signed while the key may have been in other hands" in said.getvalue()


def test_a_bundle_marks_what_was_signed_in_other_hands(member: Actor, at: datetime) -> None:
    keys.add_key(by=member, at=at, key="add-key-1")
    first = in_force(member)[0]
    late = keys.add_key(by=member, at=at + timedelta(hours=2), key="add-key-2")
    keys.revoke_key(
        key_id=first.key_id, reason="compromised", compromised_at=at + timedelta(hours=1),
        by=member, at=at + timedelta(hours=3), key="revoke-1",
    )  # fmt: skip
    sequencer.drain()
    bundle = bundle_of(kind="register", subject=member.party, at=at)
    verdict = checks.check(bundle, log_key=bundle.log_key)
    marked = [line.entry_hash for line in verdict.records if line.doubtful_since]
    assert (verdict.problems, marked) == ([], [late.entry_hash])
    assert report(verdict).count("SIGNED WHILE THE KEY MAY HAVE BEEN IN OTHER HANDS") == 1


def test_a_bundle_is_accepted_under_either_key_of_the_log_while_it_changes(member: Actor, at: datetime) -> None:
    sequencer.drain()
    old = evidence.log_key()
    given.announced(at=at)
    sequencer.drain()
    bundle = bundle_of(kind="register", subject=member.party, at=at)
    for known in (old, evidence.log_key(), [old, evidence.log_key()]):
        assert checks.check(bundle, log_key=known).holds
    given_day = at + timedelta(days=31)
    log_keys.stop_log_key(by=given.steward(), at=given_day, key="stop-0001")
    sequencer.drain()
    after = bundle_of(kind="register", subject=member.party, at=at)
    assert not checks.check(after, log_key=old).holds
    assert checks.check(after, log_key=[old, evidence.log_key()]).holds
