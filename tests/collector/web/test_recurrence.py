"""The pages of recurrence warnings: what is read there, and writing down what is at the root."""

import pytest
from starlette.testclient import TestClient

from roundsman_collector.core.recurrence import Rule, Rules
from roundsman_collector.store import Outbox, Store, View
from tests.collector.api import statistics_desk, world
from tests.collector.web.reading import page, words_of

OURS = {"Origin": world.ORIGIN}
RULES = Rules(rules=(Rule(level="quarter", of="device", same="fault", faults=1),))


@pytest.fixture
def warned(store: Store, view: View) -> None:
    """A warning of kiosk-7 and one of nvr-2."""
    statistics_desk.settle(store)
    with Outbox.open(view._place) as outbox:
        assert outbox.warn(RULES, world.NOW) == 2


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", ("重复故障预警", "打印机缺纸", "本季预警", "自助终端 7", "2024-Q4", "尚未分析")),
        ("en", ("Recurrence warnings", "printer out of paper", "warning of the quarter", "not found yet")),
    ],
)
def test_warnings_are_told_in_both_languages(
    person: TestClient, warned: None, language: str, words: tuple[str, ...]
) -> None:
    person.cookies.set("roundsman_language", language)

    text = words_of(page(person, "/statistics/recurrence"))

    assert [word for word in words if word not in text] == []


def test_where_nothing_recurs_the_page_says_so(person: TestClient) -> None:
    assert "没有预警" in words_of(page(person, "/statistics/recurrence"))


# Shows S3-27.
def test_what_is_at_the_root_leads_to_whom_it_concerns(person: TestClient, warned: None) -> None:
    assert "2024-000001" in page(person, "/statistics/recurrence/1") + page(person, "/statistics/recurrence/2")

    path = "/statistics/recurrence/1/analysis"
    refused = person.post(path, data={"cause": "technique", "text": " "}, headers=OURS)
    assert (refused.status_code, "请用文字说明。" in refused.text) == (422, True)
    answer = person.post(path, data={"cause": "technique", "text": "插座松动"}, headers=OURS)

    assert (answer.status_code, answer.headers["location"]) == (303, "/statistics/recurrence/1?done=analysis")
    text = words_of(page(person, answer.headers["location"]))
    assert [word for word in ("安装技术", "技术人员：完善产品与安装", "插座松动", "已填写") if word not in text] == []
    assert "技术人员：完善产品与安装" in words_of(page(person, "/statistics/recurrence?cause=technique"))
    assert "没有预警" in words_of(page(person, "/statistics/recurrence?cause=manners"))
