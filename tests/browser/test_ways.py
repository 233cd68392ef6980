"""The pages of who is told, used: the test button that says by itself what became of it."""

from playwright.sync_api import expect

from roundsman_collector.store import Office, Outbox
from tests.browser.conftest import Heard, Running, Visit
from tests.collector.api import world


def test_the_page_says_by_itself_what_became_of_a_test(visit: Visit, console: Running, heard: Heard) -> None:
    page = visit(who=world.ADMIN, lang="en", width="wide")
    page.goto(f"{console.origin}/ways/2")

    page.get_by_role("button", name="Send a test").click()
    expect(page.locator("#outcome")).to_contain_text("Nothing has become of it yet", timeout=20_000)
    with Office.open(console.database) as office, Outbox.open(console.database) as outbox:
        test = office.notices(way=2, limit=1)[0]
        outbox.dead(test, world.NOW, "hooks.example.com answers 410")

    expect(page.locator("#outcome")).to_contain_text("could not be delivered: hooks.example.com answers 410.")
    expect(page.locator("#notices tbody tr").first).to_contain_text("not delivered")
    assert page.locator("#outcome").get_attribute("hx-trigger") is None
    assert heard.errors == []


def test_a_new_secret_is_asked_for_twice_and_shown_once(visit: Visit, console: Running, heard: Heard) -> None:
    page = visit(who=world.ADMIN, lang="en", width="phone")
    page.goto(f"{console.origin}/ways/2")

    page.locator("#renew summary").click()
    page.locator("#renew button").click()
    secret = page.locator(".key code").inner_text()

    with Office.open(console.database) as office:
        assert secret == office.ways()[1].secret
    page.goto(f"{console.origin}/ways/2")
    assert secret not in page.content()
    assert heard.errors == []
