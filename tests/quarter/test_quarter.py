"""A quarter of 200 devices under six contracts: what is promised is done, what was down is told."""

import sqlite3
from datetime import date, timedelta

from starlette.testclient import TestClient

from tests.quarter import town
from tests.quarter.conftest import Lived
from tests.quarter.duties import FORGOTTEN, UNANSWERED
from tests.quarter.quarter import FIRST, LAST, Broken

DOWN = ("app[checkout].state", "printer.paper", "printer.error", "modem.network")
"""Readings whose fault takes away what a device is there for."""
QUARTER = {"from": FIRST, "to": LAST}


def test_every_device_was_down_for_as_long_as_something_was_wrong_with_it(lived: Lived, api: TestClient) -> None:
    answer = api.get("/api/v1/availability", params={**QUARTER, "by": "device", "limit": 1000}).json()

    told = {row["key"]: row["down_ms"] for row in answer["rows"]}
    assert len(told) == 200
    assert {device: ms for device, ms in told.items() if ms} == {
        device: ms for device, broken in lived.broken.items() if (ms := _down_ms(broken))
    }


# Shows S0-3, S1-10, S4-17, S4-25, S4-26, S4-34.
def test_all_that_recurs_is_done_in_time_but_for_what_was_forgotten_and_what_nobody_agreed_to(lived: Lived) -> None:
    with sqlite3.connect(lived.path) as database:
        due = "due_ms <= ? AND NOT is_expected"
        found = database.execute(f"SELECT kind, site, period, state, mark FROM task WHERE {due}", (LAST,)).fetchall()
        late = database.execute("SELECT DISTINCT task_id FROM task_event WHERE verb = 'breach'").fetchall()
        tickets = database.execute(
            "SELECT subject FROM ticket WHERE code = 'task_late' AND state = 'open' ORDER BY subject"
        ).fetchall()

    assert len(found) > 50 and {kind for kind, *_ in found} >= {
        kind for client in town.CLIENTS for kind in client.plans
    }
    overdue = [(kind, site, period) for kind, site, period, _, mark in found if mark]
    assert sorted(overdue) == sorted([FORGOTTEN, UNANSWERED])
    assert len(late) == 2, "no other was ever late"
    assert tickets == [("#metro-6",), ("#school-1",)]


# Shows S0-51.
def test_the_disk_that_fills_is_foretold_for_the_day_on_which_it_will_be_full(lived: Lived) -> None:
    with sqlite3.connect(lived.path) as database:
        days = {row for (row,) in database.execute(FORETOLD, (LAST,))}
        others = database.execute("SELECT count(*) FROM forecast WHERE device <> 'bank-2-kiosk-01'").fetchone()[0]

    full = date(2026, 10, 1) + timedelta(days=(95 - 61) / 0.25)
    assert {abs((date(1970, 1, 1) + timedelta(days=day) - full).days) <= 1 for day in days} == {True}
    assert others == 0, "nothing else gets worse"


FORETOLD = "SELECT likely_day FROM forecast WHERE device = 'bank-2-kiosk-01' AND from_ms < ?"


def _down_ms(broken: list[Broken]) -> int:
    """For how long something took a device down, by what was let happen."""
    total, until_ms = 0, 0
    for one in sorted(one for one in broken if set(one.readings) & set(DOWN)):
        total += max(0, one.to_ms - max(one.from_ms, until_ms))
        until_ms = max(until_ms, one.to_ms)
    return total
