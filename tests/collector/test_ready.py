"""What the collector tells the service manager, on a real socket."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from roundsman_collector.ready import Supervisor
from tests.systemd import Manager


@pytest.fixture
def manager() -> Iterator[Manager]:
    with Manager() as made:
        yield made


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


def test_a_manager_that_cannot_be_told_is_told_later(socket_folder: Path) -> None:
    address = socket_folder / "notify"
    supervisor = Supervisor.of({"NOTIFY_SOCKET": str(address)})

    supervisor.ready("too early")
    manager = Manager(address)
    supervisor.ready("now")

    assert manager.heard() == ["READY=1\nSTATUS=now"]
    manager.close()
