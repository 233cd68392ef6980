"""What time it is: the only file that asks, and everything about it that differs between platforms.

    clock = SystemClock()
    clock.now() -> Moment(wall, mono, boot, ntp)      milliseconds; boot names this start of the machine

    offset(at, echo, now) -> Offset                   how far the wall clock is off, from an acknowledgement
    is_news(offset, before, ...)                      whether a clock record is worth writing

`mono` counts from boot and goes on while the machine sleeps (CLOCK_BOOTTIME); it never jumps. `wall` may be in 1970.
`ntp` is True only where the kernel itself says that its clock is synchronised.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from roundsman_agent.adjtimex import kernel_says_synchronised

_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_ASK_NTP_EVERY_MS = 10_000
_STEP_MS = 100
"""A wall clock that went so much further than mono was set, or is being pulled hard: ask again whether NTP keeps it."""
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
        self._synchronised = kernel_says_synchronised
        self._mono = _mono_clock()
        self._wall: Callable[[], int] = lambda: time.time_ns() // 1_000_000
        self._ntp = False
        self._asked: int | None = None
        self._apart = 0

    def now(self) -> Moment:
        mono, wall = self._mono(), self._wall()
        was_set = abs(wall - mono - self._apart) > _STEP_MS  # the kernel forgets NTP whenever the clock is set
        if self._asked is None or was_set or mono - self._asked >= _ASK_NTP_EVERY_MS:
            self._ntp, self._asked, self._apart = self._synchronised(), mono, wall - mono
        return Moment(wall=wall, mono=mono, boot=self._boot, ntp=self._ntp)


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


WIDEST_MS: Final = 10 * 60 * 1000
"""One that took longer tells too little: its guess may lie so far ahead that the collector refuses it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Offset:
    """How far the wall clock was off: true time = wall + offset_ms, give or take error_ms."""

    boot: str
    ntp: bool
    offset_ms: int
    error_ms: int


def offset(*, at: int, echo: int, now: Moment) -> Offset | None:
    """What an acknowledgement says of our clock; None when its echo cannot be ours, or it was under way for too long.

    The collector wrote its clock `at` after our message of `echo` had left and before now: the true time now lies in
    [at, at + (now - echo)]. The middle is the guess, half the width (and 1 ms for rounding) its error.
    """
    width = now.mono - echo
    if not 0 <= width <= WIDEST_MS:
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
