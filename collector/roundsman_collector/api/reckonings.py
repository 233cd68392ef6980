"""Sums of whole fleets that were worked out a moment ago, and how many are being worked out.

reckonings.made(key, make)      what `make` gives, or gave to the same question half a minute ago
"""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from roundsman_collector.api.problem import Problem

T = TypeVar("T")
KEPT_S = 30.0
KEPT = 64
WAIT_S = 20.0
AT_ONCE = 2
"""So many are worked out at the same time; who asks for another one waits for a while."""


class Reckonings:
    """Sums that were worked out a moment ago, and how many are being worked out. One for the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[Hashable, tuple[float, Any]] = {}
        self._busy = threading.BoundedSemaphore(AT_ONCE)

    def made(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, or gave to the same question less than KEPT_S ago; Problem when too many others wait."""
        found = self._recent(key)
        if found is not None:
            answer: T = found
            return answer
        if not self._busy.acquire(timeout=WAIT_S):
            raise Problem(
                503,
                "busy",
                what="other figures of whole fleets are being worked out",
                where="availability",
                expected=f"at most {AT_ONCE} at a time",
                do="ask again in a minute, or for fewer devices or a shorter time",
            )
        try:
            made = make()
        finally:
            self._busy.release()
        with self._lock:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[key] = time.monotonic(), made
        return made

    def _recent(self, key: Hashable) -> Any:
        with self._lock:
            since_s, found = self._kept.get(key, (0.0, None))
        return found if found is not None and time.monotonic() - since_s < KEPT_S else None
