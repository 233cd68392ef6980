"""Clocks read off a ticket's log: what stops them, what ends them, what is told of them, and what is always true."""

import json
import random
from datetime import date
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.days import Day
from roundsman_collector.core.hours import kept
from roundsman_collector.core.level import ClockRow, ServiceLevel, Week
from roundsman_collector.core.sla import (
    RUNNING,
    Reading,
    Version,
    due_to_tell,
    facts_of,
    read,
    timetables,
    wake_at,
)
from roundsman_collector.core.ticket_log import ROBOT, Event
from roundsman_collector.core.ticket_story import carried
from tests.collector.core.told_ticket import HOLIDAYS, Story, preset, wall

MINUTE, HOUR = 60_000, 3_600_000
OUTSIDE = frozenset({"customer_absent", "rescheduled", "customer_network", "force_majeure"})


def clock(name: str, from_: str, until: str, minutes: int | None = None, **said: Any) -> ClockRow:
    target_ms = None if minutes is None else minutes * MINUTE
    only = {fact: frozenset(words) for fact, words in said.pop("only", {}).items()}
    return ClockRow(
        clock=name,
        from_=from_,
        until=until,
        target_ms=target_ms,
        calendar=said.pop("calendar", "always"),
        only=only,
        **said,
    )


def level(*clocks: ClockRow, hours: str = "24x7", **said: Any) -> ServiceLevel:
    return ServiceLevel(
        **{
            "id": "own", "zh": "自有", "en": "our own", "clocks": clocks, "escalation": (), "auto_close": True,
            "calendars": {"always": Week(hours=kept("24x7")), "office": Week(hours=kept(hours), holidays="cn")},
            "reopen_hours": 72, "call_back_minutes": 120, "both_signatures": True, "report": True, "follow_up": True,
            "delay_analysis": True, "loan_unit": True, "consent": True, "arrival_promised": False,
            "examined_first": False, "sent_at_once": (), "spare_along": False, "take_away_agreed": False,
            "transfer_agreed": False, "hand_over_agreed": False, "review": False, "replacement_after_repairs": 2,
            "replacement_without_spare_days": 30, "forms": (), **said,
        }
    )  # fmt: skip


REPAIR = clock("repair", "reported", "fixed", 240, pauses=OUTSIDE)
APPOINTMENT = clock("appointment", "promised", "arrived")


# --- when a clock begins ---------------------------------------------------------------------------------------------


def test_what_machines_report_counts_from_when_it_was_known_however_long_the_fault_was_there() -> None:
    ticket = Story(level(REPAIR)).at("10:00").happens("open", source="monitoring", happened="06:00")

    assert ticket.due() == {"repair": "03-02 14:00"}


def test_what_a_customer_reports_counts_from_the_call_and_not_from_when_it_was_entered() -> None:
    ticket = Story(level(REPAIR)).at("10:00").happens("open", source="phone", happened="09:40")

    assert ticket.due() == {"repair": "03-02 13:40"}


def test_a_ticket_that_goes_on_for_another_has_reached_what_that_one_had_and_waited_as_it_did() -> None:
    respond = clock("respond", "reported", "acknowledged", 30)
    old = Story(level(respond, REPAIR, APPOINTMENT)).at("09:00").happens("open")
    old.at("09:10").happens("acknowledge", reply="visit", arrival="13:00")
    old.at("10:00").happens("wait", reason="customer_network").at("11:00").happens("resume").at("12:00")

    new = Story(old.level).at("12:00").happens("open", transferred_from=7, carried=carried(old.log, old.now_ms))
    old.happens("transfer", to=8)

    assert new.states() == {"respond": "met", "appointment": "running", "repair": "running"}
    assert new.due() == {"appointment": "03-02 13:00", "repair": "03-02 14:00"}
    assert old.states() == {"respond": "met", "appointment": "cancelled", "repair": "cancelled"}
    assert new.at("12:30").told == ["03-02 12:14 appointment 80"], "what was told of the first is not told again"


def test_a_ticket_that_goes_on_for_another_counts_from_the_first_report_at_least() -> None:
    ticket = Story(level(REPAIR)).at("12:00").happens("open", source="monitoring", transferred_from=7, happened="09:00")

    assert ticket.due() == {"repair": "03-02 13:00"}


def test_what_is_handed_on_twice_counts_from_the_first_report() -> None:
    first = Story(level(REPAIR)).at("09:00").happens("open", source="phone", customer_priority="urgent")
    second = Story(level(REPAIR)).at("10:00").happens("open", carried=carried(first.log, first.instant("10:00")))

    third = Story(level(REPAIR)).at("11:00").happens("open", carried=carried(second.log, first.instant("11:00")))

    assert (third.due(), facts_of(third.log).priority) == ({"repair": "03-02 13:00"}, "urgent")


def test_a_step_implies_those_before_it() -> None:
    ticket = Story("kiosk", service_class="maintenance", zone="elsewhere", severity="major")
    ticket.at("09:00").happens("open")

    ticket.at("09:30").happens("dispatch", engineer="li")
    ticket.at("10:00").happens("arrive")

    ended = {one.clock: wall(one.ended_ms) for one in ticket.readings()}
    assert ended == {"solution": "03-02 09:30", "depart": "03-02 10:00", "arrive": "03-02 10:00", "mean_repair": None}


def test_an_engineer_who_was_in_a_cellar_says_afterwards_when_he_arrived() -> None:
    ticket = Story(level(clock("arrive", "reported", "arrived", 60))).at("09:00").happens("open")
    ticket.at("09:10").happens("dispatch", engineer="li")

    ticket.at("10:20").happens("arrive", happened="09:55")

    arrive = ticket.clock("arrive")
    assert ticket.told == ["03-02 09:30 arrive 50", "03-02 09:48 arrive 80", "03-02 10:00 arrive 101"]
    assert (arrive.state, arrive.recorded_breach) == ("met", True), "the breach that was recorded stays, marked"


# --- what stops it ---------------------------------------------------------------------------------------------------


def test_waiting_for_the_customer_is_not_counted_and_opens_into_its_proof() -> None:
    ticket = Story(
        level(clock("repair", "reported", "fixed", 240, calendar="office", pauses=OUTSIDE), hours="1-5 09:00-18:00")
    )
    ticket.at("16:00").happens("open", source="phone").happens("dispatch", engineer="li")

    ticket.at("17:00").happens("wait", reason="customer_absent")
    ticket.at("03-03 09:30").happens("resume")
    ticket.at("10:00")

    repair = ticket.clock("repair")
    assert wall(repair.due_ms) == "03-03 12:30"
    assert (repair.elapsed_ms, repair.remaining_ms) == (90 * MINUTE, 150 * MINUTE)
    assert ticket.proof("repair") == [
        "03-02 16:00 - 03-02 17:00 working",
        "03-02 17:00 - 03-03 09:30 customer_absent",
        "03-03 09:30 - 03-03 10:00 working",
    ]


def test_hours_in_which_nobody_works_are_shown_as_closed() -> None:
    ticket = Story(
        level(clock("repair", "reported", "fixed", 240, calendar="office"), hours="1-5 09:00-12:00, 14:00-18:00")
    )

    ticket.at("11:00").happens("open", source="phone").at("14:30")

    assert ticket.proof("repair") == [
        "03-02 11:00 - 03-02 12:00 working",
        "03-02 12:00 - 03-02 14:00 closed",
        "03-02 14:00 - 03-02 14:30 working",
    ]


def test_a_reason_that_the_contract_does_not_know_stops_nothing() -> None:
    ticket = Story(level(REPAIR)).at("09:00").happens("open").happens("dispatch", engineer="li")

    ticket.at("10:00").happens("wait", reason="parts").at("12:00")

    assert (ticket.due(), ticket.states()) == ({"repair": "03-02 13:00"}, {"repair": "running"})


def test_what_is_due_recedes_while_the_ticket_waits_and_nobody_is_told() -> None:
    ticket = Story(level(REPAIR)).at("09:00").happens("open").happens("dispatch", engineer="li")
    ticket.at("10:00").happens("wait", reason="force_majeure")

    seen = [(ticket.at(time).due()["repair"], ticket.states()["repair"]) for time in ("11:00", "15:00")]

    assert seen == [("03-02 14:00", "paused"), ("03-02 18:00", "paused")]
    assert (ticket.told, wake_at(ticket.readings(), ticket.log, ticket.now_ms)) == ([], None)


def test_waiting_ends_with_the_arrival_though_nobody_said_so() -> None:
    ticket = Story(level(REPAIR)).at("09:00").happens("open").happens("dispatch", engineer="li")
    ticket.at("10:00").happens("wait", reason="customer_absent")

    ticket.at("10:30").happens("arrive").at("11:00")

    assert ticket.due() == {"repair": "03-02 13:30"}


def test_another_time_counts_where_the_customer_agreed_and_to_that_time_alone() -> None:
    ticket = Story(level(REPAIR)).at("09:00").happens("open").happens("dispatch", engineer="li")

    ticket.at("10:00").happens("wait", reason="rescheduled").happens("appoint", arrival="14:00", agreed_by="Zhao")

    assert (ticket.due(), ticket.states()) == ({"repair": "03-02 17:00"}, {"repair": "paused"})
    assert ticket.at("15:00").states() == {"repair": "running"}, "the agreed time came, and nobody with it"
    assert ticket.due() == {"repair": "03-02 17:00"}


def test_another_time_without_the_customer_stops_nothing() -> None:
    ticket = Story(level(REPAIR)).at("09:00").happens("open").happens("dispatch", engineer="li")

    ticket.at("10:00").happens("wait", reason="rescheduled").happens("appoint", arrival="14:00")

    assert (ticket.due(), ticket.states()) == ({"repair": "03-02 13:00"}, {"repair": "running"})


def test_a_repair_that_did_not_hold_was_none_and_the_time_in_between_is_not_counted() -> None:
    ticket = Story(level(REPAIR, clock("follow_up", "fixed", "followed_up", 120))).at("09:00").happens("open")
    ticket.happens("dispatch", engineer="li").at("10:00").happens("arrive").at("11:00").happens("fix")
    assert (ticket.states()["repair"], ticket.due()) == ("met", {"follow_up": "03-02 13:00"})

    ticket.at("15:00").happens("reopen", who=ROBOT)

    assert ticket.states() == {"repair": "running", "follow_up": "waiting"}
    assert ticket.due() == {"repair": "03-02 17:00"}
    assert ticket.proof("repair") == ["03-02 09:00 - 03-02 11:00 working", "03-02 11:00 - 03-02 15:00 mended"]


def test_business_that_was_restored_and_fails_again_is_not_restored() -> None:
    ticket = Story(level(clock("restore", "reported", "restored", 240))).at("09:00").happens("open")
    ticket.happens("dispatch", engineer="li")

    ticket.at("10:00").happens("recover").at("11:00").happens("recur")

    assert (ticket.states(), ticket.due()) == ({"restore": "running"}, {"restore": "03-02 14:00"})


# --- what ends it ----------------------------------------------------------------------------------------------------


def test_what_ends_at_the_very_instant_is_met_and_a_minute_later_is_missed() -> None:
    for minute, state in ((0, "met"), (1, "missed")):
        ticket = Story(level(clock("respond", "reported", "acknowledged", 30))).at("09:00").happens("open")
        ticket.at(f"09:3{minute}").happens("acknowledge")

        assert ticket.states() == {"respond": state}


def test_a_target_of_nothing_is_due_at_once() -> None:
    ticket = Story(level(clock("respond", "reported", "acknowledged", 0))).at("09:00").happens("open", source="phone")

    assert ticket.states() == {"respond": "running"}
    assert ticket.at("09:01").states() == {"respond": "breached"}


def test_a_fault_that_went_away_by_itself_needs_no_reply_and_was_mended() -> None:
    ticket = Story(level(clock("respond", "reported", "acknowledged", 30), REPAIR)).at("09:00").happens("open")

    ticket.at("09:10").happens("resolve", who=ROBOT)

    assert ticket.states() == {"respond": "cancelled", "repair": "met"}


def test_what_needed_no_visit_needs_no_papers() -> None:
    forms = clock("forms", "reported", "forms_in", 2880)
    phone, visit = (Story(level(forms)).at("09:00").happens("open", source="phone") for _ in range(2))
    visit.happens("dispatch", engineer="li").at("10:00").happens("arrive").happens("leave", reason="parts")

    for ticket in (phone, visit):
        ticket.at("11:00").happens("resolve", how="phone")

    assert (phone.states(), visit.states()) == ({"forms": "cancelled"}, {"forms": "running"})


def test_a_reply_that_was_late_already_stays_missed_when_the_fault_goes_away() -> None:
    ticket = Story(level(clock("respond", "reported", "acknowledged", 30))).at("09:00").happens("open")

    ticket.at("09:50").happens("resolve", who=ROBOT)

    assert ticket.states() == {"respond": "missed"}


@pytest.mark.parametrize("verb", ["void", "merge", "transfer"])
def test_a_ticket_that_is_void_merged_or_handed_on_has_no_clocks_that_run(verb: str) -> None:
    ticket = Story(level(clock("respond", "reported", "acknowledged", 30), REPAIR)).at("09:00").happens("open")
    ticket.at("09:10").happens("acknowledge")

    ticket.at("15:00").happens(verb)

    repair = ticket.clock("repair")
    assert ticket.states() == {"respond": "met", "repair": "cancelled"}
    assert repair.recorded_breach, "late truth takes nothing out of the log"


def test_forms_are_in_when_the_last_of_them_is() -> None:
    ticket = Story(level(clock("forms", "reported", "forms_in", 2880), forms=("work_order", "delay")))
    ticket.at("09:00").happens("open")

    ticket.at("10:00").happens("report", forms=["work_order"])
    assert ticket.states() == {"forms": "running"}

    ticket.at("11:00").happens("report", forms=["delay"])
    assert (ticket.states(), wall(ticket.clock("forms").ended_ms)) == ({"forms": "met"}, "03-02 11:00")


def test_a_call_that_reached_nobody_is_no_follow_up() -> None:
    ticket = Story(level(clock("follow_up", "fixed", "followed_up", 120))).at("09:00").happens("open")
    ticket.happens("dispatch", engineer="li").happens("arrive").happens("fix")

    ticket.at("10:00").happens("follow_up", reached=False)
    assert ticket.states() == {"follow_up": "running"}

    ticket.at("10:30").happens("follow_up", reached=True)
    assert ticket.states() == {"follow_up": "met"}


# --- appointments ----------------------------------------------------------------------------------------------------


def test_an_appointment_is_due_when_it_was_promised() -> None:
    ticket = Story(level(APPOINTMENT)).at("09:00").happens("open")
    assert ticket.states() == {"appointment": "waiting"}

    ticket.at("09:20").happens("acknowledge", reply="visit", arrival="14:00").at("14:01")

    assert (ticket.states(), ticket.told[-1]) == ({"appointment": "breached"}, "03-02 14:00 appointment 101")


def test_an_appointment_moves_with_the_customers_word_and_not_without() -> None:
    ticket = Story(level(APPOINTMENT)).at("09:00").happens("open")
    ticket.happens("acknowledge", reply="visit", arrival="14:00")

    ticket.at("10:00").happens("appoint", arrival="16:00")
    assert ticket.due() == {"appointment": "03-02 14:00"}

    ticket.at("11:00").happens("appoint", arrival="17:00", agreed_by="Zhao")
    assert ticket.due() == {"appointment": "03-02 17:00"}


def test_an_appointment_that_was_broken_is_not_mended_by_another() -> None:
    ticket = Story(level(APPOINTMENT)).at("09:00").happens("open").happens("acknowledge", arrival="10:00")

    ticket.at("10:30").happens("appoint", arrival="14:00", agreed_by="Zhao")
    ticket.at("13:50").happens("dispatch", engineer="li").happens("arrive")

    assert ticket.states() == {"appointment": "missed"}


# --- which row counts ------------------------------------------------------------------------------------------------

COMMON = clock("repair", "reported", "fixed", 480)
URGENT = clock("repair", "reported", "fixed", 60, only={"priority": ["urgent"]})


def test_the_row_that_says_most_counts() -> None:
    town = clock("repair", "reported", "fixed", 30, only={"priority": ["urgent"], "zone": ["urban"]})
    ticket = Story(level(COMMON, URGENT, town), zone="urban").at("09:00").happens("open", customer_priority="urgent")

    assert ticket.clock("repair").row == town


def test_who_calls_it_urgent_later_brings_it_nearer_and_counts_from_then() -> None:
    ticket = Story(level(COMMON, URGENT)).at("09:00").happens("open").at("12:00").happens("priority", priority="urgent")

    assert ticket.due() == {"repair": "03-02 13:00"}, "not ten o'clock: no clock is born late"


def test_who_calls_it_urgent_shortly_before_it_is_due_gains_nothing() -> None:
    ticket = Story(level(COMMON, URGENT)).at("09:00").happens("open").at("16:30").happens("priority", priority="urgent")

    assert ticket.due() == {"repair": "03-02 17:00"}


URGENT_FLOOR = clock("repair", "reported", "fixed", 1440, promised_ms=60 * MINUTE, only={"priority": ["urgent"]})


def test_who_calls_it_urgent_never_waits_longer_whatever_the_rows_say() -> None:
    ticket = Story(level(COMMON, URGENT_FLOOR)).at("09:00").happens("open")

    ticket.at("10:00").happens("priority", priority="urgent")

    assert ticket.due() == {"repair": "03-02 17:00"}
    taken_over = carried(ticket.log, ticket.now_ms)
    new = Story(ticket.level).at("11:00").happens("open", transferred_from=7, carried=taken_over)
    assert new.due() == {"repair": "03-02 17:00"}, "nor under another number"
    new.at("12:00").happens("priority", priority="minor")
    assert new.due() == {"repair": "03-02 17:00"}


def test_what_was_handed_on_before_priorities_were_kept_with_their_times_still_has_one() -> None:
    old = Story(level(COMMON, URGENT)).at("09:00").happens("open", customer_priority="urgent")
    taken_over = {**carried(old.log, old.now_ms), "priority": "urgent"}
    del taken_over["priorities"]

    new = Story(old.level).at("09:30").happens("open", transferred_from=7, carried=taken_over)

    assert new.due() == {"repair": "03-02 10:00"}


def test_what_is_less_urgent_than_it_was_said_has_the_longer_time_from_the_start() -> None:
    ticket = Story(level(COMMON, URGENT)).at("09:00").happens("open", customer_priority="urgent")

    ticket.at("09:30").happens("priority", priority="minor")

    assert ticket.due() == {"repair": "03-02 17:00"}


def test_what_is_said_after_it_was_due_changes_nothing() -> None:
    ticket = Story(level(COMMON, URGENT)).at("09:00").happens("open", customer_priority="urgent")

    ticket.at("10:30").happens("priority", priority="minor")

    assert ticket.states() == {"repair": "breached"}


def test_a_ticket_knows_what_decides_about_it() -> None:
    ticket = Story("kiosk", zone="urban", severity="major").at("09:00").happens("open", customer_priority="urgent")

    known = facts_of(ticket.log)

    assert (known.time_zone, known.zone, known.severity, known.priority) == (
        "Asia/Shanghai",
        "urban",
        "major",
        "urgent",
    )


# --- what is told ----------------------------------------------------------------------------------------------------


def test_it_is_told_at_a_half_at_four_fifths_and_when_it_is_over_each_once() -> None:
    ticket = Story(level(clock("respond", "reported", "acknowledged", 100))).at("09:00").happens("open")

    ticket.at("03-03 09:00")

    assert ticket.told == ["03-02 09:50 respond 50", "03-02 10:20 respond 80", "03-02 10:40 respond 101"]
    assert ticket.log[-1].data == {
        "clock": "respond",
        "due_ms": ticket.instant("03-02 10:40"),
        "start_ms": ticket.instant("03-02 09:00"),
    }


def test_whoever_was_away_for_long_is_told_the_furthest_alone() -> None:
    ticket = Story(level(clock("respond", "reported", "acknowledged", 100))).at("09:00").happens("open")
    now = ticket.instant("10:30")

    told = due_to_tell(read(ticket.level, ticket.log, ticket.hours, now), ticket.log, now)

    assert [(one.verb, one.percent) for one in told] == [("warn", 80)]


def test_a_breach_that_nobody_saw_is_recorded_when_it_is_known() -> None:
    ticket = Story(level(clock("respond", "reported", "acknowledged", 30))).at("09:00").happens("open")
    ticket.now_ms = ticket.instant("11:00")  # the collector was down
    ticket.happens("acknowledge")

    told = due_to_tell(ticket.readings(), ticket.log, ticket.now_ms)

    assert [(one.verb, wall(one.due_ms)) for one in told] == [("breach", "03-02 09:30")]


def test_a_follow_up_that_is_due_again_is_told_again() -> None:
    ticket = Story(level(clock("follow_up", "fixed", "followed_up", 60))).at("09:00").happens("open")
    ticket.happens("dispatch", engineer="li").happens("arrive").happens("fix")

    ticket.at("11:00").happens("reopen").at("12:00").happens("arrive").happens("fix").at("14:00")

    breaches = [one for one in ticket.told if one.endswith("101")]
    assert breaches == ["03-02 10:00 follow_up 101", "03-02 13:00 follow_up 101"]


def test_time_does_not_run_back_when_a_clock_is_set_back() -> None:
    ticket = Story(level(REPAIR)).at("09:00").happens("open").at("11:00").happens("acknowledge")

    before = read(ticket.level, ticket.log, ticket.hours, ticket.instant("08:00"))

    assert before == read(ticket.level, ticket.log, ticket.hours, ticket.instant("11:00"))


# --- what is always true ---------------------------------------------------------------------------------------------

LEVELS = [preset(name) for name in ("kiosk", "huajun", "bidder", "tender", "security", "decoration")]
MONDAY = Story("kiosk").instant("09:00")
VERBS: list[tuple[str, dict[str, Any]]] = [
    ("acknowledge", {"reply": "visit"}),
    ("plan", {"mode": "visit"}),
    ("plan", {"mode": "phone"}),
    ("dispatch", {"engineer": "li"}),
    ("depart", {}),
    ("arrive", {}),
    ("leave", {}),
    ("fix", {}),
    ("recover", {}),
    ("recur", {}),
    ("resolve", {"how": "phone"}),
    ("reopen", {}),
    ("hand_over", {}),
    ("priority", {"priority": "urgent"}),
    ("priority", {"priority": "minor"}),
    ("report", {}),
    ("follow_up", {"reached": True}),
    ("loan", {"loan": 1}),
    ("take_away", {}),
    ("bring_back", {}),
    ("close", {}),
    ("void", {}),
]
WAITS: list[tuple[str, dict[str, Any]]] = [
    ("wait", {"reason": "customer_absent"}),
    ("wait", {"reason": "parts"}),
    ("wait", {"reason": "rescheduled", "agreed_by": "Zhao"}),
    ("resume", {}),
]
facts = st.fixed_dictionaries(
    {
        "zone": st.sampled_from(["urban", "suburban", "elsewhere"]),
        "severity": st.sampled_from(["urgent", "major", "minor"]),
        "service_class": st.sampled_from(["clerk", "maintenance", "replacement"]),
        "category": st.sampled_from(["application", "printer"]),
    }
)


@st.composite
def logs(draw: st.DrawFn, more: list[tuple[str, dict[str, Any]]]) -> list[Event]:
    """Any log at all, allowed or not: what was kept must be read."""
    steps = draw(
        st.lists(st.tuples(st.integers(0, 2000), st.sampled_from([*VERBS, *more]), st.integers(0, 300)), max_size=9)
    )
    source = draw(st.sampled_from(["phone", "monitoring"]))
    log = [
        Event(1, MONDAY, ROBOT, "open", "", {"source": source}),
        Event(2, MONDAY, ROBOT, "promise", "", {"time_zone": "Asia/Shanghai", **draw(facts)}),
    ]
    now = MONDAY
    for after, (verb, data), late in steps:
        now += after * MINUTE
        who = ROBOT if verb in ("recover", "recur") else "li"
        log.append(Event(len(log) + 1, now, who, verb, "", {**data, "at_ms": max(MONDAY, now - late * MINUTE)}))
    return log


def read_now(which: ServiceLevel, log: list[Event], now: int, holidays: Any = HOLIDAYS) -> tuple[Reading, ...]:
    return read(which, log, timetables(which, "Asia/Shanghai", holidays), now)


levels, later = st.sampled_from(LEVELS), st.integers(0, 8000).map(lambda minutes: minutes * MINUTE)


@given(levels, logs(WAITS), later)
def test_every_clock_proves_itself(which: ServiceLevel, log: list[Event], after: int) -> None:
    now = log[-1].at_ms + after

    for one in read_now(which, log, now):
        if one.start_ms is None:
            assert one.state in ("waiting", "cancelled")
            continue
        until = max(one.start_ms, now if one.ended_ms is None else one.ended_ms)
        assert one.ended_ms is None or one.ended_ms >= one.start_ms, "no clock ends before it starts"
        assert (one.state in RUNNING) == (one.ended_ms is None)
        ends = [one.start_ms, *(end for segment in one.segments for end in segment[:2]), until]
        assert all(left == right for left, right in zip(ends[::2], ends[1::2], strict=True)), "segments are gapless"
        assert all(segment.from_ms < segment.to_ms for segment in one.segments)
        assert one.elapsed_ms == sum(s.to_ms - s.from_ms for s in one.segments if s.kind == "working")
        assert one.target_ms is None or one.elapsed_ms + (one.remaining_ms or 0) == one.target_ms


@given(levels, logs(WAITS), later, st.randoms(use_true_random=False))
def test_the_same_log_gives_the_same_clocks_in_whatever_order_it_comes(
    which: ServiceLevel, log: list[Event], after: int, chance: random.Random
) -> None:
    now = log[-1].at_ms + after
    replayed = [Event(*json.loads(json.dumps(event))) for event in log]
    chance.shuffle(replayed)

    assert read_now(which, replayed, now) == read_now(which, log, now)


@given(levels, logs([]), st.lists(st.integers(0, 12_000), min_size=4, max_size=8, unique=True).map(sorted), st.data())
def test_a_pause_more_never_makes_anything_due_sooner(
    which: ServiceLevel, log: list[Event], ends: list[int], data: st.DataObject
) -> None:
    pauses = [(MONDAY + a * MINUTE, MONDAY + b * MINUTE) for a, b in zip(ends[::2], ends[1::2], strict=False)]
    fewer = [pause for pause in pauses if data.draw(st.booleans())]
    now = max(log[-1].at_ms, pauses[-1][1]) + 1

    before, after = (
        {one.clock: one for one in read_now(which, with_waits(log, some), now)} for some in (fewer, pauses)
    )

    assert before.keys() == after.keys()
    for name, one in before.items():
        assert one.due_ms is None or (after[name].due_ms or 0) >= one.due_ms
        assert one.promised_due_ms is None or (after[name].promised_due_ms or 0) >= one.promised_due_ms


def with_waits(log: list[Event], pauses: list[tuple[int, int]]) -> list[Event]:
    waits = [
        (at, verb, {"reason": "force_majeure"})
        for pause in pauses
        for at, verb in zip(pause, ("wait", "resume"), strict=True)
    ]
    told = [((event.at_ms, 0), event) for event in log]
    told += [((at, 1), Event(0, at, "li", verb, "", data)) for at, verb, data in waits]
    return [event._replace(id=number) for number, (_, event) in enumerate(sorted(told, key=lambda one: one[0]), 1)]


@given(levels, logs(WAITS), st.integers(0, 8000), st.integers(0, 8000))
def test_editing_a_calendar_tomorrow_never_changes_yesterday(
    which: ServiceLevel, log: list[Event], now: int, edit: int
) -> None:
    looked, edited = MONDAY + now * MINUTE, MONDAY + max(now, edit) * MINUTE
    (before,) = HOLIDAYS["cn"]
    week = {date(2026, 3, day): Day(kind="holiday") for day in range(1, 20)}
    changed = {"cn": (before, Version(max(edited, log[-1].at_ms) + 1, {**before.days, **week}))}

    for old, new in zip(read_now(which, log, looked), read_now(which, log, looked, changed), strict=True):
        assert (old.elapsed_ms, old.segments, old.ended_ms) == (new.elapsed_ms, new.segments, new.ended_ms)
        if old.due_ms is not None and old.due_ms <= edited:
            assert old == new


@given(levels, logs([]), st.sampled_from(["urgent", "minor"]), st.integers(0, 4000))
def test_no_clock_is_born_late_by_what_is_said(which: ServiceLevel, log: list[Event], said: str, after: int) -> None:
    now = log[-1].at_ms + after * MINUTE
    more = [*log, Event(len(log) + 1, now, "li", "priority", "", {"priority": said})]

    before = {one.clock: one for one in read_now(which, log, now)}

    for one in read_now(which, more, now):
        if one.due_ms is not None and one.ended_ms is None:
            old = before.get(one.clock)
            assert one.due_ms >= (now if old is None or old.due_ms is None else min(now, old.due_ms))


@given(levels, logs(WAITS), later)
def test_what_is_due_to_be_told_is_told_once_and_nothing_is_forgotten(
    which: ServiceLevel, log: list[Event], after: int
) -> None:
    hours = timetables(which, "Asia/Shanghai", HOLIDAYS)
    now, until = log[-1].at_ms, log[-1].at_ms + after
    log = list(log)
    told: list[tuple[str, int, int]] = []

    for _ in range(60):
        readings = read(which, log, hours, now)
        for tell in due_to_tell(readings, log, now):
            told.append((tell.clock, tell.percent, tell.start_ms))
            log.append(Event(len(log) + 1, now, ROBOT, tell.verb, "", tell.data))
        next_ms = wake_at(read(which, log, hours, now), log, now)
        if next_ms is None or next_ms > until:
            break
        assert next_ms > now or due_to_tell(read(which, log, hours, now), log, now), "no waking up for nothing"
        now = next_ms

    assert len(set(told)) == len(told)
    for name in {one[0] for one in told}:
        percents = [percent for clock_, percent, _ in told if clock_ == name]
        assert all(first < second for first, second in pairwise(percents))
    for one in read(which, log, hours, until):
        if one.state in ("breached", "missed"):
            assert one.recorded_breach
