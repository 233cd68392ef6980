"""What time it is: the only file that asks, and everything about it that differs between platforms.

    clock = SystemClock()
    clock.now() -> Moment(wall, mono, boot, ntp)      milliseconds; boot names this start of the machine

    offset(at, echo, now) -> Offset                   how far the wall clock is off, from an acknowledgement
    is_news(offset, before, ...)                      whether a clock record is worth writing

`mono` counts from boot and goes on while the machine sleeps (CLOCK_BOOTTIME); it never jumps. `wall` may be in 1970.
`ntp` is True only where the kernel itself says that its clock is synchronised.
"""

import ctypes
import os
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_TIME_ERROR = 5  # adjtimex(2): "clock not synchronized"
_STA_UNSYNC = 0x0040
_ASK_NTP_EVERY_MS = 10_000
_MOVED_MS = 1_000
_GOOD_ENOUGH_MS = 100  # below, a smaller error tells nobody anything


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """One look at all clocks: wall (UTC) and mono (since boot) in milliseconds, the boot, NTP's word for wall."""

    wall: int
    mono: int
    boot: str
    ntp: bool


class Clock(Protocol):
    """Whatever can say what time it is."""

    def now(self) -> Moment: ...


class SystemClock:
    """The machine's own clocks."""

    def __init__(self) -> None:
        self._boot = _boot_token()
        self._synchronised = _kernel_says_synchronised()
        self._mono = _mono_clock()
        self._ntp = False
        self._asked: int | None = None

    def now(self) -> Moment:
        mono = self._mono()
        if self._asked is None or mono - self._asked >= _ASK_NTP_EVERY_MS:
            self._ntp, self._asked = self._synchronised(), mono
        return Moment(wall=time.time_ns() // 1_000_000, mono=mono, boot=self._boot, ntp=self._ntp)


def _mono_clock() -> Callable[[], int]:
    """Milliseconds since boot, sleep included where the platform can count it."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        boottime = time.CLOCK_BOOTTIME
        return lambda: time.clock_gettime_ns(boottime) // 1_000_000
    return lambda: time.monotonic_ns() // 1_000_000


def _boot_token() -> str:
    """Twelve hex digits that name this start of the machine.

    Without the kernel's boot id: the minute in which the machine started, by its own clocks. It moves when the clock is
    set; then a boot too many is reported, never one too few.
    """
    try:
        with open(_BOOT_ID, encoding="ascii") as file:
            return file.read().replace("-", "")[:12]
    except OSError:
        started = time.time_ns() // 1_000_000_000 - time.monotonic_ns() // 1_000_000_000
        return uuid.uuid5(uuid.NAMESPACE_OID, f"{uuid.getnode()}/{started // 60}").hex[:12]


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2) as far as `status`; the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("room", ctypes.c_char * 256),
    )


def _kernel_says_synchronised() -> Callable[[], bool]:
    """A question to the kernel: is somebody keeping the wall clock right? Where it cannot be asked: no."""
    if not sys.platform.startswith("linux"):
        return lambda: False
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return lambda: False

    def ask() -> bool:
        timex = _Timex(modes=0)
        state = adjtimex(ctypes.byref(timex))
        return state not in (-1, _TIME_ERROR) and not timex.status & _STA_UNSYNC

    return ask


@dataclass(frozen=True, kw_only=True, slots=True)
class Offset:
    """How far the wall clock was off: true time = wall + offset_ms, give or take error_ms."""

    boot: str
    ntp: bool
    offset_ms: int
    error_ms: int


def offset(*, at: int, echo: int, now: Moment) -> Offset | None:
    """What an acknowledgement says of our clock; None when its echo cannot be ours.

    The collector wrote its clock `at` after our message of `echo` had left and before now: the true time now lies in
    [at, at + (now - echo)]. The middle is the guess, half the width (and 1 ms for rounding) its error.
    """
    width = now.mono - echo
    if width < 0:
        return None
    true = at + width // 2
    return Offset(boot=now.boot, ntp=now.ntp, offset_ms=true - now.wall, error_ms=width // 2 + 1)


def is_news(found: Offset, before: Offset | None) -> bool:
    """Whether to record an offset: the first of a boot, NTP came or went, the clock moved, or a large error halved.

    A move counts when it is more than a second and more than both errors explain: the width of an acknowledgement
    changes with the line, and the clock does not.
    """
    if before is None or before.boot != found.boot or before.ntp != found.ntp:
        return True
    moved = abs(found.offset_ms - before.offset_ms)
    if moved > _MOVED_MS and moved > found.error_ms + before.error_ms:
        return True
    return before.error_ms > _GOOD_ENOUGH_MS and found.error_ms * 2 <= before.error_ms


def spoken(wall: int) -> str:
    """A time for people: UTC, to the second; where the clock is absurd, its milliseconds."""
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(wall / 1000))
    except (ValueError, OverflowError, OSError):
        return f"{wall} ms"


def system_is_stopping() -> bool | None:
    """Whether this very machine is shutting down, as far as its service supervisor tells; None where nobody can say."""
    if not os.path.isdir("/run/systemd/system"):
        return None
    reader, writer = os.pipe()
    try:
        child = os.posix_spawnp(
            "systemctl",
            ["systemctl", "is-system-running"],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, writer, 1), (os.POSIX_SPAWN_CLOSE, reader)],
        )
    except OSError:
        os.close(writer)
        return None
    else:
        os.close(writer)
        word = os.read(reader, 100).decode(errors="replace").strip()
        os.waitpid(child, 0)
        return word == "stopping" if word else None
    finally:
        os.close(reader)
