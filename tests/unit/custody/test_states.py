"""The tables of states are whole, and docs/states/ shows them as they are."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from custody import states
from custody.contract.exceptions import KINDS
from custody.exceptions.models import ExceptionKind
from custody.protocols import document
from custody.protocols.parts import RECORD_TYPES
from custody.protocols.queries import shipped
from custody.therapies.models import Status
from custody.transport.models import HandoffStatus


def test_the_tables_name_every_status_of_the_rows() -> None:
    assert set(states.THERAPY) == {"none", *Status.values}
    assert set(states.HANDOFF) == {"none", *HandoffStatus.values}
    assert tuple(ExceptionKind.values) == KINDS


@pytest.mark.parametrize("machine", states.MACHINES, ids=lambda machine: machine.code)
def test_a_machine_leads_only_to_states_that_it_has_and_reaches_all_of_them(machine: states.Machine) -> None:
    reached = {machine.begins}
    while found := {after for state in reached for after in machine.transitions[state]} - reached:
        reached |= found
    assert reached == set(machine.transitions) == set(machine.titles)
    edges = {(state, after) for state, following in machine.transitions.items() for after in following}
    assert set(machine.causes) == edges


def test_the_pages_are_as_the_code_has_them() -> None:
    call_command("draw_states", "--check")


def test_a_page_that_was_changed_by_hand_is_named(settings: object, tmp_path: object) -> None:
    settings.BASE_DIR = tmp_path  # type: ignore[attr-defined]
    (tmp_path / "docs" / "states").mkdir(parents=True)  # type: ignore[operator]
    (tmp_path / "docs" / "states" / "therapy.md").write_text("by hand")  # type: ignore[operator]
    with pytest.raises(CommandError, match=r"therapy\.md"):
        call_command("draw_states", "--check")


def test_every_step_and_every_arrow_of_a_protocol_is_drawn() -> None:
    for content in shipped():
        protocol = document.read(content)
        page = states.draw_protocol(protocol)
        assert all(f'"{step.title}<br/>' in page for step in protocol.steps)
        assert page.count(" --> ") + page.count(" -.-> ") == sum(len(step.after) for step in protocol.steps)


def test_every_kind_of_step_has_its_record_type() -> None:
    kinds = document.SCHEMA["$defs"]["kind"]["enum"]
    assert set(kinds) == set(RECORD_TYPES)
    assert len(set(RECORD_TYPES.values())) == len(kinds)
