"""Plans at work, told as tales over simulated months: tasks ahead of time, rounds by themselves, what is late."""

from pathlib import Path

import pytest

from roundsman_collector.core.tasks import UNDONE
from roundsman_collector.core.worries import worries
from roundsman_collector.roles import EVERYTHING
from roundsman_collector.store import Filter, Office
from roundsman_collector.store.plan_files import kinds
from roundsman_collector.store.tasks import TaskFound
from tests.collector.engine.diary import Diary, instant, wall

QUIET = ("plan", "move", "warn")


def verbs(one: TaskFound) -> list[str]:
    """What befell a task, but for reminders."""
    return [event.verb for event in one.log if event.verb not in QUIET]


# --- planning --------------------------------------------------------------------------------------------------------


# Shows S4-17.
def test_a_plan_asks_for_its_tasks_a_hundred_days_ahead(tmp_path: Path) -> None:
    diary = Diary(tmp_path).plans("kiosk-phone").plans("kiosk-visit")

    diary.plan()

    found = [
        (one.row.period, one.row.opens_on, one.row.due_on, one.row.report_due_on) for one in diary.tasks(site="mall-1")
    ]
    assert found == [
        ("2026-10", "2026-10-01", "2026-10-31", "2026-11-02"),
        ("2026-Q4", "2026-10-01", "2026-12-31", "2027-01-04"),
        ("2026-11", "2026-11-01", "2026-11-30", "2026-12-02"),
        ("2026-12", "2026-12-01", "2026-12-31", "2027-01-02"),
    ]
    assert len(diary.tasks()) == 8


def test_a_task_is_made_once_however_often_we_stop_and_start(tmp_path: Path) -> None:
    diary = Diary(tmp_path).plans("kiosk-phone").plan()
    before = [(one.row, one.log) for one in diary.tasks()]

    for _ in range(3):
        diary.killed().plan()

    assert [(one.row, one.log) for one in diary.tasks()] == before


def test_who_is_killed_while_making_tasks_makes_the_rest_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    diary = Diary(tmp_path).plans("kiosk-phone").plans("kiosk-visit")
    diary.now_ms += 61_000
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("roundsman_collector.engine.plans.PLACES_AT_ONCE", 1)
        commit, made = diary.store.commit, []

        def twice(batch: object) -> object:
            if len(made) == 2:
                raise KeyboardInterrupt
            made.append(batch)
            return commit(batch)  # type: ignore[arg-type]

        patched.setattr(diary.store, "commit", twice)
        diary._steps()
    assert 0 < len(diary.tasks()) < 8

    diary.killed().plan()

    assert len(diary.tasks()) == 8
    assert [len([event for event in one.log if event.verb == "plan"]) for one in diary.tasks()] == [1] * 8


def test_a_clock_that_was_wrong_for_a_while_neither_makes_nor_tells_anything_twice(tmp_path: Path) -> None:
    diary = Diary(tmp_path).plans("kiosk-phone").until("2026-10-02 09:00")
    told = diary.told("warn")
    keys = {(one.row.plan, one.row.site, one.row.period) for one in diary.tasks()}

    diary.now_ms = instant("2026-09-25 09:00")
    diary.killed().until("2026-10-02 10:00")

    assert diary.told("warn") == told
    assert {(one.row.plan, one.row.site, one.row.period) for one in diary.tasks()} == keys


def test_a_plan_that_changes_moves_what_nobody_has_touched(tmp_path: Path) -> None:
    diary = Diary(tmp_path).plans("kiosk-phone").until("2026-10-09 09:00")
    touched = diary.task("kiosk-phone", "mall-1", "2026-11").row.id
    diary.does(touched, "assign", by="wang", engineer="li")

    diary.plans("kiosk-phone", changes='{"report": {"by": 3}}').plan()

    due = {(one.row.site, one.row.period): one.row.report_due_on for one in diary.tasks()}
    assert due["mall-1", "2026-11"] == "2026-12-02"
    assert due["mall-2", "2026-11"] == "2026-12-03"
    assert due["mall-1", "2026-12"] == "2027-01-03"
    assert diary.task("kiosk-phone", "mall-2", "2026-12").task.kind.report.is_inclusive


def test_a_plan_that_ends_takes_what_nobody_has_touched_with_it(tmp_path: Path) -> None:
    diary = Diary(tmp_path).plans("kiosk-phone").until("2026-10-09 09:00")
    diary.does(diary.task("kiosk-phone", "mall-1", "2026-11").row.id, "note", text="ask for Mr Qian")

    with Office.open(diary.path) as office:
        office.end_entry("plan", "kiosk-phone", deed=diary.deed())
    diary.plan()

    assert [(one.row.site, one.row.period) for one in diary.tasks()] == [("mall-1", "2026-11")]


def test_a_site_that_joins_has_the_rest_of_the_period_and_one_that_leaves_is_due_as_it_goes(tmp_path: Path) -> None:
    diary = Diary(tmp_path).plans("kiosk-phone").until("2026-10-20 09:00")
    new = {"customer": "bank", "group_id": "south", "contract": "c-1", "name_zh": "新", "name_en": "New"}
    with Office.open(diary.path) as office:
        office.put_entry("site", "mall-3", new, deed=diary.deed())
    diary.plan()

    first = diary.task("kiosk-phone", "mall-3", "2026-10").row

    assert (first.opens_on, first.due_on) == ("2026-10-20", "2026-10-31")
    with Office.open(diary.path) as office:
        office.put_entry("site", "mall-3", new | {"contract": None}, deed=diary.deed())
    diary.plan()
    assert [one.row.period for one in diary.tasks(site="mall-3")] == []


def test_what_was_due_before_anybody_entered_the_plan_is_not_asked_for(tmp_path: Path) -> None:
    diary = Diary(tmp_path, "2026-11-10 09:00").plans("kiosk-phone", first_day="2026-01-01").plan()

    assert [one.row.period for one in diary.tasks(site="mall-1")] == ["2026-11", "2026-12", "2027-01", "2027-02"]


def test_a_plan_that_cannot_be_planned_keeps_no_other_from_it(tmp_path: Path) -> None:
    diary = Diary(tmp_path).plans("kiosk-phone").plans("kiosk-visit")
    with diary.store._write.begin() as connection:
        connection.exec_driver_sql("UPDATE plan SET kind = 'of-yesterday' WHERE id = 'kiosk-phone'")

    diary.plan()

    assert {one.row.kind for one in diary.tasks()} == {"kiosk-visit"}


# --- the work --------------------------------------------------------------------------------------------------------


# Shows S1-10.
def test_a_remote_task_inspects_by_itself_on_the_day_it_opens(tmp_path: Path) -> None:
    diary = Diary(tmp_path).plans("huajun-remote", site="mall-1", first_day="2026-08-01")

    diary.until("2027-02-01 12:00")

    first, second = diary.tasks("huajun-remote")[:2]
    assert first.row.period == "2026-08-01", "it was known when the half-year had begun"
    assert verbs(second) == ["begin", "fulfil"]
    assert [wall(event.at_ms) for event in second.log if event.verb == "begin"] == ["02-01 10:00"]
    assert second.row.state == "done" and second.row.is_over
    assert second.task.standing.round == second.log[-1].data["round"]


# Shows S1-10.
def test_a_round_begun_by_hand_within_the_window_does_as_well(tmp_path: Path) -> None:
    diary = Diary(tmp_path).plans(
        "huajun-remote", site="mall-1", first_day="2026-10-01", changes='{"mode": "phone", "also_by": ["remote"]}'
    )
    diary.until("2026-10-12 15:00")

    number = diary.inspects("mall-1", "remote")

    done = diary.tasks("huajun-remote")[0]
    assert (done.row.state, done.task.standing.round) == ("done", number)


def test_a_remote_round_that_reached_nothing_is_tried_again_each_morning(tmp_path: Path) -> None:
    diary = Diary(tmp_path).plans("huajun-remote", site="mall-1", first_day="2026-10-01")
    diary.agents_answer = False
    diary.until("2026-10-02 09:00")
    tried = diary.tasks("huajun-remote")[0]
    assert (tried.row.state, verbs(tried)) == ("under_way", ["begin"])

    diary.agents_answer = True
    diary.killed().until("2026-10-02 11:00")

    assert diary.tasks("huajun-remote")[0].row.state == "done"


# Shows S4-25.
def test_the_phone_inspection_is_done_in_three_days_and_its_report_before_the_third(tmp_path: Path) -> None:
    diary = Diary(tmp_path).plans("kiosk-phone", site="mall-1").until("2026-10-12 09:00")
    task = diary.task("kiosk-phone", "mall-1", "2026-10").row.id

    diary.does(task, "begin")
    assert diary.task("kiosk-phone", "mall-1", "2026-10").row.due_ms == instant("2026-10-16 00:00")
    diary.until("2026-10-14 15:00").inspects("mall-1", "phone", task=task)
    diary.until("2026-11-02 10:00").does(task, "report", report="I-1")

    one = diary.task("kiosk-phone", "mall-1", "2026-10")
    workdays = diary.engine.plans.workdays(one.task.kind, "Asia/Shanghai")
    assert {worry.about: worry.state for worry in worries(one.task, workdays, diary.now_ms)} == {
        "work": "met",
        "report": "met",
    }
    assert one.row.is_over


# Shows S4-25.
def test_the_report_that_is_issued_is_the_one_that_is_owed(tmp_path: Path) -> None:
    diary = Diary(tmp_path).plans("kiosk-phone").until("2026-10-12 09:00")
    for site in ("mall-1", "mall-2"):
        task = diary.task("kiosk-phone", site, "2026-10").row.id
        diary.does(task, "begin").inspects(site, "phone", task=task)

    diary.until("2026-11-02 10:00").issues("site_inspection", "site", "mall-1", "2026-10")

    mine, other = (diary.task("kiosk-phone", site, "2026-10") for site in ("mall-1", "mall-2"))
    assert verbs(mine) == ["begin", "fulfil", "ticket", "report"]
    assert (mine.task.standing.report, mine.row.is_over) == ("SITE_INSPECTION-2026-10-mall-1", True)
    assert mine.task.standing.reported_ms == instant("2026-11-02 10:00")
    assert (verbs(other), other.row.state) == (["begin", "fulfil", "ticket"], "done")


# Shows S3-19.
def test_a_report_that_is_the_work_itself_makes_its_task_done_once(tmp_path: Path) -> None:
    diary = Diary(tmp_path, "2026-11-14 09:00").plans("vehicle-weekly", first_day="2026-11-16", contract=None)
    diary.until("2026-11-23 08:30").issues("weekly", "company", "", "2026-W47")
    done = diary.task("vehicle-weekly", "", "2026-W47")

    diary.does(done.row.id, "reopen", by="wang", text="the calls of Friday are missing").until("2026-11-24 09:00")

    assert (done.task.standing.report, done.row.state) == ("WEEKLY-2026-W47-", "done")
    assert diary.task("vehicle-weekly", "", "2026-W47").row.state == "under_way"


# Shows S4-26 S4-34.
def test_the_visit_takes_fifteen_days_and_statistics_follow_it_in_five_working_days(tmp_path: Path) -> None:
    diary = Diary(tmp_path).plans("kiosk-visit", site="mall-1").plans("kiosk-statistics", site="mall-1")
    diary.until("2026-11-05 09:00")
    visit = diary.task("kiosk-visit", "mall-1", "2026-Q4").row.id
    statistics = diary.task("kiosk-statistics", "mall-1", "2026-Q4")
    assert (statistics.row.is_expected, statistics.row.due_on) == (True, "2027-01-08")

    diary.does(visit, "begin")
    assert diary.task("kiosk-visit", "mall-1", "2026-Q4").row.due_ms == instant("2026-11-21 00:00")
    diary.until("2026-11-12 17:00").inspects("mall-1", "visit", task=visit)

    statistics = diary.task("kiosk-statistics", "mall-1", "2026-Q4")
    assert (statistics.row.is_expected, statistics.row.opens_on, statistics.row.due_on) == (
        False,
        "2026-11-12",
        "2026-11-19",
    )


def test_what_was_sent_back_is_not_done_by_the_round_it_was_sent_back_for(tmp_path: Path) -> None:
    diary = Diary(tmp_path).plans("decoration-visit", site="mall-1", first_day="2026-07-01").until("2026-10-12 09:00")
    task = diary.tasks("decoration-visit")[0].row.id
    diary.inspects("mall-1", "visit")
    assert diary.tasks("decoration-visit")[0].row.state == "done"

    diary.does(task, "reopen", text="half of the hall was locked").until("2026-10-13 09:00").killed().until(
        "2026-10-14 09:00"
    )
    assert diary.tasks("decoration-visit")[0].row.state == "under_way"
    diary.inspects("mall-1", "visit")

    assert diary.tasks("decoration-visit")[0].row.state == "done"


# --- reminders and lateness ------------------------------------------------------------------------------------------


# Shows S1-37.
def test_the_call_around_the_tenth_is_announced_opens_and_is_late_on_the_thirteenth(tmp_path: Path) -> None:
    diary = Diary(tmp_path).plans("tianyi-call", site="mall-1").until("2026-11-14 09:00")

    told = [one for one in diary.told("warn") + diary.told("breach") if one[2] == "2026-11"]

    assert told == [
        ("11-01 00:00", "tianyi-call", "2026-11", "coming"),
        ("11-08 00:00", "tianyi-call", "2026-11", "open"),
        ("11-11 00:00", "tianyi-call", "2026-11", "danger"),
        ("11-13 00:00", "tianyi-call", "2026-11", "work"),
    ]
    assert diary.task("tianyi-call", "mall-1", "2026-11").row.mark == "overdue"


def test_a_due_date_in_danger_is_one_ticket_about_the_site_and_is_over_with_its_cause(tmp_path: Path) -> None:
    diary = Diary(tmp_path).plans("tianyi-call").until("2026-10-11 00:30")

    opened = {one.subject: one for one in diary.tickets()}

    assert sorted(opened) == ["#mall-1", "#mall-2"]
    assert {(one.code, one.source, one.level_id, one.state) for one in opened.values()} == {
        ("task_late", "plan", None, "open")
    }
    first = diary.task("tianyi-call", "mall-1", "2026-10")
    assert first.row.ticket_id == opened["#mall-1"].id
    assert [event.data["ticket"] for event in first.log if event.verb == "ticket"] == [opened["#mall-1"].number]
    diary.killed().until("2026-10-12 15:00")
    assert len(diary.tickets()) == 2
    diary.does(first.row.id, "begin").does(first.row.id, "finish")
    assert [one.subject for one in diary.tickets()] == ["#mall-2"]


def test_two_late_tasks_of_a_site_have_one_ticket(tmp_path: Path) -> None:
    diary = Diary(tmp_path).plans("tianyi-call", site="mall-1").plans("tianyi-call", "another", site="mall-1")

    diary.until("2026-10-13 09:00")

    assert [one.subject for one in diary.tickets()] == ["#mall-1"]
    assert {one.row.ticket_id for one in diary.tasks() if one.row.period == "2026-10"} == {diary.tickets()[0].id}


def test_a_ticket_about_our_own_work_promises_nothing_to_the_customer(tmp_path: Path) -> None:
    diary = Diary(tmp_path).plans("tianyi-call", site="mall-1").until("2026-10-11 09:00")

    diary.engine.promises.step(diary.now_ms)

    (ticket,) = diary.tickets()
    assert (ticket.level_id, ticket.site, ticket.contract) == (None, "mall-1", "c-1")


def test_reminders_of_many_sites_are_one_notice_in_the_morning(tmp_path: Path) -> None:
    diary = Diary(tmp_path)
    with Office.open(diary.path) as office:
        for name, wanted in (
            ("all", Filter(events=("task_due",))),
            ("others", Filter(events=("task_due",), customers=("shop",))),
        ):
            office.add_way(
                kind="webhook", name=name, target=f"https://example.org/{name}", filter_=wanted, deed=diary.deed()
            )

    diary.plans("tianyi-call").until("2026-10-08 09:00")

    told = [
        (one.event, one.body["reminder"]["mark"], one.body["reminder"]["count"], wall(one.wake_at_ms or 0))
        for one in diary.notices()
    ]
    assert told == [("task_due", "coming", 2, "10-01 08:00"), ("task_due", "open", 2, "10-08 08:00")]
    assert [one["site"] for one in diary.notices()[0].body["reminder"]["tasks"]] == ["mall-1", "mall-2"]


def test_of_reminders_engineers_hear_their_own_and_managers_what_is_overdue(tmp_path: Path) -> None:
    diary = Diary(tmp_path)
    wanted = Filter(events=("task_due",))
    with Office.open(diary.path) as office:
        for login, role in (("li", "engineer"), ("chen", "engineer"), ("zhao", "manager")):
            office.add_person(login, name=login, role=role, scope=EVERYTHING, deed=diary.deed())  # type: ignore[arg-type]
            target = f"https://example.org/{login}"
            office.add_way(kind="webhook", name=login, target=target, filter_=wanted, person=login, deed=diary.deed())
    diary.plans("tianyi-call", site="mall-1").plan()
    diary.does(diary.tasks()[0].row.id, "assign", by="wang", engineer="li")

    diary.until("2026-10-13 09:00")

    with Office.open(diary.path) as office:
        names = {one.id: one.name for one in office.ways()}
    told = [(names[one.way], one.body["reminder"]["mark"]) for one in diary.notices()]
    assert told == [("li", "coming"), ("li", "open"), ("li", "danger"), ("li", "overdue"), ("zhao", "overdue")]


# --- steps of people -------------------------------------------------------------------------------------------------


# Shows S0-29.
def test_the_quarterly_plan_waits_for_the_customers_word(tmp_path: Path) -> None:
    diary = Diary(tmp_path).plans("security-upkeep", site="mall-1").until("2026-10-12 09:00")
    task = diary.tasks("security-upkeep")[0].row.id

    assert diary.refused(task, "begin") == "not_agreed"
    diary.does(task, "propose", by="wang")
    assert diary.refused(task, "agree", by="wang") == "no_name"
    diary.does(task, "decline", by="wang", text="not before the holidays")
    assert diary.refused(task, "begin") == "state"
    diary.does(task, "propose", by="wang").does(task, "agree", by="wang", name="钱女士").does(task, "begin")

    standing = diary.tasks("security-upkeep")[0].task.standing
    assert (standing.state, standing.agreed_by) == ("under_way", "钱女士")


# Shows S0-29.
def test_a_customer_who_does_not_answer_is_told_of_and_makes_the_work_late(tmp_path: Path) -> None:
    diary = Diary(tmp_path).plans("security-upkeep", site="mall-1").plan()
    diary.does(diary.tasks("security-upkeep")[0].row.id, "propose", by="wang")

    diary.until("2027-01-02 09:00")

    one = diary.task("security-upkeep", "mall-1", "2026-Q4")
    assert [(event.data["about"], event.data.get("mark")) for event in one.log if event.verb in ("warn", "breach")] == [
        ("agreement", "open"),
        ("work", "coming"),
        ("agreement", "danger"),
        ("work", "open"),
        ("work", "danger"),
        ("work", None),
    ]
    assert (one.row.state, one.row.mark) == ("proposed", "overdue")
    assert [ticket.subject for ticket in diary.tickets()] == ["#mall-1"]


def test_who_acts_on_an_older_version_is_told_so(tmp_path: Path) -> None:
    diary = Diary(tmp_path).plans("kiosk-visit", site="mall-1").until("2026-10-12 09:00")
    seen = diary.tasks("kiosk-visit")[0].row

    diary.does(seen.id, "assign", by="wang", engineer="li")

    assert diary.refused(seen.id, "begin", seen=seen.version) == "newer"
    assert diary.tasks("kiosk-visit")[0].row.state == "planned"


def test_the_same_key_is_the_same_step(tmp_path: Path) -> None:
    diary = Diary(tmp_path).plans("kiosk-visit", site="mall-1").until("2026-10-12 09:00")
    task = diary.tasks("kiosk-visit")[0].row.id

    answers = [
        diary.asks("task", "li", key="k-1", task=task, step="note", text="the lift is broken", data={})
        for _ in range(2)
    ]

    assert answers[0] == answers[1]
    assert verbs(diary.tasks("kiosk-visit")[0]) == ["note"]


@pytest.mark.parametrize(
    ("step", "data", "cause"),
    [
        ("dance", {}, "no_step"),
        ("fulfil", {}, "no_step"),
        ("cancel", {}, "not_yours"),
        ("assign", {}, "no_engineer"),
        ("assign", {"day": "tomorrow"}, "no_day"),
        ("finish", {}, "state"),
        ("begin", {"at_ms": 2**50}, "future"),
    ],
)
def test_a_step_that_cannot_be_is_refused_and_nothing_is_written(
    tmp_path: Path, step: str, data: dict[str, object], cause: str
) -> None:
    diary = Diary(tmp_path).plans("kiosk-visit", site="mall-1").until("2026-10-12 09:00")
    before = diary.tasks("kiosk-visit")[0]

    assert diary.refused(before.row.id, step, text="why", **data) == cause

    assert diary.tasks("kiosk-visit")[0] == before


def test_a_manager_cancels_with_a_reason_and_nothing_is_owed_any_more(tmp_path: Path) -> None:
    diary = Diary(tmp_path).plans("kiosk-visit", site="mall-1").until("2026-10-12 09:00")

    diary.does(diary.tasks("kiosk-visit")[0].row.id, "cancel", by="zhao", text="the mall is being rebuilt").until(
        "2027-01-10 09:00"
    )

    one = diary.task("kiosk-visit", "mall-1", "2026-Q4")
    assert (one.row.state, one.row.is_over, one.row.mark, one.row.wake_at_ms) == ("cancelled", True, "", None)
    assert len([task for task in diary.tasks() if task.row.period == "2026-Q4"]) == 1


# --- all of it -------------------------------------------------------------------------------------------------------


def _works(diary: Diary, one: TaskFound) -> None:
    """Somebody who does today what can be done today."""
    task, row = one.task, one.row
    if task.is_over or (row.opens_ms > diary.now_ms and not task.kind.agreement):
        return
    if task.kind.agreement and row.state == "planned":
        diary.does(row.id, "propose", by="wang").does(row.id, "agree", by="wang", name="钱女士")
    elif row.opens_ms > diary.now_ms or row.is_expected:
        return
    elif row.state in UNDONE:
        if row.state != "under_way":
            diary.does(row.id, "begin")
        diary.does(row.id, "finish")
    elif row.state == "done" and task.kind.owes_report:
        workdays = diary.engine.plans.workdays(task.kind, row.time_zone)
        stands = {worry.about: worry.state for worry in worries(task, workdays, diary.now_ms)}
        if stands.get("report", "open") != "waiting":
            diary.does(row.id, "report", report=f"report of {row.id}")
    else:
        diary.does(row.id, "accept", by="wang", name="钱女士")


# Shows S0-3 S0-8 S0-54.
def test_a_quarter_of_all_fifteen_kinds_is_on_time_but_for_one_that_is_late(tmp_path: Path) -> None:
    diary = Diary(tmp_path)
    for name, file in kinds().items():
        entry = next(one for one in file.kinds if one.kind == name)
        where = {"site": {"site": "mall-1"}, "contract": {}, "company": {"contract": None}}[entry.per]
        diary.plans(name, **where)
    diary.plan()

    for day in range(1, 130):
        at = instant("2026-10-01 11:00") + (day - 1) * 86_400_000
        diary.until(f"2026-{wall(at)}" if day <= 92 else f"2027-{wall(at)}")
        for one in diary.tasks():
            if (one.row.kind, one.row.period) != ("tianyi-call", "2026-11"):
                _works(diary, one)

    late = [(one.row.kind, one.row.period) for one in diary.tasks() if any(event.verb == "breach" for event in one.log)]
    assert late == [("tianyi-call", "2026-11")]
    done = {one.row.kind for one in diary.tasks() if one.row.is_over}
    assert done == set(kinds())
    overdue = [one for one in diary.tasks() if one.row.mark == "overdue"]
    assert [(one.row.kind, one.row.period) for one in overdue] == [("tianyi-call", "2026-11")]
    assert [(one.code, one.subject) for one in diary.tickets()] == [("task_late", "#mall-1")]
    assert [one.row.period for one in diary.tasks("security-visit") if one.row.is_over] == [
        "2026-07-15",
        "2026-10-15",
        "2027-01-15",
    ]
