"""The nouns of the core. Everything is immutable; times are integer milliseconds UTC, spans half-open [from, to).

    evidence     what agents recorded: records (wire) with the time they are believed to speak of -> Item
    UnitState    what must be remembered of one agent and its devices to judge the next item; grows with trouble,
                 not with time
    Change       what an item, or a rebuild, changes: ledger segments told anew, conditions, the new state
    Action       what becomes of tickets

A *unit* is one agent with all devices it speaks for: the road (did a neighbour answer?), boots, gaps and the numbering
of records belong to the agent, so nothing smaller can be judged alone, and nothing larger need be.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Milliseconds = int

UP = "up"
DOWN = "down"
UNKNOWN = "unknown"


class Spec(NamedTuple):
    """What a birth says of the devices an agent speaks for: (device, local, arrive_by_ms) each."""

    hash: str
    devices: tuple[tuple[str, bool, Milliseconds], ...]


class Item(NamedTuple):
    """One piece of evidence, dated: a record, its time, and the birth its report named (None: not known)."""

    t: Milliseconds
    stream: str
    n: int
    record: Mapping[str, Any]
    spec: Spec | None


class Segment(NamedTuple):
    """One stretch of a device's ledger; `to` is None for the stretch that goes on.

    `cause` says why it is not up: `fault` (code in `fault`), `off`; or why nobody knows: `silent`, `missing`, `lost`,
    `agent_stopped`, `uplink`, `no_answer`, `not_polled`, `starting`, `agent_off`, or the reason of a gap record. A
    stretch of up with cause `degraded` lacks a function that the device can do without (code in `fault`). Where it is
    coarse, the samples were thinned, and what was shorter than their spacing was not seen.
    """

    from_ms: Milliseconds
    to_ms: Milliseconds | None
    state: str
    cause: str
    fault: str
    coarse: bool = False


class Ref(NamedTuple):
    """Where a piece of evidence stands: a record's stream and number, and its time."""

    stream: str
    n: int
    t: Milliseconds


class Condition(NamedTuple):
    """A fault of a component: from the first sample of its `for` run to the first of its `clear_for` run.

    `subject` is a device id, or `@` and the agent's id for what befalls the agent itself (`agent.silent`). `cause`
    tells how a silence ended (see turn.py); it is empty otherwise. `effect`, `function` and `explains` are those of the
    rule in force then: where the rules change while it holds, it ends and a condition with the same `first` takes over.
    One that ends where it begins is taken back.
    """

    subject: str
    component: str
    code: str
    from_ms: Milliseconds
    to_ms: Milliseconds | None
    first: Ref
    confirmed: Ref
    cause: str = ""
    effect: str = ""
    function: str = ""
    explains: str = ""
    flapping: bool = False

    @property
    def since_ms(self) -> Milliseconds:
        """When the fault began, whatever rules changed while it held."""
        return min(self.from_ms, self.first.t)


class Retold(NamedTuple):
    """The ledger of a device from `from_ms` on is now exactly these segments (in order, without holes)."""

    device: str
    from_ms: Milliseconds
    segments: tuple[Segment, ...]


class Piece(NamedTuple):
    """A stretch of what the evidence of a device covers; `to_ms` None: up to the device's `covered_to`.

    kind: `answered` (it answered) · `no_answer` (it did not, though its road is well) · `off` · `gap` (cause says why).
    """

    from_ms: Milliseconds
    to_ms: Milliseconds | None
    kind: str
    cause: str


class Track(NamedTuple):
    """A run that is not decided yet: a suspected fault, or (`recovering`) a fault that seems over."""

    code: str
    component: str
    recovering: bool
    first: Ref


class Flap(NamedTuple):
    """How restless a fault of a component is: `level_ms` as of `at_ms`; it leaks away as time passes (turn.py)."""

    code: str
    component: str
    level_ms: Milliseconds
    at_ms: Milliseconds
    flapping: bool


class Poll(NamedTuple):
    """A poll without an answer that waits for a neighbour to tell whether the road was well."""

    ref: Ref
    to_ms: Milliseconds


class DeviceState(NamedTuple):
    """What is remembered of a device. An idle device has one piece, no faults, no tracks, no pending poll."""

    device: str
    local: bool
    arrive_by_ms: Milliseconds
    last_t: Milliseconds
    """Time of its last sample, answered or not."""
    valid_to: Milliseconds
    """Until when its last sample speaks."""
    answered: bool
    covered_to: Milliseconds
    pieces: tuple[Piece, ...]
    faults: tuple[Condition, ...]
    """Open conditions, and closed ones that reach into the pieces kept."""
    tracks: tuple[Track, ...]
    pending: Poll | None
    quiet: bool
    """Whether the time after `covered_to` has been told as unknown."""
    flaps: tuple[Flap, ...] = ()
    booted_ms: Milliseconds = 0
    """When it last started, as far as it is known; 0: nobody knows."""
    boots: tuple[Milliseconds, ...] = ()
    """Its latest starts that were seen to happen, as long as a rule may ask for them."""


class Span(NamedTuple):
    """Why there may be no samples in a stretch of time, as far as the agent's own records tell."""

    from_ms: Milliseconds
    to_ms: Milliseconds
    cause: str


class Accounted(NamedTuple):
    """Numbers first..last that bring no sample: declared `lost`, or those of gap records themselves."""

    first: int
    last: int
    lost: bool


class Thinned(NamedTuple):
    """A stretch of time of which the agent kept a sample every `every_ms` only."""

    from_ms: Milliseconds
    to_ms: Milliseconds
    every_ms: Milliseconds


class UnitState(NamedTuple):
    """What is remembered of an agent; see the module's drawing."""

    agent: str
    last_t: Milliseconds
    stream: str
    n: int
    """Stream and largest number of the last record."""
    boot: str
    birth: str
    """Hash of the birth in force."""
    arrive_by_ms: Milliseconds
    """The shortest of its devices'; 0 before the first birth."""
    silent: bool
    """Whether the silence since `last_t` has been told."""
    devices: tuple[DeviceState, ...]
    spans: tuple[Span, ...]
    accounted: tuple[Accounted, ...]
    """Numbers of `stream` beyond `n` that will bring no sample."""
    thinned: tuple[Thinned, ...] = ()


def newborn(agent: str) -> UnitState:
    """The state of an agent nothing is known of."""
    return UnitState(agent, 0, "", 0, "", "", 0, False, (), (), ())


class Change(NamedTuple):
    """What signals mean: the new state and what is to be told anew.

    `whole` names subjects and times: from there on (conditions that reach beyond it), `conditions` is all there is.
    """

    state: UnitState
    retold: tuple[Retold, ...] = ()
    conditions: tuple[Condition, ...] = ()
    whole: tuple[tuple[str, Milliseconds], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """An open automatic ticket, as far as the core needs it."""

    id: int
    subject: str
    component: str
    code: str
    fault_from_ms: Milliseconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Action:
    """What becomes of a ticket. verb: open (no `ticket`) · amend · resolve · void.

    outcome of a resolve: `recovered`; for a silence `communication` (late evidence shows that the agent worked), `off`,
    `agent_stopped`, `unknown`. `proof`: the records that show there was no such fault, where that is why.
    """

    verb: Literal["open", "amend", "resolve", "void"]
    ticket: int | None
    condition: Condition | None
    outcome: str = ""
    text: str = ""
    proof: tuple[Ref, ...] = ()
