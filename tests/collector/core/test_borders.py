"""Where one thing ends and the other begins: the last millisecond of each, and who is meant."""

import pytest

from roundsman_collector.core.model import Item, newborn
from roundsman_collector.core.policy import Above, Is, Policy, Restarts
from roundsman_collector.core.rulebook import book_of
from roundsman_collector.core.turn import fold, in_order, tick, turn, wake_at
from tests.collector.core.desk import GATEWAY, KIOSK, MINUTE, POLICY, START, Desk, Recorder, at, rule, story

BOOK = book_of(POLICY)
UNREACHABLE = "host.unreachable"


def faults(desk: Desk) -> list[tuple[str, str, float, float | None]]:
    return [
        (
            one.subject,
            one.code,
            (one.from_ms - START) / MINUTE,
            None if one.to_ms is None else (one.to_ms - START) / MINUTE,
        )
        for one in sorted(desk.conditions.values())
    ]


# --- time that means nothing new -------------------------------------------------------------------------------------


def test_what_time_has_told_once_it_does_not_tell_again() -> None:
    desk = Desk("gw-2", BOOK).take_all([Recorder("gw-2-1", GATEWAY).sample(0, "nvr-2", host__cpu_percent=1)])

    first = tick(desk.state, at(60), BOOK)

    assert first is not None
    assert tick(first.state, at(120), BOOK) is None


def test_who_never_said_by_when_it_reports_is_never_waited_for() -> None:
    item = Recorder("gw-2-1", None).sample(0, "nvr-2", host__cpu_percent=1)
    state = fold(newborn("gw-2"), item, BOOK).state

    assert state.arrive_by_ms == 0
    assert wake_at(state) is None
    assert tick(state, at(600), BOOK) is None
    assert wake_at(newborn("gw-2")) is None


# --- whose turn it is ------------------------------------------------------------------------------------------------


def test_two_devices_may_speak_of_the_same_instant_and_one_may_not_twice() -> None:
    recorder = Recorder("gw-2-1", GATEWAY)
    first, other, again = (recorder.sample(5, name, host__cpu_percent=1) for name in ("nvr-2", "ups-2", "nvr-2"))
    state = fold(newborn("gw-2"), first, BOOK).state

    assert in_order(state, other)
    assert not in_order(state, again)
    assert turn(state, again, BOOK) is None


@pytest.mark.parametrize(("silent", "answering"), [("ups-2", "nvr-2"), ("nvr-2", "ups-2")])
def test_any_neighbour_that_answers_at_the_same_time_vouches_for_the_road(silent: str, answering: str) -> None:
    recorder = Recorder("gw-2-1", GATEWAY)
    items: list[Item] = []
    for minute in range(5):
        items.append(recorder.sample(minute, answering, host__cpu_percent=1))
        items.append(recorder.no_answer(minute, silent))

    assert faults(Desk("gw-2", BOOK).take_all(items)) == [(silent, UNREACHABLE, 0, None)]


def test_nobody_vouches_for_himself_and_the_gateway_for_nobody() -> None:
    recorder = Recorder("gw-2-1", GATEWAY)
    items = [recorder.sample(0, "nvr-2", host__cpu_percent=1)]
    for minute in range(1, 6):
        items.append(recorder.sample(minute, "gw-2", host__cpu_percent=1))
        items.append(recorder.no_answer(minute, "nvr-2"))

    desk = Desk("gw-2", BOOK).take_all(items)

    assert faults(desk) == []
    assert story(desk.segments["nvr-2"])[-1][2:] == ("unknown", "uplink")


# --- restarts --------------------------------------------------------------------------------------------------------

STORM = Policy(rules=(rule("host.reboot_storm", Restarts(count=2, within_ms=60 * MINUTE), effect=""),))


@pytest.mark.parametrize(("drift_ms", "is_restart"), [(59_999, False), (60_000, False), (60_001, True)])
def test_an_uptime_that_is_a_minute_short_is_a_slow_clock_and_more_is_a_restart(
    drift_ms: int, is_restart: bool
) -> None:
    recorder = Recorder("gw-2-1", GATEWAY)
    uptimes = [1000.0, 1060.0 - drift_ms / 1000, 1120.0 - 2 * drift_ms / 1000]
    items = [recorder.sample(minute, "nvr-2", host__uptime_s=uptime) for minute, uptime in enumerate(uptimes)]

    desk = Desk("gw-2", STORM).take_all(items)

    assert bool(faults(desk)) is is_restart


def test_a_storm_counts_the_starts_of_its_window_and_not_the_one_at_its_border() -> None:
    def starts(*minutes: float) -> list[Item]:
        recorder = Recorder("k7-1", KIOSK)
        items = [recorder.sample(-30, "kiosk-7", x__y=1)]
        for minute in minutes:
            items += [recorder.reboot(minute), recorder.sample(minute + 0.25, "kiosk-7", x__y=1)]
        return items

    def codes(items: list[Item]) -> list[str]:
        return [code for _, code, _, _ in faults(Desk("kiosk-7", STORM).take_all(items))]

    assert codes(starts(0, 59)) == ["host.reboot_storm"]
    assert codes(starts(0, 60)) == []


# --- one fault is not another ----------------------------------------------------------------------------------------

DISKS = Policy(
    rules=(
        rule("disk.full", Above(reading="disk.used_percent", limit=90, clear=80), for_s=60, clear_for_s=60, effect=""),
        rule("printer.paper_end", Is(reading="printer.paper", words=("end",)), for_s=0, effect=""),
    )
)


def test_disks_fill_and_are_emptied_each_for_itself() -> None:
    recorder = Recorder("k7-1", KIOSK)
    used = [(95, 95), (95, 95), (95, 50), (95, 50), (95, 50), (50, 50), (50, 95), (50, 95), (50, 95)]
    items = [
        recorder.sample(minute, "kiosk-7", **{"disk[/].used_percent": root, "disk[/data].used_percent": data})
        for minute, (root, data) in enumerate(used)
    ]

    desk = Desk("kiosk-7", DISKS).take_all(items)

    found = [
        (c.component, (c.from_ms - START) / MINUTE, None if c.to_ms is None else (c.to_ms - START) / MINUTE)
        for c in sorted(desk.conditions.values())
    ]
    assert found == [("disk[/]", 0, 5), ("disk[/data]", 0, 2), ("disk[/data]", 6, None)]


def test_another_fault_of_the_same_component_does_not_end_this_one() -> None:
    policy = Policy(
        rules=(
            rule("printer.paper_end", Is(reading="printer.paper", words=("end",)), effect=""),
            rule("printer.cover_open", Is(reading="printer.cover", words=("open",)), effect=""),
        )
    )
    recorder = Recorder("k7-1", KIOSK)
    said = [("end", "open"), ("end", "closed"), ("end", "open"), ("ok", "open")]
    items = [recorder.sample(m, "kiosk-7", printer__paper=p, printer__cover=c) for m, (p, c) in enumerate(said)]

    assert faults(Desk("kiosk-7", policy).take_all(items)) == [
        ("kiosk-7", "printer.cover_open", 0, 1),
        ("kiosk-7", "printer.cover_open", 2, None),
        ("kiosk-7", "printer.paper_end", 0, 3),
    ]
