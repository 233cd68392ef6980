"""The same meaning from the whole set of evidence: `rebuild(start, items, book) -> Change`; or piece by piece.

    anew = Rebuild(start, book)
    anew.fold(piece)  ...             each piece: all items of a stretch of time, later than those of the pieces before
    anew.change()                     the same as `rebuild` of all of them at once

A rebuild sorts the evidence by event time and folds it with `turn`, or, where that leaves a tie to it, with what `turn`
itself folds by, from a checkpoint (a `resting` state taken before the first late item) or from nothing. What comes out
depends on the set alone:

    ties        of one device at one time: within a stream the larger n wins; across streams down beats up
    twice       the same (stream, n) counts once
    gap         records stand at the beginning of the time they speak of, not when they were written

`Telling` joins the changes of many items into one.
"""

from collections.abc import Iterable

from roundsman_collector.core.model import (
    Change,
    Condition,
    Item,
    Milliseconds,
    Retold,
    Segment,
    UnitState,
)
from roundsman_collector.core.policy import judged
from roundsman_collector.core.rulebook import Rulebook
from roundsman_collector.core.timeline import horizon, tell
from roundsman_collector.core.turn import fold, go_on, has_answer, turn


class Telling:
    """Changes of one unit, one after the other, joined: later segments replace what they overlap."""

    def __init__(self, state: UnitState) -> None:
        self.state = state
        self._from: dict[str, Milliseconds] = {}
        self._segments: dict[str, list[Segment]] = {}
        self._conditions: dict[tuple[str, str, str, Milliseconds], Condition] = {}
        self._whole: dict[str, Milliseconds] = {}

    def add(self, change: Change) -> None:
        """Join what `change` tells."""
        self.state = change.state
        for subject, from_ms in change.whole:
            self._whole[subject] = min(from_ms, self._whole.get(subject, from_ms))
            for key in [k for k in self._conditions if k[0] == subject and k[3] >= from_ms]:
                del self._conditions[key]
        for one in change.retold:
            segments = self._segments.setdefault(one.device, [])
            while segments and segments[-1].from_ms >= one.from_ms:
                segments.pop()
            segments.extend(one.segments)
            self._from[one.device] = min(one.from_ms, self._from.get(one.device, one.from_ms))
        for condition in change.conditions:
            self._conditions[condition.subject, condition.component, condition.code, condition.from_ms] = condition

    def whole(self, subject: str, from_ms: Milliseconds) -> None:
        """From here on what is told of `subject` is all there is."""
        self._whole[subject] = from_ms

    def ledger(self, device: str, from_ms: Milliseconds) -> None:
        """From here on the segments that are told of `device` are its ledger; there may be none."""
        self._segments.setdefault(device, [])
        self._from[device] = min(from_ms, self._from.get(device, from_ms))

    @property
    def is_news(self) -> bool:
        """Whether anything was told, other than that it goes on."""
        return bool(self._from or self._conditions or self._whole)

    def change(self) -> Change:
        """Everything joined."""
        return Change(
            state=self.state,
            retold=tuple(
                Retold(device, from_ms, tuple(self._segments[device])) for device, from_ms in self._from.items()
            ),
            conditions=tuple(self._conditions.values()),
            whole=tuple(self._whole.items()),
        )


def resting(state: UnitState) -> UnitState:
    """The state as evidence alone gives it, without what time has told: fit to be a checkpoint."""
    return state._replace(silent=False, devices=tuple(d._replace(quiet=False) for d in state.devices))


class Rebuild:
    """A rebuild from the resting state `start`, fed with pieces of the evidence; see the module."""

    def __init__(self, start: UnitState, book: Rulebook) -> None:
        self._start = start
        self._book = book
        self._telling = telling = Telling(start)
        for device in start.devices:
            if device.pieces:
                segments = tell(device)
                telling.add(Change(state=start, retold=(Retold(device.device, segments[0].from_ms, tuple(segments)),)))
            telling.add(Change(state=start, conditions=device.faults))

    def fold(self, items: Iterable[Item]) -> None:
        """Judge a piece: all there is of a stretch of time behind the pieces before; what `start` knows is left out."""
        start, telling, book = self._start, self._telling, self._book
        ordered = [
            item
            for item in arranged(items, book)
            if item.t > start.last_t or (item.t == start.last_t and item.stream == start.stream and item.n > start.n)
        ]
        place = 0
        while place < len(ordered):
            telling.state, place = go_on(telling.state, ordered, place, book)
            if place < len(ordered):
                item = ordered[place]
                telling.add(turn(telling.state, item, book) or fold(telling.state, item, book))
                place += 1

    def take(self, item: Item) -> bool:
        """Judge what came since, as it came; False: it is late, and left out."""
        change = turn(self._telling.state, item, self._book)
        if change is not None:
            self._telling.add(change)
        return change is not None

    def change(self) -> Change:
        """What all pieces mean. It is whole: per device of `start` from its horizon on, for others from 0."""
        start, telling = self._start, self._telling
        seen = {d.device: d for d in start.devices}
        for device in telling.state.devices:
            name, before = device.device, seen.get(device.device)
            telling.whole(name, 0 if before is None else horizon(before))
            if before is None or not before.pieces:  # what was told of it may have been wrong from the first instant on
                telling.ledger(name, 0 if before is None else start.last_t)
        telling.whole(f"@{start.agent}", start.last_t)
        return telling.change()


def rebuild(start: UnitState, items: Iterable[Item], book: Rulebook) -> Change:
    """The meaning of all `items` that come after the resting state `start`; items before it are left out."""
    anew = Rebuild(start, book)
    anew.fold(items)
    return anew.change()


def arranged(items: Iterable[Item], book: Rulebook) -> list[Item]:
    """The items in the order they are judged, each (stream, n) once, the losers of ties left out."""
    unique = {(item.stream, item.n): item for item in items}
    winners: dict[tuple[str, Milliseconds], Item] = {}
    others: list[Item] = []
    for item in unique.values():
        if item.record["kind"] != "sample":
            others.append(item)
            continue
        key = (item.record["device"], item.t)
        rival = winners.get(key)
        winners[key] = item if rival is None else _winner(rival, item, book)
    return sorted([*winners.values(), *others], key=_place)


def _place(item: Item) -> tuple[Milliseconds, bool, str, int]:
    return item.t, item.record["kind"] != "gap", item.stream, item.n


def _winner(one: Item, other: Item, book: Rulebook) -> Item:
    if one.stream == other.stream:
        return max(one, other, key=lambda item: item.n)
    return max(one, other, key=lambda item: (_badness(item, book), item.stream, item.n))


def _badness(item: Item, book: Rulebook) -> int:
    """How bad a sample looks by itself: 3 a rule that counts as down holds, 2 another rule holds, 1 well, 0 no answer.

    What is known beats unknown, and down beats up.
    """
    record = item.record
    if not has_answer(record):
        return 0
    policy = book.at(record["device"], item.t)
    bad = 1
    for name in record["readings"]:
        for rule, component in policy.judges(name):
            if judged(rule, name, component, record["readings"], False):
                bad = max(bad, 3 if rule.effect == "down" else 2)
    return bad
