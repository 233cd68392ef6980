"""When a log last said something: the time of its newest line that matches, found from the end backwards.

    Search(path="/opt/kiosk/log/app-*.log", pattern=…, time_format="").newest(now_s=…, deadline=…) -> seconds or Trouble

Only that time leaves this module: no line, no amount, no card number.

    app.log          that file, and app.log.1 where a rotation has just moved the end of it
    app-*.log        the three newest of that name (by day, by size; compressed ones are passed over)

A Search remembers up to where it has read each file (by device and inode), so a visit reads what was added since the
one before: backwards, in blocks, until a line matches, at most BYTES_LIMIT. A file that shrank, or does not go on where
it ended (truncated and written anew), is read anew. The time is what the line says of itself (`_STAMP`, or the group
`time` of the pattern read by `time_format`), as local time unless it names its zone; else when the file was written
last, which is at most one visit late.
"""

from __future__ import annotations

import fnmatch
import os
import re
import stat
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO, Final

from roundsman_agent.line_pattern import LINE_LIMIT, compiled

__all__ = ["BYTES_LIMIT", "Search", "Trouble"]

Trouble = tuple[str, str]
"""(code, detail) why there is no time."""

BYTES_LIMIT: Final = 1_048_576
"""What one visit reads at most."""
BLOCK: Final = 16_384
LINE_BYTES: Final = LINE_LIMIT * 4
FILES_LIMIT: Final = 3
ENTRIES_LIMIT: Final = 5000
"""Entries of a folder that are looked at."""
FUTURE_S: Final = 120.0
COMPRESSED: Final = (".gz", ".xz", ".bz2", ".zst", ".zip", ".7z")

_STAMP = re.compile(
    r"(20[0-9]{2})[-/.年]?([01]?[0-9])[-/.月]?([0-3]?[0-9])日?[T \t_-]{0,3}"
    r"([0-2]?[0-9])[:时]([0-5][0-9])[:分]([0-6][0-9])秒?(?:[.,][0-9]{1,9})?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)


class Search:
    """One log and what is looked for in it; kept from visit to visit."""

    def __init__(self, *, path: str, pattern: str, time_format: str = "") -> None:
        """ProbeError bad_setting when the pattern cannot be used."""
        self._path, self._format = path, time_format
        self._pattern = compiled(pattern)
        self._read_to: dict[tuple[int, int], int] = {}
        self._newest: float | None = None

    def newest(self, *, now_s: float, deadline: float) -> float | Trouble:
        """The newest time found so far, in seconds since 1970, or why there is none."""
        trouble: Trouble = ("absent", f"{self._path}: no line of its last {BYTES_LIMIT >> 20} MiB matches")
        left = BYTES_LIMIT
        there: set[tuple[int, int]] = set()
        found: float | None = None
        try:
            paths = _files(self._path)
        except (OSError, ValueError) as error:
            return self._newest if self._newest is not None else _trouble(self._path, error)
        if not paths:
            trouble = ("absent", f"{self._path}: there is no such log")
        for path in paths:
            try:
                with _opened(path) as file:
                    facts = os.fstat(file.fileno())
                    there.add((facts.st_dev, facts.st_ino))
                    if found is None:
                        found, left = self._searched(file, facts, left, deadline)
            except (OSError, ValueError) as error:
                trouble = _trouble(path, error)
        self._read_to = {file: size for file, size in self._read_to.items() if file in there}
        if found is not None and found > now_s + FUTURE_S:
            return ("implausible", f"{self._path}: its last match is {round(found - now_s)} s in the future")
        if found is not None and (self._newest is None or found > self._newest):
            self._newest = found
        return self._newest if self._newest is not None else trouble

    def _searched(self, file: BinaryIO, facts: os.stat_result, left: int, deadline: float) -> tuple[float | None, int]:
        """The time of the newest line that matches in what was not read yet, and how much may still be read."""
        key, size = (facts.st_dev, facts.st_ino), facts.st_size
        begin = self._read_to.get(key, 0)
        if begin > size or (begin and _byte(file, begin - 1) != b"\n"):
            begin = 0
        most, end = left, begin
        for i, (at, line) in enumerate(_backwards(file, begin, size, most)):
            left = most - (size - at)
            if i == 0:
                end = at  # what stands behind the last line feed may be written on: it is read again
            if time.monotonic() > deadline:
                raise TimeoutError  # nothing counts as read: the next visit begins at the end again
            match = self._pattern.search(_text(line))
            if match is not None:
                self._read_to[key] = max(end, begin)
                return self._time(match, facts.st_mtime), left
        self._read_to[key] = max(end, begin)
        return None, left

    def _time(self, match: re.Match[str], written: float) -> float:
        """When the line says it was written, or else when its file was."""
        if self._format and "time" in match.re.groupindex:
            said = match["time"] or ""
            try:
                return _by_format(said.strip(), self._format, written)
            except (ValueError, OverflowError):
                return written
        stamp = _STAMP.search(match.string)
        if stamp is not None:
            try:
                return _seconds(stamp)
            except (ValueError, OverflowError):
                return written
        return written


def _seconds(stamp: re.Match[str]) -> float:
    year, month, day, hour, minute, second = (int(part) for part in stamp.groups()[:6])
    utc = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC).timestamp()  # ValueError: no date
    zone = stamp[7]
    if zone is None:
        return time.mktime((year, month, day, hour, minute, second, 0, 0, -1))
    east = 0 if zone == "Z" else (int(zone[1:3]) * 60 + int(zone[-2:])) * 60 * (-1 if zone[0] == "-" else 1)
    return utc - east


def _by_format(said: str, time_format: str, written: float) -> float:
    """A time read by a format; one without a year is of the year (or the day) in which the file was written."""
    read = time.strptime(said, time_format)
    then = time.localtime(written)
    year, month, day = read.tm_year, read.tm_mon, read.tm_mday
    if year == 1900:
        year = then.tm_year
        if (month, day) == (1, 1) and not re.search(r"%[dejbBmxc]", time_format):
            month, day = then.tm_mon, then.tm_mday
    seconds = time.mktime((year, month, day, read.tm_hour, read.tm_min, read.tm_sec, 0, 0, -1))
    if seconds > written + FUTURE_S and read.tm_year == 1900:  # of last night, or of last year
        is_of_day = (year, month, day) == (then.tm_year, then.tm_mon, then.tm_mday)
        before = (year, month, day - 1) if is_of_day else (year - 1, month, day)
        seconds = time.mktime((*before, read.tm_hour, read.tm_min, read.tm_sec, 0, 0, -1))
    return seconds


# --- files ------------------------------------------------------------------------------------------------------------


def _files(path: str) -> list[str]:
    """The files that a path means, newest first."""
    folder, name = os.path.split(path)
    if not any(sign in name for sign in "*?["):
        return [one for one in (path, path + ".1") if os.path.exists(one)] or [path]
    found: list[tuple[float, str]] = []
    with os.scandir(folder or ".") as entries:
        for i, entry in enumerate(entries):
            if i >= ENTRIES_LIMIT:
                break
            if fnmatch.fnmatchcase(entry.name, name) and not entry.name.endswith(COMPRESSED):
                try:
                    found.append((entry.stat().st_mtime, entry.path))
                except OSError:  # rotated away while we looked
                    continue
    return [one for _, one in sorted(found, reverse=True)[:FILES_LIMIT]]


def _opened(path: str) -> BinaryIO:
    """The file, if it is one: what waits when it is opened (a FIFO, a device) is refused."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError("is not a plain file")
    return open(descriptor, "rb", buffering=0)


def _byte(file: BinaryIO, at: int) -> bytes:
    file.seek(at)
    return file.read(1) or b""


def _backwards(file: BinaryIO, begin: int, end: int, most: int) -> Iterator[tuple[int, bytes]]:
    """The lines between two places, each with its place and cut to LINE_BYTES; first what has no line feed yet.

    Their beginnings are what is kept of long ones: that is where the time stands. A line that begins beyond `most`
    bytes before the end is left out.
    """
    at, rest = end, b""
    while at > begin and end - at < most:
        size = min(BLOCK, at - begin, most - (end - at))
        at -= size
        file.seek(at)
        block = file.read(size) or b""
        if len(block) < size:  # truncated while we read
            return
        pieces = block.split(b"\n")
        place = at + size
        for i in range(len(pieces) - 1, 0, -1):
            place -= len(pieces[i])
            yield place, (pieces[i] + rest)[:LINE_BYTES]
            rest = b""
            place -= 1
        rest = (pieces[0] + rest)[:LINE_BYTES]
    if at == begin:
        yield begin, rest


def _text(line: bytes) -> str:
    """UTF-8, or GB 18030 as much of the software on kiosks writes; cut to LINE_LIMIT."""
    try:
        return line.decode("utf-8")[:LINE_LIMIT]
    except UnicodeDecodeError as error:
        if error.start >= len(line) - 3 and len(line) == LINE_BYTES:  # cut within a character
            return line[: error.start].decode("utf-8")[:LINE_LIMIT]
    return line.decode("gb18030", "replace")[:LINE_LIMIT]


def _trouble(path: str, error: Exception) -> Trouble:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return ("absent", f"{path}: there is no such log")
    if isinstance(error, TimeoutError):
        return ("timeout", f"{path}: could not be searched in time")
    if isinstance(error, PermissionError):
        return ("permission", f"{path}: the agent's user may not read it (SupplementaryGroups= in a drop-in)")
    return ("bad_answer", f"{path}: {getattr(error, 'strerror', None) or error}")
