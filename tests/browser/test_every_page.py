"""Every page in both languages, on a desk and on a phone, light and dark: it loads, says what it should, and is usable.

A page is loaded twice: in Chinese on a light phone that then becomes a dark desk, and in English on a light desk whose
window is then made as narrow as a phone. axe takes most of the time, so it looks where that can tell something new: at
the Chinese page, in the dark at its contrasts, and at the English one where people live in it (pages.LOOKED_AT_TWICE).
"""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import WIDTHS, Heard, Look, Reader, Running
from tests.browser.pages import LOOKED_AT_TWICE, PAGES, Seen

SERIOUS = ("serious", "critical")
Shoot = Callable[[Page, str], None]


def opened(page: Page, console: Running, seen: Seen) -> None:
    answer = page.goto(console.origin + seen.path.format(key=console.key, code=console.code), wait_until="load")
    assert answer is not None
    assert answer.status == seen.status
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def complaints(heard: Heard, seen: Seen) -> list[str]:
    """What the browser said, but for its own line about an answer that was meant to be a 404."""
    return [one for one in heard.errors if not (seen.status >= 400 and f"status of {seen.status}" in one)]


def found_by_axe(page: Page, *rules: str) -> list[tuple[str, list[str]]]:
    """What somebody cannot read or use: the rule, of these or of all, and some of the elements that break it."""
    found = Axe().run(page, options={"runOnly": list(rules)} if rules else None).response["violations"]
    return [(one["id"], [node["html"][:120] for node in one["nodes"][:3]]) for one in found if one["impact"] in SERIOUS]


def check(page: Page, heard: Heard, seen: Seen, lang: str, width: str) -> None:
    """It says what it should, in its language, is no wider than the screen, and the browser does not complain."""
    assert (seen.zh if lang == "zh" else seen.en) in page.locator("body").inner_text()
    assert page.locator("html").get_attribute("lang") == ("zh-CN" if lang == "zh" else "en")
    fits(page, width)
    assert complaints(heard, seen) == []


def fits(page: Page, width: str) -> None:
    """Not window.innerWidth: a phone makes its window wider for a page that is too wide."""
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width][0]


@pytest.mark.parametrize("seen", PAGES, ids=lambda seen: seen.name)
def test_a_page_is_open_to_all_on_a_phone_and_in_the_dark(
    look: Look, console: Running, heard: Heard, shots: Shoot, seen: Seen
) -> None:
    page = look(Reader(seen.who, "zh", "phone"))

    opened(page, console, seen)

    shots(page, f"{seen.name}-zh-phone")
    check(page, heard, seen, "zh", "phone")
    assert found_by_axe(page) == []
    across, down = WIDTHS["wide"]
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")  # colours change at once then
    page.set_viewport_size({"width": across, "height": down})
    shots(page, f"{seen.name}-zh-wide-dark")
    check(page, heard, seen, "zh", "wide")
    red, green, blue = page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    )
    assert max(red, green, blue) < 60
    assert found_by_axe(page, "color-contrast") == []


@pytest.mark.parametrize("seen", PAGES, ids=lambda seen: seen.name)
def test_a_page_in_english_fits_a_desk_and_a_phone(
    look: Look, console: Running, heard: Heard, shots: Shoot, seen: Seen
) -> None:
    page = look(Reader(seen.who, "en", "wide"))

    opened(page, console, seen)

    shots(page, f"{seen.name}-en-wide")
    check(page, heard, seen, "en", "wide")
    if seen.name in LOOKED_AT_TWICE:
        assert found_by_axe(page) == []
    across, down = WIDTHS["phone"]
    page.set_viewport_size({"width": across, "height": down})
    shots(page, f"{seen.name}-en-phone")
    fits(page, "phone")
