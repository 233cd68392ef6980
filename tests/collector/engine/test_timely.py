"""What time and people bring: commands, rebuilds, sweeps; and law 1 through the real store, with crashes in between."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roundsman_collector.clockwork import Clockwork
from roundsman_collector.core.model import newborn
from roundsman_collector.core.policy import Builtin, Is
from roundsman_collector.core.rebuild import Rebuild, rebuild, resting
from roundsman_collector.core.rulebook import Rulebook, RuleSet
from roundsman_collector.core.state import dump
from roundsman_collector.core.turn import tick
from roundsman_collector.engine import timely
from roundsman_collector.engine.past import items_of
from roundsman_collector.store.errors import StoreError
from tests.collector.core.desk import START, at, rule
from tests.collector.engine.desk import Collector, kiosk


@pytest.fixture
def collector(tmp_path: Path) -> Any:
    made = Collector(tmp_path)
    yield made
    made.store.close()


def with_a_ticket(collector: Collector) -> int:
    agent = kiosk()
    collector.take(0, agent.birth(0))
    for minute in (0, 1):
        collector.take(minute, agent.report(minute, agent.sample(minute, printer__paper="end")))
    with collector.view() as view:
        (ticket,) = view.tickets()
        return ticket.id


def ask(collector: Collector, verb: str, **args: Any) -> tuple[str, dict[str, Any] | None]:
    with collector.view() as view:
        number = view.ask(who="dispatcher", verb=verb, args=args, now_ms=at(2))
        timely.obey(collector.engine, collector.store.new_commands(), at(2))
        answer = view.command(number)
        assert answer is not None
        return answer.state, answer.result


def test_people_acknowledge_note_and_resolve_a_ticket(collector: Collector) -> None:
    ticket = with_a_ticket(collector)

    assert ask(collector, "acknowledge", ticket=ticket)[0] == "done"
    assert ask(collector, "note", ticket=ticket, text="called the clerk")[0] == "done"
    assert ask(collector, "resolve", ticket=ticket, text="paper is in")[0] == "done"

    with collector.view() as view:
        row, events = view.ticket(ticket) or (None, [])
        assert row is not None
        assert (row.state, row.outcome, row.acknowledged_by) == ("resolved", "by_person", "dispatcher")
        assert [e.verb for e in events] == ["open", "acknowledge", "note", "resolve"]
    assert collector.engine.by_agent["kiosk-7"].tickets == ()


@pytest.mark.parametrize(
    ("verb", "args"),
    [("acknowledge", {"ticket": 99}), ("acknowledge", {}), ("reboot", {"ticket": 1}), ("note", {"ticket": "x"})],
)
def test_a_command_that_cannot_be_done_is_answered_and_holds_up_nothing(
    collector: Collector, verb: str, args: dict[str, Any]
) -> None:
    with_a_ticket(collector)

    state, result = ask(collector, verb, **args)

    assert state == "failed"
    assert result is not None
    assert result["error"]
    assert collector.store.new_commands() == []


def test_an_agent_entered_while_the_collector_runs_is_heard_at_once(collector: Collector) -> None:
    devices = [{"id": "kiosk-9", "kind": "kiosk", "name_zh": "九号", "name_en": "nine"}]

    assert ask(collector, "register", agent="kiosk-9", group="south", devices=devices)[0] == "done"

    agent = kiosk()
    agent.name, agent.stream = "kiosk-9", "kiosk-9-1"
    owed = collector.take(3, agent.report(3, agent.sample(3, "kiosk-9", printer__paper="ok")))
    assert [(o.agent, o.upto, o.need_birth) for o in owed] == [("kiosk-9", 1, True)]


def test_a_rebuild_that_fails_leaves_the_unit_dirty_and_the_others_alone(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = kiosk()
    late = agent.sample(0, printer__paper="ok")
    collector.take(1, agent.birth(0), agent.report(1, agent.sample(1, printer__paper="ok")))
    collector.take(2, agent.report(2, late, leaf="history"))
    unit = collector.engine.by_agent["kiosk-7"]
    with monkeypatch.context() as patch:
        patch.setattr(Rebuild, "fold", lambda *_: 1 / 0)
        collector.look(3)
    assert unit.dirty_from_ms == at(0)

    collector.look(4)

    assert unit.dirty_from_ms is None
    assert collector.ledger("kiosk-7") == [(0, None, "up", "")]


def clockwork(collector: Collector, grace_s: float | None) -> Clockwork:
    return Clockwork(
        collector.engine,
        listen_grace_s=grace_s,
        rebuild_pause_s=10,
        rebuild_at_latest_s=300,
        sweep_rows=100,
        evidence_days=40,
        evidence_bytes=10**9,
    )


def test_nobody_is_called_silent_before_the_collector_has_listened_long_enough(collector: Collector) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0), agent.report(0, agent.sample(0, printer__paper="ok")))
    time = clockwork(collector, None)
    time.listening(True, at(60))

    time.step(at(64.9), 1)
    assert collector.tickets() == []

    time.listening(False, at(64.9))
    time.listening(True, at(65))
    time.step(at(69.9), 10)
    assert collector.tickets() == []

    time.step(at(70), 20)
    assert collector.tickets() == [("@kiosk-7", "agent.silent", "open", "")]


def test_a_full_disk_stops_the_clockwork_only_until_there_is_room(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0), agent.report(0, agent.sample(0, printer__paper="ok")))
    time = clockwork(collector, 0)
    time.listening(True, at(0))
    with monkeypatch.context() as patch:

        def full(_: object) -> None:
            raise StoreError(what="the disk is full", where="x", do="make room", cause="full", again=True)

        patch.setattr(collector.store, "commit", full)
        time.step(at(10), 1)
    assert collector.tickets() == []

    time.step(at(10), 3)

    assert collector.tickets() == [("@kiosk-7", "agent.silent", "open", "")]


WORDS = st.sampled_from(["ok", "ok", "ok", "end"])
STEPS = st.sampled_from(["", "", "", "look", "restart", "rules"])
PAPER = rule("printer.paper_end", Is(reading="printer.paper", words=("end",)), flap_s=60)
SILENT = rule("agent.silent", Builtin(what="silent"), effect="")


@settings(max_examples=25)
@given(st.data(), st.lists(st.tuples(WORDS, st.sampled_from([1, 1, 1, 2, 12])), min_size=2, max_size=12))
def test_law_one_holds_through_store_batches_and_crashes(data: st.DataObject, life: list[tuple[str, int]]) -> None:
    agent, minute, records = kiosk(), 0, []
    for paper, step in life:
        records.append(agent.sample(minute, printer__paper=paper))
        minute += step
    with tempfile.TemporaryDirectory() as folder:
        sets = [RuleSet(rules=(PAPER, SILENT), hash="0", valid_from_ms=0)]
        collector = Collector(Path(folder), Rulebook(sets))
        try:
            collector.take(0, agent.birth(0))
            waiting = data.draw(st.permutations(records))
            now = minute
            while waiting:
                size = data.draw(st.integers(1, len(waiting)))
                batch, waiting = waiting[:size], waiting[size:]
                now += 1
                collector.take(now, agent.report(now, *sorted(batch, key=lambda r: r["n"]), leaf="history"))
                match data.draw(STEPS):
                    case "look":
                        collector.look(now)
                    case "restart":
                        collector.restart(now)
                    case "rules":  # in force from a time on that some agents' clocks are beyond already
                        from_ms = max(sets[-1].valid_from_ms, at(data.draw(st.integers(1, minute))))
                        rules = (SILENT,) if len(sets) % 2 else (PAPER, SILENT)
                        sets.append(RuleSet(rules=rules, hash=str(len(sets)), valid_from_ms=from_ms))
                        collector.book = Rulebook(sets)
                        collector.engine.judge_by(collector.book, at(now))
            collector.restart(now)
            collector.look(1000)

            unit = collector.engine.by_agent["kiosk-7"]
            rows = collector.store.evidence_of(unit.no, unit.head_seq or 0, 0)
            items, _ = items_of(rows, unit.memory.bases, unit.memory.specs)
            change = rebuild(newborn("kiosk-7"), items, collector.book)
            last = tick(change.state, at(1000), collector.book)
            assert last is not None
            whole = {s.from_ms: s for told in (*change.retold, *last.retold) for s in told.segments}
            expected = [
                ((s.from_ms - START) / 60_000, None if s.to_ms is None else (s.to_ms - START) / 60_000, s.state)
                for s in sorted(whole.values())
            ]
            assert [row[:3] for row in collector.ledger("kiosk-7")] == expected
            assert dump(resting(unit.state)) == dump(resting(last.state))
            assert sorted(collector.stored_numbers("kiosk-7")) == list(range(1, len(records) + 1))
        finally:
            collector.store.close()
