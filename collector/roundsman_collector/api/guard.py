"""What keeps guessers of passwords out of one process: addresses that go on are told to wait, few hashes run at once.

guard.check(address, now_ms)      Problem for an address that has guessed too often
with guard.hashing(): ...         Problem when too many others wait for the same
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from roundsman_collector.api.problem import Problem

FAILURES = 12
WINDOW_MS = 10 * 60_000
ADDRESSES = 10_000
HASHES_AT_ONCE = 2
"""Each takes 19 MiB and a core for a moment."""
WAIT_S = 5.0


class Guard:
    """Remembers which addresses guess, and lets few passwords be hashed at once. One for the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failed_ms: dict[str, list[int]] = {}
        self._hashing = threading.BoundedSemaphore(HASHES_AT_ONCE)

    def check(self, address: str, now_ms: int) -> None:
        """Problem for an address that has guessed too often."""
        with self._lock:
            recent = self._recent(address, now_ms)
        if len(recent) >= FAILURES:
            raise _wait("too many wrong passwords came from this address", (recent[0] + WINDOW_MS - now_ms) // 1000 + 1)

    def failed(self, address: str, now_ms: int) -> None:
        """Note a wrong password."""
        with self._lock:
            self._failed_ms[address] = [*self._recent(address, now_ms), now_ms][-FAILURES:]
            if len(self._failed_ms) > ADDRESSES:
                quiet = {one for one, times in self._failed_ms.items() if times[-1] <= now_ms - WINDOW_MS}
                oldest = sorted(self._failed_ms, key=lambda one: self._failed_ms[one][-1])[: ADDRESSES // 10]
                for one in quiet or oldest:
                    del self._failed_ms[one]

    def _recent(self, address: str, now_ms: int) -> list[int]:
        return [at_ms for at_ms in self._failed_ms.get(address, ()) if now_ms - WINDOW_MS < at_ms <= now_ms]

    @contextmanager
    def hashing(self) -> Iterator[None]:
        """While a password is hashed; Problem when too many others wait for the same."""
        if not self._hashing.acquire(timeout=WAIT_S):
            raise _wait("many people are signing in at once", 5)
        try:
            yield
        finally:
            self._hashing.release()


def _wait(what: str, seconds: int) -> Problem:
    return Problem(
        429,
        "too_many_tries",
        what=what,
        where="this address",
        expected=f"at most {FAILURES} wrong tries in {WINDOW_MS // 60_000} minutes",
        do=f"wait {seconds} seconds",
        retry_after_s=seconds,
    )
