"""When was it? Clocks that are right, wrong, stepped, in 1970, and repaired."""

from typing import Any

from roundsman_collector.core.dating import Base, better, event_time, gap_time, has_impossible_clock
from tests.collector.core.desk import at

BOOTED = at(-60)


def record(minutes: float, wall: int | None = None, **fields: Any) -> dict[str, Any]:
    t = at(minutes)
    return {"n": 1, "boot": "b1", "mono": t - BOOTED, "t": t if wall is None else wall, **fields}


def clock(minutes: float, wall: int, error_ms: int, n: int = 1) -> dict[str, Any]:
    return {**record(minutes, wall), "n": n, "kind": "clock", "offset_ms": at(minutes) - wall, "error_ms": error_ms}


def test_a_synchronised_clock_is_believed() -> None:
    assert event_time(record(3), None) == at(3)


def test_an_unsynchronised_clock_without_a_clock_record_has_no_time() -> None:
    assert event_time(record(3, ntp=False), None) is None


def test_a_clock_in_1970_is_repaired_by_the_clock_record_of_its_boot() -> None:
    base = better(None, clock(5, 300_000, 40))

    assert event_time(record(3, wall=180_000, ntp=False), base) == at(3)


def test_a_clock_that_agrees_within_the_error_is_taken_as_it_is() -> None:
    base = better(None, clock(5, at(5) - 900, 1500))

    assert event_time(record(3, wall=at(3) - 900, ntp=False), base) == at(3) - 900


def test_a_step_of_a_day_within_a_boot_moves_nothing() -> None:
    base = better(None, clock(5, at(5), 10))
    day = 86_400_000

    assert [event_time(record(m, wall=at(m) + step, ntp=False), base) for m, step in ((3, 0), (6, day), (9, -day))] == [
        at(3),
        at(6),
        at(9),
    ]


def test_the_clock_record_with_the_smaller_error_wins_whatever_came_first() -> None:
    rough, fine = clock(5, 300_000, 5000, n=7), clock(6, 360_100, 10, n=9)

    assert (
        better(better(None, rough), fine) == better(better(None, fine), rough) == Base(at(6) - record(6)["mono"], 10, 9)
    )


def test_of_two_equally_good_clock_records_the_earlier_number_wins() -> None:
    one, other = clock(5, 300_000, 10, n=7), clock(6, 360_100, 10, n=9)

    assert better(better(None, one), other).n == better(better(None, other), one).n == 7


def test_only_a_clock_that_claims_to_be_right_is_impossible_before_2020() -> None:
    assert has_impossible_clock(record(0, wall=60_000))
    assert not has_impossible_clock(record(0, wall=60_000, ntp=False))
    assert not has_impossible_clock(record(0))


def test_a_gap_within_its_boot_is_repaired_like_its_record() -> None:
    gap = record(10, wall=600_000, ntp=False, from_t=300_000, to_t=540_000)

    assert gap_time({**gap, "mono": 600_000}, at(10)) == at(5)


def test_a_gap_of_an_earlier_boot_bears_that_boot_s_clock() -> None:
    gap = {**record(10, wall=60_000, ntp=False), "mono": 60_000, "from_t": at(2), "to_t": at(3)}

    assert gap_time({**gap, "t": 60_000}, at(10)) == at(2)
    assert gap_time({**record(10), "mono": 60_000, "from_t": at(2), "to_t": at(3)}, at(10)) == at(2)


def test_a_gap_of_an_earlier_boot_is_known_as_such_where_the_clock_lost_days_between() -> None:
    two_days = 2 * 86_400_000
    gap = {**record(10, wall=at(10) - two_days, ntp=False), "mono": 60_000, "from_t": at(2), "to_t": at(3)}

    assert gap_time(gap, at(10)) == at(2)


def test_a_gap_that_cannot_be_stands_where_its_record_does() -> None:
    assert gap_time({**record(10), "from_t": 5, "to_t": 9}, at(10)) == at(10)
    assert gap_time({**record(10), "from_t": at(11), "to_t": at(12)}, at(10)) == at(10)


def test_a_time_before_2020_is_no_time_however_it_was_reckoned() -> None:
    long_ago = Base(-(10**14), 40, 1)

    assert event_time(record(3, wall=180_000, ntp=False), long_ago) is None


def test_a_clock_record_that_says_it_is_before_2020_is_impossible() -> None:
    wrong = {**clock(5, 300_000, 40), "offset_ms": 0, "ntp": False}

    assert has_impossible_clock(wrong)
    assert not has_impossible_clock({**clock(5, 300_000, 40), "ntp": False})
