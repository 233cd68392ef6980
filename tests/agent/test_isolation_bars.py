"""Must of the project: what is dead, silent or stuck delays nobody else by a second. The real agent, the real probes.

40 SNMP devices of which 12 are dead; a serial port that never answers; a read that never returns. Nothing here can be
made truly uninterruptible (state D needs a device-mapper or FUSE of one's own): a FIFO that is opened and never written
stands for it, and that a process in that state can be left behind is tried in test_warden.py.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from roundsman_agent import probes, snmp_ber
from roundsman_agent.agent import Agent
from roundsman_agent.clock import SystemClock
from roundsman_agent.config import DeviceConfig, ProbeUse
from roundsman_agent.probe import Probe, complete
from roundsman_agent.warden import Warden
from tests.agent.cast import config, device
from tests.agent.probes.devices import Line
from tests.agent.probes.test_snmp_ber import answered

TARGETS, DEAD = 40, 12
PERIOD_S = 4.0
JITTER_MS = 1000
UPS = "1.3.6.1.2.1.33.1"


class Fleet:
    """Many small UPS behind one thread: each has a port; the dead ones hear and say nothing."""

    def __init__(self) -> None:
        from pysnmp.proto.api import v2c

        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(TARGETS)]
        for one in self._sockets:
            one.bind(("127.0.0.1", 0))
        self.ports: list[int] = [one.getsockname()[1] for one in self._sockets]
        self._tail = answered([(f"{UPS}.2.1.0", v2c.Integer(2)), (f"{UPS}.2.4.0", v2c.Integer(81))], number=0x11111111)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        import select

        living = self._sockets[DEAD:]
        while not self._over.is_set():
            for one in select.select(living, [], [], 0.05)[0]:
                asked, peer = one.recvfrom(4096)
                one.sendto(self._tail.replace(b"\x11\x11\x11\x11", number_of(asked)), peer)

    def close(self) -> None:
        self._over.set()
        self._thread.join(5)
        for one in self._sockets:
            one.close()


def number_of(asked: bytes) -> bytes:
    """The request's number, in four bytes."""
    _, at, end = snmp_ber._head(asked, 0, len(asked))
    _, _, at = snmp_ber._head(asked, at + 3, end)
    _, at, end = snmp_ber._head(asked, at, end)
    return snmp_ber._number(asked, at, end)[0].to_bytes(4, "big")


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    fleet = Fleet()
    yield fleet
    fleet.close()


def with_probe(name: str, probe: str, timeout_s: float, settings: Mapping[str, object]) -> DeviceConfig:
    return replace(
        device(name, period_s=PERIOD_S),
        probes=(ProbeUse(name=probe, label=probe, every_s=PERIOD_S, timeout_s=timeout_s, settings=settings),),
    )


def ups(number: int, port: int) -> DeviceConfig:
    given = {"host": "127.0.0.1", "port": port, "family": "ups", "try_s": 1.0, "tries": 3, "timeout_s": 3.5}
    return with_probe(f"ups-{number}", "snmp", 3.5, complete(probes.load("snmp"), given))


class Watched:
    """The agent, run for a while; when each sample of each device was taken, and when its round began."""

    def __init__(self, folder: Path, *devices: DeviceConfig, stuck: Warden | None = None) -> None:
        warden = Warden()

        def load(name: str) -> Probe:
            return stuck.load(name) if stuck is not None and name == "fifo" else warden.load(name)

        self.clock = SystemClock()
        self.agent = Agent(config(str(folder), *devices), clock=self.clock, load=load, stopping=lambda: True)
        self.agent._warden = warden  # closed with the agent
        self.samples: list[tuple[int, dict[str, Any]]] = []
        take = self.agent.spool.take

        def taken(record: dict[str, Any]) -> Any:
            if record["kind"] == "sample":
                self.samples.append((self.clock.now().mono, record))
            return take(record)

        self.agent.spool.take = taken  # type: ignore[method-assign]

    def run(self, seconds: float) -> None:
        timer = threading.Timer(seconds, self.agent.stop)
        timer.start()
        began = time.monotonic()
        self.agent.run()
        self.stopped_s = time.monotonic() - began - seconds

    def delays(self, device: str) -> list[int]:
        """Of each round of a device after the first: how late it began, and how long after that it was a sample."""
        plan = next(turn for turn in self.agent._plan if turn.device == device)
        mine = [(at, one) for at, one in self.samples if one["device"] == device][1:]
        late = [(one["mono"] - plan.phase_ms) % plan.every_ms for _, one in mine]
        return late + [at - one["mono"] for at, one in mine]


def test_twelve_dead_snmp_devices_of_forty_delay_none_of_the_others(fleet: Fleet, tmp_path: Path) -> None:
    watched = Watched(tmp_path, *[ups(number, port) for number, port in enumerate(fleet.ports)])

    watched.run(3.5 * PERIOD_S)

    living = [f"ups-{number}" for number in range(DEAD, TARGETS)]
    delays = {name: watched.delays(name) for name in living}
    assert min(len(each) for each in delays.values()) >= 4  # two rounds and their two figures
    assert max(max(each) for each in delays.values()) < JITTER_MS
    answers = [one for _, one in watched.samples if one["device"] in living]
    assert all(one["readings"]["ups.charge_percent"] == 81 for one in answers)
    dead = [one for _, one in watched.samples if one["device"] == "ups-0"]
    assert dead[0]["failed"]["snmp"][0] == "timeout"
    assert watched.stopped_s < 5


def test_a_serial_port_that_never_answers_and_a_read_that_never_returns_delay_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    silent = Line(lambda asked: b"")
    printer = complete(probes.load("escpos"), {"port": silent.port, "timeout_s": 3.5})
    host = complete(probes.load("host"), {})
    stuck = Warden({"fifo": "tests.agent.stuck.fifo"})
    watched = Watched(
        tmp_path / "data",
        with_probe("kiosk-7", "host", 3.5, host),
        with_probe("printer-7", "escpos", 3.5, printer),
        with_probe("bus-31", "fifo", 1.0, {"path": str(tmp_path / "fifo")}),
        stuck=stuck,
    )

    watched.run(4.2 * PERIOD_S)
    stuck.close()
    silent.close()

    delays = watched.delays("kiosk-7")
    assert len(delays) >= 4
    assert max(delays) < JITTER_MS
    told = [one["failed"] for _, one in watched.samples if one["device"] == "bus-31"]
    assert len(told) >= 3
    assert {failure["fifo"][0] for failure in told} == {"hung"}
    assert len({failure["fifo"][1] for failure in told}) == 1  # since when: always the same moment
    silences = [one["failed"]["escpos"][0] for _, one in watched.samples if one["device"] == "printer-7"]
    assert set(silences) == {"timeout"}
    assert watched.stopped_s < 5


def test_the_agent_ends_on_sigterm_though_a_process_of_its_probes_stands_still(tmp_path: Path) -> None:
    """A cell that is stopped (SIGSTOP) answers nothing and runs no handler, as one does that the kernel holds."""
    configuration = tmp_path / "agent.toml"
    configuration.write_text(
        f'[agent]\nid = "kiosk-7"\ngroup = "south"\ndata = "{tmp_path}/data"\n[broker]\nhost = "127.0.0.1"\nport = 1\n'
        "[spool]\nfree_floor_bytes = 0\n"
        '[[device]]\nid = "kiosk-7"\nkind = "kiosk"\nperiod_s = 2\n[[device.probe]]\nname = "host"\ntimeout_s = 1\n'
    )
    with (tmp_path / "log").open("wb") as log:
        agent = subprocess.Popen([sys.executable, "-m", "roundsman_agent", "run", str(configuration)], stderr=log)
    cell = _cell_of(agent.pid)
    os.kill(cell, signal.SIGSTOP)
    time.sleep(3)  # a round begins meanwhile, and finds the cell standing still

    began = time.monotonic()
    agent.terminate()
    code = agent.wait(20)

    assert code == 0
    assert time.monotonic() - began < 5
    assert "is replaced" in (tmp_path / "log").read_text()


def _is_checking(pid: str) -> bool:
    try:
        return "check" in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:  # it has just ended
        return True


def _cell_of(pid: int) -> int:
    """The agent's cell, once it has one."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if not _is_checking(child):
                time.sleep(3)  # it has served a visit; who was about to check the configuration has ended
                if Path(f"/proc/{child}").exists():
                    return int(child)
        time.sleep(0.05)
    raise AssertionError("the agent has started no cell")
