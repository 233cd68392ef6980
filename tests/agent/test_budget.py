"""The byte budget: what it counts, when it asks to be sparing, and what a clock can do to it."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from roundsman_agent.budget import FILE, Budget, Thrift
from roundsman_agent.clock import Moment
from tests.agent.cast import START, later

NOON = replace(START, wall=1_795_262_400_000)  # 2026-11-21, 12:00 UTC
HOUR = 3600.0
DAY = 24 * HOUR


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def opened(folder: Path, now: Moment = NOON, *, day: int = 1000, month: int = 0) -> Budget:
    return Budget.open(str(folder), day_bytes=day, month_bytes=month, now=now)


def spent(budget: Budget, now: Moment) -> tuple[int, int]:
    told = budget.told(now)
    return told["line.bytes_today"], told["line.bytes_month"]


@pytest.mark.parametrize(
    ("size", "thrift"), [(799, Thrift.FREE), (800, Thrift.SPARING), (949, Thrift.SPARING), (950, Thrift.HOLDING)]
)
def test_from_four_fifths_it_asks_to_be_sparing_and_near_the_end_to_hold(
    tmp_path: Path, size: int, thrift: Thrift
) -> None:
    budget = opened(tmp_path)

    budget.spend(size, NOON)

    assert budget.thrift(NOON) is thrift


def test_the_month_counts_as_the_day_does_and_nothing_without_a_limit(tmp_path: Path) -> None:
    budget = opened(tmp_path, day=0, month=1000)
    free = opened(tmp_path / "other", day=0)

    budget.spend(900, NOON)
    free.spend(10**12, NOON)

    assert (budget.thrift(NOON), free.thrift(NOON)) == (Thrift.SPARING, Thrift.FREE)


def test_it_warns_once_a_day(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    budget = opened(tmp_path)
    with caplog.at_level(logging.WARNING):
        for minute in range(5):
            budget.spend(300, later(minute * 60, NOON))

    assert [one.message for one in caplog.records] == [
        "budget: 900 of 1000 bytes of the day 2026-11-21 are spent; periodic samples go less often now"
    ]


def test_midnight_begins_a_new_day_and_the_first_a_new_month(tmp_path: Path) -> None:
    budget = opened(tmp_path)
    budget.spend(900, NOON)

    assert spent(budget, later(11.9 * HOUR, NOON)) == (900, 900)
    assert spent(budget, later(12 * HOUR, NOON)) == (0, 900)
    assert spent(budget, later(9.5 * DAY, NOON)) == (0, 0)


def test_the_counts_outlive_a_stop(tmp_path: Path) -> None:
    budget = opened(tmp_path)
    budget.spend(700, NOON)
    budget.close(NOON)

    assert spent(opened(tmp_path, later(60, NOON)), later(60, NOON)) == (700, 700)


def test_a_kill_forgets_less_than_64_kilobytes_and_writes_are_few(tmp_path: Path) -> None:
    budget = opened(tmp_path)
    writes = set()
    for second in range(600):
        budget.spend(1000, later(second, NOON))
        if (tmp_path / FILE).exists():
            writes.add((tmp_path / FILE).read_bytes())

    today, _ = spent(opened(tmp_path, later(600, NOON)), later(600, NOON))

    assert 600_000 - 66_000 < today <= 600_000
    assert len(writes) < 12


@pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", b'{"crc": 1}', b"\xff\x00"])
def test_damaged_counts_begin_anew_and_it_is_said(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_bytes(damage)

    budget = opened(tmp_path)

    assert spent(budget, NOON) == (0, 0)
    assert "are counted from here" in caplog.text


@pytest.mark.parametrize("days", [-400, -1, 1, 40])
def test_a_clock_that_is_set_neither_empties_the_counts_nor_holds_them_fast(tmp_path: Path, days: int) -> None:
    budget = opened(tmp_path)
    budget.spend(900, NOON)
    jumped = replace(later(60, NOON), wall=NOON.wall + int(days * DAY * 1000))

    assert spent(budget, jumped) == (900, 900)
    assert spent(budget, later(13 * HOUR, jumped))[0] == 0


def test_a_clock_that_is_set_back_before_every_midnight_still_ends_the_day(tmp_path: Path) -> None:
    budget = opened(tmp_path)
    budget.spend(900, NOON)
    for hour in range(1, 26):
        now = replace(NOON, mono=NOON.mono + hour * 3_600_000)
        found = spent(budget, now)

    assert found[0] == 0


def test_a_boot_in_1970_goes_on_with_the_day_before_until_the_clock_is_right(tmp_path: Path) -> None:
    budget = opened(tmp_path)
    budget.spend(900, NOON)
    budget.close(NOON)
    early = Moment(wall=5_000, mono=5_000, boot="b2", ntp=False)

    again = opened(tmp_path, early)
    again.spend(10, early)
    before = spent(again, early)
    same_day = replace(early, wall=NOON.wall + 60_000, mono=65_000)
    after = spent(again, same_day)
    next_day = replace(same_day, wall=same_day.wall + int(DAY * 1000), mono=65_000 + int(DAY * 1000))

    assert (before, after) == ((910, 910), (910, 910))
    assert spent(again, next_day)[0] == 0


def test_a_new_day_after_a_boot_is_a_new_day(tmp_path: Path) -> None:
    budget = opened(tmp_path)
    budget.spend(900, NOON)
    budget.close(NOON)
    morning = Moment(wall=NOON.wall + int(20 * HOUR * 1000), mono=5_000, boot="b2", ntp=True)

    assert spent(opened(tmp_path, morning), morning) == (0, 900)


def test_the_forecast_needs_an_hour_and_goes_on_as_it_was(tmp_path: Path) -> None:
    budget = opened(tmp_path)
    budget.spend(1_000, later(1, NOON))

    early, late = budget.told(later(1800, NOON)), budget.told(later(12 * HOUR, NOON))

    assert "line.forecast_month_bytes" not in early
    assert late["line.forecast_month_bytes"] == 1_000 + 1_000 * 9 * 24 // 12
