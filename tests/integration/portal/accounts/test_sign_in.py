"""Signing in: who gets in, as whom, how that is told to the domain, and when the session ends."""

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.conf import settings
from django.contrib.auth import SESSION_KEY as SIGNED_IN_AS

from ledger.clock import now
from portal.accounts import idle
from portal.accounts.actors import method_of
from portal.accounts.demonstration import PASSWORD as SHARED
from portal.accounts.operations import place_person
from tests.factories.people import JOINED, PASSWORD, member, organisation

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"


def sign_in(client, user, password=PASSWORD, **more):
    return client.post(LOGIN, {"login": user.email, "password": password, **more})


@pytest.fixture
def administrator():
    return member("administrator", organisation("treatment_centre"), name="Ada Lind")


def test_a_member_signs_in_and_lands_on_their_dashboard(client, administrator):
    response = sign_in(client, administrator.user)

    assert response.status_code == 302
    assert response.url == "/"
    page = client.get("/")
    assert page.status_code == 200
    assert "Ada Lind" in page.content.decode()


def test_the_actor_says_who_for_whom_in_what_role_and_how(client, administrator):
    sign_in(client, administrator.user)

    actor = client.get("/").wsgi_request.actor

    assert actor.person == administrator.user.pk
    assert actor.party == administrator.party_id
    assert (actor.role, actor.method) == ("administrator", "password")
    assert "members.manage" in actor.permissions


def test_a_wrong_password_is_told_and_signs_nobody_in(client, administrator):
    response = sign_in(client, administrator.user, "not the password")

    assert response.status_code == 200
    assert response.context["form"].errors
    assert SIGNED_IN_AS not in client.session


def test_capitals_in_the_address_do_not_matter(client, administrator):
    response = client.post(LOGIN, {"login": administrator.user.email.upper(), "password": PASSWORD})

    assert response.status_code == 302


def test_guessing_is_throttled_even_for_the_right_password(client, administrator):
    for _ in range(5):
        sign_in(client, administrator.user, "wrong wrong wrong")

    response = sign_in(client, administrator.user)

    assert SIGNED_IN_AS not in client.session
    assert "Too many" in response.content.decode()


def test_nobody_signs_up(client):
    assert client.get("/accounts/signup/").status_code == 404


def test_the_authenticator_app_is_asked_and_recorded(client, administrator):
    secret = generate_totp_secret()
    TOTP.activate(administrator.user, secret)

    response = sign_in(client, administrator.user)
    assert response.url == "/accounts/2fa/authenticate/"
    assert SIGNED_IN_AS not in client.session

    client.post(response.url, {"code": code_of(secret)})

    assert client.get("/").wsgi_request.actor.method == "password+totp"


def test_the_secret_of_an_authenticator_app_is_sealed_in_the_database(administrator):
    secret = generate_totp_secret()

    TOTP.activate(administrator.user, secret)

    stored = Authenticator.objects.get(user=administrator.user).data["secret"]
    assert secret not in stored
    assert TOTP(Authenticator.objects.get(user=administrator.user)).validate_code(code_of(secret))


def test_a_person_who_left_every_organisation_sees_why_and_nothing_else(client, administrator):
    sign_in(client, administrator.user)
    administrator.until = now() - timedelta(seconds=1)
    administrator.save()

    response = client.get("/")

    assert response.status_code == 403
    assert "belongs to no organisation" in response.content.decode()


def test_a_person_of_two_organisations_chooses(client, administrator):
    other = organisation("courier")
    second = place_person(party=other, email=administrator.user.email, name="", role="administrator", at=JOINED)
    sign_in(client, administrator.user)
    assert client.get("/").wsgi_request.actor.party == administrator.party_id

    client.post("/accounts/role/", {"membership": second.pk})

    assert client.get("/").wsgi_request.actor.party == other.pk


def test_nobody_takes_up_the_role_of_another(client, administrator):
    foreign = member("qp", organisation("manufacturer"))
    sign_in(client, administrator.user)

    response = client.post("/accounts/role/", {"membership": foreign.pk})

    assert response.status_code == 404
    assert client.get("/").wsgi_request.actor.role == "administrator"


def test_times_are_those_of_the_site(client):
    site = organisation("treatment_centre", 7, time_zone="Asia/Tokyo")
    sign_in(client, member("administrator", site).user)

    assert client.get("/").context["shell"].zone == "Asia/Tokyo"


def test_half_an_hour_without_an_act_ends_the_session(client, administrator):
    sign_in(client, administrator.user)
    client.get("/")
    rewind(client, settings.SESSION_IDLE_SECONDS + 1)

    response = client.get("/")

    assert response.status_code == 302
    assert response.url.startswith(LOGIN)
    assert SIGNED_IN_AS not in client.session


def test_a_screen_that_refreshes_itself_does_not_keep_the_session(client, administrator):
    sign_in(client, administrator.user)
    client.get("/")
    rewind(client, settings.SESSION_IDLE_SECONDS - 100)
    before = client.session[idle.SESSION_KEY]

    client.get("/", headers={"HX-Request": "true"})
    assert client.session[idle.SESSION_KEY] == before

    client.get("/")
    assert client.session[idle.SESSION_KEY] > before


@pytest.mark.parametrize(
    ("records", "method"),
    [
        ([], "password"),
        ([{"method": "password"}], "password"),
        ([{"method": "password"}, {"method": "mfa", "type": "totp"}], "password+totp"),
        ([{"method": "password"}, {"method": "mfa", "type": "recovery_codes"}], "password+totp"),
        ([{"method": "mfa", "type": "webauthn", "passwordless": True}], "passkey"),
        ([{"method": "mfa", "type": "webauthn"}, {"method": "password", "reauthenticated": True}], "passkey"),
    ],
)
def test_the_method_follows_from_what_was_shown(records, method):
    assert method_of(records) == method


class TestDemonstration:
    @pytest.fixture
    def courier(self):
        return member("courier", organisation("courier"), name="Per Adeyemi", password=SHARED)

    def test_the_sign_in_page_lists_accounts_by_organisation(self, client, administrator, courier):
        groups = client.get(LOGIN).context["demo_accounts"]

        assert [group.kind for group in groups] == ["treatment_centre", "courier"]
        assert groups[1].accounts[0].name == "Per Adeyemi"
        assert groups[1].accounts[0].role == "Courier"

    def test_one_click_signs_in(self, client, courier):
        response = client.post("/accounts/demonstration/", {"as": courier.pk})

        assert response.status_code == 302
        assert client.session[SIGNED_IN_AS] == str(courier.user.pk)

    def test_one_click_changes_who_is_signed_in(self, client, courier):
        nurse = member("nurse", organisation("treatment_centre"), password=SHARED)
        client.post("/accounts/demonstration/", {"as": nurse.pk})

        client.post("/accounts/demonstration/", {"as": courier.pk})

        assert client.session[SIGNED_IN_AS] == str(courier.user.pk)
        assert client.session["account_authentication_methods"]

    def test_an_account_with_a_password_of_its_own_is_not_opened(self, client, administrator):
        response = client.post("/accounts/demonstration/", {"as": administrator.pk})

        assert response.url == LOGIN
        assert SIGNED_IN_AS not in client.session

    def test_a_real_address_is_never_listed_nor_opened(self, client):
        real = member("qp", organisation("manufacturer"), email="someone@real.org", password=SHARED)

        assert client.get(LOGIN).context["demo_accounts"] == ()
        assert client.post("/accounts/demonstration/", {"as": real.pk}).status_code == 404

    def test_production_knows_nothing_of_it(self, client, courier, settings):
        settings.DEMONSTRATION = False

        assert client.post("/accounts/demonstration/", {"as": courier.pk}).status_code == 404
        assert "demo_accounts" not in client.get(LOGIN).context

    @pytest.mark.parametrize("wanted", ["", "x", "999999", "\x00", "1 or 1=1"])
    def test_a_made_up_account_is_refused(self, client, courier, wanted):
        assert client.post("/accounts/demonstration/", {"as": wanted}).status_code == 404


def rewind(client, seconds):
    session = client.session
    session[idle.SESSION_KEY] -= seconds
    session.save()


def code_of(secret):
    return format_hotp_value(hotp_value(secret, int(now().timestamp()) // 30))
