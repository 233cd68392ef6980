"""What changed since: two tellings of the same past, side by side."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.causes import Explained
from roundsman_collector.core.changes import SILENCE, Changed, Moved, changed, sums
from roundsman_collector.core.overlay import EXCLUDED, Laid
from roundsman_collector.core.reckoning import Stretch, stretches

WINDOW = (0, 100)
UP = Explained(0, 100, "up", "", "")
SILENT = [UP._replace(to_ms=20), Explained(20, 60, "unknown", "silent", ""), Explained(60, 100, "up", "", "")]


def laid(id_: int, kind: str, from_ms: int, to_ms: int, state: str = "", reason: str = "other") -> Laid:
    return Laid(id_, kind, state, reason, from_ms, to_ms, 0)  # type: ignore[arg-type]


def told(segments: list[Explained], *over: Laid) -> list[Stretch]:
    return stretches(segments, counted=(WINDOW,), overlays=over)


def whys(
    was: list[Stretch], now: list[Stretch], then: set[int], today: set[int]
) -> list[tuple[int, int, str, str, str]]:
    return [
        (one.from_ms, one.to_ms, one.was.state, one.now.state, one.why)
        for one in changed(was, now, then=then, today=today)
    ]


def test_late_evidence_gives_a_device_its_uptime_back() -> None:
    found = changed(told(SILENT), told([UP]))

    was, now = Stretch(20, 60, "unknown", "silent", "", False, ""), Stretch(20, 60, "up", "", "", False, "")
    assert found == [Changed(20, 60, was, now, "evidence")]
    assert sums(found) == Moved({"unknown": 40}, {"up": 40})


def test_the_same_told_by_other_rows_is_no_change() -> None:
    pieces = [Explained(0, 40, "up", "", "", True), Explained(40, 100, "up", "", "")]

    assert changed(told([UP]), told(pieces)) == []
    assert [one[:2] for one in changed(told(SILENT), told(pieces))] == [(20, 60)], "one change, however it was sampled"


def test_silence_before_the_first_words_is_no_other_than_silence_behind_the_last() -> None:
    first, last = told([Explained(80, 100, "up", "", "")]), told([Explained(0, 10, "up", "", "")])

    assert (first[0].cause, last[1].cause) == SILENCE
    assert whys(first, last, set(), set()) == [
        (0, 10, "unknown", "up", "evidence"),
        (80, 100, "up", "unknown", "evidence"),
    ]


def test_what_decides_it_now_says_why_it_changed() -> None:
    correction, exclusion = laid(1, "correction", 10, 30, "down"), laid(2, "exclusion", 50, 60)

    assert whys(told([UP]), told([UP], correction, exclusion), set(), {1, 2}) == [
        (10, 30, "up", "down", "correction"),
        (50, 60, "up", EXCLUDED, "exclusion"),
    ]


def test_what_is_excluded_for_another_reason_is_told_otherwise() -> None:
    power, storm = (
        laid(1, "exclusion", 10, 30, reason="customer_power"),
        laid(2, "exclusion", 10, 30, reason="force_majeure"),
    )

    (found,) = changed(told([UP], power), told([UP], storm), then={1}, today={2})

    assert (found.was.cause, found.now.cause, found.why) == ("customer_power", "force_majeure", "exclusion")


def test_a_person_who_says_why_it_was_down_is_told_with_that_why() -> None:
    found_off = laid(1, "correction", 10, 30, "down", "found_off")

    (found,) = changed(told([UP]), told([UP], found_off), today={1})

    assert (found.now.state, found.now.cause, found.now.overlay, found.why) == ("down", "off", 1, "correction")


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
    was = [Explained(0, 100, "down", "fault", "host.unreachable")]
    now = [was[0]._replace(to_ms=40), Explained(40, 100, "down", "power", "ups.off", False, "ups-2")]

    assert whys(told(was), told(now), set(), set()) == [(40, 100, "down", "down", "root")]


def test_a_late_story_under_the_same_correction_changes_nothing_that_is_read() -> None:
    correction = laid(1, "correction", 0, 100, "up")

    assert changed(told(SILENT, correction), told([UP], correction), then={1}, today={1}) == []


def test_tellings_of_different_windows_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="reckon both over the same window"):
        changed(stretches([UP], counted=((0, 50),)), stretches([UP], counted=((0, 60),)))


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


def of(lengths: list[tuple[str, int]], overlays: list[tuple[int, str, int, int, str]]) -> list[Stretch]:
    at, segments = 0, []
    for state, length in lengths:
        segments.append(Explained(at, at + length, state, "", ""))
        at += length
    over = [laid(i, kind, a, a + n, state if kind == "correction" else "") for i, kind, a, n, state in overlays]
    return told(segments, *over)


def at_instant(telling: list[Stretch], instant: int) -> tuple[str, str]:
    found = next(one for one in telling if one.from_ms <= instant < one.to_ms)
    return found.state, "" if found.cause in SILENCE else found.cause


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
