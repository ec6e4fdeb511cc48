"""Signing with a key of one's own: on a form, in the record, and what voids it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from allauth.mfa.utils import encrypt
from django.core.cache import cache
from django.db import connection, transaction
from django.urls import reverse

from custody.compliance.bundles import therapy_bundle
from custody.therapies.queries import protocol_by_digest
from ledger.bundles import checks
from ledger.bundles.report import report
from ledger.clock import now
from ledger.crypto import canonical, dsse, merkle
from ledger.ids import uuid7
from ledger.log import sequencer
from ledger.log.audit import audit
from ledger.log.contract import Refused
from ledger.log.models import Record
from ledger.log.queries import chain_records, entry_in
from ledger.log.verification import findings
from ledger.parties import acts, hands, person_operations, signing
from ledger.parties.models import PersonKey
from manufacturing.batches import operations as batches
from portal.accounts import hands as portal_hands
from portal.accounts.demonstration import PASSWORD
from portal.accounts.models import PreparedAct, SigningKey, User
from portal.demonstration.story import Story
from tests.append_only import lifted
from tests.factories.passkeys import Passkey, holding, proof_of, sent_with
from tests.factories.screens import signed_in, step_form
from tests.factories.therapies import Told, small_consortium, told

pytestmark = pytest.mark.django_db
STEP = "transduce"


@pytest.fixture(scope="module")
def told_once(django_db_setup: None, django_db_blocker) -> Iterator[Told]:
    """A therapy whose vector step is next; told once for the module."""
    with django_db_blocker.unblock(), transaction.atomic():
        therapy = told(small_consortium(), Story("told", stop_before=STEP), number=1)
        sequencer.drain()
        yield therapy
        transaction.set_rollback(True)


@pytest.fixture
def therapy(told_once: Told, db: None) -> Told:
    return told_once


@pytest.fixture
def pair(therapy):
    """The one who performs, with a passkey, and the one who verifies."""
    first = therapy.actor("maker", "operator")
    second = therapy.actor("maker", "operator", "qa", "qc_analyst", other_than=first.person)
    key = Passkey()
    key.bind_to(first)
    return first, second, key


def url(therapy: Told, step: str = STEP) -> str:
    return reverse("batch_step", args=[therapy.therapy, step])


def last(therapy: Told) -> Record:
    """The last record that somebody signed: told in August and signed today, a step is late, and that is one more."""
    return therapy.chain.records.exclude(type="custody.exception.opened/v1").order_by("-seq")[0]


def said(response) -> str:
    return " ".join(response.content.decode().split())


def test_a_batch_step_is_signed_by_a_passkey(therapy, pair):
    first, second, key = pair
    answer = sent_with(signed_in(first), url(therapy), step_form(therapy, STEP, second=second), (1, key))

    assert answer.status_code == 303, said(answer)[:3000]
    entry = entry_in(last(therapy))
    assert (entry.body["step"], entry.signer.method, entry.signer.hand.key_id) == (STEP, "passkey", key.key.key_id)
    assert entry.second.hand is None
    assert list(findings()) == []
    assert not PreparedAct.objects.exists()


def test_both_sign_on_one_form_each_with_a_passkey(therapy, pair):
    first, second, key = pair
    other = Passkey()
    other.bind_to(second)
    fields = step_form(therapy, STEP, second=second, second_password="")

    assert sent_with(signed_in(first), url(therapy), fields, (1, key), (2, other)).status_code == 303
    entry = entry_in(last(therapy))
    assert (entry.second.person, entry.second.hand.key_id) == (second.person, other.key.key_id)
    assert list(findings()) == []


def test_without_the_passkey_nothing_is_recorded(therapy, pair):
    first, second, _ = pair
    before = last(therapy).pk
    answer = signed_in(first).post(url(therapy), step_form(therapy, STEP, second=second))

    assert answer.status_code == 422
    assert "You sign with a passkey" in said(answer)
    assert last(therapy).pk == before


def test_showing_an_act_to_a_passkey_leaves_nothing_behind(therapy, pair):
    first, second, _ = pair
    before = last(therapy).pk
    form = step_form(therapy, STEP, second=second)
    shown = signed_in(first).post(url(therapy), form, headers={"X-Needlepoint-Sign": "prepare"})

    assert set(shown.json()["ask"]) == {"1"}
    assert last(therapy).pk == before
    assert list(findings()) == []


def test_an_older_record_of_the_same_person_stays_good(therapy, pair):
    first, _, _ = pair
    earlier = [one for one in therapy.chain.records.all() if one.person == first.person]
    views = {view.id: view for view in chain_records(kind="therapy", subject=therapy.therapy)}

    assert earlier
    assert {views[one.id].standing for one in earlier} <= {"verified", "signed"}
    assert list(findings()) == []


# ── what others make of it ──


def signed_once(therapy, pair):
    first, second, key = pair
    fields = step_form(therapy, STEP, second=second)
    assert sent_with(signed_in(first), url(therapy), fields, (1, key)).status_code == 303
    sequencer.drain()
    return last(therapy)


def test_who_looks_at_the_therapy_sees_that_it_holds_before_and_after_it_has_its_place(therapy, pair):
    first, second, key = pair
    fields = step_form(therapy, STEP, second=second)
    assert sent_with(signed_in(first), url(therapy), fields, (1, key)).status_code == 303

    assert audit(kind="therapy", subject=therapy.therapy).findings == ()
    sequencer.drain()
    assert audit(kind="therapy", subject=therapy.therapy).findings == ()
    assert audit(kind="person", subject=acts.subject_of(first.party, first.person)).findings == ()
    page = signed_in(first).get(reverse("therapy", args=[therapy.therapy]))
    assert page.status_code == 200
    assert "does not verify" not in said(page)


def test_the_bundle_carries_the_key_and_the_report_names_it(therapy, pair):
    signed_once(therapy, pair)
    bundle = therapy_bundle(therapy=therapy.therapy, at=now())
    verdict = checks.check(bundle)

    assert verdict.problems == []
    assert f"with their own passkey, key {pair[2].key.key_id}" in " ".join(report(verdict).split())


def forged(record: Record, change) -> Record:
    """The record with another payload, signed by the party's own key as its operator could."""
    value = canonical.decode(dsse.payload_of(bytes(record.envelope)))
    change(value)
    envelope = dsse.sign(canonical.encode(value), signers=[signing.signer_for(record.party_id).signer])
    with lifted(connection):
        Record.objects.filter(pk=record.pk).update(
            envelope=envelope,
            entry_hash=merkle.sha256_hex(canonical.encode(value)),
            leaf_hash=merkle.leaf_hash(envelope).hex(),
        )
    return Record.objects.get(pk=record.pk)


def test_what_the_party_changes_after_the_person_signed_is_void(therapy, pair):
    record = signed_once(therapy, pair)
    forged(record, lambda value: value["body"]["values"]["moi"].update(value="4.9"))

    assert any("signed something else" in str(finding) for finding in findings())
    view = next(one for one in chain_records(kind="therapy", subject=therapy.therapy) if one.id == record.pk)
    assert (view.standing, view.signatures) == ("broken", ())
    page = said(signed_in(pair[0]).get(reverse("therapy", args=[therapy.therapy])))
    assert "Signature void" in page


def test_a_signature_cannot_be_moved_to_another_record(therapy, pair):
    first, second, key = pair
    record = signed_once(therapy, pair)
    moved = entry_in(record).signer.hand.as_json()
    therapy.on_to("wash-vector")
    other = perform(therapy, "wash-vector", holding(first, key), second)
    sequencer.drain()
    forged(other, lambda value: value["signer"].update(hand=moved))

    assert any("signed something else" in str(finding) for finding in findings())


def test_a_record_cannot_leave_the_signature_out(therapy, pair):
    record = signed_once(therapy, pair)
    forged(record, lambda value: value["signer"].pop("hand"))

    assert any("did not sign this with it" in str(finding) for finding in findings())


def perform(therapy, step, first, second):
    known = protocol_by_digest(therapy.state["protocol"]).step(step)
    return batches.perform_batch_step(
        therapy=therapy.therapy,
        step=step,
        values=therapy.values(step),
        scans=therapy.scans(step),
        by=first,
        second=second if known.needs_second else None,
        at=now(),
        key=f"perform-{uuid7()}",
    )


def test_an_operation_without_the_hand_of_who_has_one_is_refused(therapy, pair):
    first, second, _ = pair
    with pytest.raises(hands.HandWanted):
        perform(therapy, STEP, first, second)
    assert list(findings()) == []


# ── passkeys that should not count ──


def shown(client, therapy, fields):
    return client.post(url(therapy), fields, headers={"X-Needlepoint-Sign": "prepare"}).json()


def test_an_answer_is_good_for_one_form(therapy, pair):
    first, second, key = pair
    client, fields = signed_in(first), step_form(therapy, STEP, second=second)
    asked = shown(client, therapy, fields)
    proof = proof_of(asked, {"1": key.asked(asked["ask"]["1"])})

    other = client.post(url(therapy), step_form(therapy, STEP, second=second) | {"signing_proof": proof})
    assert (other.status_code, "no longer what you signed" in said(other)) == (409, True)
    assert client.post(url(therapy), fields | {"signing_proof": proof}).status_code == 303
    again = client.post(url(therapy), step_form(therapy, STEP, second=second) | {"signing_proof": proof})
    assert (again.status_code, "used before" in said(again)) == (409, True)


def test_changed_values_are_not_what_was_signed(therapy, pair):
    first, second, key = pair
    client, fields = signed_in(first), step_form(therapy, STEP, second=second)
    asked = shown(client, therapy, fields)
    proof = proof_of(asked, {"1": key.asked(asked["ask"]["1"])})
    answer = client.post(url(therapy), fields | {"value_moi": "4.8", "signing_proof": proof})

    assert (answer.status_code, "no longer what you signed" in said(answer)) == (409, True)


def test_a_counter_that_goes_backwards_is_refused(therapy, pair):
    first, second, key = pair
    SigningKey.objects.update(sign_count=40)
    answer = sent_with(signed_in(first), url(therapy), step_form(therapy, STEP, second=second), (1, key))

    assert (answer.status_code, "counter went backwards" in said(answer)) == (409, True)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"flags": 0x01}, "finger, face or PIN"),
        ({"origin": "https://elsewhere.example"}, "another site"),
        ({"origin": "http://testserver:81"}, "another address"),
    ],
)
def test_a_passkey_that_was_asked_wrongly_signs_nothing(therapy, pair, wrong, words):
    first, second, key = pair
    for name, value in wrong.items():
        setattr(key, name, value)
    answer = sent_with(signed_in(first), url(therapy), step_form(therapy, STEP, second=second), (1, key))

    assert (answer.status_code, words in said(answer)) == (422, True)


def test_another_passkey_is_not_the_persons(therapy, pair):
    first, second, _ = pair
    answer = sent_with(signed_in(first), url(therapy), step_form(therapy, STEP, second=second), (1, Passkey()))

    assert (answer.status_code, "not one that you sign with" in said(answer)) == (422, True)


def test_nobody_verifies_their_own_step(therapy, pair):
    first, _, key = pair
    fields = step_form(therapy, STEP, second=first, second_password="")
    answer = sent_with(signed_in(first), url(therapy), fields, (1, key), (2, key))

    assert (answer.status_code, "somebody else than you" in said(answer)) == (403, True)


def test_a_key_that_ended_signs_nothing_more_and_what_it_signed_holds(therapy, pair):
    first, second, key = pair
    signed_once(therapy, pair)
    therapy.on_to("wash-vector")
    row = PersonKey.objects.get(key_id=key.key.key_id)
    person_operations.end_key(
        person=first.person, public_key=row.key, reason="lost", by=holding(first, key), at=now(), key="end-key-1"
    )
    sequencer.drain()
    with pytest.raises(hands.HandKeyEnded):
        perform(therapy, "wash-vector", holding(first, key), second)
    assert list(findings()) == []


def test_only_a_key_in_force_adds_another(therapy, pair):
    first, _, key = pair
    with pytest.raises(Refused, match="one in force"):
        Passkey().bind_to(first)
    more = Passkey()
    person_operations.bind_key(
        public_key=more.key.text, by=holding(first, key), at=now(), key=f"bind-{more.key.key_id}"
    )
    assert PersonKey.objects.filter(person=first.person, ended_by=None).count() == 2
    assert list(findings()) == []


# ── password and authenticator code ──


@pytest.fixture
def by_app(therapy):
    """Somebody with an authenticator app and the key that it releases, and their second person."""
    cache.clear()
    first = therapy.actor("maker", "operator")
    second = therapy.actor("maker", "operator", "qa", "qc_analyst", other_than=first.person)
    secret = with_app(first)
    client = signed_in(first)
    form = {"password": PASSWORD, "code": code_of(secret), "idempotency_key": str(uuid7())}
    assert client.post(reverse("bind_software"), form).status_code == 303
    sequencer.drain()
    cache.clear()
    return client, second, secret


def with_app(actor):
    secret = generate_totp_secret()
    TOTP.activate(User.objects.get(pk=actor.person), secret)
    return secret


def code_of(secret):
    return format_hotp_value(hotp_value(secret, int(now().timestamp()) // 30))


def test_password_and_code_release_the_key_and_then_the_password_does(therapy, by_app):
    client, second, secret = by_app
    fields = step_form(therapy, STEP, second=second)
    assert "authenticator app" in said(client.post(url(therapy), fields))
    assert client.post(url(therapy), fields | {"signing_code": code_of(secret)}).status_code == 303
    entry = entry_in(last(therapy))
    assert (entry.signer.method, entry.signer.hand.authenticator_data) == ("password+totp", b"")

    therapy.on_to("wash-vector")
    wrong = step_form(therapy, "wash-vector", second=second) | {"signing_password": "wrong wrong wrong"}
    assert client.post(url(therapy, "wash-vector"), wrong).status_code == 422
    right = step_form(therapy, "wash-vector", second=second)
    assert client.post(url(therapy, "wash-vector"), right).status_code == 303
    sequencer.drain()
    assert list(findings()) == []


def test_a_code_that_was_used_releases_nothing(therapy, by_app):
    client, second, secret = by_app
    code = code_of(secret)
    assert (
        client.post(url(therapy), step_form(therapy, STEP, second=second) | {"signing_code": code}).status_code == 303
    )
    therapy.on_to("wash-vector")
    elsewhere = signed_in(therapy.actor("maker", "operator"))
    fields = step_form(therapy, "wash-vector", second=second) | {"signing_code": code}
    answer = elsewhere.post(url(therapy, "wash-vector"), fields)

    assert (answer.status_code, "used before" in said(answer)) == (422, True)


@pytest.mark.usefixtures("by_app")
def test_the_sealed_key_needs_each_component():
    app = Authenticator.objects.get(type=Authenticator.Type.TOTP)
    app.data = {"secret": encrypt(generate_totp_secret())}
    app.save()
    row = SigningKey.objects.get()
    for password in (PASSWORD, "another password"):
        with pytest.raises(portal_hands.KeyNotReleased):
            portal_hands.release_with_both(row, user=row.user, password=password, app=app)


def test_both_may_sign_by_app_on_one_form(therapy, by_app):
    client, second, secret = by_app
    other = with_app(second)
    assert signed_in(second).post(
        reverse("bind_software"), {"password": PASSWORD, "code": code_of(other), "idempotency_key": str(uuid7())}
    ).status_code == 303  # fmt: skip
    cache.clear()
    fields = step_form(therapy, STEP, second=second) | {"signing_code": code_of(secret), "second_code": code_of(other)}

    assert client.post(url(therapy), fields).status_code == 303
    entry = entry_in(last(therapy))
    assert entry.second.hand.key_id != entry.signer.hand.key_id
    sequencer.drain()
    assert list(findings()) == []


def test_a_code_shown_beside_a_passkey_is_good_for_both_halves_of_one_form(therapy, pair):
    first, second, key = pair
    other = with_app(second)
    cache.clear()
    assert signed_in(second).post(
        reverse("bind_software"), {"password": PASSWORD, "code": code_of(other), "idempotency_key": str(uuid7())}
    ).status_code == 303  # fmt: skip
    cache.clear()
    fields = step_form(therapy, STEP, second=second) | {"second_code": code_of(other)}

    assert sent_with(signed_in(first), url(therapy), fields, (1, key)).status_code == 303
