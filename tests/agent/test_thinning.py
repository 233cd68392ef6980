"""Old samples are thinned before any is dropped: what is kept speaks for exactly the time for which all spoke."""

import os
import random
import sqlite3
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_agent.loss import FULL, KEPT, THINNED, Loss, belong_together, merged, numbers, split, told_by
from roundsman_agent.spool import Spool
from roundsman_agent.thinning import SLACK_MS, Row, Sieve
from tests.agent.cast import BOOT, START, later
from tests.agent.test_spool import declared, folder_bytes, killed, opened

MINUTE_MS = 60_000
DAY = 1440
SPOOL = (
    "spool.db",
    "spool.db-wal",
    "spool.db-shm",
    "head.json",
    "head-copy.json",
    "head.json.new",
    "head-copy.json.new",
)


def reading(minute: float, word: str = "ok", device: str = "kiosk-7") -> dict[str, Any]:
    """A sample of 20 readings."""
    at = later(60 * minute)
    rng = random.Random(minute)
    readings: dict[str, Any] = {f"host.number_{i:02}": round(rng.random() * 100, 1) for i in range(19)}
    stamp = {"kind": "sample", "boot": at.boot, "mono": at.mono, "t": at.wall}
    return {**stamp, "device": device, "valid_s": 90, "readings": {**readings, "printer.paper": word}}


def spool_bytes(folder: Path) -> int:
    """What the spool takes in its folder, whatever it consists of at the moment."""
    files = [entry for entry in os.scandir(folder) if entry.name in SPOOL or entry.name.startswith("damaged-")]
    return sum(entry.stat().st_size for entry in files)


def lost_in(losses: list[Loss], reason: str = "") -> set[int]:
    return {n for loss in losses if reason in ("", loss.reason) for a, b in numbers(loss) for n in range(a, b + 1)}


def told(spool: Spool, minute: float) -> list[dict[str, Any]]:
    """All gap records, once somebody listens."""
    while spool.declare(later(60 * minute)):
        pass
    return [dict(record) for record in spool.unsettled(0, 1_000_000) if record["kind"] == "gap"]


# --- which samples go: pure ------------------------------------------------------------------------------------------


def sieved(rows: list[tuple[int, int]], every_min: int = 5) -> list[int]:
    """The minutes of the samples that go; a row is (minute, whether it says something new), each valid for 90 s."""
    sieve = Sieve(every_min * MINUTE_MS)
    seen = [
        sieve.see(Row(n, minute * MINUTE_MS, minute * MINUTE_MS + 90_000, "kiosk-7", keep, 0))
        for n, (minute, keep) in enumerate(rows, start=1)
    ]
    return [rows[one.n - 1][0] for one in seen if one is not None]


def test_one_sample_in_five_minutes_is_left_of_one_a_minute() -> None:
    assert sieved([(m, 0) for m in range(12)]) == [1, 2, 3, 4, 6, 7, 8, 9]


def test_a_change_is_kept_and_so_is_the_sample_before_it() -> None:
    assert sieved([(m, int(m in (7, 9))) for m in range(13)]) == [1, 2, 3, 4, 10, 11]


def test_the_samples_around_a_stop_are_kept() -> None:
    assert sieved([(m, 0) for m in (0, 1, 2, 3, 30, 31, 32, 33)]) == [1, 2, 31, 32]


def test_a_clock_that_steps_back_is_like_a_stop() -> None:
    assert sieved([(m, 0) for m in (10, 11, 12, 13, 2, 3, 4, 5)]) == [11, 12, 3, 4]


def test_samples_further_apart_than_the_step_stay() -> None:
    sieve = Sieve(5 * MINUTE_MS)
    rows = [Row(n, n * 600_000, n * 600_000 + 900_000, "kiosk-7", 0, 0) for n in range(1, 20)]

    assert [sieve.see(row) for row in rows] == [None] * 19


def test_each_device_is_thinned_for_itself() -> None:
    sieve = Sieve(5 * MINUTE_MS)
    left = []
    for n in range(1, 25):
        device = ("nvr-2", "ups-2")[n % 2]
        t = (n // 2) * MINUTE_MS
        left.append(sieve.see(Row(n, t, t + 90_000, device, 0, 0)))

    gone = {one.n for one in left if one is not None}
    assert set(range(1, 25)) - gone == {1, 11, 21, 23} | {2, 12, 22, 24}


@given(
    st.lists(st.tuples(st.integers(1, 200), st.sampled_from([0, 0, 0, 0, 1])), max_size=120),
    st.sampled_from([5, 60]),
)
def test_what_is_kept_speaks_for_exactly_what_all_spoke_for(steps: list[tuple[int, int]], every_min: int) -> None:
    sieve = Sieve(every_min * MINUTE_MS)
    rows, t = [], 0
    for n, (seconds, keep) in enumerate(steps, start=1):
        t += seconds * 1000
        rows.append(Row(n, t, t + 90_000, "kiosk-7", keep, 0))
    left = [one for one in map(sieve.see, rows) if one is not None]

    kept = [row for row in rows if row.n not in {one.n for one in left}]
    assert not any(row.keep for row in rows if row not in kept)
    assert spoken([(r.t, r.until) for r in rows]) == spoken([(r.t, sieve.widened.get(r.n, r.until)) for r in kept])
    by_number = {row.n: row.t for row in rows}
    assert all(until - by_number[n] <= every_min * MINUTE_MS + SLACK_MS for n, until in sieve.widened.items())
    assert all(one.from_t < by_number[one.n] < one.to_t for one in left)


def spoken(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The time that samples cover, as ranges."""
    found: list[tuple[int, int]] = []
    for a, b in spans:
        if found and a <= found[-1][1]:
            found[-1] = (found[-1][0], max(b, found[-1][1]))
        else:
            found.append((a, b))
    return found


# --- losses that merge -----------------------------------------------------------------------------------------------


def loss(first: int, last: int, from_min: int, to_min: int, reason: str = THINNED, **more: Any) -> Loss:
    times = {"from_t": from_min * MINUTE_MS, "to_t": to_min * MINUTE_MS}
    every = {"every_s": 305.0} if reason == THINNED else {}
    return Loss(first=first, last=last, count=last - first + 1, reason=reason, **times, **every, **more)


def test_neighbouring_stretches_become_one_that_leaves_out_what_is_kept() -> None:
    one, other = loss(2, 5, 0, 5), loss(7, 10, 5, 10)

    both = merged(one, other)

    assert belong_together(one, other)
    assert (both.first, both.last, both.kept, both.count) == (2, 10, ((6, 6),), 8)
    assert list(numbers(both)) == [(2, 5), (7, 10)]


@pytest.mark.parametrize(
    "other",
    [
        loss(7, 10, 6, 10),
        loss(7, 10, 5, 10, upper=True),
        loss(7, 10, 5, 10, reason=FULL),
        Loss(first=None, last=None, from_t=0, to_t=1, count=1, reason=THINNED, every_s=305.0),
    ],
    ids=["a stop between", "may have arrived", "another reason", "without numbers"],
)
def test_stretches_that_are_not_of_one_kind_stay_apart(other: Loss) -> None:
    assert not belong_together(loss(2, 5, 0, 5), other)


def test_a_loss_grows_no_larger_than_a_message_takes() -> None:
    pieces = tuple((n, n) for n in range(10, 10 + 2 * KEPT, 2))
    large = loss(1, 10 + 2 * KEPT, 0, 100, kept=pieces)

    assert not belong_together(large, loss(5000, 5001, 100, 101))


def test_a_loss_in_two_parts_is_the_same_loss() -> None:
    whole = merged(loss(2, 5, 0, 5), loss(7, 10, 5, 10))

    before, behind = split(whole, 8, 8 * MINUTE_MS)

    assert before is not None
    assert behind is not None
    assert list(numbers(before)) == [(2, 5), (7, 8)]
    assert list(numbers(behind)) == [(9, 10)]
    assert (before.to_t, behind.from_t) == (8 * MINUTE_MS, 8 * MINUTE_MS)
    assert split(whole, 1, 0) == (None, whole)


def test_a_gap_record_gives_back_the_loss_it_told_of() -> None:
    whole = merged(loss(2, 5, 0, 5, upper=True), loss(7, 10, 5, 10, upper=True))
    said = {"lost": [2, 10], "from_t": 0, "to_t": 10 * MINUTE_MS, "count": 8, "reason": THINNED}

    assert told_by({**said, "every_s": 305.0, "kept": [[6, 6]], "upper": True}) == whole


# --- a month without a line -------------------------------------------------------------------------------------------


class Month:
    """30 days without a line: a sample a minute, paper that ends now and then, a start of the machine once a day."""

    def __init__(self, folder: Path, max_bytes: int, days: int = 30) -> None:
        rng = random.Random(7)
        self.spool = Spool.open(str(folder), now=START, max_bytes=max_bytes, free_floor_bytes=0, fsync_ms=3_600_000)
        self.minutes = days * DAY
        self.largest = 0
        self.news: set[int] = set()
        word = "ok"
        for minute in range(self.minutes):
            self.spool.tend(later(60 * minute))
            if minute % DAY == 0:
                at = later(60 * minute)
                boot = {"kind": "boot", "boot": BOOT, "mono": at.mono, "t": at.wall, "orderly": None}
                self.news.add(self.spool.take(boot))
            changes = rng.random() < 1 / 400
            word = {"ok": "end", "end": "ok"}[word] if changes else word
            n = self.spool.take(reading(minute, word))
            if changes or minute == 0:
                self.news.add(n)
            self.largest = max(self.largest, spool_bytes(folder))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Month:
    return Month(tmp_path_factory.mktemp("small"), 1_000_000)


@pytest.fixture(scope="module")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Month:
    return Month(tmp_path_factory.mktemp("medium"), 16_000_000)


@pytest.mark.slow
def test_a_month_in_1_mb_stays_below_the_cap_keeps_all_news_and_declares_the_rest(small: Month) -> None:
    spool = small.spool
    here = {record["n"] for record in spool.unsettled(0, 1_000_000)}
    losses = spool.losses()
    lost = lost_in(losses)

    assert small.largest <= 1_000_000
    assert small.news <= here
    assert lost | here == set(range(1, spool.newest + 1))
    assert lost & here == set()
    assert {one.reason for one in losses} == {THINNED, FULL}
    assert len(losses) <= 12
    assert not any(one.upper for one in losses)


@pytest.mark.slow
def test_a_month_in_16_mb_is_thinned_and_the_last_day_is_whole(medium: Month) -> None:
    spool = medium.spool
    records = spool.unsettled(0, 1_000_000)
    here = {record["n"] for record in records}
    losses = spool.losses()
    a_day_ago = later(60 * (medium.minutes - DAY)).wall

    assert medium.largest <= 16_000_000
    assert medium.news <= here
    assert {one.reason for one in losses} == {THINNED}
    assert lost_in(losses) | here == set(range(1, spool.newest + 1))
    assert lost_in(losses) & here == set()
    assert len([r for r in records if r["kind"] == "sample" and r["t"] >= a_day_ago]) == DAY
    assert len(losses) <= 12


@pytest.mark.slow
def test_what_is_left_of_a_month_is_an_hour_apart_at_most_until_it_was_dropped(small: Month) -> None:
    samples = [r for r in small.spool.unsettled(0, 1_000_000) if r["kind"] == "sample"]
    dropped_to = max(one.to_t or 0 for one in small.spool.losses() if one.reason == FULL)
    times = [r["t"] for r in samples if r["t"] >= dropped_to]

    apart = [b - a for a, b in pairwise(times)]
    assert max(apart) <= 3_600_000 + SLACK_MS
    assert len(times) > 500


@pytest.mark.slow
def test_the_gap_records_of_a_month_are_few_and_fit_messages(medium: Month) -> None:
    waiting = lost_in(medium.spool.losses())

    gaps = told(medium.spool, medium.minutes)

    assert {n for gap in gaps for a, b in numbers(told_by(gap)) for n in range(a, b + 1)} == waiting
    assert len(gaps) <= 12
    assert max(len(str(gap)) for gap in gaps) < 16_000
    assert {gap["every_s"] for gap in gaps} <= {305.0, 3605.0}


# --- at the edges -----------------------------------------------------------------------------------------------------


def test_thinning_begins_with_the_oldest_and_goes_no_further_than_there_is_need(tmp_path: Path) -> None:
    spool = opened(tmp_path, max_bytes=3_000_000, fsync_ms=3_600_000)
    for minute in range(3 * DAY):
        spool.tend(later(60 * minute))
        spool.take(reading(minute))

    (stretch,) = spool.losses()
    minutes = [(r["t"] - START.wall) // MINUTE_MS for r in spool.unsettled(0, 10_000)]
    assert stretch.reason == THINNED
    assert stretch.every_s == 305.0
    assert minutes[:3] == [0, 5, 10]
    assert minutes[-2 * DAY :] == list(range(DAY, 3 * DAY))
    spool._abandon()


def test_samples_of_a_clock_that_stood_in_1970_are_not_taken_for_old(tmp_path: Path) -> None:
    spool = opened(tmp_path, max_bytes=1_000_000, fsync_ms=3_600_000)
    for minute in range(2000):
        spool.tend(later(60 * minute))
        record = reading(minute)
        spool.take({**record, "t": 1000 + minute * MINUTE_MS, "ntp": False})

    hour = [r for r in spool.unsettled(0, 10_000) if r["mono"] >= later(60 * 1941).mono]
    assert len(hour) == 59
    assert lost_in(spool.losses()) | {r["n"] for r in spool.unsettled(0, 10_000)} == set(range(1, 2001))
    spool._abandon()


def test_what_was_sent_before_it_was_thinned_is_said_to_be_an_upper_bound(tmp_path: Path) -> None:
    spool = opened(tmp_path, max_bytes=1_000_000, fsync_ms=3_600_000)
    for minute in range(2 * DAY):
        spool.tend(later(60 * minute))
        spool.take(reading(minute))
        if minute == 400:
            spool.sent(spool.newest)

    upper = lost_in([one for one in spool.losses() if one.upper])
    exact = lost_in([one for one in spool.losses() if not one.upper])
    assert max(upper) <= 401 < min(exact)
    spool._abandon()


def test_settling_what_was_thinned_around_leaves_every_number_with_one_fate(tmp_path: Path) -> None:
    spool = opened(tmp_path, max_bytes=1_000_000, fsync_ms=3_600_000)
    rng = random.Random(3)
    settled: set[int] = set()
    for minute in range(3 * DAY):
        spool.tend(later(60 * minute))
        spool.take(reading(minute, device=("nvr-2", "ups-2")[minute % 2]))
        if rng.random() < 0.01:
            here = [r["n"] for r in spool.unsettled(0, 10_000)]
            first = rng.choice(here)
            spool.settle(0, [(first, first + 3)])
            settled |= set(range(first, first + 4)) & set(here)

    here = {r["n"] for r in spool.unsettled(0, 10_000)}
    lost = lost_in(spool.losses())
    assert here | lost | settled == set(range(1, spool.newest + 1))
    assert (here & lost, lost & settled, here & settled) == (set(), set(), set())
    spool._abandon()


def test_a_kill_amid_thinning_keeps_the_account(tmp_path: Path) -> None:
    spool = opened(tmp_path, max_bytes=1_000_000, fsync_ms=3_600_000)
    for minute in range(1500):
        spool.tend(later(60 * minute))
        spool.take(reading(minute))
    killed(spool)

    again = opened(tmp_path, later(60 * 1501), max_bytes=1_000_000)
    for minute in range(1501, 3000):
        again.tend(later(60 * minute))
        again.take(reading(minute))

    here = {r["n"] for r in again.unsettled(0, 10_000)}
    lost = lost_in(again.losses())
    assert here | lost == set(range(1, again.newest + 1))
    assert here & lost == set()
    again._abandon()


# --- the cap, to the byte ---------------------------------------------------------------------------------------------


def test_the_cap_holds_after_every_step_also_amid_transactions_and_checkpoints(tmp_path: Path) -> None:
    spool = opened(tmp_path, max_bytes=1_000_000, fsync_ms=10_000)
    largest = 0

    def look(*_: object) -> int:
        nonlocal largest
        largest = max(largest, folder_bytes(spool.folder))
        return 0

    assert spool._file is not None
    spool._file.db.set_progress_handler(look, 50)
    rng = random.Random(5)
    for step in range(3000):
        now = later(10 * step)
        record = reading(step / 6, word=rng.choice(["ok", "ok", "ok", "end"]))
        if rng.random() < 0.02:
            record["readings"]["note"] = "x" * rng.randrange(60_000)
        spool.take(record)
        if step % 3 == 0:
            spool.tend(now)
        if rng.random() < 0.01:
            here = spool.oldest
            spool.settle(0, [(here, here + rng.randrange(60))])
        if rng.random() < 0.01:
            spool.declare(now)
        look()

    assert largest <= 1_000_000
    assert largest > 800_000
    spool._abandon()


def test_a_wal_that_cannot_be_emptied_grows_no_further_and_nothing_is_lost(tmp_path: Path) -> None:
    spool = opened(tmp_path, max_bytes=1_000_000, fsync_ms=1000)
    for i in range(50):
        spool.take(reading(i))
    reader = sqlite3.connect(tmp_path / "spool.db")
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM record").fetchall()
    largest = 0
    for i in range(50, 400):
        spool.take(reading(i))
        largest = max(largest, folder_bytes(spool.folder))
    reader.close()
    spool.tend(later(60 * 400))

    assert largest <= 1_000_000
    assert [r["n"] for r in spool.unsettled(0, 1000)] == list(range(1, 401))
    assert not spool._is_holding
    killed(spool)
    assert len(opened(tmp_path, later(60 * 401)).unsettled(0, 1000)) == 400


def test_a_cap_that_was_lowered_is_honoured_from_the_next_start_on(tmp_path: Path) -> None:
    spool = opened(tmp_path, max_bytes=4_000_000)
    for minute in range(4000):
        spool.take(reading(minute))
    spool.close(now=later(60 * 4001))
    before = folder_bytes(str(tmp_path))

    again = opened(tmp_path, later(60 * 4002), max_bytes=1_000_000)

    assert (before > 2_000_000, folder_bytes(str(tmp_path)) <= 1_000_000) == (True, True)
    here = {r["n"] for r in again.unsettled(0, 10_000)}
    assert here | lost_in(again.losses()) == set(range(1, 4001))
    assert 4000 in here
    again._abandon()


def test_a_quarantined_file_counts_against_the_cap(tmp_path: Path) -> None:
    spool = opened(tmp_path, max_bytes=1_000_000)
    for minute in range(1000):
        spool.take(reading(minute))
    spool.close(now=later(60 * 1001))
    (tmp_path / "spool.db").write_bytes(random.Random(1).randbytes(700_000))

    again = opened(tmp_path, later(60 * 1002), max_bytes=1_000_000)
    largest = 0
    for minute in range(1002, 2500):
        again.take(reading(minute))
        largest = max(largest, folder_bytes(again.folder))

    assert again.quarantines == 1
    assert largest <= 1_000_000
    assert again.losses()[0].ended == (spool.stream, 1000)
    again._abandon()


def test_a_record_that_has_no_room_at_all_is_declared_and_the_next_one_is_taken(tmp_path: Path) -> None:
    spool = opened(tmp_path, max_bytes=1_000_000)
    record = reading(0)
    record["readings"] = {f"log.line_{i}": "x" * 400 for i in range(900)}

    given_up = spool.take(record)
    taken = spool.take(reading(1))

    assert (given_up, taken) == (1, 2)
    assert [(one.first, one.reason) for one in spool.losses()] == [(1, "too_large")]
    assert declared(spool, later(120)) == [(1, 1)]
    spool._abandon()


def test_a_spool_of_the_form_before_thinning_goes_on(tmp_path: Path) -> None:
    first = opened(tmp_path)
    for minute in range(20):
        first.take(reading(minute))
    first.close(now=later(1300))
    with sqlite3.connect(tmp_path / "spool.db") as db:
        db.execute("ALTER TABLE loss DROP COLUMN more")
        db.execute("PRAGMA user_version = 0")
    db.close()

    again = opened(tmp_path, later(1400))

    assert (again.stream, len(again.unsettled(0, 100)), again.losses()) == (first.stream, 20, [])
    again._abandon()
