"""The list of devices: rows, strips and figures, cards that count, filters in the address, the same list as a file."""

import csv
import re

import pytest
from starlette.testclient import TestClient

from roundsman_collector.store import DeviceEntry, Office, Store, View
from tests.collector.api import world
from tests.collector.store.cast import TODAY
from tests.collector.web.reading import page, words_of

IDS = re.compile(r'<td class="id"><a href="/devices/([^"?]+)')


def ids(html: str) -> list[str]:
    return IDS.findall(html)


def test_each_device_has_a_row_with_state_problem_strip_and_figures_the_worst_first(person: TestClient) -> None:
    html = page(person, "/devices")

    text = words_of(html)
    for told in (
        "kiosk-7 自助终端 7 自助终端 south 告警 打印机上盖未合",
        "nvr-2 录像机 2 硬盘录像机 south 离线 设备离线",
        "bus-31 31 路车载机 车载终端 south 未知 采集端失联",
        "new-1 新机 自助终端 south 未知 从未上报",
        "5 台",
    ):
        assert told in text
    assert ids(html) == ["nvr-2", "bus-31", "new-1", "kiosk-7", "ups-2"]
    assert html.count('<svg class="strip"') == 5
    assert "近 24 小时：可用率 88.89%，覆盖率 100.00%" in html


def test_a_percentage_leads_to_the_intervals_that_it_stands_on(person: TestClient) -> None:
    assert '<a href="/devices/kiosk-7/reckoning?period=24h">88.89%</a>' in page(person, "/devices")
    assert 'aria-labelledby="h-intervals"' in page(person, "/devices/kiosk-7/reckoning?period=24h")


def test_a_strip_shows_down_unknown_and_where_something_was_wrong_while_up(person: TestClient) -> None:
    """kiosk-7 in the 24 hours to 18:00: in service since midnight, no paper from 12 to 14, the cover open from 17."""
    html = page(person, "/devices?q=kiosk-7")

    bars = re.findall(r'<rect class="s-(\w+)" x="([\d.]+)%" y="(\d)"', html)
    assert [(state, round(float(x), 2)) for state, x, _ in bars] == [
        ("up", 25.0),
        ("down", 75.0),
        ("up", 83.33),
        ("warning", 95.83),
    ]


def test_what_the_newest_report_does_not_cover_yet_is_not_drawn_as_unknown(view: View) -> None:
    client = world.signed_in(world.desk(view, now_ms=lambda: world.NOW + 4 * world.MINUTE), world.ADMIN)

    html = page(client, "/devices?q=ups-2&window=1h")

    assert re.findall(r'<rect class="s-(\w+)"', html.partition("<tbody>")[2].partition("</tbody>")[0]) == ["up"]


def test_the_cards_count_the_six_words_and_lead_to_their_devices(person: TestClient) -> None:
    html = page(person, "/devices")

    cards = re.findall(r'href="([^"]+)"[^>]*><span class="card-name">.*?</svg> (\S+)</span> <span[^>]*>(\d+)<', html)
    assert [(name, count) for _, name, count in cards] == [
        ("正常", "1"),
        ("故障", "0"),
        ("离线", "1"),
        ("未知", "2"),
        ("告警", "1"),
        ("维护", "0"),
    ]
    assert ids(page(person, cards[3][0])) == ["bus-31", "new-1"]


def test_every_state_is_icon_word_and_colour(person: TestClient) -> None:
    html = page(person, "/devices")

    for word, chinese in (("normal", "正常"), ("warning", "告警"), ("offline", "离线"), ("unknown", "未知")):
        assert re.search(rf'class="state t-{word}"><svg class="icon i-{word}".*?</svg> {chinese}</span>', html)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("state=offline", ["nvr-2"]),
        ("kind=kiosk", ["new-1", "kiosk-7"]),
        ("kind=kiosk&state=unknown", ["new-1"]),
        ("tickets=1", ["nvr-2", "bus-31", "kiosk-7"]),
        ("group=south&kind=ups", ["ups-2"]),
        ("group=north", []),
        ("q=录像机", ["nvr-2"]),
        ("q=KIOSK-7", ["kiosk-7"]),
        ("q=%25", []),
        ("q=kiosk-7' OR 1=1 --", []),
        ("customer=nobody", []),
        ("page=2", []),
    ],
)
def test_the_address_narrows_the_list(person: TestClient, query: str, expected: list[str]) -> None:
    html = page(person, f"/devices?{query}")

    assert ids(html) == expected
    assert bool(expected) or "没有符合条件的设备" in html


def test_devices_are_found_by_pinyin_initials(person: TestClient, view: View) -> None:
    with Office.open(view._place.path or "") as office:
        office.fill_search()

    assert ids(page(person, "/devices?q=lxj")) == ["nvr-2"]


def test_another_filter_begins_at_the_first_page_and_keeps_the_rest(person: TestClient, store: Store) -> None:
    many = [DeviceEntry(id=f"k-{n:03d}", kind="kiosk", name_zh="", name_en="") for n in range(60)]
    store.add_agent("many", "south", many, TODAY)

    html = page(person, "/devices?kind=kiosk&window=1h&page=2")

    assert 'href="/devices?kind=kiosk&amp;window=1h&amp;tickets=1"' in html
    assert 'href="/devices?kind=kiosk&amp;window=1h&amp;page=1"' in html


def test_a_large_fleet_comes_in_pages(person: TestClient, store: Store) -> None:
    many = [DeviceEntry(id=f"k-{n:03d}", kind="kiosk", name_zh="", name_en="") for n in range(60)]
    store.add_agent("many", "south", many, TODAY)

    first = page(person, "/devices")
    link = re.search(r'href="([^"]*page=2)"', first)
    assert link is not None
    second = page(person, link[1].replace("&amp;", "&"))

    assert "65 台" in first
    assert sorted(ids(first) + ids(second)) == sorted(
        [*(one.id for one in many), "bus-31", "kiosk-7", "new-1", "nvr-2", "ups-2"]
    )


def test_somebody_sees_what_is_within_reach_and_learns_of_nothing_else(view: View) -> None:
    with Office.open(view._place.path or "") as office:
        world.places(office)
    client = world.signed_in(world.desk(view), "viewer")

    html = page(client, "/devices")

    assert ids(html) == ["nvr-2", "kiosk-7"]
    assert "2 台" in html
    assert not re.search("hush|机密|bus-31|ups-2|new-1", html, re.I)
    assert not re.search("hush|机密|bus-31|ups-2|new-1", client.get("/devices.csv").text, re.I)
    for path in ("/devices/ups-2", f"/devices/ups-2/samples?at={world.NOW}", "/tickets/2024-000003"):
        hidden, missing = client.get(path), client.get(path.replace("ups-2", "nvr-9").replace("000003", "000099"))
        assert (hidden.status_code, missing.status_code) == (404, 404)
        assert hidden.text.replace("ups-2", "nvr-9").replace("000003", "000099") == missing.text


def test_the_file_has_the_same_devices_as_the_page(person: TestClient) -> None:
    answer = person.get("/devices.csv?state=unknown&window=24h")

    assert answer.headers["content-disposition"] == 'attachment; filename="devices.csv"'
    assert answer.text.startswith("\ufeff")
    head, *rows = csv.reader(answer.text.removeprefix("\ufeff").splitlines())
    assert head[:3] == ["编号", "名称", "类型"]
    assert [row[0] for row in rows] == ["bus-31", "new-1"]
    assert rows[0][7:12] == ["未知", "采集端失联", "100.00%", "83.33%", "0"]


def test_no_cell_of_the_file_is_a_formula(person: TestClient, store: Store) -> None:
    evil = DeviceEntry(id="evil", kind="kiosk", name_zh='=HYPERLINK("http://x")', name_en="@x")
    store.add_agent("evil", "south", [evil], TODAY)

    rows = csv.reader(person.get("/devices.csv?q=evil").text.removeprefix("\ufeff").splitlines())

    assert [row[1] for row in rows][1:] == ['\'=HYPERLINK("http://x")']


def test_an_empty_fleet_says_what_to_do_next(empty: TestClient) -> None:
    text = words_of(page(empty, "/devices"))

    assert "还没有设备" in text
    assert "roundsman agent add" in text
    assert "make demo" in text
