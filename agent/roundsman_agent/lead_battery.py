"""The volts of a whole lead battery, of which a UPS tells sometimes all, sometimes one block, sometimes one cell.

whole(27.1, 24) -> 27.1      whole(13.6, 24) -> 27.2      whole(2.25, 24) -> 27.0      whole(54.2, 24) -> None
"""

from __future__ import annotations

from typing import Final

__all__ = ["CELL_VOLTS", "whole"]

CELL_VOLTS: Final = 3.0
"""Fewer volts than these are of one cell: no battery has so few."""
NOMINAL_OF_A_CELL, NOMINAL_OF_A_BLOCK = 2.0, 12.0
LEAST, MOST = 0.75, 1.3
"""Between what share of its nominal volts a lead battery is, empty and being charged: 1.5 to 2.6 V in a cell."""


def whole(volts: float, nominal: float) -> float | None:
    """The volts of the battery of so many nominal volts; None when they are no state of any part of it."""
    for parts in (1.0, nominal / NOMINAL_OF_A_CELL, nominal / NOMINAL_OF_A_BLOCK):
        if parts >= 1 and LEAST <= volts * parts / nominal <= MOST:
            return round(volts * parts, 2)
    return None
