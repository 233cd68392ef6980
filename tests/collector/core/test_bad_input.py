"""What devices should never say: absurd numbers, readings that come and go, shares of nothing. Named, and no crash."""

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.config import Config, rule_set
from roundsman_collector.core.calendar import Calendar, NoWorkingTime, working_intervals
from roundsman_collector.core.model import Item
from roundsman_collector.core.policy import Above, Policy
from roundsman_collector.core.rulebook import Rulebook, book_of
from roundsman_collector.core.state import dump, load
from roundsman_collector.core.timetable import due, elapsed
from roundsman_wire.catalogue import POINTS
from tests.collector.core.desk import GATEWAY, KIOSK, Desk, Recorder, at, from_nothing, rule
from tests.collector.core.tale import comes_true

BUILT_IN = Rulebook([rule_set(Config())])
NAMES = sorted({name.replace("[]", "[0]") for name in POINTS})
WORDS = sorted({word for point in POINTS.values() for word in point.words})
ABSURD = [0, -0.0, 1, -1, 100, 1e308, -1e308, 5e-324, 2**63 - 1, -(2**63), 1e15, -86_400, 10**9]
values = st.sampled_from([*ABSURD, *WORDS, "", "no such word", None]) | st.floats(allow_nan=False, allow_infinity=False)
samples = st.lists(
    st.tuples(
        st.sampled_from(["gw-2", "nvr-2", "ups-2"]),
        st.integers(0, 300),
        st.dictionaries(st.sampled_from(NAMES), values, max_size=8),
        st.dictionaries(st.sampled_from(["escpos", "snmp", "host", "nobody"]), st.just(("timeout", "x")), max_size=2),
    ),
    max_size=25,
)


def lived(said: list[tuple[str, int, dict[str, Any], dict[str, Any]]]) -> list[Item]:
    recorder, minutes, items = Recorder("gw-2-1", GATEWAY), 0.0, []
    for device, seconds, readings, failed in said:
        minutes += seconds / 60
        items.append(recorder.sample(minutes, device, failed, **readings))
    return items


@given(samples)
def test_whatever_readings_say_is_judged_the_same_at_once_and_anew_and_can_be_kept(
    said: list[tuple[str, int, dict[str, Any], dict[str, Any]]],
) -> None:
    items = lived(said)

    prompt = Desk("gw-2", BUILT_IN).take_all(items).tick(at(500))
    anew = from_nothing("gw-2", items, at(500), BUILT_IN)

    assert prompt.truth == anew.truth
    assert dump(load(dump(prompt.state))) == dump(prompt.state)
    for segments in prompt.segments.values():
        assert all(one.to_ms is None or one.from_ms < one.to_ms for one in segments)
        assert all(one.to_ms == other.from_ms for one, other in pairwise(segments))


def test_a_first_sample_that_another_one_of_the_same_instant_takes_back_leaves_nothing_in_the_ledger() -> None:
    items = lived([("nvr-2", 0, {"host.cpu_percent": 1}, {}), ("nvr-2", 0, {}, {"snmp": ("timeout", "x")})])

    told = Desk("gw-2", BUILT_IN).take_all(items).tick(at(500)).truth[0]

    assert told == {}


@pytest.mark.parametrize("name", NAMES)
def test_no_reading_of_the_catalogue_is_too_absurd_to_be_judged(name: str) -> None:
    recorder = Recorder("gw-2-1", GATEWAY)
    items = [recorder.sample(minute, "ups-2", **{name: value}) for minute, value in enumerate([*ABSURD, "?", None])]

    desk = Desk("gw-2", BUILT_IN).take_all(items)

    assert desk.segments["ups-2"]
    assert all(math.isfinite(one.from_ms) for one in desk.conditions.values())


SHARE = book_of(
    Policy(
        rules=(rule("disk.full", Above(reading="disk.used_mb", limit=0.9, clear=0.8, per="disk.size_mb"), effect=""),)
    )
)


def test_a_share_of_nothing_says_nothing_and_a_fault_that_held_goes_on_holding() -> None:
    recorder = Recorder("k7-1", KIOSK)
    sizes = [100, 100, 0, -0.0, None, "?", 5e-324, 1e308, 100]
    samples = [
        recorder.sample(minute, "kiosk-7", **{"disk[/].used_mb": 95, "disk[/].size_mb": size})
        for minute, size in enumerate(sizes)
    ]
    gone = [recorder.sample(9, "kiosk-7", **{"disk[/].used_mb": 95}), recorder.sample(10, "kiosk-7", **{"x.y": 1})]

    up_to_the_huge_disk = Desk("kiosk-7", SHARE).take_all([*samples[:7], *gone])
    whole = Desk("kiosk-7", SHARE).take_all(samples)

    assert [(one.from_ms, one.to_ms) for one in up_to_the_huge_disk.truth[1]] == [(at(0), None)]
    assert [(one.from_ms, one.to_ms) for one in whole.truth[1]] == [(at(0), at(7)), (at(8), None)]


def test_a_reading_that_disappears_leaves_its_fault_open_and_is_no_recovery() -> None:
    comes_true("""
    - name: the printer's cable is pulled while the paper is out
      signals:
        kiosk-7: {printer.paper: okx5 endx5 _x10 okx10, host.cpu_percent: 10x30}
      expect:
        - {at: 19m, device: kiosk-7, conditions: [{code: printer.paper_end, from: 5m, to: null}]}
        - {at: 30m, device: kiosk-7, conditions: [{code: printer.paper_end, from: 5m, to: 20m}]}
    """)


def test_absurd_numbers_are_numbers_and_words_in_their_place_say_nothing() -> None:
    comes_true("""
    - name: the agent reports nonsense
      signals:
        kiosk-7: {host.cpu_percent: 10x5 1e308x5 -1e308x5 nullx5 _x5 5e-324x5, printer.paper: okx30}
      expect:
        - at: 30m
          device: kiosk-7
          conditions: [{code: host.cpu_high, from: 5m, to: 10m}]
          availability: {up: 30m, down: 0s, unknown: 0s}
    """)


NEVER = Calendar(tz="Asia/Shanghai", hours={})


def test_a_calendar_without_working_days_refuses_a_due_time_and_counts_nothing() -> None:
    with pytest.raises(NoWorkingTime, match="give the calendar hours"):
        due(NEVER, at(0), 1)

    assert due(NEVER, at(0), 0) == at(0)
    assert elapsed(NEVER, at(0), at(10_000)) == 0
    assert working_intervals(NEVER, at(0), at(10_000)) == ()
