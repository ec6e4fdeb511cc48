"""Bringing people in and letting them go."""

from datetime import timedelta

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from ledger.errors import BadInput, NotPermitted
from portal.accounts.actors import actor_for, system_actor
from portal.accounts.models import Membership, User
from portal.accounts.operations import (
    LastAdministrator,
    MembershipHeldAlready,
    MembershipOver,
    RoleNotForOrganisation,
    end_membership,
    enrol_person,
)
from tests.factories.people import actor, member, organisation

pytestmark = pytest.mark.django_db


@pytest.fixture
def centre():
    return organisation("treatment_centre")


@pytest.fixture
def by(centre):
    return actor("administrator", centre)


def enrol(by, at, email="tom@hospital.example", name="Tom Okafor", role="nurse"):
    return enrol_person(email=email, name=name, role=role, by=by, at=at)


def test_an_administrator_brings_a_person_in(by, at):
    held = enrol(by, at)

    assert held.party_id == by.party
    assert held.user.email == "tom@hospital.example"
    assert not held.user.has_usable_password()


def test_a_pseudonym_tells_nothing_of_when_the_person_came(by, at):
    assert enrol(by, at).user.pk.version == 4


def test_a_person_of_another_organisation_keeps_login_and_name(by, at):
    courier = member("courier", organisation("courier"), name="Per Adeyemi", email="per@polar.example")

    held = enrol(by, at, email="PER@polar.example ", name="Somebody Else")

    assert held.user_id == courier.user_id
    assert User.objects.get(pk=courier.user_id).name == "Per Adeyemi"


def test_only_administrators_bring_people_in(centre, at):
    with pytest.raises(NotPermitted):
        enrol(actor("physician", centre), at)


def test_a_centre_has_no_qualified_person(by, at):
    with pytest.raises(RoleNotForOrganisation):
        enrol(by, at, role="qp")


@pytest.mark.parametrize("role", ["", "system", "root"])
def test_a_made_up_role_is_refused(by, at, role):
    with pytest.raises(RoleNotForOrganisation):
        enrol(by, at, role=role)


@pytest.mark.parametrize(
    ("email", "name"), [("", "A"), ("not an address", "A"), ("a@b.example", ""), ("a@b.example", "x" * 121)]
)
def test_a_bad_value_is_refused_at_its_field_and_leaves_nobody_behind(by, at, email, name):
    before = User.objects.count()

    with pytest.raises(BadInput) as refused:
        enrol(by, at, email=email, name=name)

    assert refused.value.field in {"email", "name"}
    assert User.objects.count() == before


def test_the_same_role_twice_is_refused(by, at):
    enrol(by, at)

    with pytest.raises(MembershipHeldAlready, match="Tom Okafor is Nurse"):
        enrol(by, at)


def test_the_database_holds_one_open_membership_a_role(by, at):
    held = enrol(by, at)

    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(user=held.user, party=held.party, role=held.role, since=at)


def test_a_membership_ends_and_may_begin_anew(by, at):
    held = end_membership(membership=enrol(by, at).pk, by=by, at=at + timedelta(days=1))

    assert held.until == at + timedelta(days=1)
    assert not Membership.objects.current(at + timedelta(days=2)).filter(pk=held.pk).exists()
    assert enrol(by, at + timedelta(days=3)).pk != held.pk


def test_what_is_over_does_not_end_again(by, at):
    held = end_membership(membership=enrol(by, at).pk, by=by, at=at + timedelta(days=1))

    with pytest.raises(MembershipOver):
        end_membership(membership=held.pk, by=by, at=at + timedelta(days=2))


def test_the_last_administrator_stays(by, centre, at):
    own = Membership.objects.get(user_id=by.person)

    with pytest.raises(LastAdministrator):
        end_membership(membership=own.pk, by=by, at=at)

    member("administrator", centre, name="Second Administrator")
    assert end_membership(membership=own.pk, by=by, at=at).until == at


def test_the_people_of_another_organisation_are_out_of_reach(by, at):
    foreign = member("courier", organisation("courier"))

    with pytest.raises(NotPermitted):
        end_membership(membership=foreign.pk, by=by, at=at)
    with pytest.raises(NotPermitted):
        end_membership(membership=10**9, by=by, at=at)


def test_a_role_that_does_not_fit_the_organisation_grants_nothing(centre, at):
    held = member("nurse", centre)
    held.role = "qp"

    assert actor_for(held.user, held, "password").permissions == frozenset()


def test_nobody_acts_in_the_membership_of_another(centre):
    one, two = member("nurse", centre), member("nurse", centre)

    with pytest.raises(ValueError, match="somebody else"):
        actor_for(one.user, two, "password")


def test_software_acts_for_its_organisation(centre):
    software = system_actor(centre)

    assert (software.party, software.method, software.role) == (centre.pk, "system", "system")
    assert software.may("readings.commit")
    assert not software.may("step.perform")


class TestPages:
    @pytest.fixture
    def client(self, client, centre):
        client.force_login(member("administrator", centre, name="Ada Lind").user)
        return client

    def send(self, client, **values):
        key = client.get("/people/add/").context["form"]["idempotency_key"].value()
        whole = {"name": "Tom Okafor", "email": "tom@hospital.example", "role": "nurse", **values}
        return client.post("/people/add/", {**whole, "idempotency_key": key}, follow=True)

    def test_a_person_added_is_in_the_list_and_can_set_a_password(self, client):
        page = self.send(client).content.decode()
        client.post("/accounts/logout/")
        client.post("/accounts/password/reset/", {"email": "tom@hospital.example"})

        assert "Tom Okafor is Nurse now" in page
        assert "tom@hospital.example" in page
        assert mail.outbox[0].to == ["tom@hospital.example"]
        assert "/accounts/password/reset/key/" in mail.outbox[0].body

    def test_a_bad_address_is_shown_at_its_field(self, client):
        response = self.send(client, email="nonsense")

        assert response.status_code == 422
        assert "email" in response.context["form"].errors
        assert "Tom Okafor" in response.content.decode()

    def test_a_role_is_ended_from_the_list(self, client, centre):
        nurse = member("nurse", centre, name="Tom Okafor")
        address = f"/people/{nurse.pk}/end/"
        key = client.get(address).context["form"]["idempotency_key"].value()

        page = client.post(address, {"idempotency_key": key}, follow=True).content.decode()

        assert "no longer Nurse" in page
        assert client.get(address).status_code == 404

    def test_the_people_of_others_are_not_there(self, client):
        foreign = member("courier", organisation("courier"))

        assert client.get(f"/people/{foreign.pk}/end/").status_code == 404

    def test_a_nurse_manages_nobody(self, client, centre):
        client.force_login(member("nurse", centre).user)

        assert client.get("/people/add/").status_code == 403


class TestAddMember:
    def run(self, **values):
        whole = {
            "party": "TREA1",
            "role": "administrator",
            "email": "ada@hospital.example",
            "name": "Ada Lind",
            **values,
        }
        call_command("add_member", *[f"--{name}={value}" for name, value in whole.items()])

    def test_the_first_administrator_comes_from_the_server(self, centre, capsys):
        self.run()

        assert Membership.objects.get(user__email="ada@hospital.example").role == "administrator"
        assert "Ada Lind is Administrator of Organisation TREA1." in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("wrong", "said"), [({"party": "NONE"}, "There are: "), ({"role": "qp"}, "cannot give the role")]
    )
    def test_what_cannot_be_is_said(self, centre, wrong, said):
        with pytest.raises(CommandError, match=said):
            self.run(**wrong)
