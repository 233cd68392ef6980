"""The rules of recurrence warnings: those that travel with the program, and what a file may not say."""

import pytest

from roundsman_collector.config import built_in, recurrence
from roundsman_collector.core.recurrence import LEVELS, Rule
from roundsman_collector.rules.catalogue import advice_from
from roundsman_collector.rules.recurrence import recurrence_from
from roundsman_collector.rules.shape import RulesError


def test_every_level_warns_of_devices_and_of_models_by_fault_and_class() -> None:
    rules = recurrence().rules

    for level in LEVELS:
        some = {(one.of, one.same) for one in rules if one.level == level}
        assert some == {("device", "fault"), ("model", "fault"), ("model", "class")}


def test_a_stronger_level_takes_more() -> None:
    rules = recurrence().rules
    for of, same in (("device", "fault"), ("model", "fault"), ("model", "class")):
        faults = [one.faults for level in LEVELS for one in rules if (one.level, one.of, one.same) == (level, of, same)]

        assert faults == sorted(faults)
        assert len(set(faults)) == len(faults)


def test_what_is_used_up_is_a_fault_of_the_catalogue() -> None:
    known = set(advice_from(built_in("faults.yaml"), source="faults.yaml"))

    assert recurrence().except_ <= known


def test_a_row_is_a_rule() -> None:
    said = recurrence_from("warnings:\n  - {level: year, of: all, same: class, faults: 9, months: 4}\n", source="r")

    assert said.rules == (Rule(level="year", of="all", same="class", faults=9, months=4),)
    assert said.except_ == frozenset()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("{level: week, of: device, same: fault, faults: 2}", "level"),
        ("{level: month, of: device, same: fault, faults: 1}", "faults"),
        ("{level: month, of: device, same: fault, faults: 2, months: 2}", "months: expected at most 1"),
        ("{level: month, of: device, same: fault, faults: 2, devices: 2}", "devices: expected 1"),
        ("{level: month, of: all, same: fault, faults: 2, share_percent: 5}", "share_percent"),
        ("{level: month, of: all, same: fault, faults: 2, at_least: 5}", "at_least"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused_with_its_place(row: str, words: str) -> None:
    with pytest.raises(RulesError, match=words) as refused:
        recurrence_from(f"warnings:\n  - {row}\n", source="mine.yaml")

    assert "mine.yaml" in str(refused.value)


def test_two_rows_of_the_same_are_refused() -> None:
    row = "  - {level: month, of: device, same: fault, faults: 2}\n"

    with pytest.raises(RulesError, match="month of device, same fault: stands 2 times"):
        recurrence_from(f"warnings:\n{row}{row}", source="mine.yaml")
