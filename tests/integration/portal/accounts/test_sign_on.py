"""Single sign-on against a real OpenID Connect provider in a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from django.contrib.auth import SESSION_KEY
from django.urls import reverse

from portal.accounts.models import User
from tests.factories.people import PASSWORD, member, organisation

pytestmark = [pytest.mark.django_db, pytest.mark.enable_socket]
PROGRAM = Path(__file__).with_name("sign_on_provider.py")
CALLBACK = "http://testserver/accounts/oidc/lund/login/callback/"


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen(
        [sys.executable, str(PROGRAM), str(port), CALLBACK], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        yield f"http://127.0.0.1:{port}"
        process.terminate()


@pytest.fixture(autouse=True)
def _configured(provider, settings):
    settings.SIGN_ON_DOMAINS = {"lund": frozenset({"lund.example"})}
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {
            "OAUTH_PKCE_ENABLED": True,
            "APPS": [
                {
                    "provider_id": "lund",
                    "name": "Lund",
                    "client_id": "needlepoint",
                    "secret": "a secret between the two",
                    "settings": {"server_url": provider},
                }
            ],
        }
    }


@pytest.fixture
def ada():
    return member("nurse", organisation("treatment_centre"), name="Ada Sund", email="ada.sund@lund.example")


def sign_on(client, person: str):
    away = client.post(reverse("openid_connect_login", args=["lund"]))
    assert away.status_code == 302
    back = requests.get(f"{away['Location']}&as={person}", allow_redirects=False, timeout=20)
    assert back.headers["Location"].startswith(CALLBACK), back.text
    return client.get(back.headers["Location"].removeprefix("http://testserver"))


def test_a_person_of_the_organisation_is_signed_in_and_says_how(client, ada):
    assert "Sign in through Lund" in client.get("/accounts/login/").content.decode()
    answer = sign_on(client, "ada")

    assert (answer.status_code, client.session[SESSION_KEY]) == (302, str(ada.user.pk))
    assert client.get("/").wsgi_request.actor.method == "sign-on"
    assert User.objects.get(pk=ada.user.pk).check_password(PASSWORD)


def test_the_second_time_the_account_is_known(client, ada):
    sign_on(client, "ada")
    client.post("/accounts/logout/")
    assert sign_on(client, "ada").status_code == 302
    assert client.session[SESSION_KEY] == str(ada.user.pk)


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("person", ["unconfirmed", "stranger", "elsewhere"])
def test_nobody_else_is_let_in(client, person):
    member("nurse", organisation("treatment_centre", 2), email="eve@elsewhere.example")
    answer = sign_on(client, person)

    assert (answer.status_code, "nobody here has your address" in answer.content.decode()) == (403, True)
    assert SESSION_KEY not in client.session


def test_in_production_sign_on_alone_signs_nothing(client, ada, settings):
    settings.SECOND_FACTOR_TO_SIGN = True
    sign_on(client, "ada")

    assert client.get("/").status_code == 302
    assert client.get("/")["Location"].startswith("/accounts/2fa/")


def test_an_answer_that_nobody_asked_for_is_refused(client, ada):
    answer = client.get("/accounts/oidc/lund/login/callback/?code=made-up&state=made-up")

    assert SESSION_KEY not in client.session
    assert (answer.status_code, "Start again" in answer.content.decode()) == (401, True)
