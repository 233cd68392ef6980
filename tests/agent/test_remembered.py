"""What the agent remembers of the commands it accepted."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from roundsman_agent.clock import Moment
from roundsman_agent.remembered import ENTRIES, FILE, Entry, Memory
from tests.agent.cast import BOOT, START, T0, later


def entry(command: str = "c-1", at: int = T0, *, changes: bool = True) -> Entry:
    return Entry(id=command, verb="reboot", changes=changes, at=at, expires_ms=at + 600_000, boot=BOOT, mono=START.mono)


def true(now: Moment) -> tuple[int, int] | None:
    return now.wall, 100


def test_what_was_accepted_is_known_and_pending_to_the_next_run(tmp_path: Path) -> None:
    Memory(str(tmp_path), START).add(entry())

    again = Memory(str(tmp_path), START)

    assert again.knows("c-1")
    assert again.pending() == [entry()]
    again.answered("c-1")
    assert Memory(str(tmp_path), START).pending() == []
    assert Memory(str(tmp_path), START).knows("c-1")


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"entries":[{"id":1}],"floor":null,"crc":0}', b"\xff\xfe"])
def test_with_a_damaged_memory_nothing_asked_before_is_done(tmp_path: Path, body: bytes) -> None:
    (tmp_path / FILE).write_bytes(body)

    memory = Memory(str(tmp_path), START)
    memory.begin(true)

    assert memory.is_from_before(T0 - 1)
    assert not memory.is_from_before(T0 + 1)


def test_while_nobody_knows_the_time_everything_may_be_from_before(tmp_path: Path) -> None:
    memory = Memory(str(tmp_path), START)
    memory.begin(lambda _: None)

    assert memory.is_from_before(T0 + 99_000)


def test_what_was_asked_while_the_agent_was_off_is_not_from_before(tmp_path: Path) -> None:
    Memory(str(tmp_path), START).begin(true)

    again = Memory(str(tmp_path), later(600))
    again.begin(true)

    assert not again.is_from_before(T0 + 300_000)


def test_what_expired_is_forgotten_and_never_done_again(tmp_path: Path) -> None:
    memory = Memory(str(tmp_path), replace(START, wall=T0 - 5_000))
    memory.begin(true)
    memory.add(entry())
    memory.answered("c-1")

    memory.expire((T0 + 700_000, 1_000))
    assert memory.knows("c-1")  # not surely yet
    memory.expire((T0 + 800_000, 1_000))

    assert not memory.knows("c-1")
    assert memory.is_from_before(T0)
    assert not memory.is_from_before(T0 + 1)


def test_memory_is_bounded_and_keeps_what_must_not_be_done_twice(tmp_path: Path) -> None:
    memory = Memory(str(tmp_path), START)
    memory.add(entry("deed"))
    memory.answered("deed")
    for n in range(ENTRIES + 20):
        memory.add(entry(f"look-{n}", changes=False))
        memory.answered(f"look-{n}")

    assert memory.knows("deed")
    assert not memory.knows("look-0")
    assert memory.knows(f"look-{ENTRIES + 19}")
    assert (tmp_path / FILE).stat().st_size < 100_000


def test_what_the_disk_does_not_take_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory(str(tmp_path), START)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("roundsman_agent.sealed.replace_file", full)

    with pytest.raises(OSError, match="No space"):
        memory.add(entry())
    assert not memory.knows("c-1")
