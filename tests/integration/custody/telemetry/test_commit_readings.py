"""Committing a received leg's readings: root, signature, exceptions, and that nothing later changes it."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import transaction

from custody.exceptions.models import CustodyException
from custody.telemetry import committed, operations, queries, storage
from custody.telemetry.models import Device, Reading, ReadingsCommitment, ReadingsSecret
from custody.telemetry.operations import LegStillUnderWay, commit_readings, ingest
from custody.telemetry.permissions import LegNotFound
from custody.telemetry.reading import NewReading
from custody.telemetry.rules import Verdict
from custody.telemetry.simulation import readings_for
from ledger.crypto.sealing import UnsealError
from ledger.errors import BadInput, NotPermitted, Refusal
from ledger.log.contract import Refused
from ledger.log.models import Chain, Record
from ledger.proofs.babyjubjub import PublicKey, Signature, verify
from ledger.proofs.statement import readings_root

pytestmark = pytest.mark.django_db
KEY = "commit-outbound"


def arrive(journey, kind="calm", interval_s=300, **more):
    """Receive the shipment with a logger's readings of that kind; gives the time of receipt."""
    received_at = journey.receive()
    shipment = journey.shipment
    readings = readings_for(journey.leg, shipment.packed_at, received_at, interval_s, kind, seed=4, **more)
    ingest(device=shipment.logger_id, readings=readings, at=received_at)
    return received_at


def commit(journey, at, **more):
    by = more.pop("by", None) or journey.actor("maker", "operator")
    return commit_readings(therapy=journey.therapy, leg="outbound", by=by, at=at, key=more.pop("key", KEY), **more)


def open_exceptions(journey):
    rows = CustodyException.objects.filter(therapy_id=journey.therapy, closed_at=None).order_by("rank")
    return [(row.kind, row.finding, row.leg) for row in rows]


def test_the_logger_s_signature_on_the_committed_root_can_be_checked(under_way):
    at = arrive(under_way)
    record = commit(under_way, at)
    row = ReadingsCommitment.objects.get(therapy_id=under_way.therapy)
    device = Device.objects.get(pk=under_way.shipment.logger_id)
    public = PublicKey(int(device.bjj_x), int(device.bjj_y))
    series = committed.find(under_way.therapy, "outbound")

    assert row.record_id == record.id
    assert row.count == len(series.readings) == Reading.objects.filter(device_id=device.id).count()
    assert int(row.root) == readings_root(under_way.therapy, series.for_proof(), salt=series.root_salt, device=public)
    signature = Signature((int(row.signature["r8x"]), int(row.signature["r8y"])), int(row.signature["s"]))
    assert verify(public, int(row.root), signature)
    assert row.series == series.series_commitment(under_way.therapy, "outbound")
    assert (row.first_at, row.last_at) == (series.readings[0].at, series.readings[-1].at)
    assert under_way.chain.state["readings"]["outbound"]["root"] == row.root
    assert open_exceptions(under_way) == []


def test_neither_readings_nor_salts_stand_on_the_ledger(under_way):
    at = arrive(under_way, "excursion")
    record = commit(under_way, at)
    series = committed.find(under_way.therapy, "outbound")
    envelope = bytes(Record.objects.get(pk=record.pk).envelope)
    assert str(series.root_salt).encode() not in envelope
    assert series.series_salt.hex().encode() not in envelope
    assert str(series.root_salt).encode() not in bytes(ReadingsSecret.objects.get().sealed)


def test_time_outside_beyond_the_budget_opens_an_excursion(under_way):
    at = arrive(under_way, "excursion")
    commit(under_way, at)
    (exception,) = open_exceptions(under_way)
    kind, finding, leg = exception
    assert (kind, leg) == ("excursion", "outbound")
    report = queries.leg_report(by=under_way.actor("centre", "nurse"), therapy=under_way.therapy, leg="outbound", at=at)
    assert finding == (f"Fresh cells to the maker: {report.minutes_outside} min outside 2 °C to 8 °C, 60 allowed")
    assert report.verdict is Verdict.EXCURSION


def test_silence_opens_a_gap_with_the_longest_named(under_way):
    at = arrive(under_way, "gap")
    commit(under_way, at)
    ((kind, finding, _),) = open_exceptions(under_way)
    assert kind == "custody_gap"
    assert "No reading for " in finding
    assert finding.endswith("15 allowed")


def test_tilt_opens_a_deviation(under_way):
    at = arrive(under_way, "tilt")
    commit(under_way, at)
    ((kind, finding, _),) = open_exceptions(under_way)
    assert kind == "deviation"
    assert "Tilted over 60°" in finding


def test_a_leg_without_readings_is_committed_as_such_and_never_as_fine(under_way):
    at = under_way.receive()
    with pytest.raises(operations.NothingRead, match="Upload its file first"):
        commit(under_way, at)
    commit(under_way, at, lost=True, key="readings-that-are-lost")
    row = ReadingsCommitment.objects.get()
    assert (row.count, row.root, row.signature, row.first_at) == (0, "0", None, None)
    ((kind, finding, _),) = open_exceptions(under_way)
    assert kind == "custody_gap"
    assert "No reading between packing and receipt" in finding


def test_more_readings_than_the_largest_proof_takes_are_said(under_way, monkeypatch):
    monkeypatch.setattr(operations, "PROOF_CAPACITY", 100)
    at = arrive(under_way)
    commit(under_way, at)
    ((kind, finding, _),) = open_exceptions(under_way)
    assert kind == "not_proven"
    assert "100 fit the largest proof" in finding
    assert ReadingsCommitment.objects.get().signature is not None


def test_late_readings_are_kept_and_change_nothing_of_what_was_committed(under_way):
    at = arrive(under_way)
    commit(under_way, at)
    by = under_way.actor("centre", "nurse")
    before = queries.leg_report(by=by, therapy=under_way.therapy, leg="outbound", at=at)
    warm = NewReading(1, under_way.shipment.packed_at + timedelta(minutes=61), 2_500, 0)
    assert ingest(device=under_way.shipment.logger_id, readings=[warm], at=at + timedelta(days=1)).accepted == 1

    found = queries.leg_readings(by=by, therapy=under_way.therapy, leg="outbound", at=at + timedelta(days=2))
    assert found.is_committed
    assert found.report == before
    assert storage.stored(under_way.shipment.logger_id, [1])[1].content == warm.content


def test_a_leg_is_committed_once(under_way):
    at = arrive(under_way)
    record = commit(under_way, at)
    assert commit(under_way, at).pk == record.pk, "the same request again is the same record"
    with pytest.raises(Refused, match="already committed"):
        commit(under_way, at, key="another-request")
    assert ReadingsSecret.objects.count() == 1


def test_a_shipment_under_way_is_not_committed(under_way):
    with pytest.raises(LegStillUnderWay):
        commit(under_way, under_way.shipment.packed_at + timedelta(hours=1))


def test_only_who_brings_readings_to_this_therapy_commits_them(under_way):
    at = arrive(under_way)
    with pytest.raises(NotPermitted):
        commit(under_way, at, by=under_way.actor("centre", "nurse"), key="by-a-nurse")
    with pytest.raises(LegNotFound):
        commit(under_way, at, by=under_way.stranger("manufacturer", "operator"), key="by-a-stranger")
    with pytest.raises((BadInput, LegNotFound)):
        commit_readings(
            therapy=under_way.therapy, leg="sideways", by=under_way.actor("maker", "operator"), at=at, key="no-such-leg"
        )


def test_nothing_stays_when_the_record_cannot_be_written(under_way, monkeypatch):
    at = arrive(under_way)
    before = under_way.chain.head_seq

    def fail(**arguments):
        raise Refusal("the ledger is not to be had")

    monkeypatch.setattr(operations, "append", fail)
    with pytest.raises(Refusal, match="not to be had"):
        commit(under_way, at)
    assert not ReadingsCommitment.objects.exists()
    assert not ReadingsSecret.objects.exists()
    assert under_way.chain.head_seq == before


def test_what_opens_a_commitment_opens_nowhere_else(under_way):
    at = arrive(under_way)
    commit(under_way, at)
    ReadingsSecret.objects.update(therapy_id=UUID(int=7))
    with pytest.raises(UnsealError):
        committed.find(UUID(int=7), "outbound")


def test_without_its_exception_no_commitment_is_made(under_way, monkeypatch):
    at = arrive(under_way, "excursion")

    def fail(**arguments):
        raise Refusal("no exception can be opened")

    monkeypatch.setattr(operations, "open_exception", fail)
    with pytest.raises(Refusal), transaction.atomic():
        commit(under_way, at)
    assert not ReadingsCommitment.objects.exists()
    assert "outbound" not in Chain.objects.get(kind="therapy", subject=under_way.therapy).state["readings"]
