"""Telling the service manager how we are: ready, alive, stopping (sd_notify(3), `Type=notify`, `WatchdogSec=`).

    supervisor = Supervisor.of(os.environ)     once, at start: takes the variables out, children shall not speak for us
    supervisor.waiting("for the broker", now)  not ready yet, and not stuck either: asks for more time
    supervisor.ready("1,200 agents")           it listens and is connected to its broker
    supervisor.alive(now_ms)                   each turn of the loop; sent at half the time after which we are killed
    supervisor.stopping()

A datagram to the socket that NOTIFY_SOCKET names; without it (no systemd) nothing is ever sent.
"""

import os
import socket
from collections.abc import MutableMapping

import structlog

MORE_TIME_S = 60
"""How much longer the start may take each time we say that we wait."""

log = structlog.get_logger(__name__)


class Supervisor:
    """See the module. `watchdog_ms` 0: nobody waits for a sign of life."""

    def __init__(self, address: str = "", watchdog_ms: int = 0) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._every_ms = watchdog_ms // 2
        self._last_ms: int | None = None
        self._is_ready = False
        self._has_failed = False

    @classmethod
    def of(cls, environ: MutableMapping[str, str]) -> "Supervisor":
        """The one that the environment names, or one that listens to nothing."""
        address = environ.pop("NOTIFY_SOCKET", "")
        watchdog_us, pid = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", "")
        is_for_us = watchdog_us.isdecimal() and pid in ("", str(os.getpid()))
        return cls(address, int(watchdog_us) // 1000 if is_for_us else 0)

    def waiting(self, what: str, now_ms: int) -> None:
        """The start takes longer, and this is why; nothing once we were ready."""
        is_due = self._last_ms is None or now_ms - self._last_ms >= MORE_TIME_S * 1000 // 6
        if not self._is_ready and is_due:
            self._last_ms = now_ms
            self._say(f"EXTEND_TIMEOUT_USEC={MORE_TIME_S * 1_000_000}\nSTATUS=waiting {what}")

    def ready(self, status: str) -> None:
        """We do what we are there for. Said once."""
        if not self._is_ready:
            self._is_ready = self._say(f"READY=1\nSTATUS={status}")
            self._last_ms = None

    def alive(self, now_ms: int) -> None:
        """The loop goes round."""
        if self._every_ms and self._is_ready and (self._last_ms is None or now_ms - self._last_ms >= self._every_ms):
            self._last_ms = now_ms if self._say("WATCHDOG=1") else self._last_ms

    def stopping(self) -> None:
        """We are about to end."""
        self._say("STOPPING=1")

    def _say(self, text: str) -> bool:
        if not self._address:
            return True
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.sendto(text.encode(), self._address)
        except OSError as error:  # it is busy or gone: the next turn tries again
            if not self._has_failed:
                log.warning("the service manager cannot be told", text=text, cause=str(error))
            self._has_failed = True
            return False
        self._has_failed = False
        return True
