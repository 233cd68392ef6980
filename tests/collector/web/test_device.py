"""The page of one device, and the samples behind its intervals."""

import re

import pytest
from starlette.testclient import TestClient

from roundsman_collector.store import Batch, Office, Store, View
from tests.collector.api import world
from tests.collector.web.reading import page, words_of


def test_it_has_strip_parts_problems_tickets_and_the_ledger_with_its_evidence(person: TestClient) -> None:
    html = page(person, "/devices/kiosk-7")

    text = words_of(html)
    for told in (
        "kiosk-7 自助终端 7 告警 · 打印机上盖未合 1 时",
        "采集端 kiosk-7",
        "主机 CPU 使用率 12.53 %",
        "打印机上盖 未合",
        "vendor.secret_thing 42",
        "打印机上盖未合 打印机 · printer.cover_open",
        "2024-000001 打印机缺纸 严重 已报修",
        "停机 10-04 20:00:00 10-04 22:00:00 2 时 打印机缺纸 首条证据 #1 确认证据 #2",
        "停机 2 时，1 次",
    ):
        assert told in text, told


def test_a_part_with_a_fault_has_the_mark_of_it(person: TestClient) -> None:
    html = page(person, "/devices/kiosk-7")

    marks = {part: word for word, part in re.findall(r'class="icon i-(\w+)".{0,200}?</span> ([^<]+)</th>', html, re.S)}
    assert (marks["打印机"], marks["主机"]) == ("warning", "normal")


def test_an_interval_leads_to_the_samples_that_it_stands_on(person: TestClient) -> None:
    link = re.search(r'href="([^"]+)">首条证据 #1<', page(person, "/devices/kiosk-7"))
    assert link is not None

    html = page(person, link[1].replace("&amp;", "&"))

    assert "打印纸 缺纸" in words_of(html)
    assert '<section class="card here">' in html


def test_samples_that_there_are_not_are_said_to_be_missing(person: TestClient) -> None:
    assert "这段时间没有采样" in page(person, f"/devices/ups-2/samples?at={world.at(3)}")


def test_a_device_that_did_not_answer_says_so(person: TestClient) -> None:
    assert "设备无应答" in page(person, f"/devices/kiosk-7/samples?at={world.at(12.1)}")


@pytest.mark.parametrize("window", ["1h", "24h", "30d"])
def test_a_window_lists_as_many_intervals_as_the_ledger_has(person: TestClient, window: str) -> None:
    html = page(person, f"/devices/nvr-2?window={window}")

    link = re.search(r'href="(/api/v1/devices/nvr-2/intervals\?[^"]+)">JSON', html)
    assert link is not None
    assert html.count('<td class="l-') == len(person.get(link[1].replace("&amp;", "&")).json()["intervals"])


def test_today_names_what_was_out_of_order_in_the_order_it_happened(person: TestClient) -> None:
    """It is 02:00 of the site's next day: only the open cover and what goes on belong to today."""
    text = words_of(page(person, "/devices/kiosk-7"))

    assert "今天 0–24 时" in text
    assert "01:00 至今 打印机上盖未合" in text
    assert "20:00–22:00" not in text


def test_where_it_stands_is_told_and_leads_to_its_neighbours(view: View) -> None:
    with Office.open(view._place.path or "") as office:
        world.places(office)
    client = world.signed_in(world.desk(view), world.ADMIN)

    html = page(client, "/devices/kiosk-7")

    assert '<a href="/devices?site=metro-a">地铁站</a>' in html
    assert "客户 地铁公司" in html


def test_a_round_is_offered_to_who_may_start_one(view: View) -> None:
    with Office.open(view._place.path or "") as office:
        world.places(office)

    pages = {who: page(world.signed_in(world.desk(view), who), "/devices/kiosk-7") for who in ("engineer", "viewer")}

    assert ["立即巡检" in pages[who] for who in ("engineer", "viewer")] == [True, False]


def test_the_newest_samples_say_what_they_were_taken_for(person: TestClient) -> None:
    html = page(person, "/devices/kiosk-7")

    rows = [words_of(f"<main>{row}</main>") for row in re.findall(r'<tr><td class="at">.*?</tr>', html, re.S)]
    assert rows == [
        "10-04 20:06:00 #4 · 时钟未同步 设备无应答。 故障 打印机缺纸 工单 2024-000001",
        "10-04 20:02:00 #3 打印纸 缺纸 · 打印机上盖 已合 故障 打印机缺纸 工单 2024-000001",
        "10-04 20:01:00 #2 打印纸 缺纸 · 打印机上盖 已合 故障 打印机缺纸 工单 2024-000001",
        "10-04 20:00:00 #1 打印纸 缺纸 · 打印机上盖 已合 怀疑 打印机缺纸 工单 2024-000001",
    ]
    link = re.search(r'<td class="at"><a class="underlined" href="([^"]+)">', html)
    assert link is not None
    assert person.get(link[1].replace("&amp;", "&")).status_code == 200


def test_a_device_without_samples_says_so(person: TestClient) -> None:
    assert "暂无采样，或采样已过保存期。" in words_of(page(person, "/devices/new-1"))


def test_of_a_sample_that_is_well_only_what_changed_is_told(store: Store, view: View) -> None:
    told = [{"clock.synchronised": "yes", "host.cpu_percent": cpu, "net.rx_bytes": n} for n, cpu in ((1, 7), (2, 9))]
    begin = world.NOW - 2 * world.MINUTE
    samples = [world.sample("ups-2", n, begin + n, readings) for n, readings in enumerate((*told, told[1]), 1)]
    store.commit(Batch(now_ms=world.NOW, evidence=[world.report(3, 2, None, samples)]))

    html = page(world.signed_in(world.desk(view), world.ADMIN), "/devices/ups-2")

    rows = [words_of(f"<main>{row}</main>") for row in re.findall(r'<td class="what">.*?</tr>', html, re.S)]
    assert rows == ["无变化 正常", "CPU 使用率 9 % 正常", "无变化 正常"]


def test_the_button_of_a_round_names_the_site_it_is_for(view: View) -> None:
    with Office.open(view._place.path or "") as office:
        world.places(office)
    client = world.signed_in(world.desk(view), world.ADMIN)

    for path in ("/devices/kiosk-7", "/sites/metro-a"):
        form = re.search(r'<form method="post" action="/rounds".*?</form>', page(client, path), re.S)
        assert form is not None
        assert 'name="site" value="metro-a"' in form[0]


def test_a_card_is_offered_to_who_may_change_it(view: View) -> None:
    pages = {who: page(world.signed_in(world.desk(view), who), "/devices/kiosk-7") for who in ("admin", "engineer")}

    assert ['href="/devices/kiosk-7/card"' in pages[who] for who in ("admin", "engineer")] == [True, False]
