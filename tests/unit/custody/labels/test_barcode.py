"""The label's DataMatrix says the chain-of-identity id, as an independent reader sees it."""

import re

import pytest
import zxingcpp

from custody.contract.items import Item, Label, check_character
from custody.labels.barcode import coi_in, datamatrix_svg, label_in

BARE = "X004226001873"
COI = BARE + check_character(BARE)


def test_label_reads_back_as_gs1_with_the_identifier():
    barcode = zxingcpp.create_barcode(f"(90){COI}", zxingcpp.BarcodeFormat.DataMatrix, gs1=True)
    image = barcode.to_image(scale=8, add_quiet_zones=True)

    found = zxingcpp.read_barcode(image)

    assert found is not None
    assert coi_in(found.text) == COI
    assert datamatrix_svg(COI).lstrip().startswith(("<?xml", "<svg"))


@pytest.mark.parametrize(
    "scan",
    [COI, f"90{COI}", f"(90){COI}", f"]d290{COI}", f"&/CH{COI}", f" {COI.lower()} ", f"X0042 26 001873 {COI[-1]}"],
)
def test_scans_of_the_label_lead_to_the_identifier(scan):
    assert coi_in(scan) == COI


@pytest.mark.parametrize("item", [Item("wristband", 1), Item("order", 1), Item("label", 2), Item("bag", 12)])
def test_a_label_reads_back_with_what_it_is_on(item):
    label = Label(COI, item)
    barcode = zxingcpp.create_barcode(f"(90){label.code}", zxingcpp.BarcodeFormat.DataMatrix, gs1=True)

    found = zxingcpp.read_barcode(barcode.to_image(scale=8, add_quiet_zones=True))

    assert found is not None
    assert label_in(found.text) == label


@pytest.mark.parametrize("form", ["{}", "90{}", "(90){}", "]d290{}", "&/CH{}"])
def test_scans_of_a_label_lead_to_its_item_and_to_the_therapy(form):
    label = Label(COI, Item("bag", 2))
    typed = f"{COI[:5]} {COI[5:7]} {COI[7:]} P02 {label.code[-1]}".lower()

    assert label_in(form.format(label.code)) == label_in(form.format(typed)) == label
    assert coi_in(form.format(label.code)) == COI


def test_a_label_whose_item_was_misread_is_nobodys_label():
    assert label_in(Label(COI, Item("bag", 2)).code.replace("P02", "C02")) is None


def test_one_wrong_character_is_nobodys_identifier():
    """Read as another patient's, a slip of the finger would halt two therapies."""
    for place, character in enumerate(COI):
        other = "8" if character != "8" else "3"
        assert coi_in(COI[:place] + other + COI[place + 1 :]) is None, place


@pytest.mark.parametrize("scan", ["", "9", "X0042", "drop table", "&/CH", "(90)"])
def test_other_codes_are_no_identifier(scan):
    assert coi_in(scan) is None


def test_svg_holds_no_style_that_the_policy_refuses():
    assert not re.search(r"style=|<style|<script", datamatrix_svg(COI))


@pytest.mark.parametrize("place", range(len(BARE)))
def test_check_character_finds_any_single_wrong_character(place):
    wrong = BARE[:place] + ("7" if BARE[place] != "7" else "8") + BARE[place + 1 :]

    assert check_character(wrong) != COI[-1]


def test_check_character_is_that_of_iso_7064():
    from stdnum.iso7064 import mod_37_2

    assert mod_37_2.calc_check_digit(BARE) == COI[-1]
