"""A rebuild fed piece by piece, and the short way of what is well, tell what the whole tells at once, the long way."""

from collections.abc import Iterable, Sequence
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roundsman_collector.core.model import Change, Item, Segment, UnitState, newborn
from roundsman_collector.core.rebuild import Rebuild, Telling, arranged, rebuild, resting
from roundsman_collector.core.state import dump
from roundsman_collector.core.turn import fold, go_on, turn
from tests.collector.core.desk import GATEWAY, Recorder, at
from tests.collector.core.test_law_one import BOOK, gateway_life, kiosk_life


def pieces(items: Iterable[Item], size: int) -> list[list[Item]]:
    """The items by time, cut between two times where a piece has `size` or more."""
    found: list[list[Item]] = [[]]
    for _, of_a_time in groupby(sorted(items, key=lambda item: item.t), key=lambda item: item.t):
        if len(found[-1]) >= size:
            found.append([])
        found[-1].extend(of_a_time)
    return found


def in_pieces(start: UnitState, items: Iterable[Item], size: int) -> Change:
    anew = Rebuild(start, BOOK)
    for piece in pieces(items, size):
        anew.fold(piece)
    return anew.change()


@settings(max_examples=150)
@given(kiosk_life() | gateway_life(), st.sampled_from([1, 2, 7]), st.integers(0, 20), st.integers(0, 5))
def test_a_rebuild_in_pieces_tells_what_one_of_all_at_once_tells(
    items: list[Item], size: int, known: int, twice: int
) -> None:
    evidence = [*items, *items[:twice]]
    known_state = resting(rebuild(newborn("gw-2"), arranged(items, BOOK)[:known], BOOK).state)
    behind = [item for item in evidence if item.t > known_state.last_t]

    for start, told in ((newborn("gw-2"), evidence), (known_state, behind)):
        assert in_pieces(start, told, size) == rebuild(start, told, BOOK)


def ledgers(change: Change) -> dict[str, tuple[Segment, ...]]:
    return {told.device: told.segments for told in change.retold if told.segments}


@settings(max_examples=150)
@given(kiosk_life() | gateway_life())
def test_the_short_way_tells_what_the_long_way_tells(items: list[Item]) -> None:
    telling = Telling(newborn("gw-2"))
    for item in arranged(items, BOOK):
        telling.add(fold(telling.state, item, BOOK))
    whole = telling.change()

    change = rebuild(newborn("gw-2"), items, BOOK)

    assert dump(change.state) == dump(whole.state)
    assert ledgers(change) == ledgers(whole)
    assert set(change.conditions) == set(whole.conditions)


def well(minutes: Sequence[float]) -> list[Item]:
    agent = Recorder("gw-1", GATEWAY)
    return [
        agent.sample(minute + phase, device, host__cpu_percent=5.0, host__uptime_s=9000 + round(60 * minute))
        for minute in minutes
        for device, phase in (("gw-2", 0.0), ("nvr-2", 0.01), ("ups-2", 0.02))
    ]


def test_a_stretch_of_well_samples_is_judged_at_once_and_exactly() -> None:
    items = well(range(100))
    state = newborn("gw-2")
    for item in items[:30]:
        change = turn(state, item, BOOK)
        assert change is not None
        state = change.state

    after, place = go_on(state, items, 30, BOOK)

    for item in items[30:]:
        change = turn(state, item, BOOK)
        assert change is not None
        state = change.state
    assert place == len(items)
    assert after == state


@pytest.mark.parametrize("what", ["hole", "restart", "bad", "no answer", "boot", "unheard"])
def test_a_stretch_of_well_samples_ends_where_something_else_comes(what: str) -> None:
    items = well(range(20))
    last = items[40]
    record = dict(last.record)
    match what:
        case "hole":
            items[40] = last._replace(n=last.n + 1)
        case "restart":
            record["readings"] = {"host.cpu_percent": 5.0, "host.uptime_s": 1}
        case "bad":
            record["readings"] = {"host.cpu_percent": 99.0}
        case "no answer":
            record["readings"] = {"host.cpu_percent": None}
        case "boot":
            record["boot"] = "b2"
        case "unheard":
            record["device"] = "bus-31"
    items[40] = items[40]._replace(record=record)
    state = rebuild(newborn("gw-2"), items[:30], BOOK).state

    after, place = go_on(state, items, 30, BOOK)

    assert place == 40
    assert after == rebuild(newborn("gw-2"), items[:40], BOOK).state
    assert go_on(after, items, 40, BOOK) == (after, 40)


def test_what_came_during_a_rebuild_is_taken_as_it_comes() -> None:
    items = well(range(10))
    anew = Rebuild(newborn("gw-2"), BOOK)
    anew.fold(items[:20])

    assert [anew.take(item) for item in (*items[20:], items[20])] == [True] * 10 + [False]
    assert anew.change().state == rebuild(newborn("gw-2"), items, BOOK).state
    assert anew.change().state.last_t == at(9.02)
