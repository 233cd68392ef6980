"""The pages: what they show, to whom, in which language, and that no device can write on them."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from roundsman_collector.core.model import Condition, Ref
from roundsman_collector.store import (
    Batch,
    ConditionsTold,
    DeviceEntry,
    DeviceNow,
    Store,
    TicketNote,
    TicketResolve,
    View,
)
from tests.collector.api import world
from tests.collector.api.world import NOW, ORIGIN, TOKEN, answering
from tests.collector.store.cast import TODAY

PAGES = ["/", "/devices/kiosk-7", "/devices/new-1", "/tickets/2024-000001", "/tickets/2024-000003", "/api/v1/docs"]


def page(client: TestClient, path: str, **headers: str) -> str:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer.text


def words_of(html: str) -> str:
    """What a person reads, in one line."""
    return " ".join(re.sub(r"<[^>]*>", " ", html.partition("<main")[2]).split())


@pytest.mark.parametrize("path", PAGES)
def test_nobody_sees_a_page_without_a_token_but_is_told_where_it_is(stranger: TestClient, path: str) -> None:
    answer = stranger.get(path)

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "/data/api-token" in answer.text
    assert "?token=" in answer.text
    assert not re.search("自助终端 7|新机|打印机|health", words_of(answer.text))


def test_the_fleet_has_a_row_a_strip_and_three_figures_for_each_device(person: TestClient) -> None:
    html = page(person, "/")

    text = words_of(html)
    for told in (
        "kiosk-7 自助终端 7 自助终端 告警 打印机上盖未合",
        "nvr-2 录像机 2 硬盘录像机 离线 设备离线",
        "bus-31 31 路车载机 车载终端 未知 采集端失联",
        "new-1 新机 自助终端 未知 从未上报",
        "5 台",
    ):
        assert told in text
    assert html.count('<svg class="strip"') == 5
    assert "近 24 小时: 可用率 88.89%, 覆盖率 75.00%" in html
    assert '<a href="/devices/kiosk-7?window=24h#ledger">88.89%</a>' in html


def test_a_strip_shows_down_unknown_and_where_something_was_wrong_while_up(person: TestClient) -> None:
    """kiosk-7 in the 24 hours to 18:00: nothing before midnight, no paper from 12 to 14, the cover open from 17."""
    strips = re.findall(r'<svg class="strip".*?</svg>', page(person, "/"))

    bars = re.findall(r'<rect class="s-(\w+)" x="([\d.]+)%" y="(\d)"', strips[1])
    assert bars == [
        ("unknown", "0.000", "0"),
        ("up", "25.000", "2"),
        ("down", "75.000", "0"),
        ("up", "83.333", "2"),
        ("warning", "95.833", "0"),
    ]


def test_the_cards_count_the_six_words(person: TestClient) -> None:
    cards = re.findall(r'</svg> (\S+)</h2><p class="figure t-\w*">(\d+)</p>', page(person, "/"))

    assert cards == [("正常", "1"), ("故障", "0"), ("离线", "1"), ("未知", "2"), ("告警", "1"), ("维护", "0")]


def test_every_state_is_icon_word_and_colour(person: TestClient) -> None:
    html = page(person, "/")

    for word, chinese in (("normal", "正常"), ("warning", "告警"), ("offline", "离线"), ("unknown", "未知")):
        assert re.search(rf'class="state t-{word}"><svg class="icon i-{word}".*?</svg> {chinese}</span>', html)


def test_open_tickets_are_listed_and_resolved_ones_are_not(person: TestClient, store: Store) -> None:
    store.commit(Batch(now_ms=NOW, tickets=[TicketResolve(ticket=2, at_ms=NOW, outcome="recovered")]))

    text = words_of(page(person, "/"))

    assert "2024-000003 采集端 bus-31 采集端失联 采集端 严重 待接单" in text
    assert "2024-000002" not in text


def test_a_device_page_has_strip_parts_problems_tickets_and_ledger_with_evidence(person: TestClient) -> None:
    html = page(person, "/devices/kiosk-7")

    text = words_of(html)
    for told in (
        "打印机 打印纸 正常 打印机上盖 未合 打印机状态 联机",
        "磁盘 / 磁盘 / 使用率 71.2 %",
        "时钟最大误差 未知",
        "vendor vendor.secret_thing 42",
        "打印机上盖未合 打印机 · printer.cover_open",
        "2024-000001 打印机缺纸 待接单",
        "停机 10-04 20:00:00 10-04 22:00:00 2 时 打印机缺纸 首条依据 s1 #1 确认依据 s1 #2",
        "停机 2 时,1 次 · 未知 6 时",
    ):
        assert told in text, told
    link = re.search(r'href="([^"]+)">首条依据 s1 #1<', html)
    assert link is not None
    samples = person.get(link[1].replace("&amp;", "&")).json()["samples"]
    assert ("s1", 1) in [(one["stream"], one["n"]) for one in samples]


@pytest.mark.parametrize("window", ["1h", "24h", "30d"])
def test_a_percentage_leads_to_the_intervals_that_it_stands_on(person: TestClient, window: str) -> None:
    html = page(person, f"/devices/nvr-2?window={window}")

    link = re.search(r'href="(/api/v1/devices/nvr-2/intervals\?[^"]+)">JSON', html)
    assert link is not None
    told = person.get(link[1].replace("&amp;", "&")).json()["intervals"]
    assert html.count('<td class="l-') == len(told)


def test_a_ticket_page_has_its_course_its_evidence_and_its_buttons(person: TestClient) -> None:
    text = words_of(page(person, "/tickets/2024-000001"))

    for told in (
        "打印机缺纸 kiosk-7 自助终端 7",
        "系统自动报修",
        "首条依据 10-04 20:00:00",
        "打印纸 缺纸",
        "接单 标记修复 添加备注",
    ):
        assert told in text, told


def test_the_buttons_of_a_ticket_ask_the_engine(person: TestClient, store: Store) -> None:
    with answering(store):
        answer = person.post(
            "/tickets/2024-000001/act", data={"verb": "acknowledge", "text": "马上到 <b>&"}, headers={"Origin": ORIGIN}
        )

    assert (answer.status_code, answer.headers["location"]) == (303, "/tickets/2024-000001")
    html = page(person, "/tickets/2024-000001")
    assert "马上到 &lt;b&gt;&amp;" in html
    assert "已接单" in html


def test_a_button_that_nobody_answers_says_so(view: View) -> None:
    client = world.browser(world.desk(view, answer_within_s=0.05))
    client.get(f"/?token={TOKEN}")

    answer = client.post("/tickets/2024-000001/act", data={"verb": "resolve"}, headers={"Origin": ORIGIN})

    assert answer.headers["location"] == "/tickets/2024-000001?waiting=true"
    assert "等待中心端处理" in page(client, answer.headers["location"])


@pytest.mark.parametrize(
    "body",
    [
        b"verb=void",
        b"verb=note&text=",
        b"",
        b"\xff\xfe",
        b"verb=note&text=%ff",
        b"verb=note&text=" + b"x" * 60_000,
        b"verb=note&text=" + b"x" * 4001,
    ],
)
def test_a_form_that_cannot_be_used_asks_nothing(person: TestClient, view: View, body: bytes) -> None:
    answer = person.post("/tickets/2024-000001/act", content=body, headers={"Origin": ORIGIN})

    assert answer.status_code == 422
    assert 'href="/tickets/2024-000001"' in answer.text
    assert view.status().new_commands == 0


@pytest.mark.parametrize(
    ("query", "headers", "lang"),
    [
        ("", {}, "zh-CN"),
        ("", {"Accept-Language": "en-GB,en;q=0.9"}, "en"),
        ("", {"Accept-Language": "fr,zh-TW;q=0.8,en;q=0.5"}, "zh-CN"),
        ("", {"Accept-Language": "fr"}, "zh-CN"),
        ("?lang=en", {"Accept-Language": "zh-CN"}, "en"),
        ("?lang=zh", {"Accept-Language": "en"}, "zh-CN"),
    ],
)
def test_the_language_is_the_one_chosen_or_asked_for_else_chinese(
    person: TestClient, query: str, headers: dict[str, str], lang: str
) -> None:
    assert f'<html lang="{lang}">' in page(person, f"/{query}", **headers)


def test_a_chosen_language_stays(person: TestClient) -> None:
    page(person, "/?lang=en")

    html = page(person, "/devices/kiosk-7", **{"Accept-Language": "zh-CN"})

    assert '<html lang="en">' in html
    assert "printer cover open" in html


@pytest.mark.parametrize("path", [*PAGES, "/devices/kiosk-7?window=1h", "/devices/kiosk-7?window=30d", "/nothing"])
def test_an_english_page_has_no_chinese_of_ours_left(person: TestClient, path: str) -> None:
    text = words_of(person.get(path, headers={"Accept-Language": "en"}).text)

    assert re.findall(r"[\u4e00-\u9fff]+", text) in ([], ["打印机缺纸"], ["采集端失联"])  # the tickets' own texts


class _Loads(HTMLParser):
    """What a page loads or runs."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag in ("script", "link", "img", "iframe", "object", "embed"):
            self.loads.append(named.get("href") or named.get("src") or "inline")
        self.inline += [name for name in named if name == "style" or name.startswith("on")]
        if tag == "style":
            self.inline.append(tag)


@pytest.mark.parametrize("path", [*PAGES, "/nothing", "/devices/nvr-9"])
def test_a_page_loads_nothing_but_our_own_files_and_runs_nothing(person: TestClient, path: str) -> None:
    seen = _Loads()
    seen.feed(person.get(path).text)

    assert seen.inline == []
    assert seen.loads == ["/static/mark.svg", "/static/roundsman.css"]
    assert [person.get(one).status_code for one in seen.loads] == [200, 200]


def test_the_sheet_loads_nothing() -> None:
    sheet = (Path(__file__).parents[3] / "collector/roundsman_collector/web/static/roundsman.css").read_text("utf-8")

    assert re.findall(r"url\(|@import|@font-face", sheet) == []


EVIL = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'{{7*7}}"


@pytest.mark.parametrize("path", ["/", "/devices/evil", "/tickets/2024-000004"])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_device_can_write_on_a_page(person: TestClient, store: Store, path: str, lang: str) -> None:
    evil = DeviceEntry(id="evil", kind=EVIL, name_zh=EVIL, name_en=EVIL, model=EVIL)
    number = store.add_agent("evil-agent", "south", [evil], TODAY)
    ref = Ref(EVIL, 1, NOW - 5)
    told = ConditionsTold(conditions=(Condition("evil", EVIL, EVIL, NOW - 5, None, ref, ref),))
    opened = world.ticket("evil", number, "printer", "printer.paper_end", 17, 1, "major")
    bad = type(opened)(
        **{name: getattr(opened, name) for name in opened.__dataclass_fields__}
        | {
            "code": EVIL,
            "component": EVIL,
            "severity": EVIL,
            "service_class": EVIL,
            "text": EVIL,
            "data": {EVIL: ref._asdict()},
        }
    )
    now = DeviceNow("evil", number, NOW, NOW, NOW, True, {EVIL: EVIL, "printer.paper": EVIL, f"disk[{EVIL}].x": 5}, NOW)
    store.commit(
        Batch(
            now_ms=NOW,
            tells=[world.ledger("evil", (1, None, "down", EVIL, EVIL))],
            conditions=[told],
            device_now=[now],
            tickets=[bad],
        )
    )
    store.commit(Batch(now_ms=NOW, tickets=[TicketNote(ticket=4, at_ms=NOW, who=EVIL, text=EVIL)]))

    html = page(person, f"{path}?lang={lang}")

    seen = _Loads()
    seen.feed(html)
    assert (seen.inline, seen.loads) == ([], ["/static/mark.svg", "/static/roundsman.css"])
    assert "&lt;script&gt;" in html
    assert "{{7*7}}" in html


def test_the_token_is_in_no_page_and_no_address(person: TestClient) -> None:
    for path in [*PAGES, f"/devices/kiosk-7?token={TOKEN}", "/nothing"]:
        assert TOKEN not in person.get(path).text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404),
        ("/devices/nvr-9", 404),
        ("/tickets/2024-000099", 404),
        ("/?window=1y", 422),
        ("/?lang=fr", 422),
        ("/static/../site.py", 404),
        ("/static/nothing.css", 404),
    ],
)
def test_what_is_not_there_is_a_page_that_says_what_to_do(person: TestClient, path: str, status: int) -> None:
    answer = person.get(path)

    assert answer.status_code == status
    assert "怎么办" in answer.text


def test_an_empty_fleet_says_what_to_do_next(tmp_path: Path) -> None:
    with Store.open(tmp_path / "empty.sqlite3") as store, View.open(tmp_path / "empty.sqlite3") as view:
        store.add_token(TOKEN, "first", NOW)
        client = world.browser(world.desk(view), Authorization=f"Bearer {TOKEN}")

        text = words_of(page(client, "/"))

    assert "还没有设备" in text
    assert "roundsman agent add" in text
    assert "make demo" in text


def test_a_large_fleet_comes_in_pages(person: TestClient, store: Store) -> None:
    many = [DeviceEntry(id=f"k-{n:03d}", kind="kiosk", name_zh="", name_en="") for n in range(60)]
    store.add_agent("many", "south", many, TODAY)

    first = page(person, "/")
    link = re.search(r'href="(/\?[^"]*after=[^"]+)"', first)
    assert link is not None
    second = page(person, link[1].replace("&amp;", "&"))

    assert "65 台" in first
    ids = re.findall(r'<td class="id"><a href="/devices/([^"?]+)', first + second)
    assert ids == sorted([*(one.id for one in many), "bus-31", "kiosk-7", "new-1", "nvr-2", "ups-2"])


def test_the_reference_names_every_address_of_the_api(person: TestClient) -> None:
    html = page(person, "/api/v1/docs")

    for path in person.get("/api/v1/openapi.json").json()["paths"]:
        assert f"<code>{path}</code>" in html
