"""What keeps guessers and floods out of one process: whoever goes on is told to wait.

tries = Tries(12, 600_000)                   12 in ten minutes, for each key: an address, a label
tries.wait_s(key, now_ms)                    0: go on; else so many seconds
guard.check(address, now_ms)                 Problem for an address that has guessed too many passwords
with guard.hashing(): ...                    Problem when too many others wait for the same
scans.wrong, scans.sent, scans.taken         what strangers do who scan labels (api/scanned.py)
links                                        keys of customers' links that are no good, from an address (api/links.py)
"""

import ipaddress
import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from roundsman_collector.api.problem import Problem

FAILURES = 12
WINDOW_MS = 10 * 60_000
KEYS = 10_000
HASHES_AT_ONCE = 2
"""Each takes 19 MiB and a core for a moment."""
WAIT_S = 5.0


class Tries:
    """Who tried something how often lately: `most` in `window_ms` for each key. Of some thousand keys, the latest."""

    def __init__(self, most: int, window_ms: int) -> None:
        self.most = most
        self.window_ms = window_ms
        self._lock = threading.Lock()
        self._tried_ms: dict[Hashable, list[int]] = {}

    def wait_s(self, key: Hashable, now_ms: int) -> int:
        """How many seconds until another try is due; 0: now."""
        with self._lock:
            recent = self._recent(key, now_ms)
        return (recent[0] + self.window_ms - now_ms) // 1000 + 1 if len(recent) >= self.most else 0

    def note(self, key: Hashable, now_ms: int) -> None:
        """Note a try."""
        with self._lock:
            self._tried_ms[key] = [*self._recent(key, now_ms), now_ms][-self.most :]
            if len(self._tried_ms) > KEYS:
                quiet = {one for one, times in self._tried_ms.items() if times[-1] <= now_ms - self.window_ms}
                oldest = sorted(self._tried_ms, key=lambda one: self._tried_ms[one][-1])[: KEYS // 10]
                for one in quiet or oldest:
                    del self._tried_ms[one]

    def remembered(self) -> frozenset[Hashable]:
        """Whose tries are remembered."""
        with self._lock:
            return frozenset(self._tried_ms)

    def _recent(self, key: Hashable, now_ms: int) -> list[int]:
        return [at_ms for at_ms in self._tried_ms.get(key, ()) if now_ms - self.window_ms < at_ms <= now_ms]


class Guard:
    """Remembers which addresses guess, and lets few passwords be hashed at once. One for the process."""

    def __init__(self) -> None:
        self.failures = Tries(FAILURES, WINDOW_MS)
        self._hashing = threading.BoundedSemaphore(HASHES_AT_ONCE)

    def check(self, address: str, now_ms: int) -> None:
        """Problem for an address that has guessed too often."""
        if seconds := self.failures.wait_s(address, now_ms):
            raise _wait("too many wrong passwords came from this address", seconds)

    def failed(self, address: str, now_ms: int) -> None:
        """Note a wrong password."""
        self.failures.note(address, now_ms)

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


class Scans:
    """How often codes are tried that lead nowhere, and how often people report by those that do. One for the process.

    wrong     codes that lead nowhere, from an address
    sent      forms, good or not, from an address: many people share one where they share a hotspot
    taken     reports by a label: who comes later hears that it is known
    """

    def __init__(self) -> None:
        self.wrong = Tries(30, WINDOW_MS)
        self.sent = Tries(30, WINDOW_MS)
        self.taken = Tries(10, 3_600_000)


def link_tries() -> Tries:
    """How often keys of customers' links may be tried that are no good, from a network."""
    return Tries(FAILURES, WINDOW_MS)


def network(address: str) -> str:
    """What one household or mast has in common: an IPv6 address changes with every visit, its first 64 bits do not."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if found.version == 4 else str(ipaddress.ip_network((found, 64), strict=False))
