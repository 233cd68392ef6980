"""Who is due and what a round becomes."""

import math

from hypothesis import given
from hypothesis import strategies as st

from roundsman_agent import poll
from roundsman_agent.poll import Round, Turn
from roundsman_agent.probe import Answer
from tests.agent.cast import BOOT, START, T0, later

MINUTE = 60_000


def run(plan: tuple[Turn, ...], done: dict[Turn, int], mono: int) -> list[Round]:
    """The rounds due at a moment, marked as done."""
    rounds = poll.due(plan, done, mono)
    for one in rounds:
        for turn in one.turns:
            done[turn] = poll.tick(turn, mono)
    return rounds


def test_everything_is_due_at_the_start() -> None:
    plan = poll.turns("kiosk-7", [("host", MINUTE), ("escpos", MINUTE)])

    assert poll.due(plan, {}, 123_456) == [Round(device="kiosk-7", turns=plan)]


def test_probes_whose_periods_are_multiples_come_in_one_round() -> None:
    plan = poll.turns("kiosk-7", [("host", MINUTE), ("escpos", 5 * MINUTE)])
    done: dict[Turn, int] = {}

    rounds = [one for mono in range(0, 20 * MINUTE, 1000) for one in run(plan, done, mono)]

    slow = [one for one in rounds if plan[1] in one.turns]
    assert len(rounds) in (20, 21)
    assert len(slow) in (4, 5)
    assert all(plan[0] in one.turns for one in slow)


def test_after_a_suspend_there_is_one_round_and_no_burst() -> None:
    plan = poll.turns("nvr-2", [("snmp", MINUTE)])
    done: dict[Turn, int] = {}
    run(plan, done, 10 * MINUTE)

    rounds = [len(run(plan, done, mono)) for mono in range(600 * MINUTE, 602 * MINUTE, 1000)]

    assert rounds[0] == 1
    assert sum(rounds) == 3


def test_two_agents_that_start_together_do_not_go_on_together() -> None:
    phases = {poll.turns(f"bus-{i}", [("nmea", MINUTE)])[0].phase_ms for i in range(100)}

    assert len(phases) > 90


@given(st.integers(1, 10**6), st.integers(0, 10**12), st.integers(1, 10**7))
def test_waking_when_told_finds_something_due_and_not_before(every: int, start: int, wait: int) -> None:
    plan = poll.turns("ups-2", [("snmp", every)])
    done: dict[Turn, int] = {}
    run(plan, done, start)

    at = poll.wake_at(plan, done, start)

    assert start < at <= start + every
    assert poll.due(plan, done, at - 1) == []
    assert len(poll.due(plan, done, at)) == 1


def test_a_sample_is_dated_at_the_start_of_its_round_and_merges_all_probes() -> None:
    answers = {
        "host": Answer(readings={"host.cpu_percent": 12.5}, failed={"host.temperature": ("absent", "no sensor")}),
        "escpos": Answer(readings={"printer.paper": "near_end"}),
    }

    assert poll.sample("kiosk-7", 90, START, answers) == {
        "kind": "sample",
        "boot": BOOT,
        "mono": START.mono,
        "t": T0,
        "device": "kiosk-7",
        "valid_s": 90,
        "readings": {"host.cpu_percent": 12.5, "printer.paper": "near_end"},
        "failed": {"host.temperature": ["absent", "no sensor"]},
    }


def test_a_device_that_did_not_answer_has_no_readings_and_the_probes_reason() -> None:
    record = poll.sample("nvr-2", 90, START, {"snmp": Answer(readings={}, failed={"snmp": ("timeout", "3 s")})})

    assert (record["readings"], record["failed"]) == ({}, {"snmp": ["timeout", "3 s"]})


def test_a_clock_that_nobody_keeps_right_is_marked() -> None:
    from dataclasses import replace

    assert "ntp" not in poll.sample("bus-31", 90, START, {})
    assert poll.sample("bus-31", 90, replace(later(1), ntp=False), {})["ntp"] is False


def test_values_that_the_wire_cannot_carry_become_null_with_a_reason() -> None:
    odd = {"a": math.nan, "b": math.inf, "c": True, "d": 2**70, "e": "x" * 500, "f": [1], "g": 1, "h": None, "i": -0.5}

    record = poll.sample("kiosk-7", 90, START, {"host": Answer(readings=odd)})  # type: ignore[arg-type]

    assert {name for name, value in record["readings"].items() if value is None} == set("abcdefh")
    assert set(record["failed"]) == set("abcdef")
    assert (record["readings"]["g"], record["readings"]["i"]) == (1, -0.5)


def test_more_readings_than_the_wire_carries_are_cut_and_said_to_be() -> None:
    record = poll.sample(
        "nvr-2", 90, START, {"snmp": Answer(readings={f"channel[{i}].online": 1 for i in range(1500)})}
    )

    assert len(record["readings"]) == 1000
    assert record["failed"]["agent"][1] == "1500 readings; the first 1000 are here"
