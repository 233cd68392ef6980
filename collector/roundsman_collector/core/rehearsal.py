"""A collector in memory: what evidence, as it arrives, lets a collector know and do. Pure; for tests of rules.

    one = Rehearsal(book, ran_on={"gw-2": "gw-2"}, links=links)
    one.take([item, item], agent="gw-2", now_ms=t)      what arrives at an instant, in the order in which it does
    one.wait(t)                                         nothing comes up to `t`: silences are told on time
    one.conditions, one.tickets, one.ledger("nvr-2", t) what is known then

It decides nothing itself: the same functions judge here as in the engine (turn, rebuild, tick, reconcile, Causes). What
it leaves out is what an engine needs to be fast and to survive: stores, batches, checkpoints. Late evidence is worked
in at once, where an engine waits until the backlog pauses.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from roundsman_collector.core.causes import Causes, Explained, Kind, Link, RootFault, explained
from roundsman_collector.core.model import (
    UNKNOWN,
    Change,
    Condition,
    Item,
    Milliseconds,
    Segment,
    Ticket,
    UnitState,
    newborn,
)
from roundsman_collector.core.policy import SILENT
from roundsman_collector.core.rebuild import Telling, rebuild
from roundsman_collector.core.rulebook import Rulebook
from roundsman_collector.core.ticket import reconcile
from roundsman_collector.core.turn import tick, turn, wake_at
from roundsman_wire.ranges import RangeSet

EXPLAINING: Mapping[str, Kind] = {"power": "power", "uplink": "uplink"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A ticket and what has become of it. status: open · resolved · voided."""

    id: int
    subject: str
    component: str
    code: str
    status: str
    outcome: str
    fault_from_ms: Milliseconds
    fault_to_ms: Milliseconds | None
    opened_ms: Milliseconds
    closed_ms: Milliseconds | None


@dataclass(kw_only=True, slots=True)
class _Unit:
    """One agent, as an engine would know it."""

    state: UnitState
    evidence: dict[tuple[str, int], Item] = field(default_factory=dict)
    numbers: dict[str, RangeSet] = field(default_factory=dict)
    open: tuple[Ticket, ...] = ()

    @property
    def has_holes(self) -> bool:
        """Whether numbers below the newest of a stream are still to come."""
        return any(len(ranges) > 1 or not ranges.upto() for ranges in self.numbers.values())

    @property
    def waits_for_a_silence(self) -> bool:
        """Whether the ticket of a silence that is over waits, though nothing is missing any more."""
        return not self.state.silent and not self.has_holes and any(one.code == SILENT for one in self.open)

    def admit(self, item: Item) -> bool:
        """Keep the item and its number, and those it declares lost; False: it was here before."""
        if (item.stream, item.n) in self.evidence:
            return False
        self.evidence[item.stream, item.n] = item
        numbers = self.numbers.setdefault(item.stream, RangeSet())
        numbers.add(item.n, item.n)
        lost = item.record.get("lost")
        if lost is not None:
            numbers.add(lost[0], lost[1])
        return True


class Rehearsal:
    """All that a collector knows while a test is told to it. `ran_on`: the device that each agent runs on."""

    def __init__(self, book: Rulebook, *, ran_on: Mapping[str, str] | None = None, links: Iterable[Link] = ()) -> None:
        self.book = book
        self.links = tuple(links)
        self._ran_on = dict(ran_on or {})
        self._units: dict[str, _Unit] = {}
        self._segments: dict[str, tuple[Segment, ...]] = {}
        self._conditions: dict[tuple[str, str, str, Milliseconds], Condition] = {}
        self._tickets: dict[int, Kept] = {}

    @property
    def conditions(self) -> list[Condition]:
        """Everything that was wrong, as known now, by beginning."""
        return sorted(self._conditions.values(), key=lambda one: (one.since_ms, one.subject, one.component, one.code))

    @property
    def tickets(self) -> list[Kept]:
        """All tickets, in the order in which they were opened."""
        return list(self._tickets.values())

    def take(self, items: Sequence[Item], *, agent: str, now_ms: Milliseconds) -> None:
        """What arrives of an agent at an instant: judged in the order of arrival, what is late is worked in."""
        self.wait(now_ms)
        unit = self._units.setdefault(agent, _Unit(state=newborn(agent)))
        telling, is_late = Telling(unit.state), False
        for item in items:
            if not unit.admit(item):
                continue
            change = turn(telling.state, item, self.book)
            if change is None:
                is_late = True
            else:
                telling.add(change)
        self._learn(unit, telling.change(), now_ms, settling=is_late or unit.has_holes, is_dirty=is_late)
        if is_late or unit.waits_for_a_silence:
            self._tell_anew(unit, now_ms)

    def wait(self, now_ms: Milliseconds) -> None:
        """Nothing came up to `now_ms`: whatever is due by then is told at its own time."""
        while True:
            due = [(at, agent) for agent, one in self._units.items() if (at := wake_at(one.state)) is not None]
            at_ms, agent = min(due, default=(now_ms + 1, ""))
            if at_ms > now_ms:
                return
            unit = self._units[agent]
            change = tick(unit.state, at_ms, self.book)
            if change is None:
                return
            self._learn(unit, change, at_ms, settling=unit.has_holes, is_dirty=False)

    def ledger(self, device: str, to_ms: Milliseconds) -> list[Explained]:
        """The ledger of a device up to where its evidence ends, `to_ms` at most, with what its roots explain.

        What nobody knows goes on unknown; what was seen does not go on by itself.
        """
        covered_ms = max(
            (one.covered_to for unit in self._units.values() for one in unit.state.devices if one.device == device),
            default=0,
        )
        ended = [
            one._replace(to_ms=_end(one, covered_ms, to_ms))
            for one in self._segments.get(device, ())
            if one.from_ms < to_ms
        ]
        causes = Causes(self.links, self._root_faults())
        return explained(
            [one for one in ended if one.to_ms is not None and one.from_ms < one.to_ms], causes.shadows(device)
        )

    def _root_faults(self) -> list[RootFault]:
        return [
            RootFault(self._device_of(one.subject), EXPLAINING[one.explains], one.code, one.since_ms, one.to_ms)
            for one in self.conditions
            if one.explains in EXPLAINING
        ]

    def _device_of(self, subject: str) -> str:
        agent = subject.removeprefix("@")
        return subject if agent == subject else self._ran_on.get(agent, agent)

    def _tell_anew(self, unit: _Unit, now_ms: Milliseconds) -> None:
        was_told = unit.state.silent or any(device.quiet for device in unit.state.devices)
        change = rebuild(newborn(unit.state.agent), unit.evidence.values(), self.book)
        silence = tick(change.state, now_ms, self.book) if was_told else None
        if silence is not None:
            telling = Telling(change.state)
            for one in (change, silence):
                telling.add(Change(state=one.state, retold=one.retold, conditions=one.conditions))
            change = replace(telling.change(), whole=change.whole)
        self._learn(unit, change, now_ms, settling=unit.has_holes, is_dirty=False)

    def _learn(self, unit: _Unit, change: Change, now_ms: Milliseconds, *, settling: bool, is_dirty: bool) -> None:
        unit.state = change.state
        for told in change.retold:
            kept = [one for one in self._segments.get(told.device, ()) if one.from_ms < told.from_ms]
            if kept and (kept[-1].to_ms is None or kept[-1].to_ms > told.from_ms):
                kept[-1] = kept[-1]._replace(to_ms=told.from_ms)
            self._segments[told.device] = (*kept, *told.segments)
        for subject, from_ms in change.whole:
            for key, one in list(self._conditions.items()):
                if one.subject == subject and (one.to_ms is None or one.to_ms > from_ms):
                    del self._conditions[key]
        for one in change.conditions:
            self._conditions[one.subject, one.component, one.code, one.from_ms] = one
        if change.conditions or change.whole:
            self._act(unit, change, now_ms, settling, is_dirty)

    def _act(self, unit: _Unit, change: Change, now_ms: Milliseconds, settling: bool, is_dirty: bool) -> None:
        """Do with the tickets what the change calls for."""
        open_tickets = {ticket.id: ticket for ticket in unit.open}
        for action in reconcile(change, unit.open, self.book, settling, is_dirty):
            condition = action.condition
            if action.ticket is None:
                assert condition is not None
                new = _opened(len(self._tickets) + 1, condition, now_ms)
                self._tickets[new.id] = new
                open_tickets[new.id] = _as_the_core_knows(new)
                continue
            kept = self._tickets[action.ticket]
            if action.verb == "amend":
                if condition is not None and condition.code != SILENT:
                    kept = replace(kept, fault_from_ms=condition.since_ms)
                open_tickets[kept.id] = _as_the_core_knows(kept)
            else:
                status = "voided" if action.verb == "void" else "resolved"
                to_ms = None if condition is None else condition.to_ms
                kept = replace(kept, status=status, outcome=action.outcome, fault_to_ms=to_ms, closed_ms=now_ms)
                del open_tickets[kept.id]
            self._tickets[kept.id] = kept
        unit.open = tuple(open_tickets.values())


def _opened(id: int, condition: Condition, now_ms: Milliseconds) -> Kept:
    return Kept(
        id=id,
        subject=condition.subject,
        component=condition.component,
        code=condition.code,
        status="open",
        outcome="",
        fault_from_ms=condition.since_ms,
        fault_to_ms=None,
        opened_ms=now_ms,
        closed_ms=None,
    )


def _as_the_core_knows(kept: Kept) -> Ticket:
    return Ticket(
        id=kept.id,
        subject=kept.subject,
        component=kept.component,
        code=kept.code,
        fault_from_ms=kept.fault_from_ms,
    )


def _end(segment: Segment, covered_ms: Milliseconds, to_ms: Milliseconds) -> Milliseconds:
    if segment.to_ms is not None:
        return min(segment.to_ms, to_ms)
    return to_ms if segment.state == UNKNOWN else max(segment.from_ms, min(to_ms, covered_ms))
