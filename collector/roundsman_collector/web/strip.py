"""The uptime strip as numbers, for whoever draws it: pages in SVG, the terminal in characters. Pure.

    pieces(stretches, window, now_ms)         [(0.0, 0.42, "up"), (0.42, 0.43, "down"), …]: fractions of the window
    cells(stretches, window, now_ms, width)   ["up", "up", "down", …]: one state for each of `width` characters

    stretches   up [0, 40)   down [40, 41)   up [43, …)         now 90
    pieces      up------------------------|down|unknown|up-----------------|future

What no stretch speaks of is unknown; what lies behind `now` is *future* and drawn as nothing, and so is what is
*closed*: outside service, or service hours. A stretch without an end goes on up to now. Where stretches overlap, and
where several share a cell, the worst is shown: down, unknown, warning, maintenance, up, future. A short outage is drawn
wider than it was, because one that cannot be seen is a lie; what gives way is what is better.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple, Protocol

from roundsman_collector.core.intervals import Intervals, Pair, intersect, normal, subtract, union

StripState = Literal["down", "unknown", "warning", "maintenance", "up", "future", "closed"]

CLOSED: StripState = "closed"
"""The state of a stretch that does not count: drawn like the future."""
WORST_FIRST: tuple[StripState, ...] = ("down", "unknown", "warning", "maintenance", "up")
"""Which state wins where several meet; *future* loses to all."""
RESTING: frozenset[StripState] = frozenset(("up",))
"""What need not be visible at any width."""
VISIBLE = 1 / 160
"""The smallest part of a strip that an eye finds: about two pixels of a table's strip."""


class Stretch(NamedTuple):
    """A state over [from, to); `to_ms` None: it goes on."""

    from_ms: int
    to_ms: int | None
    state: StripState


class Lasting(Protocol):
    """Whatever has a state from a time to a time: a Stretch, or one of core.reckoning."""

    @property
    def from_ms(self) -> int: ...
    @property
    def to_ms(self) -> int | None: ...
    @property
    def state(self) -> str: ...


class Piece(NamedTuple):
    """A part of a strip: from and to as fractions of its length, and the state to draw."""

    from_: float
    to: float
    state: StripState


def pieces(stretches: Iterable[Lasting], window: Pair, now_ms: int, visible: float = VISIBLE) -> list[Piece]:
    """The strip from its left end to its right one, without holes; neighbours differ.

    Whatever is not up is at least `visible` of the strip wide.
    """
    begin, end = window
    layers = _layers(stretches, window, now_ms)
    least_ms = max(1, round((end - begin) * visible))
    past = (begin, max(begin, min(end, now_ms)))
    drawn = _stacked(
        {state: spans if state in RESTING else _widened(spans, least_ms, past) for state, spans in layers.items()}
    )
    drawn["future"] = subtract(((begin, end),), union(*drawn.values()))
    placed = sorted((span, state) for state, spans in drawn.items() for span in spans)
    return [Piece((a - begin) / (end - begin), (b - begin) / (end - begin), state) for (a, b), state in placed]


def cells(stretches: Iterable[Lasting], window: Pair, now_ms: int, width: int) -> list[StripState]:
    """One state per character: the worst that its share of the window holds."""
    begin, end = window
    layers = _layers(stretches, window, now_ms)
    edges = [begin + (end - begin) * place // width for place in range(width + 1)]
    found: list[StripState] = ["future"] * width
    for state in reversed(WORST_FIRST):
        for place in _touched(layers[state], edges):
            found[place] = state
    return found


def _layers(stretches: Iterable[Lasting], window: Pair, now_ms: int) -> dict[StripState, Intervals]:
    """Each state's time in the past of the window, disjoint; together they are all of it."""
    begin, end = window
    if end <= begin:
        raise ValueError(f"strip over [{begin}, {end}): expected a window that holds time")
    past = normal([(begin, max(begin, min(end, now_ms)))])
    said: dict[StripState, list[Pair]] = {state: [] for state in WORST_FIRST}
    closed: list[Pair] = []
    for one in stretches:
        to_ms = now_ms if one.to_ms is None else one.to_ms
        state: StripState = next((known for known in WORST_FIRST if known == one.state), "unknown")
        if to_ms > one.from_ms:
            (closed if one.state == CLOSED else said[state]).append((one.from_ms, to_ms))
    layers = {state: intersect(normal(spans), past) for state, spans in said.items()}
    spoken_of = union(normal(closed), *layers.values())
    layers["unknown"] = union(layers["unknown"], subtract(past, spoken_of))
    return _stacked(layers)


def _stacked(layers: dict[StripState, Intervals]) -> dict[StripState, Intervals]:
    """The same, with each state cut where a worse one lies."""
    worse: Intervals = ()
    shown: dict[StripState, Intervals] = {}
    for state in WORST_FIRST:
        shown[state] = subtract(layers[state], worse)
        worse = union(worse, layers[state])
    return shown


def _widened(spans: Intervals, least_ms: int, past: Pair) -> Intervals:
    """Each span at least so long, about its own middle, within the past of the window."""
    return normal(_at_least(span, least_ms, past) for span in spans)


def _at_least(span: Pair, least_ms: int, past: Pair) -> Pair:
    begin, end = span
    if end - begin >= least_ms:
        return span
    begin = min(max(past[0], (begin + end - least_ms) // 2), max(past[0], past[1] - least_ms))
    return begin, min(begin + least_ms, past[1])


def _touched(spans: Intervals, edges: Sequence[int]) -> Iterable[int]:
    """The places between `edges` that share time with any of the spans."""
    at = 0
    for place, (begin, end) in enumerate(pairwise(edges)):
        while at < len(spans) and spans[at][1] <= begin:
            at += 1
        if at < len(spans) and spans[at][0] < end:
            yield place
