"""When plans are due: every duty of the five regulations with real dates, and what holds whatever a plan says."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.calendar import CalendarError
from roundsman_collector.core.contract import PHASES, Dates
from roundsman_collector.core.days import Day
from roundsman_collector.core.hours import calendar_of, kept
from roundsman_collector.core.level import Week
from roundsman_collector.core.periods import CYCLES, LAST, periods, times_a_year, workdays_of
from roundsman_collector.core.plan_kinds import Anchor, PlanKind, Report, Window
from roundsman_collector.core.plans import (
    Due,
    Place,
    Plan,
    PlanError,
    Span,
    Unplanned,
    anchor_of,
    danger_on,
    life,
    report_danger_on,
    settled,
    tasks_between,
    unplanned,
    workdays_by,
)
from roundsman_collector.core.timetable import Timetable
from tests.collector.core.planned import SHANGHAI, day, kind, ms, office, place, plan, told, workdays
from tests.collector.core.told_ticket import HOLIDAYS

DATES = Dates(accepted_on=day("2025-11-30"), warranty_until=day("2026-11-29"), maintenance_until=day("2027-05-31"))
WEEK = Week(hours=kept("1-5 09:00-18:00"))


def asked(of: Plan, name: str, first: str, end: str) -> list[str]:
    """What a plan asks for, in lines."""
    return [told(due) for due in tasks_between(of, kind(name), day(first), day(end), workdays())]


def task(name: str, first: str, of: Plan | None = None) -> Due:
    """The only task whose first day is this one."""
    at = day(first)
    (due,) = tasks_between(of or plan(), kind(name), at, at + timedelta(days=1), workdays())
    return due


# --- the duties of the regulations -----------------------------------------------------------------------------------


# Shows S0-3, S0-54.
def test_security_a_visit_every_three_months_from_acceptance() -> None:
    of = plan(place(dates=DATES), first="2025-01-01")

    assert asked(of, "security-visit", "2025-01-01", "2026-11-30") == [
        "2025-11-30: 2025-11-30 to 2026-02-27",
        "2026-02-28: 2026-02-28 to 2026-05-29",
        "2026-05-30: 2026-05-30 to 2026-08-29",
        "2026-08-30: 2026-08-30 to 2026-11-29",
    ]
    assert [part.zh for part in kind("security-visit").parts[:3]] == [
        "现场巡查", "回访（使用状况、意见及建议）", "系统维护（包括清洁设备）",
    ]  # fmt: skip


# Shows S0-8.
def test_security_the_visits_go_on_after_the_warranty_until_maintenance_ends() -> None:
    of = plan(place(dates=DATES), first="2025-01-01")

    assert asked(of, "security-visit", "2026-11-29", "2030-01-01") == [
        "2026-11-30: 2026-11-30 to 2027-02-27",
        "2027-02-28: 2027-02-28 to 2027-05-29",
        "2027-05-30: 2027-05-30 to 2027-05-31",
    ]
    assert life(of, kind("security-visit"), of.places[0]) == (Span(day("2025-11-30"), day("2027-05-31")),)


# Shows S0-29.
def test_security_the_quarterly_upkeep_asks_the_customer_first_and_has_seven_parts() -> None:
    of, upkeep = plan(place(dates=DATES)), kind("security-upkeep")

    assert asked(of, "security-upkeep", "2026-07-01", "2027-01-02") == [
        "2026-Q3: 2026-07-01 to 2026-09-30",
        "2026-Q4: 2026-10-01 to 2026-12-31",
        "2027-Q1: 2027-01-01 to 2027-03-31",
    ]
    assert (upkeep.agreement, upkeep.acceptance, [part.id for part in upkeep.parts]) == (True, True, [*"abcdefg"])


# Shows S0-23.
def test_security_the_stock_is_reconciled_each_month_for_the_company() -> None:
    of = plan(place(""))

    assert asked(of, "security-stock", "2026-11-01", "2027-01-01") == [
        "2026-11: 2026-11-01 to 2026-11-30",
        "2026-12: 2026-12-01 to 2026-12-31",
    ]
    assert kind("security-stock").per == "company"


# Shows S1-10.
def test_huajun_an_inspection_in_each_half_year_from_the_day_of_installation() -> None:
    of = plan(place(installed="2026-08-31"))

    assert asked(of, "huajun-remote", "2026-01-01", "2027-08-31") == [
        "2026-08-31: 2026-08-31 to 2027-02-27",
        "2027-02-28: 2027-02-28 to 2027-08-30",
    ]
    assert (kind("huajun-remote").mode, kind("huajun-remote").also_by) == ("remote", frozenset({"phone"}))


# Shows S1-7.
def test_huajun_an_inspection_a_year_and_two_that_are_free() -> None:
    assert asked(plan(), "huajun-free", "2026-01-01", "2027-01-01") == ["2026: 2026-01-01 to 2026-12-31"]
    assert kind("huajun-free").free_a_year == 2


# Shows S1-37.
def test_tianyi_a_call_around_the_tenth_of_each_month() -> None:
    assert asked(plan(), "tianyi-call", "2027-01-01", "2027-03-01") == [
        "2027-01: 2027-01-08 to 2027-01-12",
        "2027-02: 2027-02-08 to 2027-02-12",
    ]
    # Spring Festival lasts until the 10th.
    assert danger_on(task("tianyi-call", "2027-02-01"), kind("tianyi-call"), workdays()) == day("2027-02-11")


# Shows S1-54.
def test_decoration_two_visits_a_year() -> None:
    assert asked(plan(), "decoration-visit", "2026-01-01", "2027-01-01") == [
        "2026#1: 2026-01-01 to 2026-06-30",
        "2026#2: 2026-07-01 to 2026-12-31",
    ]


# Shows S3-19.
def test_vehicle_a_weekly_report_on_the_monday_after() -> None:
    assert asked(plan(place("")), "vehicle-weekly", "2026-12-21", "2027-01-04") == [
        "2026-W52: 2026-12-28 to 2026-12-28",
        "2026-W53: 2027-01-04 to 2027-01-04",
    ]


# Shows S3-23.
def test_vehicle_the_file_of_a_month_is_reviewed() -> None:
    assert asked(plan(place("")), "vehicle-file", "2026-11-01", "2026-12-01") == ["2026-11: 2026-12-01 to 2026-12-05"]
    assert kind("vehicle-file").acceptance


# Shows S3-24.
def test_vehicle_what_comes_back_is_looked_at_each_month_quarter_and_year() -> None:
    found = {
        name: asked(plan(place("")), f"vehicle-recurrence-{name}", "2026-10-01", "2026-11-01")
        for name in ("month", "quarter")
    }

    assert found == {
        "month": ["2026-10: 2026-11-01 to 2026-11-05"],
        "quarter": ["2026-Q4: 2027-01-01 to 2027-01-05"],
    }
    assert asked(plan(place("")), "vehicle-recurrence-year", "2026-01-01", "2027-01-01") == [
        "2026: 2027-01-01 to 2027-01-05"
    ]


# Shows S4-17, S4-25.
def test_kiosk_a_phone_inspection_a_month_and_its_report_before_the_third() -> None:
    assert asked(plan(), "kiosk-phone", "2026-11-01", "2027-03-01") == [
        "2026-11: 2026-11-01 to 2026-11-30 report 2026-12-02",
        "2026-12: 2026-12-01 to 2026-12-31 report 2027-01-02",
        "2027-01: 2027-01-01 to 2027-01-31 report 2027-02-02",
        "2027-02: 2027-02-01 to 2027-02-28 report 2027-03-02",
    ]


# Shows S4-25.
@pytest.mark.parametrize(
    ("begun", "due", "danger"),
    [
        pytest.param("", "2026-11-30", "2026-11-27", id="three days have to be left for it: from Friday the 27th on"),
        pytest.param("2026-11-10", "2026-11-13", "2026-11-13", id="three days after the 10th, which is not counted"),
        pytest.param("2026-11-12", "2026-11-15", "2026-11-13", id="due on a Sunday: Friday is the last working day"),
        pytest.param("2026-11-29", "2026-11-30", "2026-11-30", id="the month ends it in any case"),
    ],
)
def test_kiosk_a_phone_inspection_is_done_within_three_days_of_its_beginning(begun: str, due: str, danger: str) -> None:
    phone = kind("kiosk-phone")

    known = settled(task("kiosk-phone", "2026-11-01"), phone, workdays(), day(begun) if begun else None)

    assert (known.due_on, danger_on(known, phone, workdays(), bool(begun))) == (day(due), day(danger))


# Shows S4-17, S4-26.
def test_kiosk_a_visit_a_quarter_within_fifteen_days_and_its_report_before_the_fifth() -> None:
    visit = kind("kiosk-visit")

    third = task("kiosk-visit", "2026-07-01")
    begun = settled(third, visit, workdays(), day("2026-09-07"))

    assert asked(plan(), "kiosk-visit", "2026-07-01", "2027-01-01") == [
        "2026-Q3: 2026-07-01 to 2026-09-30 report 2026-10-04",
        "2026-Q4: 2026-10-01 to 2026-12-31 report 2027-01-04",
    ]
    assert begun.due_on == day("2026-09-22")
    assert danger_on(third, visit, workdays()) == day("2026-09-11"), "fifteen days before the quarter ends, and three"
    assert danger_on(begun, visit, workdays(), True) == day("2026-09-20"), "a Sunday that is worked"


@pytest.mark.parametrize(
    ("name", "first", "danger"),
    [
        pytest.param("kiosk-phone", "2026-11-01", "2026-12-01", id="due on Wednesday the 2nd: from the 1st on"),
        pytest.param("kiosk-phone", "2026-12-01", "2026-12-30", id="due on Saturday the 2nd, after New Year's Day"),
        pytest.param("kiosk-phone", "2026-01-01", "2026-01-30", id="due on Monday the 2nd"),
        pytest.param("kiosk-visit", "2026-07-01", "2026-09-29", id="due within the week of National Day"),
    ],
)
def test_a_report_is_in_danger_two_working_days_before_it_is_late(name: str, first: str, danger: str) -> None:
    assert report_danger_on(task(name, first), kind(name), workdays()) == day(danger)


def test_where_no_report_is_handed_in_beside_the_work_none_is_in_danger() -> None:
    weekly = task("vehicle-weekly", "2026-11-23", plan(place("")))

    assert report_danger_on(weekly, kind("vehicle-weekly"), workdays()) is None
    assert report_danger_on(task("tianyi-call", "2026-11-01"), kind("tianyi-call"), workdays()) is None


# Shows S4-34.
@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        pytest.param("", "2026-Q3: 2026-09-30 to 2026-10-13", id="as if it ended on its last day; Saturday is worked"),
        pytest.param("2026-09-24", "2026-Q3: 2026-09-24 to 2026-10-09", id="over mid-autumn and National Day"),
        pytest.param("2026-09-18", "2026-Q3: 2026-09-18 to 2026-09-24", id="Sunday the 20th is worked"),
    ],
)
def test_kiosk_statistics_are_due_five_working_days_after_the_visit(ended: str, expected: str) -> None:
    lead = task("kiosk-visit", "2026-07-01")

    (due,) = tasks_between(
        plan(), kind("kiosk-statistics"), day("2026-07-01"), day("2026-10-01"), workdays(),
        [(lead, day(ended) if ended else None)],
    )  # fmt: skip

    assert (told(due), due.site, due.kind) == (expected, "mall-1", "kiosk-statistics")
    assert due.is_expected == (not ended)


def test_what_follows_another_kind_follows_that_one_alone_where_its_own_plan_counts() -> None:
    phone, visit = task("kiosk-phone", "2026-07-01"), task("kiosk-visit", "2026-07-01")
    window = (day("2026-01-01"), day("2027-01-01"), workdays())

    assert tasks_between(plan(), kind("kiosk-statistics"), *window, [(phone, None)]) == ()
    assert tasks_between(plan(place("mall-2")), kind("kiosk-statistics"), *window, [(visit, None)]) == ()
    assert tasks_between(plan(last="2026-06-30"), kind("kiosk-statistics"), *window, [(visit, None)]) == ()
    assert tasks_between(plan(), kind("kiosk-statistics"), *window) == ()


# --- settings --------------------------------------------------------------------------------------------------------


def of_month(**said: object) -> PlanKind:
    return replace(kind("kiosk-phone"), **{"window": None, "report": None, "least_days": 1, **said})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"report": Report(day=3)}, "2026-02: 2026-02-01 to 2026-02-28 report 2026-03-02"),
        ({"report": Report(day=3, is_inclusive=True)}, "2026-02: 2026-02-01 to 2026-02-28 report 2026-03-03"),
        ({"report": Report(day=31)}, "2026-02: 2026-02-01 to 2026-02-28 report 2026-03-30"),
        ({"report": Report(working_days=5)}, "2026-02: 2026-02-01 to 2026-02-28 report 2026-03-06"),
        ({"window": Window(days=3, day=1)}, "2026-02: 2026-02-01 to 2026-02-03"),
        ({"window": Window(days=3, day=27)}, "2026-02: 2026-02-27 to 2026-02-28"),
        ({"window": Window(day=31, give_or_take=2)}, "2026-02: 2026-02-26 to 2026-02-28"),
        ({"window": Window(day=1, give_or_take=3)}, "2026-02: 2026-02-01 to 2026-02-04"),
        ({"cycle": CYCLES["week"], "window": Window(days=2, day=1)}, "2026-W06: 2026-02-02 to 2026-02-03"),
        (
            {"cycle": CYCLES["quarter"], "window": Window(days=10, day=5, month=2), "report": Report(day=1)},
            "2026-Q1: 2026-02-05 to 2026-02-14 report 2026-03-31",
        ),
    ],
)
def test_windows_and_reports_as_they_can_be_said(said: dict[str, object], expected: str) -> None:
    found = tasks_between(plan(), of_month(**said), day("2026-01-01"), day("2026-12-01"), workdays())

    assert expected in [told(due) for due in found]


def test_a_report_counted_in_working_days_follows_the_day_on_which_the_work_ended() -> None:
    known = of_month(report=Report(working_days=5))
    (due,) = tasks_between(plan(), known, day("2026-02-01"), day("2026-02-02"), workdays())

    assert settled(due, known, workdays(), ended_on=day("2026-02-13")).report_due_on == day("2026-02-27")


def test_a_report_that_is_the_work_itself_has_no_report_about_it_when_it_is_done() -> None:
    known = of_month(mode="report", report=Report(working_days=5))
    (due,) = tasks_between(plan(), known, day("2026-02-01"), day("2026-02-02"), workdays())

    assert told(due) == "2026-02: 2026-03-01 to 2026-03-06"
    assert settled(due, known, workdays(), ended_on=day("2026-03-02")) == due


def test_working_days_are_those_of_the_kind_s_week_and_calendar() -> None:
    week, sunday = kind("kiosk-phone").week, day("2026-09-20")

    found = [workdays_by(week, SHANGHAI, versions)(sunday) for versions in (HOLIDAYS["cn"], ())]

    assert found == [True, False], "the 20th is worked instead of a day of the holidays"
    assert workdays_by(week, SHANGHAI, HOLIDAYS["cn"])(day("2026-10-01")) is False


# --- where plans begin and end ---------------------------------------------------------------------------------------


def test_a_site_that_joins_or_leaves_within_a_period_has_the_days_that_are_left() -> None:
    joins = plan(place(stays=(Span(day("2026-11-20")),)))
    leaves = plan(place(stays=(Span(None, day("2026-12-10")),)))

    assert asked(joins, "kiosk-phone", "2026-11-01", "2026-12-01") == [
        "2026-11: 2026-11-20 to 2026-11-30 report 2026-12-02"
    ]
    assert asked(leaves, "kiosk-phone", "2026-12-01", "2027-02-01") == [
        "2026-12: 2026-12-01 to 2026-12-10 report 2027-01-02"
    ]


def test_too_few_days_of_a_period_ask_for_nothing() -> None:
    late = plan(place(stays=(Span(day("2026-11-29")),)))

    assert asked(late, "kiosk-phone", "2026-11-01", "2026-12-31") == [
        "2026-12: 2026-12-01 to 2026-12-31 report 2027-01-02"
    ]


def test_a_window_that_had_passed_before_the_site_joined_asks_for_nothing() -> None:
    at = {joined: plan(place(stays=(Span(day(joined)),))) for joined in ("2026-11-11", "2026-11-13")}

    assert {joined: asked(of, "tianyi-call", "2026-11-01", "2026-12-01") for joined, of in at.items()} == {
        "2026-11-11": ["2026-11: 2026-11-11 to 2026-11-12"],
        "2026-11-13": [],
    }


def test_a_site_that_left_and_came_back_is_asked_once_for_a_period() -> None:
    of = plan(place(stays=(Span(None, day("2026-11-05")), Span(day("2026-11-20"), None))))

    assert asked(of, "kiosk-phone", "2026-11-01", "2026-12-01") == [
        "2026-11: 2026-11-01 to 2026-11-30 report 2026-12-02"
    ]


def test_a_plan_that_ends_within_a_period_is_due_on_its_last_day() -> None:
    assert asked(plan(last="2026-11-20"), "kiosk-visit", "2026-10-01", "2030-01-01") == [
        "2026-Q4: 2026-10-01 to 2026-11-20 report 2027-01-04"
    ]


def test_each_site_of_a_plan_has_its_own_task() -> None:
    of = plan(place("mall-1"), place("mall-2", time_zone="Asia/Urumqi"))

    found = tasks_between(of, kind("kiosk-phone"), day("2026-11-01"), day("2026-12-01"), workdays())

    assert [(due.site, due.time_zone, due.plan) for due in found] == [
        ("mall-1", SHANGHAI, "p1"),
        ("mall-2", "Asia/Urumqi", "p1"),
    ]


def test_where_a_day_is_not_known_nothing_is_claimed_and_the_reason_is_told() -> None:
    of = plan(place("mall-1"), place("mall-2", installed="2026-01-05", dates=DATES))

    assert unplanned(of, kind("huajun-remote")) == (Unplanned("mall-1", "installed_on"),)
    assert unplanned(of, kind("security-visit")) == (Unplanned("mall-1", "accepted_on"),)
    assert unplanned(of, kind("security-upkeep")) == (Unplanned("mall-1", "contract_dates"),)
    assert unplanned(of, kind("kiosk-phone")) == ()
    found = tasks_between(of, kind("huajun-remote"), day("2026-01-01"), day("2027-01-01"), workdays())
    assert {due.site for due in found} == {"mall-2"}


def test_a_plan_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(PlanError, match="plan p1: last_day 2025-12-31 lies before first_day 2026-01-01"):
        plan(last="2025-12-31")
    with pytest.raises(PlanError, match="plan p1: first_day 1066-10-14; expected a day from 1970-01-01 to 2199-12-31"):
        plan(first="1066-10-14")
    with pytest.raises(PlanError, match="plan p1: last_day 2200-01-01; expected"):
        plan(last="2200-01-01")
    assert plan(first="1970-01-01", last="2199-12-31").last_day == LAST
    with pytest.raises(PlanError, match="'mall-1' stands twice; expected each once, with all its stays"):
        plan(place(), place())
    with pytest.raises(PlanError, match="stay of mall-1: last_day 2026-01-01 lies before first_day 2026-01-02"):
        place(stays=(Span(day("2026-01-02"), day("2026-01-01")),))
    with pytest.raises(CalendarError, match="there is no time zone 'Mars/Olympus'"):
        place(time_zone="Mars/Olympus")
    with pytest.raises(PlanError, match="kind kiosk-phone: expected a cycle"):
        tasks_between(plan(), of_month(cycle=None), day("2026-01-01"), day("2026-02-01"), workdays())


def test_a_plan_without_an_end_goes_on_to_the_last_day_there_is() -> None:
    found = tasks_between(plan(first="2199-11-15"), kind("kiosk-phone"), date(2199, 1, 1), date(2500, 1, 1), workdays())

    assert [(due.first_day, due.due_on) for due in found] == [
        (date(2199, 11, 15), date(2199, 11, 30)),
        (date(2199, 12, 1), LAST),
    ]


# --- instants --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time_zone", "first", "opens", "due"),
    [
        (SHANGHAI, "2026-11-01", "2026-10-31T16:00", "2026-11-30T16:00"),
        ("America/New_York", "2026-11-01", "2026-11-01T04:00", "2026-12-01T05:00"),
        # Clocks in Cairo leap from 00:00 to 01:00 on the last Friday of April.
        ("Africa/Cairo", "2026-04-01", "2026-03-31T22:00", "2026-04-30T21:00"),
    ],
)
def test_days_are_those_of_the_site(time_zone: str, first: str, opens: str, due: str) -> None:
    at = day(first)
    (found,) = tasks_between(
        plan(place(time_zone=time_zone)), of_month(), at, at + timedelta(days=1), workdays()
    )  # fmt: skip

    assert (found.opens_ms, found.due_ms) == (ms(opens.replace("T", " "), "UTC"), ms(due.replace("T", " "), "UTC"))


def test_a_day_whose_midnight_is_skipped_begins_when_the_one_before_has_ended() -> None:
    due = replace(
        task("kiosk-phone", "2026-11-01"),
        time_zone="Africa/Cairo", opens_on=day("2026-04-24"), due_on=day("2026-04-23"), report_due_on=None,
    )  # fmt: skip

    assert due.opens_ms == due.due_ms == ms("2026-04-23 22:00", "UTC")
    assert due.report_due_ms is None


# --- whatever a plan says --------------------------------------------------------------------------------------------

spring = st.dates(date(2026, 1, 1), date(2028, 12, 31))
ANCHORED: tuple[Anchor, ...] = ("calendar", "calendar", "installed", "accepted")
spans = st.tuples(spring, st.integers(0, 400)).map(lambda one: Span(one[0], one[0] + timedelta(days=one[1])))


@st.composite
def dates_of_contracts(draw: st.DrawFn) -> Dates:
    first, second, third = sorted(draw(st.lists(spring, min_size=3, max_size=3)))
    return Dates(
        accepted_on=draw(st.sampled_from([None, first])),
        warranty_until=draw(st.sampled_from([None, second])),
        maintenance_until=draw(st.sampled_from([None, third])),
    )


@st.composite
def places(draw: st.DrawFn) -> Place:
    stays = tuple(draw(st.lists(spans, min_size=1, max_size=3)))
    return Place(
        site="mall-1",
        time_zone=draw(st.sampled_from([SHANGHAI, "America/New_York", "Africa/Cairo", "UTC"])),
        stays=stays,
        installed_on=draw(st.none() | spring),
        dates=draw(dates_of_contracts()),
    )


@st.composite
def known_kinds(draw: st.DrawFn) -> PlanKind:
    anchor = draw(st.sampled_from(ANCHORED))
    cycle = draw(st.sampled_from([*CYCLES.values(), *map(times_a_year, range(1, 13))]))
    some, at = (draw(st.integers(1, 28 if cycle.a_year else 7)) for _ in range(2))
    month = draw(st.integers(1, cycle.months or 1))
    windows: list[Window | None] = [None, Window(days=some)]
    reported: list[Report | None] = [None, Report(working_days=some)]
    if anchor == "calendar":
        windows += [Window(days=some, day=at, month=month), Window(day=at, month=month, give_or_take=some)]
        reported.append(Report(day=at, month=month, is_inclusive=draw(st.booleans())))
    is_report = draw(st.booleans())
    return PlanKind(
        id="any",
        zh="任意",
        en="any",
        mode="report" if is_report else "visit",
        cycle=cycle,
        counted_from=anchor,
        window=None if is_report else draw(st.sampled_from(windows)),
        paper="any",
        report=draw(st.sampled_from(reported)),
        phases=frozenset(draw(st.sets(st.sampled_from([*PHASES])))),
        least_days=draw(st.integers(1, 7)),
        danger_days=draw(st.integers(1, 10)),
        week=WEEK,
    )


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    span = draw(spans)
    assert span.first_day is not None
    return Plan(
        id="p1",
        first_day=span.first_day,
        last_day=draw(st.sampled_from([None, span.last_day])),
        places=(draw(places()),),
    )


@given(plans(), known_kinds())
def test_every_day_of_a_plan_s_life_lies_in_exactly_one_of_its_periods(of: Plan, known: PlanKind) -> None:
    whole = replace(known, least_days=1, window=None)
    assert known.cycle is not None
    lived = life(of, known, of.places[0])

    found = tasks_between(of, whole, date(2000, 1, 1), date(2029, 7, 1), workdays())

    assert all(one.last_day < other.first_day for one, other in pairwise(found))
    assert all(one.last_day is not None and one.last_day < (other.first_day or LAST) for one, other in pairwise(lived))
    for span in lived:
        assert span.first_day is not None and span.last_day is not None
        until = min(span.last_day, date(2029, 1, 1))
        for period in periods(known.cycle, span.first_day, until, anchor_of(known, of.places[0])):
            assert [one.period for one in found].count(period) == 1


@given(plans(), known_kinds())
def test_nothing_is_due_before_it_opens_and_no_report_before_its_work(of: Plan, known: PlanKind) -> None:
    for due in tasks_between(of, known, date(2000, 1, 1), date(2029, 7, 1), workdays()):
        assert due.period.first_day <= due.first_day <= due.last_day <= due.period.last_day
        assert due.opens_on <= due.due_on
        assert due.opens_ms < due.due_ms
        assert due.report_due_on is None or due.due_on <= due.report_due_on
        assert known.mode == "report" or due.first_day <= due.opens_on <= due.due_on <= due.last_day
        assert due.opens_on <= danger_on(due, known, workdays()) <= due.due_on


@given(plans(), known_kinds(), st.lists(spring, min_size=3, max_size=3).map(sorted))
def test_two_stretches_of_time_ask_for_what_both_together_ask_for(of: Plan, known: PlanKind, at: list[date]) -> None:
    first, middle, end = at

    parts = [tasks_between(of, known, *ends, workdays()) for ends in ((first, middle), (middle, end))]

    assert parts[0] + parts[1] == tasks_between(of, known, first, end, workdays())


@given(plans(), known_kinds(), spring, st.integers(0, 400), st.integers(0, 400))
def test_what_began_is_due_no_later_and_never_before_it_opened(
    of: Plan, known: PlanKind, from_day: date, begun: int, took: int
) -> None:
    for due in tasks_between(of, known, from_day, from_day + timedelta(days=400), workdays()):
        begun_on = due.opens_on + timedelta(days=begun)

        found = settled(due, known, workdays(), begun_on, begun_on + timedelta(days=took))

        assert due.opens_on <= found.due_on <= due.due_on
        assert found == settled(found, known, workdays(), begun_on, begun_on + timedelta(days=took))


@given(plans(), known_kinds(), spring, st.integers(0, 20))
def test_who_edits_a_calendar_changes_nothing_of_what_was_due_before(
    of: Plan, known: PlanKind, today: date, length: int
) -> None:
    off = {today + timedelta(days=number): Day(kind="holiday") for number in range(length)}
    edited = calendar_of(kept("1-5 09:00-18:00"), SHANGHAI, off)
    after = workdays_of(Timetable([(0, office()), (ms(f"{today} 00:00"), edited)]), SHANGHAI)
    window = (date(2000, 1, 1), date(2029, 7, 1))

    found = [tasks_between(of, known, *window, days) for days in (workdays(), after)]

    assert len(found[0]) == len(found[1])
    for was, now in zip(*found, strict=True):
        assert (was.period, was.first_day, was.opens_on) == (now.period, now.first_day, now.opens_on)
        last = was.report_due_on or was.due_on
        if last < today:
            assert was == now
            assert danger_on(was, known, workdays()) == danger_on(now, known, after)
