"""The kernel's word for its wall clock: is somebody keeping it right, and how far may it be off? Only reads.

    kernel_clock() -> Kernel | Trouble           Trouble: (code of the wire's catalogue, words for a person)

adjtimex(2), Linux; its numbers are from <sys/timex.h>. Elsewhere nobody can say.
"""

import ctypes
import errno
import os
import sys
from dataclasses import dataclass

_STA_UNSYNC = 0x0040
_TIME_ERROR = 5
Trouble = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Kernel:
    """What adjtimex(2) says of the clock; ``max_error_us`` grows without bound while nobody disciplines it."""

    synchronised: bool
    max_error_us: int


class _Timex(ctypes.Structure):
    """struct timex of <sys/timex.h>; the tail is room for the fields that are not read."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 40),
    )


def kernel_clock() -> Kernel | Trouble:
    """What the kernel says of its clock, or why it cannot be asked."""
    if not sys.platform.startswith("linux"):
        return "not_supported", f"{sys.platform} has no adjtimex"
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError) as error:
        return "not_supported", f"this C library has no adjtimex: {error}"
    facts = _Timex()  # modes = 0: only read
    state = adjtimex(ctypes.byref(facts))
    if state < 0:
        number = ctypes.get_errno()
        return "permission" if number == errno.EPERM else "not_supported", f"adjtimex: {os.strerror(number)}"
    synchronised = state != _TIME_ERROR and not facts.status & _STA_UNSYNC
    return Kernel(synchronised=synchronised, max_error_us=facts.maxerror)


def kernel_says_synchronised() -> bool:
    """Whether NTP keeps the wall clock; no where nobody can say."""
    said = kernel_clock()
    return isinstance(said, Kernel) and said.synchronised
