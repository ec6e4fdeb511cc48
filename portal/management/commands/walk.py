"""`manage.py walk`: every page that each role reaches by links, on desk and phone, light and dark, and what is wrong.

It needs a demonstration that is being served (`make run`), and what `manage.py tour` needs.
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ledger.clock import now
from portal.accounts import demonstration
from portal.management.browser import chromium
from portal.management.walking import MODES, Visit, Walk

STRANGERS = ("/accounts/login/", "/accounts/password/reset/", "/help/", "/privacy/", "/no-such-address/")


class Command(BaseCommand):
    help = "Walk through every page of each role and say what is wrong with it. Exit status 1 when something is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default=settings.PUBLIC_URL, help="where the demonstration is served")
        parser.add_argument("--role", action="append", help="only this role (may be given again); all by default")
        parser.add_argument("--once", action="store_true", help="look at each page once, not once for each role")
        parser.add_argument("--pictures", help="also take a picture of each page into this folder")

    def handle(self, *args: Any, **options: Any) -> None:
        people = people_of_roles(options["role"])
        pictures = Path(options["pictures"]) if options["pictures"] else None
        if pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
        self.stdout.write(f"{'Role':<20.20} {'Page':<44.44} " + " ".join(f"{w} {t:<5}" for w, t in MODES))
        visits: list[Visit] = []
        with chromium() as browser:
            walk = Walk(browser, options["url"].rstrip("/"), pictures=pictures, once=options["once"])
            for role, person in people.items():
                start = ("/",) if person else STRANGERS
                for visit in walk.of(person, start):
                    visits.append(visit)
                    self._line(role, visit)
        wrong = [visit for visit in visits if not visit.is_clean]
        self.stdout.write(f"{len(visits)} pages in {len(MODES)} modes: {len(wrong)} with findings.")
        if wrong:
            raise CommandError("Something was found; it stands above.")

    def _line(self, role: str, visit: Visit) -> None:
        marks = " ".join(f"{len(visit.faults[mode]) or '·':>{len(f'{mode[0]} {mode[1]:<5}')}}" for mode in MODES)
        self.stdout.write(f"{role:<20.20} {visit.name:<44.44} {marks}")
        told = set()
        for mode, faults in visit.faults.items():
            for fault in faults:
                if fault not in told:
                    self.stdout.write(f"    {mode[0]} {mode[1]}: {fault}   {visit.path}")
                    told.add(fault)
        self.stdout.flush()


def people_of_roles(only: list[str] | None = None) -> dict[str, str]:
    """A person of each role of the demonstration by the role's code, the stranger first."""
    found = {} if only else {"stranger": ""}
    for group in demonstration.accounts(now()):
        for account in group.accounts:
            if not only or account.role_code in only:
                found.setdefault(account.role_code, account.name)
    unknown = set(only or ()) - set(found)
    if unknown:
        raise CommandError(f"Nobody of the demonstration is {', '.join(sorted(unknown))}.")
    return found
