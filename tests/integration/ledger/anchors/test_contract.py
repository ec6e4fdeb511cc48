"""The contract by itself, on a real EVM node: what stands, what is said to everybody, and who may speak."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess

import pytest
from eth_account import Account

from ledger.anchors.chain import CONTRACT_FILE, Chain, compiled
from ledger.anchors.errors import ChainAway, ChainUnusable, NotAdmitted
from tests.integration.ledger.anchors.conftest import CHAIN_ID, someone
from tests.services import ROOT

pytestmark = [pytest.mark.evm, pytest.mark.enable_socket]
LOG = hashlib.sha256(b"log.example/one").digest()
OTHER = hashlib.sha256(b"log.example/other").digest()
ROOT_A, ROOT_B = b"\xaa" * 32, b"\xbb" * 32


def said(chain: Chain, log: bytes = LOG) -> list[tuple[str, int]]:
    return [(one.kind, one.size) for one in chain.events(log, 0, chain.head())]


def test_the_first_root_of_a_size_stands(members):
    members[0].anchor(LOG, 10, ROOT_A)

    assert members[1].root_of(LOG, 10) == ROOT_A
    assert members[1].latest_size(LOG) == 10
    assert said(members[1]) == [("Anchored", 10)]


def test_another_member_confirms_the_same_root(members):
    members[0].anchor(LOG, 10, ROOT_A)
    members[1].anchor(LOG, 10, ROOT_A)

    assert said(members[2]) == [("Anchored", 10), ("Confirmed", 10)]


def test_a_second_root_for_a_size_is_a_divergence_and_changes_nothing(members):
    members[0].anchor(LOG, 10, ROOT_A)
    members[1].anchor(LOG, 10, ROOT_B)

    found = members[2].events(LOG, 0, members[2].head())[-1]

    assert (found.kind, found.root, found.stands, found.by) == ("Divergence", ROOT_B, ROOT_A, members[1].account)
    assert members[2].root_of(LOG, 10) == ROOT_A


@pytest.mark.parametrize("size", [9, 0])
def test_a_log_does_not_shrink(members, size):
    members[0].anchor(LOG, 10, ROOT_A)

    with pytest.raises(NotAdmitted, match="NotGrowing"):
        members[1].anchor(LOG, size, ROOT_B)


def test_logs_do_not_touch_each_other(members):
    members[0].anchor(LOG, 10, ROOT_A)
    members[0].anchor(OTHER, 4, ROOT_B)

    assert (members[0].latest_size(LOG), members[0].latest_size(OTHER)) == (10, 4)
    assert said(members[0], OTHER) == [("Anchored", 4)]


def test_an_empty_root_is_refused(members):
    with pytest.raises(NotAdmitted, match="NoRoot"):
        members[0].anchor(LOG, 10, bytes(32))


def test_a_stranger_anchors_nothing(node, members):
    with pytest.raises(NotAdmitted, match="NotAMember"):
        someone(node, members[0].contract).anchor(LOG, 10, ROOT_A)


def test_more_than_half_admit_a_member(node, members):
    newcomer = someone(node, members[0].contract)

    members[0].vote(newcomer.account, admit=True)
    assert not newcomer.is_member()
    members[1].vote(newcomer.account, admit=True)

    assert newcomer.is_member()


def test_nobody_votes_twice(node, members):
    newcomer = someone(node, members[0].contract)
    members[0].vote(newcomer.account, admit=True)

    with pytest.raises(NotAdmitted, match="VotedAlready"):
        members[0].vote(newcomer.account, admit=True)


def test_a_member_is_dismissed_and_speaks_no_more(members):
    for voter in members[:2]:
        voter.vote(members[2].account, admit=False)

    with pytest.raises(NotAdmitted, match="NotAMember"):
        members[2].anchor(LOG, 10, ROOT_A)


def test_an_old_vote_does_not_tip_a_later_decision(node, members):
    first, second = someone(node, members[0].contract), someone(node, members[0].contract)
    members[0].vote(second.account, admit=True)
    for voter in members[1:]:
        voter.vote(first.account, admit=True)

    members[1].vote(second.account, admit=True)

    assert not second.is_member()


def test_the_last_member_stays(node):
    alone = someone(node)
    alone.contract = alone.deploy([alone.account])

    with pytest.raises(NotAdmitted, match="LastMember"):
        alone.vote(alone.account, admit=False)


def test_another_chain_than_the_settings_say_is_refused(node):
    with pytest.raises(ChainUnusable, match="serves chain 31337, the settings say 1"):
        Chain(rpc=node.rpc, chain_id=1).check()


def test_an_address_without_contract_is_refused(node):
    nothing = Chain(rpc=node.rpc, chain_id=CHAIN_ID, contract=str(Account.create().address))

    with pytest.raises(ChainUnusable, match="no contract"):
        nothing.check()


def test_a_node_that_is_away_is_said_so():
    with pytest.raises(ChainAway):
        Chain(rpc="http://127.0.0.1:9", chain_id=CHAIN_ID).check()


def test_what_anchoring_costs(members):
    receipts = [members[0].receipt(members[0].anchor(LOG, size, ROOT_A).transaction) for size in (10, 20)]

    assert all(one is not None and one.gas_used < 110_000 for one in receipts), receipts


def test_the_compiled_contract_is_what_its_source_gives():
    assert compiled()["source"] == hashlib.sha256(CONTRACT_FILE.with_suffix(".sol").read_bytes()).hexdigest()
    node = shutil.which("node")
    assert node, "Node is needed to compile"

    done = subprocess.run([node, ROOT / "scripts" / "build-contract.mjs", "--check"], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(CONTRACT_FILE.read_text())["compiler"].startswith("0.8.")
