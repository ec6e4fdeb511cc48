"""What a record writes: rows from bare values, and no index that another makes needless."""

from __future__ import annotations

import pytest
from django.db import connection

from ledger.ids import uuid7
from ledger.log import storing
from ledger.log.models import Chain, PendingRecord, Record, SignedName

pytestmark = pytest.mark.django_db


def test_a_new_row_has_the_values_that_were_given_and_defaults_for_the_rest():
    key = uuid7()

    storing.write([storing.new(Chain, {"id": key, "kind": "plain", "subject": key})])

    chain = Chain.objects.get(pk=key)
    assert (chain.kind, chain.subject, chain.head_seq, chain.head_log, chain.state) == ("plain", key, -1, "", {})


def test_a_column_that_the_table_does_not_have_is_named():
    with pytest.raises(TypeError, match=r"ledger\.PendingRecord has no column record\."):
        storing.new(PendingRecord, {"record": uuid7()})


@pytest.mark.postgres(orm=True)
@pytest.mark.parametrize("model", [Record, SignedName, PendingRecord, Chain])
def test_no_index_is_the_beginning_of_a_unique_one(model):
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, model._meta.db_table).values()
    unique = [one["columns"] for one in found if one["unique"]]

    needless = [
        one["columns"]
        for one in found
        if one["index"]
        and not one["unique"]
        and any(one["columns"] == other[: len(one["columns"])] for other in unique)
    ]

    assert unique
    assert needless == []
