"""A quarter of 200 devices under six contracts: what is promised is done, every number is one that the API gives."""

from starlette.testclient import TestClient

from tests.quarter.quarter import FIRST, LAST, Quarter

DOWN = ("app[checkout].state", "printer.paper", "printer.error", "modem.network")
"""Readings whose fault takes away what a device is there for."""
QUARTER = {"from": FIRST, "to": LAST}


def test_every_device_was_down_for_as_long_as_something_was_wrong_with_it(quarter: Quarter, api: TestClient) -> None:
    answer = api.get("/api/v1/availability", params={**QUARTER, "by": "device", "limit": 1000}).json()

    told = {row["key"]: row["down_ms"] for row in answer["rows"]}
    assert len(told) == 200
    assert {device: ms for device, ms in told.items() if ms} == {
        device: ms for device in quarter.broken if (ms := _down_ms(quarter, device))
    }


def _down_ms(quarter: Quarter, device: str) -> int:
    """For how long something took a device down, by what was let happen."""
    spans = sorted((begin, end) for begin, end, names in quarter.broken[device] if set(names) & set(DOWN))
    total, until = 0, 0
    for begin, end in spans:
        total += max(0, end - max(begin, until))
        until = max(until, end)
    return total
