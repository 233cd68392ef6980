"""What the collector tells the service manager, on a real socket."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from roundsman_collector.ready import Supervisor


class Manager:
    """Listens where systemd would."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.setblocking(False)
        self.address = address

    def heard(self) -> list[str]:
        said = []
        while True:
            try:
                said.append(self.socket.recv(1000).decode())
            except BlockingIOError:
                return said


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(str(tmp_path / "notify"))
    yield made
    made.socket.close()


def test_while_it_waits_it_asks_for_time_then_it_is_ready_once_and_alive(manager: Manager) -> None:
    supervisor = Supervisor.of({"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "60000000"})

    for now_ms in (1_000, 1_200, 11_000):
        supervisor.waiting("for the broker", now_ms)
        supervisor.alive(now_ms)
    supervisor.ready("3 agents")
    supervisor.ready("4 agents")
    for now_ms in (12_000, 12_200, 42_000):
        supervisor.alive(now_ms)
    supervisor.waiting("for the broker", 80_000)
    supervisor.stopping()

    more_time = "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=waiting for the broker"
    ready = "READY=1\nSTATUS=3 agents"
    assert manager.heard() == [more_time, more_time, ready, "WATCHDOG=1", "WATCHDOG=1", "STOPPING=1"]


def test_children_do_not_speak_for_us_and_without_a_manager_nothing_is_said(manager: Manager) -> None:
    environment = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "HOME": "/"}

    Supervisor.of(environment)
    silent = Supervisor.of(environment)
    silent.ready("")
    silent.alive(1)

    assert environment == {"HOME": "/"}
    assert manager.heard() == []


def test_a_manager_that_cannot_be_told_is_told_later(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    supervisor = Supervisor.of({"NOTIFY_SOCKET": address})

    supervisor.ready("too early")
    manager = Manager(address)
    supervisor.ready("now")

    assert manager.heard() == ["READY=1\nSTATUS=now"]
    manager.socket.close()
