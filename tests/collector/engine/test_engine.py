"""The engine on a real store: what is taken, refused, told, ticketed; and the same after a restart."""

from pathlib import Path
from typing import Any

import pytest

from roundsman_collector.core.policy import Above, Policy
from roundsman_collector.core.turn import RUNS_KEPT
from roundsman_collector.engine import engine as engine_module
from roundsman_collector.engine import intake
from roundsman_collector.engine.engine import Rejected
from roundsman_collector.engine.unit import STREAMS_KEPT, text_of
from tests.collector.core.desk import at, rule
from tests.collector.engine.desk import Collector, gateway, kiosk


@pytest.fixture
def collector(tmp_path: Path) -> Any:
    made = Collector(tmp_path)
    yield made
    made.store.close()


def test_a_report_is_stored_told_and_acknowledged(collector: Collector) -> None:
    agent = kiosk()

    owed = collector.take(0, agent.birth(0), agent.report(0, agent.sample(0, printer__paper="ok")))

    assert [(o.agent, o.upto, o.also, o.refused, o.is_birth) for o in owed] == [("kiosk-7", 1, (), (), True)]
    assert collector.ledger("kiosk-7") == [(0, None, "up", "")]
    assert collector.stored_numbers("kiosk-7") == [1]


def test_a_fault_opens_a_ticket_with_its_evidence_and_its_end_resolves_it(collector: Collector) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0))
    for minute, paper in enumerate(["ok", "end", "end"]):
        collector.take(minute, agent.report(minute, agent.sample(minute, printer__paper=paper)))

    assert collector.tickets() == [("kiosk-7", "printer.paper_end", "open", "")]
    with collector.view() as view:
        (ticket,) = view.tickets()
        _, events = view.ticket(ticket.id) or (None, [])
        assert ticket.number.endswith("-000001")
        assert (ticket.fault_from_ms, ticket.opened_ms) == (at(1), at(2))
        assert events[0].data["first"] == {"stream": "kiosk-7-1", "n": 2, "t": at(1)}
        assert events[0].data["confirmed"] == {"stream": "kiosk-7-1", "n": 3, "t": at(2)}

    for minute in (3, 4):
        collector.take(minute, agent.report(minute, agent.sample(minute, printer__paper="ok")))

    assert collector.tickets() == [("kiosk-7", "printer.paper_end", "resolved", "recovered")]
    assert collector.ledger("kiosk-7") == [(0, 1, "up", ""), (1, 3, "down", "printer.paper_end"), (3, None, "up", "")]


def test_a_silence_opens_a_ticket_that_its_backlog_closes_as_a_communication_fault(collector: Collector) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0), agent.report(0, agent.sample(0, printer__paper="ok")))
    kept = [agent.sample(minute, printer__paper="ok") for minute in range(1, 20)]
    collector.look(10)

    assert collector.tickets() == [("@kiosk-7", "agent.silent", "open", "")]
    assert collector.ledger("kiosk-7") == [(0, 1.5, "up", ""), (1.5, None, "unknown", "silent")]

    collector.take(20, agent.birth(20), agent.report(20, agent.sample(20, printer__paper="ok")))
    collector.look(20)

    assert collector.tickets() == [("@kiosk-7", "agent.silent", "open", "")]
    assert collector.ledger("kiosk-7")[1] == (1.5, 20, "unknown", "missing")

    for start in (10, 0):
        collector.take(21, agent.report(21, *kept[start : start + 10], leaf="history"))
    collector.look(22)

    assert collector.ledger("kiosk-7") == [(0, None, "up", "")]
    assert collector.tickets() == [("@kiosk-7", "agent.silent", "resolved", "communication")]
    assert sorted(collector.stored_numbers("kiosk-7")) == list(range(1, 22))


def test_a_silence_after_which_nothing_is_missing_is_closed_by_what_it_was(collector: Collector) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0), agent.report(0, agent.sample(0, printer__paper="ok")))
    collector.look(10)
    agent.boot, agent.booted = "b2", at(30)
    boot = agent.record(30.2, "boot", orderly=None)

    collector.take(31, agent.birth(31), agent.report(31, boot, agent.sample(31, printer__paper="ok")))
    collector.look(31)

    assert collector.tickets() == [("@kiosk-7", "agent.silent", "resolved", "off")]
    assert collector.ledger("kiosk-7")[1] == (1.5, 30, "down", "off")


def test_a_fault_that_came_and_went_in_the_backlog_is_recorded_and_pages_nobody(collector: Collector) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0), agent.report(0, agent.sample(0, printer__paper="ok")))
    kept = [agent.sample(m, printer__paper="end" if 4 <= m < 8 else "ok") for m in range(1, 20)]
    collector.take(20, agent.report(20, agent.sample(20, printer__paper="ok")))
    collector.take(21, agent.report(21, *kept, leaf="history"))
    collector.look(22)

    assert collector.ledger("kiosk-7") == [(0, 4, "up", ""), (4, 8, "down", "printer.paper_end"), (8, None, "up", "")]
    assert collector.tickets() == []


def test_a_ticket_that_late_evidence_contradicts_is_void(collector: Collector) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0), agent.report(0, agent.sample(0, printer__paper="ok")))
    first = agent.sample(1, printer__paper="end")
    between = agent.sample(1.5, printer__paper="ok")
    second = agent.sample(2, printer__paper="end")
    collector.take(2, agent.report(2, first, second))
    assert collector.tickets() == [("kiosk-7", "printer.paper_end", "open", "")]

    collector.take(3, agent.report(3, between, leaf="history"))
    collector.look(4)

    assert collector.tickets() == [("kiosk-7", "printer.paper_end", "void", "void")]
    assert collector.ledger("kiosk-7") == [(0, None, "up", "")]


def test_a_record_that_comes_again_is_stored_once_and_acknowledged_again(collector: Collector) -> None:
    agent = kiosk()
    records = [agent.sample(m, printer__paper="ok") for m in range(3)]
    collector.take(3, agent.birth(0), agent.report(3, *records[:2]))

    owed = collector.take(4, agent.report(4, *records), agent.report(4, *records))

    assert owed[0].upto == 3
    assert collector.stored_numbers("kiosk-7") == [1, 2, 3]
    assert collector.refused() == {}


def test_the_same_number_with_another_body_is_refused_as_a_cloned_agent(collector: Collector) -> None:
    agent = kiosk()
    record = agent.sample(0, printer__paper="ok")
    collector.take(0, agent.birth(0), agent.report(0, record))

    collector.take(1, agent.report(1, {**record, "readings": {"printer.paper": "end"}}))

    assert collector.refused() == {"cloned": 1}
    assert collector.stored_numbers("kiosk-7") == [1]


def test_an_agent_cannot_speak_for_another_s_device(collector: Collector) -> None:
    agent = kiosk()

    owed = collector.take(0, agent.birth(0), agent.report(0, agent.sample(0, "nvr-2", host__cpu_percent=1)))

    assert owed[0].refused == ((1, 1, "not_yours"),)
    assert owed[0].upto == 1
    assert collector.refused() == {"not_yours": 1}
    assert collector.ledger("nvr-2") == []
    with collector.view() as view:
        assert [(row.agent, row.device) for row in view.inbox()] == [("kiosk-7", "nvr-2")]


def test_an_agent_that_nobody_registered_gets_no_acknowledgement(collector: Collector) -> None:
    stranger = kiosk()
    stranger.name = "kiosk-9"

    assert collector.take(0, stranger.report(0, stranger.sample(0, "kiosk-7", printer__paper="ok"))) == []
    assert collector.refused() == {"unknown_agent": 1}
    assert collector.ledger("kiosk-7") == []


def test_a_synchronised_clock_in_1970_is_refused_and_never_in_the_ledger(collector: Collector) -> None:
    agent = kiosk()
    record = {**agent.sample(0, printer__paper="ok"), "t": 60_000}

    owed = collector.take(0, agent.birth(0), agent.report(0, record))

    assert owed[0].refused == ((1, 1, "clock"),)
    assert collector.refused() == {"clock": 1}
    assert collector.ledger("kiosk-7") == []


def test_records_of_an_unsynchronised_boot_wait_for_its_clock_record(collector: Collector) -> None:
    agent = kiosk()
    wrong = [{**agent.sample(m, printer__paper="ok"), "ntp": False, "t": 60_000 * (m + 1)} for m in range(3)]
    collector.take(3, agent.birth(0), agent.report(3, *wrong))
    assert collector.ledger("kiosk-7") == []

    said = agent.record(3, "clock", offset_ms=at(3) - 240_000, error_ms=40)
    collector.take(3, agent.report(3, {**said, "ntp": False, "t": 240_000}))
    collector.look(4)

    assert collector.ledger("kiosk-7") == [(0, None, "up", "")]
    assert collector.refused() == {}


def test_evidence_from_the_future_is_refused(collector: Collector) -> None:
    agent = kiosk()

    collector.take(0, agent.birth(0), agent.report(0, agent.sample(11, printer__paper="ok")))

    assert collector.refused() == {"future": 1}


def test_one_report_that_makes_the_engine_fail_does_not_cost_its_brothers(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, other = kiosk(), gateway()
    honest = engine_module.take

    def failing(arrival: Any, *rest: Any) -> None:
        honest(arrival, *rest)
        if b"poison" in arrival.plain:
            raise ZeroDivisionError("a rule divided by zero")

    monkeypatch.setattr(engine_module, "take", failing)
    reports = [other.report(m, other.sample(m, "ups-2", host__cpu_percent=1)) for m in range(9)]
    bad = agent.report(0, agent.sample(0, poison__x=1))

    owed = collector.take(9, agent.birth(0), other.birth(0), *reports[:4], bad, *reports[4:])

    assert {o.agent: (o.upto, o.refused) for o in owed}["kiosk-7"] == (1, ((1, 1, "engine"),))
    assert collector.stored_numbers("gw-2") == list(range(1, 10))
    assert collector.stored_numbers("kiosk-7") == []
    assert collector.refused() == {"engine": 1}
    with collector.view() as view:
        (kept,) = view.quarantine()
        assert "ZeroDivisionError" in kept.detail
        assert kept.raw == bad.plain


def test_what_fails_after_the_commit_is_no_arrival_s_fault(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = kiosk()
    with monkeypatch.context() as patch:
        patch.setattr(collector.engine, "_tell_refused", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            collector.take(0, agent.birth(0), agent.report(0, agent.sample(0, printer__paper="ok")))

    assert collector.refused() == {}
    assert collector.stored_numbers("kiosk-7") == [1]


def test_what_an_agent_no_longer_has_is_declared_when_it_says_so(collector: Collector) -> None:
    agent = kiosk()
    agent.n = 10

    owed = collector.take(0, agent.birth(0, oldest=11), agent.report(0, agent.sample(0, printer__paper="ok")))

    assert owed[0].upto == 11


def test_what_is_gone_from_the_midst_of_a_spool_is_declared_and_settled(collector: Collector) -> None:
    """A restored collector lacks what was settled after its backup, and the agent will not send it again."""
    agent = kiosk()
    first = agent.report(0, agent.sample(0, printer__paper="ok"))
    agent.n = 20
    newest = agent.report(5, agent.sample(5, printer__paper="ok"))
    collector.take(5, agent.birth(5), first, newest)
    assert collector.engine.by_agent["kiosk-7"].has_holes

    owed = collector.take(6, agent.birth(6, oldest=1, gone=((2, 9), (12, 20), (15, 10**9))))
    backlog = agent.report(7, *({**agent.sample(0, printer__paper="ok"), "n": n} for n in (10, 11)))
    collector.take(7, backlog)

    assert owed[0].upto == 9
    assert list(collector.engine.by_agent["kiosk-7"].memory.streams["kiosk-7-1"]) == [(1, 21)]
    with collector.view() as view:
        assert {(c.name, c.cause): c.count for c in view.counters()}["declared", "lost_before"] == 17


def test_a_restart_changes_nothing(collector: Collector) -> None:
    agent, other = kiosk(), gateway()
    collector.take(0, agent.birth(0), other.birth(0))
    for minute in range(4):
        collector.take(
            minute,
            agent.report(minute, agent.sample(minute, printer__paper="end")),
            other.report(minute, other.sample(minute, "ups-2", host__cpu_percent=1), other.sample(minute, "nvr-2")),
        )
    before = {no: text_of(unit.memory) for no, unit in collector.engine.units.items()}
    told = collector.ledger("kiosk-7"), collector.ledger("nvr-2"), collector.tickets()

    read_again = collector.restart(4)

    assert read_again > 0
    assert {no: text_of(unit.memory) for no, unit in collector.engine.units.items()} == before
    assert (collector.ledger("kiosk-7"), collector.ledger("nvr-2"), collector.tickets()) == told
    collector.take(4, agent.report(4, agent.sample(4, printer__paper="ok")))
    collector.take(5, agent.report(5, agent.sample(5, printer__paper="ok")))
    assert collector.tickets()[0] == ("kiosk-7", "printer.paper_end", "resolved", "recovered")


def test_a_long_catch_up_in_many_parts_misses_nothing(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "REPLAY_ROWS", 2)
    agent, other = kiosk(), gateway()
    collector.take(0, agent.birth(0), other.birth(0))
    for minute in range(7):
        mine = agent.report(minute, agent.sample(minute, printer__paper="ok"))
        collector.take(minute, mine, other.report(minute, other.sample(minute, "ups-2", host__cpu_percent=1)))
    before = {no: (text_of(unit.memory), unit.head_seq) for no, unit in collector.engine.units.items()}

    collector.restart(7)

    assert {no: (text_of(unit.memory), unit.head_seq) for no, unit in collector.engine.units.items()} == before


def test_late_evidence_taken_before_a_crash_is_rebuilt_after_it(collector: Collector) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0), agent.report(0, agent.sample(0, printer__paper="ok")))
    late = [agent.sample(m, printer__paper="ok") for m in range(1, 10)]
    collector.take(10, agent.report(10, agent.sample(10, printer__paper="ok")))
    collector.take(11, agent.report(11, *late, leaf="history"))

    collector.restart(12)
    collector.look(12)

    assert collector.ledger("kiosk-7") == [(0, None, "up", "")]


def test_a_rebuild_over_days_starts_from_a_checkpoint_and_tells_the_same(collector: Collector) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0))
    day = 24 * 60
    late = None
    for minute in range(0, 3 * day, 30):
        record = agent.sample(minute, printer__paper="end" if minute % day == 0 else "ok")
        record["valid_s"] = 2700
        if minute == 2 * day + 60:
            late = record
            continue
        collector.take(minute, agent.report(minute, record))
    assert late is not None
    no = collector.engine.by_agent["kiosk-7"].no
    assert collector.store.checkpoint_before(no, at(2 * day)) is not None

    collector.take(3 * day, agent.report(3 * day, late, leaf="history"))
    collector.look(3 * day)

    assert [row for row in collector.ledger("kiosk-7") if row[2] == "unknown"] == []


def test_an_agent_that_invents_streams_holes_or_boots_fills_no_memory(collector: Collector) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0))
    for number in range(STREAMS_KEPT + 5):
        agent.stream, agent.n = f"s{number}", 0
        collector.take(0, agent.report(0, agent.sample(0, printer__paper="ok")))
    agent.stream, agent.n = "kiosk-7-1", 0
    for _ in range(intake.HOLES_LIMIT // 500 + 1):
        records = []
        for _ in range(500):
            agent.n += 1
            records.append(agent.sample(0, printer__paper="ok"))
        collector.take(1, agent.report(1, *records))
    records = [{**agent.sample(0, printer__paper="ok"), "boot": f"b{i}", "ntp": False} for i in range(600)]
    agent.stream = "kiosk-7-2"
    collector.take(2, agent.report(2, *({**r, "n": i + 1} for i, r in enumerate(records))))

    unit = collector.engine.by_agent["kiosk-7"]
    assert len(unit.memory.streams) == STREAMS_KEPT
    assert len(unit.memory.streams["kiosk-7-1"]) == intake.HOLES_LIMIT
    assert len(unit.memory.unsynced) == intake.BOOTS_KEPT
    assert len(unit.memory.undated) == intake.UNDATED_KEPT
    refused = collector.refused()
    assert refused["holes"] > 0


def test_a_device_that_invents_components_opens_a_bounded_number_of_tickets(tmp_path: Path) -> None:
    policy = Policy(rules=(rule("host.disk_full", Above(reading="disk.used_percent", limit=90, clear=80), effect=""),))
    collector = Collector(tmp_path, policy)
    agent = kiosk()
    said = {f"disk[{i}]__used_percent": 99 for i in range(500)}

    collector.take(0, agent.birth(0), agent.report(0, agent.sample(0, **said)))

    assert len(collector.tickets()) == RUNS_KEPT
    collector.store.close()


def test_a_cause_of_refusal_is_told_once_and_again_after_a_quiet_hour(
    collector: Collector, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0))
    capsys.readouterr()

    for minute in (1, 2, 59, 130):
        collector.take(minute, agent.report(minute, {**agent.sample(minute, printer__paper="ok"), "t": 60_000}))
        collector.take(minute, rejected=(Rejected(topic="x\x1b[2J", agent="", cause="topic", detail="?", raw=b""),))

    said = capsys.readouterr().out
    assert said.count("clock") == 2
    assert said.count("topic") == 2
    assert "\x1b[2J" not in said
    assert collector.refused() == {"clock": 4, "topic": 4}
