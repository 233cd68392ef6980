"""Cells: what the kernel holds is left behind in another process; nobody waits for it, and the agent can always end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from roundsman_agent import probes, warden
from roundsman_agent.probe import Answer, Probe, ProbeError, complete
from roundsman_agent.warden import Count, Warden

STUCK = {name: f"tests.agent.stuck.{name}" for name in ("fifo", "frozen", "well")}


@pytest.fixture
def keeper() -> Iterator[Warden]:
    keeper = Warden(STUCK)
    yield keeper
    keeper.close()


@pytest.fixture
def fifo(tmp_path: Path) -> str:
    os.mkfifo(tmp_path / "fifo")
    return str(tmp_path / "fifo")


class Visit(threading.Thread):
    """A visit under way; `outcome` is what it brought, None as long as it has brought nothing."""

    def __init__(self, probe: Probe, **settings: object) -> None:
        super().__init__(daemon=True)
        self._probe, self._settings = probe, settings
        self.outcome: Answer | BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.outcome = visited(self._probe, **self._settings)
        except BaseException as error:
            self.outcome = error


def visited(probe: Probe, **settings: object) -> Answer:
    return probe.parse(probe.fetch(settings), settings)


def until(happened: Callable[[], Any], what: str, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.01)


def stands_still(cell: Any) -> bool:
    """Whether a cell accepts no visit any more."""
    visit = cell.accepts(b'{"module": "tests.agent.stuck.well", "settings": {}}')
    if visit is not None:
        visit.close()
    return visit is None


def test_every_probe_that_blocks_is_on_the_list_of_those_that_need_a_cell() -> None:
    assert {name for name in probes.names() if probes.load(name).blocks} == probes.BLOCKING


def test_a_probe_in_a_cell_answers_like_any_other_and_in_another_process(keeper: Warden) -> None:
    answer = visited(keeper.load("well"))
    again = visited(keeper.load("well"))

    assert (answer.readings["a"], answer.failed) == (None, {"a": ("absent", "none")})
    assert answer.readings["pid"] == again.readings["pid"] != os.getpid()
    assert keeper.count() == Count(serving=1, left_behind=0)


def test_the_real_host_probe_answers_from_a_cell() -> None:
    keeper = Warden()
    readings = visited(keeper.load("host"), **complete(probes.load("host"), {})).readings
    keeper.close()

    assert "disk[/].used_percent" in readings


def test_a_probe_that_needs_no_cell_is_the_probe_itself() -> None:
    assert Warden().load("snmp") is probes.load("snmp")


@pytest.mark.parametrize(
    ("settings", "code", "detail"),
    [
        ({"fails": True}, "no_port", "there is no such port"),
        ({"breaks": True}, "crashed", "KeyError: 'missing'"),
        ({"dies": True}, "crashed", "the process in which the probe ran has ended"),
    ],
    ids=["a device that fails", "a probe that breaks", "a process that dies"],
)
def test_failures_come_out_of_the_cell(keeper: Warden, settings: dict[str, object], code: str, detail: str) -> None:
    probe = keeper.load("well")

    with pytest.raises(ProbeError) as caught:
        visited(probe, **settings)

    assert (caught.value.code, caught.value.detail) == (code, detail)
    assert visited(probe).readings["a"] is None


def test_who_is_stuck_in_an_open_delays_nobody_in_the_same_cell(
    keeper: Warden, fifo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warden, "ACCEPT_S", 10)  # a machine that is busy elsewhere makes no cell a stuck one
    well = keeper.load("well")
    visited(well)
    stuck = [Visit(keeper.load("fifo"), path=fifo) for _ in range(8)]

    waits = []
    for _ in range(20):
        began = time.monotonic()
        visited(well)
        waits.append(time.monotonic() - began)

    assert max(waits) < 5  # the others are stuck for good
    assert [visit.outcome for visit in stuck] == [None] * 8
    assert keeper.count() == Count(serving=1, left_behind=0)


def test_who_returns_after_all_brings_its_answer(keeper: Warden, fifo: str) -> None:
    stuck = Visit(keeper.load("fifo"), path=fifo)
    with open(fifo, "w", encoding="utf-8") as line:
        line.write("near_end\n")
    stuck.join(10)

    assert isinstance(stuck.outcome, Answer)
    assert stuck.outcome.readings["printer.paper"] == "near_end"


def test_who_stops_the_whole_cell_is_replaced_within_a_second_and_lives_alone_from_then_on(
    keeper: Warden, fifo: str
) -> None:
    well, frozen = keeper.load("well"), keeper.load("frozen")
    first = visited(well).readings["pid"]
    stuck = Visit(frozen, path=fifo)
    delays: list[float] = []

    def visited_elsewhere() -> bool:
        began = time.monotonic()
        pid = visited(well).readings["pid"]
        delays.append(time.monotonic() - began)
        return pid != first

    until(visited_elsewhere, "its thread stands still, with Python's lock, and another cell serves")
    stuck.join(10)
    second = visited(well).readings["pid"]
    again = Visit(frozen, path=fifo)
    until(lambda: keeper.count().serving == 2, "the second cell")

    assert max(delays) < warden.ACCEPT_S + 4  # Python's start on a busy machine is in it
    assert [visited(well).readings["pid"] for _ in range(3)] == [second] * 3
    assert isinstance(stuck.outcome, ProbeError)
    assert (stuck.outcome.code, again.outcome) == ("crashed", None)
    until(lambda: keeper.count() == Count(serving=2, left_behind=0), "the first cell has ended")


def test_cells_that_cannot_be_killed_are_counted_and_then_no_more_are_started(
    monkeypatch: pytest.MonkeyPatch, fifo: str
) -> None:
    """Nothing here can be made uninterruptible, so the signal is withheld instead: the cell stays as it would."""
    keeper, started = Warden(STUCK), []

    def start() -> Any:
        pid, socket = warden.spawned()
        started.append(pid)
        return pid, socket

    keeper._start = start
    monkeypatch.setattr(warden, "ACCEPT_S", 0.3)
    monkeypatch.setattr(warden.os, "kill", lambda pid, number: None)
    frozen = keeper.load("frozen")
    stuck = []
    for _ in range(warden.LEFT_BEHIND):
        visited(keeper.load("well"))
        stuck.append(Visit(keeper.load("frozen"), path=fifo))
        until(lambda: keeper._cells[warden.SHARED].under_way, "the visit was accepted")
        shared = keeper._cells[warden.SHARED]
        until(lambda cell=shared: stands_still(cell), "the cell stands still")  # type: ignore[misc]
        keeper._leave(shared)

    with pytest.raises(ProbeError) as caught:
        visited(frozen, path=fifo)

    assert caught.value.code == "hung"
    assert "4 processes of hung probes cannot be ended" in caught.value.detail
    assert keeper.count() == Count(serving=0, left_behind=warden.LEFT_BEHIND)
    monkeypatch.undo()
    for pid in started:
        os.kill(pid, signal.SIGKILL)
    until(lambda: keeper.count().left_behind == 0, "the cells have ended")
    keeper.close()


def test_who_came_back_often_enough_returns_to_the_shared_cell(keeper: Warden, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warden, "PROBATION", 2)
    probe, other = keeper.load("well"), keeper.load("well")
    with pytest.raises(ProbeError):
        visited(probe, dies=True)
    shared = visited(other).readings["pid"]
    keeper._alone[1] = 2

    pids = [visited(probe).readings["pid"] for _ in range(3)]

    assert pids[0] == pids[1] != shared
    assert pids[2] == shared


def test_a_cell_ends_when_its_agent_is_gone(keeper: Warden) -> None:
    visited(keeper.load("well"))
    cell = keeper._cells[warden.SHARED]

    cell.socket.close()

    until(cell.has_ended, "the cell has ended")


def test_a_process_ends_at_once_though_its_probes_hang(fifo: str) -> None:
    code = f"""
        import threading, time
        from roundsman_agent.probe import ProbeError
        from roundsman_agent.warden import Warden
        keeper = Warden({STUCK!r})
        for _ in range(3):
            probe = keeper.load("fifo")
            threading.Thread(target=probe.fetch, args=({{"path": {fifo!r}}},), daemon=True).start()
        while not any(len(cell.under_way) == 3 for cell in keeper._cells.values()):
            time.sleep(0.01)
        print(keeper._cells[0].pid, flush=True)
        keeper.close()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=20, check=True
    )

    until(lambda: not Path(f"/proc/{int(done.stdout)}").exists(), "the cell is gone")


def test_a_cell_that_is_forked_early_serves_like_one_that_is_spawned() -> None:
    code = f"""
        import os, time
        from roundsman_agent.warden import Warden, early, forked
        assert early(["snmp"]).count().serving == 0 and early(["snmp", "host"]).count().serving == 1
        keeper = Warden({STUCK!r}, first=forked)
        first = keeper.load("well").fetch({{}}).readings["pid"]
        assert first == keeper._cells[0].pid != os.getpid()
        keeper._leave(keeper._cells[0])
        second = keeper.load("well").fetch({{}}).readings["pid"]
        assert second != first
        keeper.close()
        print("both")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=30, check=False
    )

    assert done.stdout == "both\n", done.stderr


def test_the_agent_imports_nothing_of_what_runs_in_cells() -> None:
    code = (
        "import sys; from roundsman_agent.warden import Warden; keeper = Warden()\n"
        "[keeper.load(name) for name in ('host', 'escpos', 'nmea')]\n"
        "print([name for name in sys.modules if name.startswith(('psutil', 'serial', 'pynmeagps', 'pysnmp'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
