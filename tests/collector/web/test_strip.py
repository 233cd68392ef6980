"""The uptime strip as numbers: no holes, the worst is seen, nothing short is lost."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.web.drawing import svg
from roundsman_collector.web.strip import WORST_FIRST, Piece, Stretch, StripState, cells, pieces

LETTERS = {"up": "U", "down": "D", "unknown": "?", "warning": "w", "maintenance": "m", "future": "."}
WINDOW = (0, 100)

stretches = st.lists(
    st.builds(
        lambda begin, length, state: Stretch(begin, None if length is None else begin + length, state),
        st.integers(-50, 150),
        st.none() | st.integers(0, 80),
        st.sampled_from(WORST_FIRST),
    ),
    max_size=8,
)


def drawn(*told: Stretch, now_ms: int = 100, visible: float = 0.01) -> list[tuple[float, float, str]]:
    return [(round(a, 4), round(b, 4), state) for a, b, state in pieces(told, WINDOW, now_ms, visible)]


def written(*told: Stretch, now_ms: int = 100, width: int = 10) -> str:
    return "".join(LETTERS[state] for state in cells(told, WINDOW, now_ms, width))


def test_what_nothing_speaks_of_is_unknown_and_what_is_ahead_is_nothing() -> None:
    told = (Stretch(10, 40, "up"), Stretch(40, 50, "down"), Stretch(60, None, "up"))

    assert drawn(*told, now_ms=80) == [
        (0.0, 0.1, "unknown"),
        (0.1, 0.4, "up"),
        (0.4, 0.5, "down"),
        (0.5, 0.6, "unknown"),
        (0.6, 0.8, "up"),
        (0.8, 1.0, "future"),
    ]
    assert written(*told, now_ms=80) == "?UUUD?UU.."


def test_a_short_outage_is_wide_enough_to_be_seen() -> None:
    assert drawn(Stretch(0, None, "up"), Stretch(50, 51, "down"), visible=0.1) == [
        (0.0, 0.45, "up"),
        (0.45, 0.55, "down"),
        (0.55, 1.0, "up"),
    ]


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [(0, 1, (0.0, 0.1)), (99, 100, (0.9, 1.0)), (-30, 2, (0.0, 0.1)), (20, 60, (0.2, 0.6))],
)
def test_a_short_outage_at_an_edge_stays_inside(begin: int, end: int, expected: tuple[float, float]) -> None:
    down = [
        one[:2] for one in drawn(Stretch(0, None, "up"), Stretch(begin, end, "down"), visible=0.1) if one[2] == "down"
    ]

    assert down == [expected]


def test_an_outage_that_just_began_does_not_reach_into_the_future() -> None:
    assert drawn(Stretch(0, None, "up"), Stretch(59, None, "down"), now_ms=60, visible=0.1) == [
        (0.0, 0.5, "up"),
        (0.5, 0.6, "down"),
        (0.6, 1.0, "future"),
    ]


def test_the_worst_wins_where_several_meet() -> None:
    everything = [Stretch(0, 100, state) for state in WORST_FIRST]

    for place, state in enumerate(WORST_FIRST):
        assert written(*everything[place:], width=1) == LETTERS[state]
        assert drawn(*everything[place:]) == [(0.0, 1.0, state)]


def test_a_blip_marks_its_cell_and_no_other() -> None:
    assert written(Stretch(0, None, "up"), Stretch(49, 50, "down")) == "UUUUDUUUUU"
    assert written(Stretch(0, None, "up"), Stretch(50, 51, "down")) == "UUUUUDUUUU"


def test_a_device_nobody_heard_of_is_unknown_from_end_to_end() -> None:
    assert written() == "??????????"
    assert drawn() == [(0.0, 1.0, "unknown")]


def test_a_state_of_next_year_is_drawn_as_unknown() -> None:
    assert written(Stretch(0, 100, "sleeping")) == "??????????"  # type: ignore[arg-type]


def test_a_window_that_holds_no_time_is_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"strip over \[5, 5\)"):
        pieces([], (5, 5), 10)


@given(stretches, st.integers(-10, 120), st.sampled_from((0.001, 0.03, 0.2)))
def test_a_strip_has_no_holes_no_overlaps_and_no_equal_neighbours(
    told: list[Stretch], now_ms: int, visible: float
) -> None:
    found = pieces(told, WINDOW, now_ms, visible)

    assert (found[0].from_, found[-1].to) == (0.0, 1.0)
    assert all(a.to == b.from_ and a.state != b.state for a, b in pairwise(found))
    assert all(one.from_ < one.to for one in found)


@given(stretches, st.integers(1, 120))
def test_every_state_of_the_cells_is_in_the_strip_and_down_is_never_lost(told: list[Stretch], now_ms: int) -> None:
    in_cells = set(cells(told, WINDOW, now_ms, 100))
    in_pieces = {one.state for one in pieces(told, WINDOW, now_ms, 0.05)}
    down = any(
        one.state == "down" and max(one.from_ms, 0) < min(now_ms if one.to_ms is None else one.to_ms, now_ms, 100)
        for one in told
    )

    assert ("down" in in_cells, "down" in in_pieces) == (down, down)
    assert in_pieces <= in_cells


@given(stretches, st.integers(-10, 120), st.integers(1, 40))
def test_a_coarser_strip_shows_the_worst_of_the_finer_one(told: list[Stretch], now_ms: int, width: int) -> None:
    fine, coarse = cells(told, WINDOW, now_ms, width * 3), cells(told, WINDOW, now_ms, width)
    order: list[StripState] = [*WORST_FIRST, "future"]

    shared = [min(order.index(state) for state in fine[3 * place : 3 * place + 3]) for place in range(width)]

    assert [order.index(state) for state in coarse] == shared


def test_what_is_not_normal_stands_out_by_two_pixels_and_unknown_is_hatched() -> None:
    text = str(svg([Piece(0, 0.5, "up"), Piece(0.5, 0.6, "down"), Piece(0.6, 1, "unknown")], height=16, text='a"<b>'))

    assert '<rect class="s-up" x="0.000%" y="2" width="50.000%" height="12"/>' in text
    assert '<rect class="s-down" x="50.000%" y="0" width="10.000%" height="16"/>' in text
    assert text.count('fill="url(#hatch)"') == 1
    assert 'aria-label="a&#34;&lt;b&gt;"' in text
    assert "style=" not in text
