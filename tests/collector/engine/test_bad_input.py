"""Evidence that cannot be: from the future, of devices that are gone or elsewhere, of clocks that never were. It is
refused by name or counted, the rest is taken, and the collector goes on."""

from pathlib import Path

import pytest

from roundsman_collector.store.register import DeviceEntry
from tests.collector.core.desk import MINUTE, at
from tests.collector.engine.desk import GROUP, Agent, Collector, gateway, kiosk

YEAR_MS = 365 * 24 * 60 * MINUTE


@pytest.fixture
def collector(tmp_path: Path) -> Collector:
    return Collector(tmp_path)


def undated(agent: Agent, minute: float, **readings: object) -> dict[str, object]:
    """A sample of a machine whose clock shows 1970."""
    return {**agent.sample(minute, **readings), "ntp": False, "t": round(minute * MINUTE)}


def goes_on(collector: Collector, agent: Agent, first: int, last: int) -> None:
    """The agent reports on, a minute at a time."""
    for minute in range(first, last + 1):
        collector.take(minute, agent.report(minute, agent.sample(minute, printer__paper="ok")))
        collector.look(minute)


@pytest.mark.parametrize("years", [10, 300])
def test_a_clock_record_from_the_future_is_refused_and_dates_nothing(collector: Collector, years: int) -> None:
    agent = kiosk()
    collector.take(3, agent.birth(0), agent.report(3, *(undated(agent, m, printer__paper="ok") for m in range(3))))
    said = agent.record(3, "clock", offset_ms=years * YEAR_MS, error_ms=5)

    (owed,) = collector.take(4, agent.report(4, said))
    collector.look(4)
    goes_on(collector, agent, 5, 8)

    assert owed.refused == ((4, 4, "future"),)
    assert collector.refused() == {"future": 1}
    assert collector.ledger("kiosk-7") == [(5, None, "up", "")]


def test_a_clock_record_from_before_2020_is_refused(collector: Collector) -> None:
    agent = kiosk()
    collector.take(3, agent.birth(0), agent.report(3, undated(agent, 2, printer__paper="ok")))
    said = agent.record(3, "clock", offset_ms=-20 * YEAR_MS, error_ms=5)

    collector.take(4, agent.report(4, said))
    collector.look(4)

    assert collector.refused() == {"clock": 1}
    assert collector.ledger("kiosk-7") == []


def test_a_sample_whose_counter_is_nonsense_is_dated_nowhere_when_its_clock_is_told(collector: Collector) -> None:
    agent = kiosk()
    nonsense = {**undated(agent, 1, printer__paper="end"), "mono": 2**53}
    honest = undated(agent, 2, printer__paper="ok")
    collector.take(3, agent.birth(0), agent.report(3, nonsense, honest))
    clock = agent.record(3, "clock", offset_ms=at(3) - 3 * MINUTE, error_ms=40)

    collector.take(4, agent.report(4, {**clock, "ntp": False, "t": 3 * MINUTE}))
    collector.look(4)
    goes_on(collector, agent, 5, 8)

    assert collector.ledger("kiosk-7")[0][:3] == (2, 3.5, "up")
    assert collector.ledger("kiosk-7")[-1] == (5, None, "up", "")
    assert collector.engine.by_agent["kiosk-7"].state.last_t == at(8)


def test_a_device_that_is_spoken_for_by_nobody_any_more_is_refused_and_keeps_its_past(collector: Collector) -> None:
    agent = gateway()
    collector.take(0, agent.birth(0))
    for minute in range(5):
        said = [agent.sample(minute, device, host__cpu_percent=5) for device in ("gw-2", "nvr-2", "ups-2")]
        collector.take(minute, agent.report(minute, *said))
    collector.store.assign("nvr-2", None, at(5))
    collector.engine.load_register()
    past = collector.ledger("nvr-2")

    (owed,) = collector.take(
        6,
        agent.report(6, agent.sample(6, "nvr-2", host__cpu_percent=99), agent.sample(6, "ups-2", host__cpu_percent=5)),
    )
    collector.look(7)

    assert owed.refused == ((16, 16, "not_yours"),)
    assert past == [(0, 5.5, "up", ""), (5.5, None, "unknown", "not_polled")]
    assert collector.ledger("nvr-2") == past
    assert collector.ledger("ups-2")[-1] == (6, None, "up", "")


def test_a_device_that_moved_is_told_by_its_new_agent_whatever_its_old_one_says_later(collector: Collector) -> None:
    old = gateway()
    new = Agent("gw-9", [("gw-9", True), ("nvr-2", False)])
    entry = DeviceEntry(id="gw-9", kind="gateway", name_zh="gw-9", name_en="gw-9")
    collector.store.add_agent("gw-9", GROUP, [entry], at(0))
    late = old.report(2, old.sample(1, "ups-2", host__cpu_percent=5), leaf="history")
    collector.take(0, old.birth(0))
    for minute in (2, 3, 4):
        said = [old.sample(minute, "nvr-2", printer__paper="end"), old.sample(minute, "ups-2", host__cpu_percent=5)]
        collector.take(minute, old.report(minute, *said))

    collector.store.assign("nvr-2", "gw-9", at(5))
    collector.engine.load_register()
    owed = collector.take(
        8, old.report(8, old.sample(8, "nvr-2", host__cpu_percent=5)), new.birth(8),
        new.report(8, new.sample(8, "gw-9", host__cpu_percent=5), new.sample(8, "nvr-2", printer__paper="ok")),
    )  # fmt: skip
    collector.look(9)
    collector.take(10, late)
    for minute in (10, 20):
        collector.look(minute)

    assert {one.agent: one.refused for one in owed} == {"gw-2": ((8, 8, "not_yours"),), "gw-9": ()}
    assert collector.ledger("nvr-2") == [
        (2, 5.5, "down", "printer.paper_end"),
        (5.5, 8, "unknown", "not_polled"),
        (8, 9.5, "up", ""),
        (9.5, None, "unknown", "silent"),
    ]
    with collector.view() as view:
        (fault,) = view.conditions("nvr-2", at(0), at(60))
    assert (fault.event_from_ms, fault.event_to_ms) == (at(2), at(5.5))


def test_a_device_that_comes_back_keeps_what_the_other_agent_said_of_it(collector: Collector) -> None:
    old = gateway()
    new = Agent("gw-9", [("nvr-2", False)])
    collector.store.add_agent("gw-9", GROUP, [], at(0))
    collector.take(0, old.birth(0), new.birth(0))
    late = old.report(2, old.sample(1, "ups-2", host__cpu_percent=5), leaf="history")
    collector.take(2, old.report(2, old.sample(2, "nvr-2", host__cpu_percent=5)))
    for agent_id, minute in (("gw-9", 5), ("gw-2", 10)):
        collector.store.assign("nvr-2", agent_id, at(minute))
        collector.engine.load_register()
        agent = new if agent_id == "gw-9" else old
        collector.take(minute + 1, agent.report(minute + 1, agent.sample(minute + 1, "nvr-2", printer__paper="ok")))

    collector.take(12, late)
    collector.look(12)

    assert [one[:3] for one in collector.ledger("nvr-2")] == [
        (2, 3.5, "up"),
        (3.5, 6, "unknown"),
        (6, 7.5, "up"),
        (7.5, 10, "unknown"),
        (10, 11, "unknown"),
        (11, None, "up"),
    ]


def test_numbers_that_no_device_reads_are_taken_and_the_loop_goes_on(collector: Collector) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0))
    absurd = (1e308, -1e308, 5e-324, -5, 2**63 - 1, -(2**63))

    for minute, value in enumerate(absurd):
        said = {"host__cpu_percent": value, "host__uptime_s": value, "printer__paper": "ok"}
        collector.take(minute, agent.report(minute, agent.sample(minute, **said)))
        collector.look(minute)
    goes_on(collector, agent, len(absurd), len(absurd) + 3)

    assert collector.refused() == {}
    assert collector.ledger("kiosk-7") == [(0, None, "up", "")]
    assert collector.restart(20) >= 0
    assert collector.ledger("kiosk-7") == [(0, None, "up", "")]
