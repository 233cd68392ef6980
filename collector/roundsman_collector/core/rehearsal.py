"""A collector in memory: what evidence, as it arrives, lets a collector know and do. Pure; for tests of rules.

    one = Rehearsal(book, links=links)
    one.take([item, item], agent="gw-2", now_ms=t)      what arrives at an instant, in the order in which it does
    one.wait(t)                                         nothing comes up to `t`: silences are told on time
    one.conditions, one.tickets, one.ledger("nvr-2", t) what is known then

It decides nothing itself: the same functions judge here as in the engine (turn, rebuild, tick, reconcile, causes,
waiting). What it leaves out is what an engine needs to be fast and to survive: stores, batches, checkpoints. Late
evidence is worked in at once, where an engine waits until the backlog pauses.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from roundsman_collector.core.causes import Causes, Explained, Kind, Link, RootFault, explained
from roundsman_collector.core.model import (
    UNKNOWN,
    Change,
    Condition,
    DeviceState,
    Item,
    Milliseconds,
    Segment,
    UnitState,
    newborn,
)
from roundsman_collector.core.policy import SILENT
from roundsman_collector.core.rebuild import Telling, rebuild
from roundsman_collector.core.rehearsal_desk import Kept, QuietSpan, RehearsalDesk, Site
from roundsman_collector.core.rulebook import Rulebook
from roundsman_collector.core.ticket import reconcile
from roundsman_collector.core.turn import tick, turn, wake_at
from roundsman_collector.core.waiting import Wiring
from roundsman_wire.ranges import RangeSet

EXPLAINING: Mapping[str, Kind] = {"power": "power", "uplink": "uplink"}


@dataclass(kw_only=True, slots=True)
class _Unit:
    """One agent, as an engine would know it."""

    state: UnitState
    evidence: dict[tuple[str, int], Item] = field(default_factory=dict)
    numbers: dict[str, RangeSet] = field(default_factory=dict)

    @property
    def has_holes(self) -> bool:
        """Whether numbers below the newest of a stream are still to come."""
        return any(len(ranges) > 1 or not ranges.upto() for ranges in self.numbers.values())

    @property
    def machine(self) -> str:
        """The device that the agent runs on, if it is one of those it speaks for."""
        return next((one.device for one in self.state.devices if one.local), "")

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
    """All that a collector knows while a test is told to it. `quiet`: device -> when no ticket opens for it."""

    def __init__(
        self,
        book: Rulebook,
        *,
        links: Iterable[Link] = (),
        quiet: Mapping[str, Sequence[QuietSpan]] = MappingProxyType({}),
    ) -> None:
        self.book = book
        self.links = tuple(links)
        self._units: dict[str, _Unit] = {}
        self._segments: dict[str, tuple[Segment, ...]] = {}
        self._conditions: dict[tuple[str, str, str, Milliseconds], Condition] = {}
        site = Site(
            book=book,
            wiring=Wiring(self.links),
            agent=self._agent_of,
            machine=self._machine_of,
            arrive_by=self._arrive_by,
            is_heard=self._is_heard,
            state=self._state_of,
            quiet=quiet,
        )
        self._desk = RehearsalDesk(site)

    @property
    def conditions(self) -> list[Condition]:
        """Everything that was wrong, as known now, by beginning."""
        return sorted(self._conditions.values(), key=lambda one: (one.since_ms, one.subject, one.component, one.code))

    @property
    def tickets(self) -> list[Kept]:
        """All tickets, in the order in which they were opened."""
        return list(self._desk.tickets.values())

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
        is_back = not unit.state.silent and not unit.has_holes
        if is_late or (is_back and any(one.code == SILENT for one in self._desk.open_of(agent))):
            self._tell_anew(unit, now_ms)

    def wait(self, now_ms: Milliseconds) -> None:
        """Nothing came up to `now_ms`: whatever is due by then is told at its own time."""
        while True:
            due = [(at, agent) for agent, one in self._units.items() if (at := wake_at(one.state)) is not None]
            at_ms, agent = min(due, default=(now_ms + 1, ""))
            desk_ms = self._desk.due_ms
            if desk_ms is not None and desk_ms <= min(at_ms, now_ms):
                self._desk.step(self.conditions, desk_ms)
                continue
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
            RootFault(self._machine_of(one.subject), EXPLAINING[one.explains], one.code, one.since_ms, one.to_ms)
            for one in self.conditions
            if one.explains in EXPLAINING
        ]

    def _unit_of(self, subject: str) -> _Unit | None:
        if subject.startswith("@"):
            return self._units.get(subject[1:])
        mine = (unit for unit in self._units.values() if any(one.device == subject for one in unit.state.devices))
        return next(mine, None)

    def _agent_of(self, subject: str) -> str:
        unit = self._unit_of(subject)
        return "" if unit is None else unit.state.agent

    def _machine_of(self, subject: str) -> str:
        unit = self._unit_of(subject) if subject.startswith("@") else None
        return unit.machine if unit is not None else subject.removeprefix("@")

    def _state_of(self, device: str) -> DeviceState | None:
        return next((one for unit in self._units.values() for one in unit.state.devices if one.device == device), None)

    def _arrive_by(self, subject: str) -> Milliseconds:
        unit = self._unit_of(subject)
        if unit is None:
            return 0
        found = (one.arrive_by_ms for one in unit.state.devices if one.device == subject)
        return next(found, unit.state.arrive_by_ms)

    def _is_heard(self, device: str) -> bool:
        unit = self._unit_of(device)
        return unit is not None and unit.state.last_t > 0 and not unit.state.silent

    def _tell_anew(self, unit: _Unit, now_ms: Milliseconds) -> None:
        was_told = unit.state.silent or any(device.quiet for device in unit.state.devices)
        change = rebuild(newborn(unit.state.agent), unit.evidence.values(), self.book)
        silence = tick(change.state, now_ms, self.book) if was_told else None
        if silence is not None:
            telling = Telling(change.state)
            for one in (change, silence):
                telling.add(Change(state=one.state, retold=one.retold, conditions=one.conditions))
            change = telling.change()._replace(whole=change.whole)
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
            agent = unit.state.agent
            actions = reconcile(change, self._desk.open_of(agent), self.book, settling, is_dirty)
            self._desk.act(agent, actions, now_ms)
            self._desk.step(self.conditions, now_ms)


def _end(segment: Segment, covered_ms: Milliseconds, to_ms: Milliseconds) -> Milliseconds:
    if segment.to_ms is not None:
        return min(segment.to_ms, to_ms)
    return to_ms if segment.state == UNKNOWN else max(segment.from_ms, min(to_ms, covered_ms))
