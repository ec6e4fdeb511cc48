"""Fresh cells keep from the end of their collection, wherever they are meanwhile."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta

from custody.protocols import document
from custody.protocols.freshness import fresh_for, keeps_until
from tests.unit.custody.contract.paper import of_format_1, shipped

COLLECTED = datetime(2026, 3, 9, 12, tzinfo=UTC)
PACKED = COLLECTED + timedelta(hours=6)


def test_fresh_cells_keep_from_their_collection_and_not_from_their_packing() -> None:
    protocol = document.read(shipped("cd19-fresh"))
    leg = protocol.leg("outbound")
    assert fresh_for(protocol, leg) == timedelta(hours=72)
    assert keeps_until(protocol, leg, packed_at=PACKED, collected_at=COLLECTED) == COLLECTED + timedelta(hours=72)


def test_the_age_that_is_allowed_at_receipt_goes_before_the_container() -> None:
    content = copy.deepcopy(shipped("cd19-fresh"))
    step = next(each for each in content["steps"] if each["code"] == "accept-starting-material")
    next(field for field in step["fields"] if field["code"] == "age")["high"] = "48"
    protocol = document.read(content)
    assert fresh_for(protocol, protocol.leg("outbound")) == timedelta(hours=48)


def test_an_age_that_is_judged_at_the_packing_says_nothing_of_the_whole_way() -> None:
    content = copy.deepcopy(shipped("cd19-fresh"))
    steps = {each["code"]: each for each in content["steps"]}
    age = next(field for field in steps["accept-starting-material"]["fields"] if field["code"] == "age")
    packing = age | {"high": "12", "reckoned": {"from": "collect", "to": "pack-outbound"}}
    steps["pack-outbound"]["fields"] = [*steps["pack-outbound"].get("fields", []), packing]
    protocol = document.read(content)
    assert fresh_for(protocol, protocol.leg("outbound")) == timedelta(hours=72)


def test_a_container_that_keeps_for_less_goes_before_the_cells() -> None:
    protocol = document.read(shipped("cd19-fresh"))
    packed = COLLECTED - timedelta(hours=1)
    found = keeps_until(protocol, protocol.leg("outbound"), packed_at=packed, collected_at=COLLECTED)
    assert found == packed + timedelta(hours=72)


def test_frozen_cells_and_the_way_back_count_from_the_packing() -> None:
    for code, leg in (("bcma-frozen", "outbound"), ("cd19-fresh", "return")):
        protocol = document.read(shipped(code))
        assert fresh_for(protocol, protocol.leg(leg)) is None
        hours = protocol.leg(leg).hold_max_hours
        found = keeps_until(protocol, protocol.leg(leg), packed_at=PACKED, collected_at=COLLECTED)
        assert found == PACKED + timedelta(hours=hours)


def test_an_older_document_says_it_by_its_leg() -> None:
    protocol = document.read(of_format_1("cd19-fresh"))
    assert fresh_for(protocol, protocol.leg("outbound")) == timedelta(hours=72)
