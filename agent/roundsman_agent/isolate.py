"""Running what may hang: each piece of work in a thread of its own, with a deadline.

    isolation.start("nvr-2/snmp", work, now=mono, timeout_ms=10_000)
    isolation.collect(mono) -> [Outcome(key, value | error | hung since)]

Work that passes its deadline is abandoned, not killed: Python cannot. Its thread is left to itself, counted, and the
same key is not started again until it returns. `threads` work at once; what does not fit waits its turn, and its
deadline runs from its start. Work that hangs takes nobody's turn, but only `left_behind` such threads are borne; beyond
that each takes the place of one that works. So a dead device does not delay the others, and memory stays bounded:
threads + left_behind, and `SPARE` for what the agent itself needs to go on (`at_once`: the uplink's dialling).
"""

import select
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

_STACK_BYTES = 512 * 1024
SPARE = 4
SLACK_MS = 250
"""What a probe is given beyond its time: one that keeps to it says itself what it waited for, and is not `hung`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of a piece of work: its value, its error, or since when (mono) it hangs."""

    key: str
    value: Any = None
    error: BaseException | None = None
    hung_since: int | None = None


@dataclass(kw_only=True, slots=True)
class _Work:
    key: str
    call: Callable[[], Any]
    timeout_ms: int
    at_once: bool
    started: int
    """When it was asked for; once it runs, when it began."""
    is_hung: bool = False
    late: Callable[[Any], None] | None = None


@dataclass(kw_only=True, slots=True)
class _Shared:
    """What threads and loop share."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    finished: list[tuple[_Work, Any, BaseException | None]] = field(default_factory=list)


class Isolation:
    """Threads with deadlines. `wake` is a socket that becomes readable whenever something finished."""

    def __init__(self, threads: int = 48, left_behind: int = 16) -> None:
        self.wake, self._bell = socket.socketpair()
        self.wake.setblocking(False)
        self._bell.setblocking(False)
        self._limit, self._left_behind = threads, left_behind
        threading.stack_size(_STACK_BYTES)
        self._alive: dict[str, _Work] = {}
        self._waiting: deque[_Work] = deque()
        self._shared = _Shared()

    def start(
        self,
        key: str,
        call: Callable[[], Any],
        *,
        now: int,
        timeout_ms: int,
        late: Callable[[Any], None] | None = None,
        at_once: bool = False,
    ) -> int | None:
        """Run `call` in a thread. If work of this key still hangs, nothing is started and the answer is since when.

        `late` takes the value of work that returns after it was given up, so that it can be let go (a socket).
        """
        if key in self._alive:
            return self._alive[key].started
        if any(work.key == key for work in self._waiting):
            return None
        work = _Work(key=key, call=call, timeout_ms=timeout_ms, at_once=at_once, started=now, late=late)
        if at_once:
            self._waiting.appendleft(work)
        else:
            self._waiting.append(work)
        self._fill(now)
        return None

    def hung(self) -> list[str]:
        """The keys that passed their deadline and have not returned."""
        return [key for key, work in self._alive.items() if work.is_hung]

    def collect(self, now: int) -> list[Outcome]:
        """What finished or passed its deadline since the last call. Abandoned work that returned is not told of."""
        self._hush()
        with self._shared.lock:
            finished, self._shared.finished = self._shared.finished, []
        outcomes = []
        for work, value, error in finished:
            del self._alive[work.key]
            if not work.is_hung:
                outcomes.append(Outcome(key=work.key, value=value, error=error))
            elif work.late is not None and error is None:
                work.late(value)
        for work in self._alive.values():
            if not work.is_hung and now - work.started >= work.timeout_ms:
                work.is_hung = True
                outcomes.append(Outcome(key=work.key, hung_since=work.started))
        self._fill(now)
        for work in [work for work in self._waiting if now - work.started >= work.timeout_ms]:
            self._waiting.remove(work)  # every thread is taken, and not one came back
            outcomes.append(Outcome(key=work.key, hung_since=work.started))
        return outcomes

    def wake_at(self) -> int | None:
        """The next deadline; None when nothing runs."""
        running = [work for work in self._alive.values() if not work.is_hung]
        return min((work.started + work.timeout_ms for work in (*running, *self._waiting)), default=None)

    def ring(self) -> None:
        """Make `wake` readable: from threads, and from signal handlers."""
        with suppress(BlockingIOError):  # it is ringing already
            self._bell.send(b"!")

    def sleep(self, seconds: float) -> None:
        """Until something finished, or so long."""
        select.select([self.wake], [], [], seconds)

    def close(self) -> None:
        self.wake.close()
        # The bell stays: an abandoned thread may ring it yet. It goes with the process.

    def _hush(self) -> None:
        with suppress(BlockingIOError):
            while self.wake.recv(4096):
                pass

    def _fill(self, now: int) -> None:
        while self._waiting and self._has_room(self._waiting[0]):
            work = self._waiting.popleft()
            work.started = now
            self._alive[work.key] = work
            threading.Thread(target=self._run, args=(work,), name=work.key, daemon=True).start()

    def _has_room(self, work: _Work) -> bool:
        most = self._limit + self._left_behind
        if work.at_once:
            return len(self._alive) < most + SPARE
        hung = sum(one.is_hung for one in self._alive.values())
        return len(self._alive) - hung < self._limit and len(self._alive) < most

    def _run(self, work: _Work) -> None:
        value: Any = None
        caught: BaseException | None = None
        try:
            value = work.call()
        except BaseException as error:  # told to whoever collects: not even SystemExit may pass for a hung probe
            caught = error
        with self._shared.lock:
            self._shared.finished.append((work, value, caught))
        with suppress(OSError):  # the loop has ended: nobody waits for it
            self.ring()
