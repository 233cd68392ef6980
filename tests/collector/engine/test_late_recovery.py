"""A sample that comes late and dates the end of a fault: the ticket ends when the ledger says it did."""

from pathlib import Path

from tests.collector.core.desk import at
from tests.collector.engine.desk import Collector, kiosk


def test_a_ticket_ends_when_the_late_sample_says_and_not_before_it_is_worked_in(tmp_path: Path) -> None:
    collector = Collector(tmp_path)
    agent = kiosk()
    collector.take(0, agent.birth(0))
    for minute in range(4):
        collector.take(minute, agent.report(minute, agent.sample(minute, printer__paper="end")))
    late = agent.report(4, agent.sample(4, printer__paper="ok"))
    collector.take(5, agent.report(5, agent.sample(5, printer__paper="ok")))

    collector.take(5.5, late)
    for minute in (6, 7):
        collector.take(minute, agent.report(minute, agent.sample(minute, printer__paper="ok")))
    assert [state for _, _, state, _ in collector.tickets()] == ["open"]
    collector.look(8)

    with collector.view() as view:
        (ticket,) = view.tickets()
    assert (ticket.state, ticket.fault_from_ms, ticket.fault_to_ms) == ("resolved", at(0), at(4))
    collector.store.close()
