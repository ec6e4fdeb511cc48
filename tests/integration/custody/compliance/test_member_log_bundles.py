"""The evidence on a therapy whose records stand in several members' logs, as an outsider checks it."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.conf import settings
from django.db import transaction

from custody.compliance.bundles import therapy_bundle
from ledger.bundles import checks, report
from ledger.bundles import format as file_format
from ledger.bundles.format import Bundle, BundleUnreadable
from ledger.crypto import ed25519, notes
from ledger.log import member_logs, sequencer
from portal.demonstration.story import Story
from tests.factories.member_logs import one_log_a_member
from tests.factories.therapies import Told, small_consortium, told

pytestmark = pytest.mark.django_db
FORGER = ed25519.InMemorySigner(bytes(range(32)))


@pytest.fixture(scope="module")
def one(django_db_setup: None, django_db_blocker) -> Iterator[Told]:
    """A therapy on its way to the maker, in its members' own logs; told once for the module."""
    with django_db_blocker.unblock(), transaction.atomic(), one_log_a_member():
        therapy = told(small_consortium(), Story("rest", stop_before="intake"))
        sequencer.drain()
        yield therapy
        transaction.set_rollback(True)


@pytest.fixture
def bundle(one) -> Bundle:
    return therapy_bundle(therapy=one.therapy, at=one.now)


def reread(bundle: Bundle) -> Bundle:
    file = io.BytesIO()
    file_format.write(file, bundle)
    return file_format.read(file)


def bent(bundle: Bundle, code: str, **changes: object) -> Bundle:
    return replace(bundle, members={**bundle.members, code: replace(bundle.members[code], **changes)})


def busiest(bundle: Bundle) -> str:
    return max(bundle.members, key=lambda code: len(bundle.members[code].records))


def test_it_holds_with_the_key_of_the_operators_log_alone(one, bundle):
    verdict = checks.check(reread(bundle), log_key=bundle.log_key)

    assert verdict.problems == []
    assert [line.entry_hash for line in verdict.journey] == [
        record.entry_hash for record in one.chain.records.order_by("seq")
    ]
    assert len({line.log for line in verdict.journey}) >= 2
    assert set(verdict.others) == set(bundle.members)


def test_the_report_names_each_log(bundle):
    text = report.report(checks.check(bundle))

    for code in bundle.members:
        assert f"The log {bundle.log}/{code}, announced in that one" in " ".join(text.split())
    assert "across its members’ logs" in text
    assert max(map(len, text.splitlines())) <= report.WIDTH


def test_a_changed_record_of_a_members_log_is_located(bundle):
    code = busiest(bundle)
    index, envelope = next(iter(bundle.members[code].records.items()))
    records = {**bundle.members[code].records, index: envelope.replace(b'"sig":"', b'"sig":"AAAA', 1)}

    [problem] = checks.check(reread(bent(bundle, code, records=records))).problems

    assert problem.startswith(f"logs/{code}/records/{index:012d}.dsse: ")


def test_a_members_log_that_was_signed_anew_by_another_key_is_refused(bundle):
    code = busiest(bundle)
    text = notes.parse_note(bundle.members[code].checkpoint).text
    forged = notes.sign_note(text, f"{bundle.log}/{code}", FORGER)

    [problem] = checks.check(reread(bent(bundle, code, checkpoint=forged))).problems

    assert problem.startswith(f"logs/{code}/checkpoint: ")


def test_a_record_that_was_left_out_of_one_log_is_missed_in_the_next(bundle):
    code = busiest(bundle)
    first = min(bundle.members[code].records)
    part = bundle.members[code]
    shorter = bent(
        bundle,
        code,
        records={index: data for index, data in part.records.items() if index != first},
        proofs={index: data for index, data in part.proofs.items() if index != first},
    )

    verdict = checks.check(reread(replace(shorter, names=())))

    assert not verdict.holds


def test_the_key_of_a_members_log_that_the_reader_has_is_held_against_the_announced_one(bundle):
    code = busiest(bundle)
    other = notes.vkey(f"{bundle.log}/{code}", FORGER.public_key)

    good = checks.check(bundle, log_key=bundle.log_key, other_keys=[member_logs.verifier_key(code)])
    [problem] = checks.check(bundle, log_key=bundle.log_key, other_keys=[other]).problems

    assert good.holds
    assert "announced another key of this log" in problem


def test_records_without_their_logs_checkpoint_are_no_bundle(bundle, tmp_path):
    path, shorter, code = tmp_path / "all.zip", tmp_path / "less.zip", busiest(bundle)
    file_format.write(path, bundle)
    with zipfile.ZipFile(path) as given, zipfile.ZipFile(shorter, "w") as out:
        for info in given.infolist():
            if info.filename != f"logs/{code}/checkpoint":
                out.writestr(info, given.read(info))

    with pytest.raises(BundleUnreadable, match="Records and checkpoints do not go together"):
        file_format.read(shorter)


def test_it_is_checked_from_the_command_line_with_no_database(bundle, tmp_path):
    path = tmp_path / "therapy.zip"
    file_format.write(path, bundle)
    code = busiest(bundle)

    done = subprocess.run(
        [sys.executable, "-m", "ledger.verify", str(path), "--log-key", member_logs.verifier_key(code),
         "--log-key", bundle.log_key],
        cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert "This bundle holds." in done.stdout
