"""What customers said of the service: which word counts, and marks together."""

from fractions import Fraction
from typing import Any

from roundsman_collector.core.judgements import Judgement, judged, rated
from roundsman_collector.core.ticket_log import Event


def log(*lines: tuple[str, dict[str, Any]]) -> list[Event]:
    return [Event(number, 10 * number, "li", verb, "还行", data) for number, (verb, data) in enumerate(lines, 1)]


# Shows S4-38.
def test_the_last_word_of_a_customer_counts_and_leaves_open_what_it_does_not_speak_of() -> None:
    lines = log(("confirm", {"rating": 4}), ("follow_up", {"satisfied": True, "rating": 5}), ("follow_up", {}))

    assert judged(lines[:1]) == Judgement(10, "li", "confirm", None, 4, "还行")
    assert judged(lines) == Judgement(20, "li", "follow_up", True, 5, "还行")
    assert judged(log(("confirm", {"rating": 4}), ("follow_up", {"satisfied": False}))) == Judgement(
        20, "li", "follow_up", False, 4, "还行"
    )


def test_who_was_not_reached_judged_nothing() -> None:
    assert judged(log(("follow_up", {"reached": False, "satisfied": False, "rating": 1}))) is None
    assert judged(log(("confirm", {"name": "王"}))) is None
    assert judged(log(("confirm", {"rating": 9}), ("follow_up", {"rating": True, "satisfied": "yes"}))) is None


def test_a_repair_that_did_not_hold_is_judged_anew() -> None:
    lines = log(("confirm", {"rating": 5}), ("reopen", {}))

    assert judged(lines) is None
    assert judged([*lines, *log(("confirm", {"rating": 2}))]) == Judgement(10, "li", "confirm", None, 2, "还行")


def test_marks_are_counted_each_and_have_a_mean() -> None:
    told = [Judgement(1, "li", "confirm", None, mark, "") for mark in (5, 5, 4, None)]

    assert rated(told).counts == {5: 2, 4: 1, 3: 0, 2: 0, 1: 0}
    assert (rated(told).given, rated(told).mean) == (3, Fraction(14, 3))
    assert rated([]).mean is None
