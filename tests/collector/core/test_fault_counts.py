"""Faults counted: what a ticket's log makes of it, ranking and shares by hand, and what must hold for any faults."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.fault_counts import (
    GROUPINGS,
    NOTHING_DONE,
    Fate,
    Fault,
    Group,
    Line,
    Part,
    component_of,
    fate_of,
    is_within,
    pareto,
    parts_of,
)
from roundsman_collector.core.ticket_log import ROBOT


def line(verb: str, who: str = "li", **data: Any) -> Line:
    return Line(who, verb, data)


def fault(ticket: int, code: str = "printer.jam", **more: Any) -> Fault:
    return Fault(
        **{"ticket": ticket, "number": f"2026-{ticket:06d}", "from_ms": 0, "subject": "kiosk-7"} | more, code=code
    )


@pytest.mark.parametrize(
    ("log", "fate"),
    [
        ([], NOTHING_DONE),
        ([line("fix", cause="product")], Fate(done="visit", cause="product")),
        ([line("fix", cause="the moon")], Fate(done="visit")),
        ([line("resolve", ROBOT)], Fate(done="by_itself")),
        ([line("resolve", how="phone")], Fate(done="phone")),
        ([line("resolve", how="misuse")], Fate(done="misuse", cause="misuse")),
        ([line("resolve")], Fate(done="other")),
        ([line("resolve", how="false_alarm")], Fate(why="false_alarm")),
        ([line("resolve", how="false_alarm"), line("reopen")], NOTHING_DONE),
        ([line("resolve", ROBOT), line("recur", ROBOT)], NOTHING_DONE),
        ([line("recover", ROBOT)], NOTHING_DONE),
        ([line("recover", ROBOT, never=True)], Fate(why="false_alarm")),
        ([line("recover", ROBOT, never=True), line("fix", cause="misuse")], Fate(done="visit", cause="misuse")),
        ([line("fix", cause="product"), line("void")], Fate(why="void", done="visit", cause="product")),
        ([line("merge", ROBOT)], Fate(why="merged")),
        ([line("transfer")], Fate(why="transferred")),
        (
            [line("part", component="disk[1]", name="disk 4 TB", quantity=2), line("fix", cause="product")],
            Fate(done="visit", cause="product", parts=(Part("disk 4 TB", "disk", 2),)),
        ),
        ([line("part", component="web#2")], Fate(parts=(Part("web#2", "web", 1),))),
    ],
)
def test_what_became_of_a_ticket_is_read_off_its_log(log: list[Line], fate: Fate) -> None:
    assert fate_of(log) == fate


def test_which_of_several_components_it_is_does_not_matter() -> None:
    assert [component_of(one) for one in ("disk[/var]", "web#2", "printer", "")] == ["disk", "web", "printer", ""]


def test_the_most_frequent_stand_first_with_their_share_and_the_share_up_to_there() -> None:
    faults = [fault(1, "a"), fault(2, "b"), fault(3, "b"), fault(4, "b"), fault(5, "c")]

    assert pareto(faults, "fault") == [
        Group("b", 3, Fraction(3, 5), Fraction(3, 5)),
        Group("a", 1, Fraction(1, 5), Fraction(4, 5)),
        Group("c", 1, Fraction(1, 5), Fraction(1)),
    ]
    assert pareto([], "fault") == []


def test_an_agent_and_a_site_are_no_device() -> None:
    assert [fault(1, subject=one).of("device") for one in ("kiosk-7", "@gw-2", "#metro-a")] == ["kiosk-7", "", ""]


def test_parts_are_counted_by_the_piece() -> None:
    lamp, disk = Part("lamp", "screen", 1), Part("disk", "disk", 3)

    assert [(one.key, one.amount) for one in parts_of([fault(1, parts=(lamp, disk)), fault(2, parts=(lamp,))])] == [
        ("disk", 3),
        ("lamp", 2),
    ]


def test_a_span_holds_its_begin_and_not_its_end() -> None:
    assert [is_within(at, [(2, 4), (9, None)]) for at in (1, 2, 3, 4, 9, 10**15)] == [
        False,
        True,
        True,
        False,
        True,
        True,
    ]


names = st.sampled_from(["", "a", "b", "c"])
some_faults = st.lists(
    st.builds(
        fault,
        st.integers(1, 10**6),
        names,
        from_ms=st.integers(0, 1000),
        subject=st.sampled_from(["kiosk-7", "nvr-2", "@gw-2"]),
        category=names,
        component=names,
        model=names,
        vendor=names,
        cause=names,
        done=names,
        site=names,
    ),
    max_size=40,
)


@given(some_faults, st.randoms(use_true_random=False), st.sampled_from(GROUPINGS))
def test_the_order_in_which_faults_are_counted_does_not_matter(faults: list[Fault], chance: Any, by: Any) -> None:
    shuffled = list(faults)
    chance.shuffle(shuffled)

    assert pareto(shuffled, by) == pareto(faults, by)


@given(some_faults, st.sampled_from(GROUPINGS))
def test_each_grouping_holds_every_fault_once(faults: list[Fault], by: Any) -> None:
    found = pareto(faults, by)

    assert sum(one.amount for one in found) == len(faults)
    assert sum(one.share for one in found) == (1 if faults else 0)
    assert [one.running for one in found][-1:] == ([Fraction(1)] if faults else [])
    assert [one.amount for one in found] == sorted((one.amount for one in found), reverse=True)


@given(some_faults, st.integers(0, 1000), st.sampled_from(GROUPINGS))
def test_the_counts_of_two_windows_add_up_to_those_of_both(faults: list[Fault], cut: int, by: Any) -> None:
    def counts(some: list[Fault]) -> dict[str, int]:
        return {one.key: one.amount for one in pareto(some, by)}

    before = counts([one for one in faults if one.from_ms < cut])
    after = counts([one for one in faults if one.from_ms >= cut])

    assert {key: before.get(key, 0) + after.get(key, 0) for key in before | after} == counts(faults)
