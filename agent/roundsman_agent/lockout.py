"""Passwords that a device has refused, and for how long it is not asked again: devices lock accounts.

    REFUSED.raise_if(where, user, password, now=mono, wait_s=1800)     ProbeError bad_credentials, nothing is sent
    REFUSED.note(where, user, password, now=mono)                      the device said no
    REFUSED.forget(where, user)                                        it said yes

Recorders and cameras lock an account (or our address) for half an hour after a few wrong passwords, and the guards of
the monitoring room with us. So a password that was refused is not tried again for `wait_s`; another password is tried
at once, and so is the same one after the agent was started anew. Kept per process, by a hash that no other process can
make: neither names nor passwords stand in memory longer than the visit.
"""

from __future__ import annotations

import hashlib
import os
import threading
from typing import Final, NamedTuple

from roundsman_agent.probe import ProbeError

__all__ = ["REFUSED", "WAIT_S", "Lockout"]

WAIT_S: Final = 1800.0
ACCOUNTS_LIMIT: Final = 4096
"""Accounts that are remembered; an agent has fewer devices."""


class _No(NamedTuple):
    """What was refused (a hash), and when, in seconds of `time.monotonic`."""

    password: bytes
    at: float


class Lockout:
    """See the module. Probes run in threads."""

    def __init__(self) -> None:
        self._salt = os.urandom(16)
        self._lock = threading.Lock()
        self._refused: dict[bytes, _No] = {}

    def raise_if(self, where: str, user: str, password: str, *, now: float, wait_s: float) -> None:
        """ProbeError bad_credentials when this password was refused less than `wait_s` ago."""
        with self._lock:
            no = self._refused.get(self._hash(where, user))
        if no is not None and no.password == self._hash(where, user, password) and 0 <= now - no.at < wait_s:
            minutes = max(1, round((no.at + wait_s - now) / 60))
            raise ProbeError(
                "bad_credentials",
                f"{where}: refused user and password; not asked again for {minutes} min, because devices lock accounts",
            )

    def note(self, where: str, user: str, password: str, *, now: float) -> None:
        """The device has refused them."""
        with self._lock:
            self._refused.pop(self._hash(where, user), None)
            if len(self._refused) >= ACCOUNTS_LIMIT:
                del self._refused[next(iter(self._refused))]  # the one that was refused the longest ago
            self._refused[self._hash(where, user)] = _No(self._hash(where, user, password), now)

    def forget(self, where: str, user: str) -> None:
        """The device has taken them."""
        if self._refused:
            with self._lock:
                self._refused.pop(self._hash(where, user), None)

    def _hash(self, *parts: str) -> bytes:
        lengths = b"".join(len(part).to_bytes(4, "big") for part in parts)
        return hashlib.sha256(self._salt + lengths + "".join(parts).encode("utf-8", "surrogatepass")).digest()


REFUSED: Final = Lockout()
"""The one of this process: HTTP and RTSP ask it alike."""
