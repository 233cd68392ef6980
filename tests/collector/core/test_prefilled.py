"""What monitoring puts beside people's ticks, and which questions it answers in their place."""

from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.inspection import DevicePart, Held, Unreached, build
from roundsman_collector.core.policy import Above, Is, Policy
from roundsman_collector.core.prefilled import NAMED, answers, beside, extreme
from roundsman_collector.core.rulebook import book_of
from tests.collector.core.desk import at, rule
from tests.collector.core.test_inspection import ABOUT, inspected

POLICY = Policy(
    rules=(
        rule("printer.paper_end", Is(reading="printer.paper", words=("end",), others=("ok",))),
        rule("app.dead", Is(reading="app.state", words=("dead",), others=("ok",))),
        rule("host.hot", Above(reading="temperature.celsius", limit=80, clear=75), effect=""),
    )
)
WELL = {"printer.paper": "ok", "app[kiosk].state": "ok", "temperature[cpu].celsius": 41, "port[3].changes": 2}


def part(readings: dict[str, Any] | None = None, **changes: Any) -> DevicePart:
    (found,) = build(ABOUT, [inspected(readings, **changes)], book=book_of(POLICY)).devices
    return found


def verdicts(*parts: DevicePart) -> dict[str, str]:
    return {name: one.verdict for name, one in answers(parts).items()}


# Shows S0-54.
def test_beside_the_consumables_stand_paper_supplies_and_battery() -> None:
    used = {"printer.paper": "ok", "supply[black].percent": 12, "ups.charge_percent": 98.0}

    found = beside("consumables", part(WELL | used | {"ups.load_percent": 40})).readings

    assert {one.name: one.value for one in found} == used


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("", []),
        ("values", ["printer.paper", "app[kiosk].state", "temperature[cpu].celsius"]),
        ("temperature", ["temperature[cpu].celsius"]),
        ("ports", ["port[3].changes"]),
        ("transactions", ["app[kiosk].state"]),
        ("parts", ["printer.paper", "temperature[cpu].celsius"]),
        ("consumables", ["printer.paper"]),
    ],
)
def test_beside_a_tick_stand_the_readings_that_it_is_about(kind: Any, names: list[str]) -> None:
    assert [one.name for one in beside(kind, part(WELL)).readings] == names


def test_faults_of_the_same_components_since_the_last_inspection_stand_beside_it() -> None:
    since = (Held("printer.paper_end", "printer", at(1), at(2)), Held("app.dead", "app[kiosk]", at(3), None))

    found = beside("transactions", part(WELL, since=since))

    assert [(one.code, one.from_ms, one.to_ms) for one in found.faults] == [("app.dead", at(3), None)]


@pytest.mark.parametrize(
    ("changes", "software", "hardware"),
    [
        ({}, "pass", "pass"),
        ({"app[kiosk].state": "dead"}, "fail", "pass"),
        ({"printer.paper": "end"}, "pass", "fail"),
        ({"temperature[cpu].celsius": 99}, "pass", "attention"),
        ({"app[kiosk].state": None}, "unseen", "pass"),
    ],
)
def test_a_question_is_answered_where_all_of_it_was_seen_and_is_well(
    changes: dict[str, Any], software: str, hardware: str
) -> None:
    found = verdicts(part(WELL), part(WELL | changes))

    assert (found["software"], found["hardware"]) == (software, hardware)


def test_what_nobody_watches_is_asked() -> None:
    assert verdicts(part({"printer.paper": "ok"}))["software"] == "unseen"
    assert verdicts()["hardware"] == "unseen"


def test_a_device_that_was_not_reached_answers_nothing() -> None:
    gone = part({}, unreached=Unreached(reason="silent"))

    assert verdicts(part(WELL), gone) == {"software": "unseen", "hardware": "unseen", "faults": "pass"}


def test_faults_since_the_last_inspection_are_to_be_explained_and_are_named() -> None:
    held = (Held("printer.paper_end", "printer", at(1), at(2)),)
    parts = [part(WELL, id=f"kiosk-{place}", since=held) for place in range(NAMED + 2)]

    found = answers([part(WELL), *parts])["faults"]

    assert (found.verdict, found.of, found.wrong) == ("attention", NAMED + 3, NAMED + 2)
    assert [name for name, _ in found.named] == [f"kiosk-{place}" for place in range(NAMED)]


class Of(NamedTuple):
    """A day's values."""

    least: float
    greatest: float
    last: float


def test_over_a_period_a_reading_was_from_its_least_to_its_greatest() -> None:
    found = extreme([Of(38, 44, 40), Of(39, 52, 45), Of(41, 47, 46)])

    assert found == (38, 52, 40, 46, 3)
    assert extreme([]) is None


@given(st.lists(st.sampled_from(["ok", "dead", None]), max_size=6))
def test_no_question_passes_while_anything_of_it_is_not_well_or_was_not_seen(states: list[str | None]) -> None:
    parts = [part(WELL | {"app[kiosk].state": state}, id=f"k-{place}") for place, state in enumerate(states)]

    found = answers(parts)["software"]

    assert (found.verdict == "pass") == (bool(states) and set(states) == {"ok"})
    assert (found.of, found.wrong, found.unseen) == (len(states), states.count("dead"), states.count(None))
