"""What fulfils a task: rounds within its window, the report that it owes; and visits that are free."""

from dataclasses import replace
from typing import Any

import pytest

from roundsman_collector.core.fulfilment import ReportSeen, RoundSeen, free_count, fulfils, reports
from roundsman_collector.core.plans import tasks_between
from roundsman_collector.core.tasks import Standing, Task
from tests.collector.core.planned import day, kind, ms, place, plan, workdays
from tests.collector.core.told_task import ID, INSTALLED, Tale


def a_round(**said: Any) -> RoundSeen:
    usual: dict[str, Any] = {
        "id": "X1",
        "site": "mall-1",
        "mode": "remote",
        "asked_ms": ms("2026-10-15 09:00"),
        "done_ms": ms("2026-10-15 09:20"),
        "reached": 12,
    }
    return RoundSeen(**{**usual, **said})


# Shows S1-10.
@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param({}, True, id="by hand, within the window"),
        pytest.param({"mode": "phone", "reached": 0}, True, id="by phone does as well"),
        pytest.param({"mode": "visit"}, False, id="a visit was not promised"),
        pytest.param({"done_ms": None}, False, id="it runs"),
        pytest.param({"reached": 0}, False, id="a remote round that saw nothing"),
        pytest.param({"site": "mall-2"}, False, id="another site"),
        pytest.param({"asked_ms": ms("2026-08-30 23:59")}, False, id="asked before it opened"),
        pytest.param({"asked_ms": ms("2027-02-28 00:00")}, False, id="asked when it was over"),
        pytest.param({"done_ms": ms("2027-02-28 00:05")}, True, id="asked in time, answered late"),
        pytest.param({"task": ID, "asked_ms": ms("2027-03-05 09:00")}, True, id="begun for it, late"),
        pytest.param({"task": ID + 1}, False, id="begun for another"),
        pytest.param({"task": ID - 1}, False, id="begun for one before"),
    ],
)
def test_a_round_within_the_window_is_the_work(said: dict[str, Any], expected: bool) -> None:
    assert fulfils(Tale("huajun-remote", "2026-08-31", INSTALLED).task, a_round(**said)) is expected


# Shows S1-10.
def test_a_round_fulfils_a_task_once_and_makes_it_done_as_of_the_round() -> None:
    tale = Tale("huajun-remote", "2026-08-31", INSTALLED).at("2026-10-15 09:21")

    tale.happens("fulfil", round="X1", begun_ms=ms("2026-10-15 09:00"), at_ms=ms("2026-10-15 09:20"))

    assert (tale.state, tale.task.is_over, tale.stands()) == ("done", True, {"work": "met"})
    assert (tale.task.standing.begun_ms, tale.task.ended_on) == (ms("2026-10-15 09:00"), day("2026-10-15"))
    assert not fulfils(tale.task, a_round(id="X2"))


def test_a_round_is_nobody_s_work_before_the_customer_agreed() -> None:
    tale = Tale("huajun-remote", "2026-08-31", INSTALLED, agreement=True)

    assert not fulfils(tale.task, a_round())
    tale.happens("propose")
    assert not fulfils(tale.task, a_round())
    assert fulfils(tale.happens("agree", name="Chen").task, a_round())


def a_report(**said: Any) -> ReportSeen:
    usual: dict[str, Any] = {
        "id": "P1",
        "kind": "site_inspection",
        "site": "mall-1",
        "first_day": day("2026-11-01"),
        "last_day": day("2026-11-30"),
        "issued_ms": ms("2026-12-01 10:00"),
    }
    return ReportSeen(**{**usual, **said})


def test_a_report_is_the_one_that_is_owed_by_its_paper_site_and_days_once_the_work_is_done() -> None:
    tale = Tale("kiosk-phone", "2026-11-01").at("2026-11-10 09:00").happens("begin")
    assert not reports(tale.task, a_report())

    tale.happens("finish")

    assert reports(tale.task, a_report())
    assert reports(tale.task, a_report(first_day=day("2026-10-01"), last_day=day("2026-12-31")))
    assert not reports(tale.task, a_report(kind="statistics"))
    assert not reports(tale.task, a_report(site="mall-2"))
    assert not reports(tale.task, a_report(last_day=day("2026-11-29")))
    assert [reports(tale.task, a_report(task=other)) for other in (ID - 1, ID + 1)] == [False, False]
    assert reports(tale.task, a_report(task=ID, last_day=day("2026-11-29")))
    assert not reports(tale.happens("report", report="P1").task, a_report())


# Shows S3-19.
def test_a_report_that_is_the_work_itself_makes_the_task_done() -> None:
    tale = Tale("vehicle-weekly", "2026-11-16", plan(place(""))).at("2026-11-23 08:00")
    issued = a_report(kind="weekly", site="", first_day=day("2026-11-16"), last_day=day("2026-11-22"))

    assert reports(tale.task, issued)
    assert not reports(tale.task, replace(issued, kind="recurrence"))
    tale.happens("fulfil", report="P1")

    assert (tale.task.is_over, tale.task.standing.report, tale.stands()) == (True, "P1", {"work": "met"})
    assert not reports(tale.task, issued)


# Shows S4-34.
def test_statistics_issued_before_the_visit_has_ended_are_not_those_that_follow_it() -> None:
    visit, known = Tale("kiosk-visit", "2026-07-01"), kind("kiosk-statistics")
    window = (day("2026-07-01"), day("2026-07-02"), workdays())
    issued = a_report(kind="statistics", first_day=day("2026-07-01"), last_day=day("2026-09-30"))

    found = [
        reports(Task(id=ID, kind=known, due=due, standing=Standing(state="planned")), issued)
        for ended_on in (None, day("2026-09-18"))
        for due in tasks_between(plan(), known, *window, [(visit.due, ended_on)])
    ]

    assert found == [False, True]


# Shows S3-23.
def test_a_monthly_file_is_over_when_somebody_reviewed_it() -> None:
    tale = Tale("vehicle-file", "2026-10-01", plan(place(""))).at("2026-11-03 08:00").happens("fulfil", report="P1")

    assert not tale.task.is_over
    assert tale.happens("accept", name="Zhao").task.is_over


# --- free visits -----------------------------------------------------------------------------------------------------


# Shows S1-7.
def test_the_third_inspection_of_a_year_is_chargeable() -> None:
    free = kind("huajun-free")
    visits = [day("2025-12-31"), day("2026-03-10"), day("2026-09-01")]

    counts = [free_count(free, None, visits[:number], day("2026-11-22")) for number in (1, 2, 3)]

    assert [one and (one.year.id, one.used, one.left, one.is_next_charged) for one in counts] == [
        ("2026", 0, 2, False),
        ("2026", 1, 1, False),
        ("2026", 2, 0, True),
    ]
    counted = free_count(free, day("2026-06-01"), visits, day("2026-11-22"))
    assert counted and (counted.year.first_day, counted.used) == (day("2026-06-01"), 1)
    assert free_count(free, day("2026-12-01"), visits, day("2026-11-22")) is None
    assert free_count(kind("kiosk-visit"), None, visits, day("2026-11-22")) is None
