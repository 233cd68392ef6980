"""What a ticket takes along that goes on under another number (转单), read off the log of the old one."""

from typing import Any

from roundsman_collector.core.lifecycle import Standing, Terms, Wish, refusal, standing_of
from roundsman_collector.core.stock import awaits_part
from roundsman_collector.core.ticket_log import Event, reported
from roundsman_collector.core.transfer import taken_along

MINUTE = 60_000
NOW_MS = 60 * MINUTE
CALLED: dict[str, Any] = {
    "source": "phone",
    "caller": {"name": "Chen", "phone": "13800000000"},
    "customer_priority": "major",
    "wish": "before noon",
}


def log(*lines: tuple[str, str, str, dict[str, Any]]) -> list[Event]:
    """Lines (who, verb, text, data), a minute apart."""
    return [Event(number, number * MINUTE, *line) for number, line in enumerate(lines, 1)]


OLD = log(
    ("wang", "open", "no picture", CALLED),
    ("wang", "call", "still none", {"name": "Liu", "phone": "13900000000"}),
    ("wang", "check", "", {"asked": "customer", "words": "the lens is wet", "phone": "13811111111"}),
    ("wang", "priority", "", {"priority": "urgent"}),
    ("wang", "contact", "no answer", {"outcome": "not_reached"}),
    ("wang", "consent", "", {"what": "remote", "by": "Chen"}),
    ("zhao", "override", "once more", {"rule": "replacement"}),
    ("wang", "dispatch", "", {"engineer": "li", "arrival_ms": 50 * MINUTE}),
    ("li", "arrive", "", {}),
    ("li", "loan", "", {"loan": 7}),
    ("li", "loan", "", {"loan": 8}),
    ("li", "loan_back", "", {"loan": 8}),
    ("li", "take_away", "", {"component": "camera", "serial": "C-1"}),
    ("li", "take_away", "", {"component": "disk"}),
    ("li", "bring_back", "", {"component": "disk"}),
    ("li", "leave", "", {"reason": "parts", "analysis": "none there", "next_visit_ms": 90 * MINUTE}),
)


def next_log(old: list[Event]) -> list[Event]:
    """The log of the number that goes on."""
    data = {"source": "phone", "transferred_from": "2026-000001", **taken_along(old, NOW_MS)}
    return [Event(100, NOW_MS, "wang", "open", "another book", data)]


def told(lines: list[Event]) -> dict[str, str]:
    return reported((one.verb, one.text, one.data) for one in lines)


def test_the_next_number_starts_with_what_the_old_one_knew_and_had() -> None:
    along = taken_along(OLD, NOW_MS)

    del along["carried"]
    assert along == {
        "words": "the lens is wet",
        "caller": {"name": "Chen", "phone": "13811111111"},
        "wish": "before noon",
        "asked": "customer",
        "customer_priority": "urgent",
        "calls": 1,
        "is_examined": True,
        "awaits_part": True,
        "arrival_ms": 90 * MINUTE,
        "consents": 1,
        "overrides": ["replacement"],
        "loans": [7],
        "taken_away": [{"component": "camera", "serial": "C-1"}],
    }
    assert standing_of(next_log(OLD)) == Standing(
        state="open",
        version=100,
        last_ms=NOW_MS,
        arrival_ms=90 * MINUTE,
        is_examined=True,
        taken_away=frozenset({"camera"}),
        loans=frozenset({7}),
        consents=1,
        overrides=frozenset({"replacement"}),
        calls=1,
    )


def test_however_often_a_ticket_moves_it_knows_the_same() -> None:
    second = next_log(OLD)

    third = next_log(second)

    assert {**third[0].data, "carried": None} == {**second[0].data, "carried": None}
    assert told(third) == told(second) == told(OLD)
    assert awaits_part(third)


def test_the_reason_of_a_transfer_is_not_what_the_customer_reported() -> None:
    silent = next_log(log(("wang", "open", "", {"source": "phone"})))

    assert told(silent) == {}
    assert told(next_log(log(("wang", "open", "no picture", {"source": "phone"})))) == {"words": "no picture"}
    assert told([Event(1, 0, "wang", "open", "of before", {"transferred_from": "2026-000001", "source": "phone"})]) == {
        "words": "of before"
    }


def test_what_nobody_had_is_not_named() -> None:
    along = taken_along(log(("roundsman", "open", "", {})), NOW_MS)

    del along["carried"]
    assert along == {"words": "", "is_examined": True}


def test_an_arrival_that_was_kept_is_promised_to_nobody_any_more() -> None:
    there = OLD[:9]

    assert "arrival_ms" not in taken_along(there, NOW_MS)
    assert taken_along(OLD[:8], NOW_MS)["arrival_ms"] == 50 * MINUTE


def test_what_went_along_comes_back_before_the_next_number_is_closed() -> None:
    mended = [
        *next_log(OLD),
        Event(101, NOW_MS + 1, "wang", "dispatch", "", {"engineer": "li"}),
        Event(102, NOW_MS + 2, "li", "arrive", "", {}),
        Event(103, NOW_MS + 3, "li", "fix", "", {}),
        Event(104, NOW_MS + 4, "li", "confirm", "", {}),
    ]
    back = [*mended, Event(105, NOW_MS + 5, "li", "bring_back", "", {"component": "camera"})]
    both = [*back, Event(106, NOW_MS + 6, "li", "loan_back", "", {"loan": 7})]

    wish = Wish(verb="close", now_ms=NOW_MS + 10, who="wang")
    lax = Terms(both_signatures=False, report=False, follow_up=False)
    refused = [refusal(standing_of(lines), wish, lax) for lines in (mended, back, both)]

    assert [one and one.cause for one in refused] == ["away", "lent", None]
