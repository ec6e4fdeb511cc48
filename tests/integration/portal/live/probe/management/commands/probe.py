"""A line of JSON in, a line of JSON out: what a test asks of an installation from outside its own process."""

import json
import sys
from datetime import timedelta
from hashlib import sha256
from uuid import uuid4

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.management.base import BaseCommand
from django.db import transaction

from custody.scheduling.models import Slot, SlotHold
from custody.therapies.models import TherapyParty
from ledger import clock
from ledger.ids import derived, uuid7
from ledger.log.log_check import check_log
from ledger.log.models import Chain, Leaf, PendingRecord, Record
from ledger.outbox import operations
from ledger.outbox.models import OutboxJob
from ledger.parties.models import Party
from portal import celery
from portal.accounts.models import Membership, User
from tests.factories.plain import noter, plain_chain


@transaction.atomic
def enqueue(kind, payloads):
    for payload in payloads:
        operations.enqueue(kind=kind, payload=payload, at=clock.now())


def jobs():
    rows = OutboxJob.objects.order_by("id").values_list("payload", "state", "attempts", "last_error")
    return [{"n": p["n"], "state": s, "attempts": a, "error": e} for p, s, a, e in rows]


def member(code, kind, role):
    party, _ = Party.objects.get_or_create(
        id=derived("party", code),
        defaults={"code": code, "name": code, "kind": kind, "country": "GB", "city": "X", "time_zone": "UTC"},
    )
    user = User.objects.create_user(f"{uuid4().hex}@example.org", "correct horse battery", name="Ada Nurse")
    Membership.objects.create(user=user, party=party, role=role, since=clock.now() - timedelta(days=1))
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session["_auth_user_backend"] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return {"cookie": f"{settings.SESSION_COOKIE_NAME}={session.session_key}", "party": str(party.pk)}


@transaction.atomic
def record(subject, party):
    """A committed record of a therapy that has no place in the log yet."""
    TherapyParty.objects.get_or_create(id=derived(subject, party), therapy_id=subject, party_id=party)
    chain, _ = Chain.objects.get_or_create(id=derived("chain", "therapy", subject), kind="therapy", subject=subject)
    chain.head_seq += 1
    chain.save()
    envelope = uuid4().bytes
    row = Record.objects.create(
        id=uuid7(),
        chain=chain,
        seq=chain.head_seq,
        type="custody.step/v1",
        prev_hash="0" * 64,
        envelope=envelope,
        entry_hash=sha256(envelope).hexdigest(),
        leaf_hash=sha256(b"\x00" + envelope).hexdigest(),
        party_id=party,
        person=uuid4(),
        idempotency_key=uuid4().hex,
        occurred_at=clock.now(),
        recorded_at=clock.now(),
    )
    PendingRecord.objects.create(record=row)


def hold(minutes):
    """A slot that is held for that long from now on; below nought, it ran out already."""
    at = clock.now()
    slot = Slot.objects.create(
        id=uuid7(),
        party_id=uuid4(),
        kind="apheresis",
        resource=f"chair {uuid4().hex}",
        starts_at=at + timedelta(days=3),
        ends_at=at + timedelta(days=3, hours=6),
    )
    ends_at = at + timedelta(minutes=minutes)
    SlotHold.objects.create(slot=slot, therapy_id=uuid4(), held_by=uuid4(), ends_at=slot.ends_at, expires_at=ends_at)
    return str(slot.pk)


def held_slots():
    return [str(slot) for slot in SlotHold.objects.values_list("slot_id", flat=True)]


def write_records(count):
    """So many signed records, on a chain of their own; their ids."""
    write = noter(plain_chain())
    return [str(write().id) for _ in range(count)]


def log_problems():
    """What is wrong with the log, and how many records still wait."""
    waiting = PendingRecord.objects.count()
    return [str(finding) for finding in check_log(lambda what, count: None)] + ([f"{waiting} wait"] if waiting else [])


def placed(records):
    return Leaf.objects.filter(record__in=records).count()


def leaves():
    return Leaf.objects.count()


class Command(BaseCommand):
    def handle(self, *args, **options):
        celery.connect()
        for line in sys.stdin:
            name, arguments = json.loads(line)
            answer = globals()[name](**arguments)
            print(json.dumps(answer), flush=True)
