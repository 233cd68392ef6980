"""Every message and record of the wire as a typed dictionary; limits stand beside the field they limit.

Whatever an agent must not lose is a *record*: it has a number `n` in a stream and a `kind`. A *report* carries records,
as rows, as columns, or both. Times are integer milliseconds: `t` is the agent's wall clock (UTC), `mono` its clock
since boot (CLOCK_BOOTTIME), `boot` the kernel's boot id. A record whose boot was not synchronised by NTP when it was
made says `ntp: false`; its `t` is then believed only with a `clock` record of the same boot (collector: core/dating).

Unknown fields are ignored, unknown enum words become *unknown*: a newer agent may talk to an older collector.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from roundsman_wire.topics import ID_PATTERN

MESSAGE_LIMIT = 128 * 1024
"""No message is larger than this many bytes on the wire."""
PLAIN_LIMIT = 1024 * 1024
"""No message is larger than this many bytes once inflated."""
RECORDS_LIMIT = 2000
"""No report carries more records than this."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What a field may hold, for the collector's door and the schemas: numbers are bounds, lengths count characters
    or items."""

    ge: int | None = None
    le: int | None = None
    pattern: str | None = None
    min_length: int | None = None
    max_length: int | None = None


Id = Annotated[str, Limit(pattern=ID_PATTERN)]
Token = Annotated[str, Limit(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
Name = Annotated[str, Limit(min_length=1, max_length=160)]
Text = Annotated[str, Limit(max_length=400)]
Number = Annotated[int, Limit(ge=1, le=2**53)]
"""A record's number in its stream: rises by one, never used twice."""
Milliseconds = Annotated[int, Limit(ge=-(2**53), le=2**53)]
Mono = Annotated[int, Limit(ge=0, le=2**53)]
Seconds = Annotated[float, Limit(ge=0, le=10_000_000)]

Value = float | Annotated[int, Limit(ge=-(2**63), le=2**63 - 1)] | Annotated[str, Limit(max_length=400)] | None
"""A number, a word of the catalogue, or null with the reason in `failed`. A whole number has 64 bits."""
Validity = Annotated[float, Limit(ge=0, le=86_400)]
"""Seconds a sample speaks; at most a day, so that no device can vouch for itself for longer."""
Readings = Annotated[dict[Name, Value], Limit(max_length=1000)]
Failure = tuple[Name, Text]
"""`[code, detail]`: a code of the catalogue and words for a person."""
Failed = Annotated[dict[Name, Failure], Limit(max_length=1000)]


class Sample(TypedDict):
    """What one device was like at `t`; it speaks for [t, min(next sample of the device, t + valid_s)).

    `readings` is empty when the device did not answer; then `failed` names the probes and why.
    """

    n: Number
    kind: Literal["sample"]
    boot: Token
    mono: Mono
    t: Milliseconds
    ntp: NotRequired[bool]
    device: Id
    valid_s: Validity
    readings: Readings
    failed: NotRequired[Failed]


class Boot(TypedDict):
    """The agent's machine started: `t - mono` is when. `orderly` tells of the shutdown before; null: nobody knows."""

    n: Number
    kind: Literal["boot"]
    boot: Token
    mono: Mono
    t: Milliseconds
    ntp: NotRequired[bool]
    orderly: bool | None


class Clock(TypedDict):
    """How far the agent's wall clock was off at `mono`: true time = t + offset_ms, give or take error_ms."""

    n: Number
    kind: Literal["clock"]
    boot: Token
    mono: Mono
    t: Milliseconds
    ntp: NotRequired[bool]
    offset_ms: Milliseconds
    error_ms: Annotated[int, Limit(ge=0, le=2**53)]


class Gap(TypedDict):
    """Records that were or may have been made and are gone, or a time without any. The ledger is unknown there.

    `lost` are their numbers, if they had any; `from_t`/`to_t` the time they speak of, null where nobody knows. With the
    reason `thinned` nothing is unknown: of these numbers one sample every `every_s` is kept and speaks that long.
    `kept`: ranges among `lost` of which this record does not speak, as they are stored or told of elsewhere. `upper`:
    more than is lost, some may have arrived. `ended`: a stream of which nothing is left, and its last number.
    """

    n: Number
    kind: Literal["gap"]
    boot: Token
    mono: Mono
    t: Milliseconds
    ntp: NotRequired[bool]
    lost: tuple[Number, Number] | None
    from_t: Milliseconds | None
    to_t: Milliseconds | None
    count: Annotated[int, Limit(ge=0, le=2**53)]
    reason: Name
    every_s: NotRequired[Validity]
    kept: NotRequired[Annotated[list[tuple[Number, Number]], Limit(max_length=2000)]]
    upper: NotRequired[bool]
    ended: NotRequired[tuple[Token, Number]]


class Result(TypedDict):
    """What became of a command. `output` is what it brought that a line of `detail` cannot hold: a log's last lines."""

    n: Number
    kind: Literal["result"]
    boot: Token
    mono: Mono
    t: Milliseconds
    ntp: NotRequired[bool]
    command: Token
    ok: bool
    detail: Text
    output: NotRequired[Annotated[str, Limit(max_length=65_536)]]


Record = Sample | Boot | Clock | Gap | Result
GAP_REASONS = ("spool_full", "spool_damaged", "probe_hung", "agent_stopped", "unclean_stop", "lost_before", "thinned")


class Columns(TypedDict):
    """Samples of one device with the same readings, column-wise: row i is record n[0] + i.

    `failed` names rows by their index as text. `valid_s` and `ntp` hold for all rows. `by` point: `values` has a list
    for each point instead, and numbers are told by differences, as roundsman_wire/turned.py says.
    """

    device: Id
    n: tuple[Number, Number]
    boot: Token
    mono: list[Mono]
    t: list[Milliseconds]
    ntp: NotRequired[bool]
    valid_s: Validity
    points: Annotated[list[Name], Limit(max_length=1000)]
    values: list[list[Value]]
    by: NotRequired[Literal["point"]]
    steps: NotRequired[dict[Annotated[str, Limit(pattern=r"^[0-9]{1,4}$")], Annotated[int, Limit(ge=0, le=15)]]]
    failed: NotRequired[dict[Annotated[str, Limit(pattern=r"^[0-9]{1,4}$")], Failed]]


class Sent(TypedDict):
    """The agent's clocks when the message left; the collector's ack returns `mono` as `echo`."""

    boot: Token
    mono: Mono
    wall: Milliseconds


class Report(TypedDict):
    """Records of one stream; `birth` is the hash of the birth in force."""

    v: Literal[1]
    stream: Token
    birth: Token
    sent: Sent
    records: NotRequired[Annotated[list[Record], Limit(max_length=RECORDS_LIMIT)]]
    columns: NotRequired[Annotated[list[Columns], Limit(max_length=RECORDS_LIMIT)]]


class StreamRange(TypedDict):
    """A stream the agent holds: its id and the oldest and newest numbers still in the spool.

    `newest` is the last number taken; `oldest` is `newest + 1` when the spool holds nothing. `gone`: ranges between
    them that it does not hold any more, because a collector has settled them: one that was restored may lack them.
    """

    id: Token
    oldest: Number
    newest: Annotated[int, Limit(ge=0, le=2**53)]
    gone: NotRequired[Annotated[list[tuple[Number, Number]], Limit(max_length=32)]]


class Behind(TypedDict, total=False):
    """What a device stands behind: ids of what powers it and of what carries its traffic."""

    power: list[Id]
    uplink: list[Id]


class Device(TypedDict):
    """A device the agent speaks for. `local`: the very machine the agent runs on, which answers whenever it does."""

    device: Id
    kind: Name
    model: NotRequired[Name | None]
    local: NotRequired[bool]
    behind: NotRequired[Behind]
    period_s: Seconds
    valid_s: Validity
    arrive_by_s: Seconds


class Birth(TypedDict):
    """Who the agent is, what it holds and for whom it speaks; retained, paged when large.

    `hash` is of all pages together (codec.birth_hash); a report names it. `points`: what its reports name most, for
    the dictionary of content coding 0x02; only with the capability `dictionary` and on one page.
    """

    v: Literal[1]
    hash: Token
    session: Number
    boot: Token
    sent: Sent
    versions: dict[Name, Name]
    platform: Name
    capabilities: list[Name]
    config_hash: Name
    streams: Annotated[list[StreamRange], Limit(min_length=1, max_length=100)]
    probes: list[Name]
    devices: Annotated[list[Device], Limit(max_length=RECORDS_LIMIT)]
    points: NotRequired[Annotated[list[Name], Limit(max_length=1000)]]
    page: Annotated[int, Limit(ge=1, le=999)]
    pages: Annotated[int, Limit(ge=1, le=999)]


class State(TypedDict):
    """Online, or offline as the last will, of a session; the will of an older session is void."""

    v: Literal[1]
    state: Literal["online", "offline"]
    session: Number


class Ack(TypedDict):
    """The collector has settled these numbers of a stream: stored, or refused for a cause. Never before the commit.

    `at` is the collector's wall clock, `echo` the `sent.mono` it answers. `epoch` names the collector's database: a new
    one asks for everything unsettled again.
    """

    v: Literal[1]
    stream: Token
    epoch: Token
    upto: Annotated[int, Limit(ge=0, le=2**53)]
    also: NotRequired[Annotated[list[tuple[Number, Number]], Limit(max_length=32)]]
    refused: NotRequired[Annotated[list[tuple[Number, Number, Name]], Limit(max_length=32)]]
    at: Milliseconds
    echo: Mono
    slow_down_s: NotRequired[Seconds]
    need_birth: NotRequired[bool]


class Command(TypedDict):
    """Something the agent is asked to do: a verb of the allow-list with typed arguments, within `expires_s` of `at`.

    `at` is the collector's clock when it was sent. A command without it has no age, so an agent refuses it.
    """

    v: Literal[1]
    id: Token
    verb: Name
    args: dict[Name, Value]
    at: NotRequired[Milliseconds]
    expires_s: Seconds
    issued_by: Name
    consent: Text | None


class ConfigPush(TypedDict):
    """A configuration for one agent, retained; the agent answers with a `result` of the command `config:HASH`.

    `body` holds tables of agent.toml (`device`, `spool`, `uplink`, `limits`, ...): one that is there replaces the
    agent's own, one that is not leaves it alone, so `{}` is the agent's own file. Never who the agent is, its broker or
    its commands; secrets by name only: `{"secret": "snmp-core"}`. `hash` is codec.config_hash(body). Without an
    acknowledgement within `rollback_s` of the change the agent goes back by itself. `agent`, and `at` with `expires_s`
    (the collector's clock when it was pushed), are checked where they are there.
    """

    v: Literal[1]
    hash: Annotated[str, Limit(pattern=r"^[0-9a-f]{12}$")]
    body: Annotated[dict[Name, Any], Limit(max_length=32)]
    rollback_s: Annotated[int, Limit(ge=60, le=86_400)]
    agent: NotRequired[Id]
    at: NotRequired[Milliseconds]
    expires_s: NotRequired[Seconds]


class CollectorState(TypedDict):
    """The collector of a group: whether it listens, the epoch of its database, when to come back."""

    v: Literal[1]
    online: bool
    epoch: Token
    retry_after: NotRequired[Seconds]


MESSAGES: dict[str, type] = {
    "birth": Birth,
    "state": State,
    "report": Report,
    "ack": Ack,
    "cmd": Command,
    "config": ConfigPush,
    "collector_state": CollectorState,
}
"""The message type of each topic leaf (`history` carries a Report too)."""
