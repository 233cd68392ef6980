"""How the machine stopped before this boot: shut down, cut off, or nobody can tell, whatever its clock says.

The counterpart for what bytes look like is util-linux: utmpdump makes records of text for us, and reads ours.
"""

from __future__ import annotations

import ctypes
import shutil
import sqlite3
import struct
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_agent.last_stop import LAYOUTS, Record, last_stop, records

T = 1_795_233_600
"""2026-11-21T04:00:00Z: this boot."""
DAY = 86_400
SHORT, LONG = LAYOUTS
USER_PROCESS, DEAD_PROCESS = 7, 8


def entry(kind: int, user: str, second: int, *, layout: object = SHORT, pid: int = 0, microsecond: int = 0) -> bytes:
    """One struct utmp, as utmp(5) and the C library of that machine lay it out."""
    head = struct.pack("=hhi32s4s32s256shh", kind, 0, pid, b"~", b"~~", user.encode(), b"6.1.0-18-amd64", 0, 0)
    tail = struct.pack("=iii16s20s", 0, second, microsecond, b"", b"")
    if layout is LONG:
        tail = struct.pack("=8xqq16s20s4x", second, microsecond, b"", b"")
    return head + tail


def boot(second: int, **more: object) -> bytes:
    return entry(2, "reboot", second, **more)  # type: ignore[arg-type]


def shutdown(second: int, **more: object) -> bytes:
    return entry(1, "shutdown", second, **more)  # type: ignore[arg-type]


def runlevel(level: str, second: int) -> bytes:
    return entry(1, "runlevel", second, pid=ord(level))


def login(second: int) -> bytes:
    return entry(USER_PROCESS, "kiosk", second, pid=801) + entry(DEAD_PROCESS, "", second + 60, pid=801)


class Machine:
    """The files of a machine that came up at T."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("var/log", "run", "proc"):
            (root / folder).mkdir(parents=True)
        self.booted(T)

    def booted(self, second: int) -> None:
        (self.root / "proc/stat").write_text(f"cpu  1 2 3\nintr 7 {'0 ' * 2000}\nctxt 9\nbtime {second}\nprocesses 3\n")

    def has(self, *wtmp: bytes, older: bytes = b"", utmp: bytes = b"") -> object:
        (self.root / "var/log/wtmp").write_bytes(b"".join(wtmp))
        if older:
            (self.root / "var/log/wtmp.1").write_bytes(older)
        if utmp:
            (self.root / "run/utmp").write_bytes(utmp)
        return last_stop(str(self.root))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


class Wide(ctypes.Structure):
    """struct utmp where __WORDSIZE_TIME64_COMPAT32 is 0 (arm64), laid out by this machine's own C."""

    _fields_ = (
        ("type", ctypes.c_short), ("pid", ctypes.c_int32), ("line", ctypes.c_char * 32), ("id", ctypes.c_char * 4),
        ("user", ctypes.c_char * 32), ("host", ctypes.c_char * 256), ("exit", ctypes.c_short * 2),
        ("session", ctypes.c_int64), ("second", ctypes.c_int64), ("microsecond", ctypes.c_int64),
        ("address", ctypes.c_int32 * 4), ("unused", ctypes.c_char * 20),
    )  # fmt: skip


def test_the_layout_of_64_bit_times_is_that_of_c() -> None:
    assert (ctypes.sizeof(Wide), Wide.user.offset, Wide.second.offset) == (LONG.size, 44, LONG.seconds_at)
    assert len(boot(T, layout=LONG)) == LONG.size


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ((boot(T - DAY), login(T - 900), shutdown(T - 600)), "clean"),
        ((boot(T - DAY), shutdown(T - 600), login(T - 599)), "clean"),
        ((boot(T - DAY), runlevel("5", T - DAY), runlevel("0", T - 600)), "clean"),
        ((boot(T - DAY), runlevel("6", T - 600)), "clean"),
        ((boot(T - DAY), login(T - 600)), "unclean"),
        ((shutdown(T - 2 * DAY), boot(T - DAY), runlevel("5", T - DAY)), "unclean"),
        ((boot(T - DAY), shutdown(T - 900), boot(T - 800), boot(T - 700)), "unclean"),
    ],
    ids=["shut down", "a user goes last", "init halts", "init reboots", "cut off", "cut off once before", "a storm"],
)
def test_the_stop_before_this_boot_is_told(machine: Machine, before: tuple[bytes, ...], expected: str) -> None:
    assert machine.has(*before, boot(T), runlevel("5", T + 9), login(T + 90)) == expected


def test_the_same_is_read_on_a_machine_of_64_bit_times(machine: Machine) -> None:
    before = [boot(T - DAY, layout=LONG), entry(USER_PROCESS, "kiosk", T - DAY, layout=LONG)]
    now = boot(T, layout=LONG, microsecond=999_999)

    assert machine.has(*before, shutdown(T - 60, layout=LONG), now) == "clean"
    assert machine.has(*before, now) == "unclean"
    assert machine.has(*before * 12, now) == "unclean"  # 9600 bytes and more: whole records of either layout


def test_a_clock_that_starts_in_1970_is_no_matter_where_utmp_knows_the_boot(machine: Machine) -> None:
    this = boot(12, microsecond=345)

    assert machine.has(boot(13), shutdown(900), this, login(T), utmp=this) == "clean"
    assert machine.has(boot(13), login(T - DAY), this, login(T), utmp=this) == "unclean"


def test_a_clock_set_back_is_no_matter(machine: Machine) -> None:
    this = boot(T)

    assert machine.has(boot(T + 9 * DAY), shutdown(T + 10 * DAY), this, utmp=this) == "clean"


def test_init_may_have_asked_the_clock_twice(machine: Machine) -> None:
    machine.booted(T + DAY)  # NTP came a day later

    assert machine.has(boot(T - DAY), shutdown(T - 600), boot(T + 2), utmp=boot(T + 1)) == "clean"


def test_when_this_boot_was_not_written_down_the_last_one_is_not_taken_for_it(machine: Machine) -> None:
    assert machine.has(boot(T - 2 * DAY), shutdown(T - 2 * DAY + 60), boot(T - DAY)) == (
        "absent", "no record of this boot in wtmp",
    )  # fmt: skip
    assert machine.has(login(T - DAY)) is None
    assert machine.has(runlevel("5", T)) == ("absent", "no record of this boot in wtmp")


def test_without_the_boot_before_nobody_can_tell(machine: Machine) -> None:
    assert machine.has(boot(T), runlevel("5", T)) == ("absent", "no record of the boot before in wtmp")


def test_a_rotated_file_is_read_behind_the_new_one(machine: Machine) -> None:
    assert machine.has(boot(T), older=boot(T - DAY) + shutdown(T - 60)) == "clean"
    assert machine.has(boot(T), older=boot(T - DAY) + login(T - 60)) == "unclean"
    assert machine.has(login(T + 60), older=boot(T - DAY) + shutdown(T - 60) + boot(T)) == "clean"


def test_a_system_that_keeps_no_such_records_says_nothing(tmp_path: Path) -> None:
    assert last_stop(str(tmp_path)) is None
    assert Machine(tmp_path / "m").has(b"") is None


def test_a_power_cut_in_the_middle_of_a_record_costs_that_record(machine: Machine) -> None:
    whole = boot(T - DAY) + shutdown(T - 60) + boot(T)

    assert machine.has(whole, login(T)[:200]) == "clean"
    assert machine.has(boot(T - DAY), login(T - 60), bytes(384 * 3), boot(T)) == "unclean"


def test_a_boot_before_thousands_of_logins_is_still_found(machine: Machine) -> None:
    assert machine.has(boot(T - DAY), shutdown(T - 60), boot(T), login(T) * 2000) == "clean"


def test_a_file_without_end_is_not_read_to_its_begin(machine: Machine) -> None:
    path = machine.root / "var/log/wtmp"
    path.write_bytes(boot(T - DAY) + shutdown(T - 60) + boot(T))
    with path.open("r+b") as file:
        file.truncate(384 * 20_000_000)  # sparse: 7.7 GB of empty records

    assert last_stop(str(machine.root)) is None


# wtmpdb's own statement (lib/sqlite.c of wtmpdb 0.13 to 0.73); Debian 12 has no such package to make one with.
WTMPDB = (
    "CREATE TABLE IF NOT EXISTS wtmp(ID INTEGER PRIMARY KEY, Type INTEGER, User TEXT NOT NULL, Login INTEGER, "
    "Logout INTEGER, TTY TEXT, RemoteHost TEXT, Service TEXT) STRICT;"
)
SECOND = 1_000_000


def wtmpdb(path: Path, *rows: tuple[int, str, int | None, int | None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(WTMPDB)
        database.executemany("INSERT INTO wtmp (Type, User, Login, Logout, TTY) VALUES (?, ?, ?, ?, '~')", rows)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(1, "reboot", T - DAY, T - 60), (3, "kiosk", T - DAY, T - 99), (1, "reboot", T, None)], "clean"),
        ([(1, "reboot", T - DAY, None), (3, "kiosk", T - DAY, None), (1, "reboot", T, None)], "unclean"),
        ([(1, "reboot", T + 9 * DAY, T + 10 * DAY), (1, "reboot", T, None), (3, "kiosk", T, None)], "clean"),
        ([(1, "reboot", T, None)], ("absent", "no record of the boot before in wtmp")),
        ([(1, "reboot", T - DAY, T - 60)], ("absent", "no record of this boot in wtmp")),
        ([(1, "reboot", 12, None), (1, "reboot", None, None)], ("absent", "no record of this boot in wtmp")),
        ([(3, "kiosk", T, None)], None),
    ],
    ids=["shut down", "cut off", "clock set back", "first boot", "this boot is missing", "1970", "no boots"],
)
@pytest.mark.parametrize("path", ["var/lib/wtmpdb/wtmp.db", "var/log/wtmp.db"])
def test_wtmpdb_of_debian_13_tells_the_same(
    machine: Machine, path: str, rows: list[tuple[int, str, int | None, int | None]], expected: object
) -> None:
    micro = [(kind, user, *(None if at is None else at * SECOND for at in times)) for kind, user, *times in rows]
    wtmpdb(machine.root / path, *micro)  # type: ignore[arg-type]

    assert last_stop(str(machine.root)) == expected


def test_a_machine_that_came_from_debian_12_has_an_old_wtmp_beside_it(machine: Machine) -> None:
    wtmpdb(
        machine.root / "var/lib/wtmpdb/wtmp.db",
        (1, "reboot", (T - DAY) * SECOND, None),
        (1, "reboot", T * SECOND, None),
    )

    assert machine.has(boot(T - 9 * DAY), shutdown(T - 9 * DAY + 60)) == "unclean"


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\x00" + bytes(4000), b"garbage" * 999])
def test_a_damaged_wtmpdb_tells_nothing(machine: Machine, content: bytes) -> None:
    (machine.root / "var/log/wtmp.db").write_bytes(content)

    assert last_stop(str(machine.root)) is None


def test_a_wtmpdb_that_is_being_written_is_not_waited_for(machine: Machine) -> None:
    path = machine.root / "var/log/wtmp.db"
    wtmpdb(path, (1, "reboot", T * SECOND, None))

    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        found = last_stop(str(machine.root))

    assert found is None


def test_what_util_linux_writes_is_what_we_read(tmp_path: Path) -> None:
    """Words to records by utmpdump -r, which is bsdutils' and util-linux' own idea of the layout on this machine."""
    dump = shutil.which("utmpdump")
    assert dump, "util-linux has utmpdump"
    rest = "[~           ] [6.1.0-18-amd64      ] [0.0.0.0        ]"
    words = (
        f"[2] [00000] [~~  ] [reboot  ] {rest} [2026-11-20T04:00:00,000007+00:00]\n"
        f"[1] [00000] [~~  ] [shutdown] {rest} [2026-11-21T03:59:00,000000+00:00]\n"
    )

    made = subprocess.run([dump, "-r"], input=words.encode(), capture_output=True, check=True).stdout

    layout = next(one for one in LAYOUTS if len(made) % one.size == 0)
    assert records(made, layout) == [
        Record(is_boot=True, is_shutdown=False, second=T - DAY, microsecond=7),
        Record(is_boot=False, is_shutdown=True, second=T - 60, microsecond=0),
    ]
    ours = tmp_path / "wtmp"
    ours.write_bytes(boot(T - DAY, layout=layout) + shutdown(T - 60, layout=layout))
    told = subprocess.run([dump, str(ours)], capture_output=True, check=True, text=True).stdout
    assert ["reboot" in told, "shutdown" in told, "2026-11-20T04:00:00" in told] == [True] * 3


@given(
    data=st.binary(max_size=3000)
    | st.lists(st.sampled_from([boot(T), boot(T - DAY), shutdown(T - 9), login(T - 99)]), max_size=8).map(b"".join),
    strokes=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), max_size=8),
)
def test_whatever_the_file_holds_is_an_answer(
    data: bytes, strokes: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.getbasetemp() / "fuzzed"
    struck = bytearray(data)
    for at, value in strokes:
        if at < len(struck):
            struck[at] = value
    for folder in ("var/log", "run", "proc"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "proc/stat").write_bytes(bytes(struck[:100]) + f"\nbtime {T}\n".encode())
    for path in ("var/log/wtmp", "run/utmp"):
        (root / path).write_bytes(struck)

    found = last_stop(str(root))

    assert found in ("clean", "unclean", None) or (isinstance(found, tuple) and found[0] == "absent")
