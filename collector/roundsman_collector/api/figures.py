"""How available a device was in a window: the ledger through core.availability, and nothing else.

    figure_of(view, device, window) -> Figure

The ledger's open interval says how things go on, but evidence speaks only up to the device's `covered_to`: beyond it
the open interval counts as unknown (law 4). Asked with a known-at time, the ledger of then is used and nothing after
that time counts; the end of the evidence is the earlier of it and what is covered today.
"""

from collections.abc import Iterable
from typing import Any

from roundsman_collector.api.moments import Window
from roundsman_collector.core.availability import Figure, Span, State, figure, percent_text
from roundsman_collector.store import DeviceView, Interval, View

STATES: dict[str, State] = {"up": "up", "down": "down", "unknown": "unknown"}


def figure_of(view: View, device: DeviceView, window: Window) -> Figure:
    """A device's figure over a window, as known now or at the window's known-at time."""
    rows = view.intervals(device.id, window.from_ms, window.to_ms, window.known_ms)
    return figure(
        spans(rows, device.covered_to_ms, window.past_to_ms),
        window=(window.from_ms, window.to_ms),
        now_ms=window.past_to_ms,
    )


def spans(rows: Iterable[Interval], covered_to_ms: int | None, past_to_ms: int) -> list[Span]:
    """The ledger's rows as spans of known ends: the open one ends where evidence does."""
    end_ms = min(past_to_ms, covered_to_ms or 0)
    return [
        Span(
            from_ms=row.event_from_ms,
            to_ms=max(row.event_from_ms, end_ms if row.event_to_ms is None else row.event_to_ms),
            state=STATES.get(row.state, "unknown"),
        )
        for row in rows
    ]


def told(figure: Figure) -> dict[str, Any]:
    """A figure as the API gives it: milliseconds, percentages that never round to a lie, and exact fractions."""
    bounds = figure.bounds
    return {
        "base_ms": figure.base_ms,
        "up_ms": figure.up_ms,
        "down_ms": figure.down_ms,
        "unknown_ms": figure.unknown_ms,
        "excluded_ms": figure.excluded_ms,
        "outages": figure.outages,
        "longest_ms": figure.longest_ms,
        "availability": None if figure.availability is None else str(figure.availability),
        "availability_percent": None if figure.availability is None else percent_text(figure.availability, 4),
        "coverage": None if figure.coverage is None else str(figure.coverage),
        "coverage_percent": None if figure.coverage is None else percent_text(figure.coverage, 4),
        "bounds": None if bounds is None else [str(one) for one in bounds],
        "bounds_percent": None if bounds is None else [percent_text(one, 4) for one in bounds],
    }
