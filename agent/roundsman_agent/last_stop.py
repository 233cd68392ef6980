"""How this machine stopped before it was started: shut down, or cut off. Read from wtmp or wtmpdb; nothing is written.

    last_stop("/") -> "clean" | "unclean" | Trouble | None      None: this system keeps no such records

Debian 12 writes two records of a boot into /var/log/wtmp (utmp(5)): BOOT_TIME when it comes up, and a change to run
level "shutdown" (systemd) or 0 or 6 (sysvinit) when it goes down in order. They are read in the order in which they
were written, backwards from this boot's BOOT_TIME: a shutdown before the next BOOT_TIME is a clean stop, none is a cut.

The times in them are not believed, as a clock without a battery starts in 1970 or where it was saved. Which BOOT_TIME
is this boot's is told by /run/utmp, which is new with each boot and has the same record; where there is no such file,
by the time of the boot (btime of /proc/stat), if it is near enough. When the last BOOT_TIME is not this boot's, nobody
wrote one and nothing is known. wtmp.1 is read behind wtmp, for logrotate may have come between.

Debian 13 has wtmpdb(8) instead, an SQLite file with a row per boot: user `reboot`, Login when it came up, Logout when
it went down in order. Rows are numbered as they were written; there is no utmp beside it.

    layout     size   type  user     time: seconds, microseconds
    32 bit     384    0     44..76   340, 344   int32: x86, x86-64, armhf
    64 bit     400    0     44..76   344, 352   int64: arm64, RISC-V 64
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import BinaryIO, Final, NamedTuple

__all__ = ["Record", "last_stop", "records", "told"]

RUN_LVL, BOOT_TIME, LAST_TYPE = 1, 2, 9
USER: Final = slice(44, 76)
SHUTDOWN: Final = b"shutdown"
RUNLEVELS_DOWN: Final = (ord("0"), ord("6"))

WTMP: Final = ("var/log/wtmp", "var/log/wtmp.1")
WTMPDB: Final = ("var/lib/wtmpdb/wtmp.db", "var/log/wtmp.db")
REBOOTS: Final = "SELECT Login, Logout FROM wtmp WHERE Type = 1 AND User = 'reboot' ORDER BY ID DESC LIMIT 2"
LOCKED_S: Final = 0.2

CHUNK_RECORDS: Final = 64
BYTES_LIMIT: Final = 4 * 1024 * 1024
"""Read backwards so far at most: ten thousand logins within one boot."""
UTMP_LIMIT: Final = 256 * 1024
STAT_LIMIT: Final = 1024 * 1024
NEAR_S: Final = 300
"""How far a boot's record may be from the time of the boot: NTP sets the clock in between."""

Trouble = tuple[str, str]


class _Layout(NamedTuple):
    size: int
    seconds: struct.Struct
    seconds_at: int


LAYOUTS: Final = (_Layout(384, struct.Struct("=ii"), 340), _Layout(400, struct.Struct("=qq"), 344))


class Record(NamedTuple):
    """A boot or a change of run level: its kind, and the second and microsecond that it claims."""

    is_boot: bool
    is_shutdown: bool
    second: int
    microsecond: int


def last_stop(root: str = "/") -> str | Trouble | None:
    """How the boot before ended, from the files below ``root``."""
    booted = _booted(os.path.join(root, "proc/stat"))
    logs = [os.path.join(root, path) for path in WTMP]
    found = told(_backwards(logs), _this_boot(os.path.join(root, "run/utmp")), booted)
    if isinstance(found, str):
        return found
    newer = told(_of_databases([os.path.join(root, path) for path in WTMPDB]), (), booted)
    return found if newer is None else newer


def told(backwards: Iterator[Record], this_boot: Sequence[Record], booted: int | None) -> str | Trouble | None:
    """What the records mean; ``this_boot`` are the BOOT_TIME records of /run/utmp, ``booted`` is when, in seconds."""
    is_any = False
    for record in backwards:
        is_any = True
        if record.is_boot:
            if not _is_this(record, this_boot, booted):
                return "absent", "no record of this boot in wtmp"
            break
    else:
        return ("absent", "no record of this boot in wtmp") if is_any else None
    for record in backwards:
        if record.is_shutdown:
            return "clean"
        if record.is_boot:
            return "unclean"
    return "absent", "no record of the boot before in wtmp"


def _is_this(record: Record, this_boot: Sequence[Record], booted: int | None) -> bool:
    times = [one.second for one in this_boot]  # the same as in wtmp, but sysvinit asks the clock once for each
    if booted is not None:
        times.append(booted)
    return any(abs(record.second - time) <= NEAR_S for time in times)


# --- files ------------------------------------------------------------------------------------------------------------


def _backwards(paths: Sequence[str]) -> Iterator[Record]:
    """What tells of boots in these files, the last first; a file that is not there, or not for us, has nothing."""
    for path in paths:
        try:
            with open(path, "rb") as file:
                yield from _of_file(file)
        except OSError:
            continue


def _of_databases(paths: Sequence[str]) -> Iterator[Record]:
    """What wtmpdb tells of boots, the last first: of the first of these files that can be read."""
    for path in filter(os.path.isfile, paths):
        import sqlite3
        from urllib.parse import quote

        try:
            with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=LOCKED_S)) as database:
                rows = database.execute(REBOOTS).fetchall()
        except sqlite3.Error:  # being written just now, damaged, or not for us
            continue
        for login, logout in rows:
            if logout is not None:
                yield Record(is_boot=False, is_shutdown=True, second=0, microsecond=0)
            second, microsecond = divmod(login if isinstance(login, int) else 0, 1_000_000)
            yield Record(is_boot=True, is_shutdown=False, second=second, microsecond=microsecond)
        return


def _of_file(file: BinaryIO) -> Iterator[Record]:
    size = file.seek(0, os.SEEK_END)
    tail = _at(file, size - min(size, 16 * 1024), size) if size else b""
    layout = _layout(tail, size - len(tail))
    end = size - size % layout.size  # a power cut may have left half a record
    least = max(0, end - BYTES_LIMIT // layout.size * layout.size)
    while end > least:
        start = max(least, end - CHUNK_RECORDS * layout.size)
        yield from reversed(records(_at(file, start, end), layout))
        end = start


def _this_boot(path: str) -> list[Record]:
    try:
        with open(path, "rb") as file:
            data = file.read(UTMP_LIMIT)
    except OSError:
        return []
    return [record for record in records(data, _layout(data, 0)) if record.is_boot]


def _booted(path: str) -> int | None:
    """When the kernel started by the clock of now, in seconds; None where it does not say."""
    try:
        with open(path, "rb") as file:
            found = re.search(rb"^btime (\d{1,12})$", file.read(STAT_LIMIT), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) if found else None


def _at(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)


# --- bytes ------------------------------------------------------------------------------------------------------------


def _layout(data: bytes, offset: int) -> _Layout:
    """The layout in which the fewest records are impossible; the bytes stand ``offset`` bytes into the file."""

    def strange(layout: _Layout) -> float:
        first = -offset % layout.size
        starts = range(first, len(data) - layout.size + 1, layout.size)
        bad = sum(not _is_possible(data, start, layout) for start in starts)
        return bad / len(starts) if starts else 1.0

    return min(LAYOUTS, key=strange)


def _is_possible(data: bytes, start: int, layout: _Layout) -> bool:
    kind: int
    padding: int
    kind, padding = struct.unpack_from("=hh", data, start)
    microsecond: int = layout.seconds.unpack_from(data, start + layout.seconds_at)[1]
    return 0 <= kind <= LAST_TYPE and padding == 0 and 0 <= microsecond < 1_000_000


def records(data: bytes, layout: _Layout = LAYOUTS[0]) -> list[Record]:
    """The boots and run levels among whole records, in the order in which they stand."""
    found = []
    for start in range(0, len(data) - layout.size + 1, layout.size):
        kind, _, pid = struct.unpack_from("=hhi", data, start)
        if kind not in (RUN_LVL, BOOT_TIME) or not _is_possible(data, start, layout):
            continue
        second, microsecond = layout.seconds.unpack_from(data, start + layout.seconds_at)
        user = data[start : start + layout.size][USER].split(b"\0", 1)[0]
        is_down = kind == RUN_LVL and (user == SHUTDOWN or pid & 0xFF in RUNLEVELS_DOWN)
        found.append(Record(kind == BOOT_TIME, is_down, second, microsecond))
    return found
