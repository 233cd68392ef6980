"""`roundsman demo`, as people run it: the whole story unattended, a second run, and ends of every kind.

Each demo has a folder, ports and processes of its own; whatever names that folder in its command line belongs to it.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

DEMO = [sys.executable, "-m", "roundsman_collector.cli", "demo", "--lang", "en"]
STORY_WITHIN_S = 150
LINE_WITHIN_S = 90
GONE_WITHIN_S = 15


@dataclass(frozen=True, kw_only=True)
class Running:
    """A demo that runs: its process, its folder, the file that takes its lines."""

    process: subprocess.Popen[bytes]
    folder: Path
    lines: Path

    def said(self) -> str:
        return self.lines.read_text("utf-8")

    def until_said(self, words: str) -> None:
        """Wait for a line that has these words."""
        end = time.monotonic() + LINE_WITHIN_S
        while words not in self.said():
            assert self.process.poll() is None, f"the demo ended before it said {words!r}:\n{self.said()}"
            assert time.monotonic() < end, f"the demo never said {words!r}:\n{self.said()}"
            time.sleep(0.1)


@contextlib.contextmanager
def demo(folder: Path, *arguments: str) -> Iterator[Running]:
    """Start a demo; end it if the test did not."""
    lines = folder.with_name(f"{folder.name}-{'-'.join(arguments) or 'plain'}.txt")
    with lines.open("wb") as output:
        process = subprocess.Popen(
            [*DEMO, "--data", str(folder), *arguments], stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield Running(process=process, folder=folder, lines=lines)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(30)


def processes_of(folder: Path) -> dict[int, str]:
    """Everything alive that names the folder, but for what runs this test."""
    found = {}
    for one in psutil.process_iter(["cmdline", "status"]):
        command = " ".join(one.info["cmdline"] or [])
        if str(folder) in command and one.info["status"] != psutil.STATUS_ZOMBIE and one.pid != os.getpid():
            found[one.pid] = command
    return found


def assert_all_gone(folder: Path) -> None:
    end = time.monotonic() + GONE_WITHIN_S
    while left := processes_of(folder):
        assert time.monotonic() < end, f"left running: {left}"
        time.sleep(0.1)


@pytest.mark.slow
def test_the_whole_story_happens_unattended_and_a_second_run_goes_on_with_the_data(tmp_path: Path) -> None:
    folder = tmp_path / "demo"

    with demo(folder, "--headless", "--for", "120") as first:
        code = first.process.wait(STORY_WITHIN_S)

    assert code == 0, first.said()
    assert "everything happened" in first.said()
    assert processes_of(folder) == {}

    with demo(folder, "--headless") as second:
        second.until_said("nobody watched: the ledger says unknown")
        assert len(processes_of(folder)) >= 12, "collector, broker, API, 2 simulators, 3 devices, 4 agents"
        second.process.send_signal(signal.SIGINT)
        code = second.process.wait(30)

    assert code == 130
    assert "did not happen" not in second.said()
    assert processes_of(folder) == {}


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel ends orphans on Linux only")
def test_kill_9_leaves_nothing_running_not_even_a_stopped_simulator(tmp_path: Path) -> None:
    folder = tmp_path / "demo"

    with demo(folder, "--headless") as killed:
        killed.until_said("nvr-2's simulator is stopped")
        stopped = [pid for pid in processes_of(folder) if psutil.Process(pid).status() == psutil.STATUS_STOPPED]
        assert len(stopped) == 1, "nvr-2's simulator should be stopped"

        killed.process.kill()
        killed.process.wait()

        assert_all_gone(folder)


def test_a_story_that_has_no_time_to_happen_is_told_as_missed(tmp_path: Path) -> None:
    folder = tmp_path / "demo"

    with demo(folder, "--headless", "--for", "1") as short:
        code = short.process.wait(LINE_WITHIN_S)

    assert code == 1
    assert "things did not happen" in short.said()
    assert processes_of(folder) == {}


def test_a_process_that_dies_ends_the_demo_and_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "demo"

    with demo(folder, "--headless") as hurt:
        hurt.until_said("Starting collector")
        os.kill(started(folder, "printer"), signal.SIGKILL)
        code = hurt.process.wait(LINE_WITHIN_S)

    assert code == 1
    assert "the process printer ended by itself (code -9)" in hurt.said()
    assert processes_of(folder) == {}


def started(folder: Path, name: str) -> int:
    """The pid of a process of the demo, waited for."""
    end = time.monotonic() + LINE_WITHIN_S
    while time.monotonic() < end:
        with contextlib.suppress(FileNotFoundError, KeyError):
            return int(json.loads((folder / "processes.json").read_text("utf-8"))[name])
        time.sleep(0.05)
    pytest.fail(f"{name} was never started")


def test_a_folder_that_is_not_the_demos_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("mine")

    ended = subprocess.run(
        [*DEMO, "--data", str(tmp_path), "--fresh", "--headless"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 2
    assert "is not a folder of the demo" in ended.stderr
    assert (tmp_path / "letter").read_text() == "mine"
