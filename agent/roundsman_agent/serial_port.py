"""The one place where the agent opens a serial line.

    with opened(port="/dev/ttyS0", baud=9600, write_timeout_s=1.0) as line:        8N1 unless said otherwise
        line.write(b"…"); read(line, most=64, deadline=…)
    with opened_lp(port="/dev/usb/lp0", write_timeout_s=1.0) as line:               the same of a USB printer

    found("/dev/serial/by-id/usb-FTDI_…")    -> the same       a path, which the kernel keeps right
    found("usb:0403:6001:A50285BI")          -> "/dev/ttyUSB1" the adapter of that id, wherever it is plugged in now

A USB adapter that is pulled out and put back in may have another number. The line is opened anew for each visit, and
its name is looked up anew, so it is found again by either stable name.

The law: **the agent never takes a port from the business application.** So before opening it looks whether any process
holds the device (an open file in /proc), and it opens with a lock (flock) that other polite programs see. It does not
use TIOCEXCL: that would lock the application out while the agent reads. What /proc does not show to an unprivileged
agent (files of other users) is left to the lock; run the agent as the application's user, or as root, to see all.

A port of the kernel's usblp driver (/dev/usb/lp0) cannot be shared so: whoever has it open locks everybody else out.
That is why it has a door of its own, and who goes through it must have been told that he may.

Every failure of the operating system becomes a ProbeError with a code of the catalogue.
"""

from __future__ import annotations

import errno
import os
import re
import select
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

import serial

from roundsman_agent.probe import ProbeError

__all__ = ["Port", "found", "holder", "is_lp", "opened", "opened_lp", "read"]

BY_ID: Final = "/dev/serial/by-id"

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


USB_MAJOR: Final = 180
"""The kernel's number for USB character devices, usblp among them."""


class Port(Protocol):
    """An open port, whatever is behind it. A read never waits: `read` below does, to a deadline."""

    def fileno(self) -> int: ...

    def read(self, most: int, /) -> bytes: ...

    def write(self, data: bytes, /) -> object: ...


@contextmanager
def opened(
    *,
    port: str,
    baud: int,
    write_timeout_s: float,
    bytesize: int = 8,
    parity: str = "N",
    stopbits: int = 1,
    dtr: bool = True,
    rts: bool = True,
) -> Iterator[serial.Serial]:
    """The open line, closed on the way out; raises ProbeError no_port, busy_port, permission or bad_setting.

    `parity` is N, E or O. `dtr` and `rts` are the two control lines, from which some adapters draw their power.
    """
    port = _free(port)
    try:
        # timeout=0: pyserial's read never blocks (its cancel_read is unreliable); read() below keeps the deadline.
        line = serial.Serial(
            None, baud, bytesize, parity, stopbits, timeout=0, write_timeout=write_timeout_s, exclusive=True
        )
        line.dtr, line.rts = dtr, rts
        line.port = port
        line.open()
    except ValueError as error:
        raise ProbeError("bad_setting", f"{port}: {error}") from error
    except serial.SerialException as error:
        raise ProbeError(_code(error.errno), f"{port}: {error}{_others(error.errno)}") from error
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


def is_lp(port: str) -> bool:
    """Whether a name means a port of usblp, by the kernel's number or by how such ports are named."""
    try:
        if os.major(os.stat(port).st_rdev) == USB_MAJOR:
            return True
    except OSError:  # not there: its name still says what it would be
        pass
    return re.search(r"(?:/usb/lp|/usblp)\d+$", port) is not None


@contextmanager
def opened_lp(*, port: str, write_timeout_s: float) -> Iterator[Port]:
    """The open USB printer, closed on the way out; errors as `opened`. Nobody else can open it until then."""
    port = _free(port)
    try:
        fd = os.open(port, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise ProbeError(_code(error.errno), f"{port}: {error.strerror}") from error
    try:
        yield _Lp(fd, port, write_timeout_s)
    except OSError as error:
        raise ProbeError(_code(error.errno), f"{port}: {error.strerror}") from error
    finally:
        os.close(fd)


class _Lp:
    """An open port of usblp: bytes, and no speed."""

    def __init__(self, fd: int, port: str, write_timeout_s: float) -> None:
        self._fd, self._port, self._write_timeout_s = fd, port, write_timeout_s

    def fileno(self) -> int:
        return self._fd

    def read(self, most: int) -> bytes:
        try:
            return os.read(self._fd, most)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> None:
        try:
            taken = select.select([], [self._fd], [], self._write_timeout_s)[1] and os.write(self._fd, data)
        except BlockingIOError:
            taken = 0
        if taken != len(data):
            raise ProbeError("timeout", f"{self._port}: the printer does not take the bytes we write")


def read(line: Port, *, most: int, deadline: float) -> bytes:
    """Up to ``most`` bytes, as soon as there are any, or nothing at ``deadline`` (time.monotonic)."""
    left = deadline - time.monotonic()
    ready, _, _ = select.select([line.fileno()], [], [], max(0.0, left))
    data: bytes = line.read(most) if ready else b""
    return data


def found(port: str) -> str:
    """The device that a name means now: `usb:VID:PID` or `usb:VID:PID:SERIAL` is looked for, a path is as it is."""
    if not port.startswith("usb:"):
        return port
    wanted = port.lower().removeprefix("usb:").split(":", 2)
    from serial.tools import list_ports

    here = {one.device: _usb_id(one) for one in list_ports.comports() if one.vid is not None}
    matching = sorted(device for device, id_ in here.items() if id_[: len(wanted)] == wanted)
    if not matching:
        known = ", ".join(":".join(["usb", *id_]) for id_ in here.values()) or "none"
        raise ProbeError("no_port", f"{port}: no such adapter is plugged in; there are: {known}")
    if len(matching) > 1:
        raise ProbeError(
            "bad_setting", f"{port}: is {', '.join(matching)}; name one by its serial number or by-id path"
        )
    return matching[0]


def _usb_id(one: Any) -> list[str]:
    return [f"{one.vid:04x}", f"{one.pid or 0:04x}", *([one.serial_number.lower()] if one.serial_number else [])]


def _others(number: int | None) -> str:
    """Which stable names there are, for somebody who named a port that is not there."""
    names = _listed(BY_ID) if number is None or _CODES.get(number) == "no_port" else []
    return f"; there are: {', '.join(f'{BY_ID}/{name}' for name in sorted(names)[:3])}" if names else ""


def _free(port: str) -> str:
    """The device that a name means, when nobody is seen to have it open."""
    port = found(port)
    pid = holder(port)
    if pid is not None:
        raise ProbeError("busy_port", f"{port} is open in process {pid}")
    return port


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
