"""`python -m ledger.divergence`: what a witness found in a bent log is proven offline, and nothing else is."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from ledger.clock import stamp
from ledger.crypto import cosignature, merkle, tiles
from ledger.divergence import archive, report
from ledger.divergence.__main__ import main
from ledger.witness.breaches import Breach
from tests.unit.ledger.witness.logs import LOG_KEY, OPERATOR_SIGNER, ORIGIN, STARTED, Author, MemoryLog, later

ROOT = Path(__file__).parents[4]


def found(follower):
    """The breach that a witness finds."""
    with pytest.raises(Breach) as caught:
        follower.turn()
    return caught.value


@pytest.fixture
def written(keys, tmp_path):
    """Write a breach's evidence as the portal gives it to people; `more` overrides what the report says."""

    def write(breach, **more):
        said = {
            "witness": keys.name,
            "signer": keys.ed25519,
            "log": breach.origin,
            "kind": breach.kind,
            "size": breach.size,
            "index": breach.index,
            "problem": breach.problem,
            "detected_at": stamp(STARTED),
            "evidence": breach.evidence,
        }
        path = tmp_path / "evidence.zip"
        archive.write(path, report.parse(report.compose(**{**said, **more})), vkey=keys.vkeys[0])
        return path

    return write


def judged(path, log_key=LOG_KEY, *more):
    return main([str(path), "--log-key", str(log_key), *more])


@pytest.fixture
def log():
    return MemoryLog.of(members=700)


def split_view(log, follow):
    follow(log).turn()
    log.note = log.signed(root=b"\x07" * 32)
    return found(follow(log))


def fork(log, follow):
    log.size = 600
    follow(log).turn()
    author = Author()
    other = MemoryLog([author.operator(), *(author.member(number) for number in range(701, 1, -1))])
    return found(follow(other))


def fork_at_a_power_of_two(log, follow):
    log.size = 512
    follow(log).turn()
    author = Author()
    return found(follow(MemoryLog([author.operator(), *(author.member(number) for number in range(701, 1, -1))])))


def altered_entry(log, follow):
    def bend(data):
        entries = tiles.parse_bundle(data, tiles.WIDTH)
        entries[7] = entries[7].replace(b'"payload":"e', b'"payload":"f')
        return tiles.encode_bundle(entries)

    log.bend["tile/entries/001"] = bend
    return found(follow(log))


def altered_tile(log, follow):
    log.bend[tiles.tile_path(0, 2, 189)] = lambda data: bytes([data[0] ^ 1]) + data[1:]
    return found(follow(log))


def altered_long_after(log, follow):
    follower = follow(log, lookback_seconds=0)
    follower.turn()
    for index in range(3):
        path = tiles.entries_path(index, tiles.width_in(None, index, 701))
        log.bend[path] = lambda data: data.replace(b'"payload":"e', b'"payload":"f', 1)
    return found(follower)


def broken_record(log, follow):
    return found(follow(MemoryLog([*log.all[:300], b"{}", *log.all[301:]])))


def too_late(log, follow):
    author = Author()
    start = [author.operator(), *(author.member(number) for number in range(1, 300))]
    return found(follow(MemoryLog([*start, author.member(300, change=later), author.member(301)])))


PROVEN = [
    split_view,
    fork,
    fork_at_a_power_of_two,
    altered_entry,
    altered_tile,
    altered_long_after,
    broken_record,
    too_late,
]


@pytest.mark.parametrize("attack", PROVEN)
def test_what_a_witness_found_is_proven_offline(log, follow, written, capsys, attack):
    breach = attack(log, follow)

    assert judged(written(breach)) == 0, capsys.readouterr()
    said = capsys.readouterr().out
    assert "\nPROVEN" in said
    assert breach.kind in said


@pytest.mark.parametrize("attack", PROVEN)
def test_evidence_of_an_honest_log_proves_nothing(log, follow, written, capsys, attack):
    breach = attack(log, follow)
    note = log.signed(701).encode() if attack is not split_view else breach.evidence["seen.note"]
    honest = {name: data for name, data in _honest(breach.evidence, log).items() if not name.endswith(".note")}
    honest |= {"seen.note": note, "shown.note": note}

    assert judged(written(breach, evidence=honest)) == 1
    assert "NOT PROVEN" in capsys.readouterr().out


def _honest(evidence, log):
    """The same pieces as an honest log shows them."""
    log.bend.clear()
    pieces = {}
    for name, data in evidence.items():
        if name.startswith("tile/"):
            data = log.tile(tiles.parse_path(name))
        elif name.startswith("entry-"):
            data = log.all[int(name.removeprefix("entry-"))]
        pieces[name] = data
    return pieces


def test_a_record_that_only_its_history_condemns_is_not_proven_alone(follow, written, capsys):
    author = Author()
    start = [author.operator(), *(author.member(number) for number in range(1, 20))]
    foreign = author.key_of(3, 50, signer=OPERATOR_SIGNER)
    breach = found(follow(MemoryLog([*start, foreign])))
    assert breach.kind == "unknown_key"

    assert judged(written(breach)) == 1
    assert "The log signed this record" in capsys.readouterr().out


def test_a_note_that_the_log_did_not_sign_proves_nothing(log, follow, written, keys):
    breach = split_view(log, follow)
    forged = breach.evidence["shown.note"].replace(b"ledger.example/test", b"ledger.example/tesd")

    assert judged(written(breach, evidence={**breach.evidence, "shown.note": forged})) == 1


def test_a_shorter_log_rests_on_the_witness_and_is_said_so(log, follow, written, capsys):
    follow(log).turn()
    log.size = 600
    breach = found(follow(log, rollback_seconds=0))
    assert breach.kind == "rollback"

    assert judged(written(breach)) == 1
    assert "the witness's word" in capsys.readouterr().out


def test_another_witnesss_key_or_another_logs_key_is_refused(log, follow, written, capsys):
    path = written(split_view(log, follow))
    other = cosignature.vkey("member.example/witness", OPERATOR_SIGNER.public_key)

    assert judged(path, LOG_KEY, "--witness-key", other) == 2
    assert judged(path, "nonsense") == 2
    assert judged(path, replace(LOG_KEY, public_key=OPERATOR_SIGNER.public_key)) == 1


def test_a_file_that_is_bent_cannot_be_read(log, follow, written, tmp_path, capsys):
    path = written(split_view(log, follow))
    whole = path.read_bytes()
    for number, data in enumerate((b"", b"no zip", whole[: len(whole) // 2], _swapped(whole), _more(whole))):
        bent = tmp_path / f"bent-{number}.zip"
        bent.write_bytes(data)
        assert judged(bent) == 2, number
        assert capsys.readouterr().err
    assert judged(tmp_path / "missing.zip") == 2


def _copied(data, change):
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as given, zipfile.ZipFile(out, "w") as made:
        for name in given.namelist():
            made.writestr(name, change(name, given.read(name)))
    return out.getvalue()


def _swapped(data):
    return _copied(data, lambda name, piece: piece[::-1] if name.endswith(".note") else piece)


def _more(data):
    out = BytesIO(data)
    with zipfile.ZipFile(out, "a") as made:
        made.writestr("setup.py", "print(1)")
    return out.getvalue()


def test_it_runs_without_django_or_a_database(log, follow, written):
    path = written(split_view(log, follow))
    code = (
        "import sys; from ledger.divergence.__main__ import main; "
        "code = main(sys.argv[1:]); sys.exit(9 if 'django' in sys.modules else code)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, str(path), "--log-key", str(LOG_KEY)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert ORIGIN in done.stdout


def test_the_evidence_names_its_roots(log, follow, written, capsys):
    breach = split_view(log, follow)
    judged(written(breach))
    root = merkle.root([merkle.leaf_hash(entry) for entry in log.all])
    assert root.hex() in capsys.readouterr().out
