"""Faults that come and go are held as one; restarts are counted in a window that rolls; thinned samples are coarse."""

from collections.abc import Iterable

import pytest

from roundsman_collector.core.model import Condition, Item, Segment
from roundsman_collector.core.policy import Above, Below, Is, Policy, Restarts
from tests.collector.core.desk import GATEWAY, KIOSK, START, Desk, Recorder, at, from_nothing, rule, story

LINE = rule("printer.cover_open", Is(reading="printer.cover", words=("open",)), for_s=120, clear_for_s=60, flap_s=300)
CALM = rule("printer.cover_open", Is(reading="printer.cover", words=("open",)), for_s=120, clear_for_s=60)
STORM = rule("host.reboot_storm", Restarts(count=3, within_ms=60 * 60_000), effect="")


def lids(agent: Recorder, told: Iterable[tuple[float, str]]) -> list[Item]:
    return [agent.sample(minute, "kiosk-7", printer__cover=word) for minute, word in told]


def faults(desk: Desk, code: str) -> list[tuple[float, float | None, bool]]:
    found = [c for c in desk.conditions.values() if c.code == code]
    return [(minute(c.from_ms), None if c.to_ms is None else minute(c.to_ms), c.flapping) for c in sorted(found)]


def minute(ms: int) -> float:
    return (ms - START) / 60_000


def test_a_lid_that_opens_for_a_minute_again_and_again_is_one_fault_until_it_has_been_calm() -> None:
    restless = [(m, "open" if m % 2 else "closed") for m in range(12)]
    calm = [(float(m), "closed") for m in range(12, 40)]

    desk = Desk("kiosk-7", Policy(rules=(LINE,))).take_all(lids(Recorder("k7-1", KIOSK), [*restless, *calm]))

    # Each turn pours in 5 minutes and each minute leaks one: full (20) with the fifth turn, at minute 5.
    assert faults(desk, LINE.code) == [(5, 12, True)]
    assert [c for c in desk.conditions.values() if c.to_ms is None] == []


def test_the_same_lid_without_flapping_is_never_open_for_long_enough() -> None:
    restless = [(m, "open" if m % 2 else "closed") for m in range(12)]

    desk = Desk("kiosk-7", Policy(rules=(CALM,))).take_all(lids(Recorder("k7-1", KIOSK), restless))

    assert faults(desk, CALM.code) == []


def test_it_is_calm_when_half_has_leaked_away_whatever_the_number_of_reports() -> None:
    restless = [(m, "open" if m % 2 else "closed") for m in range(12)]
    few, many = [12.0, 13.0, 22.0, 23.0], [12 + step / 4 for step in range(48)]

    desks = [
        Desk("kiosk-7", Policy(rules=(LINE,))).take_all(
            lids(Recorder("k7-1", KIOSK, valid_s=1200), [*restless, *((m, "closed") for m in later)])
        )
        for later in (few, many)
    ]

    assert [faults(desk, LINE.code) for desk in desks] == [[(5, 12, True)], [(5, 12, True)]]


def test_a_slow_change_of_mind_does_not_flap() -> None:
    slow = [(6.0 * m, "open" if m % 2 else "closed") for m in range(12)]

    desk = Desk("kiosk-7", Policy(rules=(LINE,))).take_all(lids(Recorder("k7-1", KIOSK, valid_s=600), slow))

    assert not any(c.flapping for c in desk.conditions.values())
    assert not desk.state.devices[0].flaps or all(not one.flapping for one in desk.state.devices[0].flaps)


def test_a_fault_that_begins_to_flap_while_it_holds_is_marked() -> None:
    holds = [(float(m), "open") for m in range(4)]
    restless = [(4 + m / 2, "closed" if m % 2 == 0 else "open") for m in range(8)]

    desk = Desk("kiosk-7", Policy(rules=(LINE,))).take_all(lids(Recorder("k7-1", KIOSK), [*holds, *restless]))

    assert faults(desk, LINE.code) == [(0, None, True)]


def test_three_starts_within_an_hour_are_a_storm_and_it_is_over_when_the_window_has_rolled() -> None:
    agent = Recorder("k7-1", KIOSK)
    items = [agent.sample(0, "kiosk-7", host__cpu_percent=1.0)]
    for minute_of_start in (10, 30, 50):
        items.append(agent.reboot(minute_of_start))
        items.append(agent.sample(minute_of_start + 1, "kiosk-7", host__cpu_percent=1.0))
    items += [agent.sample(m, "kiosk-7", host__cpu_percent=1.0) for m in range(52, 90)]

    desk = Desk("kiosk-7", Policy(rules=(STORM,))).take_all(items)

    assert faults(desk, STORM.code) == [(51, 70, False)]
    assert desk.truth == from_nothing("kiosk-7", items, at(90), Policy(rules=(STORM,))).truth


@pytest.mark.parametrize("uptime_s", [None, -5, 1e300, True, "long"])
def test_an_impossible_uptime_is_no_restart(uptime_s: object) -> None:
    agent = Recorder("gw-1", GATEWAY)
    items = [agent.sample(m, "nvr-2", host__uptime_s=said) for m, said in enumerate([5000, uptime_s, uptime_s, 5180])]
    rules = Policy(rules=(rule("host.reboot", Restarts(count=1, within_ms=60_000)),))

    assert Desk("gw-2", rules).take_all(items).conditions == {}


def test_a_device_that_is_looked_at_starts_when_its_uptime_begins_anew_but_not_when_its_clock_is_slow() -> None:
    agent = Recorder("gw-1", GATEWAY)
    uptimes = [5000, 5050, 5100, 5150, 20, 80]
    items = [agent.sample(m, "nvr-2", host__uptime_s=said) for m, said in enumerate(uptimes)]
    rules = Policy(rules=(rule("host.reboot", Restarts(count=1, within_ms=600_000), effect=""),))

    desk = Desk("gw-2", rules).take_all(items)

    assert faults(desk, "host.reboot") == [(4, None, False)]
    (device,) = [d for d in desk.state.devices if d.device == "nvr-2"]
    assert device.boots == (at(4) - 20_000,)


def test_samples_that_were_thinned_speak_to_the_next_one_kept_and_are_told_as_coarse() -> None:
    agent = Recorder("k7-1", KIOSK)
    before = agent.sample(0, "kiosk-7", printer__cover="closed")
    kept = [agent.sample(m, "kiosk-7", printer__cover=word) for m, word in ((1, "closed"), (11, "open"), (21, "open"))]
    gap = agent.thinned(1, 31, (2, 30), 600)
    after = [agent.sample(minute, "kiosk-7", printer__cover="closed") for minute in (31, 32)]

    desk = from_nothing("kiosk-7", [before, *kept, gap, *after], at(32.5), Policy(rules=(CALM,)))

    assert desk.segments["kiosk-7"] == (
        Segment(at(0), at(1), "up", "", ""),
        Segment(at(1), at(11), "up", "", "", True),
        Segment(at(11), at(31), "down", "fault", "printer.cover_open", True),
        Segment(at(31), None, "up", "", ""),
    ), story(desk.segments["kiosk-7"])


@pytest.mark.parametrize(
    ("used", "size", "is_faulty"),
    [(95, 100, True), (85, 100, False), (95, 0, False), (95, None, False), (None, 9, False)],
)
def test_a_share_is_judged_and_one_of_nothing_says_nothing(used: object, size: object, is_faulty: bool) -> None:
    full = rule("disk.full", Above(reading="disk.used_mb", limit=0.9, clear=0.8, per="disk.size_mb"))
    readings = {"disk[/].used_mb": used, "disk[/].size_mb": size, "disk[/x].size_mb": 10_000}

    desk = Desk("kiosk-7", Policy(rules=(full,))).take_all([Recorder("k7-1", KIOSK).sample(0, "kiosk-7", **readings)])

    assert bool(desk.conditions) is is_faulty


@pytest.mark.parametrize(("engine", "is_faulty"), [("on", True), ("off", False), (None, False), ("absent", False)])
def test_a_rule_that_holds_only_while_another_reading_does(engine: str | None, is_faulty: bool) -> None:
    while_on = Is(reading="vehicle.engine", words=("on",), others=("off",))
    plain = rule("gnss.few", Below(reading="gnss.satellites", limit=4, clear=5))
    parked = Policy(rules=(type(plain)(**{f: getattr(plain, f) for f in plain.__slots__} | {"only_while": while_on}),))
    readings: dict[str, object] = {"gnss.satellites": 0}
    if engine != "absent":
        readings["vehicle.engine"] = engine

    desk = Desk("kiosk-7", parked).take_all([Recorder("k7-1", KIOSK).sample(0, "kiosk-7", **readings)])

    assert [type(c) for c in desk.conditions.values()] == [Condition] * is_faulty
