"""An agent that is revoked while the collector runs, and one that comes back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roundsman_collector.engine import timely
from tests.collector.core.desk import at
from tests.collector.engine.desk import Agent, Collector, kiosk

DEVICES = [{"id": "kiosk-7", "kind": "kiosk", "name_zh": "七号", "name_en": "seven"}]


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    made = Collector(tmp_path)
    yield made
    made.store.close()


def ask(collector: Collector, minutes: float, verb: str, **args: Any) -> str:
    with collector.view() as view:
        number = view.ask(who="li.na", verb=verb, args=args, now_ms=at(minutes))
        timely.obey(collector.engine, collector.store.new_commands(), at(minutes))
        found = view.command(number)
    assert found is not None
    return found.state


def with_a_ticket(collector: Collector) -> Agent:
    """A kiosk whose paper is at its end."""
    agent = kiosk()
    collector.take(0, agent.birth(0))
    for minute in range(4):
        collector.take(minute, agent.report(minute, agent.sample(minute, printer__paper="end")))
    assert [state for _, _, state, _ in collector.tickets()] == ["open"]
    return agent


def test_what_a_revoked_agent_says_is_refused_and_time_tells_nothing_of_it(collector: Collector) -> None:
    agent = with_a_ticket(collector)
    before = collector.ledger("kiosk-7"), collector.tickets()

    assert ask(collector, 4, "revoke", agent="kiosk-7") == "done"

    assert collector.take(5, agent.report(5, agent.sample(5, printer__paper="ok"))) == []
    collector.look(60)
    assert (collector.ledger("kiosk-7"), collector.tickets()) == before
    assert collector.refused() == {"unknown_agent": 1}


def test_revoking_twice_is_the_same_and_a_stranger_cannot_be_revoked(collector: Collector) -> None:
    assert ask(collector, 1, "revoke", agent="kiosk-7") == "done"
    assert ask(collector, 2, "revoke", agent="kiosk-7") == "done"
    assert ask(collector, 3, "revoke", agent="kiosk-9") == "failed"


@pytest.mark.parametrize("restarts", [(), (5,), (5, 7)], ids=["running", "restarted away", "restarted twice"])
def test_an_agent_that_comes_back_goes_on_where_it_stopped(collector: Collector, restarts: tuple[float, ...]) -> None:
    agent = with_a_ticket(collector)
    last = agent.report(3, agent.sample(3, printer__paper="end"))
    collector.take(3.5, last)
    ask(collector, 4, "revoke", agent="kiosk-7")
    if restarts:
        collector.restart(restarts[0])
    ask(collector, 6, "register", agent="kiosk-7", group="south", devices=DEVICES)
    if len(restarts) > 1:
        collector.restart(restarts[1])

    collector.take(8, agent.birth(8), last)
    for minute in (8, 9, 10, 11):
        collector.take(minute, agent.report(minute, agent.sample(minute, printer__paper="ok")))
    collector.look(12)

    assert collector.stored_numbers("kiosk-7") == list(range(1, agent.n + 1))
    assert [state for _, _, state, _ in collector.tickets()] == ["resolved"]
