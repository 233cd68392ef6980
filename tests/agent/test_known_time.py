"""What the agent knows of the true time, whatever its wall clock does."""

from dataclasses import replace

from roundsman_agent.clock import Moment, SystemClock, offset
from roundsman_agent.known_time import KnownTime
from tests.agent.cast import START, T0, ToldClock, later

DAY = 86_400_000


def heard(known: KnownTime, now: Moment, true: int, width: int = 200) -> object:
    found = offset(at=true - width // 2, echo=now.mono - width, now=now)
    assert found is not None
    return known.hear(found, now)


def test_a_step_of_the_wall_clock_changes_nothing_of_the_true_time() -> None:
    clock = ToldClock(replace(START, ntp=False))
    known = KnownTime(clock)
    heard(known, known.now(), T0)

    for step in (DAY, -DAY, -T0):
        now = replace(later(60), wall=T0 + 60_000 + step, ntp=False)
        found = known.offset(now)
        assert found is not None
        assert found.offset_ms == -step
        assert known.true(now) == (T0 + 60_000, found.error_ms)


def test_ntp_is_not_believed_against_an_acknowledgement() -> None:
    clock = ToldClock(replace(START, wall=T0 - DAY))
    known = KnownTime(clock)

    assert known.now().ntp
    record = heard(known, clock.now(), T0)

    assert not known.now().ntp
    assert record == {
        "kind": "clock", "boot": START.boot, "mono": START.mono, "t": T0 - DAY, "ntp": False,
        "offset_ms": DAY, "error_ms": 101,
    }  # fmt: skip
    assert known.ahead_s(known.now()) == -86_399
    clock.moment = later(5)
    assert known.now().ntp
    assert known.ahead_s(known.now()) == 0


def test_the_arrival_of_ntp_dates_what_was_before_once() -> None:
    known = KnownTime(ToldClock())
    at_first = replace(START, wall=5_000, ntp=False)

    assert known.look(at_first) is None
    record = known.look(later(30))

    assert record == {
        "kind": "clock", "boot": START.boot, "mono": later(30).mono, "t": later(30).wall, "offset_ms": 0,
        "error_ms": 1_000,
    }  # fmt: skip
    assert known.look(later(60)) is None


def test_a_boot_that_always_had_ntp_needs_no_record_of_it() -> None:
    known = KnownTime(ToldClock())

    assert known.look(START) is None


def test_an_error_grows_and_a_wide_acknowledgement_does_not_spoil_a_narrow_one() -> None:
    known = KnownTime(ToldClock(replace(START, ntp=False)))
    heard(known, START, T0, width=100)

    heard(known, later(3600), T0 + 3_600_000 + 900, width=20_000)

    assert known.true(later(3600)) == (T0 + 3_600_000, 51 + 720)


def test_in_another_boot_nothing_is_known_again() -> None:
    known = KnownTime(ToldClock())
    heard(known, START, T0)

    assert known.offset(replace(START, boot="another")) is None
    assert known.true(replace(START, boot="another", ntp=False)) is None


def test_a_clock_that_is_set_is_asked_about_ntp_at_once() -> None:
    asked: list[int] = []
    clock = SystemClock()
    clock._mono, clock._wall = (lambda: 50_000), (lambda: T0)
    clock._synchronised = lambda: bool(asked.append(1)) or len(asked) == 1

    assert clock.now().ntp
    assert clock.now().ntp
    clock._wall = lambda: T0 + DAY

    assert not clock.now().ntp
    assert len(asked) == 2
