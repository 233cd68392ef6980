"""Numbers of channels as people write them: `["1-8", "12"]`.

numbers(["1-8", "12"]) -> (1, 2, … 8, 12)      ItemError names the text that is none
fits(["1-8", "12"])                            the same, for a Setting
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from roundsman_agent.probe import ItemError

__all__ = ["MOST", "fits", "numbers"]

MOST: Final = 160
"""Channels of one device: with five readings each and its disks they fit into one sample."""
HIGHEST: Final = 65_535

_RANGE = re.compile(r"\s*([0-9]{1,5})\s*(?:-\s*([0-9]{1,5})\s*)?", re.ASCII)


def numbers(texts: Sequence[str]) -> tuple[int, ...]:
    """Every number once, in the order in which they stand."""
    found: dict[int, None] = {}
    for i, text in enumerate(texts):
        match = _RANGE.fullmatch(text)
        if match is None:
            raise ItemError(i, f"expected a channel or a range of them, 3 or 1-8, got {text[:40]!r}")
        first, last = int(match[1]), int(match[2] or match[1])
        if not 1 <= first <= last <= HIGHEST or last - first >= MOST:
            raise ItemError(i, f"expected channels from 1 upwards, at most {MOST}, got {text[:40]!r}")
        found.update(dict.fromkeys(range(first, last + 1)))
        if len(found) > MOST:
            raise ItemError(i, f"more than {MOST} channels: divide them between two devices")
    return tuple(found)


def fits(value: object) -> None:
    if isinstance(value, list):
        numbers([str(one) for one in value])
