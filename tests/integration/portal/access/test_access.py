"""Every address has a rule, and the rules hold."""

import pytest
from django.http import HttpResponse
from django.test import RequestFactory, override_settings
from django.urls import URLPattern, get_resolver, path, reverse

from ledger.errors import Conflict
from portal import access
from portal.accounts.roles import PERMISSIONS, ROLES
from portal.checks import addresses_have_rules
from tests.factories.people import member, organisation


def page(request, **kwargs):
    return HttpResponse("the page")


def refuses(request):
    raise Conflict("Somebody was first. Reload the page.")


RULES = {
    "t_public": access.PUBLIC,
    "t_signed_in": access.SIGNED_IN,
    "t_member": access.MEMBER,
    "t_people": access.may("members.manage"),
    "t_hidden": access.may("exception.read_all", hidden=True),
    "t_either": access.may("members.manage", "therapy.order"),
    "t_demo": access.DEMONSTRATION,
    "t_closed": access.CLOSED,
}
urlpatterns = [
    *get_resolver().url_patterns,
    *[access.route(f"t/{name}/", page, name=name, rule=rule) for name, rule in RULES.items()],
    access.route("api/t/", page, name="t_api", rule=access.MEMBER),
    access.route("t/refuses/", refuses, name="t_refuses", rule=access.PUBLIC),
    path("t/forgotten/", page, name="t_forgotten"),
    path("t/nameless/", page),
]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture
def as_role(client):
    def sign_in(role):
        kind = sorted(ROLES[role].party_kinds)[0]
        client.force_login(member(role, organisation(kind)).user)
        return client

    return sign_in


@pytest.mark.urls("portal.urls")
def test_every_address_of_the_portal_has_a_rule():
    found = dict(access.addresses(get_resolver("portal.urls").url_patterns))

    assert len(found) > 25
    assert {address: name for address, name in found.items() if access.rule_of(name) is None} == {}


def test_the_check_names_an_address_without_a_rule():
    said = [problem.msg for problem in addresses_have_rules(None)]

    assert any("t/forgotten/" in text for text in said)
    assert any("t/nameless/" in text for text in said)


@pytest.mark.parametrize("address", ["/t/forgotten/", "/t/nameless/", "/t/t_closed/"])
def test_an_address_without_a_rule_answers_404_to_everybody(as_role, address):
    assert as_role("administrator").get(address).status_code == 404


def test_a_stranger_sees_public_pages_only(client):
    answers = {name: client.get(f"/t/{name}/").status_code for name in RULES}

    assert answers == {
        "t_public": 200,
        "t_signed_in": 302,
        "t_member": 302,
        "t_people": 302,
        "t_hidden": 302,
        "t_either": 302,
        "t_demo": 200,
        "t_closed": 404,
    }


def test_the_way_back_from_sign_in_is_kept(client):
    assert client.get("/t/t_member/?batch=7").url == "/accounts/login/?next=/t/t_member/%3Fbatch%3D7"


@pytest.mark.parametrize(
    ("role", "name", "status"),
    [
        ("administrator", "t_people", 200),
        ("coordinator", "t_people", 403),
        ("inspector", "t_hidden", 200),
        ("coordinator", "t_hidden", 404),
        ("coordinator", "t_either", 200),
        ("courier", "t_either", 403),
        ("courier", "t_member", 200),
    ],
)
def test_a_role_passes_by_its_permissions(as_role, role, name, status):
    assert as_role(role).get(f"/t/{name}/").status_code == status


def test_a_refusal_names_the_roles_that_may(as_role):
    said = as_role("courier").get("/t/t_people/").content.decode()

    assert "Administrator" in said
    assert "Courier" in said


def test_a_program_gets_problem_details(client, as_role):
    response = client.get("/api/t/")

    assert response.status_code == 401
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == 401


def test_a_fragment_sends_the_whole_page_to_sign_in(client):
    response = client.get("/t/t_member/", headers={"HX-Request": "true"})

    assert response.status_code == 401
    assert response["HX-Redirect"].startswith("/accounts/login/")


def test_production_hides_the_demonstration(as_role, settings):
    settings.DEMONSTRATION = False

    assert as_role("administrator").get("/t/t_demo/").status_code == 404


def test_production_wants_a_second_factor_of_those_who_sign(as_role, settings):
    settings.SECOND_FACTOR_TO_SIGN = True

    response = as_role("nurse").get("/t/t_member/")

    assert response.url == reverse("mfa_index")
    assert as_role("inspector").get("/t/t_member/").status_code == 200


@pytest.mark.parametrize("address", ["/t/t_public/?q=%00", "/t/t_public%00/", "/%00"])
def test_a_nul_in_an_address_is_refused(client, address):
    assert client.get(address).status_code in {400, 404}


def test_a_refusal_that_a_view_did_not_catch_is_its_answer(client):
    response = client.get("/t/refuses/")

    assert response.status_code == 409
    assert "Somebody was first" in response.content.decode()


def test_a_missing_page_says_so(client):
    response = client.get("/nowhere/")

    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()


@pytest.mark.urls("portal.urls")
def test_a_form_that_is_too_large_is_refused_in_words(as_role, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000

    response = as_role("administrator").post("/people/add/", {"name": "x" * 2_000})

    assert response.status_code == 413
    assert "More was sent" in response.content.decode()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"x", "multipart/form-data; boundary=b"),
        (b"--b\r\nrubbish", "multipart/form-data; boundary=b"),
        (b"x", "multipart/form-data"),
        (b"%00=%00&=&&&a=%ff", "application/x-www-form-urlencoded"),
        (b"\xff\xfe\x00", "application/x-www-form-urlencoded; charset=utf-16"),
        (b"a=1", "application/x-www-form-urlencoded; charset=nonsense"),
        (b"{", "application/json"),
        (b"&".join(b"a%d=1" % n for n in range(3000)), "application/x-www-form-urlencoded"),
    ],
)
def test_a_mangled_form_is_a_4xx(as_role, body, kind):
    client = as_role("administrator")

    for address in ("/people/add/", "/accounts/demonstration/", "/accounts/role/", "/accounts/login/"):
        assert client.generic("POST", address, body, kind).status_code < 500


def test_a_form_of_another_site_is_refused_in_words(as_role):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)

    response = strict.post("/accounts/demonstration/", {"as": "1"})

    assert response.status_code == 403
    assert "reload the page" in response.content.decode()
    assert "This page is out of date" in response.content.decode()
    assert "not for your role" not in response.content.decode()


def test_the_frame_offers_nothing_that_its_reader_may_not_open(as_role):
    assert 'id="top-scan-q"' in as_role("nurse").get("/").content.decode()
    assert 'id="top-scan-q"' not in as_role("administrator").get("/").content.decode()


def test_a_broken_page_says_so_without_asking_the_database(django_assert_num_queries):
    from portal.refusals import broken

    with django_assert_num_queries(0):
        response = broken(RequestFactory().get("/"))

    assert response.status_code == 500
    assert "Something broke on our side" in response.content.decode()


def test_two_rules_for_one_address_are_refused():
    access.route("t/x/", page, name="t_twice", rule=access.PUBLIC)

    with pytest.raises(ValueError, match="two rules"):
        access.route("t/y/", page, name="t_twice", rule=access.MEMBER)


@pytest.mark.parametrize("wanted", [(), ("no.such",)])
def test_a_rule_needs_permissions_that_exist(wanted):
    with pytest.raises(ValueError, match="no such permission"):
        access.may(*wanted)


def test_rules_and_roles_speak_of_the_same_permissions():
    named = {code for rule in access._RULES.values() for code in rule.permissions}

    assert named <= PERMISSIONS.keys()


def test_route_gives_djangos_own_pattern():
    assert isinstance(access.route("t/z/", page, name="t_z", rule=access.PUBLIC), URLPattern)


@override_settings(DEBUG=False)
def test_unread_methods_are_refused_without_a_fault(client):
    assert client.generic("BREW", "/accounts/login/").status_code == 405


def test_browsers_find_an_icon_without_being_told(client):
    answer = client.get("/favicon.ico")

    assert answer.status_code == 302
    assert b"<svg" in client.get(answer["Location"]).getvalue()
    assert 'rel="icon"' in client.get(reverse("account_login")).content.decode()
