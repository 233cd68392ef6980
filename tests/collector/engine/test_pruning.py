"""Pruning: what goes, in slices; and that no interval is lost or invented where evidence has gone (law 8)."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from roundsman_collector.core.rebuild import Rebuild
from roundsman_collector.engine import pruning, timely
from roundsman_collector.engine.pruning import Pruning, expired, size_of
from roundsman_collector.store import Batch, EvidenceRow, Partition, Store, StoreError
from roundsman_collector.store.connect import transaction
from roundsman_collector.store.sql import run
from tests.collector.core.desk import START, at
from tests.collector.engine.desk import Agent, Collector, gateway, kiosk

DAY_MINUTES = 24 * 60
DAY_MS = 86_400_000
HUGE = 2**60


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    made = Collector(tmp_path)
    yield made
    made.store.close()


def day(name: str, bytes_: int, last_seq: int | None) -> Partition:
    return Partition(name, f"evidence_{name}", 1, last_seq, 0, bytes_)


# --- what is to go ---------------------------------------------------------------------------------------------------

NOV = [day(f"202611{d:02d}", 100, d) for d in range(1, 11)]
NOON_OF_THE_TENTH = 1_794_312_000_000


def names(some: tuple[Partition, ...]) -> list[str]:
    return [one.day for one in some]


def test_evidence_within_days_and_budget_stays() -> None:
    assert expired(NOV, NOON_OF_THE_TENTH, 9, 1000) == ()


def test_age_lets_go_of_one_day_at_a_time_so_that_a_wrong_clock_does_little_harm() -> None:
    assert names(expired(NOV, NOON_OF_THE_TENTH, 5, 1000)) == ["20261101"]
    assert names(expired(NOV, NOON_OF_THE_TENTH + 9000 * DAY_MS, 5, 1000)) == ["20261101"]


def test_the_budget_lets_go_of_as_many_as_it_must() -> None:
    assert names(expired(NOV, NOON_OF_THE_TENTH, 40, 650)) == ["20261101", "20261102", "20261103", "20261104"]


def test_the_newest_day_never_goes() -> None:
    assert len(expired(NOV, NOON_OF_THE_TENTH, 40, 0)) == 9
    assert expired(NOV[-1:], NOON_OF_THE_TENTH + 9000 * DAY_MS, 1, 0) == ()
    assert expired([], NOON_OF_THE_TENTH, 1, 0) == ()


def test_a_day_that_a_wrong_clock_has_named_goes_with_what_is_newer_than_it() -> None:
    known = [day("20991231", 100, 1), *NOV]

    assert names(expired(known, NOON_OF_THE_TENTH, 5, 10_000)) == ["20991231"]


# --- doing it --------------------------------------------------------------------------------------------------------


def prune(collector: Collector, minutes: float, keep_days: int) -> None:
    """Let everything go that is older, as the hours would."""
    work = Pruning(collector.engine, days=keep_days, budget_bytes=HUGE)
    for _ in range(100):
        before = len(collector.store.partitions())
        work.look(at(minutes))
        while work.step(at(minutes)):
            pass
        if len(collector.store.partitions()) == before:
            return


def good_days(collector: Collector, agent: Agent, days: range, *, paper_out_on: int | None = None) -> None:
    """A report every two hours, valid until the next; on one day the paper is out for six hours."""
    for number in days:
        for hour in range(0, 24, 2):
            minute = number * DAY_MINUTES + hour * 60
            out = number == paper_out_on and 6 <= hour < 12
            sample = {
                **agent.sample(minute, printer__paper="end" if out else "ok"),
                "valid_s": 7200,
            }
            collector.take(minute, agent.report(minute, sample))
            collector.look(minute)


def lived_days(collector: Collector, agent: Agent, count: int) -> None:
    collector.take(0, agent.birth(0))
    good_days(collector, agent, range(count), paper_out_on=1)


def test_what_is_older_goes_and_the_rest_is_as_it_was(collector: Collector) -> None:
    agent = kiosk()
    lived_days(collector, agent, 6)
    told, kept = collector.ledger("kiosk-7"), collector.stored_numbers("kiosk-7")

    prune(collector, 6 * DAY_MINUTES, 3)

    assert collector.ledger("kiosk-7") == told
    left = collector.stored_numbers("kiosk-7")
    assert left == kept[-len(left) :]
    assert 3 * 12 <= len(left) <= 5 * 12
    with collector.view() as view:
        counted = {one.cause: one.count for one in view.counters() if one.name == "pruned"}
        assert counted["reports"] == 1 + len(kept) - len(left)  # and the birth
        assert counted["days"] == 6 + 1 - len(view.status().partitions)
    assert collector.restart(6 * DAY_MINUTES) >= 0
    assert collector.ledger("kiosk-7") == told


def test_late_evidence_of_a_pruned_time_is_kept_and_counted_and_changes_nothing(collector: Collector) -> None:
    agent = kiosk()
    late = agent.sample(DAY_MINUTES + 90, printer__paper="end")
    lived_days(collector, agent, 6)
    told = collector.ledger("kiosk-7")
    assert (DAY_MINUTES + 6 * 60, DAY_MINUTES + 12 * 60, "down", "printer.paper_end") in told
    with collector.view() as view:
        conditions = view.conditions("kiosk-7", 0, at(10**6))
    prune(collector, 6 * DAY_MINUTES, 3)

    collector.take(6 * DAY_MINUTES, agent.report(6 * DAY_MINUTES, late, leaf="history"))
    collector.look(6 * DAY_MINUTES + 1)

    assert collector.ledger("kiosk-7") == told
    assert late["n"] in collector.stored_numbers("kiosk-7")
    with collector.view() as view:
        assert view.conditions("kiosk-7", 0, at(10**6)) == conditions
        assert {(c.name, c.cause): c.count for c in view.counters()}["late", "beyond_horizon"] == 1
    assert collector.engine.by_agent["kiosk-7"].dirty_from_ms is None


def test_late_evidence_of_a_time_that_is_kept_still_corrects_the_ledger(tmp_path: Path) -> None:
    ledgers = []
    for name in ("pruned", "whole"):
        (tmp_path / name).mkdir()
        collector = Collector(tmp_path / name)
        agent = kiosk()
        lived_days(collector, agent, 3)
        agent.n += 1
        late = {**agent.record(5 * DAY_MINUTES + 61, "sample", device="kiosk-7", valid_s=3600, readings={})}
        late["n"], late["readings"] = agent.n, {"printer.paper": "end"}
        good_days(collector, agent, range(3, 7))
        if name == "pruned":
            prune(collector, 7 * DAY_MINUTES, 3)
        collector.take(7 * DAY_MINUTES, agent.report(7 * DAY_MINUTES, late, leaf="history"))
        collector.look(7 * DAY_MINUTES + 1)
        ledgers.append(collector.ledger("kiosk-7"))
        collector.store.close()

    assert ledgers[0] == ledgers[1]


def test_an_agent_that_was_dark_for_longer_than_evidence_is_kept_brings_its_backlog(tmp_path: Path) -> None:
    ledgers = []
    for name in ("pruned", "whole"):
        (tmp_path / name).mkdir()
        collector = Collector(tmp_path / name)
        agent, other = kiosk(), gateway()
        collector.take(0, other.birth(0))
        lived_days(collector, agent, 2)
        backlog = []
        for hour in range(2 * 24, 12 * 24, 2):
            backlog.append(
                {**agent.sample(hour * 60, printer__paper="end" if hour == 7 * 24 else "ok"), "valid_s": 7200}
            )
            collector.take(hour * 60, other.report(hour * 60, other.sample(hour * 60, host__cpu_percent=1)))
            collector.look(hour * 60)
        if name == "pruned":
            prune(collector, 12 * DAY_MINUTES, 3)
            assert collector.stored_numbers("kiosk-7") == []
            collector.restart(12 * DAY_MINUTES)
        collector.take(12 * DAY_MINUTES, agent.birth(12 * DAY_MINUTES), agent.report(12 * DAY_MINUTES, backlog[-1]))
        collector.take(12 * DAY_MINUTES + 1, agent.report(12 * DAY_MINUTES + 1, *backlog[:-1], leaf="history"))
        collector.look(12 * DAY_MINUTES + 2)
        ledgers.append(collector.ledger("kiosk-7"))
        collector.store.close()

    assert ledgers[0] == ledgers[1]
    assert not [one for one in ledgers[0] if one[2] == "unknown" and one[1] is not None]


def test_late_evidence_that_waits_is_rebuilt_before_what_it_needs_goes(collector: Collector) -> None:
    agent = kiosk()
    late = {**agent.sample(DAY_MINUTES + 7 * 60, printer__paper="ok"), "valid_s": 3600}
    lived_days(collector, agent, 6)
    whole = collector.ledger("kiosk-7")
    collector.take(6 * DAY_MINUTES, agent.report(6 * DAY_MINUTES, late, leaf="history"))
    assert collector.engine.by_agent["kiosk-7"].dirty_from_ms == late["t"]

    prune(collector, 6 * DAY_MINUTES, 3)

    assert collector.engine.by_agent["kiosk-7"].dirty_from_ms is None
    told = collector.ledger("kiosk-7")
    assert told != whole
    collector.look(6 * DAY_MINUTES + 1)
    assert collector.ledger("kiosk-7") == told


def test_a_unit_that_cannot_be_rebuilt_does_not_hold_up_the_disk_and_stays_as_told(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = kiosk()
    late = agent.sample(DAY_MINUTES + 90, printer__paper="end")
    lived_days(collector, agent, 6)
    told = collector.ledger("kiosk-7")
    collector.take(6 * DAY_MINUTES, agent.report(6 * DAY_MINUTES, late, leaf="history"))
    with monkeypatch.context() as patch:
        patch.setattr(Rebuild, "fold", lambda *_: 1 / 0)
        prune(collector, 6 * DAY_MINUTES, 3)

    collector.look(6 * DAY_MINUTES + 1)

    assert len(collector.store.partitions()) <= 5
    assert collector.ledger("kiosk-7") == told


def test_memory_that_is_ahead_of_its_row_is_written_before_what_it_stands_on_goes(collector: Collector) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0))
    for number in range(5):
        for hour in range(0, 24, 2):  # nothing is swept
            minute = number * DAY_MINUTES + hour * 60
            collector.take(minute, agent.report(minute, {**agent.sample(minute, printer__paper="ok"), "valid_s": 7200}))
    told = collector.ledger("kiosk-7")

    prune(collector, 5 * DAY_MINUTES, 2)
    collector.restart(5 * DAY_MINUTES)

    unit = collector.engine.by_agent["kiosk-7"]
    assert unit.memory.streams["kiosk-7-1"].upto() == agent.n
    assert collector.ledger("kiosk-7") == told


def test_a_kill_at_any_slice_leaves_a_database_that_goes_on(tmp_path: Path) -> None:
    slices = 0
    for stop in range(40):
        (tmp_path / str(stop)).mkdir()
        collector = Collector(tmp_path / str(stop))
        agent = kiosk()
        lived_days(collector, agent, 4)
        told = collector.ledger("kiosk-7")
        work = Pruning(collector.engine, days=2, budget_bytes=HUGE)
        work.look(at(4 * DAY_MINUTES))
        slices = 0
        while slices < stop and work.step(at(4 * DAY_MINUTES)):
            slices += 1
        collector.restart(4 * DAY_MINUTES)
        prune(collector, 4 * DAY_MINUTES, 2)
        good_days(collector, agent, range(4, 5))
        assert collector.ledger("kiosk-7") == told
        with transaction(collector.store._read, "looking", collector.store._place) as connection:
            tables = run(connection, "SELECT count(*) FROM sqlite_master WHERE name LIKE 'evidence_' || ?", "2%")
            assert tables.scalar() == len(collector.store.partitions())
        collector.store.close()
        if slices < stop:
            return
    raise AssertionError(f"pruning of a small database took {slices} slices")


def test_the_room_of_what_went_is_used_again_on_a_full_disk(tmp_path: Path) -> None:
    noise = random.Random(7)
    with Store.open(tmp_path / "roundsman.sqlite3") as store:
        store.add_agent("kiosk-7", "south", [], START)
        seq = 0

        def fill(days: range) -> None:
            nonlocal seq
            for number in days:
                rows = []
                for _ in range(50):
                    seq += 1
                    body = noise.randbytes(6000)
                    at_ms = START + number * DAY_MS
                    rows.append(EvidenceRow(seq, 1, seq - 1 or None, "report", "s", seq, seq, at_ms, None, body))
                store.commit(Batch(now_ms=START, evidence=rows))

        fill(range(5))
        with store._write.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="the disk is full") as full:
            fill(range(5, 7))
        assert full.value.again

        seq = store.last_seq()
        days = store.partitions()
        store.prune(days[2].last_seq or 0, START)
        while store.clear(20):
            pass

        fill(range(5, 7))
        assert store.last_seq() == 350


def test_a_row_takes_about_as_much_of_the_disk_as_is_reckoned(tmp_path: Path) -> None:
    noise = random.Random(7)
    rows = []
    for seq in range(1, 4001):
        stream, body = "kiosk-7-3f9c2a10", noise.randbytes(300)
        rows.append(EvidenceRow(seq, seq % 90 + 1, seq, "report", stream, 10**6, 10**6, START, ((5, 9),), body))
    with Store.open(tmp_path / "roundsman.sqlite3") as store:
        for number in range(90):
            store.add_agent(f"kiosk-{number}", "south", [], START)
        store.commit(Batch(now_ms=START, evidence=rows))
        with transaction(store._read, "looking", store._place) as connection:
            pages = run(
                connection, "SELECT sum(pgsize) FROM dbstat WHERE name = ?", store.partitions()[0].table_name
            ).scalar()
        (day_,) = store.partitions()

    assert abs(size_of(day_) - int(pages or 0)) < 0.08 * int(pages or 1)


def test_what_is_of_no_use_any_more_goes_after_90_days(collector: Collector) -> None:
    with collector.view() as view:
        asked = view.ask(who="wang", verb="note", args={"ticket": 1, "text": "x"}, now_ms=at(0))
    timely.obey(collector.engine, collector.store.new_commands(), at(0))
    with transaction(collector.store._write, "people", collector.store._place) as connection:
        run(
            connection,
            "INSERT INTO person (id, name, role, email, language, made_ms, made_by, failed_count) "
            "VALUES ('wang', '王', 'engineer', '', 'zh', 0, 'x', 0)",
        )
        for name, expires_ms, ended_ms in (
            ("old", at(0), None),
            ("ended", at(10**6), at(0)),
            ("lives", at(10**6), None),
        ):
            run(
                connection,
                "INSERT INTO session (hash, person, made_ms, seen_ms, expires_ms, ended_ms, address, browser) "
                "VALUES (?, 'wang', 0, 0, ?, ?, '', '')",
                name,
                expires_ms,
                ended_ms,
            )
    work = Pruning(collector.engine, days=40, budget_bytes=HUGE)

    for minutes in (89 * DAY_MINUTES, 91 * DAY_MINUTES):
        work.look(at(minutes))
        while work.step(at(minutes)):
            pass
        with transaction(collector.store._read, "looking", collector.store._place) as connection:
            left = run(connection, "SELECT hash FROM session ORDER BY hash").scalars().all()
        with collector.view() as view:
            has_command = view.command(asked) is not None
        assert (left, has_command) == (
            (["ended", "lives", "old"], True) if minutes < 90 * DAY_MINUTES else (["lives"], False)
        )


def test_slices_are_small(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many agents and rows: no step looks at more than its share."""
    monkeypatch.setattr(pruning, "SCAN_ROWS", 10)
    monkeypatch.setattr(pruning, "CLEAR_ROWS", 10)
    agent = kiosk()
    lived_days(collector, agent, 5)
    told = collector.ledger("kiosk-7")
    work = Pruning(collector.engine, days=3, budget_bytes=HUGE)
    work.look(at(5 * DAY_MINUTES))
    steps = 1
    while work.step(at(5 * DAY_MINUTES)):
        steps += 1

    assert steps > 4
    assert collector.ledger("kiosk-7") == told
