"""What a signed record costs beside the signature and the insert that it cannot do without (issue: at least half).

The bare measure signs the same canonical JSON with the same kind of key and inserts it into the same table over
the same connection: one statement, one transaction, nothing looked at. `append` does that and more: idempotency, lock,
contract, link, queue, printed name, head and state of the chain.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from statistics import median
from uuid import uuid4

import pytest
from django.db import connection, transaction

from custody.contract.items import Item
from custody.labels.operations import reprint_label
from ledger.crypto import canonical, dsse, ed25519, merkle
from ledger.ids import uuid7
from ledger.log.models import Record
from portal.demonstration.story import Story
from tests.factories.plain import noter, plain_chain
from tests.factories.therapies import ORDERED_AT, small_consortium, told

RECORDS, THERAPY_RECORDS = 600, 200
BODY = {"step": "collect", "values": {"volume": "182.5", "bags": "1"}, "scans": {"patient": "&/CH…"}, "leaf": "9" * 76}
INSERT = (
    "INSERT INTO ledger_record (id, chain_id, seq, type, prev_hash, envelope, entry_hash, leaf_hash, log, party_id,"
    " person, idempotency_key, occurred_at, recorded_at)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, '', %s, %s, %s, %s, %s)"
)


def _bare_writer(like: Record) -> Callable[[], None]:
    """Sign and store what `like` says, again and again, on a chain of its own: what nobody can do without."""
    payload = canonical.decode(dsse.payload_of(bytes(like.envelope)))
    signer, chain, party, person = ed25519.generate(), plain_chain().id, like.party_id, uuid4()
    last = {"seq": -1, "prev": "0" * 64}

    def write() -> None:
        data = canonical.encode(payload | {"seq": last["seq"] + 1, "prev": last["prev"]})
        envelope = dsse.sign(data, signers=[signer])
        digest, leaf = merkle.sha256_hex(data), merkle.leaf_hash(envelope).hex()
        row = [uuid7(), chain, last["seq"] + 1, like.type, last["prev"], envelope, digest, leaf, party, person]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(INSERT, [*row, f"bare:{uuid4()}", ORDERED_AT, ORDERED_AT])
        last.update(seq=last["seq"] + 1, prev=digest)

    return write


def _rates(count: int, *works: Callable[[], None]) -> list[float]:
    """Records a second of each, by the median of its times; taken in turn, so that all meet the same machine."""
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(count):
        for work, times in zip(works, seconds, strict=True):
            started = time.perf_counter()
            work()
            times.append(time.perf_counter() - started)
    return [1 / median(times) for times in seconds]


@pytest.mark.bench
@pytest.mark.postgres(orm=True)
@pytest.mark.django_db(transaction=True)
def test_append_is_at_least_half_as_fast_as_a_bare_signed_insert():
    chain = plain_chain()
    ours = noter(chain, BODY)
    ours()

    rate, raw = _rates(RECORDS, ours, _bare_writer(chain.records.get()))

    ratio = rate / raw
    print(
        f"\nsigned record append: {rate:,.0f} records/s, bare signed insert {raw:,.0f} records/s,"
        f" ratio {ratio:.2f} (≥ 0.5)"
    )
    chain.refresh_from_db()
    assert chain.state == {"count": RECORDS + 1}
    assert Record.objects.filter(idempotency_key__startswith="bare:").count() == RECORDS
    assert ratio >= 0.5


@pytest.mark.bench
@pytest.mark.postgres(orm=True)
@pytest.mark.django_db(transaction=True)
def test_append_to_a_therapy_is_told():
    """For information: a record under the whole therapy contract, with all the rows that screens read."""
    therapy = told(small_consortium(days=60), Story("labelled", stop_before="collect"))
    by = therapy.actor("centre", "nurse", "coordinator")
    times = (therapy.now + timedelta(seconds=second) for second in range(THERAPY_RECORDS + 1))

    def ours() -> None:
        reprint_label(
            therapy=therapy.therapy, reason="damaged", items=[Item("label", 1)], by=by, at=next(times), key=str(uuid4())
        )

    ours()
    rate, raw = _rates(THERAPY_RECORDS, ours, _bare_writer(therapy.chain.records.order_by("-seq")[0]))

    print(
        f"\nrecord of a therapy, with its contract and projections: {rate:,.0f} records/s,"
        f" bare signed insert {raw:,.0f} records/s, ratio {rate / raw:.2f} (for information)"
    )
    assert therapy.chain.records.filter(type="custody.label.reprinted/v1").count() == THERAPY_RECORDS + 1
