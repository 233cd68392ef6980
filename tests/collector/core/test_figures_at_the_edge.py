"""Figures where they begin and end: nothing to add up, an empty stretch, the first instant of a year, what touches."""

import json
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest

from roundsman_collector.core.availability import pool
from roundsman_collector.core.calendar import CalendarError
from roundsman_collector.core.causes import Causes, Explained, Link, RootFault, Shadow, joined
from roundsman_collector.core.changes import changed
from roundsman_collector.core.days import shift_hours
from roundsman_collector.core.hours import kept
from roundsman_collector.core.inspection import Both, TicketSeen, build
from roundsman_collector.core.intervals import Intervals
from roundsman_collector.core.overlay import quiet_until, standing
from roundsman_collector.core.policy import Is, Policy
from roundsman_collector.core.postings import EVER, Contract, Dated, Posting, postings
from roundsman_collector.core.ratios import Ratio, mean_percent
from roundsman_collector.core.reckoning import Stretch, edges_of, reckoned, stretches, summed
from roundsman_collector.core.rulebook import book_of
from roundsman_collector.core.vectors import ledger_of
from tests.collector.core.desk import at, rule
from tests.collector.core.test_inspection import ABOUT, inspected, part
from tests.collector.core.test_overlay import event, overlay
from tests.collector.core.test_postings import DAY, KIOSK, register, site
from tests.collector.core.test_reckoning import laid, utc

# --- figures ---------------------------------------------------------------------------------------------------------


def test_the_longest_outage_of_nothing_is_no_time() -> None:
    assert pool([]).longest_ms == 0


def test_a_published_case_is_not_told_as_coarse() -> None:
    told = stretches(ledger_of([(5, "down")], initial="up", window=(0, 10)), counted=((0, 10),))

    assert [(one.state, one.coarse) for one in told] == [("up", False), ("down", False)]


def test_maintenance_is_named_by_what_it_is_and_an_exclusion_by_its_reason_if_it_has_one() -> None:
    over = [
        laid(1, "maintenance", 0, 10, reason="planned_work"),
        laid(2, "exclusion", 20, 30, reason="laid_up"),
        laid(3, "exclusion", 40, 60),
    ]

    told = stretches([], counted=((0, 60),), overlays=over)

    assert [one.cause for one in told if one.state == "excluded"] == ["maintenance", "laid_up", "exclusion"]
    rest = reckoned(summed(told)).power_on.rest
    assert (rest["maintenance"], rest["paused"]) == (10, 30)


def test_a_year_begins_with_the_first_instant_of_its_first_day() -> None:
    edges = edges_of("year", "Asia/Shanghai", utc("2026-06-01T00:00"), utc("2027-01-01T00:00"))

    assert edges == ((utc("2025-12-31T16:00"), "2026"), (utc("2026-12-31T16:00"), "2027"))


def test_a_date_that_a_zone_left_out_is_no_day_of_it() -> None:
    """Samoa went from the evening of 29 December 2011 to the morning of the 31st."""
    edges = edges_of("day", "Pacific/Apia", utc("2011-12-29T12:00"), utc("2012-01-01T00:00"))

    assert [name for _, name in edges] == ["2011-12-29", "2011-12-31", "2012-01-01"]
    assert all(a < b for (a, _), (b, _) in pairwise(edges))


# --- roots -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["a", "b", "x"])
def test_what_stands_behind_a_circle_is_the_same_whoever_of_it_is_asked_first(first: str) -> None:
    links = [
        Link("a", "uplink", "b", 0, None),
        Link("b", "uplink", "a", 0, None),
        Link("a", "uplink", "x", 0, None),
    ]
    causes = Causes(links, [RootFault("x", "uplink", "host.unreachable", 1, 2)])

    causes.shadows(first)

    assert [[one.root for one in causes.shadows(device)] for device in ("a", "b", "x")] == [["x"], ["x"], []]


def shadow(from_ms: int, to_ms: int | None) -> Shadow:
    return Shadow(from_ms, to_ms, "uplink", "switch-1", "host.unreachable")


def test_of_two_shadows_of_one_fault_that_overlap_the_one_that_goes_on_outlasts_the_other() -> None:
    assert joined([shadow(0, None), shadow(5, 10)]) == (shadow(0, None),)
    assert joined([shadow(0, 10), shadow(5, None)]) == (shadow(0, None),)
    assert joined([shadow(0, None), shadow(5, None)]) == (shadow(0, None),)
    assert joined([shadow(0, 10), shadow(5, 8)]) == (shadow(0, 10),)


# --- what changed ----------------------------------------------------------------------------------------------------

UP = Explained(0, 100, "up", "", "")


def test_two_tellings_that_cannot_be_compared_are_named_by_their_windows() -> None:
    was = stretches([UP], counted=((0, 50),))
    now = stretches([UP._replace(to_ms=20), UP._replace(from_ms=20, state="down")], counted=((0, 60),))

    with pytest.raises(ValueError, match=r"told of \[0, 50\) .* told of \[0, 60\)"):
        changed(was, now)


def test_what_was_two_things_and_is_one_now_changed_twice() -> None:
    was = [UP._replace(to_ms=50, state="down", cause="off"), UP._replace(from_ms=50, state="unknown", cause="silent")]
    told = [stretches(one, counted=((0, 100),)) for one in (was, [UP])]

    there, back = changed(*told), changed(*reversed(told))

    assert [(one.from_ms, one.to_ms, one.was.state, one.now.state) for one in there] == [
        (0, 50, "down", "up"),
        (50, 100, "unknown", "up"),
    ]
    assert [(one.from_ms, one.to_ms, one.was.state, one.now.state) for one in back] == [
        (0, 50, "up", "down"),
        (50, 100, "up", "unknown"),
    ]


# --- ratios ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [{"unknown": Fraction(-1)}, {"left_out": {"excluded": Fraction(-1)}}])
def test_nothing_that_is_counted_beside_a_ratio_is_below_nothing(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="nothing below 0"):
        Ratio(part=Fraction(1), whole=Fraction(1), **wrong)


@pytest.mark.parametrize(("percents", "unknown"), [([50], 0), ([50, None], 100), ([None, None, None], 300)])
def test_a_percentage_nobody_knows_may_be_anything_up_to_a_hundred(percents: list[Any], unknown: int) -> None:
    assert mean_percent(percents).unknown == unknown


# --- postings --------------------------------------------------------------------------------------------------------


def posted(hours: Intervals | None) -> Posting:
    """The hall of the mall from 200 to 600, with these service hours."""
    (found,) = postings(
        register(sites={"mall": [Dated(0, EVER, replace(site("mall"), hours=hours))]}),
        window=(200, 600),
        installed=[Dated(0, EVER, "hall")],
        assigned=[],
        traits=KIOSK,
    )
    return found


@pytest.mark.parametrize(
    ("hours", "past", "counted"),
    [
        pytest.param(None, (0, 1000), ((200, 600),), id="always"),
        pytest.param(None, (300, 500), ((300, 500),), id="as far as it is asked for"),
        pytest.param(None, (700, 900), (), id="it served before"),
        pytest.param(None, (0, 200), (), id="it begins where the past ends"),
        pytest.param(((0, 250), (400, 1000)), (0, 1000), ((200, 250), (400, 600)), id="in its hours"),
        pytest.param(((200, 250),), (200, 600), ((200, 250),), id="the hours are of this very window"),
    ],
)
def test_what_counts_of_a_posting_lies_in_it_in_the_past_and_in_the_hours_of_its_site(
    hours: Intervals | None, past: tuple[int, int], counted: Intervals
) -> None:
    assert posted(hours).counted(past) == counted


def test_all_of_the_time_counts_while_nobody_had_said_where_a_device_stood() -> None:
    (found,) = postings(register(), window=(0, 100), installed=[], assigned=[Dated(10, EVER, "south")], traits=KIOSK)

    assert (found.site, found.counted((0, 50))) == (None, ((10, 50),))


def served(contract: Dated[Contract], window: tuple[int, int]) -> list[tuple[int, int, str | None]]:
    found = postings(
        register(sites={"mall": [Dated(0, EVER, site("mall", contract="c-1"))]}, contracts={"c-1": [contract]}),
        window=window,
        installed=[Dated(0, EVER, "hall")],
        assigned=[],
        traits=KIOSK,
    )
    return [(one.from_ms, one.to_ms, None if one.contract is None else one.contract.id) for one in found]


def test_a_device_serves_without_a_contract_before_and_behind_the_times_of_its_contract() -> None:
    version = Dated(700, 800, Contract("c-1", None, "down", None))

    assert served(version, (600, 1000)) == [(600, 700, None), (700, 800, "c-1"), (800, 1000, None)]
    assert served(version, (700, 800)) == [(700, 800, "c-1")]
    assert served(version, (900, 1000)) == [(900, 1000, None)]


def test_a_window_that_ends_with_the_day_before_acceptance_has_no_posting() -> None:
    accepted = Dated(0, EVER, Contract("c-1", "1970-01-10", "down", None))
    begins = 9 * DAY - 8 * 3_600_000  # 1970-01-10 in Shanghai

    assert served(accepted, (1000, begins)) == []
    assert served(accepted, (1000, begins + 1)) == [(begins, begins + 1, "c-1")]


# --- hours, quiet, rounds --------------------------------------------------------------------------------------------


DAYS_AS_WRITTEN = [
    ("mon", "周一", "星期一"),
    ("tue", "周二", "星期二"),
    ("wed", "周三", "星期三"),
    ("thu", "周四", "星期四"),
    ("fri", "周五", "星期五"),
    ("sat", "周六", "星期六"),
    ("sun", "周日", "星期日", "周天", "星期天"),
]


@pytest.mark.parametrize(("number", "names"), list(enumerate(DAYS_AS_WRITTEN, 1)))
def test_every_way_to_write_a_day_of_the_week_is_that_day(number: int, names: tuple[str, ...]) -> None:
    assert {kept(f"{name} 09:00-18:00") for name in names} == {kept(f"{number} 09:00-18:00")}
    assert {shift_hours(name) for name in names} == {f"weekday:{number}"}


@pytest.mark.parametrize(
    ("names", "days"),
    [
        (("daily", "每天", "每日"), "1-7"),
        (("workdays", "工作日"), "1-5"),
        (("weekends", "周末"), "6-7"),
    ],
)
def test_every_way_to_write_some_days_of_the_week_is_those_days(names: tuple[str, ...], days: str) -> None:
    assert {kept(f"{name} 09:00-18:00") for name in names} == {kept(f"{days} 09:00-18:00")}


def test_service_hours_as_a_document_are_hours_without_a_zone() -> None:
    written = {"hours": {"1": [["09:00", "18:00"]]}}

    assert kept(json.dumps(written)) == kept("1 09:00-18:00")
    with pytest.raises(CalendarError, match="a field of its own"):
        kept(json.dumps({"tz": "Asia/Shanghai", **written}))


def test_what_is_quiet_is_so_in_whatever_order_the_overlays_come() -> None:
    approved = (event("approve", 200),)
    loud, quiet = overlay(1, "correction", 900, None), overlay(2, "maintenance", 900, 1100)

    assert quiet_until([(loud, approved), (quiet, approved)], 1000) == {2: 1100}


def test_planned_maintenance_counts_at_once_also_when_its_words_were_read_from_somewhere() -> None:
    kind = json.loads('"maintenance"')

    found = standing(overlay(1, kind, 100, 200), (), 1000)

    assert found is not None
    assert (found.status, found.counts_ms) == ("in_force", 100)


PAPER = replace(rule("printer.paper_end", Is(reading="printer.paper", words=("end",))), zh="缺纸", en="out of paper")


def named(code: str) -> Both:
    seen = TicketSeen(
        number="T-1",
        code=code,
        component="printer",
        severity="urgent",
        state="open",
        fault_from_ms=at(1),
        fault_to_ms=None,
        opened_ms=at(2),
        resolved_ms=None,
        outcome="",
    )
    (found,) = build(ABOUT, [inspected({}, tickets=[seen])], book=book_of(Policy(rules=(PAPER,)))).devices
    return found.tickets[0].name


def test_a_fault_is_named_as_its_rule_says_and_by_its_code_where_no_rule_knows_it_any_more() -> None:
    assert named("printer.paper_end") == Both("缺纸", "out of paper")
    assert named("printer.old_fault") == Both("printer.old_fault", "printer.old_fault")


def test_a_reading_that_never_came_names_no_record() -> None:
    (found,) = [
        measured
        for line in part(inspected({}, failures={"ups.charge_percent": ("timeout", "3 s")})).lines
        for measured in line.measured
    ]

    assert (found.value, found.stream, found.n) == (None, "", 0)


def test_time_that_does_not_count_is_closed_on_the_strip_and_a_period_ahead_has_no_strip() -> None:
    ledger = (Stretch(at(0), at(20), "up", "", "", False, ""), Stretch(at(40), at(60), "up", "", "", False, ""))
    ahead = replace(ABOUT, from_ms=at(100), to_ms=at(200))

    (coming,) = build(ahead, [inspected({}, ledger=())], book=book_of(Policy(rules=()))).devices

    assert part(inspected({}, ledger=ledger)).strip == (
        (at(0), at(20), "up"),
        (at(40), at(60), "up"),
        (at(20), at(40), "closed"),
    )
    assert coming.strip == ()
