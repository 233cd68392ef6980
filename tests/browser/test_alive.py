"""What moves: news arrive by themselves, a lost stream says so, keys work, a phone's form loses nothing."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect

from roundsman_collector.store import Batch, Deed, Office, Store, View
from tests.browser.conftest import Heard, Running, Visit, until
from tests.collector.api import world
from tests.collector.api.world import ledger

SOON_MS = 15_000


@contextmanager
def engine(console: Running) -> Iterator[Store]:
    """The database as the collector's process has it."""
    with Store.open(console.database) as store:
        yield store


def connected(page: Page) -> None:
    """Wait until the page hears the server; asked from here, because our policy lets no page run text."""
    source = "document.getElementById('main')['htmx-internal-data']?.sseEventSource?.readyState"
    until(lambda: page.evaluate(source) == 1)


def test_a_device_that_goes_down_shows_without_loading_the_page(visit: Visit, console: Running, heard: Heard) -> None:
    page = visit()
    page.goto(f"{console.origin}/devices/cam-5-12")
    expect(page.locator("h1")).to_contain_text("正常")
    connected(page)
    page.evaluate("window.same = true")

    with engine(console) as store:
        store.commit(
            Batch(
                now_ms=world.NOW + 1,
                tells=[ledger("cam-5-12", (17.99, None, "down", "fault", "host.unreachable"))],
            )
        )

    expect(page.locator("h1")).to_contain_text("离线", timeout=SOON_MS)
    assert page.evaluate("window.same") is True
    assert heard.errors == []


def test_what_is_open_and_where_the_keyboard_is_stays_when_the_page_is_renewed(visit: Visit, console: Running) -> None:
    page = visit()
    page.goto(f"{console.origin}/devices/kiosk-4")
    connected(page)
    page.locator("#live a[href*='window=30d']").first.focus()

    with page.expect_response(re.compile("/devices/kiosk-4")):
        page.evaluate("htmx.trigger(document.getElementById('live'), 'again')")
    page.wait_for_timeout(200)

    assert "window=30d" in page.evaluate("document.activeElement.getAttribute('href') || ''")


def test_a_lost_stream_says_so_and_is_quiet_again_when_it_is_back(visit: Visit, console: Running) -> None:
    page = visit()
    page.goto(f"{console.origin}/devices")
    connected(page)
    expect(page.locator("#lost")).to_be_hidden()

    page.evaluate("document.dispatchEvent(new CustomEvent('htmx:sseError'))")

    expect(page.locator("#lost")).to_be_visible()
    expect(page.locator("#lost")).to_contain_text("正在重连")
    expect(page.locator(".is-live")).to_be_hidden()
    with page.expect_response(re.compile("/devices$")):
        page.evaluate("document.dispatchEvent(new CustomEvent('htmx:sseOpen'))")
    expect(page.locator("#lost")).to_be_hidden()


def test_a_revoked_session_ends_the_stream_and_leads_to_the_login(visit: Visit, console: Running) -> None:
    page = visit(who="engineer")
    page.goto(f"{console.origin}/devices")
    connected(page)

    with View.open(console.database) as view, Office.open(console.database) as office:
        mine = next(one for one in view.sessions(world.NOW) if one.person == "engineer")
        office.end_session(mine.hash, Deed(who=world.ADMIN, at_ms=world.NOW))

    page.wait_for_url(re.compile("/login"), timeout=SOON_MS)


def test_a_slash_goes_to_the_search_which_finds_by_pinyin(visit: Visit, console: Running) -> None:
    with Office.open(console.database) as office:
        office.fill_search()
    page = visit()
    page.goto(f"{console.origin}/tickets")

    page.keyboard.press("/")
    page.keyboard.type("lxj")
    page.keyboard.press("Enter")

    page.wait_for_url(re.compile(r"/devices\?q=lxj"))
    expect(page.locator("td.id").first).to_contain_text("nvr")


def test_a_slash_in_a_text_is_a_slash(visit: Visit, console: Running) -> None:
    page = visit()
    page.goto(f"{console.origin}/tickets/2024-000003?do=note")

    page.locator("#f-text").press("/")

    expect(page.locator("#f-text")).to_have_value("/")


def test_a_filter_is_asked_for_as_soon_as_it_is_chosen(visit: Visit, console: Running) -> None:
    page = visit()
    page.goto(f"{console.origin}/devices?kind=nvr")

    page.locator("select[name=window]").select_option("30d")

    page.wait_for_url(re.compile("window=30d"))
    assert "kind=nvr" in page.url


def test_on_the_phone_the_buttons_of_a_ticket_are_under_the_thumb(visit: Visit, console: Running) -> None:
    page = visit(width="phone")
    page.goto(f"{console.origin}/tickets/2024-000003")

    for button in page.locator("#buttons button").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 44
        assert 700 < box["y"] < 844 - 44


def test_a_form_that_is_not_sent_keeps_what_was_written(visit: Visit, console: Running) -> None:
    page = visit(width="phone", who="engineer")
    page.goto(f"{console.origin}/tickets/2024-000003?do=note")
    page.locator("#f-text").fill("到场,正在检查")
    page.route("**/act", lambda route: route.abort())

    page.locator("#do .btn-main").click()

    expect(page.locator("[data-unsent]")).to_be_visible()
    expect(page.locator("#f-text")).to_have_value("到场,正在检查")


def test_a_form_that_is_refused_keeps_what_was_written_and_says_why(
    visit: Visit, console: Running, shots: Callable[[Page, str], None]
) -> None:
    page = visit(width="phone", who="engineer")
    page.goto(f"{console.origin}/tickets/2024-000003?do=note")
    page.locator("#f-text").fill(" ")

    page.locator("#do .btn-main").click()

    expect(page.locator("#do .wrong").first).to_contain_text("此项必填")
    shots(page, "ticket-refused-zh-phone")
    page.locator("#f-text").fill("到场")
    page.locator("#do .btn-main").click()
    expect(page.locator("main .flash")).to_contain_text("等待中心端处理", timeout=SOON_MS)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_theme_is_chosen_in_the_menu_and_stays(visit: Visit, console: Running, theme: str) -> None:
    page = visit(theme="dark" if theme == "light" else "light")
    page.goto(f"{console.origin}/devices")

    page.locator("#who summary").click()
    page.locator(f"#who a[href*='theme={theme}']").click()
    page.goto(f"{console.origin}/tickets")

    expect(page.locator("html")).to_have_attribute("data-theme", theme)
    shade = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)")
    assert (max(shade) < 60) == (theme == "dark")


def test_pages_work_without_scripts(console: Running, visit: Visit) -> None:
    page = visit()
    page.route("**/*.js*", lambda route: route.abort())
    page.goto(f"{console.origin}/tickets/2024-000003?do=note")
    page.locator("#f-text").fill(" ")

    page.locator("#do .btn-main").click()

    expect(page.locator("#do .wrong").first).to_be_visible()
