"""What a prover found is told by the names of the protocol, never by its codes."""

import json
from pathlib import Path

import pytest
from django.conf import settings

from custody.protocols.document import read
from custody.protocols.wording import in_titles

CD19 = read(json.loads((Path(settings.BASE_DIR) / "protocols" / "cd19-fresh.json").read_text()))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("wash-vector: took 3 h, 2 h allowed", "“Wash out the vector”: took 3 h, 2 h allowed"),
        (
            "Making and release: test-dose: 5 × 10⁶ cells, 60 to 600 × 10⁶ cells allowed",
            "Making and release: “Dose of CAR+ viable T cells”: 5 × 10⁶ cells, 60 to 600 × 10⁶ cells allowed",
        ),
        (
            "transduce: began 2 h after activate, 1 h allowed",
            "“Transduce with the lentiviral vector”: began 2 h after “Activate with anti-CD3/CD28 beads”, 1 h allowed",
        ),
        (
            "harvest: began 5 min before seed-bioreactor ended",
            "“Harvest”: began 5 min before “Seed the bioreactor” ended",
        ),
        (
            "Chain of identity unbroken from order to storage no, expected: yes",
            "Chain of identity unbroken from order to storage no, expected: yes",
        ),
        (
            "from collect to infuse: 43 d, 40 d allowed",
            "from “Collect the cells” to “Infuse the product”: 43 d, 40 d allowed",
        ),
        (
            "the log begins 40 min after pack-outbound ended, 15 min allowed",
            "the log begins 40 min after “Pack the fresh cells at 2 to 8 °C” ended, 15 min allowed",
        ),
        ("no record of test test-dose, test-potency", "no record of test “Dose of CAR+ viable T cells”, “Potency”"),
        ("step 3 is harvest, formulate expected", "step 3 is “Harvest”, “Formulate” expected"),
        ("lower limit of test 'test-dose' is too low", "lower limit of test “Dose of CAR+ viable T cells” is too low"),
    ],
)
def test_a_code_becomes_the_title_of_its_step(said, told):
    assert in_titles(said, CD19) == told
    assert in_titles(told, CD19) == told


@pytest.mark.parametrize(
    "said",
    [
        "The physician gave the order to release the label.",
        "no reading for 34 min from 3 Aug 2026, 09:12 UTC, 15 min allowed",
        "“Harvest” was out of limits, so this segment cannot be proven.",
        "unknown-step: took 3 h, 2 h allowed",
    ],
)
def test_plain_words_that_are_codes_too_stay(said):
    assert in_titles(said, CD19) == said
