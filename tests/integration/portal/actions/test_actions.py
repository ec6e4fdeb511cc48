"""One form, one operation: what a person sees when it works, is refused, or is sent twice."""

import pytest
from django import forms
from django.urls import get_resolver

from ledger.errors import Conflict, NotFound
from portal import access
from portal.actions.base import ActionForm, ActionView, Done
from tests.factories.people import member, organisation


class TooFull(Conflict):
    pass


class VolumeForm(ActionForm):
    volume = forms.IntegerField(label="Volume", min_value=1)


class RecordVolume(ActionView):
    form_class = VolumeForm
    template_name = "people/enrol.html"
    done: list = []
    refusal = None

    def prepare(self):
        if self.kwargs["bag"] == 404:
            raise NotFound("There is no such bag.")

    def act(self, form):
        if self.refusal:
            raise self.refusal
        self.done.append((form.key, form.cleaned_data["volume"]))
        return Done(f"/t/bag/{self.kwargs['bag']}/?n={len(self.done)}", "Recorded.")


class Press(ActionView):
    def act(self, form):
        raise TooFull("The last place went a moment ago. Choose another.")


urlpatterns = [
    *get_resolver().url_patterns,
    access.route("t/bag/<int:bag>/", RecordVolume.as_view(), name="t_bag", rule=access.MEMBER),
    access.route("t/press/", Press.as_view(), name="t_press", rule=access.MEMBER),
]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]
PAGE = "/t/bag/1/"
KEY = "0197f3a0-0000-7000-8000-000000000001"


@pytest.fixture(autouse=True)
def _clean():
    RecordVolume.done, RecordVolume.refusal = [], None


@pytest.fixture
def signed_in(client):
    client.force_login(member("nurse", organisation("treatment_centre")).user)
    return client


def send(client, volume="120", key=KEY, page=PAGE, **headers):
    return client.post(page, {"volume": volume, "idempotency_key": key}, headers=headers)


def test_the_form_opens_with_a_fresh_key_each_time(signed_in):
    first, second = (signed_in.get(PAGE).context["form"]["idempotency_key"].value() for _ in range(2))

    assert first
    assert first != second


def test_an_act_is_done_once_and_leads_on(signed_in):
    response = send(signed_in)

    assert response.status_code == 303
    assert response.url == "/t/bag/1/?n=1"
    assert RecordVolume.done == [(KEY, 120)]
    assert "Recorded." in signed_in.get(PAGE).content.decode()


def test_sent_twice_it_gives_the_first_result(signed_in):
    first, second = send(signed_in), send(signed_in)

    assert second.status_code == 303
    assert second.url == first.url
    assert len(RecordVolume.done) == 1


def test_sent_again_after_the_state_moved_on_it_still_gives_the_first_result(signed_in):
    first = send(signed_in)
    RecordVolume.refusal = TooFull("It is done already.")

    assert send(signed_in).url == first.url


def test_sent_again_with_other_values_it_is_refused_and_nothing_is_lost_silently(signed_in):
    send(signed_in, "120")

    response = send(signed_in, "150")

    assert response.status_code == 409
    assert "sent already, with other values" in response.content.decode()
    assert len(RecordVolume.done) == 1


def test_the_key_of_one_person_is_nobody_elses(signed_in, client):
    send(signed_in)
    client.force_login(member("physician", organisation("treatment_centre")).user)

    assert send(client).url == "/t/bag/1/?n=2"


def test_a_refusal_stands_at_its_field_and_keeps_the_value(signed_in):
    RecordVolume.refusal = TooFull("At most 400 mL fit this bag.", field="volume")

    response = send(signed_in, "4000")

    assert response.status_code == 409
    assert response.context["form"].errors["volume"] == ["At most 400 mL fit this bag."]
    assert 'value="4000"' in response.content.decode()


def test_a_refusal_without_a_field_stands_above_the_form(signed_in):
    RecordVolume.refusal = TooFull("Somebody was first.")

    assert send(signed_in).context["form"].non_field_errors() == ["Somebody was first."]


def test_a_refusal_of_a_field_that_the_form_lacks_is_shown_all_the_same(signed_in):
    RecordVolume.refusal = TooFull("Somebody was first.", field="elsewhere")

    assert "Somebody was first." in send(signed_in).content.decode()


def test_after_a_refusal_the_same_form_can_be_sent_again(signed_in):
    RecordVolume.refusal = TooFull("Not now.")
    send(signed_in)
    RecordVolume.refusal = None

    assert send(signed_in).status_code == 303


@pytest.mark.parametrize("volume", ["", "0", "-4", "1e5", "<b>", "9" * 5000])
def test_a_bad_value_is_422_and_nothing_is_done(signed_in, volume):
    assert send(signed_in, volume).status_code == 422
    assert RecordVolume.done == []


@pytest.mark.parametrize("key", ["", "short", "x" * 65, "has space in it", "quote'--", "\x00" * 10])
def test_a_form_without_a_proper_key_is_refused_in_words(signed_in, key):
    response = send(signed_in, key=key)

    assert response.status_code == 422
    assert "lost its key" in response.content.decode()
    assert RecordVolume.done == []


def test_what_is_not_there_answers_404(signed_in):
    assert signed_in.get("/t/bag/404/").status_code == 404
    assert send(signed_in, page="/t/bag/404/").status_code == 404


def test_htmx_moves_the_whole_page(signed_in):
    response = send(signed_in, **{"HX-Request": "true"})

    assert response.status_code == 204
    assert response["HX-Redirect"] == "/t/bag/1/?n=1"


def test_a_button_without_a_page_says_why_it_was_refused(signed_in):
    response = signed_in.post("/t/press/", {"idempotency_key": KEY})

    assert response.status_code == 409
    assert "The last place went a moment ago" in response.content.decode()
    assert signed_in.get("/t/press/").status_code == 405


def test_of_two_presses_at_once_the_later_one_gets_the_result_of_the_other(signed_in, monkeypatch):
    """The second press goes through while the first is on its way to the operation, which then refuses the first."""
    answers = []

    def act(view, form):
        if not answers:
            answers.append(None)
            answers[0] = send(signed_in)
            raise TooFull("It is done already.")
        return Done("/t/bag/1/?n=1")

    monkeypatch.setattr(RecordVolume, "act", act)

    overtaken = send(signed_in)

    assert answers[0].status_code == overtaken.status_code == 303
    assert overtaken.url == answers[0].url
