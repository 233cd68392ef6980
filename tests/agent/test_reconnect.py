"""When an agent dials again: the schedule by itself, and that of a fleet."""

import random
from collections import Counter
from typing import Any

import pytest

from roundsman_agent.check import _Uplink
from roundsman_agent.config import UplinkSettings
from roundsman_agent.reconnect import STABLE_MS, Reconnect
from tests.agent.cast import config


def settings(**changes: Any) -> UplinkSettings:
    """What an agent has whose file says nothing of it, but for changes."""
    defaults = _Uplink().model_dump(include={name for name in _Uplink.model_fields if name.startswith("reconnect_")})
    return config("", **{**defaults, **changes}).uplink


def schedule(seed: int = 1, **changes: Any) -> Reconnect:
    return Reconnect(settings(**changes), random.Random(seed))


def test_after_a_connection_broke_the_first_attempt_is_anywhere_within_two_minutes() -> None:
    waits = [schedule(seed).broke(STABLE_MS) / 1000 for seed in range(1000)]

    by_20_s = Counter(int(wait // 20) for wait in waits)
    assert max(waits) <= 120 + 1.5
    assert all(by_20_s[i] > 120 for i in range(6)), by_20_s


def test_failed_attempts_double_the_wait_give_or_take_half_up_to_the_most() -> None:
    one = schedule(reconnect_min_s=1.0, reconnect_max_s=120.0)

    waits = [one.failed() / 1000 for _ in range(12)]

    limits = [1, 2, 4, 8, 16, 32, 64, 120, 120, 120, 120, 120]
    assert all(limit * 0.5 <= wait <= limit * 1.5 for wait, limit in zip(waits, limits, strict=True)), waits


def test_five_stable_minutes_begin_the_back_off_anew_and_less_does_not() -> None:
    one = schedule(reconnect_spread_s=0.0, reconnect_jitter=0.0)
    for _ in range(5):
        one.failed()

    assert one.broke(STABLE_MS - 1) == 32_000
    assert one.broke(STABLE_MS) == 1_000


def test_a_broker_that_falls_over_again_at_once_does_not_meet_everybody_in_one_second() -> None:
    fleet = [schedule(seed) for seed in range(1000)]
    for one in fleet:
        one.broke(STABLE_MS)

    again = Counter(one.broke(3_000) // 1000 for one in fleet)

    assert max(again.values()) < 30


def test_a_fleet_that_was_refused_comes_back_spread() -> None:
    fleet = [schedule(seed) for seed in range(1000)]
    waits = [sum(one.failed() for _ in range(6)) // 1000 for one in fleet]

    assert max(Counter(waits).values()) < 60


@pytest.mark.parametrize("attempts", [1, 40, 5000])
def test_however_often_it_failed_the_wait_stays_finite(attempts: int) -> None:
    one = schedule()
    for _ in range(attempts):
        one.failed()

    assert 50 <= one.failed() <= 180_000
