"""How a task lives: told as logs, from the plan to the acceptance, and what may not be done on the way."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.lifecycle import Refusal, Wish
from roundsman_collector.core.plans import Due, tasks_between
from roundsman_collector.core.tasks import (
    LIVE,
    OVER,
    STATES,
    STEPS,
    Replanned,
    Standing,
    Task,
    after,
    begins_ms,
    is_persons,
    offered,
    refusal,
    replanned,
    standing_of,
)
from roundsman_collector.core.ticket_log import ROBOT, Event
from roundsman_collector.core.worries import due_to_tell
from tests.collector.core.planned import day, kind, ms, place, plan, workdays
from tests.collector.core.told_task import COVERED, ID, INSTALLED, NAMES, SAID, Tale, verbs, walked

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
        is_touched=True,
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


def test_a_remote_round_begins_by_itself_on_the_day_it_opens_and_another_does_not() -> None:
    remote, phone = Tale("huajun-remote", "2026-08-31", INSTALLED), Tale("kiosk-phone", "2026-11-01")
    asked_first = Tale("huajun-remote", "2026-08-31", INSTALLED, agreement=True)

    assert begins_ms(remote.task) == ms("2026-08-31 00:00")
    assert begins_ms(phone.task) is None
    assert begins_ms(asked_first.task) is None
    assert begins_ms(asked_first.happens("propose").happens("agree", name="Chen").task) == ms("2026-08-31 00:00")
    assert begins_ms(remote.happens("begin").task) is None


@pytest.mark.parametrize(
    ("name", "over"),
    [
        ("tianyi-call", ["accepted", "cancelled", "done", "reported"]),
        ("kiosk-phone", ["accepted", "cancelled", "reported"]),
        ("kiosk-visit", ["accepted", "cancelled"]),
    ],
)
def test_a_task_is_over_once_nothing_more_is_wanted_of_it(name: str, over: list[str]) -> None:
    tale = Tale(name, "2026-10-01" if name == "kiosk-visit" else "2026-11-01")

    known = {state: replace(tale.task, standing=Standing(state=state)).is_over for state in ("", *STATES)}

    assert sorted(state for state, is_over in known.items() if is_over) == over


# --- what becomes of it ----------------------------------------------------------------------------------------------


def test_tasks_that_nobody_has_touched_follow_their_plan_and_the_others_stay() -> None:
    def dues(*sites: str, last: str = "") -> list[Due]:
        of = plan(*map(place, sites), last=last)
        return [*tasks_between(of, kind("kiosk-phone"), day("2026-11-01"), day("2026-12-02"), workdays())]

    planned, assigned = Standing(state="planned"), Standing(state="planned", is_touched=True)
    held = [
        Task(id=at, kind=kind("kiosk-phone"), due=due, standing=assigned if due.site == "c" else planned)
        for at, due in enumerate(dues("a", "b", "c"))
    ]

    same = replanned(dues("a", "b", "c"), held)
    shorter = replanned(dues("a", "c", "d", last="2026-12-10"), held)

    assert same == Replanned((), (), ())
    assert [(due.site, due.period.id) for due in shorter.made] == [("d", "2026-11"), ("d", "2026-12")]
    assert [(task.due.site, due.due_on) for task, due in shorter.moved] == [("a", day("2026-12-10"))]
    assert [(task.due.site, task.due.period.id) for task in shorter.withdrawn] == [("b", "2026-11"), ("b", "2026-12")]


# Shows S4-34.
def test_statistics_move_to_five_days_after_the_visit_that_has_ended_also_when_somebody_was_named_for_them() -> None:
    known, window = kind("kiosk-statistics"), (day("2026-07-01"), day("2026-10-01"), workdays())
    (lead,) = tasks_between(plan(), kind("kiosk-visit"), *window)
    (expected,) = tasks_between(plan(), known, *window, [(lead, None)])
    (now,) = tasks_between(plan(), known, *window, [(lead, day("2026-09-18"))])
    held = {
        state: Task(id=ID, kind=known, due=expected, standing=Standing(state=state, is_touched=True))
        for state in ("planned", "done")
    }

    found = {state: replanned([now], [task]).moved for state, task in held.items()}

    assert found == {"planned": ((held["planned"], now),), "done": ()}


def test_a_task_is_touched_by_whatever_is_done_about_it_and_not_by_reminders() -> None:
    tale = Tale("kiosk-phone", "2026-11-01").at("2026-12-20 00:00").happens("move")
    assert len(tale.told) == 5

    touched = {verb: standing_of(tale.log[:1]).is_touched for verb in ("plan",)}
    for verb in ("assign", "note", "begin", "fulfil", "ticket"):
        touched[verb] = after(tale.task.standing, Event(99, 0, "li", verb, "", SAID.get(verb, {}))).is_touched

    assert tale.task.standing.is_touched is False
    assert touched == {"plan": False, **dict.fromkeys(("assign", "note", "begin", "fulfil", "ticket"), True)}


def test_a_task_is_assigned_to_somebody_for_a_day_or_to_either_and_another_day_keeps_the_engineer() -> None:
    tale = Tale("kiosk-phone", "2026-11-01")

    assert [tale.why("assign", **said) for said in ({}, {"day": "soon"}, {"day": 5}, {"day": "2026-11-10"})] == [
        "no_engineer", "no_day", "no_day", "",
    ]  # fmt: skip
    tale.happens("assign", engineer="li").happens("assign", day="2026-11-10").happens("assign", day="")
    assert (tale.task.standing.engineer, tale.task.standing.day) == ("li", day("2026-11-10"))


def test_a_version_is_the_last_line_of_a_person_or_of_a_change_and_no_reminder() -> None:
    def line(at: int, who: str, verb: str) -> Event:
        return Event(at, at * 60_000, who, verb, "words", SAID.get(verb, {}))

    log = [line(1, ROBOT, "plan"), line(2, ROBOT, "warn"), line(3, "li", "assign"), line(4, ROBOT, "move")]
    log += [line(5, ROBOT, "fulfil"), line(6, ROBOT, "breach"), line(7, ROBOT, "note"), line(8, "li", "note")]

    assert [standing_of(log[:count]).version for count in range(1, 9)] == [1, 1, 3, 3, 5, 5, 5, 8]


def test_what_is_told_afterwards_happened_when_it_did_and_a_line_nobody_knows_changes_nothing() -> None:
    tale = Tale("kiosk-phone", "2026-11-01").at("2026-11-10 18:00").happens("begin", at_ms=ms("2026-11-10 09:00"))

    assert (tale.task.standing.begun_ms, tale.task.standing.last_ms) == (ms("2026-11-10 09:00"),) * 2
    later = after(tale.task.standing, Event(99, tale.now_ms, "li", "of_a_later_version", "", {}))
    assert (later.state, later.version) == ("under_way", tale.task.standing.version)


def test_the_engine_plans_moves_fulfils_reminds_and_people_do_the_rest() -> None:
    assert [verb for verb in STEPS if not is_persons(verb)] == ["plan", "move", "fulfil", "warn", "breach", "ticket"]
    assert [verb for verb, step in STEPS.items() if step.right == "overrule"] == ["cancel"]


# --- whatever happens ------------------------------------------------------------------------------------------------


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
