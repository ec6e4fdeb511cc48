"""Inspections end by themselves and open no more than they say; a month is reported once, and signed."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from custody.oversight import operations, packages, queries, tasks
from custody.oversight.models import Inspection, Report, ReportFile
from custody.oversight.rules import month_before, month_bounds
from ledger import package as command
from ledger.bundles import package as package_format
from ledger.errors import NotPermitted
from ledger.log import projections as projected
from ledger.log import sequencer, triggers, verification
from ledger.log.contract import Refused
from ledger.log.evidence import log_key
from ledger.log.models import Record
from ledger.outbox.models import OutboxJob
from ledger.parties.queries import party
from ledger.parties.signing import signer_for
from portal.demonstration.story import Story
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return small_consortium()


@pytest.fixture
def therapy(cast):
    return told(cast, Story("collected", stop_before="wash-and-select"))


@pytest.fixture
def inspector(cast):
    return cast.actor(cast.of_kind("regulator")[0].id, "inspector")


def opened(therapy, inspector, **changed):
    at = therapy.now
    values = {
        "site": therapy.actor("maker", "qa").party,
        "product": "",
        "since": at - timedelta(days=60),
        "until": at + timedelta(days=1),
        "reason": "routine",
        "reference": "EMA-118",
        "ends_at": at + timedelta(hours=4),
        "by": inspector,
        "at": at,
        "key": therapy.key(),
    }
    record = operations.open_inspection(**values | changed)
    return Inspection.objects.get(pk=record.chain.subject)


def line(row, by, at):
    return queries.inspection(inspection=row.pk, by=by, at=at)


def test_both_sides_see_an_inspection_and_nobody_else_does(therapy, inspector):
    row, at = opened(therapy, inspector), therapy.now
    qa, centre = therapy.actor("maker", "qa"), therapy.actor("centre", "administrator")

    assert [one.id for one in queries.open_now(by=inspector, at=at)] == [row.pk]
    assert [one.reference for one in queries.open_now(by=qa, at=at)] == ["EMA-118"]
    assert queries.inspections(by=centre, at=at) == []
    with pytest.raises(queries.InspectionUnknown):
        line(row, centre, at)


def test_it_ends_by_itself_before_anybody_writes_that_down(therapy, inspector):
    row = opened(therapy, inspector)
    before, after = row.ends_at - timedelta(seconds=1), row.ends_at

    assert line(row, inspector, before).is_open
    assert queries.therapies_of(line(row, inspector, before), by=inspector, limit=9)
    assert not line(row, inspector, after).is_open
    with pytest.raises(queries.InspectionOver):
        queries.opened(inspection=row.pk, by=inspector, at=after)

    assert tasks.end_inspections(at=before) == 0
    assert tasks.end_inspections(at=after) == 1
    assert tasks.end_inspections(at=after) == 0
    row.refresh_from_db()
    assert (row.status, row.closed_at) == ("ended", after)
    assert list(verification.findings()) == []


def test_the_authority_closes_it_early_and_the_operator_may_not_end_it_early(therapy, inspector):
    row, at = opened(therapy, inspector), therapy.now
    operations.close_inspection(inspection=row.pk, by=inspector, at=at, key=therapy.key())

    row.refresh_from_db()
    assert row.status == "closed"
    with pytest.raises(Refused, match="not open"):
        operations.close_inspection(inspection=row.pk, by=inspector, at=at, key=therapy.key())
    other = opened(therapy, inspector, reference="EMA-119")
    with pytest.raises(Refused, match="stated time"):
        operations.end_inspection(inspection=other.pk, by=_clock(), at=at, key=therapy.key())


def _clock():
    by = tasks.operator_prover()
    return type(by)(
        **{name: getattr(by, name) for name in by.__slots__} | {"permissions": frozenset({"inspection.end"})}
    )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"reason": "curiosity"}, "Say why"),
        ({"reference": "Mr. Smith's file"}, "file number"),
        ({"ends_at": timedelta(days=31)}, "within 30 days"),
        ({"ends_at": timedelta(seconds=-1)}, "ends after it is opened"),
        ({"until": timedelta(days=-90)}, "begins before it ends"),
    ],
)
def test_what_the_shared_rules_refuse(therapy, inspector, changed, words):
    at, records = therapy.now, Record.objects.count()
    given = {name: at + value if isinstance(value, timedelta) else value for name, value in changed.items()}

    with pytest.raises(Refused, match=words):
        opened(therapy, inspector, **given)
    assert (Inspection.objects.count(), Record.objects.count()) == (0, records)


def test_only_the_authority_opens_one(therapy):
    with pytest.raises(NotPermitted):
        opened(therapy, therapy.actor("maker", "qa"))


def _opening(therapy, inspector):
    return lambda: opened(therapy, inspector)


def _reporting(therapy):
    maker = party(therapy.actor("maker", "qa").party)
    return lambda: tasks.sign_now(member=maker, month="2026-08", at=_after("2026-08"))


@pytest.mark.parametrize("broken", ["custody.Inspection", "custody.Report"])
def test_when_the_rows_cannot_be_written_nothing_is(therapy, inspector, broken, monkeypatch):
    records, files = Record.objects.count(), ReportFile.objects.count()
    plain = projected.model_of

    def failing(label):
        if label == broken:
            raise RuntimeError("the disk is full")
        return plain(label)

    monkeypatch.setattr(projected, "model_of", failing)
    act = _opening(therapy, inspector) if broken == "custody.Inspection" else _reporting(therapy)
    with pytest.raises(RuntimeError):
        act()

    assert (Record.objects.count(), ReportFile.objects.count()) == (records, files)
    assert (Inspection.objects.count(), Report.objects.count()) == (0, 0)


def test_scope_is_site_product_and_time(therapy, inspector):
    at = therapy.now
    product = queries.in_scope(line(opened(therapy, inspector), inspector, at)).get().product
    other = opened(therapy, inspector, product="Another product", reference="EMA-2")
    early = opened(
        therapy, inspector, since=at - timedelta(days=900), until=at - timedelta(days=800), reference="EMA-3"
    )
    same = opened(therapy, inspector, product=product, reference="EMA-4")

    assert [queries.in_scope(line(one, inspector, at)).count() for one in (other, early, same)] == [0, 0, 1]


# The package


@pytest.fixture
def package(therapy, inspector, tmp_path):
    row = opened(therapy, inspector)
    sequencer.drain()
    made = packages.package_of(line(row, inspector, therapy.now), by=inspector, at=therapy.now)
    target = tmp_path / "inspection.zip"
    package_format.write(target, made, signer=signer_for(inspector.party).signer)
    return target


def test_a_package_holds_offline(package, capsys):
    assert command.main([str(package), "--log-key", log_key()]) == 0

    said = capsys.readouterr().out
    assert "All of it holds" in said
    assert "2 evidence bundles" in said
    assert "signed by Medicines Authority" in said


def rewritten(package, name, change):
    """The package with one file changed."""
    with zipfile.ZipFile(package) as given:
        files = {one: given.read(one) for one in given.namelist()}
    files[name] = change(files[name])
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as out:
        for one, data in files.items():
            if data is not None:
                out.writestr(one, data)
    target.seek(0)
    return target


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("exceptions.json", lambda data: data.replace(b"[", b"[ ", 1), "not the file that was signed"),
        ("proofs.json", lambda data: None, "missing"),
        ("digests.json", lambda data: data.replace(b"a", b"b", 1), "not the list that was signed"),
    ],
)
def test_a_package_that_was_changed_does_not_hold(package, name, change, words):
    verdict = package_format.check(rewritten(package, name, change), log_key=[log_key()])

    assert not verdict.holds
    assert any(words in problem for problem in verdict.problems), verdict.problems


def test_a_package_signed_by_another_member_does_not_hold(therapy, inspector, tmp_path):
    row = opened(therapy, inspector)
    sequencer.drain()
    made = packages.package_of(line(row, inspector, therapy.now), by=inspector, at=therapy.now)
    target = tmp_path / "forged.zip"
    package_format.write(target, made, signer=signer_for(therapy.actor("maker", "qa").party).signer)

    verdict = package_format.check(target, log_key=[log_key()])

    assert [problem for problem in verdict.problems if "manifest" in problem]


# Reports


def _after(month):
    return month_bounds(month)[1] + timedelta(hours=1)


def test_a_month_is_reported_once_and_signed_by_its_organisation(therapy):
    maker = party(therapy.actor("maker", "qa").party)
    record = tasks.sign_now(member=maker, month="2026-08", at=_after("2026-08"))

    assert record is not None
    assert record.party_id == maker.id
    row = Report.objects.get(party_id=maker.id)
    content = json.loads(bytes(ReportFile.objects.get(pk=row.digest).content))
    assert content["month"] == "2026-08"
    assert content["therapies"]["under_way_at_the_end"] == 1
    pdf = bytes(ReportFile.objects.get(pk=row.pdf).content)
    assert pdf.startswith(b"%PDF")
    assert hashlib.sha256(pdf).hexdigest() == row.pdf
    assert tasks.sign_now(member=maker, month="2026-08", at=_after("2026-08")) is None
    assert list(verification.findings()) == []


def test_a_month_that_is_not_over_is_not_reported(therapy):
    with pytest.raises(Refused, match="when it is over"):
        tasks.sign_now(
            member=party(therapy.actor("maker", "qa").party), month="2026-08", at=datetime(2026, 8, 31, 12, tzinfo=UTC)
        )


def test_the_chore_asks_for_each_report_once_the_month_is_over(therapy):
    until = month_bounds("2026-08")[1]

    assert tasks.enqueue_reports(at=until + timedelta(minutes=1)) == 0
    assert tasks.enqueue_reports(at=until + timedelta(hours=1)) == 2
    assert tasks.enqueue_reports(at=until + timedelta(hours=2)) == 2
    assert OutboxJob.objects.filter(kind=tasks.JOB).count() == 2
    assert month_before(until) == "2026-08"


def test_the_authority_reads_every_report_and_an_organisation_its_own(therapy, inspector):
    call_command("report", "--month", "2026-08", stdout=io.StringIO())
    maker, centre = therapy.actor("maker", "qa"), therapy.actor("centre", "administrator")

    signed = {one.party for one in queries.reports(by=inspector)}
    assert {maker.party, centre.party} <= signed
    assert {one.party for one in queries.reports(by=maker)} == {maker.party}
    other = next(one for one in queries.reports(by=inspector) if one.party == centre.party)
    with pytest.raises(queries.ReportUnknown):
        queries.report_file(report=other.id, kind="pdf", by=maker)


def test_a_stored_report_cannot_be_changed(therapy):
    tasks.sign_now(member=party(therapy.actor("maker", "qa").party), month="2026-08", at=_after("2026-08"))

    assert triggers.missing(connection, ["custody_reportfile"]) == []
    with pytest.raises(IntegrityError), transaction.atomic():
        ReportFile.objects.update(content=b"nothing happened")
