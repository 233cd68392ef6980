"""The page on which people write for a report."""

import pytest
from starlette.testclient import TestClient

from roundsman_collector.store import View
from tests.collector.api import report_desk, world
from tests.collector.web.reading import page, words_of

OURS = {"Origin": world.ORIGIN}
PATH = "/reports/words?kind=statistics&scope=contract:metro-c&period=2024-10"


@pytest.fixture(autouse=True)
def under_contract(view: View) -> None:
    report_desk.settle(world.desk(view).office)


# Shows S4-37.
def test_what_is_written_stands_there_and_only_what_changed_is_kept(person: TestClient, view: View) -> None:
    sent = {"measures": "换滚轴\r\n清洁 <打印头>", "advice": ""}
    answer = person.post(PATH, data=sent, headers=OURS, follow_redirects=False)
    again = person.post(PATH, data=sent, headers=OURS, follow_redirects=False)

    assert (answer.status_code, again.status_code) == (303, 303)
    text = words_of(page(person, answer.headers["location"]))
    assert "已保存" in text
    assert "清洁 &lt;打印头&gt;" in text
    (entry, *_) = [one for one in view.audit(limit=20) if one.verb == "report.words"]
    assert entry.after == {"section": "measures", "words": "换滚轴\n清洁 <打印头>"}
    assert sum(one.verb == "report.words" for one in view.audit(limit=20)) == 1


def test_too_many_words_come_back_with_the_reason_and_nothing_is_kept(person: TestClient, view: View) -> None:
    answer = person.post(PATH, data={"measures": "好" * 4001, "advice": "x"}, headers=OURS)

    assert (answer.status_code, "最多 4000 个字" in answer.text) == (422, True)
    assert not any(one.verb == "report.words" for one in view.audit(limit=20))


def test_a_report_of_figures_alone_takes_no_words(person: TestClient) -> None:
    assert "不需填写文字" in words_of(page(person, PATH.replace("statistics", "sla")))


def test_nobody_writes_for_what_is_not_there(person: TestClient) -> None:
    assert person.get(PATH.replace("metro-c", "nowhere")).status_code == 404


@pytest.mark.parametrize(("kind", "leads"), [("statistics", True), ("sla", False)])
def test_a_report_that_is_not_issued_leads_to_where_its_words_are_written(
    person: TestClient, kind: str, leads: bool
) -> None:
    wish = {"kind": kind, "scope": "contract", "about": "metro-c", "period": "2024-10", "language": "zh"}
    answer = person.post("/reports", data=wish, headers=OURS, follow_redirects=False)

    shown = page(person, answer.headers["location"])

    assert ("/reports/words?kind=statistics" in shown) is leads
