"""Availability: four numbers that are always the base, and no answer where nothing is known.

A case about a figure is put to the code that makes the customers' figures, and to the tests' oracle.
"""

import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.availability import STATES, Figure, State, UnknownAs, base, percent, percent_text, pool
from roundsman_collector.core.causes import Explained
from roundsman_collector.core.intervals import NOTHING, Intervals, Pair, normal
from roundsman_collector.core.overlay import Laid
from roundsman_collector.core.reckoning import Stretch, figure_of, reckoned, stretches, summed
from tests.collector.core import oracle
from tests.collector.core.oracle import Span

WINDOW = (0, 100)


def told(
    spans: Sequence[Span],
    *,
    window: Pair,
    now_ms: int,
    in_service: Intervals | None = None,
    service_hours: Intervals | None = None,
    excluded: Intervals = NOTHING,
    corrections: Sequence[Span] = (),
) -> list[Stretch]:
    """What the product tells of these spans, made a ledger: in order, none over another."""
    up, down = oracle.said(spans)
    ledger = [Explained(*pair, "up", "", "") for pair in up] + [Explained(*pair, "down", "", "") for pair in down]
    return stretches(
        sorted(ledger),
        counted=base(window=window, now_ms=now_ms, in_service=in_service, service_hours=service_hours),
        overlays=[
            *(Laid(1, "exclusion", "", "", *pair, 0) for pair in excluded),
            *(Laid(2, "correction", one.state, "", one.from_ms, one.to_ms, 0) for one in corrections),
        ],
    )


def figure(spans: Sequence[Span], **asked: Any) -> Figure:
    """The figure that the product makes of these spans."""
    return figure_of(told(spans, **asked))


both = pytest.mark.parametrize("figure", [figure, oracle.figure], ids=["the product", "the oracle"])
Making = Callable[..., Figure]


def span(from_ms: int, to_ms: int, state: State) -> Span:
    return Span(from_ms=from_ms, to_ms=to_ms, state=state)


def at(begin: int, length: int) -> Pair:
    return begin, begin + length


pair = st.builds(at, st.integers(-20, 110), st.integers(0, 50))
sets = st.lists(pair, max_size=4).map(normal)
maybe_sets = st.none() | sets
spans = st.lists(
    st.builds(lambda where, state: span(where[0], where[1], state), pair, st.sampled_from(STATES)), max_size=8
)


def state_by_state(
    said: list[Span], counted: Intervals, excluded: Intervals, corrections: list[Span]
) -> dict[str, set[int]]:
    """The definition, an instant at a time."""
    found: dict[str, set[int]] = {"up": set(), "down": set(), "unknown": set(), "excluded": set()}
    for now in (now for begin, end in counted for now in range(begin, end)):
        verdicts = {each.state for each in said if each.from_ms <= now < each.to_ms}
        verdict = next((state for state in ("down", "up") if state in verdicts), "unknown")
        for correction in corrections:
            if correction.from_ms <= now < correction.to_ms:
                verdict = correction.state
        if any(begin <= now < end for begin, end in excluded):
            verdict = "excluded"
        found[verdict].add(now)
    return found


def runs(instants: set[int]) -> int:
    return sum(1 for now in instants if now - 1 not in instants)


@both
@given(spans, st.tuples(maybe_sets, maybe_sets), sets, spans, st.integers(-10, 130))
def test_a_figure_is_what_the_definition_says_instant_by_instant(
    figure: Making,
    said: list[Span],
    limits: tuple[Intervals | None, Intervals | None],
    excluded: Intervals,
    corrections: list[Span],
    now: int,
) -> None:
    in_service, hours = limits
    counted = base(window=WINDOW, now_ms=now, in_service=in_service, service_hours=hours)
    told = state_by_state(said, counted, excluded, corrections)

    got = figure(
        said,
        window=WINDOW,
        now_ms=now,
        in_service=in_service,
        service_hours=hours,
        excluded=excluded,
        corrections=corrections,
    )

    assert got.up_ms + got.down_ms + got.unknown_ms + got.excluded_ms == got.base_ms
    assert (got.up_ms, got.down_ms, got.unknown_ms, got.excluded_ms) == tuple(len(told[key]) for key in told)
    assert got.base_ms == len({now for begin, end in counted for now in range(begin, end)})
    # Hours that touch are one stretch; a normal base has a gap between its stretches, so runs of instants are outages.
    assert got.outages == runs(told["down"])


@given(spans, st.randoms(use_true_random=False))
def test_the_order_in_which_spans_arrive_does_not_matter_to_the_oracle(said: list[Span], chance: random.Random) -> None:
    shuffled = list(said)
    chance.shuffle(shuffled)

    assert oracle.figure(shuffled, window=WINDOW, now_ms=100) == oracle.figure(said, window=WINDOW, now_ms=100)


@both
@given(spans, sets, spans, st.lists(st.integers(1, 99), unique=True, max_size=30).map(sorted), st.integers(0, 120))
def test_a_month_is_the_sum_of_its_days_in_time(
    figure: Making, said: list[Span], excluded: Intervals, corrections: list[Span], midnights: list[int], now: int
) -> None:
    def over(window: Pair) -> Figure:
        return figure(said, window=window, now_ms=now, excluded=excluded, corrections=corrections)

    month = over(WINDOW)
    days = pool(over(day) for day in pairwise([0, *midnights, 100]))

    assert (days.up_ms, days.down_ms, days.unknown_ms, days.excluded_ms, days.base_ms) == (
        (month.up_ms, month.down_ms, month.unknown_ms, month.excluded_ms, month.base_ms)
    )
    assert days.outages >= month.outages
    assert days.availability == month.availability


def owed(said: list[Span], unknown: UnknownAs) -> Fraction | None:
    return reckoned(summed(told(said, window=WINDOW, now_ms=100), unknown)).owed.availability


@given(spans)
def test_the_bounds_hold_whatever_the_unknown_time_was(said: list[Span]) -> None:
    got = figure(said, window=WINDOW, now_ms=100)

    assert got.bounds is not None
    lowest, highest = got.bounds
    assert lowest == owed(said, "down")
    assert highest == owed(said, "up")
    if got.availability is not None:
        assert lowest <= got.availability <= highest


@both
def test_a_device_that_was_never_seen_has_no_availability(figure: Making) -> None:
    got = figure([], window=WINDOW, now_ms=100)

    assert (got.availability, got.coverage, got.unknown_ms) == (None, Fraction(0), 100)
    assert percent_text(got.availability) == "–"


@both
def test_where_nothing_is_to_be_measured_there_is_neither_availability_nor_coverage_nor_bounds(figure: Making) -> None:
    got = figure([span(0, 100, "down")], window=WINDOW, now_ms=100, excluded=((-5, 500),))

    assert (got.availability, got.coverage, got.bounds, got.excluded_ms) == (None, None, None, 100)


@both
def test_the_future_counts_as_nothing(figure: Making) -> None:
    got = figure([span(0, 100, "up")], window=WINDOW, now_ms=40)

    assert (got.base_ms, got.up_ms) == (40, 40)


@both
def test_a_window_that_has_not_begun_has_an_empty_base(figure: Making) -> None:
    assert figure([span(0, 100, "up")], window=WINDOW, now_ms=-5).base_ms == 0


@both
def test_a_window_that_ends_before_it_begins_is_refused(figure: Making) -> None:
    with pytest.raises(ValueError, match=r"window \[9, 3\) ends before it begins"):
        figure([], window=(9, 3), now_ms=100)


@both
def test_what_is_excluded_lies_inside_the_base(figure: Making) -> None:
    got = figure([], window=WINDOW, now_ms=50, in_service=((10, 100),), excluded=((0, 20), (45, 90)))

    assert (got.base_ms, got.excluded_ms, got.unknown_ms) == (40, 15, 25)


@both
def test_excluded_beats_a_correction_and_a_correction_beats_evidence(figure: Making) -> None:
    got = figure(
        [span(0, 100, "down")],
        window=WINDOW,
        now_ms=100,
        excluded=((0, 30),),
        corrections=[span(20, 60, "up")],
    )

    assert (got.excluded_ms, got.up_ms, got.down_ms) == (30, 30, 40)


@both
def test_of_five_overlapping_corrections_the_last_holds_at_each_instant(figure: Making) -> None:
    got = figure(
        [span(0, 100, "up")],
        window=WINDOW,
        now_ms=100,
        corrections=[
            span(0, 80, "down"),
            span(10, 60, "unknown"),
            span(50, 90, "up"),
            span(55, 57, "down"),
            span(0, 5, "up"),
        ],
    )

    # up 0-5, down 5-10, unknown 10-50, up 50-55, down 55-57, up 57-100
    assert got == Figure(
        up_ms=53, down_ms=7, unknown_ms=40, excluded_ms=0, base_ms=100, outages=2, longest_ms=5
    )  # fmt: skip


@both
@pytest.mark.parametrize(
    ("said", "outages", "longest"),
    [
        pytest.param([(10, 20), (20, 30)], 1, 20, id="down time that touches is one outage"),
        pytest.param([(10, 20), (22, 30)], 2, 10, id="a moment of up between makes two"),
        pytest.param([(-50, 10), (90, 500)], 2, 10, id="over the window's edges it counts, as far as it is inside"),
        pytest.param([(100, 200)], 0, 0, id="after the window there is none"),
    ],
)
def test_outages(figure: Making, said: list[Pair], outages: int, longest: int) -> None:
    got = figure([span(*where, "down") for where in said], window=WINDOW, now_ms=100)

    assert (got.outages, got.longest_ms) == (outages, longest)


@both
def test_an_outage_through_maintenance_is_two_inside_the_base(figure: Making) -> None:
    got = figure([span(10, 60, "down")], window=WINDOW, now_ms=100, excluded=((20, 30),))

    assert (got.outages, got.longest_ms, got.down_ms) == (2, 30, 40)


@both
def test_an_outage_through_the_night_is_one_on_each_working_day(figure: Making) -> None:
    got = figure([span(40, 160, "down")], window=(0, 200), now_ms=200, service_hours=((0, 50), (150, 200)))

    assert (got.outages, got.down_ms) == (2, 20)


def test_a_figure_whose_parts_are_not_its_base_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="must be the base"):
        Figure(up_ms=1, down_ms=1, unknown_ms=0, excluded_ms=0, base_ms=3, outages=1, longest_ms=1)


def test_a_pool_adds_times_and_is_not_the_mean_of_percentages() -> None:
    kiosk_7 = figure([span(0, 71_900, "up"), span(71_900, 71_999, "down")], window=(0, 71_999), now_ms=71_999)
    nvr_2 = figure([span(0, 1, "down")], window=(0, 1), now_ms=1)

    both = pool([kiosk_7, nvr_2])

    assert both.availability == Fraction(71_900, 72_000)
    assert percent_text(both.availability) == "99.86"
    assert (both.outages, both.longest_ms, both.base_ms) == (2, 99, 72_000)


def test_a_pool_of_nothing_has_no_availability() -> None:
    assert pool([]).availability is None


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (Fraction(1), "100.00"),
        (Fraction(0), "0.00"),
        (Fraction(10**9 - 1, 10**9), "99.99"),
        (Fraction(1, 10**9), "0.01"),
        (Fraction(99_995, 100_000), "99.99"),
        (Fraction(99_985, 100_000), "99.99"),
        (Fraction(99_984, 100_000), "99.98"),
        (Fraction(50_005, 1_000_000), "5.00"),
        (Fraction(50_050, 1_000_000), "5.01"),
        (None, "–"),
    ],
)
def test_percentages_round_half_up_and_never_to_all_or_nothing(share: Fraction | None, shown: str) -> None:
    assert percent_text(share) == shown


def test_a_percentage_has_four_decimals_where_it_is_compared() -> None:
    assert [str(percent(share)) for share in (Fraction(5, 6), Fraction(1), Fraction(1, 2_000_000))] == [
        "83.3333",
        "100.0000",
        "0.0001",
    ]


@given(st.fractions(min_value=0, max_value=1))
def test_a_printed_percentage_is_within_a_hundredth_of_the_truth(share: Fraction) -> None:
    shown = percent_text(share)

    assert abs(Fraction(shown) - 100 * share) <= Fraction(1, 100)
    assert (shown == "100.00") == (share == 1)
    assert (shown == "0.00") == (share == 0)
