"""What a failure of power or uplink explains for what stands behind it, laid over the evidence when it is read.

The cast: ups-2 feeds switch-1, switch-1 carries kiosk-8, and kiosk-8 carries cam-9.
"""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roundsman_collector.core.causes import TOGETHER_MS, Causes, Explained, Kind, Link, RootFault, Shadow, explained
from roundsman_collector.core.model import Segment

M = 60_000
LINKS = [
    Link("switch-1", "power", "ups-2", 0, None),
    Link("kiosk-8", "uplink", "switch-1", 0, None),
    Link("cam-9", "uplink", "kiosk-8", 0, None),
]


def fault(root: str, explains: Kind, from_m: int, to_m: int | None, code: str = "host.unreachable") -> RootFault:
    return RootFault(root, explains, code, from_m * M, None if to_m is None else to_m * M)


def seg(from_m: float, to_m: float | None, state: str, cause: str = "", code: str = "") -> Segment:
    return Segment(round(from_m * M), None if to_m is None else round(to_m * M), state, cause, code)


def shadow(from_m: float, to_m: float | None, kind: Kind = "uplink", root: str = "switch-1") -> Shadow:
    return Shadow(round(from_m * M), None if to_m is None else round(to_m * M), kind, root, "host.unreachable")


def story(told: list[Explained]) -> list[tuple[float, float | None, str, str, str]]:
    return [(s.from_ms / M, None if s.to_ms is None else s.to_ms / M, s.state, s.cause, s.root) for s in told]


# --- who lacks what because of whom ----------------------------------------------------------------------------------


def test_a_root_without_power_takes_the_uplink_of_all_behind_it() -> None:
    causes = Causes(LINKS, [fault("ups-2", "power", 10, 20, "ups.output_off")])

    assert causes.shadows("switch-1") == (Shadow(10 * M, 20 * M, "power", "ups-2", "ups.output_off"),)
    assert causes.shadows("kiosk-8") == (Shadow(10 * M, 20 * M, "uplink", "ups-2", "ups.output_off"),)
    assert causes.shadows("cam-9") == (Shadow(10 * M, 20 * M, "uplink", "ups-2", "ups.output_off"),)


def test_a_root_without_uplink_still_gives_power() -> None:
    causes = Causes([Link("lamp-1", "power", "ups-2", 0, None)], [fault("ups-2", "uplink", 10, 20)])

    assert causes.shadows("lamp-1") == ()


def test_a_device_does_not_explain_itself_round_a_corner() -> None:
    links = [Link("ups-2", "uplink", "switch-1", 0, None), Link("switch-1", "power", "ups-2", 0, None)]

    causes = Causes(links, [fault("ups-2", "power", 10, 20)])

    assert causes.shadows("ups-2") == ()
    assert [one.root for one in causes.shadows("switch-1")] == ["ups-2"]


def test_a_circle_that_was_let_in_ends_the_search_and_gives_the_same_to_whoever_asks_first() -> None:
    links = [Link("a", "uplink", "b", 0, None), Link("b", "uplink", "a", 0, None), Link("c", "uplink", "a", 0, None)]
    faults = [fault("b", "uplink", 1, 2)]

    for first in ("a", "b", "c"):
        causes = Causes(links, faults)
        causes.shadows(first)
        assert [one.root for one in causes.shadows("c")] == ["b"]
        assert [one.root for one in causes.shadows("a")] == ["b"]
        assert causes.shadows("b") == ()


def test_a_root_explains_only_while_the_device_stood_behind_it() -> None:
    links = [Link("kiosk-8", "uplink", "switch-1", 0, 12 * M), Link("kiosk-8", "uplink", "switch-2", 12 * M, None)]

    causes = Causes(links, [fault("switch-1", "uplink", 10, 20), fault("switch-2", "uplink", 5, 11)])

    assert causes.shadows("kiosk-8") == (shadow(10, 12),)


def test_a_root_that_flaps_casts_one_shadow() -> None:
    flaps = [fault("switch-1", "uplink", at, at + 2) for at in (10, 14, 18)]

    causes = Causes(LINKS, [*flaps, fault("switch-1", "uplink", 40, None)])

    assert causes.shadows("kiosk-8") == (shadow(10, 20), shadow(40, None))


# --- laid over the evidence ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "segment", "state", "cause"),
    [
        ("uplink", seg(10, 20, "unknown", "silent"), "unknown", "uplink"),
        ("uplink", seg(10, 20, "unknown", "missing"), "unknown", "uplink"),
        ("uplink", seg(10, 20, "unknown", "no_answer"), "unknown", "uplink"),
        ("uplink", seg(10, 20, "unknown", "uplink"), "unknown", "uplink"),
        ("uplink", seg(10, 20, "down", "fault", "host.unreachable"), "unknown", "uplink"),
        ("power", seg(10, 20, "unknown", "silent"), "down", "power"),
        ("power", seg(10, 20, "unknown", "agent_off"), "down", "power"),
        ("power", seg(10, 20, "down", "off"), "down", "power"),
        ("power", seg(10, 20, "down", "fault", "host.unreachable"), "down", "power"),
    ],
)
def test_what_was_not_heard_is_explained(kind: Kind, segment: Segment, state: str, cause: str) -> None:
    assert explained([segment], [shadow(10, 20, kind)]) == [
        Explained(10 * M, 20 * M, state, cause, "host.unreachable", False, "switch-1")
    ]


@pytest.mark.parametrize(
    ("kind", "segment"),
    [
        ("uplink", seg(10, 20, "up")),
        ("power", seg(10, 20, "up", "degraded", "printer.paper_low")),
        ("uplink", seg(10, 20, "down", "fault", "printer.paper_end")),
        ("power", seg(10, 20, "down", "fault", "printer.paper_end")),
        ("uplink", seg(10, 20, "down", "off")),
        ("uplink", seg(10, 20, "unknown", "lost")),
        ("power", seg(10, 20, "unknown", "agent_stopped")),
        ("power", seg(10, 20, "unknown", "starting")),
        ("uplink", seg(10, 20, "unknown", "spool_full")),
    ],
)
def test_what_the_evidence_accounts_for_itself_stays(kind: Kind, segment: Segment) -> None:
    assert explained([segment], [shadow(0, None, kind)]) == [Explained(*segment)]


def test_where_power_and_uplink_are_lost_it_is_power() -> None:
    told = explained([seg(0, 60, "unknown", "silent")], [shadow(10, 50), shadow(20, 30, "power", "ups-2")])

    assert story(told) == [
        (0, 10, "unknown", "silent", ""),
        (10, 20, "unknown", "uplink", "switch-1"),
        (20, 30, "down", "power", "ups-2"),
        (30, 50, "unknown", "uplink", "switch-1"),
        (50, 60, "unknown", "silent", ""),
    ]


def test_what_began_with_the_root_is_explained_in_whole() -> None:
    told = explained(
        [seg(0, 9.5, "up"), seg(9.5, 21, "down", "fault", "host.unreachable"), seg(21, None, "up")], [shadow(10, 20)]
    )

    assert story(told) == [
        (0, 9.5, "up", "", ""),
        (9.5, 21, "unknown", "uplink", "switch-1"),
        (21, None, "up", "", ""),
    ]


def test_what_was_down_long_before_the_root_and_stays_down_after_it_is_its_own_fault_there() -> None:
    told = explained([seg(0, 60, "down", "fault", "host.unreachable")], [shadow(10, 20)])

    assert story(told) == [
        (0, 10, "down", "fault", ""),
        (10, 20, "unknown", "uplink", "switch-1"),
        (20, 60, "down", "fault", ""),
    ]


def test_what_goes_on_is_explained_as_long_as_its_root_is() -> None:
    told = explained([seg(0, 10, "up"), seg(10, None, "unknown", "silent")], [shadow(10, None)])

    assert story(told) == [(0, 10, "up", "", ""), (10, None, "unknown", "uplink", "switch-1")]


def test_without_shadows_the_evidence_is_told_as_it_is() -> None:
    segments = [seg(0, 10, "up"), seg(10, None, "unknown", "silent")]

    assert explained(segments, []) == [Explained(*segment) for segment in segments]


SEGMENTS = [
    ("up", "", ""),
    ("unknown", "silent", ""),
    ("down", "off", ""),
    ("down", "fault", "host.unreachable"),
    ("down", "fault", "printer.paper_end"),
    ("unknown", "lost", ""),
]
ROOTS = ("ups-2", "switch-1")


@st.composite
def ledgers(draw: st.DrawFn) -> list[Segment]:
    edges = sorted(draw(st.sets(st.integers(0, 60), min_size=2, max_size=12)))
    kinds = draw(st.lists(st.sampled_from(SEGMENTS), min_size=len(edges), max_size=len(edges)))
    ends = [*edges[1:], None] if draw(st.booleans()) else edges[1:]
    return [seg(a, b, *kind) for a, b, kind in zip(edges, ends, kinds, strict=False)]


shadows = st.lists(
    st.builds(
        lambda a, length, kind, root: shadow(a, None if length is None else a + length, kind, root),
        st.integers(0, 60),
        st.none() | st.integers(1, 30),
        st.sampled_from(["power", "uplink"]),
        st.sampled_from(ROOTS),
    ),
    max_size=6,
)


@given(ledgers(), shadows)
def test_explaining_keeps_every_millisecond_and_takes_nothing_from_up(
    segments: list[Segment], over: list[Shadow]
) -> None:
    told = explained(segments, over)

    assert told[0].from_ms == segments[0].from_ms and told[-1].to_ms == segments[-1].to_ms
    for one, after in pairwise(told):
        assert one.to_ms == after.from_ms and one.from_ms < after.from_ms and one[2:] != after[2:]
    ups = [(s.from_ms, s.to_ms) for s in segments if s.state == "up"]
    merged = [(s.from_ms, s.to_ms) for s in told if s.state == "up"]
    assert sum((b or 99 * M) - a for a, b in ups) == sum((b or 99 * M) - a for a, b in merged)


@given(ledgers(), shadows)
def test_the_order_in_which_shadows_are_told_does_not_matter(segments: list[Segment], over: list[Shadow]) -> None:
    assert explained(segments, over) == explained(segments, over[::-1])


@given(ledgers(), shadows)
def test_only_what_lies_close_to_a_shadow_is_explained(segments: list[Segment], over: list[Shadow]) -> None:
    for piece in explained(segments, over):
        if piece.root:
            near = [s for s in over if s.root == piece.root and s.kind == piece.cause]
            assert any(
                s.from_ms - TOGETHER_MS <= piece.from_ms and (s.to_ms is None or piece.from_ms < s.to_ms + TOGETHER_MS)
                for s in near
            )
