"""An act that meets a change of its organisation's key is begun anew, and given up when that does not end."""

from __future__ import annotations

import pytest

from ledger.log import operations, storing
from ledger.log.models import Record, RefusedAction
from ledger.parties.signing import KeyEnded
from tests.factories.plain import noter, plain_chain

pytestmark = pytest.mark.django_db


@pytest.fixture
def ended(monkeypatch):
    """Let the key be found ended so many times: what the database says when it was replaced meanwhile."""

    def times(count: int) -> list[None]:
        met: list[None] = []
        real = storing.write

        def write(statements):
            if len(met) < count:
                met.append(None)
                raise storing.NotFound("SELECT 1 FROM ledger_partykey")
            real(statements)

        monkeypatch.setattr(storing, "write", write)
        return met

    return times


@pytest.mark.parametrize("changes", [1, 2, operations.KEY_CHANGES_MET])
def test_an_act_is_written_once_however_often_the_key_changed(ended, changes):
    write = noter(plain_chain())
    records, met = Record.objects.count(), ended(changes)

    write()

    assert len(met) == changes
    assert Record.objects.count() == records + 1
    assert not RefusedAction.objects.exists()


def test_a_key_that_never_rests_refuses_the_act_and_leaves_its_audit_entry(ended):
    write = noter(plain_chain())
    records, met = Record.objects.count(), ended(100)

    with pytest.raises(KeyEnded, match="Send it again"):
        write()

    assert len(met) == operations.KEY_CHANGES_MET + 1
    assert Record.objects.count() == records
    assert RefusedAction.objects.count() == 1
