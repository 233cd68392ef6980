"""The work on a ticket, from the call to the last signature: a dispatcher at a desk, an engineer with a phone."""

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from playwright.sync_api import Page, expect

from roundsman_collector.store import Store
from tests.browser.conftest import WIDTHS, Heard, Running, Visit
from tests.collector.api.world import answering

Shoot = Callable[[Page, str], None]


class Spoken(NamedTuple):
    """What a story says in a language."""

    device: str
    words: str
    states: dict[str, str]
    joined: str


SPOKEN = {
    "zh": Spoken(
        device="kiosk-3",
        words="按键没反应，屏幕一直黑着",
        states={
            "open": "已报修",
            "dispatched": "已派单",
            "on_site": "已到场",
            "fixed": "已修复",
            "confirmed": "客户已确认",
            "closed": "已关闭",
        },
        joined="没有另开工单",
    ),
    "en": Spoken(
        device="kiosk-4",
        words="No key does anything, the screen stays dark",
        states={
            "open": "reported",
            "dispatched": "dispatched",
            "on_site": "on site",
            "fixed": "fixed",
            "confirmed": "confirmed by the customer",
            "closed": "closed",
        },
        joined="No second ticket was opened",
    ),
}


@pytest.fixture
def engine(console: Running) -> Iterator[None]:
    """The engine's answers to what people ask."""
    with Store.open(console.database) as store, answering(store):
        yield


def picture(side: int = 64) -> bytes:
    """A photo: a PNG of one colour."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    rows = b"".join(b"\0" + b"\x5c\x83\xa6" * side for _ in range(side))
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def stands(page: Page, word: str) -> None:
    """Wait until the ticket stands so."""
    expect(page.locator(".ladder .here")).to_contain_text(word)


def take(page: Page, at: str, verb: str, **fields: str) -> None:
    """Open the form of a step, fill it, send it."""
    page.goto(f"{at}?do={verb}")
    for name, value in fields.items():
        field = page.locator(f"#do [name='{name}']").first
        if field.evaluate("one => one.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    send(page)


def send(page: Page) -> None:
    """Send the form that is open; a page comes back."""
    with page.expect_response(re.compile(r"/tickets/[\d-]+/(act|send)$")) as answered:
        page.locator("#do .btn-main").click()
    assert answered.value.status == 303


def sign(page: Page, at: str, side: str, name: str) -> None:
    """Draw a signature and send it."""
    page.goto(f"{at}?do=sign")
    page.locator("#f-side").select_option(side)
    page.locator("#f-name").fill(name)
    canvas = page.locator("canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 30, box["y"] + 60)
    page.mouse.down()
    for step in range(12):
        page.mouse.move(box["x"] + 30 + 18 * step, box["y"] + (30 if step % 2 else 90))
    page.mouse.up()
    assert page.locator("#f-file").evaluate("one => one.files.length") == 1


def fits(page: Page, width: str) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width][0])


def reported(desk: Page, console: Running, said: Spoken, shoot: Callable[[str], None]) -> str:
    """Look the device up, write down what the caller says; the address of the ticket."""
    desk.goto(f"{console.origin}/tickets/new?q={said.device}")
    shoot("report-found")
    desk.locator(".pick", has_text=said.device).first.click()
    desk.locator("#f-text").fill(said.words)
    desk.locator("#f-name").fill("王女士")
    desk.locator("#f-phone").fill("138 1234 5678")
    shoot("report")
    desk.locator("form.report .btn-main").click()
    stands(desk, said.states["open"])
    shoot("work-1-reported")
    return f"{console.origin}/tickets/{desk.locator('.facts-line span').first.inner_text()}"


def mended(phone: Page, at: str, said: Spoken, shoot: Callable[[str], None]) -> None:
    """Arrive, take a photo, use a part, mend it."""
    take(phone, at, "arrive")
    stands(phone, said.states["on_site"])
    shoot("work-3-on-site")
    phone.goto(f"{at}?do=attach")
    phone.locator("#f-kind").select_option("photo")
    phone.locator("#f-file").set_input_files({"name": "屏.png", "mimeType": "image/png", "buffer": picture()})
    send(phone)
    expect(phone.locator(".thumb.photo img")).to_have_count(1)
    take(phone, at, "part", component="screen", name="触摸屏", new_serial=f"SN-{said.device}")
    take(phone, at, "fix", work="更换触摸屏，逐键测试正常", cause="product")
    stands(phone, said.states["fixed"])


def signed(phone: Page, at: str, said: Spoken, shoot: Callable[[str], None]) -> None:
    """The customer signs and confirms; the engineer signs and hands the report in."""
    sign(phone, at, "customer", "王女士")
    shoot("work-4-sign")
    send(phone)
    expect(phone.locator(".thumb.signature img")).to_have_count(1)
    take(phone, at, "confirm", name="王女士", rating="5")
    stands(phone, said.states["confirmed"])
    sign(phone, at, "service", "张工")
    send(phone)
    take(phone, at, "report")
    shoot("work-5-handed-in")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_ticket_goes_from_the_call_to_both_signatures(
    visit: Visit, console: Running, engine: None, heard: Heard, shots: Shoot, lang: str
) -> None:
    said = SPOKEN[lang]
    desk, phone = visit(who="dispatcher", lang=lang), visit(who="engineer", lang=lang, width="phone")

    at = reported(desk, console, said, lambda name: shots(desk, f"{name}-{lang}-wide"))
    take(desk, at, "plan", mode="visit", text="携触摸屏一块")
    take(desk, at, "dispatch", engineer="engineer")
    stands(desk, said.states["dispatched"])
    phone.goto(f"{console.origin}/mine")
    shots(phone, f"mine-{lang}-phone")
    assert fits(phone, "phone")
    with phone.expect_response(re.compile("/act$")):
        phone.locator(".mine li", has_text=at.rpartition("/")[2]).locator(".next").click()
    mended(phone, at, said, lambda name: shots(phone, f"{name}-{lang}-phone"))
    signed(phone, at, said, lambda name: shots(phone, f"{name}-{lang}-phone"))
    assert fits(phone, "phone")

    desk.goto(at)
    shots(desk, f"work-5-handed-in-{lang}-wide")
    desk.locator("#do input[name=reached][value=yes]").check()
    send(desk)
    take(desk, at, "close")
    stands(desk, said.states["closed"])
    shots(desk, f"work-6-closed-{lang}-wide")
    assert fits(desk, "wide")
    assert heard.errors == []


def test_a_second_call_about_the_same_fault_joins_its_ticket(
    visit: Visit, console: Running, engine: None, heard: Heard, shots: Shoot
) -> None:
    page = visit(who="dispatcher")
    page.goto(f"{console.origin}/tickets/new?subject=kiosk-7")
    page.locator("#f-text").fill("又打电话来催了")
    shots(page, "report-joins-zh-wide")

    page.locator("form.report .btn-main").click()

    expect(page.locator(".flash.done")).to_contain_text(SPOKEN["zh"].joined)
    expect(page.locator(".course li").first).to_contain_text("又打电话来催了")
    assert heard.errors == []


def test_two_people_at_once_are_told_of_each_other_and_lose_nothing(
    visit: Visit, console: Running, engine: None, shots: Shoot
) -> None:
    first, second = visit(who="dispatcher"), visit(who="admin", width="phone")
    at = f"{console.origin}/tickets/2024-000003"
    for page in (first, second):
        page.goto(f"{at}?do=note")
    first.locator("#f-text").fill("已致电站点")
    second.locator("#f-text").fill("我来处理这张单")

    send(first)
    with second.expect_response(re.compile("/act$")) as answered:
        second.locator("#do .btn-main").click()

    assert answered.value.status == 409
    expect(second.locator("#do .wrong").first).to_contain_text("dispatcher 刚刚备注")
    expect(second.locator("#f-text")).to_have_value("我来处理这张单")
    shots(second, "work-conflict-zh-phone")
    send(second)
    expect(second.locator(".course li").first).to_contain_text("我来处理这张单")


def test_a_phone_without_a_line_keeps_what_was_written_and_sends_it_once(
    visit: Visit, console: Running, engine: None
) -> None:
    page = visit(who="engineer", width="phone")
    at = f"{console.origin}/tickets/2024-000001"
    page.goto(f"{at}?do=note")
    page.locator("#f-text").fill("地下室没有信号")

    page.context.set_offline(True)
    page.locator("#do .btn-main").click()
    expect(page.locator("[data-unsent]")).to_be_visible()
    expect(page.locator("#f-text")).to_have_value("地下室没有信号")
    page.context.set_offline(False)
    send(page)

    expect(page.locator(".course li", has_text="地下室没有信号")).to_have_count(1)
