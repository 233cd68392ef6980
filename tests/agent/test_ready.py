"""What the agent tells the service manager, on a real socket."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from roundsman_agent.ready import Supervisor
from tests.systemd import Manager


@pytest.fixture(params=["a file", "abstract"])
def manager(request: pytest.FixtureRequest, socket_folder: Path) -> Iterator[Manager]:
    with Manager(socket_folder / "notify" if request.param == "a file" else None) as made:
        yield made


def test_it_is_ready_once_and_alive_at_half_the_time(manager: Manager) -> None:
    supervisor = Supervisor.of({"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "60000000"})

    supervisor.ready()
    supervisor.ready()
    for now_ms in (1_000, 1_001, 30_999, 31_000, 31_001, 100_000):
        supervisor.alive(now_ms)
    supervisor.stopping()

    assert manager.heard() == ["READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1", "STOPPING=1"]
    assert supervisor.wake_at(100_000) == 130_000


def test_children_do_not_speak_for_us(manager: Manager) -> None:
    environment = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "HOME": "/"}

    Supervisor.of(environment)

    assert environment == {"HOME": "/"}


@pytest.mark.parametrize(
    "environment",
    [
        {"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"},
        {"WATCHDOG_USEC": "soon"},
        {},
    ],
    ids=["another process", "no number", "none"],
)
def test_nobody_waits_for_a_sign_of_life(manager: Manager, environment: dict[str, str]) -> None:
    supervisor = Supervisor.of({"NOTIFY_SOCKET": manager.address, **environment})

    supervisor.alive(1_000)

    assert supervisor.wake_at(1_000) is None
    assert manager.heard() == []


def test_without_a_service_manager_nothing_is_said() -> None:
    supervisor = Supervisor.of({})

    supervisor.ready()
    supervisor.alive(1)
    supervisor.stopping()


def test_a_manager_that_cannot_be_told_is_told_later_and_complained_of_once(
    socket_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    address = socket_folder / "notify"
    supervisor = Supervisor.of({"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "60000000"})

    supervisor.ready()
    supervisor.alive(1_000)
    manager = Manager(address)
    supervisor.ready()
    supervisor.alive(1_001)

    assert manager.heard() == ["READY=1", "WATCHDOG=1"]
    assert len(caplog.records) == 1
    manager.close()
