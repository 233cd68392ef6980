"""The pages of faults and failure rates: what is read there, and that each number leads to its tickets."""

import html
import re

import pytest
from starlette.testclient import TestClient

from roundsman_collector.store import Store, View
from tests.collector.api import statistics_desk, world
from tests.collector.web.reading import page, words_of


@pytest.fixture(autouse=True)
def worked(store: Store) -> None:
    statistics_desk.settle(store)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "zh",
            (
                "故障统计",
                "2 次故障",
                "打印机",
                "50.0%",
                "处理方式",
                "未解决",
                "现场修复",
                "产品质量",
                "print head 2",
                "已作废 1",
            ),
        ),
        ("en", ("Faults", "2 faults counted", "50.0%", "not solved yet", "mended on site", "the product", "void 1")),
    ],
)
def test_faults_are_told_in_both_languages(person: TestClient, language: str, words: tuple[str, ...]) -> None:
    person.cookies.set("roundsman_language", language)

    text = words_of(page(person, "/statistics/faults?period=24h&by=component"))

    assert [word for word in words if word not in text] == []


def test_each_number_leads_to_its_tickets_and_back(person: TestClient) -> None:
    shown = page(person, "/statistics/faults?period=24h&by=model")
    link = re.search(r'href="(/statistics/faults/tickets\?[^"]*key=DR-58[^"]*)"', shown)
    assert link is not None

    behind = page(person, html.unescape(link[1]))

    assert "型号: DR-58" in words_of(behind)
    assert re.findall(r"/tickets/(2024-\d+)", behind) == ["2024-000001"]
    assert 'href="/statistics/faults?period=24h&amp;by=model"' in behind
    assert "2024-000003" in page(person, "/statistics/faults/tickets?period=24h&left_out=void")


def test_where_nothing_failed_the_page_says_so_and_where_to_look(person: TestClient) -> None:
    text = words_of(page(person, "/statistics/faults?period=custom&begin=2023-01-01&end=2023-01-02"))

    assert "这段时间没有故障" in text


def test_rates_are_told_with_what_they_say(person: TestClient, view: View) -> None:
    assert "这段时间没有安装在用的设备" in words_of(page(person, "/statistics/failure-rates?period=24h"))
    statistics_desk.stand(world.desk(view).office)

    text = words_of(page(person, "/statistics/failure-rates?period=24h&by=vendor"))

    assert [word for word in ("示例科技", "每台月故障数", "数量太少，无法判断", "全部") if word not in text] == []


def test_the_first_page_of_statistics_are_the_faults(person: TestClient) -> None:
    answer = person.get("/statistics")

    assert (answer.status_code, answer.headers["location"]) == (303, "/statistics/faults")


@pytest.mark.parametrize("path", ["faults", "failure-rates"])
def test_pages_can_be_taken_along(person: TestClient, path: str) -> None:
    shown = page(person, f"/statistics/{path}?period=24h&by=model" if path == "faults" else f"/statistics/{path}")
    links = re.findall(rf'href="(/statistics/{path}\.(?:csv|xlsx)\?[^"]*)"', shown)

    assert len(links) == (2 if path == "faults" else 0)  # nothing stands anywhere: there is no rate to take along
    assert [person.get(html.unescape(link)).status_code for link in links] == [200] * len(links)
    assert person.get(f"/statistics/{path}.csv?period=24h").content.startswith("\ufeff".encode())
