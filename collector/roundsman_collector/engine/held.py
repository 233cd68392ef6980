"""Faults without a ticket of their own, and what one step of the desk makes of them: plain data for desk.py."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from roundsman_collector.core.model import Condition, Ref
from roundsman_collector.core.waiting import Key
from roundsman_collector.engine.unit import Unit
from roundsman_collector.store.children import Child


@dataclass(slots=True)
class Held:
    """A fault without a ticket of its own.

    `ticket` None: it waits, until `due_ms` if no cause turns up. Else that ticket explains it by a fault of `root`, and
    if that is over it has until `due_ms` to be over, too. `merged` is the ticket of its own that it had.
    """

    unit: Unit
    condition: Condition
    due_ms: int = 0
    ticket: int | None = None
    root: str = ""
    merged: int | None = None

    @property
    def key(self) -> Key:
        """What a ticket of it would be of."""
        return key_of(self.condition)


def key_of(condition: Condition) -> Key:
    """What a ticket of a condition is of."""
    return condition.subject, condition.component, condition.code


class Ledge:
    """All held faults, found by what they are of, by subject, and by the root that explains them."""

    def __init__(self) -> None:
        self._all: dict[Key, Held] = {}
        self._of_subject: dict[str, set[Key]] = {}
        self._under: dict[str, set[Key]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, key: Key) -> bool:
        return key in self._all

    def __iter__(self) -> Iterator[Held]:
        return iter(tuple(self._all.values()))

    def get(self, key: Key) -> Held | None:
        """The held fault that this names."""
        return self._all.get(key)

    def of_subject(self, subject: str) -> list[Held]:
        """What is held of a device or agent."""
        return [self._all[key] for key in self._of_subject.get(subject, ())]

    def under(self, root: str) -> list[Held]:
        """What faults of a root explain."""
        return [self._all[key] for key in self._under.get(root, ())]

    def put(self, held: Held) -> None:
        """Hold a fault; what was held of the same is forgotten."""
        key = held.key
        self.drop(key)
        self._all[key] = held
        self._of_subject.setdefault(key[0], set()).add(key)
        if held.root:
            self._under.setdefault(held.root, set()).add(key)

    def drop(self, key: Key) -> None:
        """Forget a fault, if it is held."""
        held = self._all.pop(key, None)
        if held is None:
            return
        for index, name in ((self._of_subject, key[0]), (self._under, held.root)):
            mine = index.get(name)
            if mine is not None:
                mine.discard(key)
                if not mine:
                    del index[name]


class Joining(NamedTuple):
    """A fault that is to be explained by a ticket: `held` as it will be then, but for the ticket's id."""

    child: Child
    held: Held


@dataclass(slots=True)
class Plan:
    """What a step is going to change: tickets by their id, new ones by a negative number."""

    opened: list[tuple[Unit, Condition]] = field(default_factory=list)
    numbers: dict[Key, int] = field(default_factory=dict)
    """What is opened -> the number by which it goes meanwhile."""
    joined: dict[int, list[Joining]] = field(default_factory=dict)
    merged: dict[int, int] = field(default_factory=dict)
    """Ticket -> the one it is merged into."""
    over: dict[int, list[Key]] = field(default_factory=dict)
    """Ticket -> faults it explained, and that are over."""
    released: dict[int, list[Key]] = field(default_factory=dict)
    """Ticket -> faults it explained, and that get one of their own."""
    disproved: dict[int, tuple[Ref, ...]] = field(default_factory=dict)
    """Merged ticket -> the records that show that its fault never was."""
    told: dict[int, str] = field(default_factory=dict)
    """Ticket that somebody was sent for -> what its device lacks, because another fault has caused it."""
    looked: set[Key] = field(default_factory=set)
    begun: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be changed."""
        return not (self.opened or self.joined or self.over or self.released or self.disproved or self.told)

    def open(self, unit: Unit, condition: Condition) -> int:
        """Open a ticket, once; the number by which it goes meanwhile."""
        key = key_of(condition)
        if key not in self.numbers:
            self.opened.append((unit, condition))
            self.numbers[key] = -len(self.opened)
        return self.numbers[key]

    def join(self, ticket: int, child: Child, held: Held) -> None:
        """Let a ticket explain a fault."""
        self.joined.setdefault(ticket, []).append(Joining(child, held))
        if child.ticket is not None:
            self.merged[child.ticket] = ticket

    def final(self, ticket: int) -> int:
        """The ticket that this one ends up in."""
        while ticket in self.merged:
            ticket = self.merged[ticket]
        return ticket
