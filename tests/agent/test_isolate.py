"""Work that hangs is left behind; nothing else waits for it."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from roundsman_agent.isolate import Isolation, Outcome


@pytest.fixture
def isolation() -> Iterator[Isolation]:
    isolation = Isolation(threads=4, left_behind=0)
    yield isolation
    isolation.close()


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What hanging work waits for; opened at the end so that no thread outlives its test."""
    gate = threading.Event()
    yield gate
    gate.set()


def collected(isolation: Isolation, now: int, count: int) -> list[Outcome]:
    """Outcomes as they come, at one told time."""
    found: list[Outcome] = []
    deadline = time.monotonic() + 10
    while len(found) < count and time.monotonic() < deadline:
        isolation.sleep(0.05)
        found += isolation.collect(now)
    return found


def raising(error: BaseException) -> Callable[[], None]:
    def call() -> None:
        raise error

    return call


def test_work_that_returns_gives_its_value(isolation: Isolation) -> None:
    isolation.start("kiosk-7/host", lambda: 42, now=0, timeout_ms=1000)

    assert collected(isolation, 1, 1) == [Outcome(key="kiosk-7/host", value=42)]


@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(3)], ids=["an error", "an exit"])
def test_work_that_breaks_gives_its_error_and_harms_nobody(isolation: Isolation, error: BaseException) -> None:
    isolation.start("kiosk-7/host", raising(error), now=0, timeout_ms=1000)

    assert collected(isolation, 1, 1) == [Outcome(key="kiosk-7/host", error=error)]


def test_hung_work_is_told_of_once_at_its_deadline_and_not_started_again(
    isolation: Isolation, gate: threading.Event
) -> None:
    assert isolation.start("nvr-2/snmp", gate.wait, now=100, timeout_ms=1000) is None
    before = isolation.collect(1099)
    at_deadline = isolation.collect(1100)
    after = isolation.collect(5000)

    assert (before, after) == ([], [])
    assert at_deadline == [Outcome(key="nvr-2/snmp", hung_since=100)]
    assert isolation.start("nvr-2/snmp", lambda: 1, now=6000, timeout_ms=1000) == 100


def test_hung_work_that_returns_may_be_started_again(isolation: Isolation, gate: threading.Event) -> None:
    isolation.start("nvr-2/snmp", gate.wait, now=0, timeout_ms=10)
    isolation.collect(10)
    gate.set()
    deadline = time.monotonic() + 10
    while isolation.hung() and time.monotonic() < deadline:
        isolation.sleep(0.05)
        assert isolation.collect(20) == []

    assert isolation.start("nvr-2/snmp", lambda: "back", now=30, timeout_ms=1000) is None
    assert collected(isolation, 31, 1) == [Outcome(key="nvr-2/snmp", value="back")]


def test_what_comes_late_is_handed_to_whoever_can_let_it_go(isolation: Isolation, gate: threading.Event) -> None:
    late: list[object] = []
    isolation.start("uplink/1", gate.wait, now=0, timeout_ms=10, late=late.append)
    isolation.collect(10)
    gate.set()
    deadline = time.monotonic() + 10
    while not late and time.monotonic() < deadline:
        isolation.sleep(0.05)
        isolation.collect(20)

    assert late == [True]


def test_three_hung_probes_do_not_delay_the_fourth(isolation: Isolation, gate: threading.Event) -> None:
    for name in ("a", "b", "c"):
        isolation.start(name, gate.wait, now=0, timeout_ms=60_000)

    began = time.monotonic()
    isolation.start("kiosk-7/host", lambda: 42, now=0, timeout_ms=1000)
    outcomes = collected(isolation, 1, 1)

    assert outcomes == [Outcome(key="kiosk-7/host", value=42)]
    assert time.monotonic() - began < 5  # the others hang for good


def test_beyond_the_limit_work_waits_its_turn_and_is_given_up_at_its_deadline(
    isolation: Isolation, gate: threading.Event
) -> None:
    for name in ("a", "b", "c", "d"):
        isolation.start(name, gate.wait, now=0, timeout_ms=50)
    isolation.start("e", lambda: 1, now=10, timeout_ms=1000)

    hung = isolation.collect(60)
    given_up = isolation.collect(1010)

    assert [outcome.hung_since for outcome in hung] == [0] * 4
    assert given_up == [Outcome(key="e", hung_since=10)]
    assert threading.active_count() <= 1 + 4 + 1


def test_what_hangs_takes_nobodys_turn_until_too_much_hangs(gate: threading.Event) -> None:
    isolation = Isolation(threads=2, left_behind=3)
    for name in ("a", "b", "c", "d"):
        isolation.start(name, gate.wait, now=0, timeout_ms=50)
        isolation.collect(60)

    isolation.start("kiosk-7/host", lambda: 42, now=60, timeout_ms=1000)
    well = collected(isolation, 61, 1)
    isolation.start("e", gate.wait, now=61, timeout_ms=50)
    isolation.collect(200)
    isolation.start("kiosk-7/host", lambda: 42, now=200, timeout_ms=1000)

    assert well == [Outcome(key="kiosk-7/host", value=42)]
    assert len(isolation.hung()) == 5
    assert isolation.collect(1200) == [Outcome(key="kiosk-7/host", hung_since=200)]
    isolation.close()


def test_the_agents_own_work_starts_though_every_thread_hangs(isolation: Isolation, gate: threading.Event) -> None:
    for name in ("a", "b", "c", "d", "e"):
        isolation.start(name, gate.wait, now=0, timeout_ms=60_000)

    isolation.start("uplink/1", lambda: "connected", now=0, timeout_ms=1000, at_once=True)

    assert collected(isolation, 1, 1) == [Outcome(key="uplink/1", value="connected")]


def test_the_next_deadline_is_known(isolation: Isolation, gate: threading.Event) -> None:
    assert isolation.wake_at() is None

    isolation.start("a", gate.wait, now=100, timeout_ms=5000)
    isolation.start("b", gate.wait, now=200, timeout_ms=300)

    assert isolation.wake_at() == 500
