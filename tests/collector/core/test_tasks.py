"""How a task lives: told as logs, from the plan to the acceptance; what is told on the way, and what fulfils it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.contract import Dates
from roundsman_collector.core.lifecycle import Refusal, Wish
from roundsman_collector.core.tasks import (
    ABOUT,
    LIVE,
    MARKS,
    OVER,
    STATES,
    STEPS,
    TELL,
    ReportSeen,
    RoundSeen,
    Standing,
    after,
    begins_ms,
    due_to_tell,
    free_count,
    fulfils,
    is_persons,
    needs_ticket,
    offered,
    refusal,
    reports,
    standing_of,
    wake_at_ms,
    worries,
)
from roundsman_collector.core.ticket_log import ROBOT, Event
from tests.collector.core.planned import day, kind, ms, place, plan, workdays
from tests.collector.core.told_task import ID, Tale

COVERED = plan(place(dates=Dates(accepted_on=day("2026-01-01"), maintenance_until=day("2030-12-31"))))
INSTALLED = plan(place(installed="2026-08-31"))


# --- lives -----------------------------------------------------------------------------------------------------------


# Shows S4-25.
def test_a_phone_inspection_from_its_plan_to_its_report() -> None:
    tale = Tale("kiosk-phone", "2026-11-01")

    tale.at("2026-11-10 09:00").happens("assign", engineer="li", day="2026-11-10").happens("begin")
    tale.at("2026-11-12 16:00").happens("finish")
    assert (tale.state, tale.task.is_over, tale.stands()) == ("done", False, {"work": "met", "report": "waiting"})

    tale.at("2026-12-01 10:00").happens("report", report="R-1")
    assert tale.task.is_over
    assert tale.stands() == {"work": "met", "report": "met"}
    assert tale.told == ["10-25 00:00 work coming", "11-01 00:00 work open", "12-01 00:00 report danger"]
    assert tale.task.standing == Standing(
        state="reported",
        version=tale.log[-1].id,
        last_ms=ms("2026-12-01 10:00"),
        engineer="li",
        day=day("2026-11-10"),
        begun_ms=ms("2026-11-10 09:00"),
        done_ms=ms("2026-11-12 16:00"),
        reported_ms=ms("2026-12-01 10:00"),
        report="R-1",
    )


# Shows S4-25.
def test_what_is_begun_and_not_done_within_three_days_is_overdue_though_the_month_goes_on() -> None:
    tale = Tale("kiosk-phone", "2026-11-01").at("2026-11-10 09:00").happens("begin")

    tale.at("2026-11-13 23:59")
    assert tale.stands()["work"] == "danger"
    tale.at("2026-11-14 00:00")
    assert tale.stands()["work"] == "overdue"

    tale.at("2026-11-16 10:00").happens("finish")
    assert (tale.stands()["work"], tale.told[2:]) == ("missed", ["11-13 00:00 work danger", "11-14 00:00 work overdue"])


# Shows S4-26, S4-33.
def test_a_visit_is_over_when_its_report_was_accepted_by_name() -> None:
    tale = Tale("kiosk-visit", "2026-07-01").at("2026-09-07 09:00").happens("begin")
    tale.at("2026-09-21 17:00").happens("finish")

    assert tale.why("accept", name="Chen") == "no_report"
    tale.at("2026-09-30 17:00").happens("report", report="R-9")
    assert (tale.why("accept"), tale.why("accept", name=" "), tale.why("accept", name="Chen")) == (
        "no_name", "no_name", "",
    )  # fmt: skip
    assert not tale.task.is_over, "a customer who does not confirm leaves it open"
    tale.happens("accept", name="Chen")

    assert (tale.state, tale.task.is_over, tale.task.standing.accepted_by) == ("accepted", True, "Chen")


# Shows S4-26.
def test_a_report_that_is_not_there_before_the_fifth_is_overdue_whether_the_work_was_done_or_not() -> None:
    done = Tale("kiosk-visit", "2026-07-01").at("2026-09-07 09:00").happens("begin").happens("finish")
    undone = Tale("kiosk-visit", "2026-07-01")

    for tale in (done, undone):
        tale.at("2026-10-05 00:00")

    assert done.told[-2:] == ["09-29 00:00 report danger", "10-05 00:00 report overdue"]
    assert undone.told[-3:] == ["09-11 00:00 work danger", "10-01 00:00 work overdue", "10-05 00:00 report overdue"]


# Shows S0-29.
def test_the_customer_agrees_before_the_upkeep_is_carried_out() -> None:
    tale = Tale("security-upkeep", "2026-10-01", COVERED).at("2026-09-25 09:00")
    assert tale.why("begin") == "not_agreed"
    assert tale.why("agree", name="Chen") == "state"

    tale.happens("propose")
    assert (tale.why("begin"), tale.why("agree"), tale.why("agree", name="Chen")) == ("not_agreed", "no_name", "")
    tale.at("2026-09-28 11:00").happens("agree", name="Chen")

    assert (tale.why("begin"), tale.at("2026-10-08 09:00").why("begin")) == ("too_early", "")
    assert (tale.task.standing.agreed_by, tale.stands()["agreement"]) == ("Chen", "met")
    tale.happens("begin").at("2026-10-12 17:00").happens("finish").happens("report").happens("accept", name="Chen")
    assert tale.task.is_over


# Shows S0-29.
def test_a_customer_who_declines_is_asked_again_or_it_is_cancelled() -> None:
    tale = Tale("security-upkeep", "2026-10-01", COVERED).at("2026-09-25 09:00").happens("propose")

    assert tale.why("decline", " ") == "no_words"
    tale.happens("decline", text="the shop is rebuilt until December")
    assert tale.state == "declined"
    assert tale.why("begin") == "state"
    assert (tale.why("propose"), tale.why("cancel", boss=True)) == ("", "")
    tale.happens("propose").happens("agree", name="Chen")
    assert tale.why("propose") == "", "what is changed afterwards is asked anew"
    tale.happens("propose")
    assert (tale.state, tale.task.standing.agreed_by, tale.stands()["agreement"]) == ("proposed", "", "open")


def test_whoever_has_not_agreed_when_the_work_may_begin_is_told_of_once_and_the_work_alone_is_late() -> None:
    tale = Tale("security-upkeep", "2026-10-01", COVERED)

    tale.at("2027-01-31 00:00")

    assert tale.told == [
        "09-24 00:00 agreement open",
        "09-24 00:00 work coming",
        "10-01 00:00 agreement danger",
        "10-01 00:00 work open",
        "12-29 00:00 work danger",
        "01-01 00:00 work overdue",
    ]
    assert tale.stands() == {"agreement": "overdue", "work": "overdue"}


def test_where_nobody_asks_first_there_is_nothing_to_propose_and_nothing_to_report_where_no_paper_is_wanted() -> None:
    tale = Tale("tianyi-call", "2026-11-01").at("2026-11-09 10:00")

    assert tale.why("propose") == "not_asked"
    tale.happens("begin").happens("finish")
    assert (tale.why("report"), tale.task.is_over, tale.why("accept", name="Chen")) == ("no_paper", True, "")


def test_what_opens_later_is_not_begun_before_also_when_it_is_told_afterwards() -> None:
    tale = Tale("tianyi-call", "2026-11-01").at("2026-11-08 08:00")

    assert tale.why("begin") == ""
    assert tale.why("begin", at_ms=ms("2026-11-07 23:59")) == "too_early"
    assert tale.why("begin", at_ms=ms("2026-11-09 00:00")) == "future"
    refused = refusal(tale.task, Wish(verb="begin", now_ms=ms("2026-11-07 12:00"), who="li"))
    assert refused == Refusal(
        "too_early", "2026-11-08起方可开始", "it opens on 2026-11-08: what is done before does not count for it"
    )


def test_what_is_dated_lies_between_the_last_step_and_now() -> None:
    tale = Tale("kiosk-phone", "2026-11-01").at("2026-11-10 09:00").happens("begin").at("2026-11-12 09:00")

    assert tale.why("finish", at_ms=ms("2026-11-10 08:59")) == "before"
    assert tale.why("finish", at_ms=ms("2026-11-12 09:01")) == "future"
    tale.at("2026-11-14 08:00").happens("finish", at_ms=ms("2026-11-13 18:00"))
    assert (tale.stands()["work"], tale.told[-1]) == ("met", "11-14 00:00 work overdue"), (
        "an overdue that is told stays"
    )


def test_work_that_is_sent_back_is_done_and_reported_again() -> None:
    tale = Tale("kiosk-visit", "2026-07-01").at("2026-09-07 09:00").happens("begin", round="R1").happens("finish")
    tale.happens("report", report="P1")

    assert tale.why("reopen", " ") == "no_words"
    tale.happens("reopen")

    known = tale.task.standing
    assert (known.state, known.begun_ms, known.done_ms, known.reported_ms, known.round, known.report) == (
        "under_way", ms("2026-09-07 09:00"), None, None, "", "",
    )  # fmt: skip


def test_a_task_is_cancelled_by_a_manager_with_a_reason_and_then_nobody_worries() -> None:
    tale = Tale("kiosk-phone", "2026-11-01").at("2026-11-30 09:00")

    assert (tale.why("cancel"), tale.why("cancel", " ", boss=True)) == ("not_yours", "no_words")
    tale.happens("cancel", text="the site burnt down")

    assert (tale.state, tale.task.is_over, tale.worries()) == ("cancelled", True, ())
    assert due_to_tell(tale.worries(), tale.log, ms("2027-06-01 00:00")) == ()


def test_a_step_that_does_not_exist_or_is_the_engine_s_is_refused() -> None:
    tale = Tale("kiosk-phone", "2026-11-01")

    assert [tale.why(verb) for verb in ("dance", "fulfil", "finish", "assign")] == [
        "no_step", "no_step", "state", "no_engineer",
    ]  # fmt: skip
    assert (is_persons("begin"), is_persons("fulfil"), is_persons("dance")) == (True, False, False)
    refused = refusal(tale.task, Wish(verb="finish", now_ms=0, who="li"))
    assert refused == Refusal("state", "任务已计划，不能完成", "it is planned: finish works on under way")


@pytest.mark.parametrize("state", sorted(STATES))
def test_a_state_leads_on_until_it_is_over_and_then_nowhere(state: str) -> None:
    assert bool(offered(state)) == (state in LIVE)
    assert [verb for verb, step in STEPS.items() if state in step.from_ and state in OVER] == []
    assert sorted((*LIVE, *OVER)) == sorted(STATES)


# --- reminders -------------------------------------------------------------------------------------------------------


def test_what_nobody_does_is_told_step_by_step_to_more_and_more_people() -> None:
    tale = Tale("kiosk-phone", "2026-11-01").at("2027-03-01 00:00")

    assert tale.told == [
        "10-25 00:00 work coming",
        "11-01 00:00 work open",
        "11-27 00:00 work danger",
        "12-01 00:00 work overdue",
        "12-03 00:00 report overdue",
    ]
    assert [event.data for event in tale.log[-2:]] == [
        {"about": "work", "due_ms": ms("2026-12-01 00:00"), "tell": ["engineer", "dispatcher", "manager"]},
        {"about": "report", "due_ms": ms("2026-12-03 00:00"), "tell": ["engineer", "dispatcher", "manager"]},
    ]
    assert [event.verb for event in tale.log] == ["plan", "warn", "warn", "warn", "breach", "breach"]


def test_of_several_marks_that_passed_at_once_the_furthest_alone_is_told() -> None:
    tale = Tale("kiosk-phone", "2026-11-01")

    found = due_to_tell(
        worries(tale.task, workdays(), ms("2026-11-29 08:00")), tale.log, ms("2026-11-29 08:00")
    )  # fmt: skip

    assert [(tell.about, tell.mark, tell.verb) for tell in found] == [("work", "danger", "warn")]
    assert found[0].data == {
        "about": "work", "due_ms": ms("2026-12-01 00:00"), "tell": ["engineer", "dispatcher"], "mark": "danger",
    }  # fmt: skip


def test_of_a_due_date_that_moved_danger_is_told_anew_but_not_that_it_is_open() -> None:
    tale = Tale("kiosk-phone", "2026-11-01").at("2026-11-27 08:00")
    assert tale.told[-1] == "11-27 00:00 work danger"

    tale.due = replace(tale.due, due_on=day("2026-12-15"))
    tale.happens("move").at("2026-12-20 00:00")

    assert tale.told[3:] == ["12-03 00:00 report overdue", "12-11 00:00 work danger", "12-16 00:00 work overdue"]


def test_a_report_is_spoken_of_once_the_work_is_done() -> None:
    early = Tale("kiosk-phone", "2026-11-01").at("2026-11-03 09:00").happens("begin").happens("finish")
    late = Tale("kiosk-phone", "2026-11-01").at("2026-12-02 09:00").happens("begin").happens("finish")
    statistics = Tale("kiosk-phone", "2026-11-01", report=replace(kind("kiosk-phone").report, day=None, working_days=5))  # type: ignore[type-var]

    assert early.stands()["report"] == "waiting"
    assert late.stands()["report"] == "danger"
    statistics.at("2026-11-03 09:00").happens("begin").happens("finish")
    assert statistics.stands()["report"] == "open"
    assert statistics.at("2026-11-20 00:00").told[2:] == [
        "11-03 09:00 report open", "11-09 00:00 report danger", "11-11 00:00 report overdue",
    ]  # fmt: skip


def test_a_due_date_in_danger_needs_a_ticket_once_and_a_customer_who_has_not_agreed_does_not() -> None:
    tale = Tale("kiosk-phone", "2026-11-01").at("2026-11-26 23:59")
    upkeep = Tale("security-upkeep", "2026-10-01", COVERED).at("2026-10-02 00:00")

    before = needs_ticket(tale.task, tale.worries())
    tale.at("2026-11-27 00:00")
    at_once = needs_ticket(tale.task, tale.worries())
    tale.happens("ticket", number=812)

    assert (before, at_once, needs_ticket(tale.task, tale.worries())) == (False, True, False)
    assert tale.task.standing.ticket == 812
    assert (upkeep.stands(), needs_ticket(upkeep.task, upkeep.worries())) == (
        {"agreement": "danger", "work": "open"}, False,
    )  # fmt: skip


def test_a_remote_round_begins_by_itself_on_the_day_it_opens_and_another_does_not() -> None:
    remote, phone = Tale("huajun-remote", "2026-08-31", INSTALLED), Tale("kiosk-phone", "2026-11-01")
    asked_first = Tale("huajun-remote", "2026-08-31", INSTALLED, agreement=True)

    assert begins_ms(remote.task) == ms("2026-08-31 00:00")
    assert begins_ms(phone.task) is None
    assert begins_ms(asked_first.task) is None
    assert begins_ms(asked_first.happens("propose").happens("agree", name="Chen").task) == ms("2026-08-31 00:00")
    assert begins_ms(remote.happens("begin").task) is None


# --- what fulfils it -------------------------------------------------------------------------------------------------


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
        pytest.param({"task": 8}, False, id="begun for another"),
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
        "paper": "inspection",
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
    assert not reports(tale.task, a_report(paper="statistics"))
    assert not reports(tale.task, a_report(site="mall-2"))
    assert not reports(tale.task, a_report(last_day=day("2026-11-29")))
    assert not reports(tale.task, a_report(task=8))
    assert reports(tale.task, a_report(task=ID, last_day=day("2026-11-29")))
    assert not reports(tale.happens("report", report="P1").task, a_report())


# Shows S3-19.
def test_a_report_that_is_the_work_itself_makes_the_task_done() -> None:
    tale = Tale("vehicle-weekly", "2026-11-16", plan(place(""))).at("2026-11-23 08:00")
    issued = a_report(paper="weekly", site="", first_day=day("2026-11-16"), last_day=day("2026-11-22"))

    assert reports(tale.task, issued)
    assert not reports(tale.task, replace(issued, paper="recurrence"))
    tale.happens("fulfil", report="P1")

    assert (tale.task.is_over, tale.task.standing.report, tale.stands()) == (True, "P1", {"work": "met"})
    assert not reports(tale.task, issued)


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


# --- whatever happens ------------------------------------------------------------------------------------------------

NAMES = ["kiosk-phone", "kiosk-visit", "security-upkeep", "tianyi-call"]
SAID: dict[str, dict[str, Any]] = {
    "assign": {"engineer": "li", "day": "2026-11-12"},
    "agree": {"name": "Chen"},
    "accept": {"name": "Chen"},
    "fulfil": {"round": "X1"},
    "report": {"report": "P1"},
    "ticket": {"number": 812},
    "warn": {"about": "work", "mark": "open", "due_ms": 5},
    "breach": {"about": "work", "due_ms": 5},
}
verbs = st.lists(st.tuples(st.sampled_from([*STEPS]), st.integers(0, 40)), max_size=12)


def walked(name: str, steps: list[tuple[str, int]]) -> Tale:
    """A task that people and the engine did what they might with, so many hours after each other."""
    of = COVERED if name.startswith("security") else None
    tale = Tale(name, "2026-10-01" if name in ("kiosk-visit", "security-upkeep") else "2026-11-01", of)
    tale.now_ms = ms("2026-11-08 08:00")
    for verb, hours in steps:
        tale.now_ms += hours * 3_600_000
        is_open = tale.state in STEPS[verb].from_
        if is_open and (not is_persons(verb) or not tale.why(verb, boss=True, **SAID.get(verb, {}))):
            tale.happens(verb, **SAID.get(verb, {}))
    return tale


@given(st.sampled_from(NAMES), verbs)
def test_the_same_log_gives_the_same_standing_however_it_is_cut(name: str, steps: list[tuple[str, int]]) -> None:
    log = walked(name, steps).log

    step_by_step = Standing()
    for event in log:
        step_by_step = after(step_by_step, event)

    assert step_by_step == standing_of(log) == standing_of(list(log))


@given(st.sampled_from(NAMES), verbs)
def test_no_step_leads_out_of_what_is_over(name: str, steps: list[tuple[str, int]]) -> None:
    tale = walked(name, steps)

    if tale.state in OVER:
        assert [verb for verb in STEPS if not tale.why(verb, boss=True, **SAID.get(verb, {}))] == []
        assert offered(tale.state) == ()
        assert tale.task.is_over


@given(st.sampled_from(NAMES), verbs, st.integers(0, 3000))
def test_worries_come_in_order_and_what_is_told_is_not_told_again(
    name: str, steps: list[tuple[str, int]], hours: int
) -> None:
    tale = walked(name, steps)
    tale.now_ms += hours * 3_600_000

    found = tale.worries()
    tells = due_to_tell(found, tale.log, tale.now_ms)
    log = [*tale.log, *(Event(1000 + at, tale.now_ms, ROBOT, one.verb, "", one.data) for at, one in enumerate(tells))]

    for worry in found:
        instants = [at_ms for mark in MARKS if (at_ms := worry.at_ms(mark)) is not None]
        assert worry.about != "work" or instants == sorted(instants)
        assert (worry.ended_ms is None) == (worry.state not in ("met", "missed"))
    assert due_to_tell(found, log, tale.now_ms) == ()
    wake_ms = wake_at_ms(found, log, tale.now_ms)
    assert wake_ms is None or wake_ms > tale.now_ms


def test_every_mark_has_somebody_to_tell_and_every_word_both_languages() -> None:
    assert TELL.keys() == set(MARKS)
    assert ABOUT.keys() == {"agreement", "work", "report"}
    assert not [words for words in (*STATES.values(), *ABOUT.values()) if not all(words)]
