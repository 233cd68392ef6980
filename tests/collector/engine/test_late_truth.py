"""What late evidence does to tickets: a silence that was none, a fault that came and went, one that is still there."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from roundsman_collector.core.policy import Builtin, Is, Policy
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.behind import Wanted
from tests.collector.core.desk import at, rule
from tests.collector.engine.desk import Collector, gateway, kiosk

EXPLAINED = ("power", "uplink")
POLICY = Policy(
    rules=(
        replace(rule("agent.silent", Builtin(what="silent"), effect=""), explains="uplink", explained_by=EXPLAINED),
        rule("printer.paper_end", Is(reading="printer.paper", words=("end",)), for_s=60, clear_for_s=60),
    )
)


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    one = Collector(tmp_path, POLICY)
    yield one
    one.store.close()


def facts(collector: Collector, number: int) -> tuple[str, str, dict[str, object]]:
    with collector.view() as view:
        row, log = view.ticket(number)  # type: ignore[misc]
    return row.state, row.outcome, log[-1].data


def test_a_silence_that_was_none_becomes_a_communication_fault_with_the_proof(collector: Collector) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0), agent.report(0, agent.sample(0, printer__paper="ok")))
    collector.look(3.1)
    spooled = [agent.sample(minute, printer__paper="ok") for minute in (1, 2, 3, 4, 5)]

    collector.take(6, agent.report(6, agent.sample(6, printer__paper="ok")))
    waiting = collector.tickets()
    collector.take(6.1, agent.report(6.1, *spooled, leaf="history"))
    collector.look(7)

    state, outcome, data = facts(collector, 1)
    assert waiting == [("@kiosk-7", "agent.silent", "open", "")]
    assert (state, outcome) == ("resolved", "communication")
    assert data["proof"] == {"stream": agent.stream, "n": 2, "t": at(1)}
    assert data["proof_to"] == {"stream": agent.stream, "n": 7, "t": at(6)}
    assert [segment[2] for segment in collector.ledger("kiosk-7")] == ["up"]


def test_a_fault_that_came_and_went_in_a_gap_is_recorded_and_opens_nothing(collector: Collector) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0), agent.report(0, agent.sample(0, printer__paper="ok")))
    words = {1: "end", 2: "end", 3: "end", 4: "ok", 5: "ok", 6: "ok"}
    spooled = [agent.sample(minute, printer__paper=word) for minute, word in words.items()]
    collector.take(7, agent.report(7, agent.sample(7, printer__paper="ok")))

    collector.take(7.1, agent.report(7.1, *spooled, leaf="history"))
    collector.look(8)

    with collector.view() as view:
        found = view.conditions("kiosk-7", 0, at(100))
    assert [(one.code, one.event_from_ms, one.event_to_ms) for one in found] == [("printer.paper_end", at(1), at(4))]
    assert [one for one in collector.tickets() if one[1] == "printer.paper_end"] == []


def test_a_fault_that_began_in_a_gap_and_holds_opens_with_its_true_start_and_the_clock_of_now(
    collector: Collector,
) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0), agent.report(0, agent.sample(0, printer__paper="ok")))
    spooled = [agent.sample(minute, printer__paper="end") for minute in range(1, 60)]

    collector.take(60, agent.report(60, *spooled, leaf="history"))
    collector.look(61)

    with collector.view() as view:
        row = next(one for one in view.tickets() if one.code == "printer.paper_end")
    assert (row.state, row.fault_from_ms, row.opened_late) == ("open", at(1), True)
    assert row.opened_ms >= at(60)


def test_a_fault_that_is_known_in_time_is_not_opened_late(collector: Collector) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0), agent.report(0, agent.sample(0, printer__paper="ok")))
    for minute in (1, 2, 3):
        collector.take(minute, agent.report(minute, agent.sample(minute, printer__paper="end")))

    with collector.view() as view:
        assert [(one.fault_from_ms, one.opened_late) for one in view.tickets()] == [(at(1), False)]


def test_a_merged_silence_that_was_none_bears_the_proof_as_a_note(collector: Collector) -> None:
    agent, root = kiosk(), gateway()
    collector.take(0, agent.birth(0), root.birth(0))
    collector.take(0, agent.report(0, agent.sample(0)), root.report(0, root.sample(0, host__cpu_percent=1)))
    collector.take(0.1, agent.report(0.1, agent.sample(0.1, printer__paper="ok")))
    collector.look(3.2)
    opened = collector.tickets()
    link = Wanted("kiosk-7", "uplink", "gw-2", at(0))
    collector.store.put_behind([link], Deed(who="li", at_ms=at(3.3)))
    collector.engine.desk.reread()
    collector.look(3.3)
    spooled = [agent.sample(minute, printer__paper="ok") for minute in (1, 2, 3, 4, 5)]

    collector.take(6, agent.report(6, agent.sample(6, printer__paper="ok")))
    collector.take(6.1, agent.report(6.1, *spooled, leaf="history"))
    collector.look(7)

    silent = {subject: number for number, (subject, *_) in enumerate(opened, 1)}
    with collector.view() as view:
        row, log = view.ticket(silent["@kiosk-7"])  # type: ignore[misc]
        left = view.ticket_children(silent["@gw-2"])
    assert row.state == "merged"
    assert [one.left_ms is None for one in left] == [False]
    notes = [one for one in log if one.verb == "note"]
    assert [note.text for note in notes] == ["late evidence shows that the fault never was"]
    assert "proof" in notes[0].data
