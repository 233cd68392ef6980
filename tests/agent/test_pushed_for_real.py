"""A pushed configuration and a real process: it comes into force without a new one, and survives being killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roundsman_agent import pushed
from roundsman_agent.pushed import STARTS
from roundsman_wire import topics
from roundsman_wire.codec import config_hash, rows
from tests.agent.tiny_broker import TinyBroker, until
from tests.systemd import Manager

pytestmark = pytest.mark.alone

CONFIG = """
[agent]
id = "gw-2"
group = "south"
data = "data"
[broker]
host = "127.0.0.1"
port = {port}
[spool]
free_floor_bytes = 0
[uplink]
reconnect_min_s = 0.1
[[device]]
id = "kiosk-7"
kind = "kiosk"
local = true
period_s = 1
[[device.probe]]
name = "host"
"""
BODY: dict[str, Any] = {
    "device": [{"id": "nvr-2", "kind": "nvr", "local": True, "period_s": 1, "probe": [{"name": "host"}]}]
}
HASH = config_hash(BODY)


class Place:
    """A data folder, a broker, and the process that works between them."""

    def __init__(self, folder: Path, broker: TinyBroker) -> None:
        self.folder, self.broker = folder, broker
        self.config = folder / "agent.toml"
        self.config.write_text(CONFIG.format(port=broker.port))
        self.process: subprocess.Popen[str] | None = None
        self.manager = Manager()

    def start(self, fault: str = "") -> "subprocess.Popen[str]":
        environment = {
            **os.environ,
            "ROUNDSMAN_FAULT": fault,
            "NOTIFY_SOCKET": self.manager.address,
            "WATCHDOG_USEC": "60000000",
        }
        self.broker.published.clear()
        self.broker.subscribed.clear()
        command = [sys.executable, "-m", "roundsman_agent", "run", str(self.config)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        return self.process

    def is_listening(self) -> bool:
        return self.topic in self.broker.subscribed

    @property
    def topic(self) -> str:
        return topics.down("south", "gw-2", topics.CONFIG)

    def push(self, body: dict[str, Any] = BODY, **more: Any) -> None:
        message = {"v": 1, "hash": config_hash(body), "body": body, "rollback_s": 600, **more}
        self.broker.send(self.topic, message, qos=1)

    def hashes(self) -> list[str]:
        return [birth["config_hash"] for birth in self.broker.leaf("birth")]

    def acknowledge(self) -> None:
        """What a collector says when it has everything."""
        birth = self.broker.leaf("birth")[-1]
        body = {
            "v": 1,
            "stream": birth["streams"][0]["id"],
            "epoch": "e-1",
            "upto": 0,
            "at": birth["sent"]["wall"],
            "echo": birth["sent"]["mono"],
        }
        self.broker.send(topics.down("south", "gw-2", topics.ACK), body)

    def results(self) -> list[tuple[str, bool, str]]:
        return [(one["command"], one["ok"], one["detail"]) for one in self.records() if one["kind"] == "result"]

    def records(self) -> list[Any]:
        """All that was reported, in the order in which it came."""
        reports = [*self.broker.leaf("report"), *self.broker.leaf("history")]
        return [record for report in reports for record in rows(report)]

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        assert self.process is not None
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> tuple[int, str]:
        assert self.process is not None
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, errors

    def journal(self) -> pushed.Journal:
        return pushed.read(str(self.folder / "data"))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with TinyBroker() as broker:
        place = Place(tmp_path, broker)
        yield place
        if place.process is not None and place.process.poll() is None:
            place.process.kill()
            place.process.communicate()
        place.manager.close()


def test_a_push_comes_into_force_in_the_same_process_and_is_confirmed(place: Place) -> None:
    process = place.start()
    until(place.is_listening, "the agent listens")
    until(lambda: place.broker.leaf("report"), "it reports")

    place.push()
    until(lambda: HASH in place.hashes(), "a birth names the new configuration")
    place.acknowledge()
    until(place.results, "the result")

    assert process.poll() is None
    assert place.results() == [(f"config:{HASH}", True, "in force")]
    assert [device["device"] for device in place.broker.leaf("birth")[-1]["devices"]] == ["nvr-2"]
    said = place.manager.heard()
    assert (said.count("READY=1"), said.count("STOPPING=1")) == (1, 0)
    code, errors = place.end()
    assert code == 0
    assert "Traceback" not in errors
    assert next(body["streams"][0]["id"] for body in place.broker.leaf("birth")) in errors
    again = place.journal()
    assert (again.trial, again.settled and again.settled.hash) == (None, HASH)


def test_nothing_that_was_taken_is_lost_on_the_way(place: Place) -> None:
    place.start()
    until(lambda: place.is_listening() and place.broker.leaf("report"), "it reports")
    place.push()
    until(lambda: HASH in place.hashes(), "the new configuration is in force")
    until(lambda: len(numbers(place)) >= 5, "it goes on reporting")
    place.end()

    found = sorted(numbers(place))
    births = place.broker.leaf("birth")
    assert found == list(range(1, found[-1] + 1))
    assert len({birth["streams"][0]["id"] for birth in births}) == 1
    assert "gap" not in {record["kind"] for record in place.records()}


def numbers(place: Place) -> set[int]:
    return {record["n"] for record in place.records()}


@pytest.mark.parametrize(
    ("fault", "in_force"),
    [("config.before_trial", False), ("config.after_trial", True), ("config.started:2", True)],
)
def test_killed_at_any_point_the_next_start_has_the_old_one_or_the_trial(
    place: Place, fault: str, in_force: bool
) -> None:
    place.start(fault)
    until(place.is_listening, "the agent listens")
    place.push()
    code, _ = place.ended()
    assert code == -signal.SIGKILL

    place.start()
    until(place.hashes, "the next life")

    assert (place.hashes()[-1] == HASH) == in_force
    assert place.end()[0] == 0


def test_a_crash_loop_ends_in_the_old_configuration(place: Place) -> None:
    place.start("config.after_trial")
    until(place.is_listening, "the agent listens")
    place.push()
    place.ended()

    for _ in range(STARTS):
        place.start("uplink.after_birth")
        assert place.ended()[0] == -signal.SIGKILL
    place.start()
    until(lambda: place.hashes() and place.results(), "the last life")

    assert HASH not in place.hashes()
    assert place.results()[0][:2] == (f"config:{HASH}", False)
    assert "started 3 times and was never confirmed" in place.results()[0][2]
    assert place.end()[0] == 0


def test_a_stop_during_a_trial_is_a_stop(place: Place) -> None:
    place.start()
    until(place.is_listening, "the agent listens")
    place.push()
    until(lambda: HASH in place.hashes(), "the new configuration is in force")

    code, errors = place.end()

    assert code == 0, errors
    assert "STOPPING=1" in place.manager.heard()
    assert place.journal().trial is not None


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"\x00garbage", "not JSON"),
        (json.dumps({"v": 1, "hash": HASH, "body": {}, "rollback_s": 600}).encode(), "damaged on the way"),
    ],
    ids=["garbage", "altered"],
)
def test_a_corrupted_push_is_a_log_line_and_a_refusal_and_nothing_is_lost(
    place: Place, payload: bytes, why: str
) -> None:
    place.start()
    until(lambda: place.is_listening() and place.broker.leaf("report"), "it reports")
    before = place.hashes()[-1]

    place.broker.send(place.topic, payload, qos=1)
    until(place.results, "the refusal")
    taken = max(numbers(place))
    until(lambda: max(numbers(place)) > taken + 1, "it goes on reporting")

    ((command, is_ok, detail),) = place.results()
    _, errors = place.end()
    assert (command.partition(":")[0], is_ok, why in detail) == ("config", False, True)
    assert why in errors
    assert place.hashes()[-1] == before
    found = sorted(numbers(place))
    assert found == list(range(1, found[-1] + 1))


def test_a_push_that_pydantic_refuses_is_told_with_its_cause(place: Place) -> None:
    place.start()
    until(place.is_listening, "the agent listens")
    place.push({"device": [{"id": "nvr-2", "kind": "nvr", "probe": [{"name": "hots"}]}]})
    until(place.results, "the refusal")

    ((_, is_ok, detail),) = place.results()
    assert (is_ok, "there is no such probe; expected 'host'?" in detail) == (False, True)
    assert place.end()[0] == 0
