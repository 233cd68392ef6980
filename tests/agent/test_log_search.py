"""The newest line that matches, in logs that grow, rotate, are cut off, are huge, are no logs."""

from __future__ import annotations

import io
import os
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_agent import log_search
from roundsman_agent.log_search import BYTES_LIMIT, Search

OK = "2026-11-22 10:{:02}:00 交易成功 金额=128.00 卡号=6222021234567890123\n"


def local(text: str) -> float:
    return time.mktime(time.strptime(text, "%Y-%m-%d %H:%M:%S"))


NOW = local("2026-11-22 12:00:00")


def search(path: Path, pattern: str = "交易成功", **more: str) -> Search:
    return Search(path=str(path), pattern=pattern, **more)


def newest(one: Search, now: float = NOW) -> float | tuple[str, str]:
    return one.newest(now_s=now, deadline=time.monotonic() + 10)


def ten(minute: int) -> float:
    return local(f"2026-11-22 10:{minute:02}:00")


def test_the_newest_of_many_lines_is_found_and_nothing_of_it_but_its_time(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("".join(OK.format(i) for i in range(50)) + "2026-11-22 11:00:00 交易失败\n" * 1000)

    assert newest(search(log)) == ten(49)


@pytest.mark.parametrize("code", ["utf-8", "gb18030"])
def test_a_log_in_either_encoding_is_read(tmp_path: Path, code: str) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(OK.format(3).encode(code))

    assert newest(search(log)) == ten(3)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2026/11/22 10:07:00.123 OK", "2026-11-22 10:07:00"),
        ("2026年11月22日 10:07:00 OK", "2026-11-22 10:07:00"),
        ("20261122 10:07:00 OK", "2026-11-22 10:07:00"),
        ("OK at 2026-11-22T10:07:00", "2026-11-22 10:07:00"),
        ("[2026-1-2 3:04:05] OK", "2026-01-02 03:04:05"),
    ],
)
def test_the_time_of_a_line_is_read_as_it_is_written(tmp_path: Path, line: str, said: str) -> None:
    log = tmp_path / "app.log"
    log.write_text(line + "\n")

    assert newest(search(log, "OK")) == local(said)


@pytest.mark.parametrize(
    ("line", "utc"),
    [
        ("2026-11-22T02:07:00Z OK", "02:07"),
        ("2026-11-22T10:07:00+08:00 OK", "02:07"),
        ("2026-11-21T23:07:00.5-0300 OK", "02:07"),
    ],
)
def test_a_time_that_names_its_zone_is_of_that_zone(tmp_path: Path, line: str, utc: str) -> None:
    log = tmp_path / "app.log"
    log.write_text(line + "\n")

    found = newest(search(log, "OK"))

    assert isinstance(found, float)
    assert time.strftime("%Y-%m-%d %H:%M", time.gmtime(found)) == f"2026-11-22 {utc}"


@pytest.mark.parametrize(
    ("line", "time_format", "said"),
    [
        ("10:07:00 OK", "%H:%M:%S", "2026-11-22 10:07:00"),
        ("23:59:00 OK", "%H:%M:%S", "2026-11-21 23:59:00"),  # last night
        ("11-21 22:00:00 OK", "%m-%d %H:%M:%S", "2026-11-21 22:00:00"),
        ("12-31 22:00:00 OK", "%m-%d %H:%M:%S", "2025-12-31 22:00:00"),
        ("22.11.2026 10:07:00 OK", "%d.%m.%Y %H:%M:%S", "2026-11-22 10:07:00"),
    ],
)
def test_a_time_of_a_way_of_its_own_is_read_by_its_format(
    tmp_path: Path, line: str, time_format: str, said: str
) -> None:
    log = tmp_path / "app.log"
    log.write_text(line + "\n")
    os.utime(log, (NOW, NOW))

    assert newest(search(log, "^(?P<time>.*) OK", time_format=time_format)) == local(said)


@pytest.mark.parametrize("line", ["OK", "2026-13-45 10:00:00 OK", "9" * 30 + " OK"])
def test_a_line_without_a_time_was_written_when_its_file_was(tmp_path: Path, line: str) -> None:
    log = tmp_path / "app.log"
    log.write_text(line + "\n")
    os.utime(log, (ten(30), ten(30)))

    assert newest(search(log, "OK")) == ten(30)


def test_a_transaction_of_the_future_is_not_believed(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("2027-01-01 00:00:00 OK\n")

    found = newest(search(log, "OK"))

    assert isinstance(found, tuple)
    assert found[0] == "implausible"


# --- from visit to visit ----------------------------------------------------------------------------------------------


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What was read of files, in bytes, visit by visit."""
    read: list[int] = []
    real = log_search._backwards

    def reading(file: object, begin: int, end: int, most: int) -> object:
        read.append(end - begin)
        return real(file, begin, end, most)  # type: ignore[arg-type]

    monkeypatch.setattr(log_search, "_backwards", reading)
    return read


def test_a_visit_reads_what_was_added_and_remembers_what_it_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, read = tmp_path / "app.log", counted(monkeypatch)
    log.write_text(OK.format(1) + "x\n" * 1000)
    one = search(log)

    assert newest(one) == ten(1)
    with log.open("a") as file:
        file.write("y\n" * 10)
    assert newest(one) == ten(1)
    with log.open("a") as file:
        file.write(OK.format(2))
    assert newest(one) == ten(2)
    assert newest(one) == ten(2)

    assert read[1:] == [20, len(OK.format(2).encode()), 0]


def test_a_line_that_is_being_written_is_found_when_it_is_whole(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text(OK.format(1) + "2026-11-22 10:02:00 交易")
    one = search(log)

    assert newest(one) == ten(1)
    with log.open("a") as file:
        file.write("成功\n")

    assert newest(one) == ten(2)


def test_a_log_that_was_rotated_is_followed_to_its_old_end(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text(OK.format(1))
    one = search(log)
    assert newest(one) == ten(1)

    with log.open("a") as file:
        file.write(OK.format(2))
    log.rename(tmp_path / "app.log.1")
    assert newest(one) == ten(2)  # nothing has been written yet since
    log.write_text("started\n")
    assert newest(one) == ten(2)
    with log.open("a") as file:
        file.write(OK.format(3))

    assert newest(one) == ten(3)


@pytest.mark.parametrize("more", ["", "a much longer beginning than there was before\n" * 3])
def test_a_log_that_was_cut_off_and_written_anew_is_read_anew(tmp_path: Path, more: str) -> None:
    log = tmp_path / "app.log"
    log.write_text("x\n" + OK.format(1))
    one = search(log)
    assert newest(one) == ten(1)

    log.write_text(more + OK.format(2))

    assert newest(one) == ten(2)


def test_dated_logs_are_followed_by_their_name(tmp_path: Path) -> None:
    one = search(tmp_path / "app-*.log")
    assert newest(one) == ("absent", f"{tmp_path}/app-*.log: there is no such log")
    for day, minute in ((20, 1), (21, 2), (22, 3)):
        log = tmp_path / f"app-202611{day}.log"
        log.write_text(OK.format(minute))
        os.utime(log, (NOW - 1000 + day, NOW - 1000 + day))
    (tmp_path / "app-20261123.log.gz").write_bytes(b"\x1f\x8b" + OK.format(9).encode())
    (tmp_path / "other.log").write_text(OK.format(9))

    assert newest(one) == ten(3)
    (tmp_path / "app-20261122.log").write_text("")
    assert newest(one) == ten(3)


def test_a_log_that_is_gone_does_not_take_away_what_is_known(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text(OK.format(1))
    one = search(log)
    newest(one)
    log.unlink()

    assert newest(one) == ten(1)


# --- what is no log ---------------------------------------------------------------------------------------------------


def test_no_line_that_matches_is_absent(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("nothing\n")

    assert newest(search(log))[0] == "absent"  # type: ignore[index]


def test_a_log_that_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")

    assert newest(search(tmp_path / "fifo")) == ("bad_answer", f"{tmp_path}/fifo: is not a plain file")
    assert newest(search(tmp_path))[0] == "bad_answer"  # type: ignore[index]
    assert newest(search(Path("/dev/zero")))[0] == "bad_answer"  # type: ignore[index]
    assert newest(search(tmp_path / "none" / "app-*.log"))[0] == "absent"  # type: ignore[index]


def test_a_log_that_may_not_be_read_says_how_to_mend_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "app.log"
    log.write_text(OK.format(1))

    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refused)

    found = newest(search(log))

    assert isinstance(found, tuple)
    assert (found[0], "SupplementaryGroups" in found[1]) == ("permission", True)


def test_of_a_huge_log_only_the_end_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "app.log"
    with log.open("wb") as file:
        file.write(OK.format(1).encode())
        file.truncate(200_000_000)  # a hole: it costs no disk
        file.seek(200_000_000)
        file.write(b"\n" + OK.format(2).encode() + b"z" * 3_000_000 + b"\n")
    begin = time.thread_time()

    found = newest(search(log))

    assert isinstance(found, tuple)  # it lies 3 MB before the end
    assert time.thread_time() - begin < 2
    with log.open("ab") as file:
        file.write(OK.format(4).encode())
    assert newest(search(log)) == ten(4)


def test_a_line_is_searched_at_its_beginning_alone(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("2026-11-22 10:01:00 交易成功" + "中" * 40_000 + "\n" + "中" * 40_000 + "交易成功\n")

    assert newest(search(log)) == ten(1)


def test_a_deadline_ends_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "app.log"
    log.write_text(OK.format(5) + "x\n" * 10_000)
    looked: list[bytes] = []

    def text(line: bytes) -> str:
        looked.append(line)
        return ""

    monkeypatch.setattr(log_search, "_text", text)

    one = search(log)

    assert one.newest(now_s=NOW, deadline=time.monotonic() - 1) == ("timeout", f"{log}: could not be searched in time")
    assert looked == []
    monkeypatch.undo()
    assert newest(one) == ten(5)


@given(st.lists(st.binary(max_size=40), max_size=40), st.integers(1, 70))
def test_lines_read_backwards_are_the_lines_of_the_file(lines: list[bytes], block: int) -> None:
    whole = b"\n".join(lines)
    before, log_search.BLOCK = log_search.BLOCK, block  # type: ignore[misc]
    try:
        found = list(log_search._backwards(io.BytesIO(whole), 0, len(whole), BYTES_LIMIT))
    finally:
        log_search.BLOCK = before  # type: ignore[misc]

    assert [line for _, line in found] == whole.split(b"\n")[::-1]
    assert all(whole[at : at + len(line)] == line for at, line in found)


@given(st.binary(max_size=500))
def test_whatever_stands_in_a_log_is_searched(data: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()

        found = Search(path=file.name, pattern="[0-9]").newest(now_s=NOW, deadline=time.monotonic() + 10)

    assert isinstance(found, float) or found[0] in ("absent", "implausible")
