"""An agent gets onto a device over TLS and off it again: the commands a person types, the programs as they are.

The broker listens on 127.0.0.2, which stands in for an address that other machines can reach.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from roundsman_collector.store.reads import View
from tests.brokers import until
from tests.story.site import PATIENCE_S, ROOT, Program
from tests.systemd import Manager

pytestmark = pytest.mark.slow

AT = "127.0.0.2"
TOML = """
[data]
folder = "data"
[broker]
listen = "{at}:{port}"
[collector]
ack_every_s = 0.2
[api]
port = 0
"""


def listened_by(manager: Manager) -> dict[str, str]:
    """The environment of a program that says how it is."""
    return {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "1000000"}


class Place:
    """A collector that others can reach, and the machine of kiosk-7."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.config = folder / "roundsman.toml"
        self.config.write_text(TOML.format(at=AT, port=port))
        self.collectors_manager, self.agents_manager = Manager(), Manager()
        up = [sys.executable, "-m", "tests.story.brisk_collector", "up", "--config", str(self.config)]
        self.collector = Program("collector", up, folder / "collector.log", listened_by(self.collectors_manager))
        run = [sys.executable, "-m", "roundsman_agent", "run", str(folder / "agent.toml")]
        self.agent = Program("kiosk-7", run, folder / "kiosk-7.log", listened_by(self.agents_manager))

    def close(self) -> None:
        self.agent.abandon()
        self.collector.abandon()
        self.agents_manager.close()
        self.collectors_manager.close()

    def roundsman(self, *words: str) -> str:
        """What the command prints; it has to go well."""
        command = [sys.executable, "-m", "roundsman_collector.cli", *words, "--config", str(self.config)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        assert done.returncode == 0, f"{words}: {done.stderr}\n{self.collector.tail()}"
        return done.stdout

    def add(self) -> str:
        """Let kiosk-7 in; its password. It polls every second and comes back at once, so that the tale is short."""
        said = self.roundsman("agent", "add", "kiosk-7", "--group", "south", "--device", "kiosk-7:kiosk:local")
        said = said.replace("local = true", "local = true\nperiod_s = 1.0") + "\n[uplink]\nreconnect_spread_s = 0.2\n"
        file = self.folder / "agent.toml"
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(said)
        return next(line.split('"')[1] for line in said.splitlines() if line.startswith("password"))

    def listed(self) -> dict[str, Any]:
        [agent] = json.loads(self.roundsman("agent", "list", "--json"))
        return {name: agent[name] for name in ("agent", "state", "devices")}

    def received_ms(self) -> int:
        """When the collector heard of kiosk-7 last."""
        with View.open(self.folder / "data" / "roundsman.sqlite3") as view:
            found = view.device("kiosk-7")
        return (found.received_ms or 0) if found is not None else 0

    def await_report(self) -> None:
        """Something newer than now comes in."""
        now_ms = int(time.time() * 1000)
        self.until(lambda: self.received_ms() > now_ms, "a report of kiosk-7 comes in")

    def until(self, happened: Callable[[], Any], what: str, seconds: float = PATIENCE_S) -> None:
        try:
            until(happened, what, seconds)
        except pytest.fail.Exception as failure:
            raise pytest.fail.Exception(f"{failure}\n{self.collector.tail()}\n{self.agent.tail()}") from failure


@pytest.fixture
def place(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Place]:
    made = Place(tmp_path, free_port())
    yield made
    made.close()


def test_an_agent_is_added_reports_over_tls_is_revoked_refused_and_comes_back(place: Place) -> None:
    place.roundsman("init-tls", "--name", AT)
    place.collector.start()
    place.until(lambda: "READY=1" in place.collectors_manager.words(), "the collector says that it is ready")

    first = place.add()
    place.agent.start()
    place.await_report()
    assert place.listed() == {"agent": "kiosk-7", "state": "may report", "devices": ["kiosk-7"]}
    assert "READY=1" in place.agents_manager.words()

    place.roundsman("init-tls")  # a renewal while everything runs
    place.until(lambda: "the broker has a new certificate" in place.collector.words(), "the renewal is noticed")
    place.await_report()
    assert place.agent.words().count("connected to") == 1

    place.roundsman("agent", "revoke", "kiosk-7")
    place.until(lambda: "no connection" in place.agent.words(), "the agent is cut off within 2 s", seconds=2.0)
    place.until(lambda: "Not authorized" in place.agent.words(), "the agent is refused")
    last_ms = place.received_ms()
    assert place.listed() == {"agent": "kiosk-7", "state": "revoked", "devices": []}

    second = place.add()
    assert second != first
    place.agent.stop()
    assert place.received_ms() == last_ms
    place.agent.start()
    place.await_report()

    place.roundsman("agent", "rotate", "kiosk-7")
    place.until(
        lambda: "no connection" in place.agent.words_of_this_run(), "who has the old password is cut off", seconds=2.0
    )
    managers = (place.collectors_manager, place.agents_manager)
    for manager in managers:
        manager.words()  # or there is no room for more words: the kernel keeps few
    place.agent.stop()
    place.collector.stop()
    for manager in managers:
        assert {"READY=1", "WATCHDOG=1", "STOPPING=1"} <= manager.words()
    assert "Traceback" not in place.collector.words() + place.agent.words()


def test_a_collector_that_would_listen_without_tls_does_not_start(place: Place) -> None:
    place.config.write_text(place.config.read_text().replace(AT, "0.0.0.0"))

    done = subprocess.run(
        [sys.executable, "-m", "roundsman_collector.cli", "up", "--config", str(place.config)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )

    assert done.returncode == 78
    assert "roundsman init-tls --name HOST" in done.stderr
