"""Pieces of evidence and the segments they tell: what is cut, what is joined, and what may be forgotten."""

from roundsman_collector.core.model import DOWN, UNKNOWN, UP, Condition, DeviceState, Piece, Ref, Segment
from roundsman_collector.core.timeline import ANSWERED, GAP, first_difference, forget, horizon, tell

T = 1_795_257_600_000
M = 60_000


def heard(*pieces: Piece, faults: tuple[Condition, ...] = (), last_min: int = 60, quiet: bool = False) -> DeviceState:
    """kiosk-7, whose last sample was at that minute and speaks for another one and a half."""
    last = T + last_min * M
    return DeviceState(
        "kiosk-7", True, 3 * M, last, last + 90_000, True, last + 90_000, pieces, faults, (), None, quiet
    )


def answered(from_min: int, to_min: int | None = None) -> Piece:
    return Piece(T + from_min * M, None if to_min is None else T + to_min * M, ANSWERED, "")


def out_of_paper(from_min: int, to_min: int | None, effect: str = "down") -> Condition:
    ref = Ref("s", 1, T + from_min * M)
    to_ms = None if to_min is None else T + to_min * M
    return Condition("kiosk-7", "printer", "printer.paper_end", T + from_min * M, to_ms, ref, ref, effect=effect)


def spans(segments: list[Segment]) -> list[tuple[str, int, int | None]]:
    return [
        (one.state, (one.from_ms - T) // M, None if one.to_ms is None else (one.to_ms - T) // M) for one in segments
    ]


def test_a_fault_that_touches_the_end_of_a_piece_cuts_nothing_off() -> None:
    device = heard(answered(0, 10), Piece(T + 10 * M, None, GAP, "missing"), faults=(out_of_paper(5, 10),))

    assert spans(tell(device)) == [(UP, 0, 5), (DOWN, 5, 10), (UNKNOWN, 10, None)]


def test_equal_neighbours_are_told_as_one_and_equal_strangers_are_not() -> None:
    joined = heard(answered(0, 10), answered(10))
    apart = heard(answered(0, 10), Piece(T + 10 * M, T + 20 * M, GAP, "missing"), answered(20))

    assert spans(tell(joined)) == [(UP, 0, None)]
    assert spans(tell(apart)) == [(UP, 0, 10), (UNKNOWN, 10, 20), (UP, 20, None)]


def test_what_nothing_in_order_can_change_is_forgotten_up_to_a_border() -> None:
    device = heard(
        answered(0, 10),
        Piece(T + 10 * M, T + 20 * M, GAP, "missing"),
        answered(20),
        faults=(out_of_paper(2, 4), out_of_paper(30, 40), out_of_paper(50, None)),
    )

    kept = forget(device, tell(device))

    assert kept.pieces == (answered(50),)
    assert kept.faults == (out_of_paper(50, None),)


def test_the_border_is_the_last_one_at_or_before_the_newest_sample() -> None:
    at_the_border = heard(answered(0, 60), Piece(T + 60 * M, None, GAP, "missing"))
    behind_it = heard(answered(0, 61), Piece(T + 61 * M, None, GAP, "missing"))

    assert forget(at_the_border, tell(at_the_border)).pieces[0].from_ms == T + 60 * M
    assert forget(behind_it, tell(behind_it)).pieces == behind_it.pieces


def test_a_fault_that_is_over_stays_as_long_as_it_is_felt_in_what_is_kept() -> None:
    felt = heard(answered(0), faults=(out_of_paper(50, 58), out_of_paper(50, 58, effect="")), last_min=60)

    kept = forget(felt, [Segment(T, T + 55 * M, UP, "", ""), Segment(T + 55 * M, None, UP, "", "")])

    assert kept.faults == (out_of_paper(50, 58),)


def test_nothing_told_nothing_forgotten() -> None:
    device = heard(answered(0))

    assert forget(device, []) is device
    assert horizon(device) == T + 60 * M


def test_the_first_difference_is_where_the_shorter_of_two_ends_or_they_part() -> None:
    up, down = Segment(T, T + M, UP, "", ""), Segment(T + M, None, DOWN, "fault", "x.y")

    assert first_difference([up, down], [up, down]) is None
    assert first_difference([up], [up, down]) == T + M
    assert first_difference([up, down], [up]) == T + M
    assert first_difference([], [up]) == T
