"""How available a device was in a window, by the one way to every percentage: store/reckon.py and core/reckoning.py.

    figure_of(view, device, window, scope) -> Figure

The ledger's open interval says how things go on, but evidence speaks only up to the device's `covered_to`: beyond it
time is unknown (law 4). Asked with a known-at time, the ledger of then is used and nothing after that time counts; the
end of the evidence is the earlier of it and what is covered today.
"""

from collections.abc import Sequence
from typing import Any

from roundsman_collector.api.moments import Window
from roundsman_collector.core import reckoning
from roundsman_collector.core.availability import Figure, percent_text
from roundsman_collector.core.reckoning import Stretch
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import View
from roundsman_collector.store.reckon import Frame, Served


def frame_of(window: Window, scope: Scope = EVERYTHING, function: str = "") -> Frame:
    """A window of a request as what figures are reckoned over."""
    return Frame(
        from_ms=window.from_ms,
        to_ms=window.to_ms,
        now_ms=window.now_ms,
        known_ms=window.known_ms,
        scope=scope,
        function=function,
    )


def figure_of(view: View, device: str, window: Window, scope: Scope = EVERYTHING) -> Figure:
    """A device's figure over a window, as known now or at the window's known-at time."""
    return reckoning.figure_of(stretches_of(view.served([device], frame_of(window, scope)).get(device, [])))


def stretches_of(where: Sequence[Served]) -> list[Stretch]:
    """All of a device's time that counts, wherever it served."""
    return [one for served in where for one in served.stretches]


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
