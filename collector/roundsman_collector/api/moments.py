"""Times at the door: read as integer milliseconds UTC or ISO 8601 with an offset, answered as both.

    read("1763690400000", "from")                 1763690400000
    read("2025-11-21T10:00:00+08:00", "from")     1763690400000
    stamped("from", 1763690400000)                {"from_ms": 1763690400000, "from": "2025-11-21T02:00:00.000Z"}

A time without an offset is refused: nobody can know which clock it was read from.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Query, Request

from roundsman_collector.api.desk import desk_of
from roundsman_collector.api.problem import Problem, bad_parameter
from roundsman_collector.wording import short

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
LATEST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999: beyond, nothing can be written as a date."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXPECTED = "integer milliseconds UTC, or ISO 8601 with an offset such as 2026-11-21T10:00:00+08:00 or …Z"
# In an address a plus sign means a space: whoever wrote +08:00 unescaped meant the plus.
LOST_PLUS = re.compile(r" (\d\d:?\d\d)$")


def iso(ms: int | None) -> str | None:
    """A time as ISO 8601 UTC with milliseconds; None for none, and for what no calendar holds."""
    if ms is None or not 0 <= ms <= LATEST_MS:
        return None
    return (EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stamped(name: str, ms: int | None) -> dict[str, Any]:
    """A time under its name, as number and as text."""
    return {f"{name}_ms": ms, name: iso(ms)}


def read(text: str, where: str) -> int:
    """A time that somebody wrote; Problem unless it is one."""
    ms = _number(text) if re.fullmatch(r"-?[0-9]{1,17}", text) else _date(text)
    if ms is None or not 0 <= ms <= LATEST_MS:
        raise bad_parameter(where, f"{where} is no time: {short(text)}", EXPECTED)
    return ms


def _number(text: str) -> int:
    return int(text)


def _date(text: str) -> int | None:
    try:
        when = datetime.fromisoformat(LOST_PLUS.sub(r"+\1", text))
        if when.tzinfo is None:
            return None
        return (when - EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """Which time is asked for, [from, to), and as known when (None: now). `now_ms` is when the question came."""

    from_ms: int
    to_ms: int
    known_ms: int | None
    now_ms: int

    @property
    def past_to_ms(self) -> int:
        """Up to when anything can have been known: now, or the known-at time."""
        return self.now_ms if self.known_ms is None else min(self.now_ms, self.known_ms)

    def query(self) -> str:
        """The same window as the query of an address."""
        known = "" if self.known_ms is None else f"&known={self.known_ms}"
        return f"from={self.from_ms}&to={self.to_ms}{known}"


def window(
    from_: str | None, to: str | None, known: str | None, now_ms: int, *, usual_ms: int, longest_ms: int
) -> Window:
    """The window of a request: up to now and `usual_ms` long where nothing is said; Problem where it is not one."""
    to_ms = now_ms if to is None else read(to, "to")
    from_ms = max(0, to_ms - usual_ms) if from_ is None else read(from_, "from")
    if to_ms <= from_ms:
        raise bad_parameter("from, to", f"the window [{from_ms}, {to_ms}) holds no time", "`from` before `to`")
    if to_ms - from_ms > longest_ms:
        raise Problem(
            422,
            "window_too_long",
            what=f"the window is {(to_ms - from_ms) / DAY_MS:.1f} days long",
            where="from, to",
            expected=f"at most {longest_ms // DAY_MS} days",
            do="ask for shorter windows one after the other; times add up exactly",
        )
    known_ms = None if known is None else read(known, "known")
    return Window(from_ms=from_ms, to_ms=to_ms, known_ms=known_ms, now_ms=now_ms)


FROM = Query(alias="from", description=f"Begin of the window, included: {EXPECTED}.", max_length=40)
TO = Query(description="End of the window, excluded; now, if not given.", max_length=40)
KNOWN = Query(description="Answer with what was known at this time; now, if not given.", max_length=40)


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownWindow:
    """A dependency that reads `from`, `to` and `known`."""

    usual_ms: int
    longest_ms: int

    def __call__(
        self,
        request: Request,
        from_: Annotated[str | None, FROM] = None,
        to: Annotated[str | None, TO] = None,
        known: Annotated[str | None, KNOWN] = None,
    ) -> Window:
        now_ms = desk_of(request).now_ms()
        return window(from_, to, known, now_ms, usual_ms=self.usual_ms, longest_ms=self.longest_ms)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlainWindow:
    """A dependency that reads `from` and `to`."""

    usual_ms: int
    longest_ms: int

    def __call__(
        self,
        request: Request,
        from_: Annotated[str | None, FROM] = None,
        to: Annotated[str | None, TO] = None,
    ) -> Window:
        now_ms = desk_of(request).now_ms()
        return window(from_, to, None, now_ms, usual_ms=self.usual_ms, longest_ms=self.longest_ms)
