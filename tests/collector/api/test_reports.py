"""Reports: their kinds, what they would say now, whose they are."""

from fractions import Fraction
from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.store import Store, View
from tests.collector.api import kept_desk, world
from tests.collector.api.world import NOW, at

MONTH = "2024-10"
SLA = f"/api/v1/reports/preview?kind=sla&scope=contract:metro-c&period={MONTH}"


@pytest.fixture(autouse=True)
def under_contract(store: Store, view: View) -> None:
    """Metro's site, under a contract that promises 99.5 %, with the tickets of kept_desk.py."""
    world.contracted(world.desk(view).office)
    kept_desk.settle(store)


def got(api: TestClient, path: str) -> Any:
    answer = api.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def values(found: dict[str, Any], part: str) -> dict[tuple[Any, str], Any]:
    """What a part says, by row and column, in English."""
    return {
        (one["row"]["en"] if isinstance(one["row"], dict) else one["row"], one["column_en"]): one["value"]
        for one in found["lines"]
        if one["part_en"] == part
    }


def share(value: dict[str, Any]) -> str | None:
    part, whole, _ = value["share"]
    return None if part is None else str(Fraction(part) / Fraction(whole))


def window(found: dict[str, Any]) -> str:
    return f"from={found['from_ms']}&to={found['to_ms']}"


def test_every_kind_says_what_it_can_be_about(api: TestClient) -> None:
    found = {one["kind"]: one for one in got(api, "/api/v1/reports/kinds")["kinds"]}

    assert found["sla"]["scopes"] == ["contract"]
    assert all(one["title_zh"] and one["title_en"] and one["periods"] for one in found.values())


# Shows S1-9.
def test_an_sla_report_tells_promises_as_the_api_does(api: TestClient) -> None:
    found = got(api, SLA)
    kept = got(api, f"/api/v1/kept?{window(found)}&contract=metro-c")

    clocks, figures = values(found, "By clock"), values(found, "Figures of service")
    for one in kept["total"]["clocks"]:
        name = one["name_en"]
        assert clocks[name, "Tickets"] == {"count": [one["tickets"], None]}
        assert clocks[name, "Mean time"] == (None if one["mean_ms"] is None else {"span": [one["mean_ms"]]})
        for stands in one["stands"]:
            assert clocks[name, stands["name_en"]] == {"count": [stands["tickets"], None]}
    for one in kept["total"]["figures"]:
        assert figures[one["name_en"], "Count"] == {"count": [one["count"], None]}
        assert figures[one["name_en"], "Of"] == {"count": [one["of"], None]}
    assert figures["tickets", "Count"] == {"count": [kept["total"]["tickets"], None]}
    assert [one["clock"] for one in kept["total"]["clocks"]] == ["arrive"]


# Shows S1-9.
def test_an_sla_report_tells_availability_as_the_api_does(api: TestClient) -> None:
    found = got(api, SLA)
    told = got(api, f"/api/v1/availability?{window(found)}&known={NOW}&by=site&of=contract:metro-c")

    total, facts = told["total"], values(found, "Availability")
    assert facts[None, "Devices"] == {"count": [total["devices"], None]} == {"count": [2, None]}
    assert share(facts[None, "Availability"]) == total["availability"]
    assert share(facts[None, "Coverage"]) == total["coverage"]
    assert share(facts[None, "As the contract counts"]) == total["contract"]["availability"]
    assert facts[None, "Down"] == {"span": [total["down_ms"]]}
    assert facts[None, "Promised"] == f"{told['target_percent']} %" == "99.5 %"
    assert facts[None, "Kept"]["en"] == "missed"
    (row,) = told["rows"]
    sites = values(found, "By site")
    assert share(sites["Metro station", "Availability"]) == row["availability"]
    assert sites["Metro station", "Outages"] == {"count": [row["outages"], None]}


def test_what_was_late_is_told_ticket_by_ticket(store: Store, api: TestClient) -> None:
    store.commit(kept_desk.late(1))
    late = values(got(api, SLA), "What was late")

    assert late["2024-000001", "Clock"]["en"] == "arrival"
    assert late["2024-000001", "Stands"]["en"] == "late"
    assert (late["2024-000001", "Due"], late["2024-000001", "Ended"]) == ({"at": [at(14)]}, {"at": [at(15)]})
    assert late["2024-000001", "Fault"]["en"] == "printer out of paper"


def test_a_customer_reads_its_own_and_never_hears_of_another(view: View) -> None:
    desk = world.desk(view)
    metro, nobody = world.signed_in(desk, "viewer"), world.signed_in(desk, "nobody")

    assert metro.get(SLA).status_code == 200
    strange = [
        metro.get(SLA.replace("metro-c", "hush-c")),
        metro.get(SLA.replace("metro-c", "nowhere")),
        nobody.get(SLA),
    ]
    assert [answer.status_code for answer in strange] == [404, 404, 404]
    said = [answer.json()["detail"] for answer in strange]
    assert said == [f"there is no contract {name!r}" for name in ("hush-c", "nowhere", "metro-c")]


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("kind=sla&scope=contract:metro-c&period=2025-01", 409, "this one begins on 2025-01-01"),
        ("kind=sla&scope=contract:metro-c&period=2024-13", 422, "a week, month, quarter"),
        ("kind=sla&scope=contract:metro-c&period=2024-W40", 422, "month or quarter"),
        ("kind=sla&scope=site:metro-a&period=2024-10", 422, "contract"),
        ("kind=sla&scope=planet:mars&period=2024-10", 422, "site, contract"),
        ("kind=fairy&scope=contract:metro-c&period=2024-10", 422, "sla"),
    ],
)
def test_what_cannot_be_reported_is_refused_with_what_can(api: TestClient, query: str, status: int, said: str) -> None:
    answer = api.get(f"/api/v1/reports/preview?{query}")

    assert (answer.status_code, said in answer.json()["expected"]) == (status, True), answer.text
