"""The app probe: real processes that run, hang, die and start again, and what a look at them means."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_agent.check import check
from roundsman_agent.clock import SystemClock
from roundsman_agent.config import ConfigError
from roundsman_agent.once import poll_config
from roundsman_agent.probe import Answer, ProbeError, SettingError, complete
from roundsman_agent.probes import app
from roundsman_agent.probes.app import Look, Process, matches
from roundsman_wire.catalogue import FAILURES, misfit
from tests.agent.web_servers import OK, Scripted, certificates, dripping

NOW = 1_795_233_600.0
KIOSK = Look(
    now_s=NOW,
    process=Process(started_s=NOW - 5000, is_stopped=False),
    restarts=0,
    beat_s=None,
    page=None,
    transaction_s=None,
)
SLEEPER = "import sys, time\ntime.sleep(600)"


def settings(**more: object) -> dict[str, object]:
    return complete(app.probe, {"instance": "kiosk", "timeout_s": 5.0, **more})


def visited(**more: object) -> Answer:
    return app.parse(app.fetch(settings(**more)), settings(**more))


def now_s() -> float:
    return SystemClock().now().wall / 1000


def state(**more: object) -> object:
    return visited(**more).readings["app[kiosk].state"]


@pytest.fixture(autouse=True)
def nothing_is_known() -> None:
    app._known.clear()


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    made: list[subprocess.Popen[bytes]] = []

    def start(mark: str, *, source: str = SLEEPER) -> subprocess.Popen[bytes]:
        made.append(subprocess.Popen([sys.executable, "-c", source, mark]))
        return made[-1]

    yield start
    for one in made:
        one.kill()
        one.wait(10)


Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def mark() -> str:
    """What tells the processes of this test from all others."""
    return f"kiosk-{os.getpid()}-{time.monotonic_ns()}"


# --- processes --------------------------------------------------------------------------------------------------------


@pytest.mark.reads_only
def test_a_program_that_runs_is_running_and_is_left_alone(
    started: Start, mark: str, belongs_to_the_catalogue: Callable[[Answer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    process = started(mark)
    for name in ("kill", "system", "unlink", "rename", "posix_spawn", "fork"):
        monkeypatch.setattr(os, name, lambda *_, name=name, **__: pytest.fail(f"a visit called os.{name}"))
    for name in ("kill", "terminate", "suspend", "resume", "send_signal", "nice"):
        monkeypatch.setattr(psutil.Process, name, lambda *_, name=name: pytest.fail(f"a visit called {name}"))
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a visit started a process"))

    answer = visited(arguments=mark)

    monkeypatch.undo()
    belongs_to_the_catalogue(answer)
    assert answer == Answer(readings={"app[kiosk].state": "running", "app[kiosk].restarts": 0})
    assert process.poll() is None


def test_a_program_that_does_not_run_is_dead(mark: str, belongs_to_the_catalogue: Callable[[Answer], None]) -> None:
    answer = visited(arguments=mark)

    belongs_to_the_catalogue(answer)
    assert answer.readings["app[kiosk].state"] == "dead"


def test_a_program_that_ends_is_dead_and_one_that_is_defunct_too(started: Start, mark: str) -> None:
    process = started(mark)
    assert state(arguments=mark) == "running"

    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has collected it
    assert state(arguments=mark) == "dead"
    process.wait(10)

    assert state(arguments=mark) == "dead"


def test_a_program_that_was_stopped_hangs(started: Start, mark: str) -> None:
    process = started(mark)
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)

    assert state(arguments=mark) == "hung"
    process.send_signal(signal.SIGCONT)
    os.waitid(os.P_PID, process.pid, os.WCONTINUED)
    assert state(arguments=mark) == "running"


def test_restarts_are_counted_for_an_hour(started: Start, mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []
    for _ in range(4):
        process = started(mark)
        counts.append(visited(arguments=mark).readings["app[kiosk].restarts"])
        process.kill()
        process.wait(10)
    counts.append(visited(arguments=mark).readings["app[kiosk].restarts"])
    real = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + 3601)
    counts.append(visited(arguments=mark).readings["app[kiosk].restarts"])

    assert counts == [0, 1, 2, 3, 3, 0]


def test_children_that_come_and_go_are_no_restarts(started: Start, mark: str) -> None:
    started(mark)
    first = visited(arguments=mark)
    child = started(mark)
    visited(arguments=mark)
    child.kill()
    child.wait(10)

    assert visited(arguments=mark) == first


def test_a_program_is_known_by_its_path_and_by_its_name(started: Start, mark: str) -> None:
    process = started(mark)
    path = os.readlink(f"/proc/{process.pid}/exe")

    assert state(program=path, arguments=mark) == "running"
    assert state(program=os.path.basename(path), arguments=mark) == "running"
    assert state(program="pyth*", arguments=mark) == "running"
    assert state(program="/opt/kiosk/kiosk", arguments=mark) == "dead"
    assert state(program="kiosk", arguments=mark) == "dead"


@pytest.mark.parametrize(
    ("program", "arguments", "command", "path", "is_it"),
    [
        ("java", "kiosk.jar", ["/usr/bin/java", "-jar", "/opt/kiosk.jar"], "/usr/lib/jvm/bin/java", True),
        ("java", "other.jar", ["/usr/bin/java", "-jar", "/opt/kiosk.jar"], "/usr/lib/jvm/bin/java", False),
        ("/opt/kiosk/kiosk", "", ["/opt/kiosk/kiosk"], "/opt/kiosk/kiosk (deleted)", True),
        ("/opt/kiosk/kiosk", "", ["./kiosk"], "", True),  # of another user, started in its folder
        ("/opt/kiosk/kiosk", "", ["/tmp/kiosk"], "", False),
        ("/opt/kiosk/*", "", ["/opt/kiosk/kiosk-2.1"], "/opt/kiosk/kiosk-2.1", True),
        ("kiosk", "", ["/opt/kiosk/kiosk-2.1"], "", False),
        ("", "--kiosk", ["chromium", "--kiosk", "http://x"], "", True),
        ("", "--kiosk", ["--kiosk"], "", False),
        ("[", "", ["["], "", True),
    ],
)
def test_a_process_is_matched_by_program_and_arguments(
    program: str, arguments: str, command: list[str], path: str, is_it: bool
) -> None:
    assert matches(program, arguments, name=os.path.basename(command[0]), command=command, path=path) is is_it


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=20), st.lists(st.text(max_size=40), max_size=5))
def test_whatever_processes_are_called_they_match_or_not(
    program: str, arguments: str, name: str, command: list[str]
) -> None:
    assert matches(program, arguments, name=name, command=command, path="") in (True, False)


def test_where_processes_of_others_are_hidden_nothing_is_called_dead(
    mark: str, monkeypatch: pytest.MonkeyPatch, belongs_to_the_catalogue: Callable[[Answer], None]
) -> None:
    real = os.path.exists
    monkeypatch.setattr(os.path, "exists", lambda path: path != "/proc/1" and real(path))

    answer = visited(arguments=mark)

    belongs_to_the_catalogue(answer)
    assert answer.readings == {"app[kiosk].state": None}
    code, detail = answer.failed["app[kiosk].state"]
    assert (code, "ProtectProc=default" in detail) == ("permission", True)


def test_a_process_that_may_not_be_looked_at_could_be_the_one(mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: psutil.Process) -> list[str]:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil.Process, "cmdline", refused)

    assert visited(arguments=mark).failed["app[kiosk].state"][0] == "permission"


# --- heartbeats -------------------------------------------------------------------------------------------------------


def test_a_heartbeat_file_that_grows_old_is_a_program_that_hangs(started: Start, mark: str, tmp_path: Path) -> None:
    beat = tmp_path / "alive"
    started(mark)
    more = {"arguments": mark, "heartbeat_file": str(beat), "heartbeat_s": 30.0}

    assert state(**more) == "running"  # it has just started, and has half a minute for its first sign
    beat.touch()
    assert state(**more) == "running"
    os.utime(beat, (now_s() - 3600, now_s() - 3600))
    assert state(**more) == "running"  # still: of the program before
    look = app.fetch(settings(**more))
    later = replace(look, now_s=look.now_s + 31)
    assert app.parse(later, settings(**more)).readings["app[kiosk].state"] == "hung"


def test_a_page_that_answers_is_a_program_that_lives(mark: str) -> None:
    asked = Scripted(lambda _: OK)
    try:
        assert state(heartbeat_url=asked.url + "health") == "running"
    finally:
        asked.close()
    assert asked.requests[0].startswith(b"GET /health HTTP/1.1\r\n")
    assert state(heartbeat_url=asked.url) == "dead"  # nothing listens there any more


def test_a_page_over_tls_need_not_prove_that_it_is_this_machine(tmp_path: Path) -> None:
    asked = Scripted(lambda _: OK, tls=certificates(tmp_path, days=-1).context())
    try:
        assert state(heartbeat_url=asked.url) == "running"
    finally:
        asked.close()


def test_a_page_that_does_not_answer_in_time_is_a_program_that_hangs() -> None:
    silent: Scripted = Scripted(lambda _: dripping(OK, 30, silent.is_closed))
    begin = time.monotonic()
    try:
        assert state(heartbeat_url=silent.url, timeout_s=1.0) == "hung"
    finally:
        silent.close()
    assert time.monotonic() - begin < 1.0


def test_a_page_of_garbage_is_a_program_that_hangs() -> None:
    garbage = Scripted(lambda _: b"\xff\x00\n")
    try:
        assert state(heartbeat_url=garbage.url) == "hung"
    finally:
        garbage.close()


@pytest.mark.parametrize("url", ["http://192.168.1.1/", "http://127.0.0.1.evil.example/", "http://kiosk.example/", "x"])
def test_a_heartbeat_of_another_machine_is_refused_unasked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("it was looked up"))

    with pytest.raises(SettingError, match="heartbeat_url"):
        settings(heartbeat_url=url)
    with pytest.raises(ProbeError, match="bad_setting: heartbeat_url"):
        app.fetch({**settings(), "heartbeat_url": url})


# --- transactions -----------------------------------------------------------------------------------------------------


def test_the_minutes_since_the_last_transaction_are_told_and_nothing_else_of_the_log(
    tmp_path: Path, belongs_to_the_catalogue: Callable[[Answer], None]
) -> None:
    log = tmp_path / "app.log"
    then = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now_s() - 600))
    log.write_text(f"{then} 交易成功 金额=128.00 卡号=6222021234567890123\n{then} 查询\n")
    more = {"log": str(log), "transaction": "交易成功"}

    look = app.fetch(settings(**more))

    answer = app.parse(look, settings(**more))
    belongs_to_the_catalogue(answer)
    assert set(answer.readings) == {"app[kiosk].idle_min"}
    assert 9.9 <= float(answer.readings["app[kiosk].idle_min"] or 0) <= 10.2
    assert "6222" not in repr(look)
    assert "128" not in repr(replace(look, now_s=0.0, transaction_s=None))


def test_a_log_that_is_not_there_leaves_the_state_as_it_is(started: Start, mark: str, tmp_path: Path) -> None:
    started(mark)

    answer = visited(arguments=mark, log=str(tmp_path / "none.log"), transaction="x")

    assert answer.readings == {"app[kiosk].state": "running", "app[kiosk].restarts": 0, "app[kiosk].idle_min": None}
    assert answer.failed["app[kiosk].idle_min"][0] == "absent"


@pytest.mark.parametrize("more", [{}, {"log": "/var/log/x"}, {"transaction": "x"}])
def test_settings_that_make_no_sense_together_are_named(more: dict[str, object]) -> None:
    with pytest.raises(ProbeError, match="bad_setting"):
        app.fetch(settings(**more))


@pytest.mark.parametrize("pattern", ["(a+)+$", "("])
def test_an_expression_that_cannot_be_used_is_refused_when_the_configuration_is_checked(pattern: str) -> None:
    with pytest.raises(SettingError, match="transaction"):
        settings(log="/var/log/x", transaction=pattern)
    with pytest.raises(ProbeError, match="bad_setting"):
        app.fetch({**settings(log="/var/log/x", transaction="x"), "transaction": pattern})


# --- what a look means ------------------------------------------------------------------------------------------------

TROUBLE = ("permission", "no")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "running"),
        ({"process": None}, "dead"),
        ({"process": TROUBLE}, None),
        ({"process": Process(started_s=NOW - 5000, is_stopped=True)}, "hung"),
        ({"beat_s": NOW - 119}, "running"),
        ({"beat_s": NOW - 121}, "hung"),
        ({"beat_s": None}, "hung"),
        ({"beat_s": None, "process": Process(started_s=NOW - 60, is_stopped=False)}, "running"),
        ({"beat_s": NOW + 3600}, None),
        ({"beat_s": TROUBLE}, None),
        ({"beat_s": NOW - 500, "process": TROUBLE}, "hung"),
        ({"beat_s": None, "process": TROUBLE}, None),
        ({"page": 503}, "hung"),
        ({"page": 404}, None),
        ({"page": 302}, "running"),
        ({"page": ("timeout", "")}, "hung"),
        ({"page": ("refused", "")}, "hung"),
        ({"page": ("refused", ""), "process": Process(started_s=NOW - 60, is_stopped=False)}, "running"),
        ({"page": ("refused", ""), "process": None}, "dead"),
        ({"page": ("no_route", "")}, None),
        ({"page": None}, None),
        ({"page": 503, "beat_s": TROUBLE}, "hung"),
    ],
)
def test_what_was_seen_is_dead_hung_running_or_unknown(change: dict[str, object], expected: str | None) -> None:
    look = replace(KIOSK, **{"beat_s": NOW - 1, "page": 200, **change})  # type: ignore[arg-type]

    answer = app.parse(look, settings(program="kiosk", heartbeat_file="/run/alive", heartbeat_url="http://127.0.0.1/"))

    assert answer.readings["app[kiosk].state"] == expected
    assert ("app[kiosk].state" in answer.failed) == (expected is None)


troubles = st.tuples(st.text(max_size=10), st.text(max_size=500))


@given(
    st.builds(
        Look,
        now_s=st.floats(),
        process=st.one_of(st.none(), troubles, st.builds(Process, started_s=st.floats(), is_stopped=st.booleans())),
        restarts=st.integers(),
        beat_s=st.one_of(st.none(), st.floats(), troubles),
        page=st.one_of(st.none(), st.integers(), troubles),
        transaction_s=st.one_of(st.none(), st.floats(), troubles),
    ),
    st.dictionaries(
        st.sampled_from(["program", "heartbeat_file", "heartbeat_url", "log", "instance"]), st.text(max_size=20)
    ),
)
def test_whatever_was_seen_every_reading_fits_or_is_explained(look: Look, more: dict[str, object]) -> None:
    answer = app.parse(look, {**settings(), **more})

    assert [text for name, value in answer.readings.items() if (text := misfit(name, value))] == []
    assert {name for name, value in answer.readings.items() if value is None} == set(answer.failed)
    assert {code for code, _ in answer.failed.values()} <= set(FAILURES)


# --- as the agent uses it ---------------------------------------------------------------------------------------------

CONFIG = """
[agent]
id = "gw-2"
group = "south"
data = "data"

[broker]
host = "127.0.0.1"

[[device]]
id = "kiosk-7"
kind = "kiosk"
local = true

[[device.probe]]
name = "app"
instance = "kiosk"
arguments = "{mark}"
log = "app-*.log"
transaction = "{pattern}"
"""


def test_a_program_is_looked_at_from_a_process_of_its_own(started: Start, mark: str, tmp_path: Path) -> None:
    started(mark)
    path = tmp_path / "agent.toml"
    path.write_text(CONFIG.format(mark=mark, pattern="OK").replace("app-*", f"{tmp_path}/app-*"))
    (tmp_path / "app-1.log").write_text("OK\n")

    (sample,) = poll_config(str(path))

    assert sample["readings"] == {"app[kiosk].state": "running", "app[kiosk].restarts": 0, "app[kiosk].idle_min": 0.0}
    assert "failed" not in sample


def test_a_mistake_in_an_expression_is_told_with_its_line(mark: str, tmp_path: Path) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(CONFIG.format(mark=mark, pattern="(a+)+"))

    with pytest.raises(ConfigError, match=r"agent\.toml:20: .*transaction: .*repeats a repetition"):
        check(str(path))
