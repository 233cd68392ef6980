"""The spool: nothing is lost in silence, whatever happens to the process, the file or the disk."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from roundsman_agent import fault
from roundsman_agent.clock import Moment
from roundsman_agent.spool import BLOCK, HELD_BYTES, Spool, SpoolBusy, SpoolDenied
from tests.agent.cast import BOOT, START, T0, later, sample


def opened(folder: Path, now: Moment = START, **limits: Any) -> Spool:
    return Spool.open(str(folder), now=now, **{"free_floor_bytes": 0, **limits})


def numbers(spool: Spool) -> list[int]:
    return [record["n"] for record in spool.unsettled(0, 1_000_000)]


def killed(spool: Spool) -> None:
    """Let go of the files as `kill -9` would: nothing is written any more."""
    spool._abandon()


def declared(spool: Spool, now: Moment = START) -> list[tuple[int, int]]:
    """The numbers that gap records tell of, once somebody listens."""
    while spool.declare(now):
        pass
    return [tuple(r["lost"]) for r in spool.unsettled(0, 1_000_000) if r["kind"] == "gap" and r["lost"]]


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = opened(tmp_path / "data")
    yield spool
    spool._abandon()


def test_numbers_rise_by_one_and_what_was_taken_is_there(spool: Spool) -> None:
    given = [spool.take(sample(at=later(i))) for i in range(5)]

    assert given == [1, 2, 3, 4, 5]
    assert spool.unsettled(2, 2) == [{"n": n, **sample(at=later(n - 1))} for n in (3, 4)]
    assert (spool.oldest, spool.newest) == (1, 5)


def test_settled_records_leave_and_others_stay(spool: Spool) -> None:
    for i in range(10):
        spool.take(sample(at=later(i)))

    spool.settle(3, [(5, 5)], [(8, 9)])

    assert numbers(spool) == [4, 6, 7, 10]
    assert spool.oldest == 4


def test_an_acknowledgement_of_numbers_never_given_settles_only_what_there_is(spool: Spool) -> None:
    spool.take(sample())

    spool.settle(1_000_000, [(5, 2**53)])

    assert spool.take(sample(at=later(1))) == 2
    assert numbers(spool) == [2]


def test_an_empty_spool_says_that_its_oldest_is_yet_to_come(spool: Spool) -> None:
    spool.take(sample())
    spool.settle(1)

    assert (spool.oldest, spool.newest) == (2, 1)


def test_after_an_orderly_stop_the_stream_goes_on_without_a_hole(tmp_path: Path) -> None:
    first = opened(tmp_path)
    for i in range(3):
        first.take(sample(at=later(i)))
    first.settle(3)
    first.close(now=later(9))

    second = opened(tmp_path, later(10))

    assert second.take(sample(at=later(11))) == 4
    assert (second.stream, declared(second)) == (first.stream, [])
    assert second.session > first.session
    second._abandon()


def test_after_a_kill_the_stream_goes_on_behind_the_block_and_the_hole_is_declared(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.remember_boot(BOOT)
    for i in range(3):
        first.take(sample(at=later(i)))
    first.settle(1)
    killed(first)

    second = opened(tmp_path, later(60))
    second.declare(later(60))

    gap = second.unsettled(3, 1)[0]
    assert gap == {
        "n": BLOCK + 1,
        "kind": "gap",
        "boot": BOOT,
        "mono": later(60).mono,
        "t": later(60).wall,
        "lost": [4, BLOCK],
        "from_t": later(2).wall,
        "to_t": later(2).wall,
        "count": 0,
        "reason": "unclean_stop",
        "upper": True,
    }
    assert numbers(second) == [1, 2, 3, BLOCK + 1]  # what was settled a moment before a kill is sent once more
    second._abandon()


def test_after_a_power_cut_the_hole_speaks_of_two_sync_periods_at_most(tmp_path: Path) -> None:
    first = opened(tmp_path, fsync_ms=10_000)
    first.remember_boot(BOOT)
    first.take(sample(at=later(2)))
    killed(first)
    hours_later = replace(later(7200), boot="b2", mono=30_000)

    second = opened(tmp_path, hours_later, fsync_ms=10_000)
    second.declare(hours_later)

    gap = second.unsettled(1, 1)[0]
    assert (gap["lost"], gap["count"]) == ([2, BLOCK], BLOCK - 1)
    assert (gap["from_t"], gap["to_t"]) == (later(2).wall, later(22).wall)
    second._abandon()


def test_what_was_settled_before_a_kill_is_not_declared_lost(tmp_path: Path) -> None:
    first = opened(tmp_path)
    for i in range(3):
        first.take(sample(at=later(i)))
    first.settle(3)
    killed(first)

    second = opened(tmp_path, later(60))

    assert declared(second) == [(4, BLOCK)]
    second._abandon()


def test_a_hole_is_not_declared_twice_and_not_lost_when_the_next_start_is_killed_too(tmp_path: Path) -> None:
    killed_once = opened(tmp_path)
    killed_once.take(sample())
    killed(killed_once)
    killed(opened(tmp_path, later(5)))
    killed(opened(tmp_path, later(6)))

    spool = opened(tmp_path, later(7))

    assert declared(spool) == [(2, BLOCK)]
    spool._abandon()


def test_a_crash_loop_without_a_listener_costs_one_declaration(tmp_path: Path) -> None:
    for i in range(20):
        one = opened(tmp_path, later(i))
        one._number()  # a block is reserved and nothing is taken
        killed(one)

    spool = opened(tmp_path, later(60))

    assert declared(spool) == [(1, 20 * BLOCK)]
    spool._abandon()


def test_the_session_rises_with_every_start_even_where_the_clock_stands_still(tmp_path: Path) -> None:
    sessions = []
    for _ in range(4):
        spool = opened(tmp_path, START)
        sessions.append(spool.session)
        spool.close(now=START)

    assert sessions == sorted(set(sessions))


def test_two_agents_cannot_have_the_same_folder(spool: Spool) -> None:
    with pytest.raises(SpoolBusy, match="another agent works in this data folder"):
        opened(Path(spool.folder))


def test_a_folder_that_cannot_be_made_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(SpoolDenied, match="data folder"):
        opened(tmp_path / "file" / "data")


# --- the byte cap -----------------------------------------------------------------------------------------------------


def folder_bytes(folder: str) -> int:
    return sum(entry.stat().st_size for entry in os.scandir(folder))


def test_the_byte_cap_is_honoured_and_every_number_is_here_or_declared(tmp_path: Path) -> None:
    spool = opened(tmp_path, max_bytes=1_000_000)
    largest = 0
    for i in range(6000):
        word = "out" if i % 500 == 0 else "ok"
        spool.take(sample(at=later(i), **{"printer.paper": word, "note": f"{i:0200}"[:200].replace("0", "x")}))
        if i % 50 == 0:
            spool.tend(later(i))
            largest = max(largest, folder_bytes(spool.folder))

    lost = {n for a, b in declared(spool, later(6001)) for n in range(a, b + 1)}
    here = set(numbers(spool))
    assert largest <= 1_000_000
    assert lost | here == set(range(1, spool.newest + 1))
    assert lost & here == set()
    assert len(lost) > 1000
    spool._abandon()


def test_samples_with_news_outlive_those_without(tmp_path: Path) -> None:
    spool = opened(tmp_path, max_bytes=1_000_000)
    boot = spool.take({"kind": "boot", "boot": BOOT, "mono": 1, "t": T0, "orderly": None})
    for i in range(5000):
        word = "out" if i == 700 else "ok"
        spool.take(sample(at=later(i), **{"printer.paper": word, "host.cpu_percent": i + 0.5, "host.name": "x" * 300}))

    here = numbers(spool)

    # The boot, the device's first sample, its change to `out` (number 702) and back; not their neighbours.
    assert here[:4] == [boot, 2, 702, 703]
    assert here[4] > 1000
    spool._abandon()


def test_when_all_is_news_the_oldest_goes_and_gap_records_do_not_fill_the_spool(tmp_path: Path) -> None:
    spool = opened(tmp_path, max_bytes=1_000_000)
    for i in range(6000):
        spool.take(sample(at=later(i), word=f"{'x' * 390}{i}"))
        if i % 100 == 0:
            spool.declare(later(i))

    while spool.declare(later(6000)):
        pass
    records = spool.unsettled(0, 100_000)
    gaps = [record for record in records if record["kind"] == "gap"]
    lost = {n for gap in gaps for n in range(gap["lost"][0], gap["lost"][1] + 1)}

    assert lost | {record["n"] for record in records} == set(range(1, spool.newest + 1))
    assert len(gaps) < len(records) / 4
    assert min(gap["from_t"] for gap in gaps) == T0
    spool._abandon()


# --- damage -----------------------------------------------------------------------------------------------------------


def filled(folder: Path) -> tuple[str, int]:
    """A spool with two hundred records, stopped in order: its stream and session."""
    spool = opened(folder)
    for i in range(200):
        spool.take(sample(at=later(i), word="x" * 300))
    spool.close(now=later(200))
    return spool.stream, spool.session


def test_garbage_instead_of_a_spool_begins_a_new_stream_that_says_so(tmp_path: Path) -> None:
    stream, session = filled(tmp_path)
    (tmp_path / "spool.db").write_bytes(random.Random(7).randbytes(50_000))

    spool = opened(tmp_path, later(300))
    n = spool.take(sample(at=later(301)))
    spool.declare(later(302))

    gap = spool.unsettled(n, 1)[0]
    assert (spool.stream != stream, spool.session > session, n) == (True, True, 1)
    assert (gap["kind"], gap["reason"], gap["lost"], gap["to_t"]) == ("gap", "spool_damaged", None, later(300).wall)
    assert [path.name for path in tmp_path.glob("damaged-*")] != []
    spool._abandon()


def test_a_spool_that_was_deleted_is_declared(tmp_path: Path) -> None:
    stream, _ = filled(tmp_path)
    (tmp_path / "spool.db").unlink()

    spool = opened(tmp_path, later(300))

    assert spool.stream != stream
    assert [loss.reason for loss in spool.losses()] == ["spool_damaged"]
    spool._abandon()


def test_a_lost_head_has_a_copy_and_costs_a_block_of_numbers(tmp_path: Path) -> None:
    stream, session = filled(tmp_path)
    (tmp_path / "head.json").write_text('{"stream": ')

    spool = opened(tmp_path, later(300))

    assert (spool.stream, len(numbers(spool))) == (stream, 200)
    assert spool.session > session
    assert spool.take(sample(at=later(300))) > 200
    assert declared(spool) == [(201, 200 + BLOCK)]
    spool._abandon()


def test_two_lost_heads_cost_blocks_of_numbers_and_nothing_else(tmp_path: Path) -> None:
    stream, session = filled(tmp_path)
    (tmp_path / "head.json").write_text('{"stream": ')
    (tmp_path / "head-copy.json").unlink()

    spool = opened(tmp_path, later(300))

    assert (spool.stream, len(numbers(spool))) == (stream, 200)
    assert spool.session > session
    assert spool.take(sample(at=later(300))) > 200
    ((first, last),) = declared(spool)
    assert first == 201
    assert last >= 200 + 64 * BLOCK, "the copy may be as far behind as the WAL was cut"
    spool._abandon()


def test_a_head_and_a_wal_that_are_lost_again_and_again_give_no_number_twice(tmp_path: Path) -> None:
    taken: list[int] = []
    spool = opened(tmp_path)
    stream = spool.stream
    spool.take(sample())
    spool.close(now=later(60))
    spool = opened(tmp_path, later(61))
    for minute in range(2, 6):
        if spool.stream == stream:
            taken.append(spool.take(sample(at=later(minute * 60))))
        heads, wal = (tmp_path / "head.json", tmp_path / "head-copy.json"), tmp_path / "spool.db-wal"
        before = (tmp_path / "spool.db").read_bytes()
        spool._abandon()  # moves the WAL into the file; a cut WAL would have left it as it was
        (tmp_path / "spool.db").write_bytes(before)
        for head in heads:
            head.write_bytes(b"")
        wal.write_bytes(b"")
        spool = opened(tmp_path, later(minute * 60 + 30))

    assert len(taken) >= 3
    assert taken == sorted(set(taken))
    spool._abandon()


def test_a_head_that_cannot_be_read_beside_an_empty_spool_is_damage_not_a_first_start(tmp_path: Path) -> None:
    (tmp_path / "head.json").write_bytes(b"")

    spool = opened(tmp_path)

    assert [loss.reason for loss in spool.losses()] == ["spool_damaged"]
    spool._abandon()


def test_a_stream_that_ended_is_told_even_if_the_spool_that_said_so_is_damaged_before_it_could(tmp_path: Path) -> None:
    streams = []
    for minute in range(3):
        spool = opened(tmp_path, later(minute * 60))
        spool.take(sample(at=later(minute * 60)))
        streams.append((spool.stream, spool.newest))
        spool._abandon()
        (tmp_path / "spool.db").write_bytes(b"no database at all")

    spool = opened(tmp_path, later(600))

    ended = {loss.ended[0] for loss in spool.losses() if loss.ended is not None}
    assert ended == {stream for stream, _ in streams}
    assert all(loss.upper for loss in spool.losses())
    spool._abandon()


@pytest.mark.parametrize("left", ["head.json", "head-copy.json"])
def test_a_head_and_the_spool_that_are_lost_together_leave_nothing_untold(tmp_path: Path, left: str) -> None:
    stream, session = filled(tmp_path)
    for name in ("spool.db", "head.json", "head-copy.json"):
        if name != left:
            (tmp_path / name).write_bytes(b"")

    spool = opened(tmp_path, later(300))

    ((gone, last),) = [loss.ended for loss in spool.losses() if loss.ended is not None]
    assert gone == stream
    assert last >= 200
    assert spool.session > session
    spool._abandon()


@pytest.mark.parametrize("seed", range(40))
def test_damage_at_any_byte_never_stops_the_agent_nor_gives_a_number_twice(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    spool = opened(tmp_path)
    taken = {spool.take(sample(at=later(i), word=f"w{i}")) for i in range(rng.randrange(1, 300))}
    if rng.random() < 0.5:
        spool.tend(later(60))
    copies = {entry.name: Path(entry.path).read_bytes() for entry in os.scandir(tmp_path) if entry.name != "lock"}
    killed(spool)
    for name, content in copies.items():  # as the files were at the moment of the kill
        (tmp_path / name).write_bytes(content)
    victim = tmp_path / rng.choice(
        [name for name in ("spool.db", "spool.db-wal", "head.json", "head-copy.json") if name in copies]
    )
    damaged = bytearray(victim.read_bytes())
    at = rng.randrange(max(len(damaged), 1))
    if rng.random() < 0.5:
        del damaged[at:]
    else:
        damaged[at : at + 64] = rng.randbytes(min(64, len(damaged) - at))
    victim.write_bytes(damaged)

    began = time.monotonic()
    again = opened(tmp_path, later(600))
    n = again.take(sample(at=later(601)))
    took = time.monotonic() - began

    here = {record["n"]: record for record in again.unsettled(0, 100_000)}
    lost = {n for a, b in declared(again, later(602)) for n in range(a, b + 1)}
    assert took < 5
    if again.stream == spool.stream:
        assert n not in taken
        assert taken <= set(here) | lost
        assert all(here[k]["readings"] == {"word": f"w{k - 1}"} for k in here if k in taken)
    else:
        assert again.session > spool.session
    again._abandon()


def test_damage_while_running_begins_a_new_stream_at_once(tmp_path: Path) -> None:
    spool = opened(tmp_path, max_bytes=4_000_000)
    for i in range(3000):
        spool.take(sample(at=later(i), word="x" * 200))
    spool.tend(later(3000))
    before = (spool.stream, spool.session)
    with open(tmp_path / "spool.db", "r+b") as file:
        file.seek(4096)
        file.write(os.urandom(400_000))

    spool._file.db.execute("PRAGMA shrink_memory")  # type: ignore[union-attr]  # forget what it read before
    spool.unsettled(0, 5000)
    n = spool.take(sample(at=later(3001)))

    assert (spool.stream, spool.session) != before
    assert spool.session > before[1]
    assert spool.unsettled(0, 1)[0]["n"] in (1, n)
    assert "spool_damaged" in {loss.reason for loss in spool.losses()}
    spool._abandon()


def test_a_record_whose_bytes_rotted_is_dropped_and_declared_alone(tmp_path: Path) -> None:
    filled(tmp_path)
    with sqlite3.connect(tmp_path / "spool.db") as db:
        db.execute("UPDATE record SET body = CAST(replace(body, 'kiosk-7', 'kiosk-8') AS BLOB) WHERE n = 77")
    db.close()

    spool = opened(tmp_path, later(300))

    assert 77 not in numbers(spool)
    assert declared(spool) == [(77, 77)]
    assert len([n for n in numbers(spool) if n <= 200]) == 199
    spool._abandon()


# --- a disk that refuses ----------------------------------------------------------------------------------------------


def test_below_the_free_floor_records_wait_in_memory_and_come_to_the_disk_later(tmp_path: Path) -> None:
    free = [10**9]
    spool = Spool.open(str(tmp_path), now=START, free_floor_bytes=10**6, fsync_ms=1000, free=lambda _: free[0])
    spool.take(sample(at=later(0)))
    free[0] = 100

    held = [spool.take(sample(at=later(i))) for i in (1, 2, 3)]
    seen = numbers(spool)
    spool.settle(1, [(3, 3)])
    unsettled = numbers(spool)
    free[0] = 10**9
    spool.tend(later(10))
    killed(spool)
    again = opened(tmp_path, later(20))

    assert held == [2, 3, 4]
    assert (seen, unsettled) == ([1, 2, 3, 4], [2, 4])
    assert numbers(again) == [2, 4]
    assert declared(again) == [(5, BLOCK)]
    again._abandon()


def test_what_memory_cannot_hold_is_declared_when_the_disk_is_back(tmp_path: Path) -> None:
    free = [10**9]
    spool = Spool.open(str(tmp_path), now=START, free_floor_bytes=10**6, fsync_ms=1000, free=lambda _: free[0])
    free[0] = 100
    for i in range(3 * HELD_BYTES // 1000):
        spool.take(sample(at=later(i), word="x" * 1000))

    held = numbers(spool)
    free[0] = 10**9
    spool.tend(later(10_000))
    lost = {n for a, b in declared(spool, later(10_001)) for n in range(a, b + 1)}

    assert sum(len(str(r)) for r in spool.unsettled(0, 10_000) if r["kind"] == "sample") < 1.3 * HELD_BYTES
    assert lost | set(numbers(spool)) == set(range(1, spool.newest + 1))
    assert lost & set(held) == set()
    spool._abandon()


def test_a_start_on_a_full_disk_lives_on_a_stream_of_its_own_and_returns(tmp_path: Path) -> None:
    stream, session = filled(tmp_path)
    os.chmod(tmp_path / "head.json", 0o400)
    (tmp_path / "head.json.new").mkdir()  # the head cannot be replaced, by nobody

    spool = opened(tmp_path, later(300), fsync_ms=1000)
    in_memory = (spool.stream, spool.session, spool.take(sample(at=later(301))))
    (tmp_path / "head.json.new").rmdir()
    spool.tend(later(310))

    assert in_memory[0] != stream
    assert in_memory[1] > session
    assert in_memory[2] == 1
    assert (spool.stream, spool.newest) == (stream, 201)
    assert spool.session > in_memory[1]
    assert spool.unsettled(200, 1)[0]["t"] == later(301).wall
    spool._abandon()


_FULL = """
import resource, signal, sys
from dataclasses import replace
from pathlib import Path
from roundsman_agent.spool import Spool
from tests.agent.cast import START, later, sample
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
spool = Spool.open(sys.argv[1], now=START, free_floor_bytes=0, fsync_ms=1000)
spool.take(sample(at=later(0)))
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))   # the disk is full from here
given = [spool.take(sample(at=later(i), word="x" * 1000)) for i in range(1, 150)]
assert given == list(range(2, 151)), given
assert [r["n"] for r in spool.unsettled(0, 1000)] == list(range(1, 151))
spool.settle(10)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
spool.tend(later(200))
spool.close(now=later(201))
"""


def test_a_disk_that_fills_up_for_real_stops_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FULL, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    spool = opened(tmp_path, later(300))
    assert numbers(spool) == list(range(11, 151))
    assert "disk takes nothing" in done.stderr
    spool._abandon()


# --- kill -9 ----------------------------------------------------------------------------------------------------------

_WORK = """
import os, sys
from roundsman_agent import fault
from roundsman_agent.spool import Spool
from tests.agent.cast import later, sample
fault.arm(os.environ["ROUNDSMAN_FAULT"])
i = int(sys.argv[2])
spool = Spool.open(sys.argv[1], now=later(i), free_floor_bytes=0, fsync_ms=5_000, max_bytes=1_000_000)
while True:
    i += 1
    n = spool.take(sample(at=later(i), word=f"{i:x>300}"))
    print("took", n, flush=True)
    if i % 7 == 0:
        spool.settle(n - 5)
        print("settled", n - 5, flush=True)
    spool.declare(later(i))
    spool.tend(later(i))
    if i % 2000 == 1999:
        for j in range(4000):
            print("took", spool.take(sample(at=later(i + j), word=f"{j:x>300}")), flush=True)
"""


@pytest.mark.parametrize(
    "point",
    [
        "start.after_lock",
        "start.after_hole",
        "start.after_session",
        "start.after_reserve:2",
        "spool.before_insert:300",
        "spool.after_insert:300",
        "spool.in_settle:20",
        "spool.after_settle:20",
        "spool.before_sync:3",
        "spool.after_sync:3",
        "spool.in_declare:1",
        "spool.in_drop:2",
    ],
)
def test_kill_9_at_any_point_loses_no_record_that_was_taken(tmp_path: Path, point: str) -> None:
    taken: set[int] = set()
    settled = 0
    for run, armed in enumerate(["spool.after_insert:40", point, "spool.after_insert:30", point]):
        done = subprocess.run(
            [sys.executable, "-c", _WORK, str(tmp_path), str(run * 10_000)],
            env={**os.environ, "ROUNDSMAN_FAULT": armed, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        words = [line.split() for line in done.stdout.splitlines()]
        given = [int(n) for word, n in words if word == "took"]
        assert not taken & set(given), "a number was given twice"
        taken |= set(given)
        settled = max([settled, *(int(n) for word, n in words if word == "settled")])

    spool = opened(tmp_path, later(50_000), max_bytes=1_000_000)
    lost = {n for a, b in declared(spool, later(50_000)) for n in range(a, b + 1)}
    here = set(numbers(spool))

    assert {n for n in taken if n > settled + 7} <= here | lost
    assert "spool.in_drop" in point or taken & lost == set()
    assert set(range(settled + 8, spool.newest + 1)) <= here | lost
    assert here & lost == set()
    spool._abandon()


# --- the property -----------------------------------------------------------------------------------------------------


class EveryNumberHasOneFate(RuleBasedStateMachine):
    """Takes, settles, orderly stops, kills and power cuts in any order.

    A power cut brings the files back as they were at the last fsync: a copy made then, plus the head, which is always
    fsynced. Whatever the spool gave after that is lost, and must be declared.
    """

    @initialize(block=st.booleans())
    def begin(self, block: bool) -> None:
        import tempfile

        self.folder = Path(tempfile.mkdtemp(prefix="roundsman-"))
        self.now = START
        self.ever: dict[int, str] = {}
        self.settled: set[int] = set()
        self.told: list[Any] = []
        self.given = 0
        self.spool = opened(self.folder, self.now, fsync_ms=1000)
        self.keep_synced()

    def teardown(self) -> None:
        if hasattr(self, "spool"):
            self.spool._abandon()
            shutil.rmtree(self.folder)

    def pass_time(self, seconds: float) -> None:
        self.now = later(seconds, self.now)

    def keep_synced(self) -> None:
        """What a power cut leaves of the database: the state of its last fsync."""
        source = sqlite3.connect(self.folder / "spool.db")
        target = sqlite3.connect(self.folder.with_suffix(".synced"))
        source.backup(target)
        source.close()
        target.close()

    @rule(count=st.integers(1, 400), word=st.sampled_from(["ok", "out"]))
    def take(self, count: int, word: str) -> None:
        for _ in range(count):
            self.pass_time(1)
            n = self.spool.take(sample(at=self.now, word=word))
            assert n not in self.ever, "a number was used twice"
            assert n > self.given
            self.ever[n], self.given = word, n

    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        upto = data.draw(st.integers(0, self.spool.newest))
        first = data.draw(st.integers(1, self.spool.newest + 1))
        last = data.draw(st.integers(first, self.spool.newest + 5))
        before = self.spool.unsettled(0, 100_000)
        self.spool.settle(upto, [(first, last)])
        after = {record["n"] for record in self.spool.unsettled(0, 100_000)}
        # A gap record that was settled has told the collector.
        self.told += [r["lost"] for r in before if r["kind"] == "gap" and r["lost"] and r["n"] not in after]
        self.settled |= set(range(1, upto + 1)) | set(range(first, min(last, self.spool.newest) + 1))

    @rule()
    def sync(self) -> None:
        self.pass_time(2)
        self.spool.tend(self.now)
        self.keep_synced()

    @rule()
    def declare(self) -> None:
        self.pass_time(1)
        self.spool.declare(self.now)
        self.given = self.spool.newest

    @rule()
    def stop_in_order(self) -> None:
        self.pass_time(1)
        self.spool.close(now=self.now)
        self.start()

    @rule()
    def kill(self) -> None:
        killed(self.spool)
        self.start()

    @precondition(lambda self: self.given > 0)
    @rule()
    def cut_the_power(self) -> None:
        killed(self.spool)
        for ending in ("-wal", "-shm"):
            (self.folder / f"spool.db{ending}").unlink(missing_ok=True)
        shutil.copy(self.folder.with_suffix(".synced"), self.folder / "spool.db")
        self.start()

    def start(self) -> None:
        self.pass_time(1)
        self.spool = opened(self.folder, self.now, fsync_ms=1000)
        self.given = self.spool.newest
        self.keep_synced()

    @invariant()
    def every_number_is_here_settled_or_declared(self) -> None:
        if not hasattr(self, "spool"):
            return
        records = self.spool.unsettled(0, 100_000)
        here = {record["n"] for record in records}
        told = [r["lost"] for r in records if r["kind"] == "gap" and r["lost"]]
        waiting = [(loss.first, loss.last) for loss in self.spool.losses() if loss.first is not None]
        lost = {n for a, b in (*told, *waiting, *self.told) for n in range(a, b + 1)}
        assert here & lost == set(), "declared lost, yet here"
        assert set(range(1, self.spool.newest + 1)) <= here | lost | self.settled, "lost in silence"
        for record in records:
            if record["kind"] == "sample":
                assert record["readings"]["word"] == self.ever[record["n"]]


TestEveryNumberHasOneFate = EveryNumberHasOneFate.TestCase
TestEveryNumberHasOneFate.settings = settings(max_examples=25, stateful_step_count=30)


def test_the_fault_points_are_those_that_are_named() -> None:
    with pytest.raises(ValueError, match=r"there is no point 'spool\.nowhere'; there are start"):
        fault.arm("spool.nowhere")
    with pytest.raises(ValueError, match="a count from 1"):
        fault.arm("spool.in_settle:0")
    fault.arm("")


# --- what is gone ----------------------------------------------------------------------------------------------------


def test_what_was_settled_between_oldest_and_newest_is_named_as_gone(spool: Spool) -> None:
    for i in range(10):
        spool.take(sample(at=later(i)))
    assert spool.gone() == []

    spool.settle(2, [(5, 6), (9, 10)])

    assert (spool.oldest, spool.newest, spool.gone()) == (3, 10, [(5, 6), (9, 10)])
    assert spool.gone(limit=1) == [(5, 6)]
    spool.settle(10)
    assert (spool.oldest, spool.gone()) == (11, [])


def test_what_a_gap_record_tells_of_or_will_tell_of_is_not_gone(tmp_path: Path) -> None:
    first = opened(tmp_path / "data")
    first.take(sample())
    killed(first)
    spool = opened(tmp_path / "data", now=later(1))
    before = spool.gone()
    spool.declare(later(2))
    spool.take(sample(at=later(3)))

    assert (before, spool.gone()) == ([], [])
    assert spool.newest == BLOCK + 2
    spool._abandon()
