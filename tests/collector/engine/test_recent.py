"""Hundreds of records that come again cost an agent's newest rows once, not once each."""

from pathlib import Path

import pytest

from roundsman_collector.engine.recent import STEPS
from tests.collector.engine.desk import Collector, kiosk


def test_what_comes_again_by_the_hundred_is_compared_with_rows_that_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector, agent = Collector(tmp_path), kiosk()
    collector.take(0, agent.birth(0))
    said = []
    for minute in range(30):
        records = [agent.sample(minute + i / 10, printer__paper="ok") for i in range(5)]
        collector.take(minute, agent.report(minute, *records))
        said += records
    reads: list[int] = []
    newest_of = collector.store.newest_of
    monkeypatch.setattr(
        collector.store, "newest_of", lambda no, head, count: reads.append(count) or newest_of(no, head, count)
    )
    forged = {**said[3], "readings": {"printer.paper": "end"}}

    collector.take(31, agent.report(31, *said[100:], leaf="history"), agent.report(31, forged, *said[4:100]))

    assert reads == list(STEPS)
    assert collector.refused() == {"cloned": 1}
    with collector.view() as view:
        assert {c.cause: c.count for c in view.counters() if c.name == "duplicate"} == {"again": 146}
    collector.store.close()
