"""What the engine remembers of an agent, and the draft of it that a batch works on.

    Unit   --draft()-->   Draft   --(commit went well)-->   draft.settle_into(Unit)
                            |
                            +-- (anything went wrong) --> forgotten; the unit is as before

A unit is kept in memory; its row in the store may lag behind the evidence (`as_of_seq`) and is caught up at start.

There are 400,000 of them, and nearly all are idle: nothing is suspected of their few devices. What is remembered of
such a unit is packed into some 150 bytes, and unpacked for the next report: 3 µs, for a fifth of the memory (decision
0015). What cannot be packed, because there is trouble or there are many devices, is kept as it is.
"""

from collections.abc import Collection, Iterable, Mapping
from marshal import dumps, loads
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from roundsman_collector.core.dating import Base
from roundsman_collector.core.model import DeviceState, Piece, Spec, Ticket, UnitState, newborn
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
PACKED_DEVICES = 4
"""Units with more devices are not packed: unpacking costs about a microsecond for each."""
LISTED_DEVICES = 16
"""More devices than these are looked up in a set."""
MARSHAL_FORMAT = 2
"""Without references between objects, which nothing here has: faster, and larger by a few bytes."""

Refused = tuple[int, int, str]
_new = tuple.__new__
"""Half the price of a NamedTuple's own."""


class Newest(NamedTuple):
    """Where the newest readings of a device stand: event time, the evidence row, and the record's number in it."""

    device: str
    t: int
    seq: int
    n: int


class Read(NamedTuple):
    """A sample with readings: whose, when it was, in which evidence row it stands, and what it read."""

    device: str
    t_ms: int
    seq: int
    readings: Mapping[str, Any]


class Memory(NamedTuple):
    """What is remembered of an agent beside its numbers; none of it is changed in place.

    `unsynced`: boots with records that NTP did not date; `undated`: those of them without a base. `unborn_from_ms`:
    time of the first record whose birth is not known. `newest`: of devices that were heard of since the last sweep.
    """

    state: UnitState
    streams: Mapping[str, RangeSet]
    bases: Mapping[str, Base]
    specs: Mapping[str, Spec]
    unsynced: tuple[str, ...]
    undated: tuple[str, ...]
    unborn_from_ms: int | None
    session: int
    online: bool
    newest: tuple[Newest, ...]

    @property
    def has_holes(self) -> bool:
        """Whether numbers below the newest of a stream are still to come."""
        return has_holes(self.streams.values())


def has_holes(streams: Iterable[RangeSet]) -> bool:
    """Whether numbers below the newest of a stream are still to come."""
    return any(len(ranges) > 1 or (len(ranges) == 1 and not ranges.upto()) for ranges in streams)


def machine_of(state: UnitState, devices: Collection[str]) -> str | None:
    """The device that the agent runs on, if it is one of those it speaks for."""
    return next((one.device for one in state.devices if one.local and one.device in devices), None)


def pack(memory: Memory) -> bytes | Memory:
    """The memory of an idle unit as bytes, good for this process only; that of another as it is."""
    state, streams, bases, specs, unsynced, undated, unborn_from_ms, session, online, newest = memory
    _, last_t, stream, n, boot, birth, arrive_by_ms, silent, devices, spans, accounted, thinned = state
    if spans or accounted or thinned or len(devices) > PACKED_DEVICES:
        return memory
    idle = []
    for device in devices:
        name, local, by_ms, t, valid_to, answered, to_ms, pieces, faults, tracks, poll, quiet, flaps, booted, boots = (
            device
        )
        if faults or tracks or flaps or poll is not None or len(pieces) != 1:
            return memory
        idle.append((name, local, by_ms, t, valid_to, answered, to_ms, tuple(pieces[0]), quiet, booted, boots))
    ranges, spec = streams.get(stream), specs.get(birth)
    is_plain = (
        ranges is not None
        and spec is not None
        and len(streams) == len(specs) == 1
        and ranges.is_just(n)
        and spec.devices == tuple([one[:3] for one in idle])
        and unborn_from_ms is None
        and not (bases or unsynced or undated)
    )
    more = None if is_plain else _more(memory)
    heard = [tuple(one) for one in newest]
    head = (last_t, stream, n, boot, birth, arrive_by_ms, silent)
    said: Any = (head, idle, session, online, heard, more)
    return dumps(said, MARSHAL_FORMAT)


def _more(memory: Memory) -> tuple[object, ...]:
    """What cannot be told from the state alone."""
    return (
        [(name, list(ranges)) for name, ranges in memory.streams.items()],
        [(boot, *base) for boot, base in memory.bases.items()],
        [tuple(spec) for spec in memory.specs.values()],
        memory.unsynced,
        memory.undated,
        memory.unborn_from_ms,
    )


def unpack(agent: str, packed: bytes) -> Memory:
    """The memory that was packed."""
    head, idle, session, online, heard, more = loads(packed)
    last_t, stream, n, boot, birth, arrive_by_ms, silent = head
    devices = []
    for name, local, by_ms, t, valid_to, answered, to_ms, piece, quiet, booted, boots in idle:
        pieces = (_new(Piece, piece),)
        said = (name, local, by_ms, t, valid_to, answered, to_ms, pieces, (), (), None, quiet, (), booted, boots)
        devices.append(_new(DeviceState, said))
    state = _new(UnitState, (agent, last_t, stream, n, boot, birth, arrive_by_ms, silent, tuple(devices), (), (), ()))
    newest = tuple([_new(Newest, one) for one in heard])
    if more is None:
        spec = _new(Spec, (birth, tuple([one[:3] for one in idle])))
        ranges = {stream: RangeSet.just(n)}
        return _new(Memory, (state, ranges, _NO_BASES, {birth: spec}, (), (), None, session, online, newest))
    streams, bases, specs, unsynced, undated, unborn_from_ms = more
    return Memory(
        state,
        {name: RangeSet(ranges) for name, ranges in streams},
        {boot: Base(*base) for boot, *base in bases},
        {name: Spec(name, said) for name, said in specs},
        unsynced,
        undated,
        unborn_from_ms,
        session,
        online,
        newest,
    )


_NO_BASES: Mapping[str, Base] = {}


def text_of(memory: Memory) -> str:
    """What is to be remembered across a restart, as JSON."""
    said = {
        "format": FORMAT,
        "state": plain(memory.state),
        "streams": {stream: list(ranges) for stream, ranges in memory.streams.items()},
        "bases": dict(list(memory.bases.items())[-BASES_KEPT:]),
        "specs": list(memory.specs.values())[-SPECS_KEPT:],
        "unsynced": memory.unsynced,
        "undated": memory.undated,
        "unborn_from_ms": memory.unborn_from_ms,
        "session": memory.session,
        "online": memory.online,
    }
    return to_json(said).decode()


def memory_of(text: str, agent: str) -> Memory:
    """The memory that a `text_of` it tells of. Raises ValueError for another format."""
    said: dict[str, Any] = from_json(text)
    if said["format"] != FORMAT:
        raise ValueError(f"memory of agent {agent} in format {said['format']!r}; this version reads {FORMAT}")
    return Memory(
        state_of(said["state"]),
        {stream: RangeSet((a, b) for a, b in ranges) for stream, ranges in said["streams"].items()},
        {boot: Base(*base) for boot, base in said["bases"].items()},
        {one[0]: Spec(one[0], tuple((d, local, by) for d, local, by in one[1])) for one in said["specs"]},
        tuple(said["unsynced"]),
        tuple(said["undated"]),
        said["unborn_from_ms"],
        said["session"],
        said["online"],
        (),
    )


class Unit:
    """One agent. `devices`: those it speaks for by the register."""

    __slots__ = (
        "_kept",
        "agent",
        "as_of_seq",
        "devices",
        "dirty_from_ms",
        "dirty_since_ms",
        "group",
        "head_seq",
        "late_ms",
        "no",
        "received_ms",
        "tickets",
        "wake_ms",
    )

    def __init__(self, no: int, agent: str) -> None:
        self.no = no
        self.agent = agent
        self.group = ""
        self.devices: Collection[str] = ()
        self.head_seq: int | None = None
        self.as_of_seq = 0
        self.dirty_from_ms: int | None = None
        self.dirty_since_ms: int | None = None
        self.late_ms = 0
        """When the last late evidence came (known time)."""
        self.tickets: tuple[Ticket, ...] = ()
        self.received_ms = 0
        self.wake_ms: int | None = None
        """When the store will wake this unit; a report never moves it."""
        self._kept: bytes | Memory = b""

    def speak_for(self, devices: Iterable[str]) -> None:
        """Know which devices it speaks for."""
        named = tuple(self.agent if name == self.agent else name for name in devices)
        self.devices = named if len(named) <= LISTED_DEVICES else frozenset(named)

    @property
    def memory(self) -> Memory:
        """What is remembered; unpacked anew each time it is asked for."""
        kept = self._kept
        if type(kept) is bytes:
            return unpack(self.agent, kept) if kept else unknown(self.agent)
        return kept  # type: ignore[return-value]

    @memory.setter
    def memory(self, memory: Memory) -> None:
        self._kept = pack(memory)

    @property
    def state(self) -> UnitState:
        return self.memory.state

    @state.setter
    def state(self, state: UnitState) -> None:
        self.memory = self.memory._replace(state=state)

    @property
    def has_holes(self) -> bool:
        """Whether numbers below the newest of a stream are still to come."""
        return self.memory.has_holes

    @property
    def settling(self) -> bool:
        """Whether what is told may still be corrected by evidence that is known to be on its way or not yet rebuilt."""
        return self.dirty_from_ms is not None or self.has_holes

    @property
    def machine(self) -> str | None:
        """The device that the agent runs on, if it is one of those it speaks for."""
        return machine_of(self.state, self.devices)

    def arrive_by_ms(self, subject: str) -> int:
        """By when a device, or the agent itself, is to be heard of again."""
        state = self.state
        found = (one.arrive_by_ms for one in state.devices if one.device == subject)
        return next(found, state.arrive_by_ms)

    def waiting_silence(self) -> Ticket | None:
        """The open ticket of a silence that is over."""
        ticket = next((ticket for ticket in self.tickets if ticket.code == SILENT), None)
        return None if ticket is None or self.state.silent else ticket


def unknown(agent: str) -> Memory:
    """The memory of an agent that nothing is remembered of."""
    return Memory(newborn(agent), {}, _NO_BASES, {}, (), (), None, 0, False, ())


class Draft:
    """What a batch makes of a unit until it is committed."""

    __slots__ = (
        "bases",
        "before",
        "checkpoint",
        "dirty_from_ms",
        "fresh",
        "head_seq",
        "late",
        "latest",
        "need_birth",
        "online",
        "owes",
        "read",
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
        self.before = before = unit.memory
        _, _, self.bases, self.specs, self.unsynced, self.undated, self.unborn_from_ms, _, _, _ = before
        self.session, self.online = before.session, before.online
        self.streams: dict[str, RangeSet] = {}
        self.telling = Telling(before.state)
        self.checkpoint: tuple[UnitState, int] | None = None
        self.fresh: dict[tuple[str, int], Any] = {}
        self.refused: dict[str, list[Refused]] = {}
        self.owes: dict[str, int] = {}
        self.need_birth = False
        self.latest: dict[str, Newest] = {}
        self.read: list[Read] = []
        """Samples with a time: what the days of readings are made of."""

    def ranges(self, stream: str) -> RangeSet:
        """The numbers of a stream that are settled, to be added to."""
        mine = self.streams.get(stream)
        if mine is None:
            known = self.before.streams.get(stream)
            mine = self.streams[stream] = RangeSet() if known is None else known.copy()
        return mine

    @property
    def has_holes(self) -> bool:
        """Whether numbers below the newest of a stream are still to come."""
        return has_holes({**self.before.streams, **self.streams}.values())

    def refuse(self, stream: str, first: int, last: int, cause: str) -> None:
        """Settle numbers as refused."""
        self.ranges(stream).add(first, last)
        self.refused.setdefault(stream, []).append((first, last, cause))

    def soil(self, from_ms: int) -> None:
        """What was told from this time on is to be rebuilt."""
        self.dirty_from_ms = from_ms if self.dirty_from_ms is None else min(from_ms, self.dirty_from_ms)
        self.late = True

    def memory(self) -> Memory:
        """What is remembered of the unit after the batch."""
        before = self.before
        streams: Mapping[str, RangeSet] = {**before.streams, **self.streams}
        if len(streams) > STREAMS_KEPT:
            streams = dict(list(streams.items())[-STREAMS_KEPT:])
        return Memory(
            self.telling.state,
            streams,
            self.bases,
            self.specs,
            self.unsynced,
            self.undated,
            self.unborn_from_ms,
            self.session,
            self.online,
            (*(one for one in before.newest if one.device not in self.latest), *self.latest.values())
            if before.newest
            else tuple(self.latest.values()),
        )

    def settle_into(self, unit: Unit, seq: int, now_ms: int) -> None:
        """The commit went well: the unit is what the draft says."""
        unit.memory = self.memory()
        unit.head_seq = self.head_seq
        unit.as_of_seq = seq
        if self.late:
            unit.late_ms = now_ms
            unit.dirty_since_ms = now_ms if unit.dirty_since_ms is None else unit.dirty_since_ms
        unit.dirty_from_ms = self.dirty_from_ms
        unit.received_ms = now_ms
