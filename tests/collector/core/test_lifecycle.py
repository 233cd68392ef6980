"""How a ticket lives: told as logs, from the report to the signature, and what may not be done on the way."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.lifecycle import (
    LIVE,
    OVER,
    STATES,
    STEPS,
    Refusal,
    Standing,
    Terms,
    Wish,
    after,
    offered,
    refusal,
    standing_of,
)
from roundsman_collector.core.ticket_log import ROBOT, Event

MINUTE = 60_000
Line = tuple[str, str] | tuple[str, str, dict[str, Any]]
OPENED: Line = ("roundsman", "open")
A_VISIT: tuple[Line, ...] = (
    OPENED,
    ("wang", "acknowledge", {"arrival_ms": 500}),
    ("wang", "plan", {"mode": "visit"}),
    ("wang", "dispatch", {"engineer": "li"}),
    ("li", "depart"),
    ("li", "arrive"),
)
MENDED: tuple[Line, ...] = (*A_VISIT, ("li", "fix", {"work": "changed the head", "cause": "product"}))
SIGNED: tuple[Line, ...] = (
    ("li", "sign", {"side": "service", "name": "Li", "file": 1}),
    ("li", "sign", {"side": "customer", "name": "Chen", "file": 2}),
)


def log(*lines: Line) -> list[Event]:
    """Lines, a minute apart."""
    return [
        Event(number, number * MINUTE, line[0], line[1], "words", line[2] if len(line) == 3 else {})
        for number, line in enumerate(lines, 1)
    ]


def standing(*lines: Line) -> Standing:
    return standing_of(log(*lines))


def why(known: Standing, verb: str, text: str = "words", terms: Terms | None = None, **said: Any) -> str:
    """The cause for which a step is refused; empty: it is not."""
    wish = Wish(
        verb=verb, now_ms=1000 * MINUTE, who="wang", text=text, data=said, may_overrule=bool(said.pop("boss", False))
    )
    refused = refusal(known, wish, terms or Terms())
    return "" if refused is None else refused.cause


# Shows S3-16.
def test_a_visit_goes_from_the_report_to_the_signature() -> None:
    lines = [
        *MENDED,
        (ROBOT, "verify"),
        *SIGNED,
        ("wang", "confirm", {"name": "Chen"}),
        ("li", "report", {"forms": ["work_order"]}),
        ("wang", "follow_up", {"reached": True, "rating": 5}),
        ("wang", "close"),
    ]

    course = [standing(*lines[:count]).state for count in range(1, len(lines) + 1)]

    assert list(dict.fromkeys(course)) == [
        "open",
        "acknowledged",
        "planned",
        "dispatched",
        "departed",
        "on_site",
        "fixed",
        "verified",
        "confirmed",
        "followed_up",
        "closed",
    ]
    for count in range(1, len(lines)):
        verb, said = lines[count][1], lines[count][2] if len(lines[count]) == 3 else {}  # type: ignore[misc]
        if lines[count][0] != ROBOT:
            assert why(standing(*lines[:count]), verb, **said) == "", verb


def test_what_is_known_of_a_ticket_is_read_off_its_log() -> None:
    known = standing(*MENDED)

    assert (known.engineer, known.arrival_ms, known.visits, known.repairs) == ("li", 500, 1, 1)
    assert known.acknowledged_ms == 2 * MINUTE
    assert known.version == len(MENDED)


# Shows S0-17, S4-40.
@pytest.mark.parametrize(
    ("missing", "cause"),
    [
        ((), "unsigned"),
        (SIGNED[:1], "unsigned"),
        (SIGNED, "no_report"),
        ((*SIGNED, ("li", "report")), "no_follow_up"),
        ((*SIGNED, ("li", "report"), ("wang", "follow_up", {"reached": False})), "no_follow_up"),
        ((*SIGNED, ("li", "report"), ("wang", "follow_up")), ""),
    ],
    ids=["nothing", "one signature", "no report", "no follow-up", "nobody was reached", "everything"],
)
def test_a_visit_is_closed_with_both_signatures_a_report_and_a_follow_up(missing: tuple[Line, ...], cause: str) -> None:
    known = replace(standing(*MENDED, (ROBOT, "verify"), *missing), state="confirmed")

    assert why(known, "close") == cause


# Shows S0-15.
def test_a_visit_that_ends_unfixed_needs_its_analysis() -> None:
    known = standing(*A_VISIT)

    assert why(known, "leave") == "no_analysis"
    assert why(known, "leave", reason="parts", analysis=" ") == "no_analysis"
    assert why(known, "leave", reason="parts", analysis="the head must be ordered") == ""
    assert standing(*A_VISIT, ("li", "leave", {"reason": "parts", "next_visit_ms": 900})).arrival_ms == 900


# Shows S0-6.
def test_who_takes_something_away_brings_a_loan_unit_which_comes_back_before_the_end() -> None:
    lent: tuple[Line, ...] = (
        *A_VISIT,
        ("li", "loan", {"loan": 7}),
        ("li", "take_away", {"component": "printer"}),
        ("li", "fix", {"work": "in the workshop"}),
        *SIGNED,
        ("li", "confirm"),
        ("li", "report"),
        ("wang", "follow_up"),
    )

    assert why(standing(*A_VISIT), "take_away", component="printer") == "no_loan"
    assert why(standing(*lent[:7]), "take_away", component="printer") == ""
    assert why(standing(*lent), "close") == "away"
    assert why(standing(*lent), "bring_back", component="screen") == "not_away"
    back = standing(*lent, ("li", "bring_back", {"component": "printer"}))
    assert why(back, "close") == "lent"
    assert why(back, "loan_back", loan=8) == "no_loan"
    assert (
        why(standing(*lent, ("li", "bring_back", {"component": "printer"}), ("li", "loan_back", {"loan": 7})), "close")
        == ""
    )


def test_a_part_that_was_repaired_too_often_is_replaced_unless_a_manager_overrules_it() -> None:
    blocked = Terms(blocked=Refusal("replace", "已修复两次", "two repairs of the printer did not hold"))
    known = standing(*A_VISIT)

    assert why(known, "fix", terms=blocked, work="again") == "replace"
    assert why(known, "fix", terms=blocked, work="a new one", is_replaced=True) == ""
    assert why(known, "override", rule="replacement") == "not_yours"
    assert why(known, "override", text=" ", rule="replacement", boss=True) == "no_words"
    allowed = standing(*A_VISIT, ("zhao", "override", {"rule": "replacement"}))
    assert why(allowed, "fix", terms=blocked, work="again") == ""


def test_nothing_is_done_remotely_without_consent() -> None:
    known = standing(OPENED, ("wang", "acknowledge"))

    assert why(known, "resolve", how="remote") == "no_consent"
    assert why(standing(OPENED, ("wang", "consent", {"what": "restart", "by": "Chen"})), "resolve", how="remote") == ""


def test_who_was_helped_by_phone_is_called_back_before_the_end() -> None:
    known = standing(OPENED, ("wang", "resolve", {"how": "false_alarm"}))

    assert (known.state, why(known, "close")) == ("resolved", "no_follow_up")
    not_reached = standing(OPENED, ("wang", "resolve", {"how": "phone"}), ("wang", "follow_up", {"reached": False}))
    assert (not_reached.state, why(not_reached, "close")) == ("resolved", "no_follow_up")
    reached = standing(OPENED, ("wang", "resolve", {"how": "phone"}), ("wang", "follow_up", {"reached": True}))
    assert (reached.state, why(reached, "close")) == ("followed_up", "")


def test_a_fault_that_went_by_itself_needs_no_call() -> None:
    known = standing(OPENED, (ROBOT, "resolve"))

    assert (known.state, known.fault_is_over, why(known, "close")) == ("resolved", True, "")


def test_what_is_dated_lies_between_the_last_step_and_now() -> None:
    known = standing(*A_VISIT[:5])

    assert why(known, "arrive", at_ms=4 * MINUTE) == "before"
    assert why(known, "arrive", at_ms=1001 * MINUTE) == "future"
    assert why(known, "arrive", at_ms=500 * MINUTE) == ""


def test_a_ticket_waits_for_one_reason_at_a_time_and_goes_on_when_somebody_comes() -> None:
    waiting = standing(*A_VISIT[:4], ("li", "wait", {"reason": "customer_absent"}))

    assert waiting.waiting == "customer_absent"
    assert why(waiting, "wait", reason="parts") == "waits"
    assert why(standing(*A_VISIT[:4]), "wait", reason="tea") == "no_reason"
    assert why(standing(*A_VISIT[:4]), "resume") == "not_waiting"
    assert standing(*A_VISIT[:4], ("li", "wait", {"reason": "parts"}), ("li", "arrive")).waiting == ""


def test_a_reopened_ticket_is_mended_and_signed_anew() -> None:
    known = standing(*MENDED, *SIGNED, ("li", "report"), ("wang", "reopen"))

    assert (known.state, known.signed, known.is_reported, known.engineer) == ("acknowledged", frozenset(), False, "li")


def test_every_visit_is_signed_for_itself() -> None:
    known = standing(*A_VISIT, *SIGNED, ("li", "leave", {"reason": "parts", "analysis": "x"}), *A_VISIT[3:], MENDED[-1])

    assert (known.visits, known.signed) == (2, frozenset())


@pytest.mark.parametrize("state", sorted(STATES))
def test_every_state_says_what_leads_on_and_what_is_over_leads_nowhere(state: str) -> None:
    moves = {STEPS[verb].to for verb in offered(state)} - {None}

    if state in ("closed", "void", "merged", "transferred"):
        assert moves == set()
    else:
        assert moves - {state}, state


def test_states_are_live_or_over() -> None:
    assert sorted((*LIVE, *OVER)) == sorted(STATES)


@pytest.mark.parametrize(
    ("verb", "state"), [(verb, state) for verb in STEPS for state in STATES if state not in STEPS[verb].from_]
)
def test_a_jump_that_the_table_does_not_have_is_refused(verb: str, state: str) -> None:
    assert why(Standing(state=state), verb) in ("state", "no_step")


def lines() -> st.SearchStrategy[list[Line]]:
    verbs = st.sampled_from([*STEPS, "unheard"])
    said = st.fixed_dictionaries({}, optional={"reason": st.text(), "component": st.text(), "rating": st.integers()})
    return st.lists(st.tuples(st.sampled_from(["wang", ROBOT]), verbs, said), max_size=30)


@given(lines())
def test_a_log_of_any_kind_is_read_and_read_in_parts_says_the_same(told: list[Line]) -> None:
    whole = [one for one in log(*told) if one.verb not in ("loan", "loan_back")]

    def parts() -> Iterator[Standing]:
        known = Standing()
        for event in whole:
            known = after(known, event)
            yield known

    last = [Standing(), *parts()][-1]
    assert last == standing_of(whole)
    assert last.state in ("", *STATES)
