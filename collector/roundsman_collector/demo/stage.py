"""The demo's folder and its processes: everything it makes lies in one, everything it starts ends with it.

    with Stage.opened(folder, fresh=False) as stage:
        stage.spawn("kiosk-7", argv)      stage.stopped("sim nvr-2")     stage.fallen()

    .roundsman-demo   the marker: --fresh deletes only a folder that has it     processes.json   who runs, by name
    demo.lock         one demo at a time; held by every process of it           log/NAME.log     what each said

How everything ends:
* Ctrl-C is for us alone (each child has a session of its own): agents first, so that they can say goodbye, the
  collector last.
* Where we are killed, the kernel ends the children (tether.py). Simulators get SIGKILL: one that is stopped with
  SIGSTOP hears nothing else.
* The lock is inherited: the folder is free when the last process of a demo is gone, not before.
"""

import fcntl
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from roundsman_collector.tether import tethered

MARKER: Final = ".roundsman-demo"
MARK: Final = "A folder of `roundsman demo`; `roundsman demo --fresh` deletes what is in it.\n"
LOCK: Final = "demo.lock"
KEPT: Final = (MARKER, LOCK)
LAST_ENDS_WITHIN_S: Final = 12.0
"""How long a new demo waits for the processes of one that was killed."""
GOODBYE_S: Final = 6.0
LOOK_S: Final = 0.05
PORTS: Final = range(20_000, 32_000)
"""Below the range from which the kernel takes ports of outgoing connections."""
PORTS_TRIED: Final = 200


class StageError(Exception):
    """The demo cannot be set up here; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Child:
    """A process of the demo. `rank`: those of a lower one end first."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    rank: int

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more."""
        return self.process.poll() is not None


class Stage:
    """See the module. Start processes from the main thread only: they end with the thread that started them."""

    def __init__(self, folder: Path, lock: IO[str]) -> None:
        self.folder = folder
        self._lock = lock
        self._children: dict[str, Child] = {}

    @classmethod
    @contextmanager
    def opened(cls, folder: Path, *, fresh: bool, waiting: Callable[[], None]) -> "Iterator[Stage]":
        """The folder, made if it is not there, emptied if `fresh`; all processes end with the block.

        `waiting` is called once if processes of a demo before still hold it.
        """
        _claimed(folder)
        with (folder / LOCK).open("a") as lock:
            _locked(lock, folder, waiting)
            if fresh:
                _emptied(folder)
            stage = cls(folder, lock)
            try:
                yield stage
            finally:
                stage.close()

    # --- processes ---------------------------------------------------------------------------------------------------

    def spawn(self, name: str, argv: Sequence[str], *, rank: int = 1, dies_by: int = signal.SIGTERM) -> Child:
        """Start a process; the kernel sends it `dies_by` when we are gone."""
        log = self.folder / "log" / f"{name.replace(' ', '-')}.log"
        log.parent.mkdir(exist_ok=True)
        with log.open("ab") as journal:
            process = subprocess.Popen(
                tethered(list(argv), dies_by),
                stdin=subprocess.DEVNULL,
                stdout=journal,
                stderr=journal,
                start_new_session=True,
                pass_fds=[self._lock.fileno()],
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        child = self._children[name] = Child(name=name, process=process, log=log, rank=rank)
        self._write_list()
        return child

    def ended(self, name: str) -> None:
        """End one process now."""
        _end([self._children.pop(name)])
        self._write_list()

    def stopped(self, name: str) -> None:
        """Hold a process as it is: it keeps its port and says nothing any more."""
        self._children[name].process.send_signal(signal.SIGSTOP)

    def continued(self, name: str) -> None:
        """Let it go on."""
        self._children[name].process.send_signal(signal.SIGCONT)

    def child(self, name: str) -> Child:
        """A process by its name."""
        return self._children[name]

    def fallen(self) -> list[Child]:
        """Processes that ended though nobody told them to."""
        return [child for child in self._children.values() if child.has_ended]

    def close(self) -> None:
        """End every process, rank by rank; a second Ctrl-C does not hurry it."""
        before = {one: signal.signal(one, signal.SIG_IGN) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            for rank in sorted({child.rank for child in self._children.values()}):
                _end([child for child in self._children.values() if child.rank == rank])
            self._children.clear()
            self._write_list()
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def _write_list(self) -> None:
        pids = {name: child.process.pid for name, child in self._children.items()}
        beside = self.folder / "processes.json.new"
        beside.write_text(json.dumps(pids, indent=1) + "\n", encoding="utf-8")
        beside.replace(self.folder / "processes.json")


def _end(children: Sequence[Child]) -> None:
    """Ask all, wait for all, and make those end that do not."""
    for child in children:
        if not child.has_ended:
            child.process.terminate()
            child.process.send_signal(signal.SIGCONT)  # a stopped one hears it only then
    until = time.monotonic() + GOODBYE_S
    for child in children:
        try:
            child.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()


def last_words(log: Path, lines: int = 5) -> str:
    """The end of a log, in one line."""
    try:
        said = log.read_text(encoding="utf-8", errors="replace")[-4000:].strip().splitlines()
    except FileNotFoundError:
        said = []
    return " / ".join(line.strip() for line in said[-lines:]) or "-"


# --- the folder ------------------------------------------------------------------------------------------------------


def default_folder() -> Path:
    """Where this user's programs keep their data, beside a real collector's."""
    named = os.environ.get("XDG_DATA_HOME", "")
    return (Path(named) if named.startswith("/") else Path.home() / ".local" / "share") / "roundsman-demo"


def _claimed(folder: Path) -> None:
    """Make the folder ours, unless it is somebody else's."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (folder / MARKER).exists():
            if any(folder.iterdir()):
                raise StageError(
                    f"{folder} is not a folder of the demo: it is not empty and has no {MARKER}. "
                    "Name an empty or a new one with --data"
                )
            (folder / MARKER).write_text(MARK, encoding="utf-8")
    except OSError as error:
        raise StageError(f"{folder}: {error.strerror}; name another folder with --data") from error


def _locked(lock: IO[str], folder: Path, waiting: Callable[[], None]) -> None:
    if _has_locked(lock):
        return
    waiting()
    until = time.monotonic() + LAST_ENDS_WITHIN_S
    while not _has_locked(lock):
        if time.monotonic() >= until:
            raise StageError(
                f"a demo runs in {folder} already (its processes stand in {folder / 'processes.json'}). "
                "End it with Ctrl-C where it was started, or name another folder with --data"
            )
        time.sleep(LOOK_S)


def _has_locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _emptied(folder: Path) -> None:
    """Delete what a demo left. The caller holds the lock; the marker was looked for."""
    for path in folder.iterdir():
        if path.name in KEPT:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


# --- ports -----------------------------------------------------------------------------------------------------------


def free_tcp_port(wanted: int | None = None) -> int:
    """A TCP port on loopback that nobody listens on; `wanted`, if it is free."""
    drawn = random.SystemRandom().sample(PORTS, PORTS_TRIED)
    return _first_free([*([wanted] if wanted else []), *drawn], socket.SOCK_STREAM)


def free_udp_port() -> int:
    """A UDP port on loopback that nobody has."""
    return _first_free(random.SystemRandom().sample(PORTS, PORTS_TRIED), socket.SOCK_DGRAM)


def is_udp_port_free(port: int) -> bool:
    """Whether nobody has this UDP port on loopback."""
    return _is_free(port, socket.SOCK_DGRAM)


def _first_free(ports: Sequence[int], kind: socket.SocketKind) -> int:
    for port in ports:
        if _is_free(port, kind):
            return port
    raise StageError(f"{len(ports)} ports from {PORTS.start} to {PORTS.stop} are all taken; what listens there?")


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as trial:
        if kind is socket.SOCK_STREAM:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: connections of the last run
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
