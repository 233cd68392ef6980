"""What changed since: two tellings of the same past, side by side."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.changes import Changed, Moved, changed, sums
from roundsman_collector.core.model import Segment
from roundsman_collector.core.overlay import EXCLUDED, Laid, Told, lay

WINDOW = (0, 100)
UP = Segment(0, 100, "up", "", "")
SILENT = [UP._replace(to_ms=20), Segment(20, 60, "unknown", "silent", ""), Segment(60, 100, "up", "", "")]


def laid(id_: int, kind: str, from_ms: int, to_ms: int, state: str = "") -> Laid:
    return Laid(id_, kind, state, "other", from_ms, to_ms, 0)  # type: ignore[arg-type]


def told(segments: list[Segment], *over: Laid) -> list[Told]:
    return lay(segments, over, WINDOW)


def whys(was: list[Told], now: list[Told], then: set[int], today: set[int]) -> list[tuple[int, int, str, str, str]]:
    return [
        (one.from_ms, one.to_ms, one.was.state, one.now.state, one.why)
        for one in changed(was, now, then=then, today=today)
    ]


def test_late_evidence_gives_a_device_its_uptime_back() -> None:
    found = changed(told(SILENT), told([UP]))

    assert found == [
        Changed(20, 60, Told(20, 60, "unknown", "silent", "", None), Told(20, 60, "up", "", "", None), "evidence")
    ]
    assert sums(found) == Moved({"unknown": 40}, {"up": 40})


def test_the_same_told_by_other_rows_is_no_change() -> None:
    pieces = [Segment(0, 40, "up", "", ""), Segment(40, 100, "up", "", "")]

    assert changed(told([UP]), told(pieces)) == []


def test_what_decides_it_now_says_why_it_changed() -> None:
    correction, exclusion = laid(1, "correction", 10, 30, "down"), laid(2, "exclusion", 50, 60)

    assert whys(told([UP]), told([UP], correction, exclusion), set(), {1, 2}) == [
        (10, 30, "up", "down", "correction"),
        (50, 60, "up", EXCLUDED, "exclusion"),
    ]


def test_what_was_revoked_or_shortened_says_so() -> None:
    exclusion = laid(1, "exclusion", 10, 30)
    shorter = laid(1, "exclusion", 10, 20)

    assert whys(told([UP], exclusion), told([UP]), {1}, set()) == [(10, 30, EXCLUDED, "up", "revoked")]
    assert whys(told([UP], exclusion), told([UP], shorter), {1}, {1}) == [(20, 30, EXCLUDED, "up", "ended")]


def test_an_older_correction_that_holds_again_is_not_taken_for_a_new_one() -> None:
    older, newer = laid(1, "correction", 10, 30, "down"), laid(2, "correction", 10, 30, "unknown")
    shorter = newer._replace(to_ms=20)

    assert whys(told([UP], older, newer), told([UP], older), {1, 2}, {1}) == [(10, 30, "unknown", "down", "revoked")]
    assert whys(told([UP], older, newer), told([UP], older, shorter), {1, 2}, {1, 2}) == [
        (20, 30, "unknown", "down", "ended")
    ]
    assert whys(told([UP], older), told([UP], newer), {1}, {2}) == [(10, 30, "down", "unknown", "correction")]


def test_a_root_that_became_known_is_named_as_the_reason() -> None:
    was = [Told(0, 100, "down", "fault", "host.unreachable", None)]
    now = [
        Told(0, 40, "down", "fault", "host.unreachable", None),
        Told(40, 100, "down", "power", "ups.off", None, "ups-2"),
    ]

    assert whys(was, now, set(), set()) == [(40, 100, "down", "down", "root")]


def test_a_late_story_under_the_same_correction_changes_nothing_that_is_read() -> None:
    correction = laid(1, "correction", 0, 100, "up")

    assert changed(told(SILENT, correction), told([UP], correction), then={1}, today={1}) == []


def test_tellings_of_different_windows_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="lay both over the same window"):
        changed(lay([UP], [], (0, 50)), lay([UP], [], (0, 60)))


# --- properties ------------------------------------------------------------------------------------------------------

STATES = st.sampled_from(("up", "down", "unknown"))
LENGTHS = st.lists(st.tuples(STATES, st.integers(1, 30)), max_size=6)
OVERLAYS = st.lists(
    st.tuples(
        st.integers(1, 4), st.sampled_from(("correction", "exclusion")), st.integers(0, 90), st.integers(1, 50), STATES
    ),
    max_size=4,
    unique_by=lambda one: one[0],
)


def of(lengths: list[tuple[str, int]], overlays: list[tuple[int, str, int, int, str]]) -> list[Told]:
    at, segments = 0, []
    for state, length in lengths:
        segments.append(Segment(at, at + length, state, "", ""))
        at += length
    over = [laid(i, kind, a, a + n, state if kind == "correction" else "") for i, kind, a, n, state in overlays]
    return told(segments, *over)


def at_instant(telling: list[Told], instant: int) -> tuple[str, str]:
    return next((one.state, one.cause) for one in telling if one.from_ms <= instant < one.to_ms)


@given(LENGTHS, OVERLAYS, LENGTHS, OVERLAYS)
def test_the_changes_are_the_instants_that_are_told_otherwise(
    old: list[tuple[str, int]],
    old_over: list[tuple[int, str, int, int, str]],
    new: list[tuple[str, int]],
    new_over: list[tuple[int, str, int, int, str]],
) -> None:
    was, now = of(old, old_over), of(new, new_over)
    then, today = {one[0] for one in old_over}, {one[0] for one in new_over}

    found = changed(was, now, then=then, today=today)

    differing = {instant for instant in range(*WINDOW) if at_instant(was, instant) != at_instant(now, instant)}
    assert {instant for one in found for instant in range(one.from_ms, one.to_ms)} == differing
    assert all(one.to_ms <= other.from_ms for one, other in pairwise(found))
    moved = sums(found)
    assert sum(moved.was.values()) == sum(moved.now.values()) == len(differing)
    assert changed(now, now, then=today, today=today) == []
