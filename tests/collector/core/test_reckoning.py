"""From evidence to percentages: the layers, the sums, the buckets, and the golden numbers of the trade."""

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roundsman_collector.core.availability import Figure, percent, pool
from roundsman_collector.core.calendar import working_intervals
from roundsman_collector.core.causes import Explained
from roundsman_collector.core.hours import calendar_of
from roundsman_collector.core.intervals import Intervals, normal
from roundsman_collector.core.overlay import Laid, stated
from roundsman_collector.core.reckoning import (
    BUCKETS,
    WHOLE,
    Broken,
    Bucket,
    Outage,
    Run,
    Stretch,
    Sum,
    cut,
    edges_of,
    figure_of,
    joined,
    outages,
    reckoned,
    stretches,
    summed,
    tally,
)
from tests.collector.core.oracle import Span, figure

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
EVER: Intervals = ((0, 1000),)


def seg(from_ms: int, to_ms: int, state: str, cause: str = "", fault: str = "", root: str = "") -> Explained:
    return Explained(from_ms, to_ms, state, cause, fault, False, root)


def laid(overlay: int, kind: str, from_ms: int, to_ms: int | None, state: str = "", reason: str = "") -> Laid:
    return Laid(overlay, kind, state, reason, from_ms, to_ms, 0)  # type: ignore[arg-type]


def shown(told: list[Stretch]) -> list[tuple[int, int, str, str, str]]:
    return [(one.from_ms, one.to_ms, one.state, one.fault or one.cause, one.by) for one in joined(told)]


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


# --- layers ----------------------------------------------------------------------------------------------------------


def test_what_the_ledger_does_not_speak_of_is_unknown_and_says_why() -> None:
    told = stretches([seg(100, 300, "up")], counted=EVER)

    assert shown(told) == [
        (0, 100, "unknown", "never_seen", ""),
        (100, 300, "up", "", ""),
        (300, 1000, "unknown", "not_yet", ""),
    ]


def test_a_device_that_never_reported_is_unknown_all_the_time_and_has_no_availability() -> None:
    found = reckoned(summed(stretches([], counted=EVER)))

    assert found.figure.unknown_ms == 1000
    assert found.figure.availability is None
    assert found.mean_of_devices is None


def test_what_a_root_explains_names_the_root() -> None:
    ledger = [seg(0, 400, "up"), seg(400, 600, "unknown", "uplink", "switch.down", "switch-1"), seg(600, 1000, "up")]

    told = stretches(ledger, counted=EVER)

    assert shown(told)[1] == (400, 600, "unknown", "switch.down", "cause:switch-1")


def test_the_later_of_five_overlapping_corrections_wins_and_nothing_wins_over_what_is_excluded() -> None:
    over = [
        laid(1, "correction", 0, 500, "down", "found_off"),
        laid(2, "correction", 100, 400, "up"),
        laid(3, "correction", 150, 250, "unknown"),
        laid(4, "maintenance", 200, 300),
        laid(5, "correction", 200, 350, "down"),
        laid(6, "correction", 320, 330, "up"),
    ]

    told = stretches([seg(0, 1000, "up")], counted=EVER, overlays=over)

    assert shown(told) == [
        (0, 100, "down", "off", "correction:1"),
        (100, 150, "up", "correction", "correction:2"),
        (150, 200, "unknown", "correction", "correction:3"),
        (200, 300, "excluded", "maintenance", "maintenance:4"),
        (300, 320, "down", "correction", "correction:5"),
        (320, 330, "up", "correction", "correction:6"),
        (330, 350, "down", "correction", "correction:5"),
        (350, 400, "up", "correction", "correction:2"),
        (400, 500, "down", "off", "correction:1"),
        (500, 1000, "up", "", ""),
    ]


def test_of_two_exclusions_that_overlap_the_one_that_counted_first_is_named() -> None:
    over = [laid(1, "maintenance", 100, 300), laid(2, "exclusion", 200, 400, reason="customer_power")]

    told = stretches([seg(0, 1000, "down", "fault", "x")], counted=EVER, overlays=over)

    assert [one[2:] for one in shown(told)[1:3]] == [
        ("excluded", "maintenance", "maintenance:1"),
        ("excluded", "customer_power", "exclusion:2"),
    ]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("", ("", "", "", None)),
        ("condition", ("condition", "", "", None)),
        ("cause:switch-1", ("cause", "switch-1", "switch-1", None)),
        ("correction:7", ("correction", "7", "", 7)),
        ("maintenance:8", ("maintenance", "8", "", 8)),
        ("exclusion:9", ("exclusion", "9", "", 9)),
    ],
)
def test_a_stretch_tells_the_root_and_the_overlay_apart_that_made_it_so(
    by: str, expected: tuple[str, str, str, int | None]
) -> None:
    one = Stretch(0, 1, "down", "", "", False, by)

    assert (one.kind, one.key, one.root, one.overlay) == expected


def test_a_function_is_down_by_its_own_fault_while_its_device_is_up_and_whenever_the_device_is_not() -> None:
    ledger = [seg(0, 600, "up"), seg(600, 700, "down", "off"), seg(700, 800, "unknown", "silent"), seg(800, 1000, "up")]
    broken = [Broken(100, 200, "printer.paper_end"), Broken(150, 650, "printer.cutter"), Broken(950, None, "printer.x")]

    told = stretches(ledger, counted=EVER, broken=broken)

    assert shown(told) == [
        (0, 100, "up", "", ""),
        (100, 200, "down", "printer.paper_end", "condition"),
        (200, 600, "down", "printer.cutter", "condition"),
        (600, 700, "down", "off", ""),
        (700, 800, "unknown", "silent", ""),
        (800, 950, "up", "", ""),
        (950, 1000, "down", "printer.x", "condition"),
    ]


def test_a_correction_says_what_a_function_was_too() -> None:
    told = stretches(
        [seg(0, 1000, "up")],
        counted=EVER,
        broken=[Broken(100, 500, "printer.paper_end")],
        overlays=[laid(1, "correction", 0, 300, "up", "found_working")],
    )

    assert shown(told)[:2] == [
        (0, 300, "up", "correction", "correction:1"),
        (300, 500, "down", "printer.paper_end", "condition"),
    ]


def test_where_nobody_can_say_when_a_site_must_run_all_is_unknown_for_that_reason() -> None:
    told = stretches([seg(0, 1000, "up")], counted=EVER, unclear="no_calendar", overlays=[laid(1, "maintenance", 0, 9)])

    assert shown(told) == [(0, 1000, "unknown", "no_calendar", "")]


def test_a_revoked_correction_restores_the_figure() -> None:
    ledger = [seg(0, 700, "up"), seg(700, 1000, "down", "fault", "x")]
    before = figure_of(stretches(ledger, counted=EVER))

    corrected = figure_of(stretches(ledger, counted=EVER, overlays=[laid(1, "correction", 600, 900, "up")]))

    assert corrected != before
    assert figure_of(stretches(ledger, counted=EVER, overlays=[])) == before


# --- sums ------------------------------------------------------------------------------------------------------------


def test_a_split_names_each_cause_of_what_was_not_up_and_marks_stand_beside_it() -> None:
    ledger = [
        Explained(0, 100, "up", "", "", True),
        seg(100, 300, "up", "degraded", "disk.full"),
        seg(300, 400, "down", "fault", "printer.paper_end"),
        seg(400, 450, "down", "power", "ups.on_battery", "ups-2"),
        seg(450, 1000, "unknown", "silent"),
    ]

    found = reckoned(summed(stretches(ledger, counted=EVER)))

    assert found.split == {
        ("unknown", "silent", ""): 550,
        ("up", "degraded", "disk.full"): 200,
        ("down", "fault", "printer.paper_end"): 100,
        ("down", "power", "ups.on_battery"): 50,
    }
    assert (found.degraded_ms, found.coarse_ms) == (200, 100)
    assert found.figure.outages == 1


def test_outages_have_begin_end_and_codes_and_add_up_to_the_down_time() -> None:
    ledger = [
        seg(0, 100, "up"),
        seg(100, 200, "down", "off"),
        seg(200, 250, "down", "fault", "a"),
        seg(250, 300, "up"),
        seg(300, 400, "down", "fault", "b"),
    ]
    told = stretches(ledger, counted=((0, 350), (360, 400)))

    found = reckoned(summed(told))

    assert outages(told) == [
        Outage(100, 250, ("off", "a")),
        Outage(300, 350, ("b",)),
        Outage(360, 400, ("b",)),
    ]
    assert (found.figure.outages, found.figure.longest_ms) == (3, 150)
    assert (found.mttr_ms, found.mtbf_ms) == (240 // 3, 150 // 3)


def test_without_an_outage_nobody_knows_how_long_one_lasts() -> None:
    found = reckoned(summed(stretches([seg(0, 1000, "up")], counted=EVER)))

    assert (found.mtbf_ms, found.mttr_ms) == (None, None)


def test_pooled_and_mean_of_devices_are_two_numbers() -> None:
    total = Sum()
    total.add(summed(stretches([seg(0, 1000, "up")], counted=EVER)))
    total.add(summed(stretches([seg(0, 1, "up"), seg(1, 2, "down", "off")], counted=((0, 2),))))
    total.add(summed(stretches([], counted=EVER)))

    found = reckoned(total)

    assert found.figure.availability == Fraction(1001, 1002)
    assert found.mean_of_devices == Fraction(3, 4)
    assert found.devices == 3


@pytest.mark.parametrize(
    ("policy", "expected"), [("exclude", Fraction(6, 8)), ("down", Fraction(6, 10)), ("up", Fraction(8, 10))]
)
def test_a_contracts_policy_for_unknown_changes_fields_of_its_own_and_no_others(
    policy: str, expected: Fraction
) -> None:
    told = stretches([seg(0, 600, "up"), seg(600, 800, "down", "off")], counted=EVER)

    found = reckoned(tally([Run(WHOLE, policy, told)])[""])  # type: ignore[arg-type]

    assert found.owed.availability == expected
    assert found.figure.availability == Fraction(6, 8)
    assert found.figure.unknown_ms == 200


# --- golden numbers --------------------------------------------------------------------------------------------------


def test_the_power_on_rate_of_a_kiosk_has_the_numbers_of_the_trade() -> None:
    """30 days 08:00-20:00 are 360 h. Faults of 2 h (07:00-10:00: one hour lies before opening), network 1.5 h, out of
    paper 0.5 h: 开机率 (360 - 4) / 360 = 98.89 %."""
    begin, end = utc("2026-10-31T16:00"), utc("2026-11-30T16:00")  # Shanghai's midnights
    day = lambda n, hour: begin + n * DAY + round(hour * HOUR)  # noqa: E731
    hours = working_intervals(calendar_of("08:00-20:00", "Asia/Shanghai"), begin, end)
    bad = [
        seg(day(4, 7), day(4, 10), "down", "fault", "host.unreachable"),
        seg(day(9, 12), day(9, 13.5), "unknown", "uplink", "router.down", "router-1"),
        seg(day(20, 19.5), day(20, 22), "down", "fault", "printer.paper_end"),
    ]
    ups = [seg(a, b, "up") for a, b in pairwise([begin, *(edge for one in bad for edge in one[:2]), end])][::2]

    found = reckoned(summed(stretches(sorted([*bad, *ups]), counted=hours)))

    assert found.power_on.service_ms == 360 * HOUR
    assert found.power_on.rate == Fraction(356, 360)
    assert str(percent(found.power_on.rate or Fraction(0), 2)) == "98.89"
    assert found.power_on.rest == {
        "unknown": 0,
        "maintenance": 0,
        "fault": round(2.5 * HOUR),
        "network": round(1.5 * HOUR),
        "paused": 0,
    }
    assert found.split[("down", "fault", "host.unreachable")] == 2 * HOUR
    assert found.split[("down", "fault", "printer.paper_end")] == HOUR // 2
    assert found.figure.availability == Fraction(3560 - 0, 3585)  # 356 / (356 + 2.5): not the power-on rate


def test_the_rest_of_the_power_on_rate_adds_up_to_the_service_time() -> None:
    ledger = [seg(0, 500, "up"), seg(500, 600, "down", "off"), seg(600, 700, "unknown", "silent")]
    over = [laid(1, "maintenance", 800, 850), laid(2, "exclusion", 850, 1000, reason="laid_up")]

    found = reckoned(summed(stretches(ledger, counted=EVER, overlays=over))).power_on

    assert found.rest == {"unknown": 200, "maintenance": 50, "fault": 100, "network": 0, "paused": 150}
    assert found.up_ms + sum(found.rest.values()) == found.service_ms


def test_16_channels_of_which_two_were_down_for_a_while_have_the_online_time_of_the_trade() -> None:
    """15 of 16 channels in scope, down 03:00-05:30 and 10:00-10:10: 360 h, 2.6667 h down -> 99.26 %."""
    total = Sum()
    for place in range(15):
        fell = {0: (3 * HOUR, 3 * HOUR + 150 * MINUTE), 1: (10 * HOUR, 10 * HOUR + 10 * MINUTE)}.get(place)
        edges = [0, DAY] if fell is None else [0, *fell, DAY]
        states = ["up", "down", "up"]
        ledger = [seg(a, b, states[at], "" if at != 1 else "fault") for at, (a, b) in enumerate(pairwise(edges))]
        total.add(summed(stretches(ledger, counted=((0, DAY),))))

    found = reckoned(total)

    assert found.figure.base_ms == 360 * HOUR
    assert str(percent(found.figure.availability or Fraction(0), 2)) == "99.26"


# --- buckets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bucket", "names"),
    [
        ("", [""]),
        ("day", ["2026-12-31", "2027-01-01", "2027-01-02"]),
        ("month", ["2026-12", "2027-01"]),
        ("quarter", ["2026-Q4", "2027-Q1"]),
        ("year", ["2026", "2027"]),
    ],
)
def test_buckets_are_those_of_the_sites_own_days(bucket: Bucket, names: list[str]) -> None:
    edges = edges_of(bucket, "Asia/Shanghai", utc("2026-12-31T15:00"), utc("2027-01-01T16:01"))

    assert [name for _, name in edges] == names


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_a_day_of_riga_is_as_long_as_it_is_there(day: str, hours: int) -> None:
    begin = utc(f"{day}T00:00") - 5 * HOUR
    edges = edges_of("day", "Europe/Riga", begin, begin + 3 * DAY)
    told = stretches([seg(begin, begin + 3 * DAY, "up")], counted=((begin, begin + 3 * DAY),))

    assert tally([Run(edges, "exclude", told)])[day].total("up") == hours * HOUR


def test_a_day_of_shanghai_has_24_hours_all_year() -> None:
    begin, end = utc("2025-12-31T16:00"), utc("2026-12-31T16:00")
    edges = edges_of("day", "Asia/Shanghai", begin, end)

    assert len(edges) == 365
    assert {b - a for (a, _), (b, _) in pairwise(edges)} == {DAY}


def test_an_outage_over_midnight_is_counted_on_both_days_and_once_in_the_month() -> None:
    begin = utc("2026-11-01T16:00")
    told = stretches([seg(begin - HOUR, begin + HOUR, "down", "off")], counted=((begin - HOUR, begin + HOUR),))
    window = begin - HOUR, begin + HOUR

    days = tally([Run(edges_of("day", "Asia/Shanghai", *window), "exclude", told)])
    months = tally([Run(edges_of("month", "Asia/Shanghai", *window), "exclude", told)])

    assert {name: (one.outages, one.longest_ms) for name, one in days.items()} == {
        "2026-11-01": (1, HOUR),
        "2026-11-02": (1, HOUR),
    }
    assert {name: (one.outages, one.longest_ms) for name, one in months.items()} == {"2026-11": (1, 2 * HOUR)}


# --- properties ------------------------------------------------------------------------------------------------------

STATES = st.sampled_from(["up", "down", "unknown", ""])
SPAN = st.tuples(st.integers(0, 3000), st.integers(1, 600)).map(lambda one: (one[0], one[0] + one[1]))


@st.composite
def ledgers(draw: st.DrawFn) -> list[Explained]:
    at, found = draw(st.integers(0, 300)), []
    for state in draw(st.lists(STATES, max_size=12)):
        end = at + draw(st.integers(1, 500))
        if state:
            found.append(
                seg(at, end, state, "" if state == "up" else draw(st.sampled_from(["fault", "off", "silent"])))
            )
        at = end
    return found


@st.composite
def overlays(draw: st.DrawFn) -> list[Laid]:
    found = []
    for number in range(draw(st.integers(0, 5))):
        begin, end = draw(SPAN)
        kind = draw(st.sampled_from(["maintenance", "exclusion", "correction"]))
        state = draw(st.sampled_from(["up", "down", "unknown"])) if kind == "correction" else ""
        found.append(laid(number, kind, begin, draw(st.sampled_from([end, None])), state))
    return found


COUNTED = st.lists(SPAN, max_size=4).map(normal)


@settings(deadline=None)
@given(ledgers(), overlays(), COUNTED)
def test_every_instant_that_counts_is_told_once_and_the_figure_is_that_of_the_oracle(
    ledger: list[Explained], over: list[Laid], counted: Intervals
) -> None:
    told = stretches(ledger, counted=counted, overlays=over)

    assert normal((one.from_ms, one.to_ms) for one in told) == counted
    assert all(one.from_ms < one.to_ms for one in told)
    assert all(a.to_ms <= b.from_ms for a, b in pairwise(told))
    assert figure_of(told) == by_the_oracle(ledger, over, counted)


def by_the_oracle(ledger: list[Explained], over: Sequence[Laid], counted: Intervals) -> Figure:
    excluded = [(one.from_ms, one.to_ms or 5000) for one in over if one.kind != "correction"]
    corrections = [(one.from_ms, one.to_ms or 5000, one.state) for one in over if one.kind == "correction"]
    return figure(
        [span(one.from_ms, one.to_ms or 0, one.state) for one in ledger],
        window=(-5000, 5000),
        now_ms=5000,
        in_service=counted,
        excluded=normal(excluded),
        corrections=[span(*one) for one in corrections],
    )


def span(from_ms: int, to_ms: int, state: str) -> Span:
    return Span(from_ms=from_ms, to_ms=to_ms, state=stated(state))


def times(one: Figure) -> tuple[int, ...]:
    return one.up_ms, one.down_ms, one.unknown_ms, one.excluded_ms, one.base_ms


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(ledgers(), overlays()), max_size=4), st.sampled_from(["Asia/Shanghai", "Europe/Riga"]))
def test_a_year_is_the_sum_of_its_quarters_months_and_days_and_of_its_devices_to_the_millisecond(
    devices: list[tuple[list[Explained], list[Laid]]], tz: str
) -> None:
    scale, begin = 9 * HOUR + 7, utc("2025-12-20T03:00")
    window = begin, begin + 3500 * scale

    def moved(ms: int | None) -> int | None:
        return None if ms is None else begin + ms * scale

    sums: dict[str, dict[str, Sum]] = {bucket: {} for bucket in BUCKETS}
    figures = []
    for ledger, over in devices:
        told = stretches(
            [one._replace(from_ms=moved(one.from_ms), to_ms=moved(one.to_ms)) for one in ledger],  # type: ignore[arg-type]
            counted=(window,),
            overlays=[one._replace(from_ms=moved(one.from_ms), to_ms=moved(one.to_ms)) for one in over],  # type: ignore[arg-type]
        )
        figures.append(figure_of(told))
        for bucket in BUCKETS:
            for name, one in tally([Run(edges_of(bucket, tz, *window), "down", told)]).items():
                sums[bucket].setdefault(name, Sum()).add(one)

    whole = pool(figures)
    for bucket in BUCKETS:
        total = Sum()
        for one in sums[bucket].values():
            total.add(one)
        found = reckoned(total)
        assert times(found.figure) == times(whole)
        assert found.owed.down_ms == whole.down_ms + whole.unknown_ms
    for wide, narrow in (("year", "quarter"), ("year", "month"), ("month", "day")):
        for name, one in sums[wide].items():
            parts = [part for inner, part in sums[narrow].items() if inner.startswith(name)]
            assert {key: ms for key, ms in one.times.items() if ms} == _added(parts)


def _added(parts: list[Sum]) -> dict[tuple[str, str, str], int]:
    total = Sum()
    for one in parts:
        total.add(one)
    return {key: ms for key, ms in total.times.items() if ms}


@settings(deadline=None)
@given(ledgers(), overlays(), st.integers(0, 3500))
def test_parts_add_up_to_the_whole_wherever_a_window_is_cut(ledger: list[Explained], over: list[Laid], at: int) -> None:
    told = stretches(ledger, counted=((0, 3500),), overlays=over)

    parts = [figure_of(cut(told, (0, at))), figure_of(cut(told, (at, 3500)))]

    assert times(pool(parts)) == times(figure_of(told))
