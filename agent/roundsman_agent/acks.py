"""Acknowledgements: read from whatever came on the topic, and held against what the collector can have at all.

    read(payload) -> Ack | None
    Known(newest).judge(ack) -> Verdict        which of its numbers to believe, and what is wrong with the others

An acknowledgement deletes records, so it is believed only as far as it can be true. The collector can have what went
out in this process, and whatever an earlier one may have sent: every number given out before. It cannot have a number
that was never given out; who says so speaks of another stream than ours (an old copy of this data folder, a second
agent that works with one, or a liar), and nothing it says is believed. What was given out and not sent yet stays.

Pure: nothing is read, nothing deleted.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from roundsman_wire.ranges import Range, RangeSet

_HIGHEST: Final = 2**53
"""What the contract allows a number to be."""
_RANGES: Final = 32
_WORD: Final = 200
_WAIT_LIMIT_S: Final = 3600.0
"""Nobody may silence an agent for longer with one message."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ack:
    """An acknowledgement that was understood."""

    stream: str
    epoch: str
    upto: int
    also: list[Range]
    refused: list[tuple[int, int, str]]
    at: int
    echo: int
    slow_down_s: float
    need_birth: bool

    @property
    def claimed(self) -> list[Range]:
        """All numbers it settles."""
        prefix = [(1, self.upto)] if self.upto >= 1 else []
        return [*prefix, *self.also, *((first, last) for first, last, _ in self.refused)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What an acknowledgement is worth."""

    beyond: int
    """The highest number it claims, if that was never given out: then nothing of it is believed. Else 0."""
    settled: list[Range]
    """What it settles that no acknowledgement before did."""
    unsent: list[Range]
    """Numbers it claims that never went out. Those that are in the spool stay there; others were declared lost."""
    refused: list[tuple[int, int, str]]
    """What the collector refused, as far as it is new."""


class Known:
    """The numbers of one stream that may have reached the collector, and those it has settled, while we live."""

    def __init__(self, newest: int) -> None:
        self._reached = RangeSet.just(newest)
        self._settled = RangeSet()

    def sent(self, first: int, last: int) -> None:
        """These went out."""
        self._reached.add(first, last)

    def judge(self, ack: Ack, newest: int) -> Verdict:
        """What to believe of it; `newest` is the last number given out."""
        highest = max((last for _, last in ack.claimed), default=0)
        if highest > newest:
            return Verdict(beyond=highest, settled=[], unsent=[], refused=[])
        claimed = RangeSet(ack.claimed)
        unsent = [hole for first, last in claimed for hole in self._reached.missing(first, last)]
        return Verdict(
            beyond=0,
            settled=[part for first, last in claimed for part in self._settled.missing(first, last)],
            unsent=unsent,
            refused=[one for one in ack.refused if self._settled.missing(one[0], one[1])],
        )

    def settle(self, ranges: Iterable[Range]) -> None:
        """These are the collector's."""
        for first, last in ranges:
            self._settled.add(first, last)
            self._reached.add(first, last)  # declared lost and heard of: one range again


def without(ranges: Iterable[Range], holes: Iterable[Range]) -> list[Range]:
    """Ranges less others."""
    left = RangeSet(ranges)
    for first, last in holes:
        left.remove(first, last)
    return list(left)


def read(payload: bytes) -> Ack | None:
    """An acknowledgement, or None for anything else."""
    body = parsed(payload)
    also, refused = body.get("also", []), body.get("refused", [])
    numbers = (body.get("upto"), body.get("at"), body.get("echo"))
    if body.get("v") != 1 or not all(type(n) is int and 0 <= n <= _HIGHEST for n in numbers):
        return None
    if not is_word(body.get("stream")) or not is_word(body.get("epoch")) or not is_wait(body.get("slow_down_s", 0)):
        return None
    if not _are_ranges(also, 2) or not _are_ranges(refused, 3) or not all(isinstance(c, str) for *_, c in refused):
        return None
    return Ack(
        stream=body["stream"],
        epoch=body["epoch"],
        upto=body["upto"],
        also=[(a, b) for a, b in also],
        refused=[(a, b, cause) for a, b, cause in refused],
        at=body["at"],
        echo=body["echo"],
        slow_down_s=wait_s(body.get("slow_down_s", 0)),
        need_birth=body.get("need_birth") is True,
    )


def parsed(payload: bytes) -> Mapping[str, Any]:
    """The object a payload holds; an empty one for anything else."""
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def is_word(value: object) -> bool:
    """Whether this may be a stream's name or an epoch."""
    return isinstance(value, str) and 0 < len(value) <= _WORD


def is_wait(value: object) -> bool:
    """Whether this may be a time to wait."""
    return type(value) in (int, float) and 0 <= value < float("inf")  # type: ignore[operator]


def wait_s(value: float) -> float:
    """A time to wait that somebody asked for, an hour at most."""
    return min(float(value), _WAIT_LIMIT_S)


def _are_ranges(value: object, length: int) -> bool:
    """Whether this is a list of at most 32 of [first, last, ...] with first <= last."""
    return isinstance(value, list) and len(value) <= _RANGES and all(_is_range(one, length) for one in value)


def _is_range(one: Any, length: int) -> bool:
    if not isinstance(one, Sequence) or len(one) != length:
        return False
    return type(one[0]) is int and type(one[1]) is int and 1 <= one[0] <= one[1] <= _HIGHEST
