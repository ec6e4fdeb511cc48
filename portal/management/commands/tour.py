"""`manage.py tour`: pictures of the running demonstration by role, into docs/tour/, so that the tour stays true.

It needs a demonstration that is being served (`make run`), Playwright (a development requirement) and Chromium.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from custody.exceptions.models import CustodyException
from custody.patients.models import PatientAct
from custody.therapies.models import OpenStep, Therapy
from ledger.divergence import queries as divergences
from ledger.divergence.queries import DivergenceLine
from portal.management.browser import DESK, PHONE, TABLET, chromium, page_of

OFFICER = "Mirthe Zeldenrust"
SIGN_OFFS = {"review": "Maud Janse", "release": "Hanneke Verbeek"}
"""Who decides on a batch of the maker whose screens the tour shows, by the kind of step."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One screen of the tour: whose, which address, how wide, light or dark."""

    name: str
    person: str
    path: str
    width: int = DESK
    theme: str = "light"
    whole: bool = False
    press: str = ""


def pictures() -> Iterator[Picture]:
    """The screens of the tour, from what the demonstration holds at this moment."""
    yield Picture("01-sign-in", "", "/accounts/login/")
    yield Picture("02-nurse-worklist", "Ines Marlowe", "/")
    booking = _open("booking", "X0042")
    if booking:
        yield Picture("03-slot-chain", "Tomas Birk", f"/therapies/{booking}/slots/")
    bedside = _open("bedside-check", "X0042")
    if bedside:
        yield Picture("04-bedside", "Ines Marlowe", f"/therapies/{bedside}/steps/bedside-check/", width=PHONE)
    stopped = CustodyException.objects.filter(kind="identity_stop", closed_at=None).first()
    if stopped:
        yield Picture("05-identity-stop", "Adaeze Okonjo", f"/exceptions/{stopped.pk}/")
    done = (
        Therapy.objects.filter(status="completed", centre__code="X0042").order_by("-proof_state", "ordered_at").first()
    )
    if done:
        yield Picture("06-journey", "Adaeze Okonjo", f"/therapies/{done.pk}/", whole=True)
        yield Picture("07-journey-dark", "Adaeze Okonjo", f"/therapies/{done.pk}/", theme="dark")
    yield Picture("08-control-tower", "Noor Bakker", "/", width=TABLET)
    process = OpenStep.objects.filter(kind="process", party__code="M0311", held="").order_by("due_at").first()
    if process:
        yield Picture(
            "09-batch-step", "Noor Bakker", f"/therapies/{process.therapy_id}/steps/{process.step}/", width=TABLET
        )
    yield Picture("10-courier", "Kofi Osei", "/", width=PHONE)
    yield Picture("11-payer", "Saskia Vos", "/")
    yield Picture("12-regulator", "Rune Lindqvist", "/")
    yield Picture("13-proofs-verified", "Rune Lindqvist", "/proofs/", press="Verify")
    yield Picture("14-ledger", "Rune Lindqvist", "/ledger/", theme="dark")
    if stopped:
        ours = Therapy.objects.get(pk=stopped.therapy_id)
        yield Picture("15-who-sees-what", OFFICER, f"/patients/{ours.patient_id}/")
        yield Picture("16-disclosure", OFFICER, f"/therapies/{ours.pk}/share/")
        yield Picture("17-emergency", "Lotte Vermeer", f"/therapies/{ours.pk}/emergency/", width=PHONE)
    yield Picture("18-audit-trail", "Maud Janse", "/audit/")
    yield Picture("19-access-review", "Greet Polak", "/people/review/")
    decision = OpenStep.objects.filter(kind__in=SIGN_OFFS, party__code="M0311", held="").order_by("due_at").first()
    if decision:
        path = f"/batches/{decision.therapy_id}/sign-off/{decision.step}/"
        yield Picture("20-release-by-exception", SIGN_OFFS[decision.kind], path)
    yield Picture("21-sites-compared", "Rune Lindqvist", "/sites/")
    yield Picture("22-reports", "Rune Lindqvist", "/reports/")
    yield Picture("23-keys", "Greet Polak", "/keys/")
    corrected = PatientAct.objects.filter(kind="corrected").first()
    if corrected:
        yield Picture("24-patients-rights", OFFICER, f"/patients/{corrected.patient_id}/")


def diverged() -> Iterator[Picture]:
    """What people see of each kind of divergence that is open at this moment, and of a therapy that is held for one."""
    found: dict[str, DivergenceLine] = {}
    for one in divergences.divergences(limit=50):
        if one.open:
            found.setdefault(one.kind, one)
    for kind, one in sorted(found.items()):
        yield Picture(f"divergence-{kind.replace('_', '-')}", "Rune Lindqvist", f"/divergences/{one.id}/")
    if found:
        yield Picture("divergence-worklist", "Adaeze Okonjo", "/", width=TABLET)
        yield Picture("divergence-phone", "Kofi Osei", "/", width=PHONE, theme="dark")
        yield Picture("divergence-ledger", "Rune Lindqvist", "/ledger/")
    held = (
        Therapy.objects.filter(held_since__isnull=False, parties__party__code="X0042").order_by("-changed_at").first()
    )
    if held:
        yield Picture("divergence-held-journey", "Adaeze Okonjo", f"/therapies/{held.pk}/")
        yield Picture("divergence-hold", "Adaeze Okonjo", f"/therapies/{held.pk}/hold/")


def _open(step: str, party: str) -> str:
    row = OpenStep.objects.filter(step=step, party__code=party, held="").order_by("due_at").first()
    return str(row.therapy_id) if row else ""


class Command(BaseCommand):
    help = "Take the pictures of docs/tour/ from a demonstration that is being served."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default=settings.PUBLIC_URL, help="where the demonstration is served")
        parser.add_argument(
            "--diverged", action="store_true", help="take those of the open divergences (after manage.py unsafe_tamper)"
        )
        parser.add_argument("--into", default=str(settings.BASE_DIR / "docs" / "tour"), help="folder of the pictures")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = Path(options["into"])
        folder.mkdir(parents=True, exist_ok=True)
        shown = list(diverged() if options["diverged"] else pictures())
        with chromium() as browser:
            for picture in shown:
                self._take(browser, picture, options["url"].rstrip("/"), folder)
                self.stdout.write(f"  {picture.name}.png")
        self.stdout.write(f"{len(shown)} pictures in {folder.name}/.")

    def _take(self, browser: Any, picture: Picture, url: str, folder: Path) -> None:
        page = page_of(browser, url, picture.person, width=picture.width, theme=picture.theme)
        if picture.person:
            page.goto(picture.path)
        page.wait_for_load_state("networkidle")
        if picture.press:
            page.get_by_role("button", name=picture.press).first.click()
            page.locator("[data-verify][data-state=holds], [data-verify][data-state=fails]").wait_for(timeout=240_000)
        page.wait_for_timeout(700)
        page.screenshot(path=str(folder / f"{picture.name}.png"), full_page=picture.whole)
        page.context.close()
