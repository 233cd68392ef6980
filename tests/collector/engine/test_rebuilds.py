"""Rebuilds in slices: the same whatever the pieces, beside reports that go on, many in a commit, bounded in memory."""

import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roundsman_collector.core.model import Item, newborn
from roundsman_collector.core.rebuild import Rebuild, rebuild
from roundsman_collector.core.rulebook import book_of
from roundsman_collector.core.state import dump
from roundsman_collector.engine import past
from roundsman_collector.engine.past import FOREVER, GoneError, Past, items_of
from roundsman_collector.engine.rebuilds import Rebuilds, Retelling, rebuild_unit
from roundsman_collector.store.errors import StoreError
from tests.collector.core.desk import POLICY, at
from tests.collector.engine.desk import Agent, Collector, gateway, kiosk


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    made = Collector(tmp_path)
    yield made
    made.store.close()


def past_of(collector: Collector, agent: str) -> Past:
    unit = collector.engine.by_agent[agent]
    return Past(collector.store, unit.no, {}, unit.memory.specs, 0, FOREVER)


def read(collector: Collector, agent: str) -> tuple[Past, list[list[Item]]]:
    one = past_of(collector, agent)
    for _ in one.read(collector.engine.by_agent[agent].head_seq, 1):
        pass
    return one, [list(piece) for piece in one.pieces() if piece]


def late_hour(collector: Collector, agent: Agent, minutes: int = 60, late: int = 40) -> None:
    """An hour of reports of which some minutes come at its end, in one message."""
    collector.take(0, agent.birth(0))
    spool = []
    for minute in range(minutes):
        sample = agent.sample(minute, printer__paper="end" if 20 <= minute < 30 else "ok")
        if 10 <= minute < late:
            spool.append(sample)
        else:
            collector.take(minute, agent.report(minute, sample))
    collector.take(minutes, agent.report(minutes, *spool, leaf="history"))


@st.composite
def lives(draw: st.DrawFn) -> tuple[Agent, list[list[dict[str, Any]]]]:
    """What an agent recorded, with and without a synchronised clock, and in which messages it comes, in any order."""
    agent, records, minute = draw(st.sampled_from([kiosk, gateway]))(), [], 0.0
    for _ in range(draw(st.integers(2, 25))):
        minute += draw(st.sampled_from([0.5, 1, 1, 5]))
        said = draw(st.sampled_from(["well", "well", "well", "end", "loose", "clock", "boot", "gap"]))
        device = draw(st.sampled_from([name["device"] for name in agent.devices]))
        match said:
            case "boot":
                agent.boot, agent.booted = f"b{int(agent.boot[1:]) + 1}", at(minute - 0.1)
                records.append(agent.record(minute, "boot", orderly=None))
            case "clock":
                error = draw(st.sampled_from([5, 50]))
                records.append(agent.record(minute, "clock", offset_ms=0, error_ms=error, ntp=True))
            case "gap":
                span = {"from_t": at(minute - 2), "to_t": at(minute), "count": 1, "lost": None}
                records.append(agent.record(minute, "gap", reason="spool_full", **span))
            case _:
                sample = agent.sample(minute, device, printer__paper="end" if said == "end" else "ok")
                if said == "loose":
                    sample |= {"ntp": False, "t": sample["t"] - draw(st.sampled_from([0, 500, 3_600_000]))}
                records.append(sample)
    messages, waiting = [], draw(st.permutations(records))
    while waiting:
        size = draw(st.integers(1, 6))
        messages.append(sorted(waiting[:size], key=lambda record: record["n"]))
        waiting = waiting[size:]
    return agent, messages


@settings(max_examples=15)
@given(lives(), st.sampled_from([1, 2, 7]), st.sampled_from([0, 5, 1000]))
def test_what_is_read_in_pieces_is_what_is_there_and_means_the_same(
    life: tuple[Agent, list[list[dict[str, Any]]]], size: int, kept: int
) -> None:
    agent, messages = life
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(past, "PIECE", size)
        patch.setattr(past, "KEPT", kept)
        patch.setattr(past, "ROWS_FIRST", 2)
        collector = Collector(Path(folder))
        try:
            collector.take(300, agent.birth(300))
            for message in messages:
                collector.take(300, agent.report(300, *message, leaf="history"))
            unit = collector.engine.by_agent[agent.name]
            rows = collector.store.evidence_of(unit.no, unit.head_seq or 0, 1)
            whole, bases = items_of(rows, {}, unit.memory.specs)

            one, pieces = read(collector, agent.name)

            assert one.bases == bases
            assert sorted((i.t, i.n) for piece in pieces for i in piece) == sorted((i.t, i.n) for i in whole)
            assert all(max(i.t for i in a) < min(i.t for i in b) for a, b in pairwise(pieces))
            anew = Rebuild(newborn(agent.name), collector.engine.book)
            for piece in pieces:
                anew.fold(piece)
            assert anew.change() == rebuild(newborn(agent.name), whole, collector.engine.book)
        finally:
            collector.store.close()


def test_rows_that_reach_far_do_not_fill_the_memory(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past, "PIECE", 10)
    monkeypatch.setattr(past, "KEPT", 0)
    agent = kiosk()
    records = [agent.sample(minute, printer__paper="ok") for minute in range(400)]
    collector.take(0, agent.birth(0))
    for first in range(40):  # each message has a sample of every tenth part of the time
        collector.take(500, agent.report(500, *records[first::40], leaf="history"))

    _, pieces = read(collector, "kiosk-7")

    assert [item.n for piece in pieces for item in sorted(piece, key=lambda one: one.t)] == list(range(1, 401))
    assert max(map(len, pieces)) <= 2 * 10 + 10


def test_a_rebuild_that_stands_still_lets_reports_in_and_tells_them_at_its_end(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "PIECE", 10)
    monkeypatch.setattr(past, "KEPT", 0)
    agent = kiosk()
    late_hour(collector, agent)
    unit = collector.engine.by_agent["kiosk-7"]
    rebuilds = Rebuilds(collector.engine, pause_ms=0, at_latest_ms=0)

    steps, minute = 0, 59
    while unit.dirty_from_ms is not None:
        rebuilds.step(at(minute), lambda: False)
        steps += 1
        if minute < 64:
            minute += 1
            collector.take(minute, agent.report(minute, agent.sample(minute, printer__paper="ok")))

    assert steps > 5
    assert unit.state.last_t == at(64)
    assert collector.ledger("kiosk-7") == [
        (0, 20, "up", ""),
        (20, 30, "down", "printer.paper_end"),
        (30, None, "up", ""),
    ]
    assert not collector.engine.dirty


def test_late_evidence_during_a_rebuild_is_told_by_the_next_one(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "PIECE", 10)
    monkeypatch.setattr(past, "KEPT", 0)
    agent = kiosk()
    late_hour(collector, agent)
    later = [agent.sample(minute, printer__paper="end") for minute in range(70, 80)]
    collector.take(90, agent.report(90, agent.sample(90, printer__paper="ok")))
    unit = collector.engine.by_agent["kiosk-7"]
    rebuilds = Rebuilds(collector.engine, pause_ms=0, at_latest_ms=0)
    rebuilds.step(at(91), lambda: False)
    collector.take(91, agent.report(91, *later, leaf="history"))

    while unit.dirty_from_ms == at(10):
        rebuilds.step(at(91), lambda: False)

    assert unit.dirty_from_ms == at(70)
    assert unit.no in collector.engine.dirty
    collector.look(92)
    assert unit.dirty_from_ms is None
    assert (70, 80.5, "down", "printer.paper_end") in collector.ledger("kiosk-7")


def test_a_rebuild_whose_rules_changed_meanwhile_is_begun_anew(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "PIECE", 10)
    monkeypatch.setattr(past, "KEPT", 0)
    late_hour(collector, kiosk())
    one = Retelling(collector.engine, collector.engine.by_agent["kiosk-7"], at(60))
    assert one.go_on()

    collector.engine.book = book_of(POLICY)

    with pytest.raises(GoneError, match="has changed"):
        one.go_on()


def test_a_kill_between_the_slices_of_a_rebuild_loses_nothing(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "PIECE", 10)
    monkeypatch.setattr(past, "KEPT", 0)
    late_hour(collector, kiosk())
    Rebuilds(collector.engine, pause_ms=0, at_latest_ms=0).step(at(60), lambda: False)

    collector.restart(61)
    collector.look(62)

    assert [row[2] for row in collector.ledger("kiosk-7")] == ["up", "down", "up"]


def test_units_are_stored_in_one_commit_and_one_that_fails_takes_no_other_down(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    agents = [kiosk(), gateway()]
    for agent in agents:
        late_hour(collector, agent)
    commits: list[int] = []
    commit = collector.store.commit
    bad = collector.engine.by_agent["gw-2"].no

    def counted(batch: Any) -> Any:
        commits.append(len(batch.units))
        if bad in [row.agent_no for row in batch.units]:
            raise StoreError(what="a row that the database does not take", where="x", do="tell us", cause="damaged")
        return commit(batch)

    with monkeypatch.context() as patch:
        patch.setattr(collector.store, "commit", counted)
        assert Rebuilds(collector.engine, pause_ms=0, at_latest_ms=0).step(at(60)) == 1

    assert commits == [2, 1, 1]
    assert list(collector.engine.dirty) == [bad]
    assert collector.engine.by_agent["gw-2"].dirty_from_ms == at(10)
    assert rebuild_unit(collector.engine, collector.engine.by_agent["gw-2"], at(61))


def test_a_full_disk_leaves_the_units_dirty_and_is_told(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    late_hour(collector, kiosk())
    rebuilds = Rebuilds(collector.engine, pause_ms=0, at_latest_ms=0)

    def full(_: object) -> None:
        raise StoreError(what="the disk is full", where="x", do="make room", cause="full", again=True)

    with monkeypatch.context() as patch:
        patch.setattr(collector.store, "commit", full)
        with pytest.raises(StoreError):
            rebuilds.step(at(60))

    assert collector.engine.by_agent["kiosk-7"].dirty_from_ms == at(10)
    assert rebuilds.step(at(61)) == 1


def test_a_long_rebuild_leaves_every_other_slice_to_short_ones(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "PIECE", 10)
    monkeypatch.setattr(past, "KEPT", 50)
    late_hour(collector, gateway(), minutes=300)
    late_hour(collector, kiosk(), minutes=45)
    rebuilds = Rebuilds(collector.engine, pause_ms=0, at_latest_ms=0)
    kiosk_unit, long_unit = (collector.engine.by_agent[name] for name in ("kiosk-7", "gw-2"))
    while kiosk_unit.dirty_from_ms is not None:
        rebuilds.step(at(301), lambda: False)

    assert long_unit.dirty_from_ms is not None
    while long_unit.dirty_from_ms is not None:
        rebuilds.step(at(302), lambda: False)
    assert dump(long_unit.state) != dump(newborn("gw-2"))


def test_evidence_that_has_gone_under_a_rebuild_is_noticed(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "KEPT", 0)
    late_hour(collector, kiosk())
    one, _ = read(collector, "kiosk-7")
    monkeypatch.setattr(collector.store, "evidence_at", lambda _: [])

    with pytest.raises(GoneError, match="have gone"):
        list(one.pieces())


def test_units_that_wait_for_a_pause_are_not_looked_for_all_the_time(collector: Collector) -> None:
    late_hour(collector, kiosk())
    rebuilds = Rebuilds(collector.engine, pause_ms=10_000, at_latest_ms=10**9)

    assert rebuilds.step(at(60) + 9_500) == 0
    assert rebuilds.step(at(60) + 10_000) == 0
    assert rebuilds.step(at(60) + 10_500) == 1
