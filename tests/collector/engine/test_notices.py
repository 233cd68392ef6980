"""What the engine decides as those hear it who want to be told: what is over by then pages nobody (law 3)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from roundsman_collector.store import Deed, Office
from tests.collector.core.desk import at
from tests.collector.engine.desk import Collector, kiosk


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    made = Collector(tmp_path)
    with Office.open(made.path) as office:
        office.add_way(kind="mail", name="duty", target="duty@example.com", deed=Deed(who="wang", at_ms=1))
    yield made
    made.store.close()


def heard(collector: Collector) -> list[tuple[str, str]]:
    """What somebody hears: the event and the fault, the oldest first."""
    with Office.open(collector.path) as office:
        rows = reversed(office.notices(states=["new", "sent"]))
        return [(row.event, row.body["ticket"]["code"]) for row in rows]


def test_a_fault_and_its_end_are_heard_as_they_happen(collector: Collector) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0))
    for minute, paper in enumerate(["ok", "end", "end"]):
        collector.take(minute, agent.report(minute, agent.sample(minute, printer__paper=paper)))
    assert heard(collector) == [("opened", "printer.paper_end")]

    for minute in (3, 4):
        collector.take(minute, agent.report(minute, agent.sample(minute, printer__paper="ok")))
    assert heard(collector) == [("opened", "printer.paper_end"), ("resolved", "printer.paper_end")]


def test_a_fault_that_came_and_went_in_the_backlog_is_heard_of_by_nobody(collector: Collector) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0), agent.report(0, agent.sample(0, printer__paper="ok")))
    kept = [agent.sample(m, printer__paper="end" if 4 <= m < 8 else "ok") for m in range(1, 20)]
    collector.take(20, agent.report(20, agent.sample(20, printer__paper="ok")))
    collector.take(21, agent.report(21, *kept, leaf="history"))
    collector.look(22)

    assert heard(collector) == []


def test_hours_in_the_brokers_queue_are_heard_of_by_nobody_but_what_still_stands_is(collector: Collector) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0))
    said = [agent.sample(m, printer__paper="end" if m in (10, 11, 12) or m > 297 else "ok") for m in range(300)]
    for minute, sample in enumerate(said):  # the collector was away: all of it is taken within a minute of now
        collector.take(300 + minute / 300, agent.report(minute, sample))

    assert collector.tickets() == [
        ("kiosk-7", "printer.paper_end", "resolved", "recovered"),
        ("kiosk-7", "printer.paper_end", "open", ""),
    ]
    assert heard(collector) == [("opened", "printer.paper_end")]
    with Office.open(collector.path) as office:
        assert office.notices()[0].body["ticket"]["fault_from_ms"] == at(298)
