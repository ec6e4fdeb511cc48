"""Role × permission, whole: what each role may ever do, and by that what it may not."""

import pytest

from portal.accounts.roles import EVERY_KIND, PERMISSIONS, ROLES, SYSTEM_PERMISSIONS, roles_of

COLUMNS = {
    "nu": "nurse",
    "co": "coordinator",
    "ph": "physician",
    "cl": "cell_lab",
    "dp": "data_protection_officer",
    "sc": "scheduler",
    "op": "operator",
    "qc": "qc_analyst",
    "qa": "qa",
    "qp": "qp",
    "cr": "courier",
    "di": "dispatcher",
    "pa": "payer_analyst",
    "in": "inspector",
    "ad": "administrator",
    "st": "operator_steward",
}
TABLE = """
                    nu co ph cl dp sc op qc qa qp cr di pa in ad st
patient.enrol       .  x  x  .  .  .  .  .  .  .  .  .  .  .  .  .
patient.read        x  x  x  .  x  .  .  .  .  .  .  .  .  .  .  .
patient.erase       .  .  .  .  x  .  .  .  .  .  .  .  .  .  x  .
patient.correct     .  x  x  .  x  .  .  .  .  .  .  .  .  .  .  .
patient.rights      .  .  .  .  x  .  .  .  .  .  .  .  .  .  .  .
patient.share       .  .  .  .  x  .  .  .  .  .  .  .  .  .  .  .
glass.break         .  .  .  x  .  .  .  .  .  x  .  .  .  .  .  .
disclosure.ask      .  .  .  .  .  .  .  .  .  .  .  .  x  x  .  .
disclosure.open     .  .  .  .  x  .  .  .  x  x  .  .  x  x  .  .
disclosure.answer   .  .  .  .  x  .  .  .  x  .  .  .  .  .  .  .
therapy.read        x  x  x  x  .  x  x  x  x  x  x  x  x  x  .  .
therapy.order       .  x  x  .  .  .  .  .  .  .  .  .  .  .  .  .
therapy.end         .  x  x  .  .  .  .  .  x  x  .  .  .  .  .  .
payer.decide        .  .  .  .  .  .  .  .  .  .  .  .  x  .  .  .
itinerary.search    x  x  x  .  .  x  .  .  .  .  .  .  .  .  .  .
itinerary.book      x  x  x  .  .  .  .  .  .  .  .  .  .  .  .  .
itinerary.move      .  x  .  .  .  .  .  .  .  .  .  .  .  .  .  .
slots.publish       .  x  .  .  .  x  .  .  .  .  .  x  .  .  .  .
label.print         x  x  .  x  .  .  x  .  .  .  .  .  .  .  .  .
step.perform        x  x  x  x  .  x  x  x  x  x  x  x  x  .  .  .
step.verify         x  x  x  x  .  .  x  x  x  .  .  .  .  .  .  .
handoff.offer       x  .  .  x  .  .  x  .  .  .  x  x  .  .  .  .
handoff.accept      x  .  .  x  .  .  x  .  .  .  x  .  .  .  .  .
handoff.refuse      x  .  .  x  .  .  x  .  .  .  x  .  .  .  .  .
readings.upload     .  .  .  x  .  .  x  .  .  .  x  x  .  .  .  .
readings.commit     .  .  .  x  .  .  x  .  .  .  .  .  .  .  .  .
exception.open      x  x  x  x  .  x  x  x  x  x  x  x  .  .  .  .
exception.close     .  .  x  .  .  .  .  .  x  x  .  .  .  .  .  .
exception.read_all  .  .  .  .  .  .  .  .  .  .  .  .  .  x  .  .
oos.request         .  .  x  .  .  .  .  .  .  .  .  .  .  .  .  .
oos.evaluate        .  .  .  .  .  .  .  .  x  x  .  .  .  .  .  .
oos.accept          .  .  x  .  .  .  .  .  .  .  .  .  .  .  .  .
oos.inform          .  .  .  .  .  .  .  .  x  x  .  .  .  .  .  .
batch.review        .  .  .  .  .  .  .  .  x  .  .  .  .  .  .  .
batch.release       .  .  .  .  .  .  .  .  .  x  .  .  .  .  .  .
proof.publish       .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  .
proof.verify        .  .  .  .  .  .  .  .  x  x  .  .  x  x  x  x
document.publish    .  .  .  .  .  .  .  .  x  .  .  .  .  .  .  x
party.enrol         .  .  .  .  .  .  .  .  .  .  .  .  .  .  .  x
device.register     .  .  .  .  .  .  .  .  .  .  .  x  .  .  x  .
audit.read          .  .  .  .  x  .  .  .  x  x  .  .  .  x  x  x
inspection.open     .  .  .  .  .  .  .  .  .  .  .  .  .  x  .  .
divergence.acknowledge .  .  .  .  .  .  .  .  x  x  .  x  x  x  x  x
divergence.resolve  .  .  .  .  .  .  .  .  .  .  .  .  .  x  .  x
hold.agree          .  x  x  .  .  .  .  .  x  x  .  .  x  .  .  .
hold.break          .  .  x  .  .  .  .  .  .  x  .  .  .  .  .  .
keys.manage         .  .  .  .  .  .  .  .  .  .  .  .  .  .  x  x
members.manage      .  .  .  .  .  .  .  .  .  .  .  .  .  .  x  .
"""


def _cells():
    head, *rows = [line.split() for line in TABLE.strip().splitlines()]
    return [(COLUMNS[role], row[0], mark == "x") for row in rows for role, mark in zip(head, row[1:], strict=True)]


@pytest.mark.parametrize(("role", "permission", "expected"), _cells())
def test_role_may_ever_do_this(role, permission, expected):
    assert (permission in ROLES[role].permissions) is expected


def test_the_table_is_whole():
    cells = _cells()

    assert {role for role, _, _ in cells} == set(ROLES)
    assert {permission for _, permission, _ in cells} == set(PERMISSIONS)


def test_nobody_who_makes_a_product_releases_it():
    for role in ROLES.values():
        if "batch.release" in role.permissions:
            assert not role.permissions & {"batch.review", "step.verify", "handoff.accept"}


def test_patients_are_known_at_treatment_centres_only():
    for role in ROLES.values():
        if role.permissions & {"patient.read", "patient.enrol"}:
            assert role.party_kinds == {"treatment_centre"}


def test_software_puts_no_signature_of_a_person():
    assert not SYSTEM_PERMISSIONS & {"step.perform", "step.verify", "batch.release", "patient.read", "oos.accept"}


@pytest.mark.parametrize("kind", sorted(EVERY_KIND))
def test_every_organisation_has_somebody_to_look_after_its_people(kind):
    assert "administrator" in {role.code for role in roles_of(kind)}


def test_every_role_is_described_for_people():
    for role in ROLES.values():
        assert role.name
        assert role.description.endswith(".")
        assert role.party_kinds <= EVERY_KIND
        assert role.dashboard
