"""Clocks that are wrong, set, put to sleep or lost: the real agent and spool on a told clock, then the real collector.

Whatever the wall clock shows, the ledger has no time that runs backwards and no uptime that never was; what can be
dated is dated by what acknowledgements and NTP said of the clock in that boot.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from roundsman_agent.agent import Agent
from roundsman_agent.clock import Moment, offset
from roundsman_collector import door
from roundsman_collector.config import built_in
from roundsman_collector.core.rulebook import Traits, resolved
from roundsman_collector.engine.intake import Arrival
from roundsman_collector.rules.catalogue import rule_set_from
from roundsman_wire.codec import encode
from roundsman_wire.topics import Address
from tests.agent.cast import ToldClock, config, device, probe
from tests.collector.core.desk import MINUTE, at
from tests.collector.engine.desk import GROUP, Collector

DAY_M = 24 * 60
VALID_M = 1.5
Row = tuple[float, float | None, str, str]


class Kiosk:
    """kiosk-7 with its own idea of the time. `error_ms`: how far its wall clock is ahead of the truth."""

    def __init__(self, folder: Path, *, booted: float, error_ms: int = 0, ntp: bool = True, boot: str = "b1") -> None:
        self.folder = folder
        self.booted, self.boot, self.error_ms, self.ntp = booted, boot, error_ms, ntp
        self.minutes = booted
        self.clock = ToldClock(self.moment())
        self.agent = self._agent()

    def _agent(self) -> Agent:
        settings = replace(config(str(self.folder), replace(device("kiosk-7", "host"), local=True)), id="kiosk-7")
        named = {"host": probe("host", lambda: {"host.cpu_percent": 1.0})}
        return Agent(settings, clock=self.clock, load=named.__getitem__, stopping=lambda: False)

    def moment(self) -> Moment:
        true = at(self.minutes)
        return Moment(wall=true + self.error_ms, mono=true - at(self.booted) + 20_000, boot=self.boot, ntp=self.ntp)

    def run(self, minutes: float) -> None:
        """Poll every minute until this one of the story."""
        while self.minutes < minutes:
            before = self.agent.spool.newest_of_devices()
            self.minutes += 1
            self.clock.moment = self.moment()
            self._play(lambda before=before: self.agent.spool.newest_of_devices() != before)  # type: ignore[misc]

    def sleep(self, minutes: float) -> None:
        """The machine sleeps: all clocks go on, nobody polls."""
        self.minutes += minutes - 1

    def hear(self) -> None:
        """An acknowledgement, a fifth of a second on the road."""
        now = self.clock.now()
        found = offset(at=at(self.minutes) - 100, echo=now.mono - 200, now=now)
        assert found is not None
        self.agent._take_offset(found, now)

    def cut_power(self) -> None:
        self.agent.uplink.close()
        self.agent.spool._abandon()
        self.agent._isolation.close()

    def start(self, *, booted: float, error_ms: int, ntp: bool, boot: str) -> None:
        self.booted, self.boot, self.error_ms, self.ntp = booted, boot, error_ms, ntp
        self.minutes = booted
        self.clock.moment = self.moment()
        self.agent = self._agent()

    def records(self) -> list[Any]:
        return self.agent.spool.unsettled(0, 10_000)

    def said(self) -> list[Arrival]:
        """The birth and everything in the spool, as they go over the line."""
        now = self.clock.now()
        self.agent.spool.declare(now)
        pages = self.agent._birth(now)
        report = {
            "v": 1,
            "stream": self.agent.spool.stream,
            "birth": pages.hash,
            "sent": {"boot": now.boot, "mono": now.mono, "wall": now.wall},
            "records": self.records(),
        }
        births = [self._arrival("birth", plain) for plain in pages.payloads]
        return [*births, self._arrival("history", encode(report))]

    def _arrival(self, leaf: str, plain: bytes) -> Arrival:
        check = {"birth": door.validate_birth}.get(leaf, door.validate_report)
        return Arrival(Address(GROUP, "kiosk-7", leaf), check(plain), plain)  # type: ignore[operator]

    def _play(self, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not happened():
            assert time.monotonic() < deadline, f"no sample at minute {self.minutes}"
            self.agent.step()
            time.sleep(0.001)


def told(kiosk: Kiosk, folder: Path) -> tuple[Collector, list[Row]]:
    """The collector hears it all now; the ledger of kiosk-7 in minutes."""
    collector = Collector(folder)
    collector.take(kiosk.minutes + 0.1, *kiosk.said())
    collector.look(kiosk.minutes + 0.2)
    rows = collector.ledger("kiosk-7")
    assert all(to is None or since < to for since, to, *_ in rows), rows
    assert [to for _, to, *_ in rows[:-1]] == [since for since, *_ in rows[1:]], rows
    return collector, rows


def up(rows: list[Row], now: float) -> list[tuple[float, float]]:
    """Uptime, neighbours joined, in whole tenths of a minute."""
    spans: list[tuple[float, float]] = []
    for since, to, state, _ in rows:
        if state != "up":
            continue
        begin, end = round(since, 1), round(now if to is None else min(to, now), 1)
        if spans and spans[-1][1] == begin:
            begin = spans.pop()[0]
        spans.append((begin, end))
    return spans


def test_a_start_in_1970_is_dated_when_ntp_comes(tmp_path: Path) -> None:
    kiosk = Kiosk(tmp_path / "a", booted=0, error_ms=-at(0), ntp=False)
    kiosk.run(5)
    kiosk.error_ms, kiosk.ntp = 0, True
    kiosk.run(10)

    _, rows = told(kiosk, tmp_path)

    assert next(r["t"] for r in kiosk.records() if r["kind"] == "sample") == MINUTE
    assert up(rows, 10) == [(1.0, 10.0)]
    kiosk.cut_power()


def test_a_start_in_1970_that_ends_before_anybody_heard_is_dated_by_the_ntp_it_had(tmp_path: Path) -> None:
    kiosk = Kiosk(tmp_path / "a", booted=0, error_ms=-at(0), ntp=False)
    kiosk.run(5)
    kiosk.error_ms, kiosk.ntp = 0, True
    kiosk.run(8)
    kiosk.cut_power()
    kiosk.start(booted=20, error_ms=0, ntp=True, boot="b2")
    kiosk.run(25)

    _, rows = told(kiosk, tmp_path)

    assert up(rows, 25) == [(1.0, 8.0 + VALID_M), (21.0, 25.0)]
    assert ("down", "off") in [(state, cause) for *_, state, cause in rows]
    kiosk.cut_power()


def test_steps_of_a_day_forth_and_back_move_nothing(tmp_path: Path) -> None:
    kiosk = Kiosk(tmp_path / "a", booted=0, ntp=False)
    kiosk.run(3)
    kiosk.hear()
    kiosk.error_ms = DAY_M * MINUTE
    kiosk.run(6)
    kiosk.error_ms = -DAY_M * MINUTE
    kiosk.run(9)
    kiosk.hear()
    kiosk.run(12)

    _, rows = told(kiosk, tmp_path)

    assert up(rows, 12) == [(1.0, 12.0)]
    kiosk.cut_power()


def test_a_step_of_a_clock_that_says_ntp_keeps_it_is_not_believed(tmp_path: Path) -> None:
    kiosk = Kiosk(tmp_path / "a", booted=0)
    kiosk.run(3)
    kiosk.hear()
    for error_m in (DAY_M, -DAY_M, 0):
        kiosk.error_ms = error_m * MINUTE
        kiosk.run(kiosk.minutes + 3)

    collector, rows = told(kiosk, tmp_path)

    assert up(rows, 12) == [(1.0, 12.0)]
    assert collector.refused() == {}
    kiosk.cut_power()


def test_eight_hours_of_sleep_are_no_uptime_and_no_burst(tmp_path: Path) -> None:
    kiosk = Kiosk(tmp_path / "a", booted=0)
    kiosk.run(5)
    kiosk.hear()
    kiosk.sleep(480)
    kiosk.run(490)

    _, rows = told(kiosk, tmp_path)

    assert up(rows, 490) == [(1.0, 5.0 + VALID_M), (485.0, 490.0)]
    assert [state for since, _, state, _ in rows if since == 5.0 + VALID_M] == ["unknown"]
    assert len([r for r in kiosk.records() if r["kind"] == "sample"]) == 5 + 6
    kiosk.cut_power()


def test_an_rtc_that_loses_time_over_a_power_cut_is_dated_by_the_first_acknowledgement(tmp_path: Path) -> None:
    kiosk = Kiosk(tmp_path / "a", booted=0)
    kiosk.run(5)
    kiosk.hear()
    kiosk.cut_power()
    kiosk.start(booted=60, error_ms=-2 * DAY_M * MINUTE, ntp=False, boot="b2")
    kiosk.run(65)
    kiosk.hear()

    _, rows = told(kiosk, tmp_path)

    assert up(rows, 65) == [(1.0, 5.0 + VALID_M), (61.0, 65.0)]
    assert [
        (round(since, 1), round(to or 0, 1)) for since, to, state, cause in rows if (state, cause) == ("down", "off")
    ] == [(5.0 + VALID_M, 59.7)]  # the machine says 20 s when the agent starts
    kiosk.cut_power()


def test_a_clock_that_nobody_vouches_for_gives_no_uptime(tmp_path: Path) -> None:
    kiosk = Kiosk(tmp_path / "a", booted=0, error_ms=-7 * MINUTE, ntp=False)
    kiosk.run(5)

    collector, rows = told(kiosk, tmp_path)

    assert up(rows, 5) == []
    assert len(collector.stored_numbers("kiosk-7")) == len(kiosk.records())
    kiosk.cut_power()


def test_a_wrong_clock_is_a_fault_and_its_repair_ends_it(tmp_path: Path) -> None:
    kiosk = Kiosk(tmp_path / "a", booted=0, error_ms=-3 * MINUTE, ntp=False)
    kiosk.run(1)
    kiosk.hear()
    kiosk.run(20)
    rules = rule_set_from(built_in("faults.yaml"), source="faults.yaml")
    collector = Collector(tmp_path, resolved(rules, Traits(kind="kiosk")))
    collector.take(20.1, *kiosk.said())
    collector.look(20.2)

    assert ("kiosk-7", "host.clock_drift") in [(subject, code) for subject, code, *_ in collector.tickets()]

    kiosk.error_ms = 0
    kiosk.run(40)
    collector.take(40.1, *kiosk.said())
    collector.look(40.2)
    with collector.view() as view:
        (drift,) = [c for c in view.conditions("kiosk-7", 0, at(1_000)) if c.code == "host.clock_drift"]
    assert drift.event_to_ms is not None
    assert (drift.event_from_ms - at(0)) // MINUTE == 2
    kiosk.cut_power()
