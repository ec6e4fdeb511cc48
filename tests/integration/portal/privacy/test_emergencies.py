"""Breaking the glass: factors anew, an alert, an end by itself, and a line in who looked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.urls import reverse

from custody.contract import emergency
from custody.emergency import operations, queries
from custody.emergency.models import EmergencyAccess
from custody.patients.access_log import looks_at
from ledger.clock import now
from ledger.errors import NotPermitted
from ledger.log.contract import Refused
from ledger.log.verification import findings
from ledger.outbox import dispatcher
from portal.accounts.models import User
from portal.actions.base import fresh_key
from tests.integration.portal.privacy.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def _break(one, by, *, minutes=15, at=None, shown=True):
    at = at or now()
    return operations.break_the_glass(
        therapy=one.therapy, reason="identity_doubtful", minutes=minutes, shown_again=shown, by=by, at=at,
        key=fresh_key(),
    ).chain.subject  # fmt: skip


def _form(**more):
    given = {"idempotency_key": fresh_key(), "reason": "identity_doubtful", "minutes": "15"}
    return given | {"again_password": PASSWORD} | more


def test_the_password_is_asked_for_each_time_and_the_officer_is_told(one, sign_in, mailoutbox):
    lab, officer = sign_in("cell_lab", "centre"), sign_in("data_protection_officer", "centre")
    url = reverse("break_glass_identity", args=[one.therapy])
    assert "Break the glass" in lab.get(reverse("therapy", args=[one.therapy])).content.decode()
    refused = lab.post(url, _form(again_password="not the password"))
    assert refused.status_code == 422
    assert "That is not your password" in refused.content.decode()
    assert not EmergencyAccess.objects.exists()

    opened = lab.post(url, _form(), follow=True)
    row = EmergencyAccess.objects.get()
    said = opened.content.decode()
    assert "This closes by itself" in said
    assert opened["Cache-Control"] == "no-store"
    dispatcher.run_pending(queue="notify")
    alert = next(mail for mail in mailoutbox if "emergency" in mail.subject)
    assert alert.to == ["mirthe.zeldenrust@linden.example"]
    home = officer.get("/").content.decode()
    assert "has broken the glass" in home
    looks = looks_at(row.patient_id, limit=1)
    assert [(look.way, look.purpose) for look in looks] == [("emergency", "identity_doubtful")]
    page = officer.get(reverse("patient", args=[row.patient_id])).content.decode()
    assert "Emergency access" in page

    ended = officer.post(reverse("end_emergency", args=[row.pk]), {"idempotency_key": fresh_key()})
    assert ended.status_code == 303
    assert lab.get(reverse("emergency", args=[row.pk])).status_code == 404
    assert list(findings()) == []


def test_where_an_app_is_enrolled_its_code_is_asked_for_too(one, sign_in):
    lab = sign_in("cell_lab", "centre")
    user = User.objects.get(pk=lab.session["_auth_user_id"])
    secret = "JBSWY3DPEHPK3PXP"
    TOTP.activate(user, secret)
    url = reverse("break_glass_identity", args=[one.therapy])

    assert lab.post(url, _form()).status_code == 422
    assert lab.post(url, _form(again_code="000000")).status_code == 422
    assert not EmergencyAccess.objects.exists()
    code = format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))
    assert lab.post(url, _form(again_code=code)).status_code == 303
    assert Authenticator.objects.get(user=user).last_used_at


def test_it_ends_by_itself_and_says_so_on_the_ledger(one):
    lab, start = one.actor("centre", "cell_lab"), now()
    access = _break(one, lab, minutes=15, at=start)
    assert queries.identity(access=access, by=lab, at=start + timedelta(minutes=14))[1] is not None
    with pytest.raises(operations.AccessUnknown):
        queries.identity(access=access, by=lab, at=start + timedelta(minutes=15))
    assert operations.sweep(at=start + timedelta(minutes=14)) == 0
    assert operations.sweep(at=start + timedelta(minutes=16)) == 1
    assert EmergencyAccess.objects.get().ended_how == "by_time"
    assert list(findings()) == []


def test_nobody_else_uses_it(one):
    lab = one.actor("centre", "cell_lab")
    access = _break(one, lab)
    for other in (one.actor("centre", "cell_lab", other_than=lab.person), one.actor("maker", "qp")):
        with pytest.raises(operations.AccessUnknown):
            queries.identity(access=access, by=other, at=now())
        with pytest.raises(operations.AccessUnknown):
            operations.end_access(access=access, by=other, at=now(), key=fresh_key())


def test_what_the_rules_refuse(one):
    lab = one.actor("centre", "cell_lab")
    with pytest.raises(Refused, match="hour at most"):
        _break(one, lab, minutes=61)
    with pytest.raises(operations.SecondFactorMissing):
        _break(one, lab, shown=False)
    with pytest.raises(NotPermitted):
        _break(one, one.actor("maker", "operator"))
    _break(one, lab)
    with pytest.raises(operations.OpenAlready):
        _break(one, lab)
    assert timedelta(hours=1) == emergency.MAX_TIME


def test_a_broken_record_write_opens_nothing(one, monkeypatch):
    monkeypatch.setattr(operations, "append", lambda **_: (_ for _ in ()).throw(RuntimeError("the disk is full")))
    with pytest.raises(RuntimeError):
        _break(one, one.actor("centre", "cell_lab"))
    assert not EmergencyAccess.objects.exists()
