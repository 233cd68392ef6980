"""Recurrence warnings: worked examples, and what must hold for any faults."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.fault_counts import Fault
from roundsman_collector.core.recurrence import (
    CAUSES,
    CONCERNS,
    LEVELS,
    TICKETS,
    Recurrence,
    Rule,
    Rules,
    in_a_row,
    spans_at,
    warnings,
)

ZONE = "Asia/Shanghai"


def at(text: str) -> int:
    """A time of Beijing."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE)).timestamp() * 1000)


NOW = at("2026-11-22T10:00")
numbers = iter(range(1, 10**9))


def fault(day: str, device: str = "kiosk-7", code: str = "printer.jam", **more: Any) -> Fault:
    """A fault of a DR-58 that began at noon of a day."""
    usual = {"model": "DR-58", "category": "printer"}
    return Fault(next(numbers), "2026-000001", at(f"{day}T12:00"), device, code, **{**usual, **more})


def found(faults: list[Fault], *rules: Rule, standing: dict[str, int] | None = None, but: str = "") -> list[Recurrence]:
    return warnings(faults, Rules(rules=rules, except_=frozenset({but})), spans_at(NOW, ZONE), standing or {})


def rule(level: Any = "month", of: Any = "device", faults: int = 2, **more: Any) -> Rule:
    return Rule(level=level, of=of, same=more.pop("same", "fault"), faults=faults, **more)


def test_periods_are_those_of_the_calendar_where_the_devices_are() -> None:
    month, quarter, year = spans_at(at("2026-12-01T00:00"), ZONE)

    assert (month.id, quarter.id, year.id) == ("2026-12", "2026-Q4", "2026")
    assert month.from_ms == at("2026-12-01T00:00") == quarter.months_ms[2]
    assert (year.from_ms, year.to_ms) == (at("2026-01-01T00:00"), at("2027-01-01T00:00"))
    assert spans_at(at("2026-12-01T00:00") - 1, ZONE)[0].id == "2026-11"
    assert datetime.fromtimestamp(month.from_ms / 1000, UTC).hour == 16


def test_the_same_fault_twice_on_one_device_in_a_month_is_a_warning() -> None:
    some = [fault("2026-11-01"), fault("2026-11-20"), fault("2026-11-20", "kiosk-8"), fault("2026-11-20", code="x.y")]

    (one,) = found(some, rule())

    assert (one.level, one.key, one.what, one.period, one.faults, one.devices) == (
        "month",
        "kiosk-7",
        "printer.jam",
        "2026-11",
        2,
        1,
    )
    assert one.tickets == (some[0].ticket, some[1].ticket)


def test_a_month_ends_with_its_last_moment() -> None:
    assert found([fault("2026-10-31"), fault("2026-11-01")], rule()) == []


def test_a_model_needs_several_devices_and_its_share_of_them() -> None:
    some = [fault("2026-11-02", f"kiosk-{n % 3}") for n in range(6)]
    wanted = rule(of="model", faults=5, devices=3, share_percent=10)

    assert [one.key for one in found(some, wanted, standing={"DR-58": 30})] == ["DR-58"]
    assert found(some, wanted, standing={"DR-58": 31}) == []
    assert found(some[:2], wanted, standing={"DR-58": 1}) == []
    assert found([one._replace(model="") for one in some], wanted) == []


def test_a_class_takes_different_faults_together() -> None:
    some = [fault("2026-11-02", code=code) for code in ("printer.jam", "printer.offline")]

    assert found(some, rule()) == []
    assert [one.what for one in found(some, rule(same="class"))] == ["printer"]


def test_months_in_which_it_came_must_follow_each_other() -> None:
    wanted = rule("quarter", faults=2, months=2)

    assert [one.months for one in found([fault("2026-10-05"), fault("2026-11-05")], wanted)] == [2]
    assert found([fault("2026-11-05"), fault("2026-11-06")], wanted) == []
    assert found([fault("2026-10-05"), fault("2026-12-05")], wanted) == []


def test_what_is_used_up_comes_back_and_warns_nobody() -> None:
    some = [fault("2026-11-02"), fault("2026-11-03")]

    assert found(some, rule(), but="printer.jam") == []


def test_an_agent_and_a_site_are_no_device_that_fails_again() -> None:
    assert found([fault("2026-11-02", "@gw-2"), fault("2026-11-03", "@gw-2")], rule()) == []


def test_the_strongest_level_stands_first() -> None:
    some = [fault("2026-11-02"), fault("2026-11-03")]

    told = found(some, rule("month"), rule("quarter"), rule("year"))

    assert [one.level for one in told] == ["year", "quarter", "month"]
    assert len({one.identity for one in told}) == 3


def test_a_warning_counts_all_and_names_the_first_of_them() -> None:
    some = [fault("2026-11-02") for _ in range(TICKETS + 5)]

    (one,) = found(some, rule())

    assert (one.faults, len(one.tickets), one.tickets[0]) == (TICKETS + 5, TICKETS, some[0].ticket)


@pytest.mark.parametrize(("months", "longest"), [((), 0), ((5,), 1), ((1, 2, 4, 5, 6), 3), ((12, 1), 1)])
def test_the_longest_run_counts(months: tuple[int, ...], longest: int) -> None:
    assert in_a_row(set(months)) == longest


def test_each_cause_concerns_somebody() -> None:
    assert list(CAUSES) == list(CONCERNS)


days = st.dates(date(2026, 1, 1), date(2026, 12, 31)).map(str)
devices, codes, models = st.sampled_from(["a", "b", "@c"]), st.sampled_from(["x.y", "x.z"]), st.sampled_from(["M", ""])
some_faults = st.lists(
    st.builds(
        fault,
        days,
        st.sampled_from(["a", "b", "@c"]),
        st.sampled_from(["x.y", "x.z"]),
        model=st.sampled_from(["M", ""]),
    ),
    max_size=30,
)
ALL = tuple(
    Rule(level=level, of=of, same=same, faults=2)
    for level in LEVELS
    for of in ("device", "model", "all")
    for same in ("fault", "class")
)


@given(some_faults, st.randoms(use_true_random=False))
def test_the_order_in_which_faults_come_does_not_matter(faults: list[Fault], chance: Any) -> None:
    shuffled = list(faults)
    chance.shuffle(shuffled)

    assert found(shuffled, *ALL) == found(faults, *ALL)


@given(some_faults)
def test_one_more_fault_never_takes_a_warning_back(faults: list[Fault]) -> None:
    before = {one.identity for one in found(faults[:-1], *ALL)}

    assert before <= {one.identity for one in found(faults, *ALL)}
