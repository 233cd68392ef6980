"""What is lost: numbers that no record has any more, and the time they spoke of, until a gap record declares them.

Losses of one reason that are neighbours merge, so that a long outage costs one line.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from roundsman_agent.clock import Moment


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """Numbers (or, with `first` None, records that never got one) that are gone, and the time they spoke of."""

    first: int | None
    last: int | None
    from_t: int | None
    to_t: int | None
    count: int
    reason: str


def touch(one: Loss, other: Loss) -> bool:
    """Whether two losses of a reason are neighbours."""
    if one.first is None or other.first is None or one.last is None or other.last is None:
        return one.first is None and other.first is None
    return one.last + 1 == other.first or other.last + 1 == one.first


def merged(one: Loss, other: Loss) -> Loss:
    """Two neighbouring losses of one reason as one."""
    return Loss(
        first=min((n for n in (one.first, other.first) if n is not None), default=None),
        last=max((n for n in (one.last, other.last) if n is not None), default=None),
        from_t=min((t for t in (one.from_t, other.from_t) if t is not None), default=None),
        to_t=max((t for t in (one.to_t, other.to_t) if t is not None), default=None),
        count=one.count + other.count,
        reason=one.reason,
    )


def losses_of(victims: Iterable[tuple[int, int, int, bytes]]) -> list[Loss]:
    """What dropping these records loses. A gap record gives back the loss it told of, besides its own number."""
    losses: list[Loss] = []
    for n, t, until, body in victims:
        own = Loss(first=n, last=n, from_t=t, to_t=until, count=1, reason="spool_full")
        if losses and losses[-1].reason == own.reason and touch(losses[-1], own):
            losses[-1] = merged(losses[-1], own)
        else:
            losses.append(own)
        gap = json.loads(body) if body else {}
        if gap.get("kind") == "gap":
            first, last = gap["lost"] or (None, None)
            told = Loss(
                first=first, last=last, from_t=gap["from_t"], to_t=gap["to_t"], count=gap["count"], reason=gap["reason"]
            )
            losses.insert(0, told)
    return losses


def unnumbered(record: Mapping[str, Any]) -> Loss:
    """The loss of a record that could not be given a number."""
    until = record["t"] + int(record.get("valid_s", 0) * 1000)
    return Loss(first=None, last=None, from_t=record["t"], to_t=until, count=1, reason="spool_full")


def gap_record(loss: Loss, now: Moment) -> dict[str, Any]:
    """The gap record that declares a loss."""
    gap: dict[str, Any] = {"kind": "gap", "boot": now.boot, "mono": now.mono, "t": now.wall}
    if not now.ntp:
        gap["ntp"] = False
    lost = None if loss.first is None else [loss.first, loss.last]
    return {**gap, "lost": lost, "from_t": loss.from_t, "to_t": loss.to_t, "count": loss.count, "reason": loss.reason}
