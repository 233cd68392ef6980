"""The timeline of one device: what its evidence covers, with faults laid over it, told as ledger segments.

    pieces   answered |--gap--| answered  |no_answer|  answered …      what was heard, in order and without holes
    faults            [=====A=====)                                    conditions with the effect down or degraded
    told     up       |down A ||unknown|  | …                          `tell`

Answered is up, unless a fault says down; a fault that takes less than the whole leaves it up, marked degraded. No
answer though the road is well is unknown until `host.unreachable` is confirmed, then down from the first such poll
(down beats the rest of what the last answer spoke for). Off is down. A gap is unknown, with its cause. A quiet device
is unknown from the end of what was heard. Answers of which only some were kept are told as coarse.

A device that rests (a parked vehicle) need not answer: whatever is no answer is told as *resting*, unknown to the
ledger and out of the reckoning, from when it went to rest until an answer says that it is in use again.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from roundsman_collector.core.model import (
    DOWN,
    UNKNOWN,
    UP,
    Condition,
    DeviceState,
    Milliseconds,
    Piece,
    Segment,
    Span,
)
from roundsman_collector.core.policy import UNREACHABLE

ANSWERED = "answered"
NO_ANSWER = "no_answer"
OFF = "off"
GAP = "gap"
COARSE = "coarse"
RESTING = "resting"
RESTS = "rests"
"""The effect of what is no fault: the device is out of use on purpose."""


def cover(
    device: DeviceState, from_ms: Milliseconds, to_ms: Milliseconds, kind: str, spans: Sequence[Span], mark: str = ""
) -> DeviceState:
    """Let [from_ms, to_ms) be covered by `kind`; what was not heard of before it is explained by `spans`.

    An answer cuts what was covered before; anything else begins where it ends. `mark` is `coarse` or empty.
    """
    if not device.pieces:
        return device._replace(pieces=(Piece(from_ms, None, kind, mark),), covered_to=to_ms, quiet=False)
    start = from_ms if kind == ANSWERED else max(from_ms, device.covered_to)
    if start > device.covered_to:
        device = explained_to(device, start, spans)
    last = device.pieces[-1]
    if last.kind == kind and last.cause == mark:
        return device._replace(covered_to=to_ms, quiet=False)
    pieces = _cut(device, start)
    _append(pieces, Piece(start, None, kind, mark))
    return device._replace(pieces=tuple(pieces), covered_to=to_ms, quiet=False)


def explained_to(device: DeviceState, to_ms: Milliseconds, spans: Sequence[Span]) -> DeviceState:
    """Cover [covered_to, to_ms) with what `spans` say of it. Runs end here: they do not hold over time nobody saw."""
    for piece in explain(device, device.covered_to, to_ms, spans):
        assert piece.to_ms is not None
        device = _covered_by(device, piece.to_ms, piece.kind, piece.cause)
    return device


def leave_open(device: DeviceState, to_ms: Milliseconds, cause: str) -> DeviceState:
    """Cover up to `to_ms` with a gap of this cause, if it lies beyond what is covered. Runs end here."""
    return _covered_by(device, to_ms, GAP, cause) if to_ms > device.covered_to else device


def _covered_by(device: DeviceState, to_ms: Milliseconds, kind: str, cause: str) -> DeviceState:
    pieces = _cut(device, device.covered_to)
    _append(pieces, Piece(device.covered_to, None, kind, cause))
    return device._replace(pieces=tuple(pieces), covered_to=to_ms, tracks=(), quiet=False)


def _cut(device: DeviceState, at: Milliseconds) -> list[Piece]:
    """The pieces before `at`, the last one closed there."""
    pieces = [piece for piece in device.pieces if piece.from_ms < at]
    if pieces and (pieces[-1].to_ms is None or pieces[-1].to_ms > at):
        pieces[-1] = pieces[-1]._replace(to_ms=at)
    return pieces


def _append(pieces: list[Piece], piece: Piece) -> None:
    if (
        pieces
        and (pieces[-1].kind, pieces[-1].cause) == (piece.kind, piece.cause)
        and pieces[-1].to_ms == piece.from_ms
    ):
        pieces[-1] = pieces[-1]._replace(to_ms=piece.to_ms)
    else:
        pieces.append(piece)


def explain(device: DeviceState, from_ms: Milliseconds, to_ms: Milliseconds, spans: Sequence[Span]) -> list[Piece]:
    """Cut [from_ms, to_ms) by the reasons the agent's own records give; the first span of `spans` that covers wins."""
    if from_ms >= to_ms:
        return []
    edges = {from_ms, to_ms}
    for span in spans:
        edges.update(edge for edge in (span.from_ms, span.to_ms) if from_ms < edge < to_ms)
    told: list[Piece] = []
    ordered = sorted(edges)
    for a, b in pairwise(ordered):
        cause = next((s.cause for s in spans if s.from_ms <= a and b <= s.to_ms), "not_polled")
        if cause == OFF:
            piece = Piece(a, b, OFF, OFF) if device.local else Piece(a, b, GAP, "agent_off")
        else:
            piece = Piece(a, b, GAP, cause)
        _append(told, piece)
    return told


def tell(device: DeviceState) -> list[Segment]:
    """The ledger segments of the pieces kept; the last one is open. Neighbours differ."""
    felt = [fault for fault in device.faults if fault.effect and fault.effect != RESTS]
    rests = [fault for fault in device.faults if fault.effect == RESTS]
    segments: list[Segment] = []
    for piece in device.pieces:
        to_ms = device.covered_to if piece.to_ms is None and device.quiet else piece.to_ms
        for segment in _overlay(piece, to_ms, felt):
            _tell_on(segments, segment) if not rests or piece.kind == ANSWERED else _tell_rest(segments, segment, rests)
    if device.quiet and device.pieces:
        _tell_rest(segments, Segment(device.covered_to, None, UNKNOWN, "silent", ""), rests)
    return segments


def is_resting(device: DeviceState) -> bool:
    """Whether a device was out of use on purpose when it was heard last."""
    return any(fault.effect == RESTS and fault.to_ms is None for fault in device.faults)


def _tell_rest(segments: list[Segment], segment: Segment, rests: Iterable[Condition]) -> None:
    """Tell a segment without answers; what of it lies in a rest is told as that."""
    edges = {edge for rest in rests for edge in (rest.from_ms, rest.to_ms) if edge is not None}
    inner = sorted(edge for edge in edges if segment.from_ms < edge and (segment.to_ms is None or edge < segment.to_ms))
    ordered: list[Milliseconds | None] = [segment.from_ms, *inner, segment.to_ms]
    for a, b in pairwise(ordered):
        assert a is not None
        rested = any(rest.from_ms <= a and (rest.to_ms is None or rest.to_ms > a) for rest in rests)
        part = Segment(a, b, UNKNOWN, RESTING, "") if rested else segment._replace(from_ms=a, to_ms=b)
        _tell_on(segments, part)


def _overlay(piece: Piece, to_ms: Milliseconds | None, felt: Sequence[Condition]) -> list[Segment]:
    if piece.kind == OFF:
        return [Segment(piece.from_ms, to_ms, DOWN, OFF, "")]
    if piece.kind == GAP:
        return [Segment(piece.from_ms, to_ms, UNKNOWN, piece.cause, "")]
    laid = [f for f in felt if piece.kind == ANSWERED or f.code == UNREACHABLE]
    edges = {piece.from_ms}
    for fault in laid:
        edges.update(
            edge
            for edge in (fault.from_ms, fault.to_ms)
            if edge is not None and piece.from_ms < edge and (to_ms is None or edge < to_ms)
        )
    ordered: list[Milliseconds | None] = [*sorted(edges), to_ms]
    return [_judged(piece, a, b, laid) for a, b in pairwise(ordered) if a is not None and a != b]


def _judged(piece: Piece, a: Milliseconds, b: Milliseconds | None, laid: Sequence[Condition]) -> Segment:
    active = [f for f in laid if f.from_ms <= a and (f.to_ms is None or f.to_ms > a)]
    downs = [f for f in active if f.effect == "down"]
    coarse = piece.cause == COARSE
    if downs:
        return Segment(a, b, DOWN, "fault", _first(downs).code, coarse)
    if piece.kind != ANSWERED:
        return Segment(a, b, UNKNOWN, NO_ANSWER, "")
    if active:
        return Segment(a, b, UP, "degraded", _first(active).code, coarse)
    return Segment(a, b, UP, "", "", coarse)


def _first(active: Sequence[Condition]) -> Condition:
    return min(active, key=lambda f: (f.from_ms, f.code, f.component))


def _tell_on(segments: list[Segment], segment: Segment) -> None:
    if segments and segments[-1][2:] == segment[2:] and segments[-1].to_ms == segment.from_ms:
        segments[-1] = segments[-1]._replace(to_ms=segment.to_ms)
    else:
        segments.append(segment)


def horizon(device: DeviceState) -> Milliseconds:
    """Nothing that comes in order can change what was told before this time.

    A poll that waits for a neighbour's word has not ended what was covered before: that may have ended long ago.
    """
    times = [device.last_t, *(track.first.t for track in device.tracks)]
    if device.pieces:
        times.append(device.covered_to)
    if device.pending is not None:
        times.append(device.pending.ref.t)
    return min(times)


def forget(device: DeviceState, segments: Sequence[Segment]) -> DeviceState:
    """Drop what nothing can change any more, on a border of a told segment so that the rest is told the same."""
    limit = horizon(device)
    start = max((s.from_ms for s in segments if s.from_ms <= limit), default=None)
    if start is None:
        return device
    pieces = tuple(
        piece if piece.from_ms >= start else piece._replace(from_ms=start)
        for piece in device.pieces
        if piece.to_ms is None or piece.to_ms > start
    )
    faults = tuple(
        fault
        for fault in device.faults
        if fault.to_ms is None or fault.to_ms > limit or (fault.to_ms > start and fault.effect)
    )
    return device._replace(pieces=pieces, faults=faults)


def first_difference(before: Sequence[Segment], after: Sequence[Segment]) -> Milliseconds | None:
    """From when on `after` tells something else; None when both tell the same.

    Both begin at a border that stays: a kept tail is cut only where a told segment begins.
    """
    for old, new in zip(before, after, strict=False):
        if old != new:
            return min(old.from_ms, new.from_ms)
    if len(after) > len(before):
        return after[len(before)].from_ms
    if len(before) > len(after):
        return before[len(after)].from_ms
    return None
