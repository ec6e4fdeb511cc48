"""A figure that contradicts another one: said at its field, refused, and raised where a correction brings it."""

import pytest
from django.urls import reverse

from custody.contract.comparing import figures_of
from custody.contract.corrections import CORRECTED
from custody.exceptions.models import CustodyException
from custody.exceptions.queries import open_exceptions
from custody.therapies.models import StepRecord
from custody.therapies.operations import perform_step
from custody.therapies.values import ValuesRefused
from ledger.log import sequencer
from ledger.log.models import Record
from ledger.log.verification import findings
from portal.accounts.demonstration import PASSWORD
from portal.accounts.models import User
from portal.demonstration.story import Story
from tests.factories.screens import signed_in, step_form, step_url
from tests.factories.therapies import small_consortium, told

pytestmark = pytest.mark.django_db


def at_step(step):
    return told(small_consortium(), Story("rest", stop_before=step))


def words(response):
    return " ".join(response.content.decode().replace("\u00a0", " ").split())


def nurses(therapy):
    first = therapy.actor("centre", "nurse")
    return first, therapy.actor("centre", "nurse", other_than=first.person)


def sign(therapy, step, **changed):
    first, second = nurses(therapy)
    form = step_form(therapy, step, second=second, **changed)
    return signed_in(first).post(step_url(therapy, step), form)


def correction(therapy, step, **changed):
    first, second = nurses(therapy)
    client = signed_in(first)
    address = reverse("correct_step", args=[therapy.therapy, step])
    form = client.get(address).context["form"]
    sent = {name: form.initial.get(name, "") for name in form.fields if name.startswith("value_")}
    sent |= {
        "idempotency_key": form.initial["idempotency_key"], "reason": "misread", "signing_password": PASSWORD,
        "second_email": User.objects.get(pk=second.person).email, "second_password": PASSWORD,
    }  # fmt: skip
    return client.post(address, sent | changed, follow=True)


def test_twelve_bags_are_not_infused_where_fewer_were_received():
    therapy = at_step("infuse")
    received = figures_of(therapy.state, "accept-product")["bags"]
    unit = "bag" if received == "1" else "bags"

    page = sign(therapy, "infuse", **{"value_bags": "12"})

    assert page.status_code == 422
    [error] = page.context["form"].errors["value_bags"]
    assert error.startswith(
        f"Cannot be more than “Bags received” in “Accept the product”, {received} {unit}; 12 bags is not possible"
    )
    assert "“Accept the product” is corrected first" in error
    assert words(page).count(f"Cannot be more than “Bags received” in “Accept the product”, {received} {unit}") == 2
    assert [field.name for field in page.context["form"].scan_fields if field.errors] == []
    assert not StepRecord.objects.filter(therapy=therapy.therapy, step="infuse").exists()


def test_the_page_says_before_it_is_entered_what_the_other_figure_was():
    therapy = at_step("infuse")
    received = figures_of(therapy.state, "accept-product")["bags"]

    page = signed_in(nurses(therapy)[0]).get(step_url(therapy, "infuse"))

    assert f"Cannot be more than “Bags received” in “Accept the product”, {received} bag" in words(page)
    assert f'data-most="{received}"' in words(page)


def test_the_operation_refuses_it_without_a_form():
    therapy = at_step("infuse")
    first, second = nurses(therapy)
    with pytest.raises(ValuesRefused, match="Bags infused cannot be more than “Bags received”"):
        perform_step(
            therapy=therapy.therapy,
            step="infuse",
            values=therapy.values("infuse") | {"bags": "12"},
            scans=dict.fromkeys(("wristband", "bag"), therapy.state["coi"]),
            by=first,
            second=second,
            at=therapy.now,
            key=therapy.key(),
        )


def test_more_cells_of_a_kind_than_cells_are_said_with_everything_else_that_is_wrong():
    therapy = at_step("collect")

    page = sign(therapy, "collect", **{"value_cd3-cells": "39", "value_nucleated-cells": "20", "value_volume": ""})

    errors = page.context["form"].errors
    assert "“Total nucleated cells”, 20 × 10⁹ cells; 39 × 10⁹ cells is not possible" in errors["value_cd3-cells"][0]
    assert errors["value_volume"] == ["This is missing."]


def test_a_correction_that_contradicts_its_own_step_is_refused_at_the_field():
    therapy = at_step("pack-outbound")

    page = correction(therapy, "collect", **{"value_nucleated-cells": "2"})

    assert page.status_code == 422
    assert "Check both figures" in page.context["form"].errors["value_cd3-cells"][0]
    assert not Record.objects.filter(type=CORRECTED).exists()


def test_a_correction_that_a_later_step_contradicts_is_recorded_and_raised():
    therapy = at_step("wash-and-select")
    counted = figures_of(therapy.state, "accept-starting-material")["nucleated-cells"]

    page = correction(therapy, "collect", **{"value_nucleated-cells": "3", "value_cd3-cells": "2"})

    assert "contradicts a later step: an exception is open for it" in words(page)
    [found] = open_exceptions(by=therapy.actor("maker", "qa"))
    assert found.kind == "deviation"
    assert found.finding == (
        "Total nucleated cells corrected to 3 × 10⁹ cells, but “Total nucleated cells” in “Accept the starting "
        f"material” is {counted} × 10⁹ cells"
    )
    assert therapy.state["unraised"] == []
    sequencer.drain()
    assert list(findings()) == []


def test_an_unrelated_value_is_corrected_while_such_a_deviation_is_open():
    therapy = at_step("wash-and-select")
    correction(therapy, "collect", **{"value_nucleated-cells": "3", "value_cd3-cells": "2"})

    assert correction(therapy, "collect", **{"value_kit-lot": "LOT-7"}).status_code == 200

    assert Record.objects.filter(type=CORRECTED).count() == 2
    assert CustodyException.objects.filter(therapy=therapy.therapy).count() == 1
