"""The byte budget of a line: what it cost today and this month, and how sparing the uplink has to be.

    budget = Budget.open(folder, day_bytes=..., month_bytes=..., now=now)
    budget.spend(bytes, now)          budget.thrift(now) -> FREE | SPARING | HOLDING
    budget.told(now) -> {"line.bytes_today": ..., "line.bytes_month": ..., "line.forecast_month_bytes": ...}

       0 % ------------------ 80 % ------------- 95 % ---------->
           FREE                    SPARING            HOLDING
                                   periodic samples   what says something new goes, at once; periodic samples wait in
                                   wait longer        the spool for the next day or month

Transitions, boots, results and whatever keeps the connection go always: with these a budget can be overdrawn.

A day and a month are those of the machine's own time zone. A new one begins when the clock *passes* midnight. A clock
that is set (by more than a minute, against the time since boot) takes the counts with it to whatever day it shows: it
neither empties them nor holds them fast. A day that was counted for 24 hours of running time is over whatever the clock
says. After a boot the day before counts on until the clock shows a time that can be: not before the last one written.

The counts are kept in a file beside the spool, written every ten minutes or 64 KB at most: a kill may forget that much.
"""

import logging
import os
import time
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Final, NamedTuple

from roundsman_agent import sealed
from roundsman_agent.clock import Moment

log = logging.getLogger("roundsman.budget")

FILE: Final = "budget.json"
WARN_SHARE: Final = 0.8
HOLD_SHARE: Final = 0.95
_WRITE_MS: Final = 600_000
_WRITE_BYTES: Final = 64 * 1024
_SET_MS: Final = 60_000
"""A clock that moved against the time since boot by more than this was set."""
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
_MONTH_MS: Final = 31 * _DAY_MS


class Thrift(Enum):
    """How sparing the uplink has to be."""

    FREE = "free"
    SPARING = "sparing"
    HOLDING = "holding"


class _Period(NamedTuple):
    """A day or a month: `name` sorts by time; what it cost; how long it was counted, and since when."""

    name: str
    spent: int = 0
    lived_ms: int = 0
    since: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Book:
    """What is kept in the file. `wall` and `mono` of `boot` are of the last look."""

    day: _Period
    month: _Period
    boot: str
    wall: int
    mono: int


class Budget:
    """See the module; a limit of 0 is none."""

    def __init__(self, path: str, book: _Book, *, day_bytes: int, month_bytes: int) -> None:
        self._path = path
        self._book = book
        self._limits = {"day": day_bytes, "month": month_bytes}
        self._written = book
        self._is_refused = False
        self._warned: set[tuple[str, str]] = set()

    @classmethod
    def open(cls, folder: str, *, day_bytes: int = 0, month_bytes: int = 0, now: Moment) -> "Budget":
        """Go on with the counts in the folder; from nothing, and it is said, when they are damaged."""
        path = os.path.join(folder, FILE)
        day, month = _names(now.wall)
        begun = _Book(
            day=_Period(day, since=now.wall), month=_Period(month, since=now.wall), boot=now.boot, wall=now.wall,
            mono=now.mono,
        )  # fmt: skip
        budget = cls(path, _read(path) or begun, day_bytes=day_bytes, month_bytes=month_bytes)
        budget._look(now)
        return budget

    def spend(self, size: int, now: Moment) -> None:
        """The line was charged this many bytes."""
        self._look(now)
        if size:
            book = self._book
            day = book.day._replace(spent=book.day.spent + size)
            month = book.month._replace(spent=book.month.spent + size)
            self._book = replace(book, day=day, month=month)
            self._warn()
        self._write_sometimes()

    def thrift(self, now: Moment) -> Thrift:
        """What the share of the budget that is spent asks for."""
        self._look(now)
        share = max((spent / limit for _, _, spent, limit in self._limited()), default=0.0)
        if share < WARN_SHARE:
            return Thrift.FREE
        return Thrift.SPARING if share < HOLD_SHARE else Thrift.HOLDING

    def told(self, now: Moment) -> dict[str, int]:
        """The readings; a forecast only after an hour that was counted in this month."""
        self._look(now)
        day, month = self._book.day, self._book.month
        readings = {"line.bytes_today": day.spent, "line.bytes_month": month.spent}
        counted = now.wall - month.since
        if counted >= _HOUR_MS:
            left = max(_end_of_month(now.wall) - now.wall, 0)
            readings["line.forecast_month_bytes"] = month.spent + month.spent * left // counted
        return readings

    def close(self, now: Moment) -> None:
        """Write the counts down."""
        self._look(now)
        self._write()

    # --- time ---------------------------------------------------------------------------------------------------------

    def _look(self, now: Moment) -> None:
        """Let time pass: a new day, a new month, or a clock that was set."""
        book = self._book
        is_same_boot = now.boot == book.boot
        if not is_same_boot and now.wall < book.wall:  # 1970: it will be set yet; until then the old day goes on
            return
        passed = max(now.mono - book.mono, 0) if is_same_boot else 0
        jump = now.wall - book.wall - passed if is_same_boot else 0
        names = _names(now.wall)
        is_set = abs(jump) > _SET_MS
        self._book = _Book(
            day=_turned(book.day, names[0], now.wall, passed, jump if is_set else 0, is_set, _DAY_MS),
            month=_turned(book.month, names[1], now.wall, passed, jump if is_set else 0, is_set, _MONTH_MS),
            boot=now.boot,
            wall=now.wall,
            mono=now.mono,
        )

    # --- words --------------------------------------------------------------------------------------------------------

    def _limited(self) -> list[tuple[str, str, int, int]]:
        """Unit, name, spent and limit of each period that has one."""
        periods = {"day": self._book.day, "month": self._book.month}
        return [
            (unit, one.name, one.spent, self._limits[unit]) for unit, one in periods.items() if self._limits[unit] > 0
        ]

    def _warn(self) -> None:
        """Once a period."""
        for unit, name, spent, limit in self._limited():
            if spent >= limit * WARN_SHARE and (unit, name) not in self._warned:
                self._warned.add((unit, name))
                text = "budget: %d of %d bytes of the %s %s are spent; periodic samples go less often now"
                log.warning(text, spent, limit, unit, name)

    # --- the file -----------------------------------------------------------------------------------------------------

    def _write_sometimes(self) -> None:
        then, book = self._written, self._book
        is_another = (then.boot, then.day.name) != (book.boot, book.day.name)
        has_cost = book.month.spent - then.month.spent
        if is_another or has_cost >= _WRITE_BYTES or (has_cost and book.mono - then.mono >= _WRITE_MS):
            self._write()

    def _write(self) -> None:
        self._written = self._book
        body = {**asdict(self._book), "day": self._book.day, "month": self._book.month}
        try:
            sealed.write(self._path, body)
            self._is_refused = False
        except OSError as error:
            if not self._is_refused:
                log.error("budget: the counts cannot be written (%s); a stop would forget them", error)
            self._is_refused = True


def _turned(period: _Period, name: str, wall: int, passed: int, jump: int, is_set: bool, longest_ms: int) -> _Period:
    """A period after some time: the same one, or a new one."""
    lived = period.lived_ms + passed
    if lived >= longest_ms or (name > period.name and not is_set):
        return _Period(name, since=wall)
    return _Period(name, period.spent, lived, period.since + jump)


def _names(wall: int) -> tuple[str, str]:
    """The day and the month of a time, as this machine's time zone has them."""
    day = time.strftime("%Y-%m-%d", time.localtime(wall // 1000))
    return day, day[:7]


def _end_of_month(wall: int) -> int:
    at = time.localtime(wall // 1000)
    return int(time.mktime((at.tm_year, at.tm_mon + 1, 1, 0, 0, 0, 0, 0, -1)) * 1000)


def _read(path: str) -> _Book | None:
    """The counts in a file; None when there are none, or they are damaged."""
    try:
        body = sealed.read(path)
        return _Book(**{**body, "day": _Period(*body["day"]), "month": _Period(*body["month"])})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("budget: %s cannot be used (%s); today and this month are counted from here", path, error)
        return None
