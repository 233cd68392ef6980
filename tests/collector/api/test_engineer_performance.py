"""The performance of engineers: every number is the API's for the same window, and nobody reads another's."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from roundsman_collector.store import Batch, Store, View
from tests.collector.api import kept_desk, report_desk, world
from tests.collector.api.kept_desk import step
from tests.collector.api.report_desk import got, known, preview, share, values, window
from tests.collector.api.world import NOW

KIND = "engineer_performance"
POWER = {
    "Service time": "service_ms",
    "Up": "up_ms",
    "Faults": "fault_ms",
    "Network": "network_ms",
    "Unknown": "unknown_ms",
    "Maintenance": "maintenance_ms",
    "Paused": "paused_ms",
}
FIGURES = {"second_repairs", "remote", "spares", "repeat_calls", "follow_ups", "appointments", "satisfaction"}


@pytest.fixture(autouse=True)
def worked(store: Store, view: View) -> None:
    """Metro's devices are the engineer's; ticket 1 was mended by them, judged, and is not followed up."""
    report_desk.settle(world.desk(view).office, engineer="engineer")
    kept_desk.settle(store)
    store.commit(
        Batch(
            now_ms=NOW,
            tickets=[
                step(1, 13.6, "confirm", name="王", rating=4),
                step(1, 13.7, "reopen"),
                step(1, 13.8, "dispatch", engineer="engineer", arrival_ms=world.at(14)),
                step(1, 14.5, "arrive"),
                step(1, 14.6, "fix"),
                step(1, 14.65, "verify", name="x"),
                step(1, 14.7, "follow_up", satisfied=True, rating=5),
            ],
        )
    )


def told(name: str, figures: list[dict[str, Any]]) -> dict[str, Any]:
    return next(one for one in figures if one["figure"] == name)


def compared(found: dict[str, Any], row: str, kept: dict[str, Any]) -> set[str]:
    """Compares every figure of a row with the API's; which there were."""
    seen = set()
    for part in ("Repairs", "Calls", "Two promises"):
        said = values(found, part)
        for one in kept["figures"]:
            if (row, one["name_en"]) in said:
                name = one["name_en"]
                assert said[row, f"{name}: count"] == {"count": [one["count"], None]}
                assert said[row, f"{name}: of"] == {"count": [one["of"], None]}
                percent = share(said[row, name])
                assert (percent is None) == (one["share_percent"] is None)
                seen.add(one["figure"])
    left = values(found, "Nothing left out")
    for name in ("unsolved", "unfollowed"):
        one = told(name, kept["figures"])
        assert left[row, one["name_en"]] == {"count": [one["count"], None]}
    assert left[row, "Reports, each a ticket"] == {"count": [kept["tickets"], None]}
    return seen


# Shows S4-1.
@pytest.mark.parametrize("scope", ["company:", "engineer:engineer"])
def test_the_power_on_rate_is_that_of_the_availability_by_engineer(api: TestClient, scope: str) -> None:
    found = preview(api, KIND, scope)
    of = "&of=engineer:engineer" if "engineer:" in scope else ""
    answer = got(api, f"/api/v1/availability?{known(found)}&by=engineer{of}")

    said = values(found, "Power-on rate by engineer")
    rows = [("all", answer["total"]), *((one["name_en"] or "(nobody)", one) for one in answer["rows"])]
    for name, row in rows:
        for column, field in POWER.items():
            assert said[name, column] == {"span": [row["power_on"][field]]}, (name, column)
        assert share(said[name, "Power-on rate"]) == row["power_on"]["rate"]
        assert share(said[name, "Availability"]) == row["availability"]
        assert said[name, "Devices"] == {"count": [row["devices"], None]}
    assert ("Engineer", "Devices") in said


# Shows S0-37, S0-53, S4-5, S4-6.
def test_figures_of_tickets_are_those_of_promises_kept_by_engineer(api: TestClient) -> None:
    found = preview(api, KIND, "company:")
    kept = got(api, f"/api/v1/kept?{window(found)}&by=engineer")

    assert compared(found, "all", kept["total"]) == FIGURES
    for row in kept["rows"]:
        assert compared(found, row["name_en"] or "(nobody)", row) == FIGURES
    mine = next(row for row in kept["rows"] if row["key"] == "engineer")
    assert told("second_repairs", mine["figures"])["count"] == 1
    assert told("satisfaction", mine["figures"])["share_percent"] == "100.0000"


# Shows S4-5, S4-6.
def test_arrivals_and_marks_are_those_that_the_api_tells(api: TestClient) -> None:
    found = preview(api, KIND, "engineer:engineer")
    (clock,) = got(api, f"/api/v1/kept?{window(found)}&engineer=engineer")["total"]["clocks"]
    judged = got(api, f"/api/v1/kept/judgements?{window(found)}&engineer=engineer")

    arrivals = values(found, "Arrivals in time")
    stands = {one["stands"]: one["tickets"] for one in clock["stands"]}
    for column, name in (("In time", "met"), ("Late", "missed"), ("Late, not there yet", "breached")):
        assert arrivals["all", column] == {"count": [stands[name], None]}
    promises = values(found, "Two promises")
    assert promises["all", "Marks given"] == {"count": [judged["rated"], None]} == {"count": [1, None]}
    assert promises["all", "Mean mark (1-5)"]["number"][0] == float(judged["mean_rating"])
    assert values(found, "What customers said")["2024-000001", "Mark"] == {"count": [5, None]}


def test_the_tickets_behind_a_figure_of_an_engineer_are_named(api: TestClient) -> None:
    found = preview(api, KIND, "engineer:engineer")

    assert values(found, "Second repairs: tickets")["2024-000001", "Fault"]["en"] == "printer out of paper"
    assert values(found, "Devices, the worst first")["Kiosk 7", "Id"] == "kiosk-7"
    assert {one["part_en"] for one in preview(api, KIND, "company:")["lines"]}.isdisjoint({"What customers said"})


def test_engineers_read_their_own_and_customers_none(view: View) -> None:
    desk = world.desk(view)
    address = f"{report_desk.PREVIEW}?kind={KIND}&period=2024-10&scope="

    def status(login: str, scope: str) -> int:
        return world.signed_in(desk, login).get(address + scope).status_code

    assert status("engineer", "engineer:engineer") == 200
    assert (status("engineer", "company:"), status("engineer", "engineer:admin")) == (404, 404)
    assert (status("viewer", "engineer:engineer"), status("viewer", "company:")) == (404, 404)
    assert status("dispatcher", "company:") == 200
