"""What gets worse over HTTP and as pages: dates that everybody is told alike, and only of what they reach."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roundsman_collector.config import built_in, trends
from roundsman_collector.core.local_days import DAY_MS, date_of, day_at
from roundsman_collector.core.rulebook import resolved
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.rules.catalogue import rule_set_from
from roundsman_collector.rules.kept import Kept, body_of
from roundsman_collector.store import Batch, Deed, Office, Store, TicketOpen, View
from roundsman_collector.store.foretelling import foretold, row_of
from roundsman_collector.store.reading_days import DayRow, DaysTold
from tests.collector.api import world
from tests.collector.api.world import NOW
from tests.collector.store.cast import TODAY, staffed

API = "/api/v1/forecasts"
DEED = Deed(who="root", at_ms=TODAY)
TODAYS = day_at(NOW, "Asia/Shanghai")
DISK = "disk[/].used_percent"
FAULTS = rule_set_from(built_in("faults.yaml"), source="faults.yaml")


def rising(device: str, reading: str, days: int, first: float, per_day: float) -> list[DayRow]:
    """A value a day, up to yesterday."""
    found = []
    for n in range(days):
        day, value = TODAYS - days + n, first + per_day * n
        found.append(DayRow(device, day, reading, value, value, value, day * DAY_MS, 10))
    return found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """kiosk-7's disk will be full in 70 days, the battery of ups-2 weak in 10; nvr-2 has nothing but a young disk."""
    with staffed(tmp_path / "roundsman.sqlite3") as opened:
        opened.put_rules("h1", body_of(Kept(base=FAULTS)), TODAY)
        rows = [
            *rising("kiosk-7", DISK, 40, 45.0, 0.5),
            *rising("ups-2", "ups.runtime_min", 40, 35.0, -0.5),
            *rising("nvr-2", "disk[1].reallocated", 5, 0.0, 1.0),
        ]
        opened.commit(Batch(now_ms=NOW, reading_days=DaysTold(rows, 1, {})))
        looked(opened, NOW)
        yield opened


def looked(store: Store, now_ms: int) -> None:
    """What the engine does once a day."""
    devices, series = store.trends_after("", 100, TODAYS - 100, TODAYS + 1)
    policy = resolved(FAULTS)
    rows = [row_of(one, now_ms) for one in foretold(series, trends(), lambda _: policy, {}, now_ms) if not one.said.why]
    store.tell_forecasts(devices, rows, now_ms, 0)


@pytest.fixture
def view(store: Store, tmp_path: Path) -> Iterator[View]:
    with View.open(tmp_path / "roundsman.sqlite3") as opened:
        yield opened


@pytest.fixture
def office(view: View) -> Iterator[Office]:
    with Office.open(view._place.path or "") as opened:
        for customer, devices in (("metro", ["kiosk-7", "nvr-2"]), ("bank", ["ups-2"])):
            opened.put_entry("customer", customer, {"name_zh": customer, "name_en": customer.title()}, deed=DEED)
            site = {"customer": customer, "group_id": "south", "name_zh": "站", "name_en": "Station"}
            opened.put_entry("site", f"{customer}-1", site, deed=DEED)
            place = {"site": f"{customer}-1", "name_zh": "厅", "name_en": "Hall"}
            opened.put_entry("place", f"{customer}-1-a", place, deed=DEED)
            for device in devices:
                opened.put_entry("installation", device, {"place": f"{customer}-1-a"}, deed=DEED)
        yield opened


def get(office: Office, view: View, path: str, scope: Scope = EVERYTHING) -> Any:
    key = f"key-{sorted(scope.customers)}"
    office.add_token(key, name=key, role="viewer", scope=scope, deed=DEED)
    answer = world.browser(world.desk(view), Authorization=f"Bearer {key}").get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_soonest_comes_first_and_says_what_to_take_along(office: Office, view: View) -> None:
    battery, disk = get(office, view, API)["forecasts"]

    assert (battery["device"], battery["watch"], battery["part_zh"], battery["limit"]) == (
        "ups-2",
        "battery_runtime",
        "UPS 电池组",
        10.0,
    )
    assert battery["likely"] == date_of(TODAYS + 10).isoformat()
    assert (disk["device"], disk["site"], disk["part_zh"]) == ("kiosk-7", "metro-1", "")
    assert disk["likely"] == date_of(TODAYS + 60).isoformat()
    assert disk["sentence_zh"].startswith("照目前的速度，磁盘 / 使用率约在 ")


@pytest.mark.parametrize(
    ("query", "devices"),
    [
        ("?of=site:metro-1", ["kiosk-7"]),
        ("?of=customer:bank", ["ups-2"]),
        ("?kind=ups", ["ups-2"]),
        ("?watch=disk_full", ["kiosk-7"]),
        ("?within=30", ["ups-2"]),
        ("?limit=1", ["ups-2"]),
        (f"?at={NOW - 1}", []),
    ],
)
def test_the_list_is_narrowed(office: Office, view: View, query: str, devices: list[str]) -> None:
    assert [one["device"] for one in get(office, view, API + query)["forecasts"]] == devices


def test_customers_see_their_own_only(office: Office, view: View) -> None:
    metro = Scope(customers=frozenset({"metro"}))

    assert [one["device"] for one in get(office, view, API, metro)["forecasts"]] == ["kiosk-7"]
    assert get(office, view, f"{API}/parts", metro)["parts"] == []
    key = world.browser(world.desk(view), Authorization=f"Bearer key-{sorted(metro.customers)}")
    assert key.get("/api/v1/devices/ups-2/trends").status_code == 404


# Shows S0-51.
def test_the_list_for_a_visit_names_each_part_once(office: Office, view: View) -> None:
    (needed,) = get(office, view, f"{API}/parts?of=site:bank-1")["parts"]

    assert (needed["part_zh"], needed["count"], [one["device"] for one in needed["for"]]) == (
        "UPS 电池组",
        1,
        ["ups-2"],
    )
    assert get(office, view, f"{API}/parts?within=5")["parts"] == []


def test_a_device_says_of_each_reading_why_there_is_no_date(office: Office, view: View) -> None:
    (sectors,) = get(office, view, "/api/v1/devices/nvr-2/trends")["trends"]
    (disk,) = get(office, view, "/api/v1/devices/kiosk-7/trends?days=20")["trends"]

    assert (sectors["why"], sectors["likely"], len(sectors["days"])) == ("too_few", None, 5)
    assert (disk["why"], disk["limit"], len(disk["days"])) == ("", 95.0, 20)
    assert disk["likely"] == get(office, view, API)["forecasts"][1]["likely"]


def test_what_was_told_then_is_told_again(office: Office, view: View, store: Store) -> None:
    rows = rising("kiosk-7", DISK, 40, 45.0, 0.5)
    store.commit(Batch(now_ms=NOW, reading_days=DaysTold([row._replace(greatest=20.0) for row in rows[-1:]], 1, {})))
    later = NOW + DAY_MS
    store.commit(
        Batch(now_ms=later, reading_days=DaysTold([rows[-1]._replace(day=TODAYS, greatest=80.0, last_ms=later)], 1, {}))
    )
    looked(store, later)

    assert get(office, view, f"{API}?at={NOW}&watch=disk_full")["forecasts"][0]["made_ms"] == NOW


def test_a_ticket_that_is_about_it_already_is_named(office: Office, view: View, store: Store) -> None:
    store.commit(
        Batch(
            now_ms=NOW,
            tickets=[
                TicketOpen(
                    subject="ups-2",
                    agent_no=2,
                    component="ups",
                    code="ups.battery_replace",
                    severity="minor",
                    service_class="replacement",
                    fault_from_ms=NOW,
                    opened_ms=NOW,
                    year=2024,
                )
            ],
        )
    )

    battery, disk = get(office, view, API)["forecasts"]

    assert (battery["tickets"], disk["tickets"]) == (["2024-000001"], [])


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/forecasts", ["UPS runtime gets shorter", "disk fills up", "UPS batteries", "/tickets/new?subject=ups-2"]),
        ("/forecasts?watch=clock", ["Nothing gets worse"]),
        ("/forecasts/parts", ["UPS batteries", "bank-1"]),
        ("/forecasts/parts?of=site:metro-1", ["Nothing to take along"]),
        ("/devices/kiosk-7", ["disk fills up", "At this rate", '<svg class="trend"']),
        ("/devices/nvr-2", ["disk loses sectors", "too few days"]),
        ("/tickets/new?subject=ups-2&code=ups.runtime_short&text=At%20this%20rate", [">At this rate</textarea>"]),
    ],
)
def test_the_pages_say_it(office: Office, view: View, path: str, words: list[str]) -> None:
    office.add_person("li", name="li", role="dispatcher", scope=EVERYTHING, language="en", deed=DEED)

    answer = world.signed_in(world.desk(view), "li", **{"Accept-Language": "en"}).get(path)

    assert answer.status_code == 200
    assert [one for one in words if one not in answer.text] == []


def test_a_watch_that_there_is_not_is_refused(office: Office, view: View) -> None:
    key = "key-odd"
    office.add_token(key, name=key, role="viewer", scope=EVERYTHING, deed=DEED)

    answer = world.browser(world.desk(view), Authorization=f"Bearer {key}").get(f"{API}?watch=discs")

    assert answer.status_code == 422
    assert "disk_full" in answer.json()["expected"]
