"""The page of availability: from a percentage to its devices, to the intervals, to the evidence; and the file."""

import csv
import re

import pytest
from starlette.testclient import TestClient

from roundsman_collector.store import View
from tests.collector.api import world
from tests.collector.web.reading import page, words_of


def test_the_three_ratios_are_named_and_told_apart(person: TestClient) -> None:
    text = words_of(page(person, "/availability?period=24h&by=device"))

    assert "可用率" in text and "开机率" in text and "合同口径" in text
    assert "正常时长 ÷（正常时长 + 停机时长）" in text
    assert "二者是两个不同的指标" in text


def test_a_percentage_leads_to_devices_and_these_to_intervals_and_evidence(person: TestClient) -> None:
    by_kind = page(person, "/availability?period=24h&by=kind")
    to_devices = re.search(r'href="(/availability\?by=device[^"]*of=kind%3Akiosk[^"]*)"', by_kind)
    assert to_devices is not None
    by_device = page(person, to_devices[1].replace("&amp;", "&"))
    to_intervals = re.search(r'href="(/devices/kiosk-7/reckoning\?[^"]*)"', by_device)
    assert to_intervals is not None
    behind = page(person, to_intervals[1].replace("&amp;", "&"))
    to_evidence = re.findall(r'href="(/devices/kiosk-7/samples\?at=\d+)"', behind)

    assert "88.89%" in words_of(behind)
    assert "停机 10-04 20:00:00 10-04 22:00:00 2 时 打印机缺纸 证据" in words_of(behind)
    assert "未投用" in words_of(behind)
    assert f"/devices/kiosk-7/samples?at={world.at(12)}" in to_evidence
    assert page(person, to_evidence[1])


def test_every_percentage_of_lists_leads_to_what_it_stands_on(person: TestClient) -> None:
    assert 'href="/devices/kiosk-7/reckoning?period=24h"' in page(person, "/devices?window=24h")
    assert 'href="/availability?by=device&amp;period=24h&amp;of=kind%3Anvr"' in page(
        person, "/devices?kind=nvr&window=24h"
    )
    device = page(person, "/devices/kiosk-7")
    for window in ("10m", "1h", "24h", "30d"):
        assert f'href="/devices/kiosk-7/reckoning?period={window}"' in device


def test_a_period_is_divided_into_local_days(person: TestClient) -> None:
    text = words_of(page(person, "/availability?period=24h&by=device&bucket=day"))

    assert "2024-10-04" in text and "2024-10-05" in text


def test_as_it_was_known_then(person: TestClient) -> None:
    now = words_of(page(person, "/devices/kiosk-7/reckoning?period=24h"))
    then = words_of(page(person, "/devices/kiosk-7/reckoning?period=24h&known=2024-10-04T21:00"))

    assert "按 2024-10-04 21:00:00 所知" in then
    assert "88.89%" in now and "92.31%" in then  # an hour down of thirteen


@pytest.mark.parametrize(
    ("period", "begin", "end"),
    [
        ("month", "2024-10-01 00:00:00", "2024-10-05 02:00:00"),
        ("last_month", "2024-09-01 00:00:00", "2024-10-01 00:00:00"),
        ("quarter", "2024-10-01 00:00:00", "2024-10-05 02:00:00"),
        ("last_quarter", "2024-07-01 00:00:00", "2024-10-01 00:00:00"),
        ("year", "2024-01-01 00:00:00", "2024-10-05 02:00:00"),
        ("custom&begin=2024-10-02&end=2024-10-03", "2024-10-02 00:00:00", "2024-10-04 00:00:00"),
    ],
)
def test_periods_are_those_of_the_calendar(person: TestClient, period: str, begin: str, end: str) -> None:
    assert f"{begin} 至 {end}" in words_of(page(person, f"/availability?period={period}"))


@pytest.mark.parametrize(
    "query",
    ["period=never", "by=planet", "bucket=week", "of=x", "known=soon", "period=custom&begin=1&end=2", "function=cash"],
)
def test_what_cannot_be_used_is_told_on_a_page(person: TestClient, query: str) -> None:
    assert person.get(f"/availability?{query}").status_code == 422


def test_the_file_has_the_same_figures_with_exact_seconds(person: TestClient) -> None:
    answer = person.get("/availability.csv?period=24h&by=device&bucket=day")

    head, *rows = csv.reader(answer.text.removeprefix("\ufeff").splitlines())
    assert answer.headers["content-disposition"] == 'attachment; filename="availability.csv"'
    assert head[:3] == ["编号", "名称", "周期"]
    kiosk = [row for row in rows if row[0] == "kiosk-7"]
    assert [row[2] for row in kiosk] == ["", "2024-10-04", "2024-10-05"]
    assert kiosk[0][4:10] == ["64800", "57600", "7200", "0", "0", "88.8889"]
    assert sum(float(row[5]) for row in kiosk[1:]) == float(kiosk[0][5])
    assert rows[0][3] == "5"


def test_a_viewer_of_one_customer_learns_nothing_of_another(view: View) -> None:
    at_desk = world.desk(view)
    world.places(at_desk.office)
    viewer = world.signed_in(at_desk, "viewer")

    for address in ("/availability?period=24h&by=device", "/availability?period=24h&by=customer&bucket=day"):
        html = page(viewer, address)
        assert not re.search("hush|机密|ups-2|bus-31|new-1", html)
    assert not re.search("hush|ups-2", viewer.get("/availability.csv?by=device&period=24h").text)
    assert viewer.get("/devices/ups-2/reckoning?period=24h").status_code == 404
