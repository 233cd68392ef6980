"""What goes out next: live before backlog, nothing twice without need, nothing forgotten."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from roundsman_agent.outbox import Batch, Outbox
from roundsman_agent.spool import Spool
from tests.agent.cast import START, later, sample


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool.open(str(tmp_path), now=START, free_floor_bytes=0)
    yield spool
    spool._abandon()


def box(spool: Spool, *, rate: float = 100, batch_ms: int = 0) -> Outbox:
    return Outbox(spool, records_per_s=rate, ack_expected_ms=10_000, batch_ms=batch_ms, now=0)


def numbers(batch: Batch | None) -> list[int]:
    return [record["n"] for record in batch.records] if batch else []


def pulled(outbox: Outbox, now: int, *, history: bool = True) -> list[tuple[str, list[int]]]:
    """Everything that may go out at a moment, marked as sent."""
    out = []
    while (batch := outbox.next_live(now)) or (history and (batch := outbox.next_history(now))):
        assert batch is not None
        outbox.sent(batch.records, is_history=batch.is_history, now=now)
        out.append(("history" if batch.is_history else "live", numbers(batch)))
    return out


def test_the_newest_of_each_device_goes_first_then_the_rest_as_history(spool: Spool) -> None:
    for i in range(6):
        spool.take(sample("nvr-2" if i % 2 else "ups-2", at=later(i)))
    outbox = box(spool)

    assert pulled(outbox, 0) == [("live", [5, 6]), ("history", [1, 2, 3, 4])]


def test_what_is_taken_now_overtakes_the_backlog(spool: Spool) -> None:
    for i in range(300):
        spool.take(sample(at=later(i)))
    outbox = box(spool, rate=50)
    first = pulled(outbox, 0)
    spool.take(sample(at=later(301)))

    assert first == [("live", [300]), ("history", list(range(1, 51)))]
    assert pulled(outbox, 500) == [("live", [301])]
    assert pulled(outbox, 1000) == [("history", list(range(51, 101)))]


def test_nothing_that_is_out_goes_out_again_before_three_periods(spool: Spool) -> None:
    for i in range(5):
        spool.take(sample(at=later(i)))
    outbox = box(spool)
    pulled(outbox, 0)

    assert outbox.expire(29_999) == 0
    assert pulled(outbox, 29_999) == []
    assert outbox.expire(30_000) > 0
    assert pulled(outbox, 30_000) == [("history", [1, 2, 3, 4, 5])]


def test_patience_doubles_while_nobody_settles_and_is_short_again_after_progress(spool: Spool) -> None:
    spool.take(sample())
    outbox = box(spool)
    pulled(outbox, 0)
    resent = []
    for now in range(0, 1_000_000, 1000):
        outbox.expire(now)
        if pulled(outbox, now):
            resent.append(now)

    assert resent[:4] == [30_000, 60_000, 120_000, 240_000]
    outbox.settled([(1, 1)])
    spool.take(sample(at=later(5)))
    pulled(outbox, 1_000_000)
    outbox.expire(1_030_000)
    assert pulled(outbox, 1_030_000) == [("history", [2])]


def test_a_lost_message_in_the_middle_is_sent_again_alone(spool: Spool) -> None:
    outbox = box(spool)
    for i in range(9):
        spool.take(sample(at=later(i)))
        pulled(outbox, i)
    spool.settle(3, [(5, 9)])
    outbox.settled([(1, 3), (5, 9)])

    outbox.expire(40_000)

    assert pulled(outbox, 40_000) == [("history", [4])]


def test_a_reset_sends_everything_unsettled_again(spool: Spool) -> None:
    for i in range(4):
        spool.take(sample(at=later(i)))
    outbox = box(spool)
    pulled(outbox, 0)
    spool.settle(2)
    outbox.settled([(1, 2)])

    outbox.reset(100)

    assert pulled(outbox, 100) == [("live", [4]), ("history", [3])]


def test_a_dead_collector_behind_a_living_broker_gets_a_window_of_backlog_and_no_more(spool: Spool) -> None:
    for i in range(1000):
        spool.take(sample(at=later(i)))
    outbox = box(spool, rate=10)

    sent = [n for now in range(0, 29_000, 100) for kind, some in pulled(outbox, now) if kind == "history" for n in some]

    assert len(sent) == 290
    assert pulled(outbox, 29_900) == [("history", list(range(291, 301)))]
    assert pulled(outbox, 29_999) == []


def test_records_wait_for_company_unless_they_have_news(spool: Spool) -> None:
    spool.take(sample(at=later(0), word="ok"))
    outbox = box(spool, batch_ms=5000)
    pulled(outbox, 0)
    spool.take(sample(at=later(1), word="ok"))
    spool.take(sample(at=later(2), word="ok"))

    assert pulled(outbox, 1000) == []
    assert outbox.wake_at(1000) == 6000
    assert pulled(outbox, 6000) == [("live", [2, 3])]
    spool.take(sample(at=later(3), word="ok"))
    spool.take(sample(at=later(4), word="out"))
    assert pulled(outbox, 6100) == [("live", [4, 5])]


def test_a_loop_that_comes_late_keeps_the_rate_of_history(spool: Spool) -> None:
    for i in range(1500):
        spool.take(sample(at=later(i)))
    outbox = box(spool, rate=100)

    sent = [len(n) for now in range(0, 9_001, 1_500) for kind, n in pulled(outbox, now) if kind == "history"]

    assert sum(sent) == 1000, "100 at once and 100 a second"


def test_history_is_no_burst_after_a_pause(spool: Spool) -> None:
    for i in range(1000):
        spool.take(sample(at=later(i)))
    outbox = box(spool, rate=100)
    pulled(outbox, 0)

    burst = sum(len(n) for kind, n in pulled(outbox, 20_000) if kind == "history")

    assert burst == 200


def test_history_that_is_held_back_is_nothing_to_wake_for(spool: Spool) -> None:
    for i in range(300):
        spool.take(sample(at=later(i)))
    outbox = box(spool, rate=50)
    pulled(outbox, 0)

    assert outbox.has_history
    assert outbox.wake_at(5_000) == 1_000
    assert outbox.wake_at(5_000, may_history=False) == 30_000


def test_a_sending_with_holes_is_sent_again_without_what_was_settled(spool: Spool) -> None:
    for i in range(9):
        spool.take(sample(at=later(i)))
    spool.settle(0, [(2, 2), (4, 4), (6, 6)])
    outbox = box(spool)
    assert pulled(outbox, 0) == [("live", [9]), ("history", [1, 3, 5, 7, 8])]
    spool.settle(0, [(3, 5), (8, 9)])
    outbox.settled([(3, 5), (8, 9)])

    outbox.expire(30_000)

    assert pulled(outbox, 30_000) == [("history", [1, 7])]


def test_when_nothing_waits_there_is_nothing_to_wake_for(spool: Spool) -> None:
    assert box(spool).wake_at(0) is None
