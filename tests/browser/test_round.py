"""A round on a phone: what is ticked without a line is kept on the phone and counts once when the line is back."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from roundsman_collector.core.looking import Line
from roundsman_collector.store import View
from tests.browser.conftest import WIDTHS, Heard, Running, Visit
from tests.browser.test_work import picture
from tests.collector.api.rounds_desk import OPEN

WORK = f"/rounds/{OPEN}/work"


@pytest.fixture
def phone(console: Running, visit: Visit) -> Iterator[Page]:
    """An engineer's phone with the list of kiosk-7 open."""
    page = visit(width="phone", lang="en")
    page.goto(f"{console.origin}{WORK}/kiosk-7")
    expect(page.locator("html")).to_have_attribute("data-kept", "yes")
    yield page


def lines(console: Running, item: str) -> list[Line]:
    """What the collector has of an item of kiosk-7."""
    with View.open(console.database) as view:
        row = view.round(OPEN)
        assert row is not None
        return [one for one in view.round_lines(row.id, "kiosk-7") if one.item == item]


def tick(page: Page, item: str) -> None:
    page.locator(f"#{item} .verdicts > .btn-main").click()


def test_what_is_ticked_without_a_line_is_kept_and_sent_when_it_is_back(
    phone: Page, console: Running, heard: Heard
) -> None:
    phone.context.set_offline(True)
    tick(phone, "touch")
    phone.locator("#housing input[type=file]").set_input_files(
        {"name": "front.png", "mimeType": "image/png", "buffer": picture()}
    )
    tick(phone, "housing")

    expect(phone.locator("#touch.is-waiting .found")).to_contain_text("✓ pass")
    expect(phone.locator("#housing.is-waiting .found")).to_contain_text("kept on this phone")
    expect(phone.locator("#waiting")).to_contain_text("until there is a line: 2")
    assert phone.evaluate("document.documentElement.scrollWidth") <= WIDTHS["phone"][0]
    assert lines(console, "touch") == lines(console, "housing") == []

    phone.context.set_offline(False)

    expect(phone.locator("#waiting")).to_be_hidden()
    ((touch,), (housing,)) = lines(console, "touch"), lines(console, "housing")
    assert (touch.verdict, len(housing.files)) == ("pass", 1)
    assert touch.at_ms <= touch.known_ms
    phone.reload()
    expect(phone.locator("#housing .found img")).to_have_count(1)
    assert all(re.search("ERR_INTERNET_DISCONNECTED|Failed to fetch", one) for one in heard.errors)
    heard.errors.clear()


def test_an_answer_that_is_lost_is_asked_for_again_under_the_same_key(
    phone: Page, console: Running, heard: Heard
) -> None:
    asked: list[str] = []

    def cut(route: Route) -> None:
        asked.append(route.request.headers["idempotency-key"])
        if len(asked) > 1:
            route.continue_()
            return
        route.fetch()  # the collector has it, the phone does not know
        route.abort()

    phone.route("**/ticks", cut)
    tick(phone, "cables")
    expect(phone.locator("#waiting")).to_contain_text(": 1")
    phone.reload()

    expect(phone.locator("#waiting")).to_be_hidden()
    assert len(lines(console, "cables")) == 1
    assert len(asked) >= 2
    assert len(set(asked)) == 1
    heard.errors.clear()


def test_what_lacks_words_is_said_at_once_and_nothing_is_sent(phone: Page, console: Running) -> None:
    phone.locator("#parts summary").click()
    phone.locator("#parts .others button[value=fail]").click()

    expect(phone.locator("#parts [data-why]")).to_contain_text("Say in words")
    tick(phone, "housing")
    expect(phone.locator("#housing [data-why]")).to_contain_text("needs a photo")
    assert lines(console, "parts") == []


def test_what_the_collector_refuses_stays_with_the_reason_until_it_is_discarded(
    phone: Page, console: Running, heard: Heard
) -> None:
    phone.locator("#print_head input[name=item]").evaluate("one => { one.value = 'nonsense'; }")
    tick(phone, "print_head")

    expect(phone.locator("#print_head [data-why]")).to_contain_text("this round does not ask that")
    expect(phone.locator("#waiting")).to_contain_text(": 1")
    phone.locator("#waiting button").click()
    expect(phone.locator("#waiting")).to_be_hidden()
    assert lines(console, "nonsense") == []
    heard.errors.clear()
