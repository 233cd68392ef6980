"""What may be asked of an agent: verbs with their arguments, and a consent worth keeping."""

import pytest

from roundsman_collector.core.asking import (
    CHANGING,
    DAY_MS,
    HOW,
    VERBS,
    AskError,
    Consent,
    agreed,
    checked,
    expiry,
    told_to_agent,
    verb_of,
)
from roundsman_wire.report import Command

NOW = 1_795_257_600_000
GIVEN = {"who": "张三", "how": "phone", "at_ms": NOW - 60_000, "device": "kiosk-7", "text": "屏幕卡死，同意重启"}


def consent(**other: object) -> Consent:
    return Consent(**{**GIVEN, **other})  # type: ignore[arg-type]


def test_what_changes_something_is_a_restart_or_a_reboot() -> None:
    assert sorted(CHANGING) == ["reboot", "restart_app"]


def test_arguments_are_sent_as_they_are_typed_and_empty_ones_are_not() -> None:
    assert checked("log_tail", {"log": "kiosk", "lines": "100"}) == {"log": "kiosk", "lines": 100}
    assert checked("inspect", {"device": ""}) == {}
    assert checked("diagnose", {"checks": "spool, line"}) == {"checks": "spool,line"}


@pytest.mark.parametrize(
    ("verb", "args", "field"),
    [
        ("log_tail", {}, "args.log"),
        ("log_tail", {"log": "../etc/passwd"}, "args.log"),
        ("log_tail", {"log": "kiosk", "lines": 0}, "args.lines"),
        ("log_tail", {"log": "kiosk", "lines": 1e9}, "args.lines"),
        ("log_tail", {"log": "kiosk", "lines": True}, "args.lines"),
        ("log_tail", {"log": "kiosk", "lines": "9" * 5000}, "args.lines"),
        ("inspect", {"device": "KIOSK 7"}, "args.device"),
        ("inspect", {"device": 7}, "args.device"),
        ("inspect", {"path": "/"}, "args.path"),
        ("diagnose", {"checks": "a;b"}, "args.checks"),
        ("diagnose", {"checks": ","}, "args.checks"),
        ("reboot", {"force": "yes"}, "args.force"),
    ],
)
def test_an_argument_of_another_kind_is_refused_with_its_place(verb: str, args: dict[str, object], field: str) -> None:
    with pytest.raises(AskError) as refused:
        checked(verb_of(verb), args)

    assert refused.value.field == field


@pytest.mark.parametrize("verb", ["", "rm", "printer.feed", "INSPECT"])
def test_another_verb_is_refused(verb: str) -> None:
    with pytest.raises(AskError):
        verb_of(verb)


@pytest.mark.parametrize("seconds", [0, 9, 3601, float("nan"), float("inf"), -1])
def test_a_command_lives_neither_too_short_nor_too_long(seconds: float) -> None:
    with pytest.raises(AskError):
        expiry(seconds)


@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({"who": "  "}, "consent.who"),
        ({"who": "x" * 81}, "consent.who"),
        ({"how": "telepathy"}, "consent.how"),
        ({"at_ms": NOW + 10 * 60_000}, "consent.at"),
        ({"at_ms": NOW - 31 * DAY_MS}, "consent.at"),
        ({"device": "not an id"}, "consent.device"),
        ({"text": "x" * 201}, "consent.text"),
    ],
)
def test_a_consent_says_who_how_when_and_for_which_device(other: dict[str, object], field: str) -> None:
    with pytest.raises(AskError) as refused:
        agreed(consent(**other), NOW)

    assert refused.value.field == field


def test_a_consent_a_moment_ahead_of_our_clock_is_one_of_now() -> None:
    assert agreed(consent(at_ms=NOW + 30_000), NOW).at_ms == NOW


def test_the_agent_keeps_a_line_of_it_that_the_wire_can_carry() -> None:
    longest = consent(who="名" * 80, how=max(HOW, key=len), device="d" * 63, text="字" * 200)
    limit = Command.__annotations__["consent"].__args__[0].__metadata__[0].max_length

    assert told_to_agent(consent()) == "张三; phone; 2026-11-21T10:39:00Z; kiosk-7; 屏幕卡死，同意重启"
    assert len(told_to_agent(longest)) <= limit


def test_every_verb_has_a_name_in_both_languages() -> None:
    assert all(ask.zh and ask.en for ask in VERBS.values())
