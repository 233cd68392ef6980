"""The page of kept promises: figures and clocks in both languages, each number with its tickets; and the files."""

import csv
import html
import re

import pytest
from starlette.testclient import TestClient

from roundsman_collector.store import Batch, Store, View
from tests.collector.api import kept_desk, world
from tests.collector.web.reading import page, words_of


@pytest.fixture(autouse=True)
def promised(store: Store) -> None:
    kept_desk.settle(store)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "zh",
            (
                "履约",
                "2 张工单",
                "重复报修率",
                "二次返修率",
                "远程解决率",
                "预约准时率",
                "人到货到率",
                "回访率",
                "超时未解决",
                "已作废 1",
            ),
        ),
        ("en", ("Promises kept", "2 tickets", "Called more than once", "Second repairs", "Follow-ups done", "void 1")),
    ],
)
def test_figures_and_clocks_are_told_in_both_languages(
    person: TestClient, language: str, words: tuple[str, ...]
) -> None:
    person.cookies.set("roundsman_language", language)

    text = words_of(page(person, "/kept?period=24h&by=contract"))

    assert [word for word in words if word not in text] == []


def test_each_number_leads_to_its_tickets_with_their_clock(person: TestClient) -> None:
    shown = page(person, "/kept?period=24h")
    link = re.search(r'href="(/kept/tickets\?[^"]*clock=total[^"]*stands=breached[^"]*)"', shown)
    assert link is not None

    behind = page(person, html.unescape(link[1]))

    assert "总时长 · 超时未完成" in words_of(behind)
    assert re.findall(r"/tickets/(2024-\d+)", behind) == ["2024-000002"]
    assert 'href="/kept?period=24h&amp;by=clock"' in behind


def test_what_is_voided_is_listed_apart_with_the_breach_that_stays(person: TestClient) -> None:
    shown = page(person, "/kept?period=24h")

    assert "已作废 1 其中 1 张记有超时，记录保留" in words_of(shown)
    link = re.search(r'href="(/kept/tickets\?[^"]*left_out=void[^"]*)"', shown)
    assert link is not None
    assert re.findall(r"/tickets/(2024-\d+)", page(person, html.unescape(link[1]))) == ["2024-000003"]


def test_a_time_without_tickets_says_what_to_do(person: TestClient) -> None:
    text = words_of(page(person, "/kept?period=custom&begin=2023-01-01&end=2023-01-02"))

    assert "这段时间没有工单" in text and "报修" in text


def test_tickets_without_a_service_level_say_where_one_is_named(person: TestClient, store: Store) -> None:
    unpromised = world.ticket("kiosk-7", 1, "printer", "printer.cover_open", 17, 9, "minor")
    store.commit(Batch(now_ms=world.NOW, tickets=[unpromised]))

    shown = page(person, "/kept?period=24h&zone=~none")

    assert 'href="/contracts"' in shown and 'href="/levels"' in shown


def test_the_files_have_what_is_seen(person: TestClient) -> None:
    clocks = person.get("/kept.csv?period=24h&by=contract")
    figures = person.get("/kept.csv?period=24h&by=contract&table=figures")

    assert clocks.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(clocks.text.removeprefix("\ufeff").splitlines()))
    assert [row[:3] + row[3:12] for row in rows[1:3]] == [
        ["", "全部", "到场", "1", "1", "0", "0", "0", "0", "0", "0", "100.0000"],
        ["", "全部", "总时长", "1", "0", "0", "1", "0", "0", "0", "0", "0.0000"],
    ]
    lines = list(csv.reader(figures.text.removeprefix("\ufeff").splitlines()))
    assert ["", "全部", "重复报修率", "1", "2", "50.0000"] in lines


def test_a_number_that_there_is_not_is_refused_plainly(person: TestClient) -> None:
    for query in ("", "?clock=repair", "?clock=none&stands=met", "?count=tickets&left_out=void", "?count=everything"):
        answer = person.get(f"/kept/tickets{query}")

        assert answer.status_code == 422, query
        assert "text/html" in answer.headers["content-type"]


def test_a_viewer_counts_their_own_customers_tickets_alone(view: View) -> None:
    desk = world.desk(view)
    world.places(desk.office)

    text = words_of(page(world.signed_in(desk, "viewer"), "/kept?period=24h"))

    assert "2 张工单" in text and "已作废 1" not in text
