"""Which numbers a gap record speaks of: those of its range but for what it says is kept. Pure.

    told(record) -> ranges          empty where the lost records never had a number

A kept number is stored, on its way, or told of by another gap record: this one must not settle it.
"""

from collections.abc import Mapping
from typing import Any

from roundsman_wire.ranges import Range, RangeSet

THINNED = "thinned"
"""The reason of a gap record that tells of samples left out, not lost."""
EXACT = (THINNED, "spool_full")
"""The agent has deleted these records itself: they will not come."""


def told(record: Mapping[str, Any]) -> list[Range]:
    """The ranges of numbers that a gap record speaks of."""
    if record["lost"] is None:
        return []
    first, last = record["lost"]
    return RangeSet((a, b) for a, b in record.get("kept") or () if a <= b).missing(first, last)
