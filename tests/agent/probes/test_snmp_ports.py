"""The ports of a switch: what one visit says, what two say together; counters that wrap, are set back, or stand still.

The numbers are made up after IF-MIB and POWER-ETHERNET-MIB; recorded switches are in test_snmp_recordings.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_agent import snmp_family, snmp_ports
from roundsman_agent.probe import Answer, complete
from roundsman_agent.probes import snmp
from roundsman_agent.snmp_ber import Bound
from roundsman_agent.snmp_family import Talk
from roundsman_agent.snmp_meaning import remembered
from roundsman_agent.snmp_ports import FRAMES_LEAST, PORTS_LIMIT, Past, bad_percent, since
from roundsman_agent.snmp_session import Bindings
from roundsman_agent.snmp_visit import Known
from roundsman_wire.catalogue import misfit
from tests.agent.probes.snmprec import Recorded

IF, X, POE = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1", "1.3.6.1.2.1.105.1.1.1.6"
UPTIME = "1.3.6.1.2.1.1.3.0"
UP, DOWN = 1, 2


def port(number: int, **more: Any) -> dict[str, Bound]:
    """A port that is up at 1000 Mbit/s and has carried a million frames each way; `more` says what is otherwise."""
    said = {
        "name": f"Gi1/0/{number}",
        "kind": 6,
        "admin": 1,
        "oper": UP,
        "mbit": 1000,
        "changed": 100,
        "discontinuity": 0,
        "errors_in": 0,
        "errors_out": 0,
        "in": 1_000_000,
        "out": 1_000_000,
        **more,
    }
    columns = {
        "name": f"{X}.1",
        "kind": f"{IF}.3",
        "admin": f"{IF}.7",
        "oper": f"{IF}.8",
        "mbit": f"{X}.15",
        "bits": f"{IF}.5",
        "changed": f"{IF}.9",
        "discontinuity": f"{X}.19",
        "connector": f"{X}.17",
        "errors_in": f"{IF}.14",
        "errors_out": f"{IF}.20",
        "in": f"{X}.7",
        "out": f"{X}.11",
        "in_32": f"{IF}.11",
        "out_32": f"{IF}.17",
    }
    return {
        f"{columns[what]}.{number}": Bound("octets", value.encode())
        if isinstance(value, str)
        else Bound("gauge", value)
        for what, value in said.items()
        if value is not None
    }


def visit(
    *ports: dict[str, Bound], at: float = 0.0, uptime: int | None = None, past: Past | None = None, **more: Bound
) -> Talk:
    answers = {oid: value for one in ports for oid, value in one.items()} | more
    answers[UPTIME] = Bound("timeticks", int(at * 100) + 100_000 if uptime is None else uptime)
    return Talk(family="switch", answers=answers, stumbled={}, cut=None, at_s=at, past=past)


def after(talk: Talk, *ports: dict[str, Bound], at: float, uptime: int | None = None) -> Talk:
    """The visit that follows another."""
    return visit(*ports, at=at, uptime=uptime, past=remembered(talk, ()))


def told(talk: Talk, **given: object) -> Answer:
    answer = snmp.parse(talk, complete(snmp.probe, {"host": "sw-1", **given}))
    return replace(answer, readings={n: v for n, v in answer.readings.items() if n != "switch.uptime_s"})


# --- one visit ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("admin", "oper", "state"),
    [
        *((1, 1, "up"), (1, 2, "down"), (1, 7, "down"), (1, 6, "down"), (1, 5, "unknown"), (1, 4, "unknown")),
        *((2, 2, "disabled"), (2, 1, "disabled"), (3, 3, "disabled"), (None, 1, "up"), (1, 99, "unknown")),
    ],
)
def test_a_port_is_up_down_or_switched_off(admin: int | None, oper: int, state: str) -> None:
    assert told(visit(port(1, admin=admin, oper=oper))).readings["port[Gi1/0/1].state"] == state


def test_an_empty_socket_is_no_reading_and_a_port_that_carried_frames_is_one() -> None:
    answer = told(visit(port(1), port(2, oper=DOWN), port(3, oper=DOWN, **{"in": 0, "out": 0})))

    assert answer == Answer(
        readings={
            "port[Gi1/0/1].state": "up",
            "port[Gi1/0/1].mbit": 1000,
            "port[Gi1/0/2].state": "down",
            "switch.ports": 2,
        }
    )


@pytest.mark.parametrize(
    ("more", "mbit"),
    [
        ({"mbit": 100}, 100),
        ({"mbit": None, "bits": 100_000_000}, 100),
        ({"mbit": 0, "bits": 1_000_000_000}, 1000),
        ({"mbit": 100_000_000, "bits": 100_000_000}, 100),
        ({"mbit": 10_000, "bits": 4_294_967_295}, 10_000),
    ],
)
def test_speed_is_told_in_mbit(more: dict[str, Any], mbit: float) -> None:
    assert told(visit(port(1, **more))).readings["port[Gi1/0/1].mbit"] == mbit


def test_a_speed_that_means_none_is_absent() -> None:
    answer = told(visit(port(1, mbit=0, bits=4_294_967_295)))

    assert answer.readings["port[Gi1/0/1].mbit"] is None
    assert answer.failed["port[Gi1/0/1].mbit"][0] == "absent"


def test_only_ethernet_counts_unless_another_is_named() -> None:
    ports = (port(1), port(2, name="Vlan1", kind=53), port(3, name="WLAN-ESS1", mbit=0, connector=2))

    assert told(visit(*ports)).readings["switch.ports"] == 1
    assert told(visit(*ports), ports=["vlan1"]).readings["port[Vlan1].state"] == "up"


def test_the_ports_that_are_named_are_watched_whatever_they_are_and_one_that_is_not_there_is_told() -> None:
    ports = (port(1), port(2, oper=DOWN, **{"in": 0, "out": 0}), port(3))

    answer = told(visit(*ports), ports=["gi1/0/2", "3", "Gi1/0/9"])

    assert {name: value for name, value in answer.readings.items() if name.endswith("state")} == {
        "port[Gi1/0/2].state": "down",
        "port[Gi1/0/3].state": "up",
        "port[Gi1/0/9].state": None,
    }
    assert answer.failed == {"port[Gi1/0/9].state": ("absent", "the device has no port Gi1/0/9")}


def test_ports_of_one_name_go_by_their_numbers() -> None:
    assert set(told(visit(port(1, name="eth"), port(2, name="eth"), port(3, name="a]\x07b"))).readings) >= {
        "port[1].state",
        "port[2].state",
        "port[a b].state",
    }


def test_a_chassis_of_hundreds_of_ports_is_cut_and_that_is_told() -> None:
    answer = told(visit(*(port(n) for n in range(1, 301))))

    assert len([name for name in answer.readings if name.endswith(".state")]) == PORTS_LIMIT
    assert answer.readings["switch.ports"] is None
    assert "300 ports" in answer.failed["switch.ports"][1]


# --- power --------------------------------------------------------------------------------------------------------


def power(group: int, **words: int) -> dict[str, Bound]:
    return {f"{POE}.{group}.{number.removeprefix('p')}": Bound("integer", word) for number, word in words.items()}


def test_power_is_that_of_the_interface_whose_number_it_is() -> None:
    answer = told(visit(port(1), port(2), power(1, p1=3, p2=4)))

    assert [answer.readings[f"port[Gi1/0/{n}].poe"] for n in (1, 2)] == ["delivering", "fault"]


def test_power_is_that_of_the_interface_whose_name_ends_so() -> None:
    copper = {n: port(10_100 + n, name=f"Gi2/0/{n}") for n in (1, 2, 3)}
    fibre = {n: port(10_200 + n, name=f"Te2/0/{n}") for n in (1, 2)}

    answer = told(visit(*copper.values(), *fibre.values(), power(2, p1=3, p2=6, p3=3)))

    assert {name: value for name, value in answer.readings.items() if name.endswith("poe")} == {
        "port[Gi2/0/1].poe": "delivering",
        "port[Gi2/0/2].poe": "fault",
        "port[Gi2/0/3].poe": "delivering",
    }


def test_two_switches_of_a_stack_feed_their_own_ports() -> None:
    ports = [port(unit * 100 + n, name=f"Gi{unit}/0/{n}") for unit in (1, 2) for n in (1, 2)]

    answer = told(visit(*ports, power(1, p1=3, p2=3), power(2, p1=3, p2=4)))

    assert answer.readings["port[Gi1/0/2].poe"] == "delivering"
    assert answer.readings["port[Gi2/0/2].poe"] == "fault"


def test_power_of_nobody_knows_which_port_is_told_by_group_and_port() -> None:
    answer = told(visit(port(17, name="uplink"), power(1, p1=3, p2=4, p3=2)))

    assert {name: value for name, value in answer.readings.items() if name.endswith("poe")} == {
        "port[1.1].poe": "delivering",
        "port[1.2].poe": "fault",
    }


def test_a_camera_that_draws_no_power_any_more_is_told_and_a_port_that_never_fed_one_is_not() -> None:
    first = visit(port(1), port(2), power(1, p1=3, p2=2))

    second = told(after(first, port(1, oper=DOWN), port(2), power(1, p1=2, p2=2), at=60))

    assert "port[Gi1/0/2].poe" not in told(first).readings
    assert second.readings["port[Gi1/0/1].poe"] == "searching"
    assert "port[Gi1/0/2].poe" not in second.readings


# --- two visits: the maths ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "now", "bits", "expected"),
    [
        (5, 5, 32, 0),
        (5, 1005, 32, 1000),
        (2**32 - 10, 5, 32, 15),
        (2**64 - 10, 5, 64, 15),
        (1000, 5, 32, None),
        (2**31 + 5, 5, 32, None),
        (2**32 - 10, 2_000_000, 32, None),
        (2**40, 5, 64, None),
    ],
    ids=[
        "it stands still",
        "it counts",
        "32 bits wrap",
        "64 bits wrap",
        "set back from a low number",
        "the way round is too far",
        "further than the line can carry",
        "wide counters do not wrap from there",
    ],
)
def test_how_far_a_counter_went(before: int, now: int, bits: int, expected: int | None) -> None:
    assert since(before, now, bits, 1_000_000) == expected


def test_the_share_is_of_the_worse_direction_and_needs_frames() -> None:
    assert bad_percent([(1, 999), (50, 950)]) == 5
    assert bad_percent([(1, 1)]) is None
    assert bad_percent([(FRAMES_LEAST, 0)]) == 100
    assert bad_percent([]) is None


@given(st.integers(0, 2**32 - 1), st.integers(0, 10**6))
def test_what_was_counted_is_found_again_through_a_wrap(start: int, step: int) -> None:
    found = since(start, (start + step) % 2**32, 32, 10**6)

    assert found == step or (found is None and start < 2**31)


# --- two visits: the readings -------------------------------------------------------------------------------------

SHARE, CHANGES = "port[Gi1/0/1].error_percent", "port[Gi1/0/1].changes"


def test_the_first_visit_says_nothing_of_errors_and_changes() -> None:
    assert not {SHARE, CHANGES} & set(told(visit(port(1, errors_in=700))).readings)


def test_the_second_visit_says_how_many_frames_were_bad_between_them() -> None:
    talk = after(visit(port(1, errors_in=700)), port(1, errors_in=712, **{"in": 1_011_988}), at=60)

    assert told(talk).readings == {
        "port[Gi1/0/1].state": "up",
        "port[Gi1/0/1].mbit": 1000,
        CHANGES: 0,
        SHARE: 0.1,
        "switch.ports": 1,
    }


def test_a_wrapped_error_counter_is_seen_through() -> None:
    before = visit(port(1, errors_in=2**32 - 6))

    assert told(after(before, port(1, errors_in=6, **{"in": 1_001_188}), at=60)).readings[SHARE] == 1


def test_narrow_counters_are_used_where_there_are_no_wide_ones() -> None:
    none = {"in": None, "out": None}
    before = visit(port(1, in_32=2**32 - 500, out_32=5, **none))

    talk = after(before, port(1, in_32=490, out_32=5, errors_in=10, **none), at=60)

    assert told(talk).readings[SHARE] == 1


@pytest.mark.parametrize(
    "now",
    [
        {"uptime": 500},
        {"discontinuity": 777},
        {"in": 500, "errors_in": 3},
        {"errors_in": None},
    ],
    ids=["reboot", "discontinuity", "set back", "gone"],
)
def test_counters_that_began_anew_say_nothing_and_the_next_visit_counts_from_there(now: dict[str, Any]) -> None:
    uptime = now.pop("uptime", None)
    first = visit(port(1, errors_in=700))
    second = after(first, port(1, **{"errors_in": 705, "in": 1_100_000, **now}), at=60, uptime=uptime)
    later = {**now, "errors_in": 800, "in": 2_000_000}

    third = after(second, port(1, **later), at=120, uptime=None if uptime is None else uptime + 6000)

    assert SHARE not in told(second).readings
    if now.get("errors_in", 0) is not None:
        assert told(third).readings[SHARE] > 0


def test_a_line_on_which_little_happens_is_counted_over_several_visits() -> None:
    talk = visit(port(1))
    shares = []
    for n in range(1, 6):
        talk = after(talk, port(1, errors_in=n, **{"in": 1_000_000 + 24 * n}), at=60 * n)
        shares.append(told(talk).readings.get(SHARE))

    assert shares == [None, None, None, 4, None]


def test_changes_are_counted_within_an_hour() -> None:
    talk = visit(port(1))
    talk = after(talk, port(1, oper=DOWN, changed=3000), at=60)
    assert told(talk).readings[CHANGES] == 1

    talk = after(talk, port(1, changed=8000), at=120)
    assert told(talk).readings[CHANGES] == 2

    talk = after(talk, port(1, changed=14_000), at=180)  # down and up again between two visits
    assert told(talk).readings[CHANGES] == 4

    talk = after(talk, port(1, changed=14_000), at=60 + 3600)
    assert told(talk).readings[CHANGES] == 3

    talk = after(talk, port(1, changed=14_000), at=10_000)
    assert told(talk).readings[CHANGES] == 0


def test_a_switch_that_started_anew_did_not_flap() -> None:
    talk = after(visit(port(1)), port(1, oper=DOWN, changed=5), at=60, uptime=900)

    assert told(talk).readings[CHANGES] == 0


def test_a_port_that_was_up_is_missed_after_the_switch_started_anew() -> None:
    talk = after(visit(port(1)), port(1, oper=DOWN, **{"in": 0, "out": 0}), at=60, uptime=900)

    assert told(talk).readings["port[Gi1/0/1].state"] == "down"


def test_a_port_that_somebody_switched_off_is_told_so_and_does_not_flap() -> None:
    talk = after(visit(port(1)), port(1, admin=2, oper=DOWN, changed=6000), at=60)

    assert told(talk).readings["port[Gi1/0/1].state"] == "disabled"
    assert told(talk).readings[CHANGES] == 0


def test_a_visit_that_was_cut_forgets_nothing() -> None:
    first = visit(port(1), port(2))
    cut = replace(after(first, port(1), at=60), cut=("timeout", "no answer"))

    third = told(after(cut, port(1), port(2, oper=DOWN, **{"in": 0, "out": 0}), at=120))

    assert third.readings["port[Gi1/0/2].state"] == "down"


def test_how_ports_are_called_is_asked_once_and_anew_when_there_are_others() -> None:
    plan, known = snmp_family.family("switch"), Known(since=0.0)
    settings = complete(snmp.probe, {"host": "sw-1"})

    def asked(answers: dict[str, Bound]) -> tuple[Talk, set[str]]:
        session = Watched(answers)
        return snmp._talk(session, plan, known, settings), session.columns

    two = {**port(1), **port(2)}
    first, columns = asked(two)
    assert f"{X}.1" in columns
    second, columns = asked(two)
    assert f"{X}.1" not in columns
    assert second.answers == first.answers
    third, columns = asked({**two, **port(3)})
    assert f"{X}.1" in columns
    assert set(told(third).readings) >= {"port[Gi1/0/3].state"}


class Watched(Recorded):
    """It notes the columns that are walked."""

    def __init__(self, answers: dict[str, Bound]) -> None:
        super().__init__(answers)
        self.columns: set[str] = set()

    def bulk(self, oids: Sequence[str], repetitions: int) -> Bindings:
        self.columns |= set(oids)
        return super().bulk(oids, repetitions)


NUMBERS = st.one_of(st.integers(-1, 5), st.integers(0, 2**64), st.sampled_from([2**32 - 1, 2**31]))


@given(st.lists(st.dictionaries(st.sampled_from(list(port(1))), NUMBERS), min_size=1, max_size=4), st.data())
def test_no_visit_breaks_the_next(visits: list[dict[str, int]], data: st.DataObject) -> None:
    past: Past | None = None
    for one in visits:
        at = data.draw(st.floats(allow_nan=True, allow_infinity=True))
        answers = {**port(1), **{oid: Bound("counter", value) for oid, value in one.items()}}
        talk = Talk(family="switch", answers=answers, stumbled={}, cut=None, at_s=at, past=past)

        answer = told(talk)
        past = remembered(talk, ())

        assert [text for name, value in answer.readings.items() if (text := misfit(name, value))] == []
        shares = [value for name, value in answer.readings.items() if name.endswith("error_percent")]
        assert all(isinstance(value, float | int) and 0 <= value <= 100 for value in shares)


def test_the_columns_of_the_family_are_those_of_the_tests(belongs_to_the_catalogue: Callable[[Answer], None]) -> None:
    plan = snmp_family.family("switch").ports
    assert isinstance(plan, snmp_ports.Ports)
    asked = {*plan.fixed(), *plan.columns(), *plan.narrow()}

    assert {oid.rpartition(".")[0] for oid in (*port(1, bits=1, connector=1, in_32=1, out_32=1), f"{POE}.1.1")} <= {
        *asked,
        f"{POE}.1",
    }
    belongs_to_the_catalogue(told(visit(port(1), power(1, p1=3))))
