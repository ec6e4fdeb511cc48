"""Members make a key together, by the command, with snarkjs: what holds is recorded, what does not is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from custody.compliance.keys import UnsafeKeyRefused, publish_key, published_key
from ledger.ceremony import queries
from ledger.log import sequencer
from ledger.log.models import Document, Record
from ledger.log.queries import entry_in
from ledger.log.verification import findings
from ledger.proofs.ceremony import _run, read_transcript, sha256
from ledger.proofs.circuit import SMALL
from ledger.proofs.constraints import write_r1cs
from ledger.proofs.keys import CeremonyKeys, KeySetupFailed, keys_to_prove_with
from portal.management.commands import ceremony as command
from tests.factories.people import actor, organisation
from tests.factories.snark import TOY, toy_phase1

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.prover,
    pytest.mark.snarkjs,
]
BEACON, SIZE = "5b" * 32, "75"
SOURCE = "hash of block 900,000 of the consortium's chain"
EMPTY_MODULE = b"\0asm\1\0\0\0"
Say = Callable[..., str]


@pytest.fixture(scope="module")
def phase1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_phase1(tmp_path_factory.mktemp("phase1"))


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: object) -> Say:
    """The command, on a toy in place of the circuit: three constraints, the same files and the same checks."""
    settings.PROOF_CACHE_DIR = tmp_path / "keys"  # type: ignore[attr-defined]
    for kind in ("operator", "manufacturer", "treatment_centre"):
        organisation(kind)

    @contextmanager
    def toy(_size: object) -> Iterator[tuple[Path, bytes]]:
        file = tmp_path / "toy.r1cs"
        file.write_bytes(write_r1cs(TOY))
        yield file, EMPTY_MODULE

    monkeypatch.setattr(command, "_constraints", toy)

    def run(act: str, *arguments: object, **options: str) -> str:
        out = StringIO()
        call_command("ceremony", act, *map(str, arguments), stdout=out, **options)
        return out.getvalue()

    return run


@pytest.fixture
def begun(say: Say, phase1: Path, tmp_path: Path) -> Path:
    start = tmp_path / "start.zkey"
    say("begin", SIZE, phase1, start, f"--beacon-source={SOURCE}")
    return start


def code(kind: str) -> str:
    return organisation(kind).code


MADE: dict[tuple[str, str], bytes] = {}


def contributed(say: Say, given: Path, name: str) -> Path:
    """A contribution by the command; what was once added to a file serves the next test too."""
    out, known = given.with_name(f"{name}.zkey"), (sha256(given), name)
    if known in MADE:
        out.write_bytes(MADE[known])
    else:
        say("contribute", given, out, f"--name={name}")
        MADE[known] = out.read_bytes()
    return out


@pytest.fixture
def twice(say: Say, begun: Path, phase1: Path) -> Path:
    """A file with two accepted contributions."""
    first = contributed(say, begun, "first")
    say("accept", SIZE, phase1, first, f"--by={code('manufacturer')}")
    second = contributed(say, first, "second")
    say("accept", SIZE, phase1, second, f"--by={code('treatment_centre')}", f"--start={begun}")
    return second


def test_two_parties_and_a_beacon_make_a_key_that_the_ledger_and_anyone_can_check(
    say, twice, phase1, tmp_path, settings
):
    final = tmp_path / "final.zkey"

    say("beacon", SIZE, twice, final, BEACON)
    said = say("finish", SIZE, phase1, final)
    sequencer.drain()

    run = queries.ceremony_of(SMALL.name)
    found = read_transcript(final)
    assert [one["hash"] for one in run["contributions"]] + [run["seal"]] == [one.hash for one in found.contributions]
    assert run["status"] == "finished"
    assert published_key(run["key"]).ceremony
    assert published_key(run["key"]).circuit == SMALL.name
    assert run["key"] in said
    assert keys_to_prove_with(Path(settings.PROOF_CACHE_DIR), SMALL, unsafe=False).of_ceremony
    assert f"the one on the ledger: {run['key']}" in say("check", SIZE, phase1, final)
    assert "3 of the 3" in say("check", SIZE, phase1, final)
    assert list(findings()) == []


def test_each_contribution_is_signed_by_its_own_organisation_and_follows_the_one_before(twice):
    records = Record.objects.filter(type="ledger.ceremony.contributed/v1").order_by("seq")
    first, second = (entry_in(record) for record in records)

    assert [str(record.party_id) for record in records] == [
        str(organisation(kind).pk) for kind in ("manufacturer", "treatment_centre")
    ]
    assert second.body["before"] == first.body["contribution"]
    assert first.body["before"] == queries.ceremony_of(SMALL.name)["start"]


def test_the_hash_of_a_contribution_is_the_one_that_snarkjs_says(begun, tmp_path):
    out = tmp_path / "one.zkey"
    words = _run(["zkey", "contribute", str(begun), str(out), "--name=x"], says="some text\n")

    shown = "".join(words.partition("Contribution Hash:")[2].split()[:16])
    assert read_transcript(out).contributions[-1].hash == shown


def test_a_tampered_contribution_is_refused(say, begun, phase1):
    first = contributed(say, begun, "first")
    content = bytearray(first.read_bytes())
    content[700] ^= 1
    first.write_bytes(content)

    with pytest.raises(CommandError, match="do not accept it.*contribute again"):
        say("accept", SIZE, phase1, first, f"--by={code('manufacturer')}")
    assert queries.ceremony_of(SMALL.name)["contributions"] == []


def test_a_skipped_contribution_is_refused(say, begun, phase1):
    first = contributed(say, begun, "first")
    say("accept", SIZE, phase1, first, f"--by={code('manufacturer')}")
    beside = contributed(say, begun, "beside")

    with pytest.raises(CommandError, match="not made from the newest accepted one"):
        say("accept", SIZE, phase1, beside, f"--by={code('treatment_centre')}")
    with pytest.raises(CommandError, match="leaves out contribution 1"):
        say("accept", SIZE, phase1, begun, f"--by={code('treatment_centre')}")


def test_two_contributions_at_once_are_refused(say, begun, phase1):
    second = contributed(say, contributed(say, begun, "first"), "second")

    with pytest.raises(CommandError, match="adds 2 contributions at once"):
        say("accept", SIZE, phase1, second, f"--by={code('treatment_centre')}")


def test_an_organisation_contributes_once(say, begun, phase1):
    first = contributed(say, begun, "first")
    say("accept", SIZE, phase1, first, f"--by={code('manufacturer')}")
    second = contributed(say, first, "second")

    with pytest.raises(CommandError, match="has contributed"):
        say("accept", SIZE, phase1, second, f"--by={code('manufacturer')}")


def test_a_ceremony_of_one_is_not_sealed(say, begun, phase1, tmp_path):
    first = contributed(say, begun, "first")
    say("accept", SIZE, phase1, first, f"--by={code('manufacturer')}")

    with pytest.raises(CommandError, match="At least 2 organisations"):
        say("beacon", SIZE, first, tmp_path / "final.zkey", BEACON)


def test_nothing_is_added_after_the_beacon_and_no_beacon_serves_twice(say, twice, phase1, tmp_path):
    final = tmp_path / "final.zkey"
    say("beacon", SIZE, twice, final, BEACON)

    with pytest.raises(CommandError, match="not the newest accepted file"):
        say("beacon", SIZE, twice, tmp_path / "again.zkey", "6c" * 32)
    with pytest.raises(CommandError, match="sealed this ceremony"):
        say("beacon", SIZE, final, tmp_path / "again.zkey", "6c" * 32)
    say("finish", SIZE, phase1, final)
    start = tmp_path / "start2.zkey"
    say("begin", SIZE, phase1, start, f"--beacon-source={SOURCE}")
    for number, kind in enumerate(("manufacturer", "treatment_centre")):
        start = contributed(say, start, f"again{number}")
        say("accept", SIZE, phase1, start, f"--by={code(kind)}")
    with pytest.raises(CommandError, match="beacon has been used"):
        say("beacon", SIZE, start, tmp_path / "other.zkey", BEACON)


def test_another_first_phase_is_refused(say, begun, phase1, tmp_path):
    first = contributed(say, begun, "first")
    other = tmp_path / "other.ptau"
    other.write_bytes(phase1.read_bytes() + b"x")

    with pytest.raises(CommandError, match="not the first phase that the ceremony began with"):
        say("accept", SIZE, other, first, f"--by={code('manufacturer')}")


def test_finishing_needs_the_file_that_the_beacon_sealed(say, twice, phase1, tmp_path):
    with pytest.raises(CommandError, match="not sealed"):
        say("finish", SIZE, phase1, twice)
    say("beacon", SIZE, twice, tmp_path / "final.zkey", BEACON)

    with pytest.raises(CommandError, match="not the file that the beacon sealed"):
        say("finish", SIZE, phase1, twice)
    assert not Document.objects.filter(kind="proof_key").exists()


def test_another_start_than_the_ledgers_is_refused(say, begun, phase1):
    first = contributed(say, begun, "first")

    with pytest.raises(CommandError, match="not the file that the ceremony began with"):
        say("accept", SIZE, phase1, first, f"--by={code('manufacturer')}", f"--start={first}")


def test_a_file_of_another_kind_is_told_apart(say, begun, phase1, tmp_path):
    other = tmp_path / "note.txt"
    other.write_text("hello")

    with pytest.raises(CommandError, match="no key file of a ceremony"):
        say("accept", SIZE, phase1, other, f"--by={code('manufacturer')}")


def test_production_proves_under_no_key_that_one_party_made(tmp_path, settings):
    with pytest.raises(KeySetupFailed, match="production proves under no other"):
        keys_to_prove_with(tmp_path, SMALL, unsafe=False)


def test_a_damaged_key_of_a_ceremony_is_not_used(say, twice, phase1, tmp_path, settings):
    final = tmp_path / "final.zkey"
    say("beacon", SIZE, twice, final, BEACON)
    say("finish", SIZE, phase1, final)
    keys = CeremonyKeys(Path(settings.PROOF_CACHE_DIR))
    kept = keys.folder(SMALL) / "proving.zkey"
    shutil.copyfile(twice, kept)

    assert keys.existing(SMALL) is None
    say("finish", SIZE, phase1, final)
    assert keys.existing(SMALL) is not None


def test_production_publishes_no_proof_under_an_unsafe_key(settings):
    from types import SimpleNamespace

    from ledger.proofs.verification_key import VerificationKey
    from tests.unit.ledger.proofs.proof_corpus import KEY

    settings.DEMONSTRATION = False
    proof = SimpleNamespace(verification_key=VerificationKey.from_snarkjs(KEY), circuit=SMALL.name)

    with pytest.raises(UnsafeKeyRefused, match="keys of a ceremony only"):
        publish_key(proof=proof, by=actor("operator_steward", organisation("operator")), at=None)  # type: ignore[arg-type]
