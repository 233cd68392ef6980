"""Programs that a probe runs: what they say, their status, and that none outlives its time."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from roundsman_agent import program
from roundsman_agent.program import Ran, found, ran


def soon(seconds: float = 20.0) -> float:
    return time.monotonic() + seconds


def shell(words: str, deadline: float | None = None, most: int = 1000) -> Ran:
    return ran(["/bin/sh", "-c", words], deadline=soon() if deadline is None else deadline, most=most)


def eventually(is_so: Callable[[], bool]) -> bool:
    deadline = soon(10)
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.01)
    return is_so()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_a_program_says_comes_with_its_status_whatever_that_is() -> None:
    assert shell("echo well; echo aside >&2; exit 68") == Ran(68, b"well\n")


def test_a_program_has_no_input_speaks_english_and_can_be_ended() -> None:
    assert shell("cat; echo $LC_ALL") == Ran(0, b"C\n")
    ask = "import signal; print(*(signal.getsignal(one) == signal.SIG_DFL for one in (2, 13, 15)))"
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as a cell has it
    try:
        told = ran([sys.executable, "-c", ask], deadline=soon(), most=1000)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert told.out.split()[2] == b"True"


def test_a_program_that_is_late_is_killed_with_all_it_started(tmp_path: Path) -> None:
    note = tmp_path / "pid"

    begin = time.monotonic()
    told = shell(f"echo first; sleep 60 & echo $! > {note}; wait", deadline=soon(0.5))

    assert told == Ran(None, b"first\n")
    assert time.monotonic() - begin < 5
    assert eventually(lambda: not is_alive(int(note.read_text())))


def test_a_child_that_keeps_the_line_open_does_not_keep_the_visit(tmp_path: Path) -> None:
    note = tmp_path / "pid"

    told = shell(f"sleep 60 & echo $! > {note}; echo done", deadline=soon(0.5))

    assert told == Ran(None, b"done\n")
    assert eventually(lambda: not is_alive(int(note.read_text())))


def test_a_program_that_closes_its_end_and_stays_is_killed_at_the_deadline() -> None:
    begin = time.monotonic()

    assert shell("exec >&-; sleep 60", deadline=soon(0.5)) == Ran(None, b"")
    assert time.monotonic() - begin < 5


def test_a_program_without_end_is_stopped_at_the_limit() -> None:
    begin = time.monotonic()

    told = ran(["/usr/bin/yes"], deadline=soon(), most=100_000)

    assert (told.status, len(told.out)) == (None, 100_000)
    assert time.monotonic() - begin < 5


def test_a_program_that_dies_of_a_signal_has_no_status() -> None:
    assert shell("echo last; kill -9 $$") == Ran(None, b"last\n")


def test_a_program_that_cannot_be_run_is_an_error_of_the_system(tmp_path: Path) -> None:
    open_before = len(os.listdir("/proc/self/fd"))

    with pytest.raises(FileNotFoundError):
        ran([f"{tmp_path}/none"], deadline=soon(), most=10)

    assert len(os.listdir("/proc/self/fd")) == open_before


def test_nothing_is_left_open(tmp_path: Path) -> None:
    open_before = len(os.listdir("/proc/self/fd"))

    for _ in range(3):
        shell("echo", most=10)
        shell("sleep 60", deadline=soon(0.05))

    assert len(os.listdir("/proc/self/fd")) == open_before


def test_a_program_is_looked_for_where_administrators_tools_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sbin = tmp_path / "sbin"
    sbin.mkdir()
    tool = sbin / "tool"
    tool.write_text("#!/bin/sh\n")
    monkeypatch.setenv("PATH", f"{tmp_path}::/nowhere")
    monkeypatch.setattr(program, "SBIN", (str(sbin),))

    assert found("tool") is None  # not to be run
    tool.chmod(0o755)
    assert found("tool") == str(tool)
    assert found("sbin") is None  # a folder
