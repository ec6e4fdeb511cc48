"""`manage.py anchor`: the newest published checkpoint onto the chain, and what is there against the log."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from custody.compliance import keys
from ledger import clock
from ledger.anchors import operations, queries
from ledger.anchors.chain import Chain
from ledger.anchors.errors import AnchorError
from ledger.anchors.models import Anchor, AnchorStatus, ProofSending
from portal.live import anchoring

POLL_SECONDS = 1.0


class Command(BaseCommand):
    help = (
        "Anchor the newest published checkpoint on the chain of the settings, and compare all that is anchored there."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        act = parser.add_mutually_exclusive_group()
        act.add_argument("--account", action="store_true", help="print the address that anchors for this portal")
        act.add_argument("--deploy", action="store_true", help="put a new contract on the chain and print its address")
        act.add_argument("--admit", metavar="ADDRESS", help="vote to admit a member to the contract")
        act.add_argument("--dismiss", metavar="ADDRESS", help="vote to dismiss a member from the contract")
        act.add_argument("--keys", action="store_true", help="list the ledger's verification keys and the contract's")
        act.add_argument("--key", metavar="DIGEST", help="vote that the contract verifies proofs under this key")
        act.add_argument("--no-key", metavar="DIGEST", help="vote that it takes no more proofs under this key")
        act.add_argument("--state", action="store_true", help="say what is anchored and proven; send nothing")
        parser.add_argument(
            "--member", action="append", default=[], metavar="ADDRESS", help="with --deploy: more members"
        )
        parser.add_argument("--wait", type=float, default=120.0, help="seconds to wait until the anchor is final")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            chain = operations.chain_of_settings()
            self._act(chain, options)
        except AnchorError as problem:
            raise CommandError(str(problem)) from problem

    def _act(self, chain: Chain, options: dict[str, Any]) -> None:
        if options["account"]:
            self.stdout.write(chain.account)
            return
        chain.check()
        if options["deploy"]:
            address = chain.deploy([chain.account, *options["member"]])
            self.stdout.write(f"The contract is at {address}. Set NEEDLEPOINT_ANCHOR_CONTRACT={address}")
            return
        if not settings.ANCHOR_CONTRACT:
            raise CommandError("No contract is set. Give NEEDLEPOINT_ANCHOR_CONTRACT, or put one there with --deploy.")
        if options["state"]:
            self._state()
            return
        if options["keys"]:
            self._keys(chain)
            return
        operations.admitted(chain)
        if options["key"] or options["no_key"]:
            self._vote_key(chain, options["key"] or options["no_key"], admit=bool(options["key"]))
            return
        if options["admit"] or options["dismiss"]:
            about = options["admit"] or options["dismiss"]
            self.stdout.write(f"Voted in transaction {chain.vote(about, admit=bool(options['admit']))}.")
            return
        self._anchor(chain, options["wait"])

    def _keys(self, chain: Chain) -> None:
        found = keys.published_keys()
        for one in found:
            made = "by a ceremony" if one.ceremony else "UNSAFE, by one party alone"
            known = "in the contract" if chain.knows_key(one.key.digest) else "not in the contract"
            self.stdout.write(f"{one.key.digest}  {one.circuit}, made {made}, {known}")
        if not found:
            self.stdout.write(
                "No verification key is on the ledger yet. The first proof, or a ceremony, puts it there."
            )

    def _vote_key(self, chain: Chain, digest: str, *, admit: bool) -> None:
        try:
            found = keys.published_key(digest)
        except keys.ProofKeyUnknown as problem:
            raise CommandError(str(problem)) from problem
        if admit and not found.ceremony and not settings.DEMONSTRATION:
            raise CommandError(
                "One party alone made this key, and could forge proofs under it: production takes keys of a ceremony "
                "only. See manage.py ceremony."
            )
        sent = chain.vote_key(found.key, admit=admit)
        chain.wait_for(sent)
        done = chain.knows_key(digest) is admit
        said = ("in the contract" if admit else "out of the contract") if done else "waiting for more members' votes"
        self.stdout.write(f"Voted in transaction {sent}; the key of {found.circuit} is {said}.")

    def _state(self) -> None:
        anchored, proven = queries.standing(), queries.proofs_standing()
        assert anchored is not None
        assert proven is not None
        self.stdout.write(f"Contract {anchored.contract} on chain {anchored.chain_id}")
        size = f"{anchored.size:,} records, block {anchored.block:,}" if anchored.size and anchored.block else "nothing"
        self.stdout.write(f"Anchored and final: {size}")
        self.stdout.write(f"Proofs verified on the chain and final: {proven.proven:,}; under way: {proven.under_way:,}")
        if proven.last is not None:
            self.stdout.write(f"The last in block {proven.last.block:,}, transaction {proven.last.transaction}")
        for problem in filter(None, (anchored.problem, proven.problem)):
            self.stdout.write(f"The last try came to nothing. {problem}")

    def _anchor(self, chain: Chain, wait: float) -> None:
        how, deadline, now_or_never = operations.how_of_settings(), time.monotonic() + wait, True
        while True:
            turn = operations.take_turn(chain=chain, how=how, at=clock.now(), now_or_never=now_or_never)
            now_or_never = False
            for one in turn.mismatches:
                anchoring.report(one, at=clock.now())
                raise CommandError(f"The chain contradicts this log. {one.sentence}")
            for event in turn.proofs.foreign:
                anchoring.report_proof(event, at=clock.now())
                raise CommandError(f"The chain contradicts this ledger. {event.sentence}")
            if turn.proofs.sent:
                self.stdout.write(f"Sent: compliance proofs of {len(turn.proofs.sent):,} segments.")
            if turn.proofs.proven:
                self.stdout.write(f"Verified on the chain and final: {len(turn.proofs.proven):,} compliance proofs.")
            if turn.sent is not None:
                self.stdout.write(
                    f"Sent: the checkpoint of {turn.sent:,} records. Waiting for {how.confirmations} blocks on top…"
                )
            rows = Anchor.objects.filter(chain_id=chain.chain_id, contract=chain.contract)
            sendings = ProofSending.objects.filter(chain_id=chain.chain_id, contract=chain.contract)
            if not any(one.filter(status__in=operations.OPEN).exists() for one in (rows, sendings)):
                break
            if time.monotonic() > deadline:
                self.stdout.write("Not final yet. It is followed by the running portal, or say this command again.")
                return
            time.sleep(POLL_SECONDS)
        last = rows.order_by("-sent_at").first()
        if last is None:
            self.stdout.write("Nothing to anchor: no checkpoint is published that is not on the chain already.")
        elif last.status == AnchorStatus.CONFIRMED:
            self.stdout.write(
                f"Anchored: {last.size:,} records, root {last.root}, block {last.block:,}, {last.gas_used:,} gas, "
                f"transaction {last.transaction}"
            )
        else:
            raise CommandError(f"{last.get_status_display()}. {last.problem}")
