"""What the agent knows of the true time: from NTP, and from what acknowledgements say of its clock.

    known = KnownTime(SystemClock())
    known.now() -> Moment                 like the clock's, but `ntp` only while nothing says otherwise
    known.hear(offset, now) -> record     an acknowledgement spoke: the clock record to keep, if it is news
    known.look(now) -> record             NTP came after the boot began without: it dates what was before
    known.offset(now) -> Offset           how far the wall clock is off now, whatever steps it made since
    known.ahead_s(now) -> seconds         how far it is surely ahead (+) or behind (-), for people

The true time is kept as mono + base: mono never jumps and goes on in a suspend, so a wall clock that is set to another
day changes nothing. A wall clock that an acknowledgement has shown to be wrong is not believed because the kernel says
that NTP keeps it: some NTP servers are cameras' recorders with a clock of their own.
"""

from dataclasses import replace
from typing import Any, Final

from roundsman_agent.clock import Clock, Moment, Offset, is_news

NTP_ERROR_MS: Final = 1_000
"""What NTP is trusted with when no acknowledgement has told better."""
_DRIFT: Final = 0.0002
"""How much mono itself may run wrong; cheap quartz is within 100 ppm."""
_CONTRADICTION_MS: Final = 10_000
"""Beyond the errors: so far off no clock is that NTP keeps."""


class KnownTime:
    """See the module. It is a Clock itself."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._recorded: Offset | None = None
        self._base: int | None = None
        self._error_ms = 0
        self._measured = 0
        self._boot = ""
        self._was_unsure = False

    def now(self) -> Moment:
        """The time; `ntp` is taken back where an acknowledgement has shown the wall clock to be wrong."""
        now = self._clock.now()
        if now.ntp and self._contradicts(now):
            return replace(now, ntp=False)
        return now

    def hear(self, found: Offset, now: Moment) -> dict[str, Any] | None:
        """Take what an acknowledgement says; the clock record to keep, if it says anything new."""
        known = self._reckoned(now)
        base = now.wall + found.offset_ms - now.mono
        if known is None or found.error_ms <= known[1] or abs(base - known[0]) > found.error_ms + known[1]:
            self._base, self._error_ms, self._measured, self._boot = base, found.error_ms, now.mono, now.boot
        if now.ntp and self._contradicts(now):
            now = replace(now, ntp=False)
        found = replace(found, ntp=now.ntp)
        if not is_news(found, self._recorded):
            return None
        return self._record(found, now)

    def look(self, now: Moment) -> dict[str, Any] | None:
        """The clock record of NTP's arrival: a boot that began without it can be dated, even if it ends unheard."""
        if not now.ntp:
            self._was_unsure = True
            return None
        if not self._was_unsure:
            return None
        self._was_unsure = False
        if self._reckoned(now) is not None:  # an acknowledgement has dated this boot already
            return None
        return self._record(Offset(boot=now.boot, ntp=True, offset_ms=0, error_ms=NTP_ERROR_MS), now)

    def offset(self, now: Moment) -> Offset | None:
        """How far the wall clock is off at this moment, as acknowledgements tell; None when none has in this boot."""
        known = self._reckoned(now)
        if known is None:
            return None
        return Offset(boot=now.boot, ntp=now.ntp, offset_ms=now.mono + known[0] - now.wall, error_ms=known[1])

    def true(self, now: Moment) -> tuple[int, int] | None:
        """The true time and its error, in milliseconds; None when nobody knows."""
        known = self._reckoned(now)
        if known is not None:
            return now.mono + known[0], known[1]
        return (now.wall, NTP_ERROR_MS) if now.ntp else None

    def ahead_s(self, now: Moment) -> int | None:
        """Seconds by which the wall clock is at least ahead (+) or behind (-); 0: it may be right. None: unknown."""
        known = self._reckoned(now)
        if known is None:
            return None
        ahead = now.wall - now.mono - known[0]
        surely = max(abs(ahead) - known[1], 0) // 1000
        return surely if ahead > 0 else -surely

    def _reckoned(self, now: Moment) -> tuple[int, int] | None:
        """Base and error, which grows as mono drifts; None when nothing was heard in this boot."""
        if self._base is None or self._boot != now.boot:
            return None
        return self._base, self._error_ms + int(max(now.mono - self._measured, 0) * _DRIFT)

    def _contradicts(self, now: Moment) -> bool:
        known = self._reckoned(now)
        return known is not None and abs(now.wall - now.mono - known[0]) > known[1] + _CONTRADICTION_MS

    def _record(self, found: Offset, now: Moment) -> dict[str, Any]:
        self._recorded = found
        record: dict[str, Any] = {"kind": "clock", "boot": now.boot, "mono": now.mono, "t": now.wall}
        if not now.ntp:
            record["ntp"] = False
        return {**record, "offset_ms": found.offset_ms, "error_ms": found.error_ms}
