"""A spool that was too small for its time without a line, given to the collector: its ledger says what is known."""

import random
from pathlib import Path
from typing import Any

import pytest

from roundsman_agent.clock import Moment
from roundsman_agent.spool import Spool
from tests.collector.core.desk import MINUTE, START, at
from tests.collector.engine.desk import Agent, Collector, kiosk

HOUR, DAY = 60, 1440
DAYS = 12
OFF_FROM, OFF_TO = 5 * DAY + 30, 5 * DAY + 330
"""The machine was off; it is in the part that is thinned to an hour."""
OPEN = (9 * DAY + 7, 9 * DAY + 27)
"""The printer's cover was open."""


def moment(agent: Agent, minute: float) -> Moment:
    return Moment(wall=at(minute), mono=at(minute) - agent.booted, boot=agent.boot, ntp=True)


def filled(agent: Agent, folder: Path, *, max_bytes: int, days: int) -> Spool:
    """A kiosk that reports a minute for days without a line; nothing is sent."""
    rng = random.Random(7)
    rare = 6 * HOUR * MINUTE

    def opened() -> Spool:
        return Spool.open(
            str(folder), now=moment(agent, minute), max_bytes=max_bytes, free_floor_bytes=0, fsync_ms=rare
        )

    minute = 0
    spool = opened()
    for minute in range(days * DAY):
        if OFF_FROM < minute < OFF_TO:
            continue
        if minute == OFF_TO:
            agent.boot, agent.booted = "b2", at(minute) - 20_000
            stamp = {"boot": agent.boot, "mono": 10_000, "t": at(minute) - 10_000}
            spool.close(now=moment(agent, minute))
            spool = opened()
            spool.take({"kind": "boot", **stamp, "orderly": False})
        now = moment(agent, minute)
        spool.tend(now)
        readings: dict[str, Any] = {f"host.number_{i:02}": round(rng.random() * 100, 1) for i in range(19)}
        readings["printer.cover"] = "open" if OPEN[0] <= minute < OPEN[1] else "closed"
        record = {"kind": "sample", "boot": now.boot, "mono": now.mono, "t": now.wall}
        spool.take({**record, "device": "kiosk-7", "valid_s": 90, "readings": readings})
    return spool


def brought(collector: Collector, agent: Agent, spool: Spool, minute: float, *, gaps_first: bool) -> None:
    """Everything the spool holds reaches the collector: gap records live, before or after the backlog."""
    while spool.declare(moment(agent, minute)):
        pass
    records = spool.unsettled(0, 1_000_000)
    gaps = [r for r in records if r["kind"] == "gap"]
    others = [r for r in records if r["kind"] != "gap"]
    agent.stream, agent.n = spool.stream, spool.newest
    batches = [others[i : i + 100] for i in range(0, len(others), 100)]
    batches = [gaps, *batches] if gaps_first else [*batches, gaps]
    collector.take(minute, agent.birth(minute, oldest=spool.oldest))
    for batch in batches:
        collector.take(minute, agent.report(minute, *batch, leaf="report" if batch is gaps else "history"))
    collector.look(minute + 0.1)


@pytest.mark.slow
@pytest.mark.parametrize("gaps_first", [True, False], ids=["gaps first", "gaps last"])
def test_the_ledger_of_a_thinned_time_knows_stops_and_changes_to_the_minute(tmp_path: Path, gaps_first: bool) -> None:
    agent = kiosk()
    spool = filled(agent, tmp_path / "spool", max_bytes=3_000_000, days=DAYS)
    collector = Collector(tmp_path)
    end = DAYS * DAY

    brought(collector, agent, spool, end - 1, gaps_first=gaps_first)

    assert {loss["reason"] for loss in gaps_of(spool)} == {"thinned"}
    off, on = OFF_FROM + 1.5, OFF_TO - 1 / 3
    assert joined(collector.ledger("kiosk-7")) == [
        (0.0, off, "up", ""),
        (off, on, "down", "off"),
        (on, float(OFF_TO), "unknown", "starting"),
        (float(OFF_TO), float(OPEN[0]), "up", ""),
        (float(OPEN[0]), float(OPEN[1]), "down", "printer.cover_open"),
        (float(OPEN[1]), None, "up", ""),
    ]
    assert silences(collector) == [OFF_FROM]
    assert list(collector.engine.by_agent["kiosk-7"].memory.streams[spool.stream]) == [(1, spool.newest)]
    spool._abandon()


@pytest.mark.slow
def test_what_was_dropped_is_unknown_and_the_stream_has_no_hole(tmp_path: Path) -> None:
    agent = kiosk()
    spool = filled(agent, tmp_path / "spool", max_bytes=1_000_000, days=25)
    collector = Collector(tmp_path)
    end = 25 * DAY

    brought(collector, agent, spool, end - 1, gaps_first=True)

    dropped_to = max(gap["to_t"] for gap in gaps_of(spool) if gap["reason"] == "spool_full")
    minute = (dropped_to - START) / MINUTE
    told = collector.ledger("kiosk-7")
    unknown = sum((to or end) - since for since, to, state, _ in told if state == "unknown")
    assert 0.8 * minute < unknown <= minute + 5
    assert told[-1][2] == "up"
    assert list(collector.engine.by_agent["kiosk-7"].memory.streams[spool.stream]) == [(1, spool.newest)]
    stored = collector.stored_numbers("kiosk-7")
    assert len(stored) == len(set(stored))
    spool._abandon()


def joined(told: list[tuple[float, float | None, str, str]]) -> list[tuple[float, float | None, str, str]]:
    """The ledger without the borders between what is coarse and what is not."""
    found: list[tuple[float, float | None, str, str]] = []
    for since, to, state, cause in told:
        if found and found[-1][1:] == (since, state, cause):
            found[-1] = (found[-1][0], to, state, cause)
        else:
            found.append((since, to, state, cause))
    return found


def silences(collector: Collector) -> list[float]:
    """When the agent is said to have fallen silent, in minutes."""
    with collector.view() as view:
        found = view.conditions("@kiosk-7", 0, at(10_000_000))
        return [(one.event_from_ms - START) / MINUTE for one in found if one.code == "agent.silent"]


def gaps_of(spool: Spool) -> list[dict[str, Any]]:
    return [dict(r) for r in spool.unsettled(0, 1_000_000) if r["kind"] == "gap"]
