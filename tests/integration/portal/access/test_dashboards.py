"""Every role lands on a dashboard of its own, with a navigation, before anything has happened."""

import pytest

from portal.accounts.actors import actor_for
from portal.accounts.roles import ROLES
from portal.dashboards import registry
from tests.factories.people import member, organisation

pytestmark = pytest.mark.django_db


@pytest.fixture(params=sorted(ROLES))
def person(request):
    return member(request.param, organisation(sorted(ROLES[request.param].party_kinds)[0]))


def test_every_role_lands_somewhere_though_nothing_has_happened(client, person):
    client.force_login(person.user)

    page = client.get("/")

    assert page.status_code == 200
    assert page.content.decode().count("<h1") == 1


def test_the_navigation_leads_only_where_the_role_may_go(client, person):
    client.force_login(person.user)
    items = registry.navigation_for(actor_for(person.user, person, "passkey"))

    assert items
    assert {item.url: client.get(item.url).status_code for item in items} == {item.url: 200 for item in items}


def test_a_role_has_one_dashboard():
    with pytest.raises(ValueError, match="two dashboards"):
        registry.register(registry.Dashboard(frozenset({"nurse"}), "x.html", lambda actor: {}, lambda actor: []))


def test_a_dashboard_is_for_roles_that_exist():
    with pytest.raises(ValueError, match="no role"):
        registry.register(registry.Dashboard(frozenset({"king"}), "x.html", lambda actor: {}, lambda actor: []))
