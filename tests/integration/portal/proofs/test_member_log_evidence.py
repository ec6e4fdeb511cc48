"""Evidence out of several members' logs, as a browser judges it."""

from __future__ import annotations

import base64
import copy
import json

import pytest
from django.db import connection
from django.urls import reverse

from custody.compliance.tasks import prove_now
from ledger.log import sequencer
from ledger.log.models import Checkpoint
from portal.demonstration.story import Story
from tests.append_only import lifted
from tests.factories.member_logs import one_log_a_member
from tests.factories.screens import somebody
from tests.factories.therapies import small_consortium, told
from tests.integration.portal.proofs.test_evidence import evidence_of, forged, judged, needs_node, other_root

pytestmark = [pytest.mark.django_db, pytest.mark.prover]


@pytest.fixture
def cast(db):
    with one_log_a_member():
        yield small_consortium()


@pytest.fixture
def therapy(cast):
    """A therapy with a proven segment, in its members' own logs."""
    one = told(cast, Story("collected", stop_before="pickup-outbound"))
    prove_now(therapy=one.therapy, segment="order-to-collection", at=one.now)
    sequencer.drain()
    return one


def members_record(part):
    return next(record for record in part["records"] if "log" in record)


def change_a_members_record(run):
    forged(members_record(run["packs"][0]), '"seq":', '"seq":1')


def put_it_into_another_log(run):
    record = members_record(run["packs"][0])
    record["log"] = next(code for code in run["packs"][0]["logs"] if code != record["log"])


def hide_a_logs_checkpoint(run):
    run["packs"][0]["logs"].pop(members_record(run["packs"][0])["log"])


def change_a_logs_root(run):
    said = run["packs"][0]["logs"][members_record(run["packs"][0])["log"]]
    said["note"] = other_root(said["note"])


def leave_out_the_announcements(run):
    def announces(record):
        envelope = json.loads(base64.b64decode(record["envelope"]))
        return b"ledger.log.opened" in base64.b64decode(envelope["payload"])

    run["shared"]["records"] = [record for record in run["shared"]["records"] if not announces(record)]


TAMPERINGS = [
    change_a_members_record,
    put_it_into_another_log,
    hide_a_logs_checkpoint,
    change_a_logs_root,
    leave_out_the_announcements,
]


@needs_node
def test_the_browser_verifies_across_logs_and_refuses_every_tampering(cast, therapy):
    true = evidence_of(therapy, cast.actor(cast.parties["R0901"].id, "inspector"))
    runs = [true]
    for tamper in TAMPERINGS:
        run = copy.deepcopy(true)
        tamper(run)
        runs.append(run)

    first, *others = judged(*runs)

    assert len(true["packs"][0]["logs"]) >= 2
    assert first[-1]["judged"]["complete"] is True
    assert [(one["holds"], one["problem"]) for one in first[-1]["judged"]["segments"]] == [(True, "")]
    for tamper, answers in zip(TAMPERINGS, others, strict=True):
        assert answers[-1].get("failed") is True, tamper.__name__


def test_evidence_out_of_members_logs_is_not_kept_by_the_browser(cast, therapy):
    inspector = somebody(cast, "R0901", "inspector")

    answer = inspector.get(reverse("proofs_evidence", args=[therapy.therapy]))

    assert answer["Cache-Control"] == "no-store"


def test_a_chain_is_given_up_to_the_first_record_that_waits_for_its_place(cast, therapy):
    by = cast.actor(cast.parties["R0901"].id, "inspector")
    first, code = therapy.chain.records.order_by("seq").values_list("seq", "log")[0]
    with lifted(connection):
        Checkpoint.objects.filter(log=code).delete()

    records = evidence_of(therapy, by)["packs"][0]["records"]

    assert (first, records) == (0, [])
