"""What may explain a fault, how long it waits for that, and when it is known to be late."""

from dataclasses import replace

from roundsman_collector.core.causes import DEEPEST, KINDS, POWER, TOGETHER_MS, UPLINK, Kind, Link
from roundsman_collector.core.model import Condition, DeviceState, Poll, Ref, Track
from roundsman_collector.core.policy import SILENT, Builtin, Is, Policy
from roundsman_collector.core.waiting import (
    LATE_MS,
    PATIENCE_MS,
    Above,
    Standing,
    Wiring,
    began_by_ms,
    causes_of,
    detection_ms,
    due_ms,
    is_late,
    is_well,
    release_ms,
    together,
)
from tests.collector.core.desk import rule

MINUTE = 60_000
T = 1_795_257_600_000
UNREACHABLE = "host.unreachable"
MAINS = replace(rule("power.mains_lost", Is(reading="ups.output_source", words=("battery",)), for_s=30), explains=POWER)
GONE = replace(
    rule(UNREACHABLE, Builtin(what="unanswered"), for_s=120, clear_for_s=60),
    explains=UPLINK,
    explained_by=(POWER, UPLINK),
)


def link(subject: str, kind: Kind, root: str) -> Link:
    return Link(subject, kind, root, 0, None)


def fault(root: str, explains: Kind, since_ms: int, code: str = "x.y") -> Standing:
    return Standing((root, "", code), root, explains, since_ms)


def condition(code: str, from_ms: int, confirmed_ms: int) -> Condition:
    return Condition("nvr-2", "host", code, from_ms, None, Ref("s", 1, from_ms), Ref("s", 2, confirmed_ms))


# --- who stands above ------------------------------------------------------------------------------------------------


def test_the_farthest_root_stands_first_and_each_says_what_is_lacking() -> None:
    wiring = Wiring([link("nvr-2", UPLINK, "switch-1"), link("switch-1", UPLINK, "router-1")])

    assert wiring.above("nvr-2") == (Above("router-1", UPLINK, False, 2), Above("switch-1", UPLINK, False, 1))
    assert wiring.above("router-1") == ()
    assert wiring.roots == {"switch-1", "router-1"}
    assert wiring.devices == {"nvr-2", "switch-1", "router-1"}
    assert wiring.below("router-1") == {"switch-1", "nvr-2"}


def test_a_switch_without_power_takes_the_uplink_away_and_a_ups_without_uplink_takes_nothing() -> None:
    wiring = Wiring(
        [
            link("nvr-2", UPLINK, "switch-1"),
            link("switch-1", POWER, "ups-2"),
            link("kiosk-7", POWER, "ups-2"),
            link("ups-2", UPLINK, "router-1"),
        ]
    )

    assert Above("ups-2", UPLINK, True, 2) in wiring.above("nvr-2")
    assert wiring.above("kiosk-7") == (Above("ups-2", POWER, True, 1),)


def test_those_that_stand_behind_each_other_are_each_others_roots_once_and_never_their_own() -> None:
    wiring = Wiring([link("a", POWER, "b"), link("b", POWER, "c"), link("c", POWER, "a")])

    assert [one.root for one in wiring.above("a")] == ["c", "b"]
    assert wiring.below("a") == {"a", "b", "c"}


def test_a_chain_is_followed_so_deep_and_no_deeper() -> None:
    wiring = Wiring([link(f"d{i}", UPLINK, f"d{i + 1}") for i in range(2 * DEEPEST)])

    assert max(one.distance for one in wiring.above("d0")) == DEEPEST


# --- what explains ---------------------------------------------------------------------------------------------------


def test_a_root_explains_what_began_with_it_or_after_it() -> None:
    above = [Above("switch-1", UPLINK, False, 1)]
    with_it, a_moment_too_late = T + 3 * MINUTE, T + 3 * MINUTE + 1

    for since_ms, explained in ((T - MINUTE, True), (T, True), (with_it, True), (a_moment_too_late, False)):
        cause = fault("switch-1", UPLINK, since_ms)
        assert causes_of(above, {"switch-1": [cause]}, GONE, T, 3 * MINUTE) == ([cause] if explained else [])


def test_who_only_gives_power_explains_by_its_power_alone() -> None:
    standing = {"ups-2": [fault("ups-2", UPLINK, T), fault("ups-2", POWER, T + 1)]}

    by_power = causes_of([Above("ups-2", POWER, True, 1)], standing, GONE, T, MINUTE)
    by_both = causes_of([Above("ups-2", UPLINK, False, 1)], standing, GONE, T, MINUTE)

    assert [one.explains for one in by_power] == [POWER]
    assert [one.explains for one in by_both] == [UPLINK, POWER]


def test_a_rule_that_nothing_explains_is_not_explained() -> None:
    standing = {"ups-2": [fault("ups-2", POWER, T)]}

    assert causes_of([Above("ups-2", POWER, True, 1)], standing, replace(GONE, explained_by=(UPLINK,)), T, MINUTE) == []


def test_a_root_that_is_above_twice_explains_once() -> None:
    cause = fault("ups-2", POWER, T)

    found = causes_of(
        [Above("ups-2", UPLINK, True, 2), Above("ups-2", POWER, True, 1)], {"ups-2": [cause]}, GONE, T, MINUTE
    )

    assert found == [cause]


# --- how long it waits -----------------------------------------------------------------------------------------------


def test_together_is_as_long_as_the_slowest_of_them_and_three_minutes_at_least() -> None:
    assert together(MINUTE, 0) == TOGETHER_MS == 3 * MINUTE
    assert together(MINUTE, 10 * MINUTE) == 10 * MINUTE


def test_a_root_is_found_within_its_for_time_and_its_arrive_by_and_a_silence_within_its_arrive_by() -> None:
    silent = replace(rule(SILENT, Builtin(what="silent"), for_s=600), explains=UPLINK)
    plain = rule("printer.paper_end", Is(reading="printer.paper", words=("end",)), for_s=9_000)

    assert detection_ms(Policy(rules=(MAINS, plain)), 5 * MINUTE, KINDS) == 5 * MINUTE + 30_000
    assert detection_ms(Policy(rules=(GONE,)), 5 * MINUTE, KINDS) == 7 * MINUTE
    assert detection_ms(Policy(rules=(silent, plain)), 5 * MINUTE, KINDS) == 5 * MINUTE
    assert detection_ms(Policy(rules=(plain,)), 5 * MINUTE, KINDS) == 0
    assert detection_ms(Policy(rules=(GONE,)), 5 * MINUTE, [POWER]) == 0


def test_a_fault_waits_for_its_roots_and_ten_seconds_more_and_not_at_all_without_one() -> None:
    assert due_ms(T, 5 * MINUTE) == T + 5 * MINUTE + PATIENCE_MS == T + 310_000
    assert due_ms(T, 0) == T


def test_a_silence_began_before_its_next_record_was_due_and_any_other_fault_when_it_was_seen() -> None:
    assert began_by_ms(condition(SILENT, T, T), 3 * MINUTE) == T + 3 * MINUTE
    assert began_by_ms(condition(UNREACHABLE, T, T), 3 * MINUTE) == T


def test_released_is_what_had_its_own_time_to_be_heard_and_well_again() -> None:
    assert release_ms(GONE, 3 * MINUTE) == 3 * MINUTE + MINUTE + PATIENCE_MS
    assert release_ms(None, 3 * MINUTE) == 3 * MINUTE + PATIENCE_MS


def test_late_is_what_is_known_two_minutes_after_it_would_have_been_at_once() -> None:
    seen = condition(UNREACHABLE, T, T + MINUTE)
    dated_later = condition(UNREACHABLE, T + 2 * MINUTE, T + MINUTE)
    in_time = T + MINUTE + 3 * MINUTE + LATE_MS

    assert not is_late(seen, 3 * MINUTE, T)
    assert not is_late(seen, 3 * MINUTE, in_time)
    assert is_late(seen, 3 * MINUTE, in_time + 1)
    assert not is_late(dated_later, 3 * MINUTE, in_time + MINUTE)


# --- a root that is well ---------------------------------------------------------------------------------------------

WELL = DeviceState("ups-2", False, 3 * MINUTE, T, T + 90_000, True, T + 90_000, (), (), (), None, False)
RULES = Policy(rules=(MAINS, rule("printer.paper_end", Is(reading="printer.paper", words=("end",)))))


def test_a_root_is_well_that_answered_since_and_of_which_nothing_is_suspected() -> None:
    suspected = WELL._replace(tracks=(Track(MAINS.code, "ups", False, Ref("s", 1, T)),))
    harmless = WELL._replace(tracks=(Track("printer.paper_end", "printer", False, Ref("s", 1, T)),))

    assert is_well(WELL, T - 1, RULES)
    assert is_well(harmless, T - 1, RULES)
    assert not is_well(suspected, T - 1, RULES)
    assert not is_well(WELL, T, RULES)
    assert not is_well(WELL._replace(answered=False), T - 1, RULES)
    assert not is_well(WELL._replace(pending=Poll(Ref("s", 2, T), T + 1)), T - 1, RULES)
