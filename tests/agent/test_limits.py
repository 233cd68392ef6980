"""Limits: a number that crosses one is news, one that only moves is not."""

from pathlib import Path

import pytest

from roundsman_agent.limits import Limits, pattern
from roundsman_agent.spool import Spool
from tests.agent.cast import START, later, sample

LIMITS = Limits(
    {"host.cpu_percent": [80, 95], "disk[].used_percent": [90], "disk[/].used_percent": [70], "printer.paper": ["end"]}
)


@pytest.mark.parametrize(
    ("readings", "bands"),
    [
        ({"host.cpu_percent": 79.9}, [("host.cpu_percent", 0)]),
        ({"host.cpu_percent": 80}, [("host.cpu_percent", 1)]),
        ({"host.cpu_percent": 100.0}, [("host.cpu_percent", 2)]),
        ({"disk[/data].used_percent": 89}, [("disk[/data].used_percent", 0)]),
        ({"disk[/].used_percent": 89}, [("disk[/].used_percent", 1)]),
        ({"host.cpu_percent": None, "printer.paper": "end", "host.uptime_s": 7}, []),
    ],
)
def test_a_number_has_reached_so_many_of_its_limits(readings: dict[str, object], bands: list[tuple[str, int]]) -> None:
    assert LIMITS.bands(readings) == bands


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("disk[/].used_percent", "disk[].used_percent"),
        ("disk[/a[1]].used_percent", "disk[].used_percent"),
        ("host.cpu_percent", "host.cpu_percent"),
        ("odd[name", "odd[name"),
    ],
)
def test_the_name_without_its_instance(name: str, found: str) -> None:
    assert pattern(name) == found


def news(spool: Spool, *percents: float | None) -> list[bool]:
    """Which of these samples, one after the other, say something new."""
    found = []
    for i, percent in enumerate(percents):
        n = spool.take(sample(at=later(i * 60), **{"host.cpu_percent": percent, "printer.paper": "ok"}))
        found.append(spool.last_change == n)
    return found


def test_what_crosses_a_limit_is_a_transition_both_ways_and_what_moves_between_is_not(tmp_path: Path) -> None:
    spool = Spool.open(str(tmp_path), now=START, free_floor_bytes=0, limits=LIMITS)

    assert news(spool, 10, 79, 80, 94, 96, 99, 94, 79, 10, None) == [
        True, False, True, False, True, False, True, True, False, True,
    ]  # fmt: skip
    spool._abandon()


def test_without_limits_no_number_is_news(tmp_path: Path) -> None:
    spool = Spool.open(str(tmp_path), now=START, free_floor_bytes=0)

    assert news(spool, 10, 99, 10) == [True, False, False]
    spool._abandon()


def test_after_a_restart_the_last_sample_is_still_what_the_next_is_held_against(tmp_path: Path) -> None:
    spool = Spool.open(str(tmp_path), now=START, free_floor_bytes=0, limits=LIMITS)
    news(spool, 85)
    spool._abandon()
    again = Spool.open(str(tmp_path), now=START, free_floor_bytes=0, limits=LIMITS)

    assert news(again, 86, 79) == [False, True]
    again._abandon()


def test_other_limits_may_make_the_same_number_news(tmp_path: Path) -> None:
    spool = Spool.open(str(tmp_path), now=START, free_floor_bytes=0, limits=Limits({"host.cpu_percent": [50]}))
    news(spool, 85)
    spool._abandon()
    again = Spool.open(str(tmp_path), now=START, free_floor_bytes=0, limits=LIMITS)

    assert news(again, 96, 96) == [True, False]
    again._abandon()
