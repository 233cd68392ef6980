"""扫码报修 on a phone: somebody scans a label, reports with a photo and hears the number; the desk sees it."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, expect

from roundsman_collector.store import Deed, Office, Store, View
from tests.browser.conftest import Heard, Running, Visit
from tests.browser.test_work import fits, picture
from tests.collector.api import world
from tests.collector.api.world import answering

Shoot = Callable[[Page, str], None]


class Spoken(NamedTuple):
    """What a story says in a language."""

    device: str
    words: str
    known: str
    thanks: str
    source: str
    joined: str


SPOKEN = {
    "zh": Spoken("kiosk-12", "屏幕一直黑着", "无需重复报修", "报修已登记", "扫码报修", "不另开工单"),
    "en": Spoken(
        "nvr-1",
        "The screen stays dark",
        "You need not report it again",
        "Your report is entered",
        "QR label",
        "no second",
    ),
}


OVERFLOWING = """[...document.querySelectorAll('.label, .label .said')].filter(one =>
  one.scrollHeight > one.clientHeight + 1 || one.scrollWidth > one.clientWidth + 1).map(one => one.innerText)"""


@pytest.fixture
def engine(console: Running) -> Iterator[None]:
    """The engine's answers to what people ask."""
    with Store.open(console.database) as store, answering(store):
        yield


def code_of(console: Running, device: str) -> str:
    """The code on a device."""
    with Office.open(console.database) as office:
        return office.make_labels([device], deed=Deed(who="dispatcher", at_ms=world.NOW))[0][0].code


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_passer_by_scans_a_label_and_reports_a_fault_with_a_photo(
    visit: Visit, console: Running, engine: None, heard: Heard, shots: Shoot, lang: str
) -> None:
    said = SPOKEN[lang]
    phone, desk = visit(who="", lang=lang, width="phone"), visit(who="dispatcher", lang=lang)
    code = code_of(console, said.device)

    phone.goto(f"{console.origin}/r/{code}")
    phone.locator("#f-text").fill(said.words)
    phone.locator("#f-photo").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": picture()})
    phone.locator("#f-phone").fill("138 1234 5678")
    assert fits(phone, "phone")
    shots(phone, f"scan-1-form-{lang}-phone")
    phone.locator(".btn-main").click()
    expect(phone.locator("#done")).to_contain_text(said.thanks)
    number = phone.locator(".key").inner_text()
    shots(phone, f"scan-2-number-{lang}-phone")

    desk.goto(f"{console.origin}/tickets/{number}")
    expect(desk.locator("main")).to_contain_text(said.source)
    expect(desk.locator("main")).to_contain_text("138 1234 5678")
    expect(desk.locator(".thumb.photo img")).to_have_count(1)
    shots(desk, f"scan-3-ticket-{lang}-wide")

    other = visit(who="", lang=lang, width="phone")
    other.goto(f"{console.origin}/r/{code}")
    expect(other.locator("main .flash")).to_contain_text(said.known)
    other.locator("input[name=joins][value=yes]").check()
    shots(other, f"scan-4-known-{lang}-phone")
    other.locator(".btn-main").click()
    expect(other.locator("main")).to_contain_text(said.joined)
    assert other.locator(".key").inner_text() == number
    assert heard.errors == []


def test_a_double_tap_on_a_bad_line_is_one_report(visit: Visit, console: Running, engine: None) -> None:
    phone = visit(who="", width="phone")
    code = code_of(console, "bus-33")
    phone.goto(f"{console.origin}/r/{code}")
    phone.locator("#f-text").fill("刷卡没反应")

    phone.locator(".btn-main").dblclick(no_wait_after=True)
    expect(phone.locator(".key")).to_have_count(1)

    with View.open(console.database) as view:
        assert len(view.tickets(subject="bus-33")) == 1


def test_an_engineer_who_scans_comes_to_the_device(visit: Visit, console: Running) -> None:
    phone = visit(who="engineer", width="phone")

    phone.goto(f"{console.origin}/r/{console.code}")

    assert re.search(r"/(devices/kiosk-7|tickets/[\d-]+)$", phone.url)


def test_a_code_that_is_typed_leads_there_too(visit: Visit, console: Running, heard: Heard) -> None:
    phone = visit(who="", width="phone")
    phone.goto(f"{console.origin}/r")

    phone.locator("#f-code").fill(" ".join(re.findall("....", console.code.lower())))
    phone.locator(".btn-main").click()

    expect(phone.locator("h1")).to_contain_text("自助售票机")
    assert heard.errors == []


@pytest.mark.parametrize("size", ["3x8", "2x5", "2x2"])
def test_labels_stay_within_their_fields(visit: Visit, console: Running, shots: Shoot, size: str) -> None:
    page = visit(who="dispatcher")
    page.goto(f"{console.origin}/labels/sheet?site=metro-a&size={size}")
    page.emulate_media(media="print")

    overflowing = page.evaluate(OVERFLOWING)
    sheets = page.evaluate("[...document.querySelectorAll('.labels')].map(one => [one.offsetWidth, one.offsetHeight])")

    shots(page, f"label-sheet-{size}-print")
    assert overflowing == []
    assert all(abs(width - 793.7) < 1 and height <= 1122.5 for width, height in sheets), "A4 at 96 dots an inch"
    paper = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) == len(sheets) == (2 if size == "2x2" else 1)
