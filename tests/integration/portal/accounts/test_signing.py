"""Who signs: the first person again after a while, and the second on the same screen."""

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django import forms
from django.conf import settings
from django.contrib.auth import SESSION_KEY as SIGNED_IN_AS
from django.urls import get_resolver

from ledger.clock import now
from portal import access
from portal.accounts.signed_forms import SecondPersonMixin
from portal.actions.base import ActionForm, ActionView, Done, both_signers
from tests.factories.people import PASSWORD, member, organisation


class InfusionForm(SecondPersonMixin, ActionForm):
    volume = forms.IntegerField()


class Infuse(ActionView):
    form_class = InfusionForm
    template_name = "people/enrol.html"
    signed: list = []

    def form_arguments(self):
        return {"request": self.request}

    def act(self, form):
        self.signed.append(both_signers(self.request, form, roles=("nurse", "physician")))
        return Done("/")


urlpatterns = [
    *get_resolver().url_patterns,
    access.route("t/infuse/", Infuse.as_view(), name="t_infuse", rule=access.MEMBER),
]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture(autouse=True)
def _clean():
    Infuse.signed = []


@pytest.fixture
def centre():
    return organisation("treatment_centre")


@pytest.fixture
def first(client, centre):
    held = member("nurse", centre, name="Ines Marlowe")
    client.post("/accounts/login/", {"login": held.user.email, "password": PASSWORD})
    return held


@pytest.fixture
def second(centre):
    return member("nurse", centre, name="Tom Okafor")


def send(client, second_email, second_password=PASSWORD, code="", **more):
    key = client.get("/t/infuse/").context["form"]["idempotency_key"].value()
    values = {"volume": "68", "second_email": second_email, "second_password": second_password, "second_code": code}
    return client.post("/t/infuse/", {**values, "idempotency_key": key, **more})


def errors(response):
    assert response.status_code in {403, 422, 429}
    assert Infuse.signed == []
    return {field: texts[0] for field, texts in response.context["form"].errors.items()}


def let_time_pass(client):
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= settings.SIGNING_FRESH_SECONDS + 1
    session.save()


def code_of(secret):
    return format_hotp_value(hotp_value(secret, int(now().timestamp()) // 30))


def test_two_persons_sign_on_one_screen(client, first, second):
    assert send(client, second.user.email).status_code == 303

    one, two = Infuse.signed[0]
    assert (one.name, two.name) == ("Ines Marlowe", "Tom Okafor")
    assert (two.role, two.method, two.party) == ("nurse", "password", first.party_id)


def test_the_page_says_on_what_the_signature_rests_and_until_when(client, first):
    form = client.get("/t/infuse/").context["form"]
    assert form.stands.words == "You gave your password"
    assert form.stands.until - form.stands.at == timedelta(seconds=settings.SIGNING_FRESH_SECONDS)

    let_time_pass(client)
    form = client.get("/t/infuse/").context["form"]
    assert form.stands is None
    assert form.asks_password


def test_passwords_that_are_missing_are_said_with_the_values_that_are_missing(client, first, second):
    let_time_pass(client)
    response = send(client, second.user.email, "", volume="")
    assert set(errors(response)) == {"volume", "signing_password", "second_password"}


def test_two_wrong_passwords_are_said_at_once(client, first, second):
    let_time_pass(client)
    response = send(client, second.user.email, "wrong wrong wrong", signing_password="wrong too")
    assert set(errors(response)) == {"signing_password", "second_password"}


def test_the_second_person_does_not_take_over_the_session(client, first, second):
    send(client, second.user.email)

    assert client.session[SIGNED_IN_AS] == str(first.user.pk)
    assert client.get("/t/infuse/").wsgi_request.actor.name == "Ines Marlowe"


def test_the_second_person_is_never_the_first(client, first):
    assert "somebody else" in errors(send(client, first.user.email))["second_email"]


def test_a_wrong_password_of_the_second_loses_nothing_else(client, first, second):
    response = send(client, second.user.email, "wrong wrong wrong")

    assert "do not belong together" in errors(response)["second_password"]
    page = response.content.decode()
    assert 'value="68"' in page
    assert second.user.email in page
    assert "wrong wrong wrong" not in page


def test_an_unknown_address_tells_no_more_than_a_wrong_password(client, first, second):
    unknown = errors(send(client, "nobody@nowhere.example"))

    assert unknown == errors(send(client, second.user.email, "wrong wrong wrong"))


def test_the_second_person_belongs_to_the_same_organisation(client, first):
    stranger = member("nurse", organisation("treatment_centre", 2))

    assert "your organisation" in errors(send(client, stranger.user.email))["second_email"]


def test_the_second_person_has_one_of_the_roles(client, first, centre):
    coordinator = member("coordinator", centre)

    assert "Nurse or Physician" in errors(send(client, coordinator.user.email))["second_email"]


def test_somebody_who_left_does_not_verify(client, first, second):
    second.until = now()
    second.save()

    assert "your organisation" in errors(send(client, second.user.email))["second_email"]


def test_a_closed_account_does_not_verify(client, first, second):
    second.user.is_active = False
    second.user.save()

    assert "do not belong together" in errors(send(client, second.user.email))["second_password"]


def test_an_authenticator_app_is_asked_of_the_second_too(client, first, second):
    secret = generate_totp_secret()
    TOTP.activate(second.user, secret)

    assert "code" in errors(send(client, second.user.email))["second_code"]
    assert "not right" in errors(send(client, second.user.email, code="000000"))["second_code"]
    assert send(client, second.user.email, code=code_of(secret)).status_code == 303
    assert Infuse.signed[0][1].method == "password+totp"


def test_one_code_verifies_once(client, first, second):
    secret = generate_totp_secret()
    TOTP.activate(second.user, secret)
    code = code_of(secret)
    send(client, second.user.email, code=code)
    Infuse.signed = []

    assert "used before" in errors(send(client, second.user.email, code=code))["second_code"]


def test_a_wrong_password_of_the_first_does_not_use_up_the_code_of_the_second(client, first, second):
    secret = generate_totp_secret()
    TOTP.activate(second.user, secret)
    code = code_of(secret)
    let_time_pass(client)

    refused = send(client, second.user.email, code=code, signing_password="wrong too")
    assert set(errors(refused)) == {"signing_password"}

    assert send(client, second.user.email, code=code, signing_password=PASSWORD).status_code == 303


def test_somebody_who_may_not_verify_has_their_code_not_used_up(client, first, second, centre):
    secret = generate_totp_secret()
    TOTP.activate(second.user, secret)
    code = code_of(secret)
    second.role = "coordinator"
    second.save()

    assert "has to be" in errors(send(client, second.user.email, code=code))["second_email"]
    second.role = "nurse"
    second.save()
    assert send(client, second.user.email, code=code).status_code == 303


def test_a_passkey_alone_does_not_open_the_way_round_it(client, first, second):
    Authenticator.objects.create(user=second.user, type=Authenticator.Type.WEBAUTHN, data={})

    assert "authenticator app" in errors(send(client, second.user.email))["second_code"]


def test_guessing_the_second_password_is_throttled(client, first, second):
    for _ in range(5):
        send(client, second.user.email, "wrong wrong wrong")

    response = send(client, second.user.email)

    assert response.status_code == 429
    assert "Too many" in errors(response)["second_email"]


def test_soon_after_sign_in_the_password_is_not_asked_again(client, first):
    assert not client.get("/t/infuse/").context["form"].asks_password


def test_a_while_later_the_password_is_asked_and_renews_the_time(client, first, second):
    let_time_pass(client)
    assert client.get("/t/infuse/").context["form"].asks_password

    assert "Enter your password" in errors(send(client, second.user.email))["signing_password"]
    assert "not your password" in errors(send(client, second.user.email, signing_password="nope"))["signing_password"]
    assert send(client, second.user.email, signing_password=PASSWORD).status_code == 303
    assert not client.get("/t/infuse/").context["form"].asks_password


def test_the_password_of_somebody_else_does_not_sign(client, first, centre):
    other = member("nurse", centre, password="another long password")
    let_time_pass(client)

    response = send(client, other.user.email, "another long password", signing_password="another long password")

    assert "not your password" in errors(response)["signing_password"]
