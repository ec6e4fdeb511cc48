"""The order of places on the capacity board."""

from custody.scheduling.boards import counted


def test_bed_2_stands_before_bed_10():
    beds = [f"ward {ward}, bed {bed}" for ward in (4, 12) for bed in range(1, 19)]

    assert sorted(sorted(beds), key=counted) == beds


def test_names_without_numbers_stand_in_their_letters_order():
    assert sorted(["suite C", "QP office", "suite A", "suite 2"], key=counted) == [
        "QP office",
        "suite 2",
        "suite A",
        "suite C",
    ]
