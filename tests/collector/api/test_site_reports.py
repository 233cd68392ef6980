"""Reports about a site: every number is the API's for the same site, customer and window, and no other customer's."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest

from roundsman_collector.api.desk import Desk
from roundsman_collector.store import Store
from tests.collector.api.month import MONTH, NOW, got, inspected, month, program

SITES = ("metro-a", "bank-a")
OF = {"metro-a": "metro", "bank-a": "bank"}


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Desk]]:
    """The month, with a round of the metro's site on day 15 that nobody answered."""
    with month(tmp_path_factory.mktemp("month")) as (store, desk):
        inspected(store, desk.office, "metro-a", 15)
        (held,) = desk.view.rounds()
        got(program(desk), f"/rounds/{held.number}")  # whoever looks at it first freezes it
        yield store, desk


def report(desk: Desk, kind: str, site: str, period: str = MONTH) -> dict[str, Any]:
    found: dict[str, Any] = got(program(desk), f"/reports/preview?kind={kind}&scope=site:{site}&period={period}")
    return found


def values(found: dict[str, Any], part: str) -> dict[tuple[Any, str], Any]:
    """What a part says, by row and column, in English; of rows with the same name the first."""
    said: dict[tuple[Any, str], Any] = {}
    for one in found["lines"]:
        if one["part_en"] == part:
            said.setdefault((name(one["row"]), one["column_en"]), one["value"])
    return said


def name(row: Any) -> Any:
    """What a row is called: a label in English, a verdict, a text."""
    if isinstance(row, dict):
        return row["en"] if "en" in row else next(iter(row.values()))[0]
    return row


def share(value: dict[str, Any]) -> str | None:
    part, whole, _ = value["share"]
    return None if part is None else str(Fraction(part) / Fraction(whole))


def count(value: dict[str, Any]) -> int:
    return int(value["count"][0])


def of(found: dict[str, Any], site: str) -> str:
    """The window of a report, for one site and its customer."""
    return f"from={found['from_ms']}&to={found['to_ms']}&known={NOW}&of=site:{site}&of=customer:{OF[site]}"


@pytest.mark.parametrize("site", SITES)
def test_the_whole_is_what_availability_says_of_the_same_window(lived: tuple[Store, Desk], site: str) -> None:
    found = report(lived[1], "site_inspection", site)
    told = got(program(lived[1]), f"/availability?{of(found, site)}")["total"]

    said = {column: value for (_, column), value in values(found, "Overview").items()}
    assert share(said["Availability"]) == told["availability"]
    assert share(said["Coverage"]) == told["coverage"]
    assert share(said["Power-on rate"]) == told["power_on"]["rate"]
    assert share(said["Under the contract"]) == told["contract"]["availability"]
    assert count(said["Outages"]) == told["outages"]
    assert count(said["Devices"]) == told["devices"]
    for name, column in (
        ("down", "Down"),
        ("unknown", "Unknown"),
        ("excluded", "Excluded"),
        ("longest", "Longest outage"),
    ):
        assert said[column] == {"span": [told[f"{name}_ms"]]}


# Shows S4-33.
@pytest.mark.parametrize("site", SITES)
def test_every_device_is_what_availability_says_of_it(lived: tuple[Store, Desk], site: str) -> None:
    found = report(lived[1], "site_inspection", site)
    told = got(program(lived[1]), f"/availability?by=device&{of(found, site)}")

    devices, strips = values(found, "Devices"), values(found, "Uptime")
    assert {row for row, _ in devices} == {*(row["name_en"] for row in told["rows"]), "Total"}
    for row in told["rows"]:
        device = row["name_en"]
        assert share(devices[device, "Availability"]) == share(strips[device, "Availability"]) == row["availability"]
        assert share(devices[device, "Coverage"]) == row["coverage"]
        assert count(devices[device, "Outages"]) == row["outages"]
        assert devices[device, "Down"] == {"span": [row["down_ms"]]}
        for state in ("up", "down", "unknown"):
            assert strips.get((device, f"Time {state}"), {"span": [0]}) == {"span": [row[f"{state}_ms"]]}
    assert share(devices["Total", "Availability"]) == told["total"]["availability"]


@pytest.mark.parametrize("site", SITES)
def test_tickets_and_promises_are_those_of_kept(lived: tuple[Store, Desk], site: str) -> None:
    api, found = program(lived[1]), report(lived[1], "site_inspection", site)
    window = f"from={found['from_ms']}&to={found['to_ms']}&site={site}&customer={OF[site]}"
    kept = got(api, f"/kept?{window}")
    behind = got(api, f"/kept/tickets?{window}&count=tickets")["tickets"]

    tickets, promises = values(found, "Tickets of the period"), values(found, "By clock")
    assert {row for row, _ in tickets} == {one["number"] for one in behind}
    assert count(values(found, "Overview")[None, "Tickets"]) == kept["total"]["tickets"] == len(behind)
    for one in behind:
        assert tickets[one["number"], "Opened"] == {"at": [one["opened_ms"]]}
    for one in kept["total"]["clocks"]:
        for stands in one["stands"]:
            assert count(promises[one["name_en"], stands["name_en"]]) == stands["tickets"]
        assert count(promises[one["name_en"], "Tickets"]) == one["tickets"]
    assert {row for row, _ in promises} == {one["name_en"] for one in kept["total"]["clocks"]} != set()


def test_each_customer_has_its_own_part_of_a_device_that_moved(lived: tuple[Store, Desk]) -> None:
    metro, bank = (values(report(lived[1], "site_inspection", site), "Devices") for site in SITES)

    down = [said["Kiosk 7", "Down"]["span"][0] / 3_600_000 for said in (metro, bank)]
    assert down == [12, 6], "days 2 and 3 are the metro's, day 12 the bank's"
    assert [count(said["Kiosk 7", "Tickets"]) for said in (metro, bank)] == [1, 1]
    assert not any(row == "UPS 2" for row, _ in metro) and not any(row == "Recorder 2" for row, _ in bank)


def test_what_nobody_knew_at_the_end_of_the_month_is_in_the_report_of_november(lived: tuple[Store, Desk]) -> None:
    api = program(lived[1])
    found = report(lived[1], "site_inspection", "metro-a")
    window = f"from={found['from_ms']}&to={found['to_ms']}&of=device:kiosk-7&of=customer:metro"

    before = got(api, f"/availability?{window}&known={NOW - 20 * 86_400_000}")["total"]
    now = values(found, "Devices")["Kiosk 7", "Down"]
    assert (before["down_ms"], now["span"][0]) == (6 * 3_600_000, 12 * 3_600_000)


# Shows S4-31.
def test_verdicts_are_those_of_the_newest_round_with_their_evidence(lived: tuple[Store, Desk]) -> None:
    api, found = program(lived[1]), report(lived[1], "site_inspection", "metro-a")
    (held,) = got(api, "/rounds?site=metro-a")["rounds"]
    document = got(api, f"/rounds/{held['number']}")["document"]

    verdicts, unseen = values(found, "Verdicts"), values(found, "Not seen, and why")
    here = [one for one in document["devices"] if one["id"] != "kiosk-7"]
    for verdict in ("fail", "attention", "unseen", "pass"):
        assert count(verdicts[verdict, "Devices"]) == sum(one["verdict"] == verdict for one in here)
    assert {row for row, _ in unseen} == {one["name"]["en"] for one in here if one["unreached"]}
    assert unseen["Recorder 2", "Round"] == held["number"]


def test_a_customer_reads_its_own_site_alone(lived: tuple[Store, Desk]) -> None:
    metro = program(lived[1], "token-of-metro")

    answers = [
        metro.get(f"/api/v1/reports/preview?kind=site_inspection&scope=site:{site}&period={MONTH}") for site in SITES
    ]

    assert [answer.status_code for answer in answers] == [200, 404]
    assert "Branch" not in answers[0].text and "UPS 2" not in answers[0].text
