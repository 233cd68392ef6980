"""What all pages share: who sees them, in which language, what they load, and that no device writes on them."""

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from roundsman_collector.core.model import Condition, Ref
from roundsman_collector.store import (
    Batch,
    ConditionsTold,
    DeviceEntry,
    DeviceNow,
    Knock,
    Quarantined,
    Store,
    TicketNote,
    View,
)
from tests.collector.api import world
from tests.collector.api.world import NOW, TOKEN
from tests.collector.store.cast import TODAY
from tests.collector.web.reading import Loads, page, words_of

PAGES = [
    "/devices",
    "/devices/kiosk-7",
    "/devices/new-1",
    f"/devices/kiosk-7/samples?at={world.at(12)}",
    "/tickets",
    "/tickets/2024-000001",
    "/tickets/2024-000003",
    "/inbox",
    "/health",
    "/audit",
    "/api/v1/docs",
]
STATIC = Path(__file__).parents[3] / "collector/roundsman_collector/web/static"


@pytest.mark.parametrize("path", PAGES)
def test_a_stranger_is_led_to_the_login_and_sees_nothing(stranger: TestClient, path: str) -> None:
    answer = stranger.get(path)

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login?to=")
    assert answer.text == ""


def test_a_part_of_a_page_that_is_fetched_without_a_session_makes_the_browser_load_it_all(stranger: TestClient) -> None:
    answer = stranger.get("/devices", headers={"HX-Request": "true"})

    assert (answer.status_code, answer.headers["hx-refresh"]) == (401, "true")


def test_the_first_page_is_the_list_of_devices(person: TestClient) -> None:
    assert person.get("/").headers["location"] == "/devices"


@pytest.mark.parametrize(
    ("headers", "lang"),
    [
        ({}, "zh-CN"),
        ({"Accept-Language": "en-GB,en;q=0.9"}, "en"),
        ({"Accept-Language": "fr,zh-TW;q=0.8,en;q=0.5"}, "zh-CN"),
        ({"Accept-Language": "fr"}, "zh-CN"),
    ],
)
def test_the_language_is_the_one_asked_for_else_chinese(person: TestClient, headers: dict[str, str], lang: str) -> None:
    assert f'<html lang="{lang}">' in page(person, "/devices", **headers)


def test_a_chosen_language_stays_and_leaves_the_address(person: TestClient) -> None:
    answer = person.get("/devices/kiosk-7?window=1h&lang=en")

    assert (answer.status_code, answer.headers["location"]) == (303, "/devices/kiosk-7?window=1h")
    html = page(person, "/devices/kiosk-7", **{"Accept-Language": "zh-CN"})
    assert '<html lang="en">' in html
    assert "printer cover open" in html


@pytest.mark.parametrize(("theme", "told"), [("dark", 'data-theme="dark"'), ("auto", '<html lang="zh-CN">')])
def test_a_chosen_theme_stays(person: TestClient, theme: str, told: str) -> None:
    assert person.get(f"/devices?theme={theme}").status_code == 303

    assert told in page(person, "/tickets")


def test_a_language_and_a_theme_that_there_are_not_are_not_taken(person: TestClient) -> None:
    html = page(person, "/devices?lang=fr&theme=pink")

    assert '<html lang="zh-CN">' in html


@pytest.mark.parametrize("path", [*PAGES, "/devices/kiosk-7?window=30d", "/nothing"])
def test_an_english_page_has_no_chinese_of_ours_left(person: TestClient, path: str) -> None:
    text = words_of(person.get(path, headers={"Accept-Language": "en"}).text)

    assert re.findall(r"[\u4e00-\u9fff]+", text) in (
        [],
        ["试运行", "周一至周五"],
    )  # examples in the reference


@pytest.mark.parametrize("path", [*PAGES, "/nothing", "/devices/nvr-9", "/login"])
def test_a_page_loads_nothing_but_our_own_files_and_runs_nothing_by_itself(person: TestClient, path: str) -> None:
    seen = Loads(person.get(path).text)

    assert seen.is_ours(), seen.__dict__
    assert {person.get(one).status_code for one in seen.loads} == {200}


def test_our_files_are_kept_by_browsers_until_they_change(person: TestClient) -> None:
    seen = Loads(page(person, "/devices"))

    kept = {person.get(one).headers["cache-control"] for one in seen.loads}
    assert kept == {"public, max-age=31536000, immutable"}
    assert person.get("/static/roundsman.css").headers["cache-control"] == "no-cache"
    assert person.get("/devices").headers["cache-control"] == "no-store"


def test_our_sheet_loads_nothing() -> None:
    sheet = (STATIC / "roundsman.css").read_text("utf-8")

    assert re.findall(r"url\(|@import|@font-face", sheet) == []


def test_our_script_has_no_way_to_run_text() -> None:
    script = (STATIC / "roundsman.js").read_text("utf-8")

    assert (
        re.findall(
            r"eval|innerHTML|outerHTML|insertAdjacentHTML|document\.write|new Function|setTimeout\(['\"]", script
        )
        == []
    )


EVIL = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'{{7*7}}"


@pytest.mark.parametrize(
    "path",
    [
        "/devices",
        "/devices/evil",
        f"/devices/evil/samples?at={NOW}",
        "/tickets",
        "/tickets/new?subject=evil",
        "/tickets/new?q=<script>alert(1)</script>",
        "/tickets/2024-000004",
        "/inbox",
        "/health",
    ],
)
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
    said = world.sample("evil", 1, NOW, {EVIL: EVIL}, failed={EVIL: [EVIL, EVIL]})
    store.commit(
        Batch(
            now_ms=NOW,
            evidence=[world.report(3, number, None, [said])],
            tells=[world.ledger("evil", (1, None, "down", EVIL, EVIL))],
            conditions=[told],
            device_now=[now],
            tickets=[bad],
            inbox=[Knock(agent="kiosk-7", device=EVIL, at_ms=NOW, what={"kind": EVIL, "group": EVIL})],
            quarantine=[Quarantined(at_ms=NOW, topic=EVIL, agent=EVIL, cause=EVIL, detail=EVIL, raw=EVIL.encode())],
        )
    )
    store.commit(Batch(now_ms=NOW, tickets=[TicketNote(ticket=4, at_ms=NOW, who=EVIL, text=EVIL)]))
    person.cookies.set("roundsman_language", lang)

    html = page(person, path)

    assert Loads(html).is_ours()
    assert "&lt;script&gt;" in html
    assert "{{7*7}}" in html


def test_the_token_is_in_no_page(person: TestClient) -> None:
    for path in [*PAGES, f"/devices/kiosk-7?token={TOKEN}", "/nothing"]:
        assert TOKEN not in person.get(path).text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404),
        ("/devices/nvr-9", 404),
        ("/tickets/2024-000099", 404),
        ("/devices?window=1y", 422),
        ("/devices?page=0", 422),
        ("/devices/kiosk-7/samples?at=soon", 422),
        ("/audit?before=x", 422),
        ("/static/../site.py", 404),
        ("/static/nothing.css", 404),
    ],
)
def test_what_cannot_be_shown_is_a_page_that_says_what_to_do(person: TestClient, path: str, status: int) -> None:
    answer = person.get(path)

    assert answer.status_code == status
    assert '<section class="card problem">' in answer.text
    assert "返回" in answer.text


def test_a_page_that_fails_says_so_and_keeps_its_secret(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a secret")

    client = world.signed_in(world.desk(view), world.ADMIN)
    client._transport.raise_server_exceptions = False  # type: ignore[attr-defined]
    monkeypatch.setattr("roundsman_collector.web.pages.fleet.fleet", fail)

    answer = client.get("/devices")

    assert answer.status_code == 500
    assert "出错了" in answer.text
    assert "secret" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("who", "menu"),
    [
        ("admin", ["设备", "工单", "巡检", "系统管理"]),
        ("dispatcher", ["设备", "工单", "巡检", "系统管理"]),
        ("viewer", ["设备", "工单", "巡检"]),
    ],
)
def test_the_menu_has_what_somebody_may_do(view: View, who: str, menu: list[str]) -> None:
    client = world.signed_in(world.desk(view), who)

    html = page(client, "/devices")

    shown = html.partition('<nav class="sections"')[2].partition("</nav>")[0]
    assert [word for word in re.findall(r">([^<\s]+)</a>", shown) if word in menu] == menu
    assert ("系统管理" in shown) == ("系统管理" in menu)


@pytest.mark.parametrize("path", ["/inbox", "/health", "/audit"])
def test_a_page_of_the_system_is_not_for_a_viewer(view: View, path: str) -> None:
    client = world.signed_in(world.desk(view), "viewer")

    answer = client.get(path)

    assert answer.status_code == 403
    assert "当前角色没有此权限" in answer.text
