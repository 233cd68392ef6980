"""The demo's folder is its own, and its processes end with it: also stopped ones, also after kill -9."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from roundsman_collector.demo import stage
from roundsman_collector.demo.stage import Stage, StageError

SLEEPS = [sys.executable, "-c", "import time; time.sleep(300)"]
DEAF = [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(300)"]


def opened(folder: Path, *, fresh: bool = False) -> contextlib.AbstractContextManager[Stage]:
    return Stage.opened(folder, fresh=fresh, waiting=lambda: None)


def until(question: Callable[[], object], within_s: float = 10.0) -> None:
    end = time.monotonic() + within_s
    while not question():
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.02)


def has_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_all_processes_are_gone_when_the_stage_closes_also_a_stopped_one(tmp_path: Path) -> None:
    with opened(tmp_path / "demo") as site:
        children = [site.spawn("one", SLEEPS), site.spawn("two", SLEEPS, dies_by=signal.SIGKILL)]
        site.stopped("two")
        assert json.loads((tmp_path / "demo" / "processes.json").read_text()) == {
            child.name: child.process.pid for child in children
        }

    assert [child.process.returncode for child in children] == [-signal.SIGTERM, -signal.SIGTERM]
    assert json.loads((tmp_path / "demo" / "processes.json").read_text()) == {}


def test_a_process_that_does_not_listen_is_ended_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "GOODBYE_S", 0.2)
    with opened(tmp_path / "demo") as site:
        child = site.spawn("deaf", [*DEAF[:2], DEAF[2].replace("time.sleep", "print('deaf'); time.sleep")])
        until(lambda: "deaf" in child.log.read_text())

    assert child.process.returncode == -signal.SIGKILL


def test_a_process_that_ends_by_itself_is_seen_and_its_last_words_are_kept(tmp_path: Path) -> None:
    with opened(tmp_path / "demo") as site:
        child = site.spawn("sim nvr-2", [sys.executable, "-c", "raise SystemExit('no such port')"])

        until(site.fallen)

        assert site.fallen() == [child]
        assert child.process.returncode == 1
        assert stage.last_words(child.log) == "no such port"


PARENT = """
import pathlib, signal, sys, time
from roundsman_collector.demo.stage import Stage
with Stage.opened(pathlib.Path(sys.argv[1]), fresh=False, waiting=lambda: None) as site:
    sleeps = [sys.executable, "-c", "import time; print('up'); time.sleep(300)"]
    children = [site.spawn("one", sleeps), site.spawn("two", sleeps, dies_by=signal.SIGKILL)]
    while not all("up" in child.log.read_text() for child in children):
        time.sleep(0.02)
    site.stopped("two")
    print("ready", flush=True)
    time.sleep(300)
"""


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A stage in a process of its own, with a child that sleeps and one that is stopped."""
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "demo")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel ends orphans on Linux only")
def test_nothing_is_left_after_kill_9_and_the_folder_is_free(parent: subprocess.Popen[str], tmp_path: Path) -> None:
    pids = json.loads((tmp_path / "demo" / "processes.json").read_text())

    parent.kill()
    parent.wait()

    with opened(tmp_path / "demo"):  # waits for the lock, which the children hold too
        assert {name: has_gone(pid) for name, pid in pids.items()} == {"one": True, "two": True}


def test_two_demos_do_not_share_a_folder(
    parent: subprocess.Popen[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "LAST_ENDS_WITHIN_S", 0.1)
    waited: list[bool] = []

    with (
        pytest.raises(StageError, match=r"a demo runs in .* already"),
        Stage.opened(tmp_path / "demo", fresh=True, waiting=lambda: waited.append(True)),
    ):
        pytest.fail("the stage opened")

    assert waited == [True]
    assert (tmp_path / "demo" / "processes.json").exists(), "--fresh must not empty the folder of a demo that runs"


def test_fresh_empties_the_folder_of_a_demo(tmp_path: Path) -> None:
    with opened(tmp_path / "demo"):
        (tmp_path / "demo" / "collector").mkdir()
        (tmp_path / "demo" / "collector" / "database").write_text("old")
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "letter").write_text("mine")
        (tmp_path / "demo" / "link").symlink_to(tmp_path / "elsewhere")

    with opened(tmp_path / "demo", fresh=True):
        assert {path.name for path in (tmp_path / "demo").iterdir()} == set(stage.KEPT)
    assert (tmp_path / "elsewhere" / "letter").read_text() == "mine"


def test_without_fresh_everything_stays(tmp_path: Path) -> None:
    with opened(tmp_path / "demo"):
        (tmp_path / "demo" / "collector").write_text("old")

    with opened(tmp_path / "demo"):
        assert (tmp_path / "demo" / "collector").read_text() == "old"


@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path, fresh: bool) -> None:
    (tmp_path / "letter").write_text("mine")

    with pytest.raises(StageError, match="is not a folder of the demo"), opened(tmp_path, fresh=fresh):
        pytest.fail("the stage opened")

    assert [path.name for path in tmp_path.iterdir()] == ["letter"]


def test_a_folder_that_cannot_be_made_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StageError, match="name another folder with --data"), opened(tmp_path / "file" / "demo"):
        pytest.fail("the stage opened")


def test_the_port_of_the_last_time_is_kept_unless_somebody_has_it() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        assert stage.free_tcp_port(taken) != taken

    assert stage.free_tcp_port(taken) == taken


def test_a_udp_port_that_somebody_has_is_not_free() -> None:
    port = stage.free_udp_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        assert stage.is_udp_port_free(port)
        holder.bind(("127.0.0.1", port))

        assert not stage.is_udp_port_free(port)


def test_the_default_folder_is_where_programs_keep_their_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert stage.default_folder() == tmp_path / "data" / "roundsman-demo"

    monkeypatch.setenv("XDG_DATA_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert stage.default_folder() == tmp_path / ".local" / "share" / "roundsman-demo"


def test_the_environment_of_children_is_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    with opened(tmp_path / "demo") as site:
        child = site.spawn("one", [sys.executable, "-c", "import os; print(os.environ['LANG'])"])
        child.process.wait(10)

        assert child.log.read_text() == "zh_CN.UTF-8\n"
        assert os.environ["LANG"] == "zh_CN.UTF-8"
