"""Faults and failure rates as the API tells them: groups, the tickets behind them, files, scopes."""

import csv
import io
from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.core.failure_rates import MONTH_MS, poisson_interval
from roundsman_collector.store import Store, View
from tests.collector.api import statistics_desk, world
from tests.collector.api.world import at

DAY = f"from={at(0)}&to={at(24)}"
STATISTICS = "/api/v1/statistics"


@pytest.fixture(autouse=True)
def worked(store: Store) -> None:
    statistics_desk.settle(store)


def got(api: TestClient, path: str) -> Any:
    answer = api.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def brief(rows: list[dict[str, Any]]) -> list[tuple[str, int, str]]:
    return [(one["key"], one["faults"], one["share_percent"]) for one in rows]


def test_faults_are_counted_by_class_with_what_was_done_and_why(api: TestClient) -> None:
    found = got(api, f"{STATISTICS}/faults?{DAY}")

    assert (found["faults"], found["by"], found["found"], found["is_cut"]) == (2, "class", 2, False)
    assert brief(found["rows"]) == [("printer", 1, "50.0000"), ("reach", 1, "50.0000")]
    assert [one["running_percent"] for one in found["rows"]] == ["50.0000", "100.0000"]
    assert brief(found["done"]) == [("", 1, "50.0000"), ("visit", 1, "50.0000")]
    assert found["done"][0]["name_zh"] == "未解决"
    assert [one["name_en"] for one in found["causes"]] == ["not known", "the product"]
    assert brief(found["parts"]) == [("print head", 2, "100.0000")]
    assert [(one["why"], one["tickets"]) for one in found["left_out"]] == [("void", 1)]


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("fault", ["打印机缺纸", "设备离线"]),
        ("component", ["host", "printer"]),
        ("model", ["DR-58", "DS-7616"]),
        ("vendor", ["未知", "示例科技"]),
        ("batch", ["未知", "B1"]),
        ("device", ["自助终端 7", "录像机 2"]),
        ("contract", ["未知"]),
    ],
)
def test_each_grouping_has_its_names(api: TestClient, by: str, names: list[str]) -> None:
    found = got(api, f"{STATISTICS}/faults?{DAY}&by={by}")

    assert sorted(one["name_zh"] for one in found["rows"]) == sorted(names)
    assert sum(one["faults"] for one in found["rows"]) == 2


@pytest.mark.parametrize("by", ["class", "fault", "cause", "done", "model", "vendor", "site", "device"])
def test_every_number_leads_to_as_many_tickets(api: TestClient, by: str) -> None:
    found = got(api, f"{STATISTICS}/faults?{DAY}&by={by}")
    leads = [(one["link"], one["faults"]) for one in found["rows"] + found["done"] + found["causes"]]
    leads += [(one["link"], one["tickets"]) for one in found["left_out"]]

    assert [link for link, count in leads if got(api, link)["found"] != count] == []
    assert got(api, f"{STATISTICS}/faults/tickets?{DAY}")["found"] == 2


def test_the_tickets_behind_a_number_come_page_by_page(api: TestClient) -> None:
    first = got(api, f"{STATISTICS}/faults/tickets?{DAY}&limit=1")
    second = got(api, f"{STATISTICS}/faults/tickets?{DAY}&limit=1&after={first['next_after']}")

    assert [one["number"] for one in first["tickets"] + second["tickets"]] == ["2024-000001", "2024-000002"]
    assert (first["found"], first["next_after"], second["next_after"]) == (2, 1, None)
    assert (first["tickets"][0]["cause"], first["tickets"][0]["vendor"]) == ("product", "示例科技")


def test_windows_are_half_open_and_told_as_known_then(api: TestClient) -> None:
    def faults(query: str) -> int:
        return int(got(api, f"{STATISTICS}/faults?{query}")["faults"])

    assert faults(f"from={at(0)}&to={at(12)}") == 0
    assert faults(f"from={at(12)}&to={at(17.5)}") == 1
    assert faults(f"from={at(17.5)}&to={at(24)}") == 1
    assert faults(f"{DAY}&known={at(12.01)}") == 0  # it was reported two minutes after it began
    assert faults(f"{DAY}&known={at(15.5)}") == 2  # what is void since 16:00 counted then
    assert api.get(f"{STATISTICS}/faults?from={at(2)}&to={at(1)}").status_code == 422


def test_a_question_names_one_number(api: TestClient) -> None:
    answer = api.get(f"{STATISTICS}/faults/tickets?{DAY}&by=class&key=printer&left_out=void")

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


def test_rates_are_told_with_their_interval_and_what_they_say(api: TestClient, view: View) -> None:
    statistics_desk.stand(world.desk(view).office)

    found = got(api, f"{STATISTICS}/failure-rates?{DAY}&by=model")

    months = 18 * world.HOUR / MONTH_MS  # the day is 18 hours old
    low, high = (mean / months for mean in poisson_interval(1))
    assert [(one["key"], one["devices"], one["faults"]) for one in found["rows"]] == [
        ("DR-58", 1, 1),
        ("DS-7616", 1, 1),
        ("", 3, 0),
    ]
    (first, _, _), total = found["rows"], found["total"]
    assert (first["per_device_month"], first["low"], first["high"]) == (
        f"{1 / months:.4f}",
        f"{low:.4f}",
        f"{high:.4f}",
    )
    assert (first["verdict"], first["verdict_zh"]) == ("too_few", "数量太少，无法判断")
    assert (total["devices"], total["faults"], total["per_device_month"]) == (5, 2, f"{2 / (5 * months):.4f}")


def test_a_customer_learns_of_their_own_alone(api: TestClient, view: View) -> None:
    desk = world.desk(view)
    statistics_desk.stand(desk.office)
    metro, nobody = world.signed_in(desk, "viewer"), world.signed_in(desk, "nobody")

    assert got(metro, f"{STATISTICS}/faults?{DAY}")["faults"] == 2
    assert got(metro, f"{STATISTICS}/faults?{DAY}")["left_out"] == []  # the void one is the other customer's
    assert got(metro, f"{STATISTICS}/failure-rates?{DAY}")["total"]["devices"] == 2
    assert got(metro, f"{STATISTICS}/faults?{DAY}&customer=hush")["faults"] == 0
    assert got(nobody, f"{STATISTICS}/faults?{DAY}")["faults"] == 0
    assert got(nobody, f"{STATISTICS}/failure-rates?{DAY}")["total"]["per_device_month"] is None


@pytest.mark.parametrize(
    ("path", "lines"),
    [
        (
            f"faults.csv?{DAY}&by=fault&lang=en",
            [
                ["Key", "Name", "Faults", "Share, %", "Running share, %"],
                ["host.unreachable", "device does not answer", "1", "50.0000", "50.0000"],
                ["printer.paper_end", "printer out of paper", "1", "50.0000", "100.0000"],
            ],
        ),
        (
            f"failure-rates.csv?{DAY}&lang=zh",
            [
                ["名称", "设备数", "台月", "故障数", "每台月故障数", "95% 区间下限", "95% 区间上限", "判断"],
                ["合计", "0", "0.00", "0", "", "", "", "数量太少，无法判断"],
            ],
        ),
    ],
)
def test_tables_can_be_taken_along(api: TestClient, path: str, lines: list[list[str]]) -> None:
    text = api.get(f"{STATISTICS}/{path}").content.decode("utf-8-sig")

    assert list(csv.reader(io.StringIO(text))) == lines


def test_tables_are_workbooks_too(api: TestClient) -> None:
    for name in ("faults", "failure-rates"):
        answer = api.get(f"{STATISTICS}/{name}.xlsx?{DAY}")

        assert (answer.status_code, answer.content[:2]) == (200, b"PK")
    assert api.get(f"{STATISTICS}/faults.pdf?{DAY}").status_code == 404
