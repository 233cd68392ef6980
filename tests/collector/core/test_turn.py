"""The short way through `turn` means what the long way means; `finds_well` says what `judges` and `holds` say."""

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.model import Item, newborn
from roundsman_collector.core.policy import Above, Below, Is, Policy, holds
from roundsman_collector.core.rulebook import book_of
from roundsman_collector.core.turn import fold, in_order, turn
from tests.collector.core.desk import KIOSK, POLICY, Recorder, rule
from tests.collector.core.test_law_one import BOOK as RESTLESS
from tests.collector.core.test_law_one import gateway_life, kiosk_life

WORD_OR_NUMBER = st.one_of(
    st.sampled_from(["ok", "end", "open", "unknown", "", None, True]), st.floats(allow_nan=True), st.integers(0, 100)
)
LIMITS = Policy(
    rules=(
        *POLICY.rules,
        rule("printer.paper_unknown", Is(reading="printer.paper", words=("unknown", "jam"))),
        rule("disk.full", Above(reading="disk[].used_percent", limit=90, clear=80)),
        rule("disk.empty", Below(reading="disk[].used_percent", limit=10, clear=20)),
    )
)
BOOK = book_of(POLICY)
NAMES = ("printer.paper", "printer.cover", "host.cpu_percent", "disk[/].used_percent", "disk[].used_percent", "x.y")


@given(st.one_of(kiosk_life(), gateway_life()))
def test_each_item_in_order_means_the_same_on_the_short_way(items: list[Item]) -> None:
    state = newborn("a")

    for item in items:
        if in_order(state, item):
            change = turn(state, item, RESTLESS)
            assert change == fold(state, item, RESTLESS)
            state = change.state


def test_a_device_that_answers_on_and_is_well_takes_the_short_way(monkeypatch: Any) -> None:
    agent, state = Recorder("k7-1", KIOSK), newborn("kiosk-7")
    items = [agent.sample(minute, "kiosk-7", printer__paper="ok") for minute in range(4)]
    for item in items[:2]:
        state = fold(state, item, BOOK).state
    expected = [fold(state, items[2], BOOK), fold(fold(state, items[2], BOOK).state, items[3], BOOK)]
    monkeypatch.setattr("roundsman_collector.core.turn.fold", None)

    found = turn(state, items[2], BOOK)

    assert found == expected[0]
    assert turn(found.state, items[3], BOOK) == expected[1]


@given(st.dictionaries(st.sampled_from(NAMES), WORD_OR_NUMBER))
def test_readings_are_well_when_no_rule_holds_for_any(readings: dict[str, Any]) -> None:
    holding = [
        rule.code
        for name, value in readings.items()
        for rule, _ in LIMITS.judges(name)
        if holds(rule.when, value, False)
    ]
    has_nan = any(isinstance(value, float) and math.isnan(value) for value in readings.values())

    assert LIMITS.finds_well(readings) == (not holding) or has_nan
