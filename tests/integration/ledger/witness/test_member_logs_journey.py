"""A therapy told in members' own logs, by the real rules, as a witness of all of them sees it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connection, transaction

from ledger.clock import now
from ledger.cosigning import queries as cosigning
from ledger.cosigning.operations import enrol_witness, take_cosignatures
from ledger.crypto import mldsa, notes
from ledger.crypto.ed25519 import InMemorySigner
from ledger.errors import Refusal
from ledger.log import evidence, member_logs, sequencer
from ledger.log.logs import code_of, name_of
from ledger.log.models import Leaf, Record
from ledger.parties.models import Party
from ledger.witness.breaches import Breach
from ledger.witness.consortium import Consortium
from ledger.witness.cosigner import WatchedLog
from ledger.witness.follow import Follower
from ledger.witness.keys import WitnessKeys
from ledger.witness.source import Missing
from ledger.witness.store import Store
from ledger.witness.world import StoredWorld
from portal.demonstration.story import Story
from tests import append_only
from tests.factories.member_logs import one_log_a_member
from tests.factories.therapies import Told, small_consortium, told

pytestmark = pytest.mark.django_db
KEYS = WitnessKeys("member.example/witness", InMemorySigner(b"\x41" * 32), mldsa.MldsaSigner(b"\x42" * 32))


class Served:
    """What the portal serves of one log, without the way over HTTP."""

    def __init__(self, code):
        self.code = code

    def newest(self):
        return self._or_missing(lambda: evidence.checkpoint_at(log=self.code).note)

    def published(self):
        return self._or_missing(lambda: evidence.published_note(self.code))

    def tile(self, tile):
        return self._or_missing(lambda: evidence.tile_bytes(tile.path, self.code)[1])

    def submit(self, note):
        take_cosignatures(note=note, at=now())
        return 200, ""

    def close(self):
        """There is no connection."""

    def _or_missing(self, ask):
        try:
            return ask()
        except Refusal as refusal:
            raise Missing(str(refusal)) from refusal


@pytest.fixture(scope="module")
def one(django_db_setup: None, django_db_blocker) -> Iterator[Told]:
    """A whole therapy, begun in the one log that there was and ended in its members' own."""
    with django_db_blocker.unblock(), transaction.atomic():
        cast = small_consortium(days=60)
        told(cast, Story("old", stop_before="pickup-outbound"), number=2)
        with one_log_a_member():
            therapy = told(cast, Story("infused"))
            sequencer.drain()
            yield therapy
        transaction.set_rollback(True)


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    opened = Store(tmp_path / "witness.sqlite3")
    yield opened
    opened.close()


def witness(store: Store) -> Consortium:
    world = StoredWorld(store, settings.LOG_ORIGIN)

    def make(name, key):
        source = Served(code_of(settings.LOG_ORIGIN, name))
        watched = WatchedLog(name, [key], replayed=True)
        return Follower(store, KEYS, watched, source, clock=lambda: int(now().timestamp()), world=world)

    operators = make(settings.LOG_ORIGIN, notes.parse_vkey(evidence.log_key()))
    return Consortium(store, operators, make, patience_seconds=0)


def enrol():
    for vkey in KEYS.vkeys:
        enrol_witness(party=Party.objects.order_by("code").first().pk, vkey=vkey, at=now())


def test_a_witness_follows_the_therapy_across_all_logs_and_cosigns_each(one, store):
    enrol()

    outcomes = witness(store).turn()

    sizes = {name_of(settings.LOG_ORIGIN, code): Leaf.objects.filter(log=code).count() for code in logs()}
    assert {name: getattr(outcome, "cosigned", outcome) for name, outcome in outcomes.items()} == sizes
    assert all(cosigning.cosignatures_of(sizes[name_of(settings.LOG_ORIGIN, code)], code) for code in logs())


def test_its_copy_gives_the_state_that_the_portal_has(one, store):
    enrol()
    witness(store).turn()

    kept = store.chain(settings.LOG_ORIGIN, str(one.chain.pk))

    assert kept is not None
    assert kept.state == one.chain.state
    assert kept.link.head == one.chain.head_hash


def test_a_record_of_a_members_log_that_was_changed_is_found_and_located(one, store):
    enrol()
    chosen = Record.objects.filter(chain=one.chain).exclude(log="").order_by("seq")[3]
    with append_only.lifted(connection):
        Record.objects.filter(pk=chosen.pk).update(
            envelope=bytes(chosen.envelope).replace(b'"payload":"e', b'"payload":"f', 1)
        )

    outcomes = witness(store).turn()

    found = outcomes[name_of(settings.LOG_ORIGIN, chosen.log)]
    assert isinstance(found, Breach)
    assert (found.kind, found.index) == ("altered_entry", chosen.leaf.index)


def logs():
    return member_logs.every_log()
