"""Recurrence warnings by the API: lists, one with its tickets, what is at the root; who may, and what they see."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.core.recurrence import Rule, Rules
from roundsman_collector.store import Outbox, Store, View
from tests.collector.api import statistics_desk, world

RULES = Rules(
    rules=(
        Rule(level="month", of="device", same="fault", faults=1),
        Rule(level="year", of="model", same="class", faults=1),
    )
)
WARNINGS = "/api/v1/statistics/recurrence"


@pytest.fixture(autouse=True)
def warned(store: Store, view: View) -> None:
    """The month of kiosk-7 and nvr-2, and the year of their models: 1 to 4."""
    statistics_desk.settle(store)
    with Outbox.open(view._place) as outbox:
        assert outbox.warn(RULES, world.NOW) == 4


def got(api: TestClient, path: str = "") -> Any:
    answer = api.get(f"{WARNINGS}{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_warnings_are_listed_with_what_recurs_on_what(api: TestClient) -> None:
    found = got(api)["warnings"]

    assert {(one["level"], one["about"], one["key_zh"], one["what_zh"], one["period"]) for one in found} == {
        ("month", "device", "自助终端 7", "打印机缺纸", "2024-10"),
        ("month", "device", "录像机 2", "设备离线", "2024-10"),
        ("year", "model", "型号 DR-58", "打印", "2024"),
        ("year", "model", "型号 DS-7616", "通信", "2024"),
    }
    assert {one["found"] for one in found} == {None}


def test_lists_are_narrowed_and_come_page_by_page(api: TestClient) -> None:
    first = got(api, "?limit=3")
    second = got(api, f"?limit=3&before={first['next_before']}")

    assert sorted(one["id"] for one in first["warnings"] + second["warnings"]) == [1, 2, 3, 4]
    assert second["next_before"] is None
    assert {one["level"] for one in got(api, "?level=month")["warnings"]} == {"month"}
    assert len(got(api, "?about=model&cause=~none")["warnings"]) == 2
    assert got(api, "?period=2023")["warnings"] == []


def test_a_root_leads_to_whom_it_concerns(api: TestClient) -> None:
    (one,) = [one for one in got(api)["warnings"] if one["key"] == "kiosk-7"]
    path = f"/{one['id']}"

    answer = api.post(f"{WARNINGS}{path}/analysis", json={"cause": "manners", "text": "rude on the phone"})

    assert answer.status_code == 200, answer.text
    told = got(api, path)
    assert (told["tickets"], len(told["words"])) == (["2024-000001"], 1)
    assert (told["found"]["cause"], told["found"]["concerns_zh"], told["found"]["who"]) == (
        "manners",
        "服务部：行为礼节培训",
        "token:first",
    )
    assert [one["id"] for one in got(api, "?cause=manners")["warnings"]] == [told["id"]]


def test_a_root_that_says_nothing_is_refused(api: TestClient) -> None:
    for said in ({"cause": "moon", "text": "x"}, {"cause": "use", "text": " "}, {"cause": "use"}):
        assert api.post(f"{WARNINGS}/1/analysis", json=said).status_code == 422
    assert api.post(f"{WARNINGS}/99/analysis", json={"cause": "use", "text": "x"}).status_code == 404
    assert api.get(f"{WARNINGS}/99").status_code == 404


def test_a_customer_sees_none_and_an_engineer_those_of_their_group(view: View) -> None:
    desk = world.desk(view)
    viewer, engineer = world.signed_in(desk, "viewer"), world.signed_in(desk, "engineer")

    assert viewer.get(WARNINGS).status_code == 403
    found = got(engineer)["warnings"]
    assert {one["about"] for one in found} == {"device"}
    model = next(one["id"] for one in got(world.signed_in(desk, "dispatcher"))["warnings"] if one["about"] == "model")
    assert engineer.get(f"{WARNINGS}/{model}").status_code == 404
