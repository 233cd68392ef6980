"""Quantities are sums of moves; what is short is bought; a month adds up; a serial number is in one place."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.stock import (
    EFFECTS,
    Level,
    Line,
    Quantities,
    Seen,
    Short,
    Site,
    Verb,
    awaits_part,
    line,
    nearness,
    serial_refusal,
    short,
    spot_of,
    sums,
    takes_spare,
)
from roundsman_collector.core.ticket_log import Event

MOVES = st.lists(st.tuples(st.sampled_from(sorted(EFFECTS)), st.integers(1, 50)), max_size=30)


def counted(moves: list[tuple[Verb, int]]) -> Counter[Verb]:
    found: Counter[Verb] = Counter()
    for verb, quantity in moves:
        found[verb] += quantity
    return found


def test_a_quantity_is_the_sum_of_its_moves() -> None:
    moved: dict[Verb, int] = {"receive": 10, "issue": 3, "return": 1, "send": 2, "repaired": 1, "lend": 1, "count": -1}

    assert sums(moved) == Quantities(shelf=5, repair=1, lent=1)


@given(MOVES)
def test_the_order_of_moves_does_not_matter_for_what_is_there(moves: list[tuple[Verb, int]]) -> None:
    step = Quantities()
    for verb, quantity in moves:
        step = step.with_move(verb, quantity)

    assert step == sums(counted(moves))


@given(MOVES, MOVES)
def test_a_month_adds_up(before: list[tuple[Verb, int]], within: list[tuple[Verb, int]]) -> None:
    told = line(counted(before), counted(within))

    came = told.received + told.returned + told.lent_back + told.repaired + told.difference
    went = told.issued + told.lent + told.to_repair + told.scrapped
    assert told.opening + came - went == told.closing
    assert told.closing == sums(counted([*before, *within])).shelf


def test_a_line_of_a_statement_tells_what_came_and_went() -> None:
    told = line({"receive": 10, "lend": 1}, {"issue": 4, "lend_back": 1, "send": 2, "count": -1})

    assert told == Line(9, 0, 4, 0, 0, 1, 2, 0, 0, -1, 3, 2, 0)


def test_what_is_in_repair_or_lent_is_not_bought_and_what_is_gone_is() -> None:
    level = Level(10, 3)

    assert short(level, Quantities(shelf=4, repair=3, lent=3), 0) == Short(0, False)
    assert short(level, Quantities(shelf=4, repair=2, lent=3), 2) == Short(1, True)
    assert short(None, Quantities(), 0) == Short(0, False)


@pytest.mark.parametrize(
    ("last", "verb", "is_refused"),
    [
        (None, "issue", False),
        (None, "lend_back", True),
        (Seen("receive", "hq", 1), "receive", True),
        (Seen("receive", "hq", 1), "issue", False),
        (Seen("receive", "east", 1), "issue", True),
        (Seen("issue", "hq", 1), "issue", True),
        (Seen("issue", "east", 1), "return", False),
        (Seen("issue", "hq", 1), "collect", False),
        (Seen("scrap", "hq", 1), "send", True),
        (Seen("count", "hq", -1), "issue", True),
        (Seen("lend", "hq", 1), "lend_back", False),
    ],
)
def test_a_serial_number_is_in_one_place_at_a_time(last: Seen | None, verb: Verb, is_refused: bool) -> None:
    assert (serial_refusal(last, verb, 1, "hq") is not None) == is_refused


def test_what_was_counted_away_is_gone_until_it_is_found() -> None:
    lost = Seen("count", "hq", -1)

    assert spot_of(lost) == "gone"
    assert serial_refusal(lost, "count", 1, "hq") is None
    assert serial_refusal(lost, "count", -1, "hq") is not None


# --- at a ticket -----------------------------------------------------------------------------------------------------

HALL = Site(customer="metro", group="south", points=frozenset({"yuexiu"}), engineer="li")


@pytest.mark.parametrize(
    ("owners", "near"),
    [
        ({}, "central"),
        ({"group": "south"}, "group"),
        ({"group": "south", "point": "yuexiu"}, "point"),
        ({"point": "tianhe"}, "elsewhere"),
        ({"customer": "metro", "point": "yuexiu"}, "customer"),
        ({"engineer": "li"}, "carried"),
        ({"engineer": "zhao", "group": "south"}, "colleague"),
        ({"customer": "bank"}, None),
        ({"group": "north"}, None),
        ({"engineer": "li", "customer": "bank"}, None),
    ],
)
def test_a_location_serves_a_ticket_by_whom_it_belongs_to(owners: dict[str, str], near: str | None) -> None:
    known = {"customer": None, "group": None, "point": None, "engineer": None, **owners}

    assert nearness(HALL, **known) == near


# Shows S4-24.
@pytest.mark.parametrize(
    ("facts", "takes"),
    [
        ({}, False),
        ({"service_class": "replacement"}, True),
        ({"mode": "supply"}, True),
        ({"is_awaited": True}, True),
        ({"wanted": 1}, True),
    ],
)
def test_who_goes_takes_a_spare_along_where_the_solution_needs_one(facts: dict[str, Any], takes: bool) -> None:
    known = {"service_class": "maintenance", "mode": "visit", "is_awaited": False, "wanted": 0}

    assert takes_spare(**known | facts) is takes


def test_a_part_is_awaited_from_the_visit_that_lacked_it_until_one_is_used() -> None:
    lacked = Event(1, 1, "li", "leave", "", {"reason": "other", "parts_awaited": "print head"})
    other = Event(2, 2, "li", "leave", "", {"reason": "customer"})
    used = Event(3, 3, "li", "part", "", {"component": "printer"})

    assert [awaits_part(log) for log in ([], [other], [lacked], [lacked, other], [lacked, used])] == [
        False,
        False,
        True,
        True,
        False,
    ]
