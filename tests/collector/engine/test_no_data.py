"""Nothing is heard, and it is not the devices: the broker, the collector, or a backlog that comes too late.

The other situations are told in tests/collector/core/test_no_data.py."""

from pathlib import Path

import pytest

from roundsman_collector.clockwork import Clockwork
from tests.collector.core.desk import at
from tests.collector.engine.desk import Agent, Collector, gateway, kiosk

GRACE_MINUTES = 3 + 2
"""The longest `arrive_by` of the cast and two minutes more."""


@pytest.fixture
def collector(tmp_path: Path) -> Collector:
    return Collector(tmp_path)


class Watch:
    """The collector's clockwork, stepped once a minute."""

    def __init__(self, collector: Collector) -> None:
        self.clockwork = Clockwork(
            collector.engine,
            listen_grace_s=None,
            rebuild_pause_s=0,
            rebuild_at_latest_s=300,
            sweep_rows=100,
            evidence_days=40,
            evidence_bytes=10**9,
        )

    def minutes(self, first: int, last: int, *, is_connected: bool = True) -> None:
        for minute in range(first, last + 1):
            self.clockwork.listening(is_connected, at(minute))
            self.clockwork.step(at(minute), minute * 60.0)


def works(agent: Agent, first: int, last: int) -> list[dict[str, object]]:
    """What an agent records while it works."""
    return [agent.sample(minute, printer__paper="ok") for minute in range(first, last + 1)]


def live(collector: Collector, watch: Watch, agent: Agent, first: int, last: int) -> None:
    for minute in range(first, last + 1):
        collector.take(minute, agent.report(minute, *works(agent, minute, minute)))
        watch.minutes(minute, minute)


def test_while_the_broker_is_down_nobody_is_called_silent_and_its_backlog_makes_the_time_whole(
    collector: Collector,
) -> None:
    agent, watch = kiosk(), Watch(collector)
    collector.take(0, agent.birth(0))
    live(collector, watch, agent, 0, 10)
    spooled = works(agent, 11, 39)
    watch.minutes(11, 39, is_connected=False)
    assert collector.tickets() == []

    watch.minutes(40, 40)
    collector.take(40, agent.report(40, *works(agent, 40, 40)))
    watch.minutes(41, 41)
    collector.take(42, agent.report(42, *spooled, leaf="history"))
    live(collector, watch, agent, 41, 50)

    assert collector.tickets() == []
    assert collector.ledger("kiosk-7") == [(0, None, "up", "")]


def test_a_broker_that_is_back_is_listened_to_for_a_while_before_anybody_is_called_silent(
    collector: Collector,
) -> None:
    agent, watch = kiosk(), Watch(collector)
    collector.take(0, agent.birth(0))
    live(collector, watch, agent, 0, 10)
    watch.minutes(11, 39, is_connected=False)

    watch.minutes(40, 40 + GRACE_MINUTES - 1)
    assert collector.tickets() == []
    watch.minutes(40 + GRACE_MINUTES, 40 + GRACE_MINUTES)

    assert collector.tickets() == [("@kiosk-7", "agent.silent", "open", "")]
    assert collector.ledger("kiosk-7")[-1] == (11.5, None, "unknown", "silent")


def test_a_collector_that_was_down_tells_no_silence_of_the_time_it_did_not_listen(collector: Collector) -> None:
    agent, silent = kiosk(), gateway()
    watch = Watch(collector)
    collector.take(0, agent.birth(0), silent.birth(0))
    live(collector, watch, agent, 0, 10)
    collector.take(10, silent.report(10, silent.sample(10, host__cpu_percent=5)))
    spooled = works(agent, 11, 59)

    collector.restart(60)
    watch = Watch(collector)
    watch.minutes(60, 60 + GRACE_MINUTES - 1)
    collector.take(61, agent.report(61, *works(agent, 60, 61)))
    collector.take(62, agent.report(62, *spooled, leaf="history"))
    assert collector.tickets() == []
    live(collector, watch, agent, 62, 60 + GRACE_MINUTES)

    assert collector.tickets() == [("@gw-2", "agent.silent", "open", "")]
    assert collector.ledger("kiosk-7") == [(0, None, "up", "")]


def test_a_gateway_that_is_down_is_told_once_and_its_devices_are_unknown(collector: Collector) -> None:
    agent, watch = gateway(), Watch(collector)
    collector.take(0, agent.birth(0))
    for minute in range(11):
        said = [agent.sample(minute, device, host__cpu_percent=5) for device in ("gw-2", "nvr-2", "ups-2")]
        collector.take(minute, agent.report(minute, *said))
        watch.minutes(minute, minute)

    watch.minutes(11, 60)

    assert collector.tickets() == [("@gw-2", "agent.silent", "open", "")]
    assert [collector.ledger(device)[-1] for device in ("gw-2", "nvr-2", "ups-2")] == [
        (11.5, None, "unknown", "silent")
    ] * 3
