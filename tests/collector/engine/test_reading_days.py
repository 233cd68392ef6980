"""Days of readings: each record counts once for the day that it speaks of, whenever it comes and the collector dies."""

import random
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from roundsman_collector import fault
from roundsman_collector.config import built_in
from roundsman_collector.core.local_days import day_at, number_of
from roundsman_collector.core.rulebook import Rulebook
from roundsman_collector.engine import timely
from roundsman_collector.engine.forecasting import Forecasting
from roundsman_collector.engine.reading_days import ROUND_MS
from roundsman_collector.roles import EVERYTHING, NOTHING
from roundsman_collector.rules.catalogue import rule_set_from
from roundsman_collector.rules.trends import trends_from
from roundsman_collector.store import forecasts, reading_days
from roundsman_collector.store.connect import connector, place, transaction
from roundsman_collector.store.reading_days import DayRow
from tests.collector.core.desk import MINUTE, at
from tests.collector.engine.desk import GROUP, Agent, Collector, gateway, kiosk

TRENDS = trends_from(built_in("trends.yaml"), source="trends.yaml")
BOOK = Rulebook([rule_set_from(built_in("faults.yaml"), source="faults.yaml")])
DISK = "disk[/].used_percent"
DAY = 1440.0
SHANGHAI = "Asia/Shanghai"


def desk(folder: Path) -> Collector:
    return Collector(folder, BOOK, TRENDS)


def kept(collector: Collector) -> dict[tuple[str, str], list[DayRow]]:
    """All days that are in the table."""
    at_ = place(collector.path)
    with transaction(connector(at_, writes=False), "reading days", at_) as connection:
        devices = ["kiosk-7", "gw-2", "nvr-2", "ups-2"]
        return reading_days.series(connection, devices, 0, number_of(date(2100, 1, 1)))


def foretold(collector: Collector, at_ms: int | None = None, **asked: Any) -> list[forecasts.ForecastRow]:
    at_ = place(collector.path)
    with transaction(connector(at_, writes=False), "reading forecasts", at_) as connection:
        return forecasts.forecasts_of(connection, asked.pop("scope", EVERYTHING), at_ms, **asked)


def written(collector: Collector, minutes: float) -> dict[tuple[str, str], list[DayRow]]:
    """What is there once everything that waits is written."""
    timely.sweep(collector.engine, 1000, at(minutes))
    timely.sweep(collector.engine, 1000, at(minutes) + 2 * ROUND_MS)
    return kept(collector)


def reads(agent: Agent, minutes: float, /, device: str | None = None, **values: Any) -> Mapping[str, Any]:
    found = agent.sample(minutes, device)
    return {**found, "readings": {DISK: values["disk"]} if "disk" in values else values["readings"]}


def test_a_day_has_its_least_greatest_and_last_value(tmp_path: Path) -> None:
    collector, agent = desk(tmp_path), kiosk()
    collector.take(0, agent.birth(0))
    for minute, value in ((1, 61.0), (2, 64.5), (3, 60.0), (4, 62.0)):
        collector.take(minute, agent.report(minute, reads(agent, minute, disk=value)))

    assert kept(collector) == {}
    assert written(collector, 5) == {
        ("kiosk-7", DISK): [DayRow("kiosk-7", day_at(at(1), SHANGHAI), DISK, 60.0, 64.5, 62.0, at(4), 4)]
    }


def test_only_what_is_watched_is_kept_and_only_numbers(tmp_path: Path) -> None:
    collector, agent = desk(tmp_path), kiosk()
    collector.take(0, agent.birth(0))
    said = {"host.cpu_percent": 3, "printer.paper": "ok", "ups.runtime_min": None, "disk[/d].used_percent": 7}
    collector.take(1, agent.report(1, reads(agent, 1, readings=said)))

    assert [key[1] for key in written(collector, 2)] == ["disk[/d].used_percent"]


def test_what_comes_late_counts_for_its_own_day(tmp_path: Path) -> None:
    collector, agent = desk(tmp_path), kiosk()
    collector.take(0, agent.birth(0))
    early = reads(agent, 10, disk=50.0)
    collector.take(DAY + 10, agent.report(DAY + 10, reads(agent, DAY + 10, disk=70.0)))
    before = written(collector, DAY + 11)

    collector.take(DAY + 20, agent.report(DAY + 20, early, leaf="history"))
    after = written(collector, DAY + 21)

    assert [(row.day, row.last) for row in before["kiosk-7", DISK]] == [(day_at(at(DAY + 10), SHANGHAI), 70.0)]
    assert [(row.day, row.last) for row in after["kiosk-7", DISK]] == [
        (day_at(at(10), SHANGHAI), 50.0),
        (day_at(at(DAY + 10), SHANGHAI), 70.0),
    ]


def test_what_comes_again_counts_once(tmp_path: Path) -> None:
    collector, agent = desk(tmp_path), kiosk()
    collector.take(0, agent.birth(0))
    report = agent.report(1, reads(agent, 1, disk=61.0))
    for minute in (1, 2, 3):
        collector.take(minute, report)

    assert [row.looks for row in written(collector, 4)["kiosk-7", DISK]] == [1]


def test_a_day_is_that_of_the_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collector, agent = desk(tmp_path), kiosk()
    monkeypatch.setattr(collector.engine.days, "zones", {"kiosk-7": "America/New_York"})
    collector.take(0, agent.birth(0))
    collector.take(1, agent.report(1, reads(agent, 1, disk=61.0)))

    assert [row.day for row in written(collector, 4)["kiosk-7", DISK]] == [day_at(at(1), "America/New_York")]


def story(agents: tuple[Agent, Agent], seed: int) -> Iterator[tuple[float, Agent, Mapping[str, Any]]]:
    """Two days of two agents, whose samples come in any order."""
    rng = random.Random(seed)
    said = []
    for step in range(60):
        agent = agents[step % 2]
        minute = 1 + step * 45.0
        device = "nvr-2" if agent.name == "gw-2" else agent.name
        said.append((minute, agent, reads(agent, minute, device, disk=round(rng.uniform(10, 90), 1))))
    for minute, agent, record in sorted(said, key=lambda one: one[0] + rng.uniform(0, 600)):
        yield max(minute, 600.0), agent, record


@pytest.mark.parametrize("seed", range(4))
def test_whenever_it_dies_the_days_are_those_of_one_that_never_did(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    (tmp_path / "calm").mkdir()
    (tmp_path / "stormy").mkdir()
    found = []
    for name in ("calm", "stormy"):
        collector, agents = desk(tmp_path / name), (kiosk(), gateway())
        collector.take(0, *(agent.birth(0) for agent in agents))
        clock = 600.0
        for minute, agent, record in story(agents, seed):
            clock = max(clock + 1, minute)
            report = agent.report(clock, record)
            collector.take(clock, report)
            if name == "stormy":
                match rng.randrange(5):
                    case 0:
                        collector.restart(clock)
                    case 1:
                        timely.sweep(collector.engine, rng.randrange(3), at(clock) + rng.choice((0, 2 * ROUND_MS)))
                    case 2:
                        collector.take(clock, report)
        found.append(written(collector, clock + 100))
        collector.store.close()

    assert found[0] == found[1]
    assert sum(row.looks for rows in found[0].values() for row in rows) == 60


def test_one_that_dies_while_it_writes_counts_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collector, agent = desk(tmp_path), kiosk()
    collector.take(0, agent.birth(0))
    collector.take(1, agent.report(1, reads(agent, 1, disk=61.0)))

    class Died(Exception):
        pass

    def at_point(wanted: str) -> Callable[[str], None]:
        def hit(point: str) -> None:
            if point == wanted:
                raise Died

        return hit

    for point in ("store.in_commit", "store.after_commit"):
        with monkeypatch.context() as patched:
            patched.setattr(fault, "hit", at_point(point))
            with pytest.raises(Died):
                timely.sweep(collector.engine, 1000, at(2) + 2 * ROUND_MS)
        collector.restart(3)

    assert [row.looks for row in written(collector, 20)["kiosk-7", DISK]] == [1]


# --- forecasts -------------------------------------------------------------------------------------------------------


def filling(collector: Collector, agent: Agent, days: int, first: float = 60.0, per_day: float = 0.5) -> float:
    """A disk that fills for so many days; returns the minute of the last look."""
    minute = 0.0
    for day in range(days):
        minute = 720 + DAY * day
        collector.take(minute, agent.report(minute, reads(agent, minute, disk=first + per_day * day)))
    written(collector, minute + 1)
    return minute


def looked(collector: Collector, minutes: float) -> int:
    """One day's pass over the fleet."""
    forecasting = Forecasting(collector.engine)
    return sum(forecasting.step(at(minutes)) for _ in range(5))


def test_a_disk_that_fills_is_foretold_once_a_day_and_nothing_else(tmp_path: Path) -> None:
    collector, agent = desk(tmp_path), kiosk()
    collector.take(0, agent.birth(0))
    end = filling(collector, agent, 30) + DAY

    assert looked(collector, end) == 1
    assert looked(collector, end + 1) == 0

    (row,) = foretold(collector)
    assert (row.device, row.reading, row.watch, row.limit, row.days) == ("kiosk-7", DISK, "disk_full", 95.0, 30)
    assert row.per_day == pytest.approx(0.5)
    assert row.likely_day == day_at(at(720), SHANGHAI) + 70
    assert foretold(collector, scope=NOTHING) == []
    assert foretold(collector, of={"group": GROUP}) == [row]
    for asked in (
        {"watches": ["clock"]},
        {"kind": "nvr"},
        {"devices": []},
        {"devices": ["nvr-2"]},
        {"of": {"group": "elsewhere"}},
        {"of": {"site": "metro-a"}},
    ):
        assert foretold(collector, **asked) == []


def test_what_was_known_stays_known(tmp_path: Path) -> None:
    collector, agent = desk(tmp_path), kiosk()
    collector.take(0, agent.birth(0))
    first = filling(collector, agent, 30) + DAY
    looked(collector, first)
    later = first + 10 * DAY  # nothing is read any more

    assert looked(collector, later) == 0

    assert foretold(collector) == []
    (row,) = foretold(collector, at(first))
    assert row.likely_day == day_at(at(720), SHANGHAI) + 70
    assert foretold(collector, at(first) - MINUTE) == []


def test_the_limit_is_what_the_device_itself_must_keep(tmp_path: Path) -> None:
    collector, agent = desk(tmp_path), gateway()
    collector.take(0, agent.birth(0))
    minute = 0.0
    for day in range(30):
        minute = 720 + DAY * day
        said = {"channel[3].retained_days": 60 - day, "channel[3].required_days": 20}
        collector.take(minute, agent.report(minute, reads(agent, minute, "nvr-2", readings=said)))
    written(collector, minute + 1)

    looked(collector, minute + DAY)

    (row,) = foretold(collector)
    assert (row.device, row.watch, row.limit) == ("nvr-2", "recording_days", 20.0)
    assert row.likely_day == day_at(at(720), SHANGHAI) + 40


def test_days_of_years_ago_are_forgotten(tmp_path: Path) -> None:
    collector, agent = desk(tmp_path), kiosk()
    collector.take(0, agent.birth(0))
    collector.take(1, agent.report(1, reads(agent, 1, disk=61.0)))
    written(collector, 2)

    looked(collector, 799 * DAY)
    assert len(kept(collector)["kiosk-7", DISK]) == 1
    looked(collector, 802 * DAY)

    assert kept(collector) == {}
