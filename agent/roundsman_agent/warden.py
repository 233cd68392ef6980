"""Keeping cells: probes that the kernel may hold for ever run in a process that can be left behind.

    warden.load("host") -> Probe     to the caller a probe like any other; its visits are made in a cell (cell.py)
    warden.load("snmp") -> Probe     the probe itself: sockets with deadlines need no cell
    warden.close()                   kills the cells and waits for none

A thread in an uninterruptible read (state D) cannot be killed, and keeps its whole process from ending. So the process
in which it happens must not be the agent's. One cell serves all such probes, a thread for each visit: one that the
kernel holds delays none of the others, and the agent's own thread waits at a socket, which it can always leave.

Whoever holds Python's lock, or the lock of the process's memory, while the kernel holds him stops the whole cell. It
shows because a cell accepts a visit at once: one that does not within `ACCEPT_S` is killed (what the kernel holds stays
until the kernel lets go), and the visit goes to the next cell. Visits that were under way in it fail this once, and
each of their probes is given a cell of its own for the next hundred visits: what stops again stops alone. At most
`LEFT_BEHIND` cells that cannot be killed may be there; after that a visit that needs a new one is told to hang, and
nothing is started.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Final, NamedTuple

from roundsman_agent import probes
from roundsman_agent.cell import serve
from roundsman_agent.probe import Answer, Probe, ProbeError

log = logging.getLogger("roundsman.agent")

ACCEPT_S: Final = 0.7
"""How long a cell that has served may take to accept a visit; it takes a millisecond."""
START_S: Final = 10.0
"""The same of a new cell: Python's start, on a slow machine."""
LEFT_BEHIND: Final = 4
PROBATION: Final = 100
"""Visits after which a probe that was suspected returns to the cell of all: perhaps the machine was only too busy."""
SHARED: Final = 0
"""The place of the cell that all probes share until one of them has stopped it."""

Start = Callable[[], tuple[int, socket.socket]]
"""Starts a cell: its process and the agent's end of its socket."""


class _Cell:
    """A process of cell.py and the places whose visits are under way in it."""

    def __init__(self, start: Start) -> None:
        self.pid, self.socket = start()
        self.socket.settimeout(ACCEPT_S)
        self.has_served = False
        self.under_way: list[int] = []

    def accepts(self, request: bytes) -> socket.socket | None:
        """The socket of a visit that the cell has accepted; None when the cell has ended or stands still."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                socket.send_fds(self.socket, [request], [theirs.fileno()])
            ours.settimeout(ACCEPT_S if self.has_served else START_S)
            if ours.recv(1):
                self.has_served = True
                ours.settimeout(None)
                return ours
        except (TimeoutError, ConnectionError):
            pass
        except BaseException:
            ours.close()
            raise
        ours.close()
        return None

    def kill(self) -> None:
        self.socket.close()
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def has_ended(self) -> bool:
        with suppress(ChildProcessError):
            return os.waitpid(self.pid, os.WNOHANG)[0] != 0
        return True


class Count(NamedTuple):
    """How many cells serve, and how many were killed and have not ended."""

    serving: int
    left_behind: int


class Warden:
    """See the module. Visits are made from several threads at once. `modules`: the probes that need a cell."""

    def __init__(self, modules: Mapping[str, str] | None = None, *, first: Start | None = None) -> None:
        """`first`: another way to start the first cell, which is then started now."""
        self._modules = {name: f"{probes.__name__}.{name}" for name in probes.BLOCKING} if modules is None else modules
        self._start: Start = spawned
        self._lock = threading.Lock()
        self._cells = {} if first is None else {SHARED: _Cell(first)}
        self._left: list[_Cell] = []
        self._alone: dict[int, int] = {}
        self._places = SHARED
        self._is_closed = False

    def load(self, name: str) -> Probe:
        """The probe, or one in front of a cell; each use of a probe in a device asks for its own."""
        if name not in self._modules:
            return probes.load(name)
        self._places += 1
        return Probe(
            name=name,
            platforms=frozenset({sys.platform}),
            settings=(),
            fetch=partial(self.visit, self._places, self._modules[name]),
            parse=_heard,
            default_timeout_s=0,
            blocks=True,
        )

    def count(self) -> Count:
        with self._lock:
            self._left = [cell for cell in self._left if not cell.has_ended()]
            return Count(len(self._cells), len(self._left))

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            for cell in self._cells.values():
                cell.kill()
                cell.has_ended()
            self._cells.clear()

    def visit(self, place: int, module: str, settings: Mapping[str, object]) -> Answer:
        """One visit in a cell; ends when it does, or never. ProbeError of the probe, hung when no cell can be had."""
        request = json.dumps({"module": module, "settings": dict(settings)}).encode()
        for _ in range(2):
            cell = self._cell(place)
            visit = cell.accepts(request)
            if visit is not None:
                return self._visited(place, cell, visit)
            self._leave(cell)
        raise ProbeError("hung", "two cells in a row did not accept the visit")

    def _visited(self, place: int, cell: _Cell, visit: socket.socket) -> Answer:
        with self._lock:
            cell.under_way.append(place)
        try:
            with visit:
                data = _all(visit)
        finally:
            with self._lock:
                cell.under_way.remove(place)
        self._trust(place, cell)
        return _outcome(data)

    def _trust(self, place: int, cell: _Cell) -> None:
        """Who came back often enough from a cell of its own returns to the shared one."""
        with self._lock:
            if self._cells.get(place) is cell:
                self._alone[place] -= 1
                if not self._alone[place]:
                    del self._alone[place], self._cells[place]
                    cell.kill()
                    self._left.append(cell)

    def _cell(self, place: int) -> _Cell:
        """The cell in which a place is visited, started if there is none."""
        with self._lock:
            key = place if place in self._alone else SHARED
            cell = self._cells.get(key)
            if cell is None:
                self._left = [one for one in self._left if not one.has_ended()]
                if len(self._left) >= LEFT_BEHIND or self._is_closed:
                    raise ProbeError("hung", f"{len(self._left)} processes of hung probes cannot be ended; no new one")
                cell = self._cells[key] = _Cell(self._start)
            return cell

    def _leave(self, cell: _Cell) -> None:
        """Give a cell up that has ended or stands still; whoever was in it is suspected from now on."""
        with self._lock:
            key = next((key for key, one in self._cells.items() if one is cell), None)
            if key is None:  # another thread was faster
                return
            del self._cells[key]
            self._alone.update(dict.fromkeys(cell.under_way, PROBATION))
            self._left.append(cell)
            log.error("probes: the process %d in which they run stands still or has ended; it is replaced", cell.pid)
            cell.kill()


def early(names: Iterable[str]) -> Warden:
    """For an agent with these probes, before it imports what it needs itself and has threads.

    A cell that is forked then shares its memory with the agent and costs 2 MB less than one that is spawned; its
    successors, should it ever need any, are spawned.
    """
    return Warden(first=forked if probes.BLOCKING.intersection(names) else None)


def forked() -> tuple[int, socket.socket]:
    """A cell as a copy of this process, which must have no threads."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    gc.collect()
    gc.freeze()  # the collector would write to every page that the two share
    pid = os.fork()
    if pid:
        theirs.close()
        return pid, ours
    try:
        ours.close()
        serve(theirs)
    finally:
        os._exit(1)


def spawned() -> tuple[int, socket.socket]:
    """A new process of cell.py."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", "roundsman_agent.cell"],
            # One arena: short threads would each leave theirs behind.
            {**os.environ, "ROUNDSMAN_FAULT": "", "MALLOC_ARENA_MAX": "1"},
            file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), 0), (os.POSIX_SPAWN_DUP2, 2, 1)],
        )
    return pid, ours


def _all(visit: socket.socket) -> bytes:
    parts = []
    while part := visit.recv(65_536):
        parts.append(part)
    return b"".join(parts)


def _outcome(data: bytes) -> Answer:
    if not data:
        raise ProbeError("crashed", "the process in which the probe ran has ended")
    outcome = json.loads(data)
    if "error" in outcome:
        raise ProbeError(*outcome["error"])
    if "crash" in outcome:
        raise ProbeError("crashed", outcome["crash"])
    failed = {name: (code, detail) for name, (code, detail) in outcome["failed"].items()}
    return Answer(readings=outcome["readings"], failed=failed, bytes_moved=outcome["bytes"])


def _heard(raw: object, settings: Mapping[str, object]) -> Answer:
    """The cell has parsed already."""
    if not isinstance(raw, Answer):
        raise TypeError(f"a cell gives an Answer, not {type(raw).__name__}")
    return raw
