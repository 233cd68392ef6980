"""Running a program of the system for a probe: what it says, never longer than a deadline, never more than a limit.

    found("smartctl")                                    -> "/usr/sbin/smartctl" or None
    ran(["/usr/sbin/smartctl", "-j", …], deadline=…, most=…) -> Ran(status=4, out=b"{…}")

A program that is late or says too much is killed with all that it started, and has no status. One that the kernel
holds (a dying disk) cannot be killed: then this waits as long as the kernel does. The visit counts as hung meanwhile
and is not started again, so such programs do not pile up; the probe belongs into a cell (warden.py).
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

__all__ = ["Ran", "found", "ran"]

SBIN: Final = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where tools for administrators are: not on the PATH of an ordinary user."""
LOOK_S: Final = 0.005


class Ran(NamedTuple):
    """What a program said, and its exit status; None: it was killed, because it was late or said too much."""

    status: int | None
    out: bytes


def found(name: str) -> str | None:
    """The program's path, looked for on PATH and where administrators' tools are."""
    for folder in (*os.environ.get("PATH", "").split(os.pathsep), *SBIN):
        path = os.path.join(folder, name)
        if folder and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def ran(argv: Sequence[str], *, deadline: float, most: int) -> Ran:
    """Run it without shell or input, in English, until ``deadline`` (time.monotonic); OSError: it cannot be run."""
    reader, writer = os.pipe()
    try:
        pid = os.posix_spawn(
            argv[0],
            list(argv),
            {**os.environ, "LC_ALL": "C"},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, writer, 1),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ],
            setpgroup=0,
            setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGPIPE],  # a cell ignores them, and it would inherit that
        )
    except OSError:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    out, is_whole = b"", False
    try:
        out, is_whole = _read(reader, deadline, most)
    finally:
        os.close(reader)
        status = _ended(pid, deadline if is_whole else None)
    return Ran(status, out)


def _read(reader: int, deadline: float, most: int) -> tuple[bytes, bool]:
    """Up to ``most`` bytes, and whether the program had closed its end by then."""
    out = bytearray()
    while len(out) <= most:
        ready, _, _ = select.select([reader], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return bytes(out), False
        data = os.read(reader, 65536)
        if not data:
            return bytes(out), True
        out += data
    return bytes(out[:most]), False


def _ended(pid: int, deadline: float | None) -> int | None:
    """The exit status; None when it died of a signal or was killed, at the deadline or (no deadline) at once."""
    while deadline is not None and time.monotonic() < deadline:
        done, how = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.WEXITSTATUS(how) if os.WIFEXITED(how) else None
        time.sleep(LOOK_S)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None
