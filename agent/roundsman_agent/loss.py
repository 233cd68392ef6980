"""What is lost: numbers that no record has any more, and the time they spoke of, until a gap record declares them.

    Loss(first=2, last=60, kept=((31, 31),), reason="thinned", every_s=305.0, ...)      2..30 and 32..60 are gone

Losses of one reason that are neighbours merge, so that a long outage costs a line; what lies between their numbers and
is not lost (or is told of elsewhere) is `kept`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from roundsman_agent.clock import Moment
from roundsman_wire.ranges import Range, RangeSet

KEPT: Final = 300
"""Losses merge while they leave no more ranges out than these, so that the gap record fits a message."""
NEAR_MS: Final = 300_000
"""Times of dropped samples no further apart than this are one stretch: a sample that is kept may lie between."""
THINNED: Final = "thinned"
FULL: Final = "spool_full"
_OPTIONAL: Final = ("every_s", "kept", "upper", "ended")


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """Numbers (or, with `first` None, records that never got one) that are gone, and the time they spoke of.

    `upper`: some of the numbers may have reached the collector. `ended`: (stream, last number) of a stream of which
    nothing is left.
    """

    first: int | None
    last: int | None
    from_t: int | None
    to_t: int | None
    count: int
    reason: str
    every_s: float | None = None
    kept: tuple[Range, ...] = ()
    upper: bool = False
    ended: tuple[str, int] | None = None


def numbers(loss: Loss) -> RangeSet:
    """The numbers that are lost."""
    lost = RangeSet()
    if loss.first is None or loss.last is None:
        return lost
    at = loss.first
    for a, b in loss.kept:
        if at < a:
            lost.add(at, a - 1)
        at = b + 1
    if at <= loss.last:
        lost.add(at, loss.last)
    return lost


def left_out(lost: RangeSet) -> tuple[Range, ...]:
    """The ranges between numbers that are lost."""
    ranges = list(lost)
    return tuple((b + 1, a - 1) for (_, b), (a, _) in pairwise(ranges))


def belong_together(one: Loss, other: Loss) -> bool:
    """Whether two losses may be declared as one."""
    if (one.reason, one.every_s, one.upper, one.ended) != (other.reason, other.every_s, other.upper, other.ended):
        return False
    if one.first is None or other.first is None or one.last is None or other.last is None:
        return one.first is None and other.first is None
    near = one.last + 1 >= other.first and other.last + 1 >= one.first
    if one.reason not in (THINNED, FULL):
        return near
    if len(one.kept) + len(other.kept) >= KEPT and len(merged(one, other).kept) > KEPT:
        return False
    if one.reason == FULL:
        return near or _touch(one, other, NEAR_MS)
    return _touch(one, other, 0)


def _touch(one: Loss, other: Loss, apart_ms: int) -> bool:
    """Whether the times of two losses overlap or meet."""
    if one.from_t is None or other.from_t is None or one.to_t is None or other.to_t is None:
        return False
    return other.from_t <= one.to_t + apart_ms and one.from_t <= other.to_t + apart_ms


def merged(one: Loss, other: Loss) -> Loss:
    """Two losses that belong together as one."""
    lost = numbers(one)
    for a, b in numbers(other):
        lost.add(a, b)
    ranges = list(lost)
    return Loss(
        first=ranges[0][0] if ranges else None,
        last=ranges[-1][1] if ranges else None,
        from_t=min((t for t in (one.from_t, other.from_t) if t is not None), default=None),
        to_t=max((t for t in (one.to_t, other.to_t) if t is not None), default=None),
        count=one.count + other.count,
        reason=one.reason,
        every_s=one.every_s,
        kept=left_out(lost),
        upper=one.upper,
        ended=one.ended,
    )


def gathered(losses: Iterable[Loss]) -> list[Loss]:
    """Losses in the order of their numbers, those that belong together as one."""
    found: list[Loss] = []
    for loss in losses:
        if found and belong_together(found[-1], loss):
            found[-1] = merged(found[-1], loss)
        else:
            found.append(loss)
    return found


def split(loss: Loss, upto: int, at_t: int) -> tuple[Loss | None, Loss | None]:
    """A loss as the parts up to a number, whose time ends at `at_t`, and behind it, whose time begins there."""
    lost = numbers(loss)
    parts: list[Loss | None] = []
    for ranges, is_first in (
        ([(a, min(b, upto)) for a, b in lost if a <= upto], True),
        ([(max(a, upto + 1), b) for a, b in lost if b > upto], False),
    ):
        if not ranges:
            parts.append(None)
            continue
        from_t, to_t = loss.from_t, loss.to_t
        if from_t is not None and to_t is not None:
            from_t, to_t = (from_t, min(max(from_t, at_t), to_t)) if is_first else (max(from_t, min(at_t, to_t)), to_t)
        part = RangeSet(ranges)
        parts.append(
            Loss(
                first=ranges[0][0],
                last=ranges[-1][1],
                from_t=from_t,
                to_t=to_t,
                count=part.count() if loss.count == lost.count() else loss.count,
                reason=loss.reason,
                every_s=loss.every_s,
                kept=left_out(part),
                upper=loss.upper,
                ended=loss.ended,
            )
        )
    return parts[0], parts[1]


def told_by(gap: Mapping[str, Any]) -> Loss:
    """The loss that a gap record tells of."""
    first, last = gap["lost"] or (None, None)
    ended = gap.get("ended")
    return Loss(
        first=first,
        last=last,
        from_t=gap["from_t"],
        to_t=gap["to_t"],
        count=gap["count"],
        reason=gap["reason"],
        every_s=gap.get("every_s"),
        kept=tuple((a, b) for a, b in gap.get("kept", ())),
        upper=gap.get("upper", False),
        ended=(ended[0], ended[1]) if ended else None,
    )


def losses_of(victims: Iterable[tuple[int, int, int, bytes]], *, sent_upto: int) -> list[Loss]:
    """What dropping these records (number, time, until, body of a gap) loses.

    A gap record gives back the loss it told of, besides its own number. Those up to `sent_upto` may have arrived.
    """
    own, given_back = [], []
    for n, t, until, body in victims:
        own.append(Loss(first=n, last=n, from_t=t, to_t=until, count=1, reason=FULL, upper=n <= sent_upto))
        gap = json.loads(body) if body else {}
        if gap.get("kind") == "gap":
            given_back.append(told_by(gap))
    return [*given_back, *gathered(own)]


def unnumbered(record: Mapping[str, Any], reason: str = FULL) -> Loss:
    """The loss of a record that could not be given a number."""
    until = record["t"] + int(record.get("valid_s", 0) * 1000)
    return Loss(first=None, last=None, from_t=record["t"], to_t=until, count=1, reason=reason)


def optional(loss: Loss) -> dict[str, Any]:
    """The fields of a gap record that few losses have."""
    found = {name: getattr(loss, name) for name in _OPTIONAL}
    return {name: value for name, value in found.items() if value}


def gap_record(loss: Loss, now: Moment) -> dict[str, Any]:
    """The gap record that declares a loss."""
    gap: dict[str, Any] = {"kind": "gap", "boot": now.boot, "mono": now.mono, "t": now.wall}
    if not now.ntp:
        gap["ntp"] = False
    lost = None if loss.first is None else [loss.first, loss.last]
    gap |= {"lost": lost, "from_t": loss.from_t, "to_t": loss.to_t, "count": loss.count, "reason": loss.reason}
    return gap | optional(loss)


def of_row(row: Sequence[Any]) -> Loss:
    """A loss as its row in the spool has it: first, last, from_t, to_t, count, reason, the optional fields as JSON."""
    first, last, from_t, to_t, count, reason, more = row
    lost = None if first < 0 else [first, last]
    said = {"lost": lost, "from_t": from_t, "to_t": to_t, "count": count, "reason": reason}
    return told_by(said | (json.loads(more) if more else {}))
