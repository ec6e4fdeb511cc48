"""Who co-signed and when, as the browser's verifier judges it, held to what `ledger.crypto.policy` says of the same."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from ledger.crypto import checkpoint, cosignature, mldsa, notes, policy
from ledger.crypto.errors import VerificationError
from tests.unit.ledger.crypto.test_tlog_policy import LINES, LOG, NOW, ORIGIN, VKEYS, note

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="needs Node")
TWO_OF_THREE = LINES + "group members 2 A B C\nquorum members\n"


def judged(*cases):
    """What static/js/proof/witnesses.js says of each case; `since` and `now` are NOW, if nothing else is said."""
    asked = [{"policy": TWO_OF_THREE, "own": None, "since": NOW, "now": NOW} | case for case in cases]
    done = subprocess.run(
        [str(NODE), str(Path(__file__).with_name("judge_cosignatures.mjs"))],
        input=json.dumps(asked), capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def refused(answer):
    assert answer.get("check") == "witnesses", answer
    return answer["refused"]


def cosigned(times):
    """A note co-signed by each witness at its time."""
    lines = [notes.add_signature(note(), _line(name, at)) for name, at in times.items()]
    return note() + "".join(one.removeprefix(note()) for one in lines)


def _line(name, at):
    return note(name, at=at).removeprefix(note())


def test_who_co_signed_and_when_is_said():
    (said,) = judged({"note": cosigned({"A": NOW - 200, "C": NOW - 5, "E": NOW})})

    assert [(one["name"], one["at"]) for one in said["cosigners"]] == [
        ("A.example", NOW - 200), ("C.example", NOW - 5), ("E.example", NOW),
    ]  # fmt: skip
    assert (said["held"], said["need"], said["of"], said["at"]) == (2, 2, 3, NOW - 200)
    assert (said["asked"], said["own"], said["live"]) == (True, False, True)


def test_five_minutes_are_fresh_and_a_second_more_is_stale():
    fresh, stale, one_stale, of_three = judged(
        {"note": note("A", "B", at=NOW - 300)},
        {"note": note("A", "B", at=NOW - 301)},
        {"note": cosigned({"A": NOW, "B": NOW - 301})},
        {"note": cosigned({"A": NOW, "B": NOW - 301, "C": NOW - 300})},
    )

    assert (fresh["at"], of_three["at"]) == (NOW - 300, NOW - 300)
    assert "older than five minutes" in refused(stale)
    assert "load it anew" in refused(stale)
    assert "older than five minutes" in refused(one_stale)


def test_a_co_signature_from_the_future_does_not_count():
    ahead, too_far = judged({"note": note("A", "B", at=NOW + 300)}, {"note": note("A", "B", at=NOW + 301)})

    assert ahead["at"] == NOW + 300
    assert "one of the clocks is wrong" in refused(too_far)


def test_a_long_run_takes_what_was_co_signed_while_it_ran():
    """Members' logs are fetched as a run goes on; what counts as too old is measured from its start."""
    (said,) = judged({"note": note("A", "B", at=NOW + 3000), "now": NOW + 3000})

    assert said["at"] == NOW + 3000


def test_kept_evidence_says_its_age_and_is_not_refused_for_it():
    kept, short = judged({"note": note("A", "B", at=NOW - 10**7), "since": None}, {"note": note("A"), "since": None})

    assert (kept["live"], kept["at"]) == (False, NOW - 10**7)
    assert "not co-signed by enough: 1 of 3 (A.example), and 2 are asked for" in refused(short)


def test_too_few_and_other_witnesses_are_refused():
    none, one, strangers = judged({"note": note()}, {"note": note("A")}, {"note": note("D", "E")})

    assert "0 of 3, and 2" in refused(none)
    assert "1 of 3 (A.example)" in refused(one)
    assert "0 of 3" in refused(strangers)


def test_the_readers_own_keys_take_the_place_of_the_policy_that_came():
    both = f"{VKEYS['D']}\n{VKEYS['E']}\n"
    all_of_them, one_of_two, forgers, too_many, nonsense = judged(
        {"note": note("D", "E"), "own": {"keys": both, "quorum": ""}},
        {"note": note("E"), "own": {"keys": both, "quorum": "1"}},
        {"note": note("A", "B", "C"), "own": {"keys": both, "quorum": "1"}},
        {"note": note("D", "E"), "own": {"keys": both, "quorum": "3"}},
        {"note": note("D", "E"), "own": {"keys": "not+a+key", "quorum": ""}},
    )

    assert (all_of_them["own"], all_of_them["need"], one_of_two["need"]) == (True, 2, 1)
    assert "by the keys that you gave" in refused(forgers)
    assert "3 witnesses are asked for" in refused(too_many)
    assert refused(nonsense)


def test_without_a_policy_nobody_is_said_to_have_co_signed():
    unset, none = judged({"note": note("A"), "policy": ""}, {"note": note("A"), "policy": LINES + "quorum none\n"})

    assert unset == none
    assert (unset["asked"], unset["cosigners"]) == (False, [])


def test_a_false_line_under_a_known_key_is_refused():
    """The signature of B under the name and key id of A; and a good one whose time was moved."""
    text, vkey = notes.parse_note(note()).text, cosignature.verifier(VKEYS["A"])
    other = notes.parse_note(note("B")).signatures[-1].signature
    own = notes.parse_note(note("A", at=NOW - 400)).signatures[-1].signature
    moved = NOW.to_bytes(8, "big") + own[8:]
    false = [note() + notes.format_line(vkey.name, vkey.key_id, one) for one in (other, moved, own[:-1])]

    answers = judged(*({"note": one + _line("B", NOW) + _line("C", NOW)} for one in false))

    assert text == notes.parse_note(false[0]).text
    assert ["genuine" in refused(one) or "72 bytes" in refused(one) for one in answers] == [True] * 3


def test_another_root_is_not_what_was_co_signed():
    lines = note("A", "B").removeprefix(note())
    forged = notes.sign_note(checkpoint.body(ORIGIN, 3, b"\x08" * 32), ORIGIN, LOG) + lines

    assert "not genuine" in refused(judged({"note": forged})[0])


def test_a_key_that_the_browser_cannot_check_never_counts():
    """ML-DSA-44 signs as well; a quorum that needs it is not met here, and the words say why."""
    second = mldsa.MldsaSigner(b"\x40" * 32)
    lines = f"{LINES}witness A2 {mldsa.vkey('A.example', second.public_key)}\n"
    either, both = (f"{lines}group A-any {how} A A2\nquorum A-any\n" for how in ("any", "all"))

    met, missed = judged({"note": note("A"), "policy": either}, {"note": note("A"), "policy": both})

    assert met["held"] == 1
    assert "ML-DSA-44 keys are not checked in a browser" in refused(missed)


@pytest.mark.parametrize("rest", [
    "quorum A\n", "group g any A B\nquorum g\n", "group g all A B\nquorum g\n", "group g 3 A B C D E\nquorum g\n",
    "group x 2 A B C\ngroup y any D E\ngroup z all x y\nquorum z\n", "# why\n\n \t group  g \t 1 A \n\tquorum g\n",
])  # fmt: skip
def test_the_browser_and_the_ledger_agree_on_who_is_enough(rest):
    found = policy.parse((LINES + rest).encode())
    told = policy.as_told((LINES + rest).encode())
    cases = [
        {"note": note(*names, at=NOW + moved), "policy": told}
        for names in ("", "A", "B", "AB", "ABC", "ABD", "DE", "BCE", "ABCDE")
        for moved in (-301, -300, 0, 300, 301)
    ]

    answers = ["refused" not in one for one in judged(*cases)]

    assert answers == [_opens(case["note"], found) for case in cases]
    assert len(set(answers)) == 2


def _opens(text, found):
    try:
        return bool(policy.open_checkpoint(text, found, now=NOW))
    except VerificationError:
        return False


@pytest.mark.parametrize("text", [
    "", LINES, LINES + "quorum F\n", LINES + "quorum A\nquorum A\n", LINES + "group g 3 A B\nquorum g\n",
    LINES + "group g any A A\nquorum g\n", LINES + "group A any B\nquorum A\n", LINES + "nonsense\nquorum A\n",
    LINES + f"witness Z {VKEYS['A']}\nquorum A\n", f"witness A {notes.vkey('A.example', LOG.public_key)}\nquorum A\n",
])  # fmt: skip
def test_what_is_no_policy_is_refused(text):
    with pytest.raises(VerificationError):
        policy.parse(text.encode())
    if text:
        assert refused(judged({"note": note("A"), "policy": text})[0])


def test_readers_are_told_no_address_and_no_comment():
    text = f"# ours alone\n{LOG_LINE_WITH_ADDRESS}witness A {VKEYS['A']} https://inside.example/a\n\nquorum A\n"

    told = policy.as_told(text.encode())

    assert "https" not in told
    assert "ours" not in told
    assert policy.parse(told.encode()).met_by({("A.example", cosignature.verifier(VKEYS["A"]).key_id)})


LOG_LINE_WITH_ADDRESS = LINES.split("\n")[0] + "\n"
