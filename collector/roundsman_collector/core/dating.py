"""When was it? The event time of a record, from its own clocks and the clock records of its boot.

    best = better(best, record)          the offset of a boot: true time = mono + base, give or take error
    event_time(record, best) -> ms | None

A record is believed by its wall clock when NTP kept it (`ntp` absent or true), or when the boot's offset agrees with
it within its error and 2 s. Otherwise its time is mono + base, which no step of the wall clock can shake. Without
either it has no time (None): it is kept and shown, and is unknown to the ledger. The receive time is never used, so
the result does not depend on delay (WIRE, *clock*).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

TOLERANCE_MS = 2_000
EARLIEST_MS = 1_577_836_800_000
"""2020-01-01: no device of ours reported before; a clock that says so is wrong."""


class Base(NamedTuple):
    """The offset of one boot: true time = mono + base_ms, give or take error_ms; `n` of the record that says so."""

    base_ms: int
    error_ms: int
    n: int


def better(known: Base | None, record: Mapping[str, Any]) -> Base:
    """The better of what is known of a boot and its clock record: the smaller error, then the smaller number."""
    said = Base(record["t"] + record["offset_ms"] - record["mono"], record["error_ms"], record["n"])
    if known is None or (said.error_ms, said.n) < (known.error_ms, known.n):
        return said
    return known


def event_time(record: Mapping[str, Any], base: Base | None) -> int | None:
    """Milliseconds UTC the record speaks of, or None when nobody can know."""
    t: int = record["t"]
    if record.get("ntp", True):
        return t if t >= EARLIEST_MS else None
    if base is None:
        return None
    repaired: int = record["mono"] + base.base_ms
    said = t if abs(t - repaired) <= base.error_ms + TOLERANCE_MS else repaired
    return said if said >= EARLIEST_MS else None


def gap_time(record: Mapping[str, Any], t: int) -> int:
    """Where a gap record stands: where the time it speaks of begins; `t` is its own event time.

    A gap within the boot that declares it bears the same clock, so it is repaired like its record; one that began in an
    earlier boot bears that boot's clock and is taken as it is. So is one that would lie ahead of its own record if it
    were repaired: then the clock lost time between the boots. What cannot be is taken as the record's own time.
    """
    from_t: int = record["from_t"]
    is_of_this_boot = from_t >= record["t"] - record["mono"]
    repaired: int = from_t + (t - record["t"])
    begins = repaired if is_of_this_boot and repaired <= t else from_t
    return begins if EARLIEST_MS <= begins <= t else t


def true_time(record: Mapping[str, Any]) -> int:
    """The time at which a clock record says that it was made."""
    told: int = record["t"] + record["offset_ms"]
    return told


def has_impossible_clock(record: Mapping[str, Any]) -> bool:
    """Whether a record claims a synchronised clock that shows a time before 2020, or a clock record that such a time is
    the true one: refused, not repaired."""
    if record.get("kind") == "clock" and true_time(record) < EARLIEST_MS:
        return True
    return bool(record.get("ntp", True)) and record["t"] < EARLIEST_MS
