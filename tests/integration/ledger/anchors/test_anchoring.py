"""Checkpoints onto a chain: sent once, followed until final, through reorganisations; and what contradicts the log."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from ledger.anchors.models import Anchor, AnchorStatus
from ledger.anchors.operations import PATIENCE, take_turn
from ledger.anchors.rules import log_id
from ledger.divergence.models import Divergence
from ledger.log import tiles
from ledger.parties.keystore import keystore
from tests.factories.people import actor, organisation
from tests.factories.screens import signed_in
from tests.integration.ledger.anchors.conftest import AT, CHAIN_ID, Member

pytestmark = [pytest.mark.django_db, pytest.mark.evm, pytest.mark.enable_socket]
FORGED = b"\x66" * 32


@pytest.fixture
def turn(chain, how):
    return lambda at=AT, **more: take_turn(chain=chain, how=how, at=at, **more)


@pytest.fixture
def log(settings):
    return log_id(settings.LOG_ORIGIN)


def divergences_page() -> str:
    steward = signed_in(actor("operator_steward", organisation("operator")))
    return steward.get(reverse("divergences")).content.decode()


def statuses() -> list[str]:
    return list(Anchor.objects.order_by("id").values_list("status", flat=True))


def newest():
    found = tiles.latest_checkpoint()
    assert found
    return found


def test_an_empty_log_is_not_anchored(turn):
    assert turn().sent is None


def test_the_newest_checkpoint_goes_onto_the_chain(turn, chain, write, log):
    write()

    assert turn().sent == newest().size
    assert chain.root_of(log, newest().size) == bytes.fromhex(newest().root)


def test_an_anchor_is_confirmed_when_enough_blocks_are_on_top(turn, node, write):
    write()
    turn()
    node.mine(2)
    assert turn().confirmed == ()
    assert statuses() == ["mined"]
    node.mine(1)

    assert turn().confirmed == (newest().size,)
    assert statuses() == ["confirmed"]


def test_nothing_is_sent_while_an_anchor_is_under_way_or_before_its_time(turn, node, write):
    write()
    turn()
    write()
    assert turn().sent is None
    node.mine(3)
    assert turn(AT + timedelta(minutes=1)).sent is None

    assert turn(AT + timedelta(minutes=11)).sent == newest().size


def test_what_another_member_anchored_is_not_said_again(turn, members, write, log):
    write()
    members[1].anchor(log, newest().size, bytes.fromhex(newest().root))

    assert turn().sent is None


def test_a_reorganisation_gives_an_anchor_back_to_waiting_and_it_comes_again(turn, node, write, chain, log):
    write()
    before = node.ask("evm_snapshot")
    turn()
    turn()
    assert statuses() == ["mined"]
    assert node.ask("evm_revert", before)
    node.hold()

    turn()
    assert statuses() == ["sent"]
    turn(AT + PATIENCE)
    node.go_on()
    node.mine(4)
    turn(AT + PATIENCE)

    assert "confirmed" in statuses()
    assert chain.root_of(log, newest().size) == bytes.fromhex(newest().root)


def test_a_transaction_that_no_block_takes_is_replaced_at_a_higher_fee(turn, node, write):
    write()
    node.hold()
    turn()
    turn(AT + PATIENCE)
    node.mine(4)
    turn(AT + PATIENCE)

    first, second = Anchor.objects.order_by("id")
    assert (first.status, second.status) == (AnchorStatus.DROPPED, AnchorStatus.CONFIRMED)
    assert first.nonce == second.nonce
    assert second.fee_per_gas > first.fee_per_gas * 11 / 10


def test_honest_anchors_contradict_nothing(turn, members, node, write, log):
    write()
    members[1].anchor(log, newest().size, bytes.fromhex(newest().root))
    write()
    node.mine(4)

    assert turn().mismatches == ()


def test_a_root_that_is_not_the_logs_is_found_once_it_is_final(turn, members, node, write, log):
    write(5)
    members[1].anchor(log, 3, FORGED)
    assert turn().mismatches == ()
    node.mine(3)

    (found,) = turn().mismatches

    assert (found.event.size, found.event.root, found.event.by) == (3, FORGED, members[1].account)
    assert found.ours not in (None, FORGED)


def test_a_log_that_lost_its_tail_is_found(turn, members, node, write, log):
    write(2)
    members[1].anchor(log, 50_000, FORGED)
    node.mine(3)

    (found,) = turn().mismatches

    assert "does not have that many records" in found.sentence


def test_two_members_at_odds_on_the_chain_are_found(turn, members, node, write, log):
    write(2)
    members[0].anchor(log, newest().size, bytes.fromhex(newest().root))
    members[1].anchor(log, newest().size, FORGED)
    node.mine(3)

    (found,) = turn().mismatches

    assert found.event.kind == "Divergence"


def test_a_contradiction_does_not_go_away_by_looking_again(turn, members, node, write, log):
    write(2)
    members[1].anchor(log, 50_000, FORGED)
    node.mine(3)
    turn()

    assert len(turn().mismatches) == 1


@pytest.fixture
def configured(node, settings):
    """The settings of a portal whose account is the only member of a contract."""
    settings.CHAIN_RPC, settings.CHAIN_ID, settings.ANCHOR_CONFIRMATIONS = node.rpc, CHAIN_ID, 0
    keystore().create("anchor")
    chain = Member(node, secret=keystore().secret("anchor"))
    settings.ANCHOR_CONTRACT = chain.deploy([chain.account])


@pytest.mark.usefixtures("configured")
def test_the_command_anchors_and_says_where(write):
    write()
    out = StringIO()

    call_command("anchor", stdout=out)

    assert f"Anchored: {newest().size:,} records, root {newest().root}" in out.getvalue()


@pytest.mark.usefixtures("configured")
def test_the_command_says_that_the_chain_contradicts_the_log(node, settings, write, log):
    write()
    other = Member(node, contract=settings.ANCHOR_CONTRACT, secret=keystore().secret("anchor"))
    other.anchor(log, 70_000, FORGED)

    for _ in range(2):
        with pytest.raises(CommandError, match="The chain contradicts this log"):
            call_command("anchor", stdout=StringIO())

    assert Divergence.objects.get().kind == "anchor_mismatch"
    assert "Open" in divergences_page()


def test_the_command_says_what_is_missing():
    with pytest.raises(CommandError, match="NEEDLEPOINT_CHAIN_RPC"):
        call_command("anchor", stdout=StringIO())


@pytest.mark.usefixtures("configured")
def test_ledger_health_says_how_far_the_log_is_anchored(write):
    write()
    call_command("anchor", stdout=StringIO())
    steward = signed_in(actor("operator_steward", organisation("operator")))

    page = " ".join(steward.get(reverse("ledger")).content.decode().split())

    assert "Anchored on a chain" in page
    assert f"{newest().size} records" in page
    assert Anchor.objects.get().transaction in page


def test_a_portal_without_a_chain_says_nothing_of_anchors():
    steward = signed_in(actor("operator_steward", organisation("operator")))

    assert "Anchored on a chain" not in steward.get(reverse("ledger")).content.decode()
