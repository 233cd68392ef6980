"""The agent's loop as a whole: real spool, real threads, a broker at the socket, told time."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from roundsman_agent.agent import Agent
from roundsman_agent.probe import Probe, ProbeError
from roundsman_agent.ready import Supervisor
from roundsman_agent.spool import Spool
from tests.agent.cast import BOOT, START, T0, ToldClock, config, device, later, probe
from tests.agent.tiny_broker import TinyBroker

pytestmark = pytest.mark.alone


class Stage:
    """An agent with probes of the test's own; `play` turns its loop until something has happened."""

    def __init__(self, folder: Path, probes: list[Probe], *devices: Any, port: int = 1, clock: ToldClock | None = None):
        self.clock = clock or ToldClock()
        named = {one.name: one for one in probes}
        self.agent = Agent(
            config(str(folder), *devices, port=port),
            clock=self.clock,
            load=named.__getitem__,
            stopping=lambda: True,
        )

    def play(self, happened: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + 10
        while not happened():
            assert time.monotonic() < deadline, f"not within 10 s: {what}"
            self.agent.step()
            time.sleep(0.002)

    def records(self, kind: str = "sample") -> list[dict[str, Any]]:
        return [dict(one) for one in self.agent.spool.unsettled(0, 10_000) if one["kind"] == kind]

    def samples(self, count: int, device: str | None = None) -> list[dict[str, Any]]:
        """Play until there are so many samples, of one device or of all."""

        def found() -> list[dict[str, Any]]:
            return [one for one in self.records() if device in (None, one["device"])]

        self.play(lambda: len(found()) >= count, f"{count} samples")
        return found()

    def close(self) -> None:
        self.agent.uplink.close()
        self.agent.spool._abandon()
        self.agent._isolation.close()


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    gate = threading.Event()
    yield gate
    gate.set()


def failing(code: str = "timeout", detail: str = "3 s") -> Callable[[], dict[str, Any]]:
    def fetch() -> dict[str, Any]:
        raise ProbeError(code, detail)

    return fetch


def test_all_probes_of_a_device_make_one_sample(tmp_path: Path) -> None:
    probes = [probe("host", lambda: {"host.cpu_percent": 12.5}), probe("escpos", lambda: {"printer.paper": "ok"})]
    stage = Stage(tmp_path, probes, device("kiosk-7", "host", "escpos"))

    (record,) = stage.samples(1)

    assert record["readings"] == {"host.cpu_percent": 12.5, "printer.paper": "ok"}
    assert (record["t"], record["mono"], record["valid_s"]) == (T0, START.mono, 90)
    stage.close()


def test_a_probe_that_fails_is_named_beside_what_the_others_read(tmp_path: Path) -> None:
    probes = [probe("host", lambda: {"host.cpu_percent": 12.5}), probe("escpos", failing())]
    stage = Stage(tmp_path, probes, device("kiosk-7", "host", "escpos"))

    (record,) = stage.samples(1)

    assert record["readings"] == {"host.cpu_percent": 12.5}
    assert record["failed"] == {"escpos": ["timeout", "3 s"]}
    stage.close()


def test_a_device_that_does_not_answer_has_a_sample_without_readings(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [probe("snmp", failing("no_route", "unreachable"))], device("nvr-2", "snmp"))

    (record,) = stage.samples(1)

    assert (record["readings"], record["failed"]) == ({}, {"snmp": ["no_route", "unreachable"]})
    stage.close()


def test_a_hung_probe_is_said_to_hang_and_delays_nobody(tmp_path: Path, gate: threading.Event) -> None:
    def hang() -> dict[str, Any]:
        gate.wait()
        return {"late": 1}

    probes = [probe("snmp", hang), probe("host", lambda: {"host.cpu_percent": 1.0})]
    stage = Stage(tmp_path, probes, device("nvr-2", "snmp", timeout_s=5), device("kiosk-7", "host"))
    began = time.monotonic()
    stage.samples(1, "kiosk-7")
    delay = time.monotonic() - began
    stage.clock.advance(5)
    stage.agent.step()
    assert stage.records() == stage.samples(1, "kiosk-7")  # a moment more, in which it could say what it waits for
    stage.clock.advance(1)
    (first,) = stage.samples(1, "nvr-2")
    stage.clock.advance(60)
    again = stage.samples(2, "nvr-2")[1]

    assert delay < 5  # the other one hangs for good
    assert first["t"] == T0
    assert first["readings"] == again["readings"] == {}
    assert first["failed"] == again["failed"] == {"snmp": ["hung", "no answer since 2026-11-21T10:39:00Z"]}
    assert again["t"] == later(66).wall
    gate.set()
    stage.play(lambda: not stage.agent._isolation.hung(), "the hung probe returned")
    stage.clock.advance(60)
    assert stage.samples(3, "nvr-2")[2]["readings"] == {"late": 1}
    stage.close()


def test_a_device_has_one_round_at_a_time(tmp_path: Path, gate: threading.Event) -> None:
    def slow() -> dict[str, Any]:
        gate.wait()
        return {"a": 1}

    stage = Stage(tmp_path, [probe("snmp", slow)], device("nvr-2", "snmp", timeout_s=600))
    stage.agent.step()
    stage.clock.advance(130)
    for _ in range(20):
        stage.agent.step()
    gate.set()

    first, second = stage.samples(2)
    assert (first["t"], first["readings"]) == (T0, {"a": 1})
    assert (second["t"], second["readings"]) == (later(130).wall, {"a": 1})
    stage.close()


def test_a_broken_probe_is_logged_once_when_it_breaks_and_once_when_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answers: list[Any] = [failing(), failing(), failing(), lambda: {"a": 1}, lambda: {"a": 1}]

    def fetch() -> Any:
        return answers.pop(0)()

    caplog.set_level(logging.INFO, "roundsman.agent")
    stage = Stage(tmp_path, [probe("snmp", fetch)], device("nvr-2", "snmp"))

    for count in range(1, 6):
        stage.samples(count)
        stage.clock.advance(60)

    assert [r.getMessage() for r in caplog.records if "nvr-2" in r.getMessage()] == [
        "nvr-2/snmp: timeout: 3 s",
        "nvr-2/snmp: is back after timeout",
    ]
    stage.close()


def test_a_probe_with_a_fault_of_its_own_is_a_failure_not_a_crash(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [probe("host", lambda: {}["missing"])], device("kiosk-7", "host"))

    (record,) = stage.samples(1)

    assert record["failed"] == {"host": ["crashed", "KeyError: 'missing'"]}
    stage.close()


def test_after_a_suspend_one_sample_is_taken_not_sixty(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [probe("host", lambda: {"a": 1})])
    stage.samples(1)

    stage.clock.advance(3600)
    stage.samples(2)
    for _ in range(50):
        stage.agent.step()
        time.sleep(0.001)

    assert len(stage.records()) == 2
    stage.close()


# --- boots, clocks ----------------------------------------------------------------------------------------------------


def boots(folder: Path, *starts: str, orderly: bool = True, system_stopping: bool | None = True) -> list[Any]:
    """Start in these boots one after the other; what the boot records say."""
    for i, boot in enumerate(starts):
        clock = ToldClock(replace(later(i * 100), boot=boot))
        stage = Stage(folder, [probe("host", lambda: {"a": 1})], clock=clock)
        found = [one["orderly"] for one in stage.records("boot")]
        if orderly:
            stage.agent.spool.close(now=clock.now(), system_stopping=system_stopping)
        stage.close()
    return found


def test_the_first_start_of_a_boot_writes_a_boot_record_and_the_second_does_not(tmp_path: Path) -> None:
    assert boots(tmp_path, "a", "a") == [None]
    assert boots(tmp_path, "b") == [None, True]


def test_a_shutdown_that_the_agent_did_not_see_was_not_orderly(tmp_path: Path) -> None:
    assert boots(tmp_path, "a", "b", orderly=False) == [None, False]


def test_an_agent_that_was_stopped_alone_cannot_know_how_the_machine_went_down(tmp_path: Path) -> None:
    assert boots(tmp_path, "a", "b", system_stopping=False) == [None, None]


@pytest.fixture
def broker() -> Iterator[TinyBroker]:
    with TinyBroker() as broker:
        yield broker


def online(tmp_path: Path, broker: TinyBroker, **settings: Any) -> Stage:
    stage = Stage(tmp_path, [probe("host", lambda: {"a": 1})], port=broker.port, **settings)
    stage.play(lambda: stage.agent.uplink.is_online and broker.leaf("report"), "the first report")
    return stage


def acknowledge(broker: TinyBroker, stage: Stage, *, off_ms: int, width_ms: int = 0) -> None:
    now = stage.clock.now()
    broker.send(
        "rm/1/south/gw-2/ack",
        {
            "v": 1,
            "stream": stage.agent.spool.stream,
            "epoch": "e1",
            "upto": 0,
            "at": now.wall + off_ms,
            "echo": now.mono - width_ms,
        },
    )


def test_a_clock_record_is_written_when_there_is_something_to_say(tmp_path: Path, broker: TinyBroker) -> None:
    stage = online(tmp_path, broker)
    stage.clock.advance(5)

    for off_ms, width_ms in [(60_000, 2000), (60_000, 2000), (60_000, 200), (90_000, 200)]:
        heard: list[Any] = []
        take = stage.agent.uplink._on_offset
        stage.agent.uplink._on_offset = lambda found, now, h=heard, t=take: (h.append(found), t(found, now))  # type: ignore
        acknowledge(broker, stage, off_ms=off_ms, width_ms=width_ms)
        stage.play(lambda h=heard: h, "the acknowledgement was heard")
        stage.agent.uplink._on_offset = take

    assert [(one["offset_ms"], one["error_ms"]) for one in stage.records("clock")] == [
        (61_000, 1001),
        (60_100, 101),
        (90_100, 101),
    ]
    stage.close()


def test_samples_of_a_clock_without_ntp_say_so(tmp_path: Path) -> None:
    clock = ToldClock(replace(START, ntp=False, wall=4_000))
    stage = Stage(tmp_path, [probe("host", lambda: {"a": 1})], clock=clock)

    (record,) = stage.samples(1)

    assert (record["ntp"], record["t"]) == (False, 4_000)
    assert stage.records("boot")[0]["ntp"] is False
    stage.close()


# --- commands ---------------------------------------------------------------------------------------------------------


def command(verb: str, **args: str) -> dict[str, Any]:
    return {
        "v": 1,
        "id": f"c-{verb}",
        "verb": verb,
        "args": args,
        "at": T0,
        "expires_s": 60,
        "issued_by": "li",
        "consent": None,
    }


def test_an_inspection_polls_now_and_says_when_it_is_done(tmp_path: Path, broker: TinyBroker) -> None:
    stage = online(tmp_path, broker)
    before = len(stage.records())
    stage.clock.advance(1)

    broker.send("rm/1/south/gw-2/cmd", command("inspect"), qos=1)
    broker.send("rm/1/south/gw-2/cmd", command("inspect"), qos=1)
    stage.play(lambda: stage.records("result"), "the result")

    assert len(stage.records()) == before + 1
    (result,) = stage.records("result")
    assert (result["command"], result["ok"]) == ("c-inspect", True)
    assert result["n"] > stage.records()[-1]["n"]
    stage.close()


@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        (command("inspect", device="bus-31"), "does not speak for bus-31"),
        (command("reboot"), "not in this agent's configuration"),
    ],
    ids=["a foreign device", "a foreign verb"],
)
def test_what_the_agent_does_not_do_is_answered(
    tmp_path: Path, broker: TinyBroker, sent: dict[str, Any], detail: str
) -> None:
    stage = online(tmp_path, broker)

    broker.send("rm/1/south/gw-2/cmd", sent, qos=1)
    stage.play(lambda: stage.records("result"), "the result")

    (result,) = stage.records("result")
    assert not result["ok"]
    assert detail in result["detail"]
    stage.close()


def test_asked_for_its_birth_the_agent_says_it(tmp_path: Path, broker: TinyBroker) -> None:
    stage = online(tmp_path, broker)

    broker.send("rm/1/south/gw-2/cmd", command("birth"), qos=1)
    broker.send("rm/1/south/gw-2/cmd", command("birth"), qos=1)  # the same again: QoS 1 may do that
    broker.send("rm/1/south/gw-2/cmd", command("inspect"), qos=1)
    stage.play(lambda: len(stage.records("result")) == 2, "both results")

    assert [one["command"] for one in stage.records("result")] == ["c-birth", "c-inspect"]
    assert len(broker.leaf("birth")) == 2
    assert broker.leaf("birth")[0]["hash"] == broker.leaf("birth")[1]["hash"]
    stage.close()


# --- the loop itself --------------------------------------------------------------------------------------------------


def test_stopping_says_goodbye_and_leaves_the_spool_in_order(tmp_path: Path, broker: TinyBroker) -> None:
    stage = online(tmp_path, broker)
    newest = stage.agent.spool.newest
    stage.agent.stop()

    stage.agent.run()

    again = Spool.open(str(tmp_path), now=later(60), free_floor_bytes=0)
    assert broker.leaf("state")[-1]["state"] == "offline"
    assert again.previous is not None
    assert again.previous.stopped is not None
    assert (again.previous.stopped.boot, again.previous.stopped.system_stopping) == (BOOT, True)
    assert (again.newest, again.losses()) == (newest, [])
    again._abandon()


def test_an_error_in_the_loop_is_logged_and_the_loop_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(tmp_path, [probe("host", lambda: {"a": 1})])
    steps = []

    def step() -> None:
        steps.append(1)
        if len(steps) == 1:
            raise RuntimeError("once")
        stage.agent.stop()

    monkeypatch.setattr(stage.agent, "step", step)
    monkeypatch.setattr("roundsman_agent.agent._PAUSE_AFTER_ERROR_S", 0.01)
    stage.agent.run()

    assert len(steps) == 2
    assert "something broke" in caplog.text


class Attentive(Supervisor):
    """A service manager that writes down what it is told."""

    def __init__(self) -> None:
        super().__init__("nowhere", watchdog_ms=2)
        self.said: list[str] = []

    def _say(self, text: str) -> bool:
        self.said.append(text)
        return True


def test_the_service_manager_is_told_that_it_is_ready_alive_and_stopping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path, [probe("host", lambda: {"a": 1})])
    manager = stage.agent._supervisor = Attentive()
    steps = []

    def step() -> None:
        steps.append(stage.clock.advance(1))
        if len(steps) in (1, 3):
            raise RuntimeError("who only fails says no sign of life")
        if len(steps) == 4:
            stage.agent.stop()

    monkeypatch.setattr(stage.agent, "step", step)
    monkeypatch.setattr("roundsman_agent.agent._PAUSE_AFTER_ERROR_S", 0.01)
    stage.agent.run()

    assert manager.said == ["READY=1", "WATCHDOG=1", "WATCHDOG=1", "STOPPING=1"]


def test_the_loop_sleeps_while_nothing_is_due(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [probe("host", lambda: {"a": 1})])
    stage.samples(1)
    stage.agent.uplink._dial_at = later(3600).mono
    stage.play(lambda: stage.agent.uplink._dialing is None, "the last dial came back")
    stage.agent.uplink._dial_at = later(3600).mono

    slept: list[float] = []
    stage.agent._sleep = slept.append  # type: ignore[method-assign]
    stage.agent.wait()

    assert slept[0] > 1
    stage.close()


def test_what_the_probes_cost_stands_in_a_sample_now_and_then_and_never_in_that_of_a_silent_device(
    tmp_path: Path,
) -> None:
    answers: list[Any] = [lambda: {"a": 1}, failing(), lambda: {"a": 1}]
    clock = ToldClock()
    stage = Stage(tmp_path, [probe("snmp", lambda: answers.pop(0)())], device("nvr-2", "snmp"), clock=clock)  # noqa: PLW0108  # each call takes the next
    stage.samples(1)

    clock.advance(3600)
    silent = stage.samples(2)[1]
    clock.advance(60)
    told = stage.samples(3)[2]

    assert silent["readings"] == {}
    assert told["readings"] == {"a": 1, "probe[snmp].took_ms": 0, "probe[snmp].failures": 1}
    stage.close()
