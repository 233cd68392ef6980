"""What the engine remembers of an agent, and the draft of it that a batch works on.

    Unit   --draft()-->   Draft   --(commit went well)-->   Unit.adopt(draft)
                            |
                            +-- (anything went wrong) --> forgotten; the unit is as before

A unit is kept in memory; its row in the store may lag behind the evidence (`as_of_seq`) and is caught up at start.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json, to_json

from roundsman_collector.core.dating import Base
from roundsman_collector.core.model import Spec, Ticket, UnitState, newborn
from roundsman_collector.core.policy import SILENT
from roundsman_collector.core.rebuild import Telling
from roundsman_collector.core.state import plain, state_of
from roundsman_wire.ranges import RangeSet

FORMAT = 2
SPECS_KEPT = 20
STREAMS_KEPT = 100
"""A lost spool begins a new stream; those of long ago are forgotten."""
BASES_KEPT = 50
REFUSED_KEPT = 32
Refused = tuple[int, int, str]
Latest = tuple[int, Mapping[str, Any]]
"""Readings and their time."""


@dataclass(slots=True)
class Unit:
    """One agent. `unsynced`: boots with records that NTP did not date; `undated`: those of them without a base."""

    no: int
    agent: str
    group: str
    devices: frozenset[str]
    state: UnitState
    head_seq: int | None = None
    as_of_seq: int = 0
    dirty_from_ms: int | None = None
    dirty_since_ms: int | None = None
    late_ms: int = 0
    """When the last late evidence came (known time)."""
    streams: dict[str, RangeSet] = field(default_factory=dict)
    bases: dict[str, Base] = field(default_factory=dict)
    specs: dict[str, Spec] = field(default_factory=dict)
    unsynced: tuple[str, ...] = ()
    undated: tuple[str, ...] = ()
    unborn_from_ms: int | None = None
    """Time of the first record whose birth is not known."""
    session: int = 0
    online: bool = False
    tickets: tuple[Ticket, ...] = ()
    latest: dict[str, Latest] = field(default_factory=dict)
    """Newest readings of devices since memory was last swept to disk."""
    received_ms: int = 0
    wake_ms: int | None = None
    """When the store will wake this unit; a report never moves it."""

    @property
    def has_holes(self) -> bool:
        """Whether numbers below the newest of a stream are still to come."""
        return any(len(ranges) > 1 or (len(ranges) == 1 and not ranges.upto()) for ranges in self.streams.values())

    @property
    def settling(self) -> bool:
        """Whether what is told may still be corrected by evidence that is known to be on its way or not yet rebuilt."""
        return self.dirty_from_ms is not None or self.has_holes

    @property
    def machine(self) -> str | None:
        """The device that the agent runs on, if it is one of those it speaks for."""
        return next((one.device for one in self.state.devices if one.local and one.device in self.devices), None)

    def arrive_by_ms(self, subject: str) -> int:
        """By when a device, or the agent itself, is to be heard of again."""
        found = (one.arrive_by_ms for one in self.state.devices if one.device == subject)
        return next(found, self.state.arrive_by_ms)

    def waiting_silence(self) -> Ticket | None:
        """The open ticket of a silence that is over."""
        if self.state.silent:
            return None
        return next((ticket for ticket in self.tickets if ticket.code == SILENT), None)

    def body(self) -> str:
        """What is to be remembered across a restart, as JSON."""
        said = {
            "format": FORMAT,
            "state": plain(self.state),
            "streams": {stream: list(ranges) for stream, ranges in self.streams.items()},
            "bases": dict(list(self.bases.items())[-BASES_KEPT:]),
            "specs": list(self.specs.values())[-SPECS_KEPT:],
            "unsynced": self.unsynced,
            "undated": self.undated,
            "unborn_from_ms": self.unborn_from_ms,
            "session": self.session,
            "online": self.online,
        }
        return to_json(said).decode()

    def remember(self, body: str) -> None:
        """Take over what `body` tells. Raises ValueError for another format."""
        said: dict[str, Any] = from_json(body)
        if said["format"] != FORMAT:
            raise ValueError(f"memory of agent {self.agent} in format {said['format']!r}; this version reads {FORMAT}")
        self.state = state_of(said["state"])
        self.streams = {stream: RangeSet((a, b) for a, b in ranges) for stream, ranges in said["streams"].items()}
        self.bases = {boot: Base(*base) for boot, base in said["bases"].items()}
        self.specs = {one[0]: Spec(one[0], tuple((d, local, by) for d, local, by in one[1])) for one in said["specs"]}
        self.unsynced, self.undated = tuple(said["unsynced"]), tuple(said["undated"])
        self.unborn_from_ms = said["unborn_from_ms"]
        self.session, self.online = said["session"], said["online"]


def unknown_unit(no: int, agent: str, group: str, devices: frozenset[str]) -> Unit:
    """A unit nothing is remembered of."""
    return Unit(no=no, agent=agent, group=group, devices=devices, state=newborn(agent))


class Draft:
    """What a batch makes of a unit until it is committed."""

    __slots__ = (
        "bases",
        "checkpoint",
        "dirty_from_ms",
        "fresh",
        "head_seq",
        "late",
        "latest",
        "need_birth",
        "online",
        "owes",
        "refused",
        "session",
        "specs",
        "streams",
        "telling",
        "unborn_from_ms",
        "undated",
        "unit",
        "unsynced",
    )

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.head_seq = unit.head_seq
        self.dirty_from_ms = unit.dirty_from_ms
        self.late = False
        self.streams: dict[str, RangeSet] = {}
        self.bases = unit.bases
        self.specs = unit.specs
        self.unsynced = unit.unsynced
        self.undated = unit.undated
        self.unborn_from_ms = unit.unborn_from_ms
        self.session = unit.session
        self.online = unit.online
        self.telling = Telling(unit.state)
        self.checkpoint: tuple[UnitState, int] | None = None
        self.fresh: dict[tuple[str, int], Any] = {}
        self.refused: dict[str, list[Refused]] = {}
        self.owes: dict[str, int] = {}
        self.need_birth = False
        self.latest: dict[str, Latest] = {}

    def ranges(self, stream: str) -> RangeSet:
        """The numbers of a stream that are settled, to be added to."""
        mine = self.streams.get(stream)
        if mine is None:
            known = self.unit.streams.get(stream)
            mine = self.streams[stream] = RangeSet() if known is None else known.copy()
        return mine

    def refuse(self, stream: str, first: int, last: int, cause: str) -> None:
        """Settle numbers as refused."""
        self.ranges(stream).add(first, last)
        self.refused.setdefault(stream, []).append((first, last, cause))

    def soil(self, from_ms: int) -> None:
        """What was told from this time on is to be rebuilt."""
        self.dirty_from_ms = from_ms if self.dirty_from_ms is None else min(from_ms, self.dirty_from_ms)
        self.late = True

    def settle_into(self, unit: Unit, seq: int, now_ms: int) -> None:
        """The commit went well: the unit is what the draft says."""
        unit.state = self.telling.state
        unit.head_seq = self.head_seq
        unit.as_of_seq = seq
        if self.late:
            unit.late_ms = now_ms
            unit.dirty_since_ms = now_ms if unit.dirty_since_ms is None else unit.dirty_since_ms
        unit.dirty_from_ms = self.dirty_from_ms
        unit.streams.update(self.streams)
        if len(unit.streams) > STREAMS_KEPT:
            for stream in list(unit.streams)[:-STREAMS_KEPT]:
                del unit.streams[stream]
        unit.bases, unit.specs = self.bases, self.specs
        unit.unsynced, unit.undated, unit.unborn_from_ms = self.unsynced, self.undated, self.unborn_from_ms
        unit.session, unit.online = self.session, self.online
        unit.latest.update(self.latest)
        unit.received_ms = now_ms
