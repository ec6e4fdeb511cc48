"""Compliance proofs in the contract, on a real EVM node: once a segment, under keys that members voted for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from web3.exceptions import ContractLogicError

from ledger.anchors.chain import Chain, _named, key_words, proof_words
from ledger.anchors.errors import NotAdmitted
from ledger.proofs.field import FIELD
from ledger.proofs.verification_key import COORDINATE_MODULUS, VerificationKey
from tests.factories.toy_key import ToyKey
from tests.integration.ledger.anchors.conftest import someone
from tests.services import ROOT
from tests.unit.ledger.proofs.proof_corpus import COLLECTION, INPUTS, KEY, PROOF, TRANSIT

pytestmark = [pytest.mark.evm, pytest.mark.enable_socket]
VK = VerificationKey.from_snarkjs(KEY)
TRUE = [int(value) for value in INPUTS]
OTHER = [int(value) for value in COLLECTION["publicInputs"]]
RERANDOMISED = bytes.fromhex(TRANSIT["proofs"][1])
GAS_LIMIT = 270_000


@pytest.fixture
def keyed(members: tuple[Chain, Chain, Chain]) -> Chain:
    """The first of three members, of whom two voted for the fixture's key."""
    for voter in members[:2]:
        voter.vote_key(VK, admit=True)
    return members[0]


def said(chain: Chain) -> list[tuple[str, str]]:
    return [(one.kind, one.statement) for one in chain.proof_events(0, chain.head())]


def test_a_proof_is_verified_and_said_under_the_ledgers_own_name_of_its_statement(keyed):
    keyed.publish(VK.digest, PROOF, TRUE)

    (event,) = keyed.proof_events(0, keyed.head())

    assert (event.kind, event.statement) == ("Complied", TRANSIT["statement"])
    assert (event.therapy, event.spec_hash, event.by) == (TRUE[0], TRUE[1], keyed.account)
    assert keyed.statement_for(TRUE) == TRANSIT["statement"]
    assert keyed.statement_for(OTHER) is None


@pytest.mark.parametrize("again", [PROOF, RERANDOMISED], ids=["the same bytes", "re-randomised"])
def test_a_statement_is_taken_once_whatever_the_bytes_and_whoever_says_it(keyed, members, again):
    keyed.publish(VK.digest, PROOF, TRUE)

    with pytest.raises(NotAdmitted, match="AlreadyProven"):
        members[2].publish(VK.digest, again, TRUE)
    assert len(said(keyed)) == 1


def test_other_facts_about_a_proven_segment_change_nothing_and_are_said_to_everybody(members, monkeypatch):
    monkeypatch.setattr("tests.factories.toy_key.POOL", 1)
    toy = ToyKey()
    for voter in members[:2]:
        voter.vote_key(toy.verification_key, admit=True)
    first, second = [7, 8, 1, 2, 3, 4], [7, 8, 1, 2, 3, 5]
    members[0].publish(toy.verification_key.digest, toy.prove(first), first)
    stands = members[0].statement_for(first)

    members[1].publish(toy.verification_key.digest, toy.prove(second), second)

    assert [kind for kind, _ in said(members[2])] == ["Complied", "Contradicted"]
    assert members[2].statement_for(second) == stands


@pytest.mark.parametrize("place", range(6))
def test_a_public_input_with_a_second_spelling_is_refused(keyed, place):
    aliased = [*TRUE[:place], TRUE[place] + FIELD, *TRUE[place + 1 :]]

    with pytest.raises(NotAdmitted, match="NotAFieldElement"):
        keyed.publish(VK.digest, PROOF, aliased)


def test_a_false_proof_is_refused_and_costs_no_more_than_is_set_aside(keyed):
    with pytest.raises(NotAdmitted, match="ProofDoesNotHold"):
        keyed.publish(VK.digest, PROOF, [*TRUE[:5], TRUE[5] + 1])
    assert keyed.statement_for(TRUE) is None


def test_a_key_nobody_voted_for_verifies_nothing(members):
    with pytest.raises(NotAdmitted, match="UnknownKey"):
        members[0].publish(VK.digest, PROOF, TRUE)


def test_a_key_needs_more_than_half_of_the_members(members):
    members[0].vote_key(VK, admit=True)
    with pytest.raises(NotAdmitted, match="KeyVotedAlready"):
        members[0].vote_key(VK, admit=True)
    assert not members[0].knows_key(VK.digest)

    members[1].vote_key(VK, admit=True)

    assert members[0].knows_key(VK.digest)


def test_votes_for_one_digest_with_other_points_do_not_add_up(members):
    bound, digest = members[0]._bound.functions, bytes.fromhex(VK.digest)
    members[0]._send(bound.voteKey(digest, key_words(replace(VK, ic=VK.ic[::-1]))))

    members[1].vote_key(VK, admit=True)

    assert not members[0].knows_key(VK.digest)


def test_a_key_that_was_voted_out_verifies_no_more_and_what_it_proved_stands(keyed, members):
    keyed.publish(VK.digest, PROOF, TRUE)
    for voter in members[:2]:
        voter.vote_key(VK, admit=False)

    with pytest.raises(NotAdmitted, match="UnknownKey"):
        keyed.publish(VK.digest, bytes.fromhex(COLLECTION["proofs"][0]), OTHER)
    assert keyed.statement_for(TRUE) == TRANSIT["statement"]
    members[2].vote_key(VK, admit=True)
    assert not keyed.knows_key(VK.digest)


@pytest.mark.parametrize(
    ("place", "change"),
    [(0, lambda x: x + 1), (1, lambda x: x + COORDINATE_MODULUS), (5, lambda x: x ^ 1), (27, lambda x: 0)],
    ids=["off the curve", "not canonical", "off the twist", "the last point"],
)
def test_points_that_lie_nowhere_make_no_key(members, place, change):
    words = key_words(VK)
    words[place] = change(words[place])

    with pytest.raises(ContractLogicError) as refusal:
        members[0]._send(members[0]._bound.functions.voteKey(bytes.fromhex(VK.digest), words))
    assert _named(refusal.value) == "NotAKey"


@pytest.mark.parametrize("at", [0, 2, 14])
def test_a_key_with_a_point_at_infinity_is_refused(members, at):
    words = key_words(VK)
    for k in range(4 if at == 2 else 2):
        words[at + k] = 0

    with pytest.raises(ContractLogicError) as refusal:
        members[0]._send(members[0]._bound.functions.voteKey(bytes.fromhex(VK.digest), words))
    assert _named(refusal.value) == "NotAKey"


def test_a_stranger_neither_votes_for_keys_nor_proves(node, keyed):
    stranger = someone(node, keyed.contract)

    with pytest.raises(NotAdmitted, match="NotAMember"):
        stranger.publish(VK.digest, PROOF, TRUE)
    with pytest.raises(NotAdmitted, match="NotAMember"):
        stranger.vote_key(VK, admit=False)
    assert stranger.verifies(VK.digest, PROOF, TRUE)


def gas(chain: Chain, call: object) -> int:
    receipt = chain.receipt(chain._send(call).transaction)
    assert receipt is not None
    assert receipt.worked
    return receipt.gas_used


@pytest.fixture
def measured(members: tuple[Chain, Chain, Chain], monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """What each act costs, as a transaction of its own with everything that a transaction costs."""
    chain, digest = members[0], bytes.fromhex(VK.digest)
    votes = [gas(one, one._bound.functions.voteKey(digest, key_words(VK))) for one in members[:2]]
    functions = chain._bound.functions
    collection = proof_words(bytes.fromhex(COLLECTION["proofs"][0]))
    published = gas(chain, functions.publish(digest, proof_words(PROOF), TRUE))
    without_log = gas(chain, functions.publish(digest, collection, OTHER))
    # An estimate of `verify` finds the least gas with which it answers at all, which is “no”: give it enough.
    monkeypatch.setattr("ledger.anchors.chain.GAS_MARGIN", 8)
    return {
        "verification": gas(chain, functions.verify(digest, proof_words(PROOF), TRUE)),
        "verification without readings": gas(chain, functions.verify(digest, collection, OTHER)),
        "publication": published,
        "publication without readings": without_log,
        "first vote for a key": votes[0],
        "vote that admits a key": votes[1],
    }


def test_verification_costs_what_the_documentation_says_and_no_more_than_its_limit(measured):
    page = (Path(ROOT) / "docs" / "how-to" / "anchor-on-a-chain.md").read_text()
    rows = {name: f"| {name} | {cost:,} |" for name, cost in measured.items()}

    assert measured["verification"] <= GAS_LIMIT
    assert [row for row in rows.values() if row not in page] == [], "\n".join(rows.values())
