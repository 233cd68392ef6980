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


# Shows S0-13.
def test_who_says_that_somebody_comes_says_when_where_the_service_level_asks_for_it() -> None:
    terms = Terms(arrival_promised=True)

    assert why(standing(OPENED), "acknowledge", reply="visit") == ""
    assert why(standing(OPENED), "acknowledge", terms=terms, reply="visit") == "no_arrival"
    assert why(standing(OPENED), "acknowledge", terms=terms, reply="visit", arrival_ms=500) == ""
    assert why(standing(OPENED), "acknowledge", terms=terms, reply="phone") == ""
    assert why(standing(OPENED), "dispatch", terms=terms, engineer="li") == "no_arrival", "a reply may be left out"
    assert why(standing(OPENED), "dispatch", terms=terms, engineer="li", arrival_ms=500) == ""
    appointed = standing(OPENED, ("wang", "appoint", {"arrival_ms": 500, "agreed_by": "Chen"}))
    assert why(appointed, "dispatch", terms=terms, engineer="li") == ""
    left = standing(*A_VISIT, ("li", "leave", {"reason": "parts", "analysis": "x"}))
    assert why(left, "dispatch", terms=terms, engineer="li") == "no_arrival", "the next visit has its own"


CALLED: Line = ("wang", "open", {"source": "phone"})


# Shows S1-63, S1-64, S2-18.
@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        ((CALLED,), "not_examined"),
        ((CALLED, ("wang", "acknowledge", {"reply": "phone"})), "not_examined"),
        ((CALLED, ("wang", "contact", {"outcome": "reached"})), "not_examined"),
        ((CALLED, ("wang", "contact", {"outcome": "refused"})), "not_examined"),
        ((CALLED, ("wang", "amend")), "not_examined"),
        ((OPENED,), ""),
        ((CALLED, ("wang", "examine", {"how": "phone"})), ""),
        ((CALLED, ("wang", "contact", {"outcome": "declined"})), ""),
        ((CALLED, ("wang", "contact", {"outcome": "not_reached"})), ""),
        ((CALLED, (ROBOT, "amend")), ""),
        ((CALLED, ("wang", "resolve", {"how": "phone"}), ("wang", "reopen")), ""),
        ((("wang", "open", {"source": "phone", "transferred_from": "1", "is_examined": True}),), ""),
    ],
    ids=[
        "a call",
        "a reply",
        "the customer was reached",
        "the customer wants nobody",
        "a person's amendment",
        "found by monitoring",
        "asked by phone",
        "no advice wanted",
        "nobody answers",
        "the readings found it too",
        "help by phone did not last",
        "goes on for another that was",
    ],
)
def test_nobody_is_sent_before_it_was_looked_into_from_afar_or_that_could_not_be(
    lines: tuple[Line, ...], cause: str
) -> None:
    known = standing(*lines)

    assert why(known, "dispatch", terms=Terms(examined_first=True), engineer="li") == cause
    assert why(known, "dispatch", engineer="li") == "", "where nobody asks for it"
    assert why(known, "dispatch", terms=Terms(examined_first=True, sent_at_once=True), engineer="li") == ""


def test_what_was_found_from_afar_is_written_down() -> None:
    assert why(standing(OPENED), "examine", text=" ", how="phone") == "no_words"
    assert why(standing(OPENED), "examine", how="phone") == ""
    assert why(standing(*A_VISIT), "examine", how="phone") == "state", "who is there does not look from afar"


# Shows S4-15.
def test_a_grave_fault_has_somebody_sent_while_others_work_on_it_remotely() -> None:
    grave = Terms(sent_at_once=True)
    sent = standing(OPENED, ("wang", "dispatch", {"engineer": "li"}), ("li", "depart"))

    assert [why(standing(OPENED), "plan", terms=grave, mode=mode) for mode in ("phone", "remote", "visit")] == [
        "send_at_once",
        "send_at_once",
        "",
    ]
    assert why(standing(OPENED), "plan", mode="remote") == ""
    assert why(sent, "examine", terms=grave, how="remote") == ""
    assert why(sent, "resolve", terms=grave, how="remote") == "no_consent"
    agreed = standing(OPENED, ("wang", "dispatch"), ("li", "depart"), ("wang", "consent"))
    assert why(agreed, "resolve", terms=grave, how="remote") == "", "li turns back"


# Shows S4-4.
def test_nobody_leaves_without_the_spare_where_the_level_asks_for_one() -> None:
    sent = standing(OPENED, ("wang", "dispatch"))
    on_the_way = standing(OPENED, ("wang", "dispatch"), ("li", "depart"))
    terms = Terms(lacks_spare=True)

    assert [why(sent, verb) for verb in ("depart", "arrive")] == ["", ""]
    assert [why(sent, verb, terms=terms) for verb in ("depart", "arrive")] == ["no_spare_along"] * 2
    assert why(on_the_way, "arrive", terms=terms) == "", "what is forgotten is warned of, and counted, not undone"


# Shows S1-45.
def test_nothing_is_taken_along_without_the_customers_consent() -> None:
    known = standing(*A_VISIT, ("li", "loan", {"loan": 7}), ("wang", "consent", {"what": "a restart", "by": "Chen"}))
    terms = Terms(take_away_agreed=True)

    assert why(known, "take_away", component="printer") == ""
    assert why(known, "take_away", terms=terms, component="printer", agreed_by=" ") == "not_agreed"
    assert why(known, "take_away", terms=terms, component="printer", agreed_by="Chen") == ""


# Shows S0-42.
def test_both_sides_agree_before_another_ticket_goes_on() -> None:
    known, terms = standing(*A_VISIT), Terms(transfer_agreed=True)

    assert why(known, "transfer") == ""
    assert why(known, "transfer", terms=terms) == "not_agreed"
    assert why(known, "transfer", terms=terms, agreed_by="Chen") == "not_agreed"
    assert why(known, "transfer", terms=terms, agreed_by="Chen", approved_by="Zhao") == ""
    assert why(standing(*A_VISIT, *SIGNED), "transfer", terms=terms) == "", "both signed on the phone"


# Shows S0-58.
@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        ((("wang", "hand_over", {"to": "zhao"}),), "not_agreed"),
        ((("wang", "hand_over", {"to": "zhao", "agreed_by": "Chen"}),), ""),
        ((("wang", "hand_over", {"to": "zhao"}), ("zhao", "follow_up", {"satisfied": True})), ""),
        ((("wang", "hand_over", {"to": "zhao"}), ("zhao", "follow_up", {"satisfied": False})), "not_agreed"),
        (
            (("wang", "hand_over", {"to": "zhao"}), ("zhao", "follow_up", {"reached": False, "satisfied": True})),
            "not_agreed",
        ),
        (
            (("wang", "hand_over", {"to": "zhao", "agreed_by": "Chen"}), ("zhao", "hand_over", {"to": "sun"})),
            "not_agreed",
        ),
        ((), ""),
    ],
    ids=["nobody asked", "agreed at once", "content", "not content", "not reached", "handed on again", "never"],
)
def test_what_was_handed_over_is_closed_with_the_customers_word(lines: tuple[Line, ...], cause: str) -> None:
    known = replace(standing(OPENED, *lines, ("zhao", "resolve", {"how": "other"})), state="resolved")

    assert why(known, "close", terms=Terms(hand_over_agreed=True)) == cause
    assert why(known, "close") == "", "where nobody asks for it"


WHOLE: tuple[Line, ...] = (
    *MENDED,
    (ROBOT, "verify"),
    *SIGNED,
    ("li", "confirm"),
    ("li", "report"),
    ("wang", "follow_up"),
)


# Shows S4-42.
def test_what_people_worked_on_is_reviewed_by_somebody_else_before_the_end() -> None:
    terms, known = Terms(review=True), standing(*WHOLE)

    assert why(known, "close", terms=terms) == "no_review"
    assert why(known, "review", terms=terms, accepted=True) == "not_yours"
    assert why(replace(known, engineer="wang"), "review", terms=terms, accepted=True, boss=True) == "own"
    assert why(standing(*WHOLE[:-1]), "review", terms=terms, accepted=True, boss=True) == "no_follow_up"
    assert why(known, "review", terms=terms, accepted=True, boss=True) == ""
    assert why(standing(*WHOLE, ("zhao", "review", {"accepted": True})), "close", terms=terms) == ""
    assert why(standing(OPENED, (ROBOT, "resolve")), "close", terms=terms) == "", "nobody worked on it"


def test_what_a_review_sends_back_is_done_again() -> None:
    terms, sent_back = Terms(review=True), ("zhao", "review", {"accepted": False})
    helped: tuple[Line, ...] = (OPENED, ("wang", "resolve", {"how": "phone"}), ("wang", "follow_up"))

    assert why(standing(*WHOLE), "review", text=" ", accepted=False, boss=True) == "no_words"
    assert why(standing(*WHOLE[:-1]), "review", accepted=False, boss=True) == "", "what is wrong is said at once"
    visited = standing(*WHOLE, sent_back)
    assert (visited.state, why(visited, "close", terms=terms)) == ("followed_up", "no_report")
    again = standing(*WHOLE, sent_back, ("li", "report"))
    assert (why(again, "close", terms=terms), why(again, "review", accepted=True, boss=True)) == ("no_review", "")
    assert why(standing(*helped, sent_back), "close", terms=terms) == "no_follow_up"
    reopened = standing(*WHOLE, ("zhao", "review", {"accepted": True}), ("wang", "reopen"))
    assert not reopened.is_reviewed


# Shows S1-64.
def test_a_customer_who_refuses_or_cannot_be_reached_is_a_reason_of_its_own() -> None:
    known = standing(*A_VISIT)

    assert why(known, "leave", reason="refused", analysis="let nobody in") == ""
    assert [why(known, "wait", reason=reason) for reason in ("refused", "not_reached")] == ["", ""]
    assert why(known, "contact", outcome="not_reached") == ""


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
