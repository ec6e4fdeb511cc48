"""The scripts of the PQ speak of every role, and of every kind of step that a protocol may have."""

from __future__ import annotations

import pytest

from custody.protocols import document
from custody.protocols.document import RECORD_TYPES
from custody.protocols.queries import shipped
from portal.accounts.roles import ROLES
from portal.compliance.tables import TablesInvalid, requirements
from portal.validation import scripts


def protocols():
    return [document.read(each) for each in shipped()]


def test_every_role_has_a_script():
    assert {script.role for script in scripts.scripts()} == ROLES.keys()


def test_every_requirement_that_people_can_try_is_tried():
    shown = {one for script in scripts.scripts() for one in script.shows}
    high = {one.id for one in requirements().requirements if one.risk == "high"}
    # What only a machine can show: proofs' soundness, rules under attack, kills in the middle, the database's triggers.
    assert high - shown <= {
        "URS-IDN-05", "URS-RUL-01", "URS-RUL-02", "URS-DIV-02", "URS-DIV-04", "URS-ACC-01", "URS-ACC-02",
    }  # fmt: skip


def test_every_kind_of_step_has_its_expected_result():
    assert scripts.EXPECTED.keys() == RECORD_TYPES.keys()
    assert scripts.DOES.keys() <= RECORD_TYPES.keys()


@pytest.mark.parametrize("protocol", protocols(), ids=lambda protocol: protocol.code)
def test_every_step_stands_on_one_sheet(protocol):
    sheets = [step.code for role in scripts.roles_of(protocol) for step in scripts.steps_of(protocol, role)]

    assert sorted(sheets) == sorted(step.code for step in protocol.steps)
    assert all(step.party in scripts.PARTIES for step in protocol.steps)


def test_a_step_says_what_to_scan_to_enter_and_who_verifies():
    [protocol] = [one for one in protocols() if one.code == "cd19-fresh"]
    collect = protocol.step("collect")

    acts = scripts.acts_of(collect).splitlines()

    assert acts[0] == "Scan wristband, order, label."
    assert "Enter Collected volume (50 to 400 mL)." in acts
    assert "A second person (nurse or cell lab or physician) verifies on the same screen." in acts
    assert scripts.way_to(collect) == "Worklist: “Scan wristband to begin”, or “Start collection”"
    assert "both names" in scripts.expected_of(collect)
    assert collect.meaning in scripts.expected_of(collect)


def test_a_script_of_a_role_that_there_is_not_is_refused(tmp_path):
    path = tmp_path / "scripts.toml"
    path.write_text(scripts.PATH.read_text().replace('role = "nurse"', 'role = "matron"', 1))
    with pytest.raises(TablesInvalid, match="there is no role matron"):
        scripts.read(path)
