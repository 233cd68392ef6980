"""What there is to worry about in a task: who is told what and when, and what is never told twice."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.plans import tasks_between
from roundsman_collector.core.tasks import STATES
from roundsman_collector.core.ticket_log import ROBOT, Event
from roundsman_collector.core.worries import ABOUT, MARKS, TELL, due_to_tell, needs_ticket, wake_at_ms, worries
from tests.collector.core.planned import day, kind, ms, plan, workdays
from tests.collector.core.told_task import COVERED, NAMES, Tale, verbs, walked


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


# Shows S4-25.
def test_of_a_due_date_that_came_nearer_because_the_work_began_danger_is_told_anew() -> None:
    tale = Tale("kiosk-phone", "2026-11-01", danger_days=2).at("2026-11-26 08:00")
    assert tale.told[-1] == "11-26 00:00 work danger", "of the month's end"

    tale.happens("begin").at("2026-11-30 00:00")

    assert tale.told[3:] == ["11-26 08:00 work danger", "11-30 00:00 work overdue"], "of the 29th, a Sunday"


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


# Shows S4-34.
def test_of_statistics_nobody_is_late_before_the_visit_that_they_follow_has_ended() -> None:
    tale = Tale("kiosk-visit", "2026-07-01")
    known, lead = kind("kiosk-statistics"), tale.due
    window = (day("2026-07-01"), day("2026-07-02"), workdays())
    tale.kind = known

    (tale.due,) = tasks_between(plan(), known, *window, [(lead, None)])
    tale.at("2026-10-20 00:00")
    before = (tale.stands(), [*tale.told], needs_ticket(tale.task, tale.worries()))
    (tale.due,) = tasks_between(plan(), known, *window, [(lead, day("2026-10-19"))])
    tale.at("2026-11-20 00:00")

    assert before == ({"work": "waiting"}, [], False)
    assert tale.told == ["10-20 00:00 work open", "10-23 00:00 work danger", "10-27 00:00 work overdue"]


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
