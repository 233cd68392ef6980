"""One cause, one ticket (law 5): what a failure of power or uplink explains. Pure.

    ups-2 ==power==> switch-1 --uplink--> kiosk-8 --uplink--> ...     who gets what from whom (`Link`), dated
    ups-2    |-- mains lost --|                                       a fault that explains power (`RootFault`)
    switch-1 |- power shadow -|   kiosk-8 |- uplink shadow -|         Causes(links, faults).shadows(device)

A device without power carries nobody's traffic, so a shadow of power becomes one of uplink on the way. A device whose
uplink fails still gives power.

`explained(segments, shadows)` lays shadows over a device's evidence when it is read; the evidence stays as it is:

    shadow   what the evidence says                                becomes
    uplink   unknown, but for what it accounts for itself          unknown, cause uplink
    uplink   down, fault host.unreachable                          unknown, cause uplink
    power    the same, and down, cause off                         down, cause power
    any      up, faults of its own (printer.paper_end)             stays

What a device accounts for itself is time that its agent's own records speak of: declared lost, agent stopped, starting,
the reason of a gap record. Where power and uplink are both lost, power wins.

Samples are a period apart, so what began together is not seen together: what begins up to TOGETHER_MS before its root's
fault, or ends up to TOGETHER_MS after it, is explained in whole.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from roundsman_collector.core.model import DOWN, UNKNOWN, Milliseconds, Segment
from roundsman_collector.core.policy import UNREACHABLE

Kind = Literal["power", "uplink"]
POWER: Kind = "power"
UPLINK: Kind = "uplink"
KINDS: tuple[Kind, ...] = (POWER, UPLINK)
"""What a device gets from another one; where both are lost, the first wins."""
TOGETHER_MS = 3 * 60_000
MUTE = frozenset({"silent", "missing", "no_answer", "not_polled", "uplink", "agent_off"})
"""Causes of unknown that say only that nothing was heard."""
DEEPEST = 64
"""No chain of roots is followed further: nothing is wired like that."""


class Link(NamedTuple):
    """`subject` gets its power or uplink (`kind`) from `root` in [from_ms, to_ms); `to_ms` None: still."""

    subject: str
    kind: Kind
    root: str
    from_ms: Milliseconds
    to_ms: Milliseconds | None


class RootFault(NamedTuple):
    """A fault of the device `root`, or of the agent that runs on it, that explains what stands behind it."""

    root: str
    explains: Kind
    code: str
    from_ms: Milliseconds
    to_ms: Milliseconds | None


class Shadow(NamedTuple):
    """A stretch in which a device lacks power or uplink because of the fault `code` of `root`."""

    from_ms: Milliseconds
    to_ms: Milliseconds | None
    kind: Kind
    root: str
    code: str


class Explained(NamedTuple):
    """A segment of the ledger with what stands behind it: `root` is empty where nothing but the evidence decides.

    With a root, `cause` is `power` or `uplink`, and `fault` the root's fault.
    """

    from_ms: Milliseconds
    to_ms: Milliseconds | None
    state: str
    cause: str
    fault: str
    coarse: bool = False
    root: str = ""


class Causes:
    """Who lacked what because of whom. Asked for many devices, each root is worked out once."""

    def __init__(self, links: Iterable[Link], faults: Iterable[RootFault]) -> None:
        self._links: dict[tuple[str, Kind], list[Link]] = {}
        for link in links:
            self._links.setdefault((link.subject, link.kind), []).append(link)
        self._faults: dict[str, list[RootFault]] = {}
        for fault in faults:
            self._faults.setdefault(fault.root, []).append(fault)
        self._known: dict[tuple[str, Kind], tuple[Shadow, ...]] = {}
        self._under_way: set[tuple[str, Kind]] = set()
        self._circles = 0

    def shadows(self, device: str) -> tuple[Shadow, ...]:
        """The shadows over a device, by beginning; none of a fault of its own."""
        found = (*self._lacks(device, POWER), *self._lacks(device, UPLINK))
        return joined(shadow for shadow in found if shadow.root != device)

    def _lacks(self, device: str, kind: Kind) -> tuple[Shadow, ...]:
        """When a device lacks power, or uplink, by those it gets it from."""
        key = device, kind
        known = self._known.get(key)
        if known is not None:
            return known
        if key in self._under_way or len(self._under_way) >= DEEPEST:
            self._circles += 1
            return ()
        circles = self._circles
        self._under_way.add(key)
        found = joined(shadow for link in self._links.get(key, ()) for shadow in self._behind(link))
        self._under_way.discard(key)
        if self._circles == circles:  # else what was found depends on where one came in
            self._known[key] = found
        return found

    def _behind(self, link: Link) -> Iterable[Shadow]:
        own = [
            Shadow(fault.from_ms, fault.to_ms, link.kind, fault.root, fault.code)
            for fault in self._faults.get(link.root, ())
            if link.kind == UPLINK or fault.explains == POWER
        ]
        lacked = [*self._lacks(link.root, POWER), *(self._lacks(link.root, UPLINK) if link.kind == UPLINK else ())]
        for shadow in [*own, *(one._replace(kind=link.kind) for one in lacked)]:
            from_ms, to_ms = max(shadow.from_ms, link.from_ms), earlier(shadow.to_ms, link.to_ms)
            if to_ms is None or from_ms < to_ms:
                yield shadow._replace(from_ms=from_ms, to_ms=to_ms)


def joined(shadows: Iterable[Shadow]) -> tuple[Shadow, ...]:
    """The shadows by beginning, those of one root's fault as one where the root was well for TOGETHER_MS at most.

    Nobody behind it could be heard in so short a time, so a root that flaps gives one shadow.
    """
    of_fault: dict[tuple[Kind, str, str], list[Shadow]] = {}
    for shadow in sorted(shadows, key=lambda one: (one.from_ms, FOREVER if one.to_ms is None else one.to_ms)):
        mine = of_fault.setdefault((shadow.kind, shadow.root, shadow.code), [])
        last = mine[-1] if mine else None
        if last is None or (last.to_ms is not None and last.to_ms + TOGETHER_MS < shadow.from_ms):
            mine.append(shadow)
        else:
            mine[-1] = last._replace(to_ms=later(last.to_ms, shadow.to_ms))
    return tuple(sorted((one for mine in of_fault.values() for one in mine), key=_order))


def explained(segments: Iterable[Segment], shadows: Sequence[Shadow]) -> list[Explained]:
    """The evidence of a device (`segments`, in order) with `shadows` (of Causes) laid over it; neighbours differ."""
    told: list[Explained] = []
    coming = sorted(shadows, key=_order)
    for segment in segments:
        if not coming or not _is_mute(segment):
            _tell_on(told, Explained(*segment))
            continue
        coming = [one for one in coming if one.to_ms is None or one.to_ms + TOGETHER_MS > segment.from_ms]
        reaching = [one for one in (_stretched(one, segment) for one in coming) if one is not None]
        for piece in _cut(segment, reaching):
            _tell_on(told, piece)
    return told


def _is_mute(segment: Segment) -> bool:
    """Whether the device was not heard, so that a root may be why."""
    if segment.state == UNKNOWN:
        return segment.cause in MUTE
    return segment.state == DOWN and (segment.cause == "off" or segment.fault == UNREACHABLE)


def _stretched(shadow: Shadow, segment: Segment) -> Shadow | None:
    """The part of a shadow that explains a segment, drawn out to its ends where they lie close by; None: no part."""
    if shadow.kind == UPLINK and segment.cause == "off":
        return None
    from_ms, to_ms = shadow.from_ms, shadow.to_ms
    if segment.to_ms is not None and segment.to_ms <= from_ms:
        return None
    if to_ms is not None and to_ms <= segment.from_ms:
        return None
    if from_ms - segment.from_ms <= TOGETHER_MS:
        from_ms = segment.from_ms
    if to_ms is None or segment.to_ms is None:
        to_ms = earlier(to_ms, segment.to_ms)
    else:
        to_ms = segment.to_ms if segment.to_ms - to_ms <= TOGETHER_MS else to_ms
    return shadow._replace(from_ms=from_ms, to_ms=to_ms)


def _cut(segment: Segment, shadows: Sequence[Shadow]) -> Iterable[Explained]:
    """A segment, in pieces, as the shadows that lie within it explain it."""
    edges = {segment.from_ms, *(one.from_ms for one in shadows)}
    edges |= {one.to_ms for one in shadows if one.to_ms is not None and one.to_ms != segment.to_ms}
    ordered: list[Milliseconds | None] = [*sorted(edges), segment.to_ms]
    for a, b in pairwise(ordered):
        assert a is not None
        over = [one for one in shadows if one.from_ms <= a and (one.to_ms is None or one.to_ms > a)]
        if not over:
            yield Explained(*segment._replace(from_ms=a, to_ms=b))
            continue
        first = min(over, key=lambda one: (KINDS.index(one.kind), _order(one)))
        state = DOWN if first.kind == POWER else UNKNOWN
        yield Explained(a, b, state, first.kind, first.code, segment.coarse, first.root)


def _tell_on(told: list[Explained], piece: Explained) -> None:
    if told and told[-1][2:] == piece[2:] and told[-1].to_ms == piece.from_ms:
        told[-1] = told[-1]._replace(to_ms=piece.to_ms)
    else:
        told.append(piece)


FOREVER = 2**62


def _order(shadow: Shadow) -> tuple[Milliseconds, str, str, str]:
    return shadow.from_ms, shadow.root, shadow.code, shadow.kind


def earlier(one: Milliseconds | None, other: Milliseconds | None) -> Milliseconds | None:
    """The first of two ends; None never comes."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def later(one: Milliseconds | None, other: Milliseconds | None) -> Milliseconds | None:
    """The last of two ends; None never comes."""
    return None if one is None or other is None else max(one, other)
