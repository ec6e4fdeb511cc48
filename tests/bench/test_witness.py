"""A witness keeps up: it checks records faster than they are written, and its memory does not grow with the log."""

import time
import tracemalloc
from datetime import timedelta
from uuid import uuid4

import pytest

from custody.contract.items import Item
from custody.labels.operations import reprint_label
from ledger.clock import now
from ledger.cosigning import tokens
from ledger.cosigning.operations import enrol_witness
from ledger.crypto import mldsa, notes
from ledger.crypto.ed25519 import InMemorySigner
from ledger.log import evidence, sequencer
from ledger.log.models import Leaf
from ledger.witness.cosigner import WatchedLog
from ledger.witness.follow import Follower
from ledger.witness.keys import WitnessKeys
from ledger.witness.source import LogSource
from ledger.witness.store import Store
from portal.demonstration.story import Story
from tests.factories.therapies import small_consortium, told

RECORDS = 1_500


@pytest.mark.bench
@pytest.mark.postgres(orm=True)
@pytest.mark.django_db(transaction=True)
def test_a_witness_follows_at_the_append_rate_or_faster(live_server, settings, tmp_path):
    """Over HTTP, with entries, links, signatures, contract, a copy on disk and both signatures of its own."""
    therapy = told(small_consortium(days=60), Story("labelled", stop_before="collect"))
    by = therapy.actor("centre", "nurse", "coordinator")
    keys = WitnessKeys("bench.example", InMemorySigner(b"\x01" * 32), mldsa.MldsaSigner(b"\x02" * 32))
    for vkey in keys.vkeys:
        enrol_witness(party=by.party, vkey=vkey, at=now())
    sequencer.drain()
    store = Store(tmp_path / "witness.sqlite3")
    follower = Follower(
        store,
        keys,
        WatchedLog(settings.LOG_ORIGIN, [notes.parse_vkey(evidence.log_key())], replayed=True),
        LogSource(f"{live_server.url}/log", token=tokens.issue(party=by.party, at=now())),
        clock=lambda: int(now().timestamp()),
    )
    follower.turn()
    begun = Leaf.objects.count()

    first = therapy.now
    started = time.perf_counter()
    for second in range(RECORDS):
        at = first + timedelta(seconds=second)
        reprint_label(
            therapy=therapy.therapy, reason="damaged", items=[Item("label", 1)], by=by, at=at, key=str(uuid4())
        )
    sequencer.drain()
    append = RECORDS / (time.perf_counter() - started)
    # What witnesses are asked to co-sign follows within two seconds.
    while notes.parse_note(evidence.offered_note(at=now())).text.split("\n")[1] != str(begun + RECORDS):
        time.sleep(0.05)
    started = time.perf_counter()
    turn = follower.turn()
    follow = RECORDS / (time.perf_counter() - started)

    print(f"\nwitness: {follow:,.0f} records/s followed, {append:,.0f} appended, ratio {follow / append:.2f} (≥ 1)")
    assert turn.cosigned == turn.verified == begun + RECORDS
    assert follow >= append
    follower.close()
    store.close()

    tracemalloc.start()
    second_store = Store(tmp_path / "second.sqlite3")
    peaks = []

    def progress(verified: int, size: int) -> None:
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.reset_peak()

    again = Follower(
        second_store,
        keys,
        WatchedLog(settings.LOG_ORIGIN, [notes.parse_vkey(evidence.log_key())], replayed=True),
        LogSource(f"{live_server.url}/log", token=tokens.issue(party=by.party, at=now())),
        clock=lambda: int(now().timestamp()),
        progress=progress,
    )
    again.turn()
    tracemalloc.stop()
    again.close()
    second_store.close()
    print(f"peak memory of each batch: {', '.join(f'{peak / 1e6:.1f} MB' for peak in peaks)}")
    assert len(peaks) >= 2
