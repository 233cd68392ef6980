"""The one place where the agent opens a serial line.

    with opened(port="/dev/ttyS0", baud=9600, write_timeout_s=1.0) as line:
        line.write(b"…"); read(line, deadline=…)

The law: **the agent never takes a port from the business application.** So before opening it looks whether any process
holds the device (an open file in /proc), and it opens with a lock (flock) that other polite programs see. It does not
use TIOCEXCL: that would lock the application out while the agent reads. What /proc does not show to an unprivileged
agent (files of other users) is left to the lock; run the agent as the application's user, or as root, to see all.

Every failure of the operating system becomes a ProbeError with a code of the catalogue.
"""

from __future__ import annotations

import errno
import os
import select
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

import serial

from roundsman_agent.probe import ProbeError

__all__ = ["holder", "opened", "read"]

# What the operating system says -> what it means. Anything else is a port that went away under us or never was one.
_CODES = {
    errno.ENOENT: "no_port",
    errno.ENODEV: "no_port",
    errno.ENXIO: "no_port",
    errno.EIO: "no_port",
    errno.EACCES: "permission",
    errno.EPERM: "permission",
    errno.EBUSY: "busy_port",
    errno.EAGAIN: "busy_port",
}


@contextmanager
def opened(*, port: str, baud: int, write_timeout_s: float) -> Iterator[serial.Serial]:
    """The open line, closed on the way out; raises ProbeError no_port, busy_port, permission or bad_setting."""
    pid = holder(port)
    if pid is not None:
        raise ProbeError("busy_port", f"{port} is open in process {pid}")
    try:
        # timeout=0: pyserial's read never blocks (its cancel_read is unreliable); read() below keeps the deadline.
        line = serial.Serial(port, baud, timeout=0, write_timeout=write_timeout_s, exclusive=True)
    except ValueError as error:
        raise ProbeError("bad_setting", f"{port}: {error}") from error
    except serial.SerialException as error:
        raise ProbeError(_code(error.errno), f"{port}: {error}") from error
    except termios.error as error:
        raise ProbeError(_code(error.args[0]), f"{port}: {error.args[-1]}") from error
    try:
        yield line
    except serial.SerialTimeoutException as error:
        raise ProbeError("timeout", f"{port}: nothing takes the bytes we write (flow control?)") from error
    except OSError as error:  # SerialException is one
        raise ProbeError(_code(error.errno), f"{port}: {error}") from error
    except termios.error as error:
        raise ProbeError(_code(error.args[0]), f"{port}: {error.args[-1]}") from error
    finally:
        _close(line)


def read(line: serial.Serial, *, most: int, deadline: float) -> bytes:
    """Up to ``most`` bytes, as soon as there are any, or nothing at ``deadline`` (time.monotonic)."""
    left = deadline - time.monotonic()
    ready, _, _ = select.select([line.fileno()], [], [], max(0.0, left))
    data: bytes = line.read(most) if ready else b""
    return data


def holder(port: str) -> int | None:
    """The id of a process that has the device open, or None when none can be seen."""
    device = os.path.realpath(port)
    for pid in filter(str.isdigit, _listed("/proc")):
        folder = f"/proc/{pid}/fd"
        for name in _listed(folder):
            if _target(f"{folder}/{name}") == device:
                return int(pid)
    return None


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:  # another user's process, or one that has just ended: not visible is not an error
        return []


def _target(link: str) -> str | None:
    try:
        return os.readlink(link)
    except OSError:
        return None


def _close(line: serial.Serial) -> None:
    try:
        line.close()
    except OSError as error:
        # A cable pulled out while open: the descriptor is gone, and the visit already has its answer or its error.
        if error.errno not in (errno.EIO, errno.ENODEV, errno.EBADF):
            raise


def _code(number: int | None) -> str:
    return "no_port" if number is None else _CODES.get(number, "no_port")
