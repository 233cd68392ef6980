"""The only file of the collector that asks the world what time it is."""

import time


def now_ms() -> int:
    """The wall clock in milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def mono_s() -> float:
    """Seconds of a clock that never goes back, for deadlines within this process."""
    return time.monotonic()
