"""The component sheet in a browser: accessible, inside the content security policy, no wider than the screen."""

import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
DRAWN = "document.querySelectorAll('[data-chart]').length === document.querySelectorAll('[data-chart-drawn]').length"


def _findings(page):
    report = Axe().run(page, options=RULES).response
    return {finding["id"]: [node["target"] for node in finding["nodes"]] for finding in report["violations"]}


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/styleguide/", "/accounts/login/"])
def test_axe_finds_nothing(open_page, path, theme, width):
    page = open_page(path, width=width, theme=theme)

    assert _findings(page) == {}
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("path", ["/accounts/password/reset/", "/no-such-address/"])
def test_axe_finds_nothing_on_the_pages_of_strangers(open_page, path):
    assert _findings(open_page(path, width=360)) == {}


@pytest.mark.parametrize(
    "path", ["/accounts/2fa/", "/accounts/2fa/webauthn/", "/accounts/password/change/", "/worklist/"]
)
def test_axe_finds_nothing_on_the_pages_of_ones_own_account(open_page, nurse_session, path):
    assert _findings(open_page(path, session=nurse_session)) == {}


def test_every_figure_is_drawn_without_a_breach_of_the_policy(open_page):
    page = open_page("/styleguide/")
    page.wait_for_function(DRAWN)

    assert page.locator("[data-chart-drawn]").count() == 3
    assert page.evaluate("window.breaches ?? []") == []


def test_a_figure_is_drawn_again_in_the_colours_of_the_chosen_theme(open_page):
    page = open_page("/styleguide/")
    page.wait_for_function(DRAWN)
    line = "#sg-readings .scatterlayer path.js-line"
    before = page.eval_on_selector(line, "(path) => path.style.stroke")

    page.evaluate(
        "localStorage.setItem('np-theme', 'dark'); dispatchEvent(new StorageEvent('storage', {key: 'np-theme'}))"
    )

    page.wait_for_function(
        "([line, before]) => document.querySelector(line).style.stroke !== before", arg=[line, before]
    )
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"


def test_a_gap_in_the_readings_leaves_the_line_open(open_page):
    page = open_page("/styleguide/")
    page.wait_for_function(DRAWN)

    # One path for each piece of the line: two where there is one gap.
    assert page.locator("#sg-readings path.js-line").count() == 2


def test_without_plotly_the_table_opens_instead(open_page):
    page = open_page(
        "/styleguide/", ready=lambda page: page.route("**/plotly-basic.min.js", lambda route: route.abort())
    )
    page.wait_for_selector(".np-chart__failed")

    assert page.locator("#sg-readings details").get_attribute("open") is not None
