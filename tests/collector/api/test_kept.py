"""How promises were kept: figures, groups, the tickets behind a number, scopes."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.store import Store, View
from tests.collector.api import kept_desk, world
from tests.collector.api.world import at

DAY = f"from={at(0)}&to={at(24)}"
PER_VISIT = ("appointments", "spares")
"""Counts of visits, of which a ticket may have several."""


@pytest.fixture(autouse=True)
def promised(store: Store) -> None:
    kept_desk.settle(store)


def got(api: TestClient, path: str) -> Any:
    answer = api.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def numbers(api: TestClient, path: str) -> list[str]:
    return [one["number"] for one in got(api, path)["tickets"]]


def test_the_figures_of_a_day_are_told_with_the_two_numbers_they_are_made_of(api: TestClient) -> None:
    found = got(api, f"/api/v1/kept?{DAY}")

    assert [(one["figure"], one["count"], one["of"], one["share_percent"]) for one in found["total"]["figures"]] == [
        ("unsolved", 1, 2, None),
        ("unfollowed", 1, 2, None),
        ("repeat_calls", 1, 2, "50.0000"),
        ("second_repairs", 0, 1, "0.0000"),
        ("remote", 0, 1, "0.0000"),
        ("appointments", 1, 1, "100.0000"),
        ("spares", 0, 0, None),
        ("follow_ups", 0, 1, "0.0000"),
        ("satisfaction", 0, 0, None),
    ]
    assert [
        (one["clock"], one["tickets"], one["share_met_percent"], one["mean_ms"]) for one in found["total"]["clocks"]
    ] == [("arrive", 1, "100.0000", world.HOUR), ("total", 1, "0.0000", None)]
    assert (found["rows"], found["by"]) == ([], "clock")


def test_what_is_voided_is_in_no_figure_and_its_breach_stays_recorded(api: TestClient) -> None:
    (left_out,) = got(api, f"/api/v1/kept?{DAY}")["left_out"]

    assert (left_out["state"], left_out["tickets"], left_out["recorded_breaches"]) == ("void", 1, 1)
    assert numbers(api, left_out["link"]) == ["2024-000003"]


@pytest.mark.parametrize(
    ("by", "keys"),
    [("contract", [None, "metro-c"]), ("engineer", [None, "engineer"]), ("zone", ["remote", "urban"])],
)
def test_groups_stand_with_the_worst_first_and_add_up(api: TestClient, by: str, keys: list[str | None]) -> None:
    found = got(api, f"/api/v1/kept?{DAY}&by={by}")

    assert [one["key"] for one in found["rows"]] == keys
    assert sum(one["tickets"] for one in found["rows"]) == found["total"]["tickets"] == 2
    assert (found["found"], found["is_cut"]) == (2, False)


def test_rows_beyond_the_limit_are_in_the_total_and_said_to_be_there(api: TestClient) -> None:
    found = got(api, f"/api/v1/kept?{DAY}&by=zone&limit=1")

    assert (len(found["rows"]), found["found"], found["is_cut"], found["total"]["tickets"]) == (1, 2, True, 2)


def test_every_number_leads_to_as_many_tickets(api: TestClient) -> None:
    found = got(api, f"/api/v1/kept?{DAY}&by=contract")
    leads = []
    for row in (found["total"], *found["rows"]):
        said = [*row["counts"], *(one for clock in row["clocks"] for one in clock["stands"])]
        leads += [(one["link"], one["tickets"]) for one in said if not one.get("count", "").startswith(PER_VISIT)]

    assert len(leads) == 3 * 11 + 4 * 7
    assert [link for link, tickets in leads if len(numbers(api, link)) != tickets] == []


def test_a_filter_narrows_the_figures(api: TestClient) -> None:
    assert got(api, f"/api/v1/kept?{DAY}&engineer=engineer")["total"]["tickets"] == 1
    assert got(api, f"/api/v1/kept?{DAY}&contract=~none")["total"]["tickets"] == 1
    assert got(api, f"/api/v1/kept?{DAY}&contract=metro-c&zone=remote")["total"]["tickets"] == 0


def test_a_scope_counts_what_it_reaches(api: TestClient, view: View) -> None:
    desk = world.desk(view)
    world.places(desk.office)
    metro, nobody = world.signed_in(desk, "viewer"), world.signed_in(desk, "nobody")

    assert got(metro, f"/api/v1/kept?{DAY}")["total"]["tickets"] == 2
    assert got(metro, f"/api/v1/kept?{DAY}")["left_out"] == []
    assert numbers(metro, f"/api/v1/kept/tickets?{DAY}&left_out=void") == []
    assert got(nobody, f"/api/v1/kept?{DAY}")["total"]["tickets"] == 0


def test_a_number_is_named_once(api: TestClient) -> None:
    for query in ("", "&clock=repair", "&stands=met", "&clock=x&stands=met", "&count=tickets&left_out=void"):
        answer = api.get(f"/api/v1/kept/tickets?{DAY}{query}")

        assert answer.status_code == 422, query
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_window_that_holds_no_time_is_refused(api: TestClient) -> None:
    assert api.get(f"/api/v1/kept?from={at(2)}&to={at(1)}").status_code == 422
