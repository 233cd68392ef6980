"""How promises are kept: worked examples, the numbers by hand."""

from fractions import Fraction
from typing import Any

import pytest

from roundsman_collector.core.kept import (
    COUNTS,
    FIGURES,
    STANDS,
    Asks,
    Figure,
    Known,
    Tally,
    asks_of,
    counts_of,
    figure,
    kept_of,
    mean_target_ms,
)
from roundsman_collector.core.level import Facts
from roundsman_collector.core.sla import Mean, means
from roundsman_collector.core.ticket_log import ROBOT, Event
from tests.collector.core.told_ticket import Story, preset

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NOW = 100 * DAY


def log(*lines: tuple[int, str] | tuple[int, str, dict[str, Any]], who: str = "li") -> list[Event]:
    """Lines of a log: when, what, and what it says beside."""
    return [
        Event(number, line[0], who, line[1], "", line[2] if len(line) > 2 else {}) for number, line in enumerate(lines)
    ]


def counted(lines: list[Event], state: str = "closed", *, opened_ms: int = 0, **more: Any) -> dict[str, int]:
    """What a ticket adds, beside being one."""
    found = counts_of(lines, Known(state=state, opened_ms=opened_ms, **more), NOW)
    assert found.pop("tickets") == 1
    return found


# --- clocks ----------------------------------------------------------------------------------------------------------


def test_a_share_is_of_what_can_be_judged() -> None:
    """6 in time, 2 late, 1 late and still running, 4 running of which one is paused, 3 not needed: 6 of 9."""
    told = [
        Tally("c-1", "repair", "met", False, None, 6, 6 * HOUR),
        Tally("c-1", "repair", "missed", True, None, 2, 6 * HOUR),
        Tally("c-1", "repair", "breached", True, None, 1, 9 * HOUR),
        Tally("c-1", "repair", "running", False, None, 3, HOUR),
        Tally("c-1", "repair", "paused", False, None, 1, HOUR),
        Tally("c-1", "repair", "cancelled", False, None, 3, HOUR),
    ]

    found = kept_of(told)["c-1", "repair"]

    assert found.stands == {"met": 6, "missed": 2, "breached": 1, "running": 4, "cancelled": 3}
    assert (found.tickets, found.share_met) == (16, Fraction(2, 3))
    assert found.mean_ms == Fraction(12 * HOUR, 8), "of the eight that ended"


def test_of_what_only_runs_no_share_is_told() -> None:
    found = kept_of([Tally(None, "total", "running", False, None, 5, HOUR)])[None, "total"]

    assert (found.share_met, found.mean_ms) == (None, None)


def test_a_breach_that_late_truth_takes_back_stays_recorded_and_counts_as_met() -> None:
    told = [Tally(None, "repair", "met", False, None, 3, 0), Tally(None, "repair", "met", True, None, 1, 0)]

    found = kept_of(told)[None, "repair"]

    assert found.stands == {"met": 4, "recorded": 1}
    assert (found.tickets, found.share_met) == (4, Fraction(1))


def test_groups_and_clocks_stand_in_the_order_in_which_people_read_them() -> None:
    told = [
        Tally(key, clock, "met", False, None, 1, 0)
        for key, clock in ((None, "repair"), ("b", "repair"), ("b", "respond"), ("a", "follow_up"))
    ]

    assert list(kept_of(told)) == [("a", "follow_up"), ("b", "respond"), ("b", "repair"), (None, "repair")]


# Shows S4-12.
# Shows S4-12.
def test_a_mean_is_the_one_that_the_clocks_themselves_say() -> None:
    """Two repairs of a kiosk, 40 and 70 minutes: 55 on the mean, of 60."""
    readings = []
    for minutes in (40, 70):
        ticket = Story("kiosk", zone="urban", severity="minor")
        ticket.at("09:00").happens("open", source="phone").happens("dispatch", engineer="li")
        ticket.at("10:00").happens("arrive")
        ticket.at("10:40" if minutes == 40 else "11:10").happens("fix", cause="product")
        readings.append(ticket.clock("mean_repair"))

    told = kept_of(
        Tally(None, one.clock, one.state, one.recorded_breach, one.target_ms, 1, one.elapsed_ms) for one in readings
    )

    assert told[None, "mean_repair"].means == (Mean("mean_repair", HOUR, 2, Fraction(55 * MINUTE), True),)
    assert told[None, "mean_repair"].means == means(readings, 0, 2**53)


def test_a_mean_that_is_a_millisecond_too_long_is_not_met() -> None:
    told = [Tally(None, "mean_repair", "counted", False, HOUR, 3, 3 * HOUR + 1)]

    assert [one.is_met for one in kept_of(told)[None, "mean_repair"].means] == [False]


def test_groups_with_another_target_have_a_mean_of_their_own() -> None:
    told = [
        Tally(None, "mean_repair", "counted", False, HOUR, 2, 3 * HOUR),
        Tally(None, "mean_repair", "counted", False, 2 * HOUR, 1, HOUR),
        Tally(None, "mean_repair", "counted", False, None, 1, HOUR),
    ]

    found = kept_of(told)[None, "mean_repair"]

    assert [(one.target_ms, one.tickets, one.is_met) for one in found.means] == [(HOUR, 2, False), (2 * HOUR, 1, True)]
    assert found.mean_ms == Fraction(5 * HOUR, 4)


def test_what_a_level_wants_of_a_mean_is_read_off_its_row() -> None:
    kiosk = preset("kiosk")

    assert mean_target_ms(kiosk, "mean_repair", Facts(severity="minor")) == HOUR
    assert mean_target_ms(kiosk, "mean_repair", Facts()) == HOUR, "there is no other that it could be"
    assert mean_target_ms(kiosk, "repair", Facts(service_class="replacement")) is None


# --- one ticket ------------------------------------------------------------------------------------------------------


# Shows S4-5.
def test_a_ticket_without_resolution_is_one_to_mend_whose_clock_of_repair_runs_late() -> None:
    late = frozenset({"total"})

    assert counted([], "dispatched", late=late) == {"unsolved": 1}
    assert counted([], "fixed", late=late) == {}
    assert counted([], "dispatched", late=frozenset({"follow_up"})) == {}


# Shows S4-7.
# Shows S4-7.
def test_a_call_about_what_has_a_ticket_is_a_repeated_one() -> None:
    assert counted(log((1, "call"), (2, "call")), "open") == {"called_again": 1}


# Shows S2-17.
@pytest.mark.parametrize(
    ("how", "who", "adds"),
    [
        ("phone", "li", {"solved": 1, "solved_remotely": 1}),
        ("remote", "li", {"solved": 1, "solved_remotely": 1}),
        ("misuse", "li", {"solved": 1}),
        ("false_alarm", "li", {}),
        ("by_itself", "li", {}),
        ("phone", ROBOT, {}),
    ],
)
def test_only_what_people_solved_is_solved(how: str, who: str, adds: dict[str, int]) -> None:
    asks = Asks(call_back_ms=None)

    assert counted(log((1, "resolve", {"how": how}), who=who), "resolved", asks=asks) == adds


# Shows S2-17.
def test_help_by_phone_that_did_not_hold_and_took_a_visit_was_not_solved_remotely() -> None:
    lines = log((1, "resolve", {"how": "phone"}), (2, "reopen"), (3, "arrive"), (4, "fix"), (5, "follow_up"))

    assert counted(lines) == {"mended": 1, "solved": 1, "followed_up": 1}


# Shows S0-37.
def test_a_repair_that_was_reopened_is_a_second_one() -> None:
    lines = log((1, "fix"), (2, "reopen"), (3, "fix"), (4, "follow_up"))

    assert counted(lines) == {"mended": 1, "mended_again": 1, "solved": 1, "followed_up": 1}


# Shows S0-37.
@pytest.mark.parametrize(
    ("other_ms", "is_again"),
    [
        (40 * DAY - 30 * DAY + 1, True),
        (40 * DAY - 30 * DAY, False),  # 30 days before: no longer
        (39 * DAY, True),
        (39 * DAY + 1, False),  # mended when this one was reported already: the same visit
    ],
)
def test_the_same_part_mended_within_thirty_days_is_mended_again(other_ms: int, is_again: bool) -> None:
    told = counted(log((40 * DAY, "fix"), (41 * DAY, "follow_up")), opened_ms=39 * DAY, mended_ms=[other_ms])

    assert ("mended_again" in told) is is_again


# Shows S0-53, S4-5.
def test_a_follow_up_is_missed_where_it_is_asked_for_and_its_time_is_over() -> None:
    mended = log((1, "fix"))

    assert "unfollowed" in counted(mended, "verified"), "nothing says by when"
    assert "unfollowed" not in counted(mended, "verified", asks=Asks(follow_up=False))
    by_clock = Asks(has_clock=True)
    assert "unfollowed" not in counted(mended, "verified", asks=by_clock)
    assert "unfollowed" in counted(mended, "verified", asks=by_clock, late=frozenset({"follow_up"}))


def test_a_call_that_reached_nobody_is_no_follow_up() -> None:
    tried = log((1, "fix"), (2, "follow_up", {"reached": False}))
    done = log((1, "fix"), (2, "follow_up", {"reached": False}), (3, "follow_up", {"reached": True}))

    assert "unfollowed" in counted(tried, "confirmed")
    assert counted(done, "followed_up") == {"mended": 1, "solved": 1, "followed_up": 1}


# Shows S4-6.
@pytest.mark.parametrize(
    ("told", "adds"),
    [
        ([{"satisfied": True}], {"satisfied": 1}),
        ([{"satisfied": False}, {"satisfied": True}], {"satisfied": 1}),
        ([{"satisfied": True}, {"satisfied": False, "reached": False}], {"satisfied": 1}),
        ([{"satisfied": False}, {}], {"dissatisfied": 1}),
        ([{}], {}),
    ],
)
def test_the_last_word_of_a_customer_who_was_asked_counts(told: list[dict[str, bool]], adds: dict[str, int]) -> None:
    lines = log((1, "fix"), *((2 + place, "follow_up", data) for place, data in enumerate(told)))

    assert counted(lines, "followed_up") == {"mended": 1, "solved": 1, "followed_up": 1, **adds}


def test_who_was_satisfied_before_it_broke_again_has_to_be_asked_again() -> None:
    lines = log((1, "fix"), (2, "follow_up", {"satisfied": True}), (3, "reopen"), (4, "fix"))

    assert "satisfied" not in counted(lines, "fixed")


def test_who_was_helped_by_phone_is_called_back_when_the_time_has_come() -> None:
    asks = Asks(call_back_ms=2 * HOUR)

    before = counted(log((NOW - 2 * HOUR + 1, "resolve", {"how": "phone"})), "resolved", asks=asks)
    after = counted(log((NOW - 2 * HOUR, "resolve", {"how": "phone"})), "resolved", asks=asks)

    assert before == {"solved": 1, "solved_remotely": 1}
    assert after == {"solved": 1, "solved_remotely": 1, "unfollowed": 1}


def test_an_appointment_is_kept_by_arriving_in_time() -> None:
    in_time = log((1, "dispatch", {"arrival_ms": 100}), (101, "arrive", {"at_ms": 100}))
    late = log((1, "acknowledge", {"arrival_ms": 100}), (102, "arrive", {"at_ms": 101}))

    assert counted(in_time, "on_site") == {"appointments_kept": 1}
    assert counted(late, "on_site") == {"appointments_missed": 1}


# Shows S4-6.
def test_each_visit_has_its_own_appointment() -> None:
    lines = log(
        (1, "dispatch", {"arrival_ms": 100}), (90, "arrive"), (95, "leave", {"next_visit_ms": 200}), (201, "arrive")
    )

    assert counted(lines, "on_site") == {"appointments_kept": 1, "appointments_missed": 1}


def test_another_appointment_counts_where_the_customer_agreed_before_the_first_had_passed() -> None:
    first = (1, "dispatch", {"arrival_ms": 100})
    arrived = (150, "arrive")
    agreed = {"arrival_ms": 200, "agreed_by": "Wang"}

    assert counted(log(first, (50, "appoint", agreed), arrived), "on_site") == {"appointments_kept": 1}
    assert counted(log(first, (101, "appoint", agreed), arrived), "on_site") == {"appointments_missed": 1}
    alone = {"arrival_ms": 200}
    assert counted(log(first, (50, "appoint", alone), arrived), "on_site") == {"appointments_missed": 1}


# Shows S4-24.
def test_a_visit_that_took_a_spare_counts_by_whether_it_was_there() -> None:
    with_it = log((1, "arrive"), (2, "part", {"component": "printer"}), (3, "fix"))
    used_after_the_repair = log((1, "arrive"), (2, "fix"), (3, "part", {"component": "printer"}))
    without = log((1, "arrive"), (2, "leave", {"reason": "parts"}), (9, "arrive"), (10, "part"), (11, "fix"))
    fetched = log((1, "arrive"), (2, "wait", {"reason": "parts"}), (3, "part"), (4, "fix"))
    needed_none = log((1, "arrive"), (2, "leave", {"reason": "customer"}))
    named = log((1, "arrive"), (2, "leave", {"reason": "other", "parts_awaited": "print head"}))

    told = [counted(one, "on_site") for one in (with_it, used_after_the_repair, without, fetched, needed_none, named)]

    spares = [(one.get("spares_there", 0), one.get("spares_missing", 0)) for one in told]
    assert spares == [(1, 0), (1, 0), (1, 1), (0, 1), (0, 0), (0, 1)]


def test_an_appointment_that_passed_is_missed_although_nobody_has_come_yet() -> None:
    assert counted(log((1, "dispatch", {"arrival_ms": NOW - 1})), "dispatched") == {"appointments_missed": 1}
    assert counted(log((1, "dispatch", {"arrival_ms": NOW})), "dispatched") == {}


def test_an_appointment_that_nobody_needs_any_more_is_not_counted() -> None:
    ahead = log((1, "acknowledge", {"arrival_ms": 100}), (99, "resolve"), who=ROBOT)
    passed = log((1, "acknowledge", {"arrival_ms": 100}), (101, "resolve"), who=ROBOT)

    assert counted(ahead, "resolved") == {}
    assert counted(passed, "resolved") == {"appointments_missed": 1}


def test_a_ticket_that_goes_on_for_another_keeps_its_appointment() -> None:
    carried = {"carried": {"arrival_ms": 100, "visited_ms": None}}
    visited = {"carried": {"arrival_ms": 100, "visited_ms": 50}}

    assert counted(log((1, "open", carried), (99, "arrive")), "on_site") == {"appointments_kept": 1}
    assert counted(log((1, "open", visited), (101, "arrive")), "on_site") == {}


def test_what_a_level_asks_for_after_a_repair_is_read_off_it() -> None:
    security = asks_of(preset("security"))

    assert security == Asks(follow_up=True, call_back_ms=2 * HOUR, has_clock=False)


# --- figures ---------------------------------------------------------------------------------------------------------


def test_figures_are_shares_of_what_they_are_about() -> None:
    counts = {"tickets": 20, "unsolved": 2, "called_again": 3, "appointments_kept": 9, "appointments_missed": 1}

    assert figure("unsolved", counts) == Figure(2, 20, None)
    assert figure("repeat_calls", counts) == Figure(3, 20, Fraction(3, 20))
    assert figure("appointments", counts) == Figure(9, 10, Fraction(9, 10))
    assert figure("second_repairs", counts) == Figure(0, 0, None), "nothing was mended"


def test_every_figure_is_made_of_counts_that_there_are() -> None:
    used = {name for one in FIGURES.values() for name in (one.count, *one.of)}

    assert used == set(COUNTS)
    assert "recorded" in STANDS
