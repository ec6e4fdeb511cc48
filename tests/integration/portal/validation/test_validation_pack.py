"""A pack of this installation: what is found, what tests gave, and nothing that must not stand in it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from custody.protocols import document
from custody.protocols.queries import shipped
from portal.audit.models import AuditEvent
from portal.compliance.tables import requirements
from portal.configuration import Configuration
from portal.validation import installation, pack, protocols
from portal.validation.results import Results, read
from portal.validation.sheets import markdown_of
from portal.validation.source import source_digest
from tests.factories import runs

ONE = requirements().requirements[0]
EVIL = "=HYPERLINK(1)|[x](https://evil.example)<img src=x>"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A real run of stand-ins for two tests of the first requirement: one passes, one fails with an evil word."""
    good, bad = ONE.tests[:2]
    files: dict[str, str] = {}
    for node, body in ((good, "pass"), (bad, f"raise ValueError({EVIL!r})")):
        path, _, name = node.partition("::")
        files[path] = files.get(path, "") + f"def {name}(): {body}\n"
    return read([runs.run(tmp_path_factory.mktemp("run"), files)])


@pytest.fixture
def facts(at) -> protocols.Facts:
    return protocols.Facts(at, "0.1.0", "", "ab" * 32)


def found(sections, what):
    return next(check for section in sections for check in section.checks if check.what == what)


@pytest.mark.django_db
def test_an_installation_tells_what_is_expected_and_what_is_found():
    sections = installation.installation()

    assert found(sections, "Django").verdict == "pass"
    assert found(sections, "Python").verdict == "pass"
    assert found(sections, installation.UNMIGRATED).found == "none"
    assert found(sections, "Newest migration of portal").verdict == "pass"
    assert found(sections, "Triggers of portal_auditevent").verdict == "pass"
    assert found(sections, "Mode").verdict == "fail"
    assert found(sections, "Name of the log").found == settings.LOG_ORIGIN
    assert [section.title for section in sections][-1] == "Ledger"


@pytest.mark.django_db
def test_a_trigger_that_is_gone_fails_the_installation():
    table = AuditEvent._meta.db_table
    on_table = f' ON "{table}"' if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f'DROP TRIGGER "{table}_no_delete"{on_table}')

    check = found(installation.installation(), f"Triggers of {table}")

    assert (check.expected, check.found, check.verdict) == ("present", "gone, or only in part", "fail")


def test_every_package_is_compared_with_its_pin():
    pins = (
        "# a comment\n\ndjango==5.2.1\ntyst==1.0\nattrs==26.1.0 ; python_version > '3'  # why\n-r other.txt\nloose>=1\n"
    )

    checks = list(installation.packages(pins, installed={"django": "5.2.0", "attrs": "26.1.0"}.get))

    assert [(check.what, check.verdict) for check in checks] == [
        ("django", "fail"),
        ("tyst", "fail"),
        ("attrs", "pass"),
        ("-r other.txt", "fail"),
        ("loose>=1", "fail"),
    ]
    assert checks[1].found == "not installed"


def test_no_secret_stands_in_the_protocol_of_the_installation(facts):
    canary, key = "canary-7431", "ca" * 32
    fields = {
        name: canary
        for name, field in Configuration.model_fields.items()
        if field.annotation is str and name not in {"email_url", "database_url", "public_url", "key_service"}
    }
    configuration = Configuration.model_construct(
        **fields
        | {"key_encryption_key": key, "database_url": f"postgresql://np:{canary}@db.example:5432/{canary}"}
        | {"redis_url": f"redis://:{canary}@cache.example/0", "email_url": f"smtps://np:{canary}@mail.example"}
        | {"key_service": f"https://kms.example/{canary}", "chain_rpc": f"https://chain.example/v3/{canary}"}
    )

    shown = {check.what: check.found for check in installation.settings_in_force(configuration)}

    secret = [variable for variable, value in shown.items() if value == "set"]
    assert {
        "SECRET_KEY",
        "NEEDLEPOINT_KEY_ENCRYPTION_KEY",
        "NEEDLEPOINT_KEY_ENCRYPTION_KEY_OLD",
        "NEEDLEPOINT_KEY_SERVICE_TOKEN",
        "NEEDLEPOINT_PKCS11_PIN",
    } <= set(secret)
    assert shown["DATABASE_URL"] == "postgresql://db.example:5432"
    assert shown["REDIS_URL"] == "redis://cache.example"
    assert shown["NEEDLEPOINT_EMAIL_URL"] == "smtps://mail.example"
    assert shown["NEEDLEPOINT_CHAIN_RPC"] == "https://chain.example"
    plain = {"NEEDLEPOINT_MODE", "NEEDLEPOINT_KEYSTORE", "NEEDLEPOINT_LOG_ORIGIN", "NEEDLEPOINT_LOGS"}
    plain |= {"NEEDLEPOINT_LOG_READERS", "NEEDLEPOINT_ANCHOR_CONTRACT", "NEEDLEPOINT_WORKER", "NEEDLEPOINT_SEQUENCER"}
    plain |= {"NEEDLEPOINT_EMAIL_FROM", "NEEDLEPOINT_LOG_LEVEL", "NEEDLEPOINT_PROVER"}
    assert {variable for variable, value in shown.items() if canary in value} == plain
    assert key not in str(shown)


def test_a_failed_test_and_a_missing_one_are_marked_as_such(facts, results):
    text = markdown_of(protocols.oq(facts, results))

    rows = {line.split("`")[1]: line for line in text.splitlines() if line.startswith("| `tests/")}
    assert "| passed |" in rows[ONE.tests[0]]
    assert "**FAILED" in rows[ONE.tests[1]]
    assert "**MISSING" in rows[ONE.tests[2]]
    assert protocols.state_of(ONE, results) == "failed"
    total = len(requirements().requirements)
    assert f"**{total} requirements: 1 failed, {total - 1} incomplete**" in text


def test_without_results_nothing_was_run(facts):
    text = markdown_of(protocols.oq(facts, Results()))

    outcomes = {line.split(" | ")[2] for line in text.splitlines() if line.startswith("| `tests/")}
    assert outcomes == {"**not run**"}
    assert "passed" not in text.replace("each of its tests passed", "")


def test_results_of_another_source_are_said_to_be_so(facts):
    def runs_of(source: str) -> str:
        stated = f'<properties><property name="needlepoint-source" value="{source}"/></properties>' if source else ""
        found = Results()
        found.add("run.xml", f"<testsuites><testsuite>{stated}</testsuite></testsuites>".encode())
        return markdown_of(protocols.oq(facts, found))

    assert "| as installed |" in runs_of(facts.digest)
    assert "**not stated**" in runs_of("")
    assert "**ANOTHER than is installed**" in runs_of("cd" * 32)
    assert "RESULTS OF ANOTHER SOURCE" in runs_of("cd" * 32)
    assert "RESULTS OF ANOTHER SOURCE" not in runs_of("") + runs_of(facts.digest)


def test_the_matrix_names_each_requirement_with_its_tests_and_outcomes(facts, results):
    rows = list(csv.DictReader(io.StringIO(pack.matrix_csv(results))))
    text = markdown_of(protocols.matrix(facts, results))

    assert {row["requirement"] for row in rows} == {one.id for one in requirements().requirements}
    assert [row["test"] for row in rows if row["requirement"] == ONE.id] == list(ONE.tests)
    assert [row["outcome"] for row in rows[:3]] == ["passed", "failed", "missing"]
    assert all(one.id in text for one in requirements().requirements)
    assert "annex-11 15" in text


def test_what_a_test_said_is_neither_markup_nor_formula(facts, results):
    text = markdown_of(protocols.oq(facts, results))
    rows = list(csv.reader(io.StringIO(pack.matrix_csv(results))))

    line = next(line for line in text.splitlines() if "HYPERLINK" in line)
    assert "\\|\\[x\\](https://evil.example)\\<img src=x\\>" in line
    assert line.replace("\\|", "").count("|") == 6
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row)


@pytest.mark.django_db
def test_a_pack_holds_every_document_in_both_forms_and_their_digests(tmp_path, facts, results):
    [protocol] = [document.read(each) for each in shipped() if each["code"] == "cd19-fresh"]
    sheets = pack.sheets_of(facts, sections=installation.installation(), results=results, documents=[protocol])

    files = pack.files_of(facts, sheets, results)
    pack.write(tmp_path / "pack.zip", files)

    with zipfile.ZipFile(tmp_path / "pack.zip") as archive:
        manifest = json.loads(archive.read("manifest.json"))
        names = set(archive.namelist())
        assert all(
            hashlib.sha256(archive.read(name)).hexdigest() == digest for name, digest in manifest["files"].items()
        )
        assert all(archive.read(name).startswith(b"%PDF") for name in names if name.endswith(".pdf"))
    assert names == manifest["files"].keys() | {"manifest.json"}
    assert {Path(name).stem for name in names if name.endswith(".pdf")} == sheets.keys()
    assert manifest["results"][0]["sha256"] == results.files[0].sha256
    assert "Collect the cells" in files["4-performance.md"].decode()


def test_a_pack_is_never_written_over_another(tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "2-installation.md").write_text("signed")
    (tmp_path / "old.zip").write_text("signed")

    for target in (tmp_path / "old", tmp_path / "old.zip"):
        with pytest.raises(pack.PackExists, match="never written over"):
            pack.write(target, {"2-installation.md": b"new"})

    assert (tmp_path / "old" / "2-installation.md").read_text() == "signed"
    pack.write(tmp_path / "new" / "one", {"2-installation.md": b"new"})
    assert (tmp_path / "new" / "one" / "2-installation.md").read_bytes() == b"new"


@pytest.mark.django_db
def test_the_command_says_what_the_sheets_come_to(tmp_path, monkeypatch):
    monkeypatch.setattr(pack, "pdf_of", lambda sheet: b"%PDF")
    said = StringIO()

    call_command("validation_pack", str(tmp_path / "pack"), protocol=["cd19-fresh"], stdout=said)

    assert f"OQ   {len(requirements().requirements)} requirements" in said.getvalue()
    assert "not run" in said.getvalue()
    assert (tmp_path / "pack" / "5-traceability.csv").exists()
    for options, reason in (
        ({"protocol": ["unknown"]}, "There is no protocol unknown. Known: bcma-frozen"),
        ({"results": [tmp_path / "no.xml"]}, "cannot be read"),
    ):
        with pytest.raises(CommandError, match=reason):
            call_command("validation_pack", str(tmp_path / "other"), **options)
    assert not (tmp_path / "other").exists()


def test_an_installation_that_was_not_migrated_says_so(manage, tmp_path):
    done = manage("validation_pack", str(tmp_path / "pack.zip"), "--protocol", "cd19-fresh", timeout=400)

    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(tmp_path / "pack.zip") as archive:
        text = archive.read("2-installation.md").decode()
    assert "| Migrations that are not applied | none | ledger.0001\\_initial" in text
    assert "| Triggers of portal\\_auditevent | present | gone, or only in part | **FAIL** |" in text
    again = manage("validation_pack", str(tmp_path / "pack.zip"))
    assert again.returncode != 0
    assert "never written over" in again.stderr
    assert "Traceback" not in again.stderr


def test_the_digest_of_the_source_notices_a_changed_file(tmp_path):
    (tmp_path / "ledger").mkdir()
    (tmp_path / "manage.py").write_text("a")
    (tmp_path / "ledger" / "rules.py").write_text("b")
    before, count = source_digest(tmp_path)

    (tmp_path / "ledger" / "rules.py").write_text("c")

    assert count == 2
    assert source_digest(tmp_path)[0] != before
