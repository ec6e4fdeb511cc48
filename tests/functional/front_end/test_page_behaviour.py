"""Scanners, forms, the live socket and the offline queue, each as a hand or a machine would use them."""

import json
import re

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
CODE = "X004226001873"
CAPTURE = (
    "document.addEventListener('submit', (e) => { (window.sent ??= []).push(e.target.action); e.preventDefault(); })"
)


def _scan(page, text):
    """A wedge scanner: all keys at once, then Enter."""
    page.evaluate(
        """(text) => {
          const at = document.activeElement;
          for (const key of [...text, "Enter"]) {
            const pressed = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
            if (at.dispatchEvent(pressed) && key.length === 1 && "value" in at) at.value += key;
          }
        }""",
        text,
    )


# ── scanners ──


def test_a_scan_never_lands_in_another_field(open_page):
    page = open_page("/styleguide/")
    page.evaluate(CAPTURE)
    page.locator("#id_bag").fill("7")

    _scan(page, f"]d2{CODE}")

    assert page.input_value("#id_bag") == "7"
    assert page.input_value("#sg-scan-1") == CODE
    assert len(page.evaluate("window.sent")) == 1


def test_a_person_who_types_slowly_keeps_what_they_type(open_page):
    page = open_page("/styleguide/")
    page.evaluate(CAPTURE)
    page.locator("#id_bag").fill("")

    page.locator("#id_bag").press_sequentially("12345678", delay=180)
    page.keyboard.press("Enter")

    assert page.input_value("#id_bag") == "12345678"
    assert page.input_value("#sg-scan-1") == ""


def test_a_scan_without_any_focus_finds_the_scan_field(open_page):
    page = open_page("/styleguide/")
    page.evaluate(CAPTURE)
    page.evaluate("document.activeElement.blur()")

    _scan(page, f"\u001d{CODE}")

    assert page.input_value("#sg-scan-1") == CODE


def test_a_second_scan_takes_the_place_of_what_stood_there(open_page):
    page = open_page("/styleguide/")
    page.evaluate(CAPTURE)
    page.locator("#sg-scan-1").focus()

    _scan(page, CODE)
    _scan(page, "X004226000002")

    assert page.input_value("#sg-scan-1") == "X004226000002"


def test_a_scan_takes_the_place_of_a_code_that_was_half_typed(open_page):
    page = open_page("/styleguide/")
    page.evaluate(CAPTURE)
    page.locator("#sg-scan-1").press_sequentially("X0042", delay=180)
    page.wait_for_timeout(400)

    _scan(page, f"]d2{CODE}")

    assert page.input_value("#sg-scan-1") == CODE


def test_what_stands_in_a_place_for_a_scan_is_marked_when_it_has_the_focus(open_page):
    page = open_page("/styleguide/")
    page.locator("#sg-scan-1").fill(CODE)
    page.locator("#id_bag").focus()

    page.locator("#sg-scan-1").focus()
    page.keyboard.type("B")

    assert page.input_value("#sg-scan-1") == "B"


# ── forms ──


def test_the_error_summary_has_the_focus(open_page):
    page = open_page("/styleguide/")

    expect(page.locator("[data-error-summary]")).to_be_focused()
    assert page.locator("#id_volume").get_attribute("aria-describedby") == "id_volume-l id_volume-s"


def test_a_form_is_sent_once_however_often_its_button_is_pressed(open_page, nurse_session):
    page = open_page("/accounts/password/change/", session=nurse_session)
    sent = []
    page.route("**/accounts/password/change/", lambda route: sent.append(route.request.method))
    for name in ("oldpassword", "password1", "password2"):
        page.locator(f"[name={name}]").fill("a quite long password")
    button = page.get_by_role("button", name="Save the password")

    page.evaluate("(button) => { button.click(); button.click(); button.click(); }", button.element_handle())
    page.wait_for_timeout(300)

    assert sent == ["POST"]


def test_unsaved_input_is_back_after_a_reload_but_not_the_private_part(open_page):
    page = open_page("/styleguide/")
    page.evaluate("document.querySelector('#id_note').setAttribute('data-private', '')")
    page.locator("#id_bag").fill("B-17")
    page.locator("#id_note").fill("Mrs Example")
    page.on("dialog", lambda dialog: dialog.accept())
    kept = page.evaluate("JSON.stringify(sessionStorage)")

    assert "B-17" in kept
    assert "Mrs Example" not in kept


def test_limits_are_judged_while_typing(open_page):
    page = open_page("/styleguide/")
    page.locator("#id_cells").fill("0.5")
    expect(page.locator("#id_cells-s")).to_have_text("0.3 ×10⁶/mL under the limit")
    expect(page.locator("#id_cells")).to_have_attribute("aria-invalid", "true")

    page.locator("#id_cells").fill("1.12")
    expect(page.locator("#id_cells-s")).to_have_text("In limits")
    expect(page.locator("#id_cells")).not_to_have_attribute("aria-invalid", "true")


# ── live ──


class Socket:
    """The server's end of the page's live socket, scripted by the test."""

    def __init__(self):
        self.addresses, self.routes = [], []

    def attach(self, page):
        page.route_web_socket(re.compile("/live/"), self._opened)

    def _opened(self, route):
        self.addresses.append(route.url)
        self.routes.append(route)

    def tell(self, identity, kind, subject=None):
        self.routes[-1].send(json.dumps({"id": identity, "kind": kind, "subject": subject}))


def _watched(page, live):
    page.evaluate(
        """(live) => {
          const box = document.createElement("div");
          box.id = "watched"; box.dataset.live = live; box.innerHTML = "<input id='inside'>";
          box.addEventListener("np:changed", (e) => (window.changes ??= []).push(e.detail.id));
          document.querySelector("main").append(box);
        }""",
        live,
    )


def _changes(page):
    page.wait_for_timeout(250)
    return page.evaluate("window.changes ?? []")


@pytest.fixture
def live_page(open_page, nurse_session):
    socket = Socket()
    page = open_page("/accounts/2fa/", session=nurse_session, ready=socket.attach)
    return page, socket


def test_a_frame_refetches_what_follows_it_and_nothing_else(live_page):
    page, socket = live_page
    _watched(page, "one kind:custody.handoff")

    for number, kind, subject, told in (
        (7, "order.placed/v1", "one", 1),
        (8, "custody.handoff.accepted/v1", "two", 2),
        (9, "x", "two", 2),
    ):
        socket.tell(number, kind, subject)
        # What comes together is told as one, so each has to be told before the next comes.
        page.wait_for_function("(count) => (window.changes ?? []).length >= count", arg=told)

    assert _changes(page) == [7, 8]


def test_frames_that_come_together_cause_one_refetch(live_page):
    page, socket = live_page
    _watched(page, "")

    # The page's timers are held, so that all frames come before the first of them fires, however slow the machine.
    page.evaluate("() => { window.setTimeout = (act) => (window.held ??= []).push(act); }")
    for number in range(20):
        socket.tell(number, "custody.handoff.accepted/v1", "one")
    page.wait_for_timeout(500)
    page.evaluate("() => held.forEach((act) => act())")

    assert _changes(page) == [0]


def test_a_reconnect_asks_from_the_last_frame_that_came(live_page):
    page, socket = live_page
    socket.tell(41, "custody.handoff.accepted/v1", "one")
    page.wait_for_timeout(150)

    socket.routes[-1].close()
    page.wait_for_timeout(1500)

    assert len(socket.addresses) == 2
    assert socket.addresses[-1].endswith("?since=41")


def test_the_first_connection_asks_from_before_the_page_was_made(live_page):
    _, socket = live_page

    assert re.search(r"\?since=-?\d+$", socket.addresses[0])


def test_a_missed_flood_refetches_everything(live_page):
    page, socket = live_page
    _watched(page, "somebody-else")

    socket.tell(99, "refetch-all")

    assert _changes(page) == [99]


def test_a_refetch_waits_until_the_hand_has_left_the_field(live_page):
    page, socket = live_page
    _watched(page, "")
    page.locator("#inside").focus()

    socket.tell(5, "custody.handoff.accepted/v1", "one")
    assert _changes(page) == []
    page.evaluate("document.activeElement.blur()")

    assert _changes(page) == [5]


def test_a_session_that_ended_is_not_asked_for_again(live_page):
    page, socket = live_page

    socket.routes[-1].close(code=4403)
    page.wait_for_timeout(1500)

    assert len(socket.addresses) == 1


# ── the offline queue ──

FORM = """() => {
  const bar = document.querySelector("[data-queue]");
  const form = document.createElement("form");
  form.method = "post"; form.action = "/scan-of-a-test/"; form.dataset.offline = "";
  form.innerHTML = "<input name='scan' id='offline-scan'><button id='send'>Send</button>";
  document.querySelector("main").append(form);
}"""


def _queue(page, *codes):
    page.evaluate(FORM)
    page.context.set_offline(True)
    for code in codes:
        page.locator("#offline-scan").fill(code)
        page.locator("#send").click()
        page.wait_for_timeout(150)


def test_scans_without_a_signal_wait_and_go_out_once_in_order(open_page):
    page = open_page("/styleguide/")
    sent = []
    page.route("**/scan-of-a-test/", lambda route: (sent.append(route.request.post_data), route.fulfill(status=200)))
    _queue(page, "AAA", "BBB")
    expect(page.locator("[data-queue-word]")).to_have_text("No signal. 2 scans waiting")

    page.context.set_offline(False)

    expect(page.locator("[data-queue]")).to_be_hidden()
    assert [re.search("scan=([A-Z]+)", body).group(1) for body in sent] == ["AAA", "BBB"]
    keys = [re.search("idempotency_key=([0-9a-f-]{36})", body).group(1) for body in sent]
    assert len(set(keys)) == 2
    assert all("occurred_at=" in body for body in sent)


def test_a_refused_scan_is_kept_and_said(open_page):
    page = open_page("/styleguide/")
    refusal = "<main><h1>This shipper is not on your job</h1></main>"
    page.route("**/scan-of-a-test/", lambda route: route.fulfill(status=409, body=refusal))
    _queue(page, "AAA")

    page.context.set_offline(False)

    expect(page.locator("[data-queue-since]")).to_have_text("This shipper is not on your job")
    expect(page.locator("[data-queue-word]")).to_have_text("1 of 1 scan could not be taken. Call dispatch")


def test_queued_scans_survive_a_reload(open_page):
    page = open_page("/styleguide/")
    page.route("**/scan-of-a-test/", lambda route: route.abort())
    _queue(page, "AAA")
    page.context.set_offline(False)

    page.reload()

    expect(page.locator("[data-queue-word]")).to_have_text("1 scan waiting to be sent")
