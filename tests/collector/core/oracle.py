"""The tests' own way to a figure, as sets of time: what core/reckoning.py must agree with.

    figure(spans, window=(a, b), now_ms=now, ...) -> Figure

    base      = window ∩ before now ∩ in service ∩ service hours
    excluded  = what a person took out of the reckoning, inside the base
    otherwise   the last correction that covers the instant; else the spans: down, up; unknown where no span says more

Spans are a set, not a list: their order does not matter. Where two of them contradict each other, down beats up and
what is known beats unknown (law 1). Corrections are a list: where two overlap, the later one holds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from roundsman_collector.core.availability import Figure, State, base
from roundsman_collector.core.intervals import NOTHING, Intervals, Pair, intersect, normal, subtract, total, union


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A state that held during `[from_ms, to_ms)`; as a correction, the state a person says it was."""

    from_ms: int
    to_ms: int
    state: State


def figure(
    spans: Iterable[Span],
    *,
    window: Pair,
    now_ms: int,
    in_service: Intervals | None = None,
    service_hours: Intervals | None = None,
    excluded: Intervals = NOTHING,
    corrections: Sequence[Span] = (),
) -> Figure:
    """The figure of one thing over a window; `in_service`, `service_hours` and `excluded` are normal sets."""
    counted = base(window=window, now_ms=now_ms, in_service=in_service, service_hours=service_hours)
    measured = subtract(counted, excluded)
    up, down = said(spans, corrections)
    up, down = intersect(up, measured), intersect(down, measured)
    up_ms, down_ms, measured_ms, base_ms = total(up), total(down), total(measured), total(counted)
    return Figure(
        up_ms=up_ms,
        down_ms=down_ms,
        unknown_ms=measured_ms - up_ms - down_ms,
        excluded_ms=base_ms - measured_ms,
        base_ms=base_ms,
        outages=len(down),
        longest_ms=max((end - begin for begin, end in down), default=0),
    )


def said(spans: Iterable[Span], corrections: Sequence[Span] = ()) -> tuple[Intervals, Intervals]:
    """What spans and corrections call up and down, disjoint; the rest is unknown."""
    told: dict[State, list[Pair]] = {"up": [], "down": [], "unknown": []}
    for span in spans:
        told[span.state].append((span.from_ms, span.to_ms))
    down = normal(told["down"])
    up = subtract(normal(told["up"]), down)
    for correction in corrections:
        where = normal([(correction.from_ms, correction.to_ms)])
        up, down = subtract(up, where), subtract(down, where)
        if correction.state == "up":
            up = union(up, where)
        elif correction.state == "down":
            down = union(down, where)
    return up, down
