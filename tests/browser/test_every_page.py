"""Every page in both languages, on a desk and on a phone: it loads, says what it should, and breaks no rule."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import Heard, Running, Visit
from tests.browser.pages import PAGES, Seen

SERIOUS = ("serious", "critical")
ALL = [
    pytest.param(seen, lang, width, id=f"{seen.name}-{lang}-{width}")
    for seen in PAGES
    for lang in ("zh", "en")
    for width in ("wide", "phone")
]


def opened(page: Page, console: Running, seen: Seen) -> None:
    answer = page.goto(console.origin + seen.path, wait_until="load")
    assert answer is not None
    assert answer.status == seen.status
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def complaints(heard: Heard, seen: Seen) -> list[str]:
    """What the browser said, but for its own line about an answer that was meant to be a 404."""
    return [one for one in heard.errors if not (seen.status >= 400 and f"status of {seen.status}" in one)]


@pytest.mark.parametrize(("seen", "lang", "width"), ALL)
def test_a_page_loads_without_a_complaint_and_is_open_to_all(
    visit: Visit,
    console: Running,
    heard: Heard,
    shots: Callable[[Page, str], None],
    seen: Seen,
    lang: str,
    width: str,
) -> None:
    page = visit(who=seen.who, lang=lang, width=width)

    opened(page, console, seen)

    shots(page, f"{seen.name}-{lang}-{width}")
    assert (seen.zh if lang == "zh" else seen.en) in page.locator("body").inner_text()
    assert page.locator("html").get_attribute("lang") == ("zh-CN" if lang == "zh" else "en")
    across = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert across[0] <= across[1], f"the page is {across[0]} px wide in a window of {across[1]}"
    assert complaints(heard, seen) == []
    # The same elements in both languages: asked once, since it takes most of the time.
    found = Axe().run(page).response["violations"] if lang == "zh" else []
    assert [
        (one["id"], [node["html"][:120] for node in one["nodes"][:3]]) for one in found if one["impact"] in SERIOUS
    ] == []


@pytest.mark.parametrize("seen", PAGES, ids=lambda seen: seen.name)
@pytest.mark.parametrize("width", ["wide", "phone"])
def test_a_page_can_be_read_in_the_dark(
    visit: Visit, console: Running, shots: Callable[[Page, str], None], seen: Seen, width: str
) -> None:
    page = visit(who=seen.who, lang="zh", width=width, theme="dark")

    opened(page, console, seen)

    shots(page, f"{seen.name}-zh-{width}-dark")
    red, green, blue = page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    )
    assert max(red, green, blue) < 60
    found = Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in SERIOUS] == []
