"""Every address of the portal, swept from its resolver: for each role, for strangers, and for another hospital.

Nothing answers with a fault, nobody gets past a rule, no form is taken from another site. An address with a new kind of
part fails here until `PARTS` says what to put into it.
"""

from __future__ import annotations

import html
import re
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core import signals
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from custody.compliance.models import ComplianceProof
from custody.compliance.operations import refuse_proof
from custody.disclosures.operations import ask
from custody.exceptions.models import CustodyException
from custody.oversight.operations import open_inspection
from custody.telemetry.models import Device
from custody.therapies.models import OpenStep, Therapy, TherapyParty
from custody.transport.models import Handoff
from ledger.clock import now
from ledger.log import sequencer
from ledger.log.models import Record, RefusedAction
from ledger.parties.models import Party, PartyKey
from portal.access import Rule, rule_of
from portal.accounts import demonstration
from portal.accounts.actors import actor_for, system_actor
from portal.accounts.models import Membership, User
from portal.accounts.roles import ROLES
from portal.demonstration import consortium, slots
from portal.demonstration.stories import Case
from portal.demonstration.story import Story
from portal.demonstration.telling import tell_case
from tests.factories.divergences import reported

HOME, ELSEWHERE = "X0042", "X0117"
DAYS_PAST, DAYS_AHEAD = 40, 60
STORIES = (
    (2.0, Story("to be approved", stop_before="payer-approval")),
    (3.0, Story("to be booked", stop_before="booking")),
    (16.0, Story("offered", stop_before="pickup-outbound")),
    (19.0, Story("warm", stop_before="accept-starting-material", readings={"outbound": "excursion"}, resolve=False)),
    (24.0, Story("being made", stop_before="transduce")),
)
PATHS = ("0/000", "0/000.p/9", "entries/000", "8/x999/000", "../../etc/passwd", "nonsense")
AWKWARD = ("NaN", "-9" * 30, "Ω’ OR 1=1;--<script>", "x" * 5_000, "a\x00b", "2026-13-45T99:99")
INPUT = re.compile(r"<(?:input|select|textarea|button)\b[^>]*?\bname=[\"']([^\"']+)[\"'][^>]*>")
TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)
VALUE = re.compile(r"\bvalue=[\"']([^\"']*)[\"']")
pytestmark = pytest.mark.django_db
OPEN_RULES = {"public", "demonstration", "device"}
DOORS = {302, 401, 404}
CLOSED = {403, 404}


@dataclass
class Portal:
    """A small consortium at the present day, and what can be put into its addresses."""

    therapies: list[Therapy]
    parts: dict[str, list[Any]]
    people: dict[str, User]
    stranger_to_all: list[User]
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Address:
    """One concrete address, with its view's name and rule."""

    name: str
    url: str
    rule: Rule
    about: bool
    """Whether it names a therapy, a hand-over, an exception, a proof or a record."""


@pytest.fixture(scope="module")
def told(django_db_setup: None, django_db_blocker: Any) -> Iterator[Portal]:
    """Told once for the module and undone at its end; each test undoes what it did."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield _tell()
        transaction.set_rollback(True)


@pytest.fixture
def portal(told: Portal, db: None) -> Iterator[Portal]:
    told.faults.clear()

    def heard(sender: Any, **_: Any) -> None:
        told.faults.append(traceback.format_exc(limit=-4))

    signals.got_request_exception.connect(heard)
    yield told
    signals.got_request_exception.disconnect(heard)


def _tell() -> Portal:
    at = now()
    first = at - timedelta(days=DAYS_PAST)
    before, consortium.LOGGERS_A_COURIER = consortium.LOGGERS_A_COURIER, 4
    cast = consortium.found(at=first, tell=lambda line: None)
    consortium.LOGGERS_A_COURIER = before
    slots.publish_all(cast, first=first, days=DAYS_PAST + DAYS_AHEAD, at=first)
    ids = [
        tell_case(cast, Case("cd19-fresh", HOME, days, story), number, now=at)
        for number, (days, story) in enumerate(STORIES, 1)
    ]
    maker = Party.objects.get(pk=Therapy.objects.get(pk=ids[-1]).maker_id)
    refuse_proof(
        therapy=ids[-1], segment="transit", reasons=["warm"], by=system_actor(maker), at=at, key="sweep-proof-refused"
    )
    sequencer.drain()
    return Portal(list(Therapy.objects.filter(pk__in=ids).order_by("ordered_at")), _parts(), _people(), _strangers())


def _parts() -> dict[str, list[Any]]:
    """What stands in an address's places; `therapy` and `step` come from each therapy."""
    return {
        "leg": ["outbound"],
        "inspection": [_inspection(), uuid4()],
        "report": [uuid4()],
        "form": ["pdf", "nonsense"],
        "handoff": [*Handoff.objects.values_list("pk", flat=True), uuid4()],
        "exception": [*CustodyException.objects.values_list("pk", flat=True), uuid4()],
        "proof": [*ComplianceProof.objects.values_list("pk", flat=True), uuid4()],
        "record": [Record.objects.filter(chain__kind="therapy").values_list("pk", flat=True)[0], uuid4()],
        "divergence": [reported(Party.objects.get(code=HOME), at=now()).divergence, uuid4()],
        "hook": [uuid4()],
        "patient": [Therapy.objects.order_by("ordered_at").values_list("patient_id", flat=True)[0], uuid4()],
        "disclosure": [_asked_for(), uuid4()],
        "copy": [uuid4()],
        "access": [uuid4()],
        "party": [Party.objects.get(code=HOME).pk, uuid4()],
        "device": [Device.objects.values_list("pk", flat=True)[0], uuid4()],
        "authenticator": [1, 10**12],
        "person": [Membership.objects.filter(party__code=HOME).values_list("user_id", flat=True)[0], uuid4()],
        "provider_id": ["nonsense"],
        "membership": [Membership.objects.values_list("pk", flat=True)[0], 10**12],
        "path": list(PATHS),
        "log": ["x0042"],
        "pk": [1, 10**12],
        "key": ["nonsense"],
        "key_id": [PartyKey.objects.filter(party__code=HOME).values_list("key_id", flat=True)[0], "0" * 64],
        "uidb36": ["zz"],
    }


def _asked_for() -> UUID:
    """A disclosure that an inspector has asked the centre for."""
    at, therapy = now(), Therapy.objects.filter(centre__code=HOME).order_by("ordered_at")[0]
    held = Membership.objects.filter(role="inspector").select_related("user", "party")[0]
    record = ask(
        therapy=therapy.pk,
        holder=therapy.centre_id,
        fields=["identity/family_name"],
        purpose="inspection",
        until=at + timedelta(days=5),
        by=actor_for(held.user, held, "password"),
        at=at,
        key="sweep-disclosure",
    )
    return record.chain.subject


def _inspection() -> UUID:
    """An inspection of the maker that is open."""
    at, site = now(), Party.objects.get(pk=Therapy.objects.exclude(maker=None)[0].maker_id)
    inspector = Membership.objects.filter(role="inspector").select_related("user", "party")[0]
    record = open_inspection(
        site=site.pk,
        product="",
        since=at - timedelta(days=DAYS_PAST),
        until=at,
        reason="routine",
        reference="SWEEP-1",
        ends_at=at + timedelta(hours=4),
        by=actor_for(inspector.user, inspector, "passkey"),
        at=at,
        key="sweep-inspection",
    )
    return record.chain.subject


def _people() -> dict[str, User]:
    """Somebody of each role, of an organisation that takes part in the therapies where one does."""
    busy = set(TherapyParty.objects.values_list("party_id", flat=True))
    held = sorted(Membership.objects.select_related("user"), key=lambda one: (one.party_id not in busy, one.pk))
    found: dict[str, User] = {}
    for membership in held:
        found.setdefault(membership.role, membership.user)
    return found


def _strangers() -> list[User]:
    """Somebody of each role that may see therapies, of each organisation that takes part in none."""
    busy = set(TherapyParty.objects.values_list("party_id", flat=True))
    rows = Membership.objects.exclude(party_id__in=busy).exclude(role__in=["inspector", "administrator"])
    found: dict[tuple[UUID, str], User] = {}
    for one in rows.select_related("user").order_by("pk"):
        if "therapy.read" in ROLES[one.role].permissions:
            found.setdefault((one.party_id, one.role), one.user)
    return list(found.values())


def shared_out(everything: list[Address], strangers: list[User]) -> Iterator[tuple[User, list[Address]]]:
    """For each stranger every view, but a third of what it may be about, in turn: together they try all of it."""
    by_name: dict[str, list[Address]] = {}
    for address in everything:
        by_name.setdefault(address.name, []).append(address)
    for turn, user in enumerate(strangers):
        yield user, [one for known in by_name.values() for one in known[turn % min(3, len(known)) :: 3]]


def addresses(portal: Portal) -> list[Address]:
    """Every address of the resolver, with every part that it may have."""
    found = []
    for name, places in sorted(_patterns(get_resolver().url_patterns)):
        rule = rule_of(name)
        assert rule is not None, f"{name} has no rule"
        for arguments in _arguments(portal, places):
            about = bool(set(places) & {"therapy", "handoff", "exception", "proof", "record", "patient", "disclosure"})
            found.append(Address(name, reverse(name, kwargs=arguments), rule, about))
    return found


def _patterns(
    patterns: list[URLPattern | URLResolver], above: tuple[str, ...] = ()
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each view's name with the places in its address."""
    for pattern in patterns:
        places = above + tuple(pattern.pattern.regex.groupindex)
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern.url_patterns, places)
        else:
            assert pattern.name, f"{pattern} has no name"
            yield pattern.name, places


def _arguments(portal: Portal, places: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    if "therapy" not in places:
        for values in product(*(portal.parts[place] for place in places)):
            yield dict(zip(places, values, strict=True))
        return
    for therapy in portal.therapies:
        open_steps = list(OpenStep.objects.filter(therapy=therapy).values_list("step", flat=True))
        parts = portal.parts | {"therapy": [therapy.pk], "step": [*open_steps, "order"][:2]}
        for values in product(*(parts[place] for place in places)):
            yield dict(zip(places, values, strict=True))
    unknown: list[Any] = [uuid4() if place in {"therapy", "inspection"} else "nowhere" for place in places]
    yield dict(zip(places, unknown, strict=True))


def signed_in(user: User | None, **more: Any) -> Client:
    client = Client(raise_request_exception=False, **more)
    if user is not None:
        client.force_login(user)
    return client


def sane(portal: Portal, method: str, address: Address, status: int) -> None:
    assert status < 500, f"{method} {address.url} answers {status}\n{portal.faults[-1] if portal.faults else ''}"


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_role_meets_no_fault_and_passes_no_closed_door(portal, role):
    client, actor_may = signed_in(portal.people[role]), ROLES[role].permissions
    titled: dict[str, set[str]] = {}

    for address in addresses(portal):
        response = client.get(address.url)

        sane(portal, "GET", address, response.status_code)
        if response.status_code == 200 and not response.streaming and b"<html" in response.content:
            titled.setdefault(title_of(response), set()).add(address.name)
        if address.rule.kind == "closed" or (
            address.rule.kind == "permission" and not address.rule.permissions & actor_may
        ):
            assert response.status_code in CLOSED, f"{role} may open {address.url}"
    assert portal.faults == []
    # A role's landing page is one of its pages, so it may be called like it.
    assert {title: names for title, names in titled.items() if len(names - {"home"}) > 1} == {}


def title_of(response: HttpResponse) -> str:
    """A page's title in the browser, which names that page and no other: what a tab and a history go by."""
    page = response.content.decode(errors="replace")
    found = TITLE.search(page)
    assert found is not None, "a page without a title"
    title = " ".join(html.unescape(found[1]).split())
    assert title.removesuffix("Needlepoint").strip(" ·"), f"a page whose title does not name it: {title}"
    assert page.count("<h1") == 1, f"“{title}” has {page.count('<h1')} headings of the first level"
    return title


@pytest.mark.parametrize("role", sorted(ROLES))
def test_awkward_forms_are_refused_in_words_and_change_nothing(portal, role):
    actor_may, records = ROLES[role].permissions, Record.objects.count()
    seen: set[tuple[str, ...]] = set()
    client = signed_in(portal.people[role])
    session = client.cookies.copy()

    for address in addresses(portal):
        if address.name in {"account_logout", "choose_membership"}:
            continue
        is_closed = address.rule.kind == "permission" and not address.rule.permissions & actor_may
        if is_closed and any(name == address.name for name, *_ in seen):
            # A door that is closed to the role has no form: its other rooms would be asked the same again.
            continue
        with transaction.atomic():
            # What an address changed of the session is undone with the rest, so the cookie goes back as well.
            client.cookies = session.copy()
            names = dict(_fields(client.get(address.url).content.decode(errors="replace")))
            form = (address.name, *sorted(names))
            for body in _bodies(names) if form not in seen else ():
                status = client.post(address.url, body).status_code
                sane(portal, f"POST {str(body)[:300]}", address, status)
                if is_closed:
                    assert status in CLOSED, f"{role} may send {address.url}"
            seen.add(form)
            transaction.set_rollback(True)
    client.cookies = session.copy()
    assert client.get("/").status_code == 200, "the sweep was signed out on the way"
    assert portal.faults == []
    assert Record.objects.count() == records


def _bodies(names: dict[str, str]) -> Iterator[dict[str, str]]:
    """Nothing at all; then each field in turn with each kind of nonsense, where the page has given it no value."""
    yield {}
    for turn in range(0, len(AWKWARD), 2) if names else ():
        body = {
            name: given or AWKWARD[(place + turn) % len(AWKWARD)] for place, (name, given) in enumerate(names.items())
        }
        yield body | ({"password": demonstration.PASSWORD} if "password" in body and turn else {})


def _fields(page: str) -> Iterator[tuple[str, str]]:
    """The fields of a page's forms: hidden ones and buttons with their value, the others empty."""
    for found in INPUT.finditer(page):
        name, text = found.group(1), found.group(0)
        value = VALUE.search(text)
        fixed = 'type="hidden"' in text or text.startswith("<button")
        if name != "csrfmiddlewaretoken":
            yield name, html.unescape(value.group(1)) if fixed and value else ""


@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
def test_a_stranger_is_sent_to_sign_in(portal, method):
    records = Record.objects.count()
    everything = addresses(portal)
    one_each = {address.name: address for address in everything}

    for address in everything if method in {"get", "post"} else one_each.values():
        response = getattr(signed_in(None), method)(address.url)

        sane(portal, method, address, response.status_code)
        if address.rule.kind not in OPEN_RULES:
            assert response.status_code in DOORS, f"a stranger gets {response.status_code} from {address.url}"
            if response.status_code == 302:
                assert response.url.startswith("/accounts/login/?next="), address.url
    assert portal.faults == []
    assert Record.objects.count() == records


def test_a_device_address_takes_nothing_without_a_key(portal):
    assert signed_in(None).post("/api/v1/readings", b"{}", "application/json").status_code == 401


@pytest.mark.parametrize("method", ["get", "post"])
def test_another_hospital_learns_of_no_therapy(portal, method):
    assert {user.email.partition("@")[2] for user in portal.stranger_to_all} > {"harrowfield.example"}
    about = [address for address in addresses(portal) if address.about]
    assert len(about) > 80
    assert len(portal.stranger_to_all) > 6, "three at least for each third"

    for user, tried in shared_out(about, portal.stranger_to_all):
        client = signed_in(user)
        for address in tried:
            response = getattr(client, method)(address.url, follow=True)
            status = response.status_code

            sane(portal, method, address, status)
            # 422: the form is judged first, and says the same of a hand-over that there is not.
            allowed = CLOSED | ({405} if method == "get" else {405, 422})
            assert status in allowed, f"{user.email} gets {status} from {method} {address.url}"
            said = response.content.decode(errors="replace")
            assert not any(therapy.coi in said or therapy.call_name in said for therapy in portal.therapies)
    assert portal.faults == []


def test_another_hospitals_lists_name_no_therapy(portal):
    lists = [address for address in addresses(portal) if not address.about]

    for user, tried in shared_out(lists, portal.stranger_to_all):
        client = signed_in(user)
        for address in tried:
            said = client.get(address.url).content.decode(errors="replace")
            named = [
                therapy.call_name for therapy in portal.therapies if therapy.coi in said or str(therapy.pk) in said
            ]
            assert named == [], f"{user.email} reads of {named} at {address.url}"


@pytest.mark.parametrize("role", ["coordinator", "operator", "courier", "payer_analyst", "administrator"])
def test_no_form_is_taken_from_another_site(portal, role):
    client = signed_in(portal.people[role], enforce_csrf_checks=True)
    records, refusals = Record.objects.count(), RefusedAction.objects.count()

    for address in addresses(portal):
        status = client.post(address.url, {"idempotency_key": str(uuid4())}).status_code

        sane(portal, "POST", address, status)
        # 415: an address for machines reads no form at all.
        refused = {401, 403, 404, 405} | ({415} if address.rule.kind == "device" else set())
        assert status in refused, f"{address.url} takes a form without its token: {status}"
    assert Record.objects.count() == records
    assert RefusedAction.objects.count() == refusals


def test_someone_of_no_organisation_gets_nowhere(portal):
    user = User.objects.create_user(email="nobody@linden.example", name="Nobody Yet", password=str(uuid4()))
    client = signed_in(user)

    for address in addresses(portal):
        response = client.get(address.url)

        sane(portal, "GET", address, response.status_code)
        if address.rule.kind in {"member", "permission"}:
            assert response.status_code in CLOSED, address.url


def test_therapies_of_the_sweep_are_where_they_should_be(portal):
    """Guards the sweep itself: it has open steps, an offer, an exception and a proof to look at."""
    assert {therapy.status for therapy in portal.therapies} == {"active"}
    assert all(isinstance(value, UUID) for value in portal.parts["handoff"])
    assert min(len(portal.parts[name]) for name in ("handoff", "exception", "proof", "record")) >= 2
    assert OpenStep.objects.filter(therapy__in=portal.therapies, step="transduce").exists()
