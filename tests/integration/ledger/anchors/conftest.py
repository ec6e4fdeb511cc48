"""A real EVM node, a contract on it, and a log with something to anchor."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from ledger.anchors.chain import Chain
from ledger.anchors.operations import AnchorSettings
from ledger.log import sequencer
from tests.factories.evm import CHAIN_ID, Member, Node, someone
from tests.factories.plain import noter, plain_chain

__all__ = ["AT", "CHAIN_ID", "Member", "Node", "someone"]
AT = datetime(2026, 8, 3, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def anvil() -> Iterator[Node]:
    node = Node()
    yield node
    node.stop()


@pytest.fixture
def node(anvil: Node) -> Iterator[Node]:
    """The node as it was before, after each test."""
    snapshot = anvil.ask("evm_snapshot")
    yield anvil
    anvil.go_on()
    assert anvil.ask("evm_revert", snapshot)


@pytest.fixture
def how() -> AnchorSettings:
    return AnchorSettings(confirmations=3, every=timedelta(minutes=10))


@pytest.fixture
def members(node: Node) -> tuple[Chain, Chain, Chain]:
    """Three members of one contract."""
    made = [someone(node) for _ in range(3)]
    contract = made[0].deploy([one.account for one in made])
    for one in made:
        one.contract = contract
    return made[0], made[1], made[2]


@pytest.fixture
def chain(members: tuple[Chain, Chain, Chain]) -> Chain:
    return members[0]


@pytest.fixture
def write():
    """Writes records and places them in the log."""
    more = noter(plain_chain())

    def some(number: int = 3) -> None:
        for _ in range(number):
            more()
        sequencer.drain(at=AT)

    return some
