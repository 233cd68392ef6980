"""A ticket's record is found however far back, whatever came late, and nobody else's is taken for it."""

from pathlib import Path

import pytest

from roundsman_collector.core.model import Ref
from roundsman_collector.store import Batch, EvidenceRow, Store, View, witness
from tests.collector.engine.desk import Collector, kiosk
from tests.collector.store.cast import DAY, TODAY, report

DAY_MINUTES = 24 * 60


@pytest.fixture
def collector(tmp_path: Path) -> Collector:
    return Collector(tmp_path)


def told(collector: Collector, days: int, every_min: int = 120) -> dict[int, int]:
    """Days of a kiosk that reports; the event time of each number."""
    agent, times = kiosk(), dict[int, int]()
    collector.take(0, agent.birth(0))
    for minutes in range(0, days * DAY_MINUTES, every_min):
        sample = agent.sample(minutes, printer__paper="ok")
        collector.take(minutes, agent.report(minutes, sample))
        times[sample["n"]] = sample["t"]
    return times


def test_every_record_of_many_days_is_found(collector: Collector) -> None:
    times = told(collector, days=6)
    with collector.view() as view:
        no = collector.engine.by_agent["kiosk-7"].no

        found = {n: view.record(no, Ref("kiosk-7-1", n, t)) for n, t in times.items()}

        assert {n: row.record["t"] for n, row in found.items() if row is not None} == times
        assert view.record(no, Ref("kiosk-7-1", 10_000, times[1])) is None
        assert view.record(no, Ref("kiosk-7-2", 1, times[1])) is None
        assert view.record(no + 1, Ref("kiosk-7-1", 1, times[1])) is None


def test_an_old_record_is_found_by_few_links(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    times = told(collector, days=8)
    walked = 0
    links_in = witness._links_in

    def counted(*args: object) -> list[witness._Link]:
        nonlocal walked
        found = links_in(*args)  # type: ignore[arg-type]
        walked += len(found)
        return found

    monkeypatch.setattr(witness, "_links_in", counted)
    with collector.view() as view:
        assert view.record(collector.engine.by_agent["kiosk-7"].no, Ref("kiosk-7-1", 3, times[3])) is not None

    assert walked < 2 * DAY_MINUTES / 120 + 3, "a day or two of an agent that reports every two hours"


def test_what_came_days_late_is_found(collector: Collector) -> None:
    agent = kiosk()
    collector.take(0, agent.birth(0))
    collector.take(1, agent.report(1, agent.sample(1, printer__paper="ok")))
    late = agent.sample(3, printer__paper="end")
    for day in range(1, 5):
        for hour in (0, 12):
            minutes = day * DAY_MINUTES + hour * 60
            collector.take(minutes, agent.report(minutes, agent.sample(minutes, printer__paper="ok")))
    collector.take(5 * DAY_MINUTES, agent.report(5 * DAY_MINUTES, late, leaf="history"))
    collector.look(5 * DAY_MINUTES + 1)

    with collector.view() as view:
        found = view.record(collector.engine.by_agent["kiosk-7"].no, Ref("kiosk-7-1", late["n"], late["t"]))

    assert found is not None and found.record["readings"] == {"printer.paper": "end"}


def test_a_record_whose_day_was_dropped_is_not_found(store: Store, view: View) -> None:
    rows = [
        EvidenceRow(
            day + 1,
            1,
            day or None,
            "report",
            "s1",
            day,
            day,
            TODAY + day * DAY,
            None,
            report("kiosk-7", (day, TODAY + day * DAY)),
        )
        for day in range(4)
    ]
    for row in rows:
        store.commit(Batch(now_ms=row.received_ms, evidence=[row]))
    before = view.record(1, Ref("s1", 1, TODAY + DAY))

    store.prune(2, TODAY + 4 * DAY)

    assert before is not None and before.seq == 2
    assert view.record(1, Ref("s1", 1, TODAY + DAY)) is None
    kept = view.record(1, Ref("s1", 2, TODAY + 2 * DAY))
    assert kept is not None and kept.record["n"] == 2
