"""Forms as they come out of a printer: one page where the paper is one page, in both languages, with long names too."""

import re
from dataclasses import replace

import pytest
from playwright.sync_api import Browser

from roundsman_collector.reports.document import Document
from roundsman_collector.reports.dossier import ClockLine, Dossier, Snapshot
from roundsman_collector.reports.forms import build, intake
from roundsman_collector.web.saying import Saying
from roundsman_collector.web.sheet import sheet_file
from roundsman_wire.catalogue import Label, Language
from tests.collector.reports import tale

LONG = Label(
    zh="河南省郑州市轨道交通集团运营有限公司第三运营分公司机电设备管理中心自动售检票维护部",
    en="Zhengzhou Rail Transit Group Operations Company Limited, Third Branch, Electrical Equipment Management Centre",
)
NAMES = ("cpu_percent", "memory_percent", "uptime_s", "load_1m", "swap_percent", "processes")


def full() -> Dossier:
    """As much as an order says at most: long names, five clocks, six readings, three parts."""
    found = tale.dossier(loans=(tale.LOAN,))
    part = next(event for event in found.log if event.verb == "part")
    place = found.log.index(part)
    long_part = part._replace(data={**part.data, "name": "热敏打印头 KP-80 203dpi 80mm 带自动切刀与压感传感器总成"})
    clocks = tuple(ClockLine(name, "met", tale.at("09:30"), tale.at("09:10")) for name in ("depart", "forms"))
    return replace(
        found,
        customer=LONG,
        site=LONG,
        log=(*found.log[:place], part, long_part, part, *found.log[place + 1 :]),
        clocks=(*found.clocks, *clocks),
        before=Snapshot(tale.at("08:58"), {f"host.{name}": 1 for name in NAMES}),
        after=Snapshot(tale.at("10:50", 1), {f"host.{name}": 2 for name in NAMES}),
    )


def printed(chromium: Browser, document: Document | None, language: Language) -> tuple[int, bool]:
    """How many pages a printer gives, and whether something is cut off at the side."""
    assert document is not None
    html = sheet_file(document, tale.COMPANY, Saying(language=language, now_ms=document.known_ms), {})
    page = chromium.new_page()
    page.set_content(html)
    page.emulate_media(media="print")
    is_cut = page.evaluate(
        "[...document.querySelectorAll('.form *')].some(one => one.scrollWidth > one.clientWidth + 1 "
        "&& getComputedStyle(one).display !== 'inline')"
    )
    pdf = page.pdf(prefer_css_page_size=True)
    page.close()
    return len(re.findall(rb"/Type /Page\b", pdf)), is_cut


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("sheet", ["D1", "Y1", "H1", "J1"])
def test_a_form_is_one_page(chromium: Browser, sheet: str, language: Language) -> None:
    assert printed(chromium, build(full(), sheet), language) == (1, False)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("copies", [1, 2, 3, 4])
def test_a_work_order_is_one_page_for_each_copy(chromium: Browser, copies: int, language: Language) -> None:
    found = replace(full(), company=replace(tale.COMPANY, copies=copies))

    assert printed(chromium, build(found, "W2"), language) == (copies, False)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("sheet", ["W1", "Y1", "Z1", "H1", "J1"])
def test_an_empty_form_to_take_along_is_one_page_with_room_to_write(
    chromium: Browser, sheet: str, language: Language
) -> None:
    empty = tale.dossier("acknowledge", company=replace(tale.COMPANY, copies=1))

    assert printed(chromium, build(empty, sheet), language) == (1, False)


def test_a_register_goes_on_over_pages(chromium: Browser) -> None:
    pages, is_cut = printed(chromium, intake.register([full()] * 40, (0, 1), 0, "Asia/Shanghai"), "zh")

    assert pages > 1
    assert not is_cut
