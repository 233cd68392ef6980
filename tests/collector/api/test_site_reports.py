"""Reports about a site: every number is the API's for the same site, customer and window, and no other customer's."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest

from roundsman_collector.api.desk import Desk
from roundsman_collector.store import Store
from tests.collector.api.month import MONTH, NOW, at, got, inspected, month, program, ticked

SITES = ("metro-a", "bank-a")
OF = {"metro-a": "metro", "bank-a": "bank", "bank-b": "bank"}
TOTAL = {"zh": "合计", "en": "Total"}
TICKS = (
    ("nvr-2", "cleaned", "pass", ""),
    ("nvr-2", "tightened", "attention", "3 口松动，已紧固"),
    ("nvr-2", "adjusted", "pass", "码率调为 4096"),
    ("bus-31", "aerials", "pass", ""),
)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Desk]]:
    """The month, with two rounds of the metro's site that no agent answered: on day 15, and a visit on day 16."""
    with month(tmp_path_factory.mktemp("month")) as (store, desk):
        inspected(store, desk, "metro-a", 15)
        visit = inspected(store, desk, "metro-a", 16, "visit")
        ticked(desk, visit, 16, *TICKS)
        for held in desk.view.rounds():
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
    strip = values(report(lived[1], "site_inspection", "metro-a"), "Uptime")
    assert strip["Kiosk 7", "Time closed"] == {"span": [21 * 86_400_000]}, "what it did for the bank is not drawn"
    assert not any(row == "UPS 2" for row, _ in metro) and not any(row == "Recorder 2" for row, _ in bank)


def test_a_contract_has_its_part_of_a_device_that_moved(lived: tuple[Store, Desk]) -> None:
    api = program(lived[1])
    found = got(api, f"/reports/preview?kind=sla&scope=contract:metro-c&period={MONTH}")

    whole, sites = values(found, "Availability"), values(found, "By site")
    assert whole[None, "Down"]["span"][0] == 12 * 3_600_000, "day 12 is the bank's"
    assert count(whole[None, "Devices"]) == 3
    assert {row for row, _ in sites} == {"People's Square"}
    assert count(values(found, "Figures of service")["tickets", "Count"]) == 2


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
    held, _ = got(api, "/rounds?site=metro-a")["rounds"]
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


# Shows S4-32.
def test_what_people_ticked_stands_with_who_and_when(lived: tuple[Store, Desk]) -> None:
    found = values(report(lived[1], "site_inspection", "metro-a"), "What people looked at")

    assert found["Recorder 2", "Found"] == {"found": ["pass"]}
    assert {value for (_, column), value in found.items() if column == "By"} == {"li工"}
    assert not any(values(report(lived[1], "site_inspection", "bank-a"), "What people looked at"))


# Shows S0-51.
def test_the_worst_values_are_those_of_the_days_that_the_device_served_here(lived: tuple[Store, Desk]) -> None:
    api = program(lived[1])
    metro, bank = (report(lived[1], "site_inspection", site) for site in SITES)
    told = got(api, "/devices/nvr-2/trends?days=60")["trends"]

    worst = values(metro, "The period's worst values")
    sectors = next(one for one in told if one["reading"] == "disk[1].reallocated")
    assert worst["Recorder 2", "Worst"]["reading"] == [
        "disk[1].reallocated",
        max(one[3] for one in sectors["days"]),
    ]
    assert worst["Kiosk 7", "Worst"] == {"reading": ["disk[/].used_percent", 54.5]}, "day 9: on day 10 it moved"
    assert worst["Kiosk 7", "On"] == {"day": ["2024-10-10"]}
    there = values(bank, "The period's worst values")
    assert there["Kiosk 7", "Worst"] == {"reading": ["disk[/].used_percent", 65.0]}
    assert count(values(metro, "Devices")["Recorder 2", "Days with a restart"]) == 2
    assert values(metro, "Devices")["Bus 31", "Days with a restart"] is None


# Shows S0-51.
def test_what_gets_worse_is_what_was_foretold_at_the_end_of_the_period(lived: tuple[Store, Desk]) -> None:
    found = report(lived[1], "site_inspection", "metro-a")
    told = got(program(lived[1]), f"/forecasts?of=site:metro-a&at={found['to_ms']}&within=1000")["forecasts"]

    said = values(found, "What gets worse, and what to take along")
    (only,) = told
    assert only["device"] == "nvr-2"
    assert said["Recorder 2", "Crosses it about"] == {"day": [only["likely"]]}
    assert said["Recorder 2", "Between"]["phrase"][1] == [{"day": [only["earliest"]]}, {"day": [only["latest"]]}]
    assert said["Recorder 2", "Part"]["en"] == only["part_en"]


# --- the camera system's quarter -------------------------------------------------------------------------------------


def quarter(desk: Desk) -> dict[str, Any]:
    return report(desk, "cctv_quarter", "metro-a", "2024-Q4")


# Shows S0-30.
def test_the_control_room_stands_with_its_worst_day(lived: tuple[Store, Desk]) -> None:
    found = quarter(lived[1])
    told = got(program(lived[1]), f"/availability?by=device&bucket=day&{of(found, 'metro-a')}")

    room = values(found, "State, and the quarter's worst")
    assert {row for row, _ in room} == {row["name_en"] for row in told["rows"]}
    for row in told["rows"]:
        known = [
            (Fraction(day["availability"]), day["bucket"]) for day in row["buckets"] if day["availability"] is not None
        ]
        share_of, day = min(known, key=lambda one: one[0])
        assert room[row["name_en"], "Worst day"]["phrase"][1] == [
            {"day": [day]},
            {"share": [str(share_of), "1", 2]},
        ]
        assert share(room[row["name_en"], "Availability"]) == row["availability"]
        assert room[row["name_en"], "Longest outage"] == {"span": [row["longest_ms"]]}
    assert count(room["Recorder 2", "Faults"]) == 4


# Shows S0-36.
def test_every_point_s_connection_adds_up_to_the_ratio_of_the_api(lived: tuple[Store, Desk]) -> None:
    found = quarter(lived[1])
    told = got(program(lived[1]), f"/ratios?{of(found, 'metro-a')}")["ratios"]

    online = next(one for one in told if one["code"] == "points_online")
    points = [one for one in found["lines"] if one["part_en"] == "Connection of every point"]
    total = {one["column_en"]: one["value"] for one in points if name(one["row"]) == "Total"}
    lost = [one["value"] for one in points if one["column_en"] == "Offline" and one["row"] != TOTAL]
    down = sum(one["span"][0] for one in lost if one)
    assert share(total["Online"]) == online["value"]
    assert total["Offline"] == {"span": [int(online["whole"]) - int(online["part"])]} == {"span": [down]}
    assert total["Unknown"] == {"span": [int(online["unknown"])]} and int(online["unknown"]) > 0
    assert count(total["Times lost"]) == 1
    assert [one["value"]["component"] for one in points if one["column_en"] == "Channel" and one["value"]] == [
        ["channel[1]"],
        ["channel[2]"],
        ["channel[3]"],
    ]


# Shows S0-32.
def test_ports_are_counted_by_what_befell_them(lived: tuple[Store, Desk]) -> None:
    found = quarter(lived[1])
    window = f"from={found['from_ms']}&to={found['to_ms']}&known={NOW}"
    told = got(program(lived[1]), f"/devices/nvr-2/conditions?{window}")["conditions"]

    ports = values(found, "Troubles of ports")
    flaps = [one for one in told if one["code"] == "net.port_flap"]
    assert ports["Recorder 2", "Port"] == {"component": ["port[3]"]}, "the worst first"
    assert count(ports["Recorder 2", "flapped"]) == len(flaps) == 2
    looked = values(found, "Lines looked at")
    assert (looked["Recorder 2", "Found"], looked["Recorder 2", "Words"]) == (
        {"found": ["attention"]},
        "3 口松动，已紧固",
    )


# Shows S0-33.
def test_measures_stand_with_limits_and_what_was_adjusted(lived: tuple[Store, Desk]) -> None:
    found = quarter(lived[1])

    measured, adjusted = values(found, "Measured against limits"), values(found, "Adjusted")
    (warm,) = {row for row, column in values(found, "Temperatures and fans") if column == "Value"}
    assert warm == "Recorder 2"
    assert all(value for (_, column), value in measured.items() if column == "Limit") and measured
    assert adjusted["Recorder 2", "Words"] == "码率调为 4096"


# Shows S0-31.
# Shows S0-34.
def test_each_device_is_cleaned_or_said_not_to_be(lived: tuple[Store, Desk]) -> None:
    found = quarter(lived[1])

    for part in ("Hosts and cabinets, one by one", "Every device, one by one"):
        told = values(found, part)
        assert told["Recorder 2", "Found"] == {"found": ["pass"]}
        assert told["Kiosk 7", "Found"]["en"] == "nobody looked"


# Shows S0-29.
def test_the_plan_stands_with_the_customer_s_word(lived: tuple[Store, Desk]) -> None:
    told = values(quarter(lived[1]), "Planned, and done")

    assert told["Quarterly upkeep", "State"]["en"] == "agreed to by the customer"
    assert told["Quarterly upkeep", "Agreed by the customer"] == "王经理"
    assert told["Quarterly upkeep", "Agreed"] == {"at": [at(4)]}
    assert told["Quarterly upkeep", "Due"] == {"day": ["2024-12-31"]}


def test_versions_are_listed_by_model(lived: tuple[Store, Desk]) -> None:
    told = values(quarter(lived[1]), "Inventory of versions")

    assert told["DS-7616", "Version"] == "V4.62.210 build 230516"
    assert told["DS-7616", "Newest of its model"]["en"] == "yes"


# --- the trial run ---------------------------------------------------------------------------------------------------


# Shows S1-2.
def test_a_trial_run_counts_until_the_day_of_acceptance_and_in_no_figure_of_the_contract(
    lived: tuple[Store, Desk],
) -> None:
    api, found = program(lived[1]), report(lived[1], "acceptance", "bank-b")
    trial = got(api, f"/availability?on_trial=true&{of(found, 'bank-b')}")["total"]
    since = got(api, f"/availability?{of(found, 'bank-b')}")["total"]

    said = {column: value for (_, column), value in values(found, "Overview").items()}
    days = [one["base_ms"] / 86_400_000 for one in (trial, since)]
    assert days == [2 * 20, 2 * 11], "two devices; the 21st and what follows is the contract's"
    assert share(said["Availability"]) == trial["availability"] == str(Fraction(15, 16))
    assert since["availability"] == "1"
    assert said["Down"] == {"span": [trial["down_ms"]]} == {"span": [86_400_000]}


# Shows S3-6.
# Shows S3-7.
def test_running_is_shown_by_data_device_by_device(lived: tuple[Store, Desk]) -> None:
    found = report(lived[1], "acceptance", "bank-b")

    stands, steps = values(found, "Acceptance"), values(found, "Installed, started, running")
    assert stands[None, "Accepted on"] == {"day": ["2024-10-21"]}
    assert stands[None, "Running, shown by data"]["phrase"][1] == [{"count": [1, None]}, {"count": [2, None]}]
    assert steps["Kiosk 8", "First up"] == {"at": [at(4)]}
    assert steps["Kiosk 8", "Running"]["en"] == "shown by data"
    assert (steps["Kiosk 9", "First up"], steps["Kiosk 9", "Running"]["en"]) == (None, "it has never been up")


def test_a_site_that_is_accepted_has_no_trial_run_any_more(lived: tuple[Store, Desk]) -> None:
    found = report(lived[1], "acceptance", "metro-a")

    assert count(values(found, "Overview")[None, "Devices"]) == 0
