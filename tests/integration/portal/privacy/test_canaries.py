"""Canary values of a patient stand where they belong and nowhere else: in clear, encoded or as a guessable hash.

One patient with values that stand in no other text is enrolled, ordered for, and everything that leaves the portal is
read: logs, every table of the database, the cache, live frames, bundles, pages of those who may not know, addresses,
and error pages.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from urllib.parse import quote

import pytest
import redis
from channels.layers import get_channel_layer
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import get_resolver, reverse
from pypdf import PdfReader

from custody.compliance.bundles import therapy_bundle
from custody.disclosures import operations as disclosures
from custody.emergency import operations as emergency
from custody.oversight import queries as oversight
from custody.oversight import tasks as reports
from custody.patients import operations as patients
from custody.patients.identity import PatientIdentity, to_fields
from custody.therapies.models import Therapy
from custody.therapies.operations import order_therapy
from ledger.bundles import format as file_format
from ledger.clock import now
from ledger.ids import uuid7
from ledger.log import sequencer
from ledger.log.models import Document
from ledger.parties.queries import parties
from portal.accounts.models import Membership
from portal.actions.base import fresh_key
from portal.live import feed
from tests.integration.portal.privacy.conftest import PASSWORD

pytestmark = pytest.mark.django_db
CANARY = PatientIdentity(
    given_name="Quillonwyth",
    family_name="Zbrzezny-Kanarek",
    birth_date=date(1957, 2, 28),
    record_number="KNR-7719-QX",
    weight_kg=Decimal("71.3"),
    contact="+31 6 7719 5520",
)
# A weight or a birth date alone is too short to be told from other digits; their hashes are not.
TEXTS = tuple(
    to_fields(CANARY)[name] for name in ("given_name", "family_name", "record_number", "contact", "birth_date")
)


def _spellings() -> dict[bytes, str]:
    """Each form in which a value could show, with what it is."""
    found: dict[bytes, str] = {}
    for value in (*to_fields(CANARY).values(), CANARY.full_name):
        plain = {value, value.lower(), value.upper(), value.replace("-", "").replace(" ", "")}
        for text in plain:
            raw = text.encode()
            if value in TEXTS or value == CANARY.full_name:
                found[raw] = f"{value} in clear"
                found[quote(text).encode()] = f"{value} in an address"
                for shift in range(3):
                    encoded = base64.b64encode(b"\x00" * shift + raw)
                    inner = encoded[4 if shift else 0 : -4]
                    if len(inner) >= 8:
                        found[inner] = f"{value} in Base64"
                found[raw.hex().encode()] = f"{value} in hexadecimal"
            for name, digest in (
                ("sha256", hashlib.sha256), ("sha1", hashlib.sha1), ("md5", hashlib.md5), ("sha512", hashlib.sha512),
            ):  # fmt: skip
                found[digest(raw).hexdigest().encode()] = f"{name} of {value}"
                found[base64.b64encode(digest(raw).digest())[:40]] = f"{name} of {value} in Base64"
            for key in (b"", b"needlepoint", CANARY.record_number.encode()):
                found[hmac.new(key, raw, hashlib.sha256).hexdigest().encode()] = f"hmac of {value} under a known key"
    return {form: what for form, what in found.items() if len(form) >= 8}


SPELLINGS = _spellings()


def traces(content: bytes | str) -> list[str]:
    """What of the canary is in there."""
    raw = content.encode(errors="surrogatepass") if isinstance(content, str) else content
    return sorted({what for form, what in SPELLINGS.items() if form in raw})


@pytest.fixture
def therapy(one, caplog) -> Therapy:
    """The canary's therapy, ordered, asked about and opened in an emergency; everything is logged meanwhile."""
    caplog.set_level(logging.DEBUG)
    coordinator, at = one.actor("centre", "coordinator"), now()
    patient = patients.enrol_patient(identity=CANARY, by=coordinator, at=at, key="enrol-canary")
    digest = Document.objects.filter(kind="protocol", code="cd19-fresh").latest("published_at").digest
    values = dict(one.values("order"))
    record = order_therapy(
        patient=patient.pk, protocol=digest, payer=one.state["parties"]["payer"], consent=True, eligible=True,
        values=values, by=coordinator, at=at, key=str(uuid7()),
    )  # fmt: skip
    therapy = Therapy.objects.get(pk=record.chain.subject)
    officer = one.actor("centre", "data_protection_officer")
    disclosures.give(
        therapy=therapy.pk, receiver=one.cast.parties["R0901"].id, fields=["identity/family_name"],
        purpose="inspection", until=at.replace(year=at.year + 1), by=officer, at=at, key=fresh_key(),
    )  # fmt: skip
    emergency.break_the_glass(
        therapy=therapy.pk, reason="identity_doubtful", minutes=15, shown_again=True,
        by=one.actor("centre", "cell_lab"), at=at, key=fresh_key(),
    )  # fmt: skip
    sequencer.drain()
    return therapy


def test_the_net_catches_what_it_is_made_for():
    assert traces(f"x {CANARY.full_name} y")
    assert traces(base64.b64encode(f"  {CANARY.family_name}  ".encode()))
    assert traces(hashlib.sha256(CANARY.record_number.encode()).hexdigest())
    assert traces(json.dumps({"h": hmac.new(b"", b"KNR-7719-QX", hashlib.sha256).hexdigest()}))
    assert traces(quote(CANARY.contact))
    assert not traces("Bryony Cole, 1971-05-17")


def test_no_table_of_the_database_holds_it(therapy):
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            for row in cursor.fetchall():
                said = b"\x1f".join(
                    bytes(one) if isinstance(one, bytes | memoryview) else str(one).encode() for one in row
                )
                assert traces(said) == [], table


def test_no_bundle_envelope_or_live_frame_holds_it(therapy, one):
    file = io.BytesIO()
    bundle = therapy_bundle(therapy=therapy.pk, at=now())
    file_format.write(file, bundle)
    unpacked = b"".join([*bundle.records.values(), *(proof.encode() for proof in bundle.proofs.values())])
    payloads = b"".join(base64.b64decode(json.loads(one)["payload"]) for one in bundle.records.values())
    assert traces(unpacked) == traces(payloads) == traces(file.getvalue()) == []
    inspector = one.cast.actor(one.cast.parties["R0901"].id, "inspector")
    frames = feed.missed(inspector, since=-1)
    changes = feed.changes_between(0, feed.newest_index())
    assert traces(json.dumps([*frames, *(change.frame for change in changes)])) == []


@pytest.mark.parametrize("role", ["inspector", "payer_analyst", "cell_lab", "qa", "qp", "operator", "courier"])
def test_no_page_for_who_may_not_know_holds_it(therapy, one, role):
    for url, response in _pages(therapy, one, role):
        assert traces(url) == []
        assert traces(b"".join(response)) == [], (role, url)
        assert traces(str(response.headers)) == [], (role, url)


def _pages(therapy: Therapy, one, role: str) -> Iterator[tuple[str, object]]:
    held = Membership.objects.filter(role=role, user__email__endswith=".example")
    party = one.state["parties"].get({"cell_lab": "centre", "payer_analyst": "payer"}.get(role, "maker"))
    user = (held.filter(party_id=party).first() or held.order_by("pk")[0]).user
    client = Client(raise_request_exception=False)
    client.force_login(user)
    names = [
        pattern.name for pattern in get_resolver().url_patterns
        if getattr(pattern, "name", None) and set(pattern.pattern.regex.groupindex) in (set(), {"therapy"})
    ]  # fmt: skip
    for name in names:
        arguments = {"therapy": therapy.pk} if "therapy" in reverse_places(name) else {}
        url = reverse(name, kwargs=arguments)
        if "logout" not in url and "disclosures/" not in url:
            yield url, client.get(url)


def reverse_places(name: str) -> set[str]:
    return next(
        set(pattern.pattern.regex.groupindex)
        for pattern in get_resolver().url_patterns
        if getattr(pattern, "name", None) == name
    )


def test_an_order_by_the_form_leaves_nothing_in_logs_cache_addresses_or_error_pages(one, sign_in, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    kept: dict[str, object] = {}
    plain = cache.set
    monkeypatch.setattr(
        cache, "set", lambda key, value, *more, **named: (kept.update({key: value}), plain(key, value, *more, **named))
    )
    client = sign_in("coordinator", "centre")
    form = _order_form(one)
    done = client.post(reverse("order"), form)
    assert done.status_code == 303, done.content.decode()[:2000]
    assert traces(done.url) == []
    found = client.post(
        reverse("find_patient"), {"idempotency_key": fresh_key(), "record_number": CANARY.record_number}
    )
    assert found.status_code == 303
    assert traces(found.url) == []
    assert CANARY.family_name in client.get(found.url).content.decode(), "those entitled do see it"

    monkeypatch.setattr("portal.actions.ordering.enrol_patient", _stumble)
    client.raise_request_exception = False
    broken = client.post(reverse("order"), form | {"idempotency_key": fresh_key()})
    assert broken.status_code == 500
    assert traces(broken.content) == []
    assert traces(caplog.text) == []
    assert traces("".join(str(record.__dict__) for record in caplog.records if not record.exc_info)) == []
    assert kept
    assert traces(repr(kept)) == []


def _order_form(one) -> dict[str, str]:
    return {
        "idempotency_key": fresh_key(), "protocol": "cd19-fresh", "record_number": CANARY.record_number,
        "given_name": CANARY.given_name, "family_name": CANARY.family_name, "birth_date": "1957-02-28",
        "weight_kg": "71.3", "payer": one.state["parties"]["payer"], "eligible": "on", "consent": "on",
    } | {f"value_{code}": value for code, value in one.values("order").items() if code != "weight"}  # fmt: skip


@pytest.mark.redis
def test_redis_is_told_nothing_of_it(one, sign_in, settings, redis_url, django_capture_on_commit_callbacks):
    """Cache, live status and the queue's wake-ups on a real Redis: each command it is sent, and each key it keeps."""
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": redis_url,
            "KEY_PREFIX": "canary",
        }
    }
    settings.CHANNEL_LAYERS = {
        "default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [redis_url]}}
    }
    assert "redis" in type(get_channel_layer()).__module__
    server = redis.Redis.from_url(redis_url)
    with _overheard(server) as said:
        with django_capture_on_commit_callbacks(execute=True):
            client = sign_in("coordinator", "centre")
            assert client.post(reverse("order"), _order_form(one)).status_code == 303
        for page in ("/", "/worklist/"):
            assert client.get(page, follow=True).status_code == 200
        asked = {"idempotency_key": fresh_key(), "record_number": CANARY.record_number}
        found = client.post(reverse("find_patient"), asked, follow=True)
        assert CANARY.family_name in found.content.decode(), "those entitled do see it"

    kept = [key + b" " + (server.dump(key) or b"") for key in server.scan_iter()]
    assert any("canary" in line for line in said), "the portal did use it"
    assert kept
    assert traces("\n".join(said)) == []
    assert traces(b"\n".join(kept)) == []
    server.close()


@contextmanager
def _overheard(server: redis.Redis) -> Iterator[list[str]]:
    """Every command that the server is sent meanwhile, as its own monitor shows it."""
    said: list[str] = []
    ready, end = threading.Event(), f"end of {fresh_key()}"

    def listen() -> None:
        with server.monitor() as monitor:
            ready.set()
            for line in monitor.listen():
                if end in line["command"]:
                    return
                said.append(line["command"])

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    assert ready.wait(10)
    try:
        yield said
    finally:
        server.echo(end)
        listener.join(10)
    assert not listener.is_alive()


def test_a_months_report_holds_nothing_of_it(therapy, one):
    """The printed form is read as a reader sees it: its text, not the compressed bytes."""
    member = next(one for one in parties() if one.id == therapy.centre_id)
    at = now()
    later = at.replace(day=1) + timedelta(days=40)
    record = reports.sign_now(member=member, month=f"{at:%Y-%m}", at=later)
    inspector = one.cast.actor(one.cast.parties["R0901"].id, "inspector")
    line = next(line for line in oversight.reports(by=inspector) if line.record == record.id)
    for form in ("pdf", "json"):
        _, content = oversight.report_file(report=line.id, kind=form, by=inspector)
        text = content.decode() if form == "json" else _printed(content)
        assert member.name in text
        assert traces(text) == traces(content) == []


def _printed(pdf: bytes) -> str:
    reader = PdfReader(io.BytesIO(pdf))
    return "\n".join([*(page.extract_text() for page in reader.pages), str(reader.metadata)])


def _stumble(**given: object) -> None:
    raise RuntimeError("the database is away")


def test_who_has_the_password_but_not_the_role_is_told_nothing(therapy, one):
    lab = Client()
    user = Membership.objects.filter(role="cell_lab", party_id=one.state["parties"]["centre"]).first().user
    assert lab.post("/accounts/login/", {"login": user.email, "password": PASSWORD}).status_code == 302
    answer = lab.get(reverse("patient", args=[therapy.patient_id]))
    assert answer.status_code in (403, 404)
    assert traces(answer.content) == []
