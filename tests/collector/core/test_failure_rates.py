"""Failure rates: worked examples by hand, the exact interval against its published table, what must hold always."""

import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.failure_rates import MONTH_MS, Installed, Rate, poisson_interval, rates
from roundsman_collector.core.fault_counts import Fault


def installed(device: str, months: int, **more: Any) -> Installed:
    return Installed(device, ((0, months * MONTH_MS),), **more)


def fault(device: str, from_ms: int = 0) -> Fault:
    return Fault(1, "2026-000001", from_ms, device, "printer.jam")


# F. Garwood (1936), as reprinted in the tables of Pearson and Hartley, Biometrika Tables for Statisticians I, table 40.
@pytest.mark.parametrize(
    ("count", "low", "high"),
    [(0, 0.0, 3.69), (1, 0.0253, 5.57), (2, 0.242, 7.22), (5, 1.62, 11.67), (10, 4.80, 18.39), (50, 37.11, 65.92)],
)
def test_the_interval_is_that_of_the_published_table(count: int, low: float, high: float) -> None:
    found = poisson_interval(count)

    assert found == (pytest.approx(low, rel=0.003), pytest.approx(high, rel=0.003))


def summed(count: int, mean: float) -> float:
    """The probability of `count` or fewer, term by term."""
    return sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count + 1))


@given(st.integers(0, 2000))
def test_the_bounds_are_where_so_many_are_one_case_of_forty(count: int) -> None:
    low, high = poisson_interval(count)

    assert low <= count < high
    assert summed(count, high) == pytest.approx(0.025, rel=1e-6)
    if count:
        assert 1 - summed(count - 1, low) == pytest.approx(0.025, rel=1e-6)


# Shows S3-26.
def test_a_rate_is_faults_per_installed_device_month() -> None:
    """Two devices of X for 12 months had 6 faults, one of Y for 6 months none: 6 in 30 device-months."""
    standing = [installed("a", 12, model="X"), installed("b", 12, model="X"), installed("c", 6, model="Y")]
    faults = [fault("a", month * MONTH_MS) for month in range(4)] + [fault("b"), fault("b", 1)]

    total, (first, second) = rates(faults, standing, "model")

    assert (total.faults, total.months, total.per_month) == (6, 30, Fraction(1, 5))
    assert (first.key, first.devices, first.months, first.faults, first.per_month) == ("X", 2, 24, 6, Fraction(1, 4))
    assert (first.low, first.high) == tuple(mean / 24 for mean in poisson_interval(6))
    assert first.verdict == ""
    assert (second.key, second.faults, second.per_month, second.verdict) == ("Y", 0, 0, "too_few")


def test_a_fault_counts_only_while_its_device_stands_somewhere() -> None:
    standing = [Installed("a", ((0, 10), (20, 30)), model="X")]

    total, _ = rates(
        [fault("a", at) for at in (5, 10, 15, 20, 29, 30)] + [fault("b", 5), fault("@gw")], standing, "model"
    )

    assert (total.faults, total.device_ms) == (3, 20)


def test_what_stood_nowhere_has_no_rate() -> None:
    total, found = rates([fault("a")], [Installed("a", (), model="X")], "model")

    assert total == Rate("", 0, 0, 0, None, None, None, "too_few")
    assert found == []


def test_only_what_lies_wholly_above_or_below_the_rate_of_all_is_called_so() -> None:
    """Of 200 device-months with 40 faults, Z has 30 of them in 50, W 10 in 150."""
    standing = [installed("z", 50, model="Z"), installed("w", 150, model="W")]
    faults = [fault("z", at) for at in range(30)] + [fault("w", at) for at in range(10)]

    _, found = rates(faults, standing, "model")

    assert [(one.key, one.verdict) for one in found] == [("Z", "higher"), ("W", "lower")]


def test_few_faults_in_little_time_say_nothing_however_high_their_rate() -> None:
    standing = [installed("new", 1, model="N"), installed("old", 1000, model="O")]

    _, (first, _) = rates([fault("new"), *(fault("old", at) for at in range(10))], standing, "model")

    assert (first.key, first.per_month, first.verdict) == ("N", 1, "too_few")


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.integers(0, 40), st.integers(0, 9)), max_size=12))
def test_the_groups_add_up_to_the_total(devices: list[tuple[str, int, int]]) -> None:
    standing = [installed(f"d{n}", months, model=model) for n, (model, months, _) in enumerate(devices)]
    faults = [fault(f"d{n}", at) for n, (_, _, count) in enumerate(devices) for at in range(count)]

    total, found = rates(faults, standing, "model")

    assert total.device_ms == sum(one.device_ms for one in found)
    assert total.faults == sum(one.faults for one in found)
    assert total.devices == sum(one.devices for one in found)
