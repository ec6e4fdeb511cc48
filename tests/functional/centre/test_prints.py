"""What is printed of a therapy from the browser: the centre's paper names the patient, other members' never."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from playwright.sync_api import Page
from pypdf import PdfReader

pytestmark = pytest.mark.browser
PATIENT = re.compile(r"Patient (.+?), born (\d.+?), record (\S+)")


def printed(page: Page) -> str:
    """The text of the page as the browser prints it, with single spaces: lines break elsewhere on paper."""
    pages = PdfReader(io.BytesIO(page.pdf(format="A4"))).pages
    return " ".join(" ".join(one.extract_text() for one in pages).split())


def test_paper_names_the_patient_for_the_centre_alone(as_person: Any, portal_server: Any) -> None:
    therapy = portal_server.tell(days=16.5, stop_before="deliver-outbound")
    portal_server.prove(therapy)
    nurse = as_person("Ines Marlowe")
    nurse.goto(f"/therapies/{therapy}/")
    nurse.wait_for_load_state("networkidle")
    found = PATIENT.search(" ".join(nurse.locator(".np-ident__m").inner_text().split()))
    assert found is not None
    identity = [found[1], *found[1].split(), found[2], found[3]]
    assert all(text in printed(nurse) for text in identity)

    papers = 0
    for person, address in (
        ("Saskia Vos", f"/therapies/{therapy}/"),
        ("Saskia Vos", f"/therapies/{therapy}/proofs/"),
        ("Kofi Osei", f"/therapies/{therapy}/"),
        ("Kofi Osei", "/"),
    ):
        page = as_person(person)
        response = page.goto(address)
        page.wait_for_load_state("networkidle")
        paper = printed(page)
        assert [text for text in identity if text in paper] == [], (person, address)
        assert response is not None
        papers += response.status == 200
    assert papers >= 3, "who takes part does print something"
