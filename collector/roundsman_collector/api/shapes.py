"""The shapes of all answers. Every time stands twice: `x_ms`, an integer of milliseconds UTC, and `x`, ISO 8601.

The text is null where the number is, and where the number is no time that a calendar holds (a device's clock may lie).
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from roundsman_collector.api.standing import Word


class Shape(BaseModel):
    """What all shapes share: fields are given by the names that the wire has."""

    model_config = ConfigDict(extra="forbid")


class RefShape(Shape):
    """Where a piece of evidence stands: a record's stream and number, and its event time."""

    stream: str
    n: int
    t_ms: int
    t: str | None


class ConditionShape(Shape):
    """A fault that holds, or held, over [from, to); to is null while it holds."""

    subject: str = Field(description="a device id, or @ and an agent's id")
    component: str
    code: str
    name_zh: str
    name_en: str
    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int | None
    to: str | None
    known_from_ms: int
    known_from: str | None
    known_to_ms: int | None
    known_to: str | None
    cause: str = Field(description="how a silence ended; empty otherwise")
    effect: str = Field(description="what it made of the device: down, degraded, or empty")
    function: str = Field(description="what it took away: device (all of it), a function, or empty")
    flapping: bool = Field(description="it came and went, and is held as one")
    since_ms: int = Field(description="when the fault began; earlier than `from` where rules changed while it held")
    since: str | None
    first: RefShape
    confirmed: RefShape


class LedgerShape(Shape):
    """What the ledger's open interval says, and since when."""

    state: Literal["up", "down", "unknown"]
    cause: str
    fault: str
    since_ms: int
    since: str | None


class RunShape(Shape):
    """A fault that is suspected, or one that holds and seems over (`recovering`), and is not decided yet."""

    component: str
    code: str
    name_zh: str
    name_en: str
    phase: Literal["suspect", "recovering"]
    since_ms: int
    since: str | None


class DeviceShape(Shape):
    """A device as it stands. `why`: a cause of the ledger, a fault's code, `never_seen`, `overdue`, or empty."""

    id: str
    kind: str
    model: str | None
    name_zh: str
    name_en: str
    agent: str | None = Field(description="who speaks for it; null: nobody")
    group: str | None
    state: Word
    state_zh: str
    why: str
    ledger: LedgerShape | None
    conditions: list[ConditionShape] = Field(description="those that hold now")
    runs: list[RunShape] = Field(description="what is not decided yet, as of some seconds ago")
    last_t_ms: int | None
    last_t: str | None
    covered_to_ms: int | None = Field(description="how far evidence reaches; beyond, nobody knows")
    covered_to: str | None
    received_ms: int | None
    received: str | None
    settling: bool = Field(description="late news is being worked in: figures may still move")
    links: dict[str, str]


class ReadingShape(Shape):
    """One value of one point; null: unknown."""

    name: str
    value: float | int | str | None
    unit: str
    name_zh: str
    name_en: str
    word_zh: str | None = Field(description="a word's meaning, where the value is a word")
    word_en: str | None


class DeviceWithReadingsShape(DeviceShape):
    """A device with its newest readings."""

    readings_t_ms: int | None
    readings_t: str | None
    readings: list[ReadingShape] | None


class DevicesShape(Shape):
    """A page of devices by id."""

    devices: list[DeviceShape]
    next_after: str | None = Field(description="ask again with after= this; null: no more")


class SampleShape(Shape):
    """A sample as the agent recorded it. `t` is the agent's own clock; `clock` says whether NTP kept it at that time.

    Where it did not, the ledger uses a repaired event time, or none.
    """

    stream: str
    n: int
    t_ms: int
    t: str | None
    clock: Literal["ntp", "unsynchronised"]
    boot: str
    mono_ms: int
    valid_s: float
    received_ms: int
    received: str | None
    seq: int
    readings: dict[str, float | int | str | None] = Field(description="empty: the device did not answer")
    failed: dict[str, list[str]] = Field(description="what could not be read: code and words")


class SamplesShape(Shape):
    """A page of samples, newest received first. An empty page may have older ones behind it."""

    device: str
    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int
    to: str | None
    samples: list[SampleShape]
    next_before: int | None = Field(description="ask again with before= this for older ones; null: no more")


class IntervalShape(Shape):
    """A stretch of the ledger; its ends are not cut to the window; to is null while it goes on."""

    state: Literal["up", "down", "unknown"]
    cause: str
    fault: str
    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int | None
    to: str | None
    known_from_ms: int
    known_from: str | None
    known_to_ms: int | None
    known_to: str | None


class IntervalsShape(Shape):
    """The ledger of a device in a window, in order and without overlaps."""

    device: str
    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int
    to: str | None
    known_ms: int | None
    known: str | None
    covered_to_ms: int | None = Field(description="the open interval counts up to here only")
    covered_to: str | None
    intervals: list[IntervalShape]
    next_from_ms: int | None = Field(description="ask again with from= this; null: no more")


class ConditionsShape(Shape):
    """The conditions of a device in a window, by beginning."""

    device: str
    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int
    to: str | None
    known_ms: int | None
    known: str | None
    conditions: list[ConditionShape]
    next_offset: int | None = Field(description="ask again with offset= this; null: no more")


class AvailabilityShape(Shape):
    """How available a device was: up + down + unknown + excluded = base, to the millisecond.

    Fractions are exact; percentages have four decimals, rounded half up, and are 100 or 0 only when it is all or none.
    """

    device: str
    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int
    to: str | None
    known_ms: int | None
    known: str | None
    covered_to_ms: int | None
    covered_to: str | None
    settling: bool
    base_ms: int = Field(description="the part of the window that is past")
    up_ms: int
    down_ms: int
    unknown_ms: int
    excluded_ms: int
    outages: int
    longest_ms: int
    availability: str | None = Field(description="up / (up + down); null: nothing is known", examples=["863560/864000"])
    availability_percent: str | None
    coverage: str | None = Field(description="(up + down) / (base - excluded); null: nothing to measure")
    coverage_percent: str | None
    bounds: list[str] | None = Field(description="availability if all unknown time were down, and if it were up")
    bounds_percent: list[str] | None
    links: dict[str, str] = Field(description="the evidence it stands on")


class SplitShape(Shape):
    """So much of the time was in this state for this reason."""

    state: Literal["up", "down", "unknown", "excluded"]
    cause: str
    fault: str
    ms: int


class PowerOnShape(Shape):
    """The power-on rate: up ÷ service time, and the rest by kind: all of the service time. Not availability."""

    service_ms: int
    up_ms: int
    rate: str | None
    rate_percent: str | None
    unknown_ms: int
    maintenance_ms: int
    fault_ms: int
    network_ms: int
    paused_ms: int


class OwedShape(Shape):
    """Availability with unknown time taken as the contracts say: left out, as down, or as up."""

    up_ms: int
    down_ms: int
    availability: str | None
    availability_percent: str | None


class FigureShape(Shape):
    """A figure: up + down + unknown + excluded = base, to the millisecond."""

    base_ms: int
    up_ms: int
    down_ms: int
    unknown_ms: int
    excluded_ms: int
    outages: int
    longest_ms: int
    availability: str | None = Field(description="pooled: sum of up / (sum of up + sum of down)")
    availability_percent: str | None
    coverage: str | None
    coverage_percent: str | None
    bounds: list[str] | None
    bounds_percent: list[str] | None
    devices: int
    mean_of_devices_percent: str | None = Field(description="the mean of the devices' own availabilities")
    degraded_ms: int = Field(description="up, but without something that the devices can do without")
    coarse_ms: int = Field(description="known from samples that were thinned")
    mtbf_ms: int | None
    mttr_ms: int | None
    split: list[SplitShape] = Field(description="why it was not simply up, the most first")
    power_on: PowerOnShape
    contract: OwedShape


class BucketShape(FigureShape):
    """A figure of one local day, month, quarter or year."""

    bucket: str = Field(examples=["2026-11-21", "2026-11", "2026-Q4", "2026"])


class TotalShape(FigureShape):
    """The figure of everything that was asked for."""

    buckets: list[BucketShape]


class AvailabilityRowShape(TotalShape):
    """The figure of one device, site, engineer …; `key` null: of what has none."""

    key: str | None
    name_zh: str
    name_en: str
    links: dict[str, str]


class AskedWindowShape(Shape):
    """The window that was asked for."""

    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int
    to: str | None
    known_ms: int | None
    known: str | None
    function: str


class AvailabilityByShape(AskedWindowShape):
    """Figures by a dimension, the worst rows first; `total` has those beyond the limit, too."""

    by: str
    bucket: str
    found: int
    is_cut: bool
    is_provisional: bool = Field(description="a calendar day of the window is only expected, not announced")
    target_percent: str | None = Field(description="what the contracts want; null: nothing, or not all the same")
    total: TotalShape
    rows: list[AvailabilityRowShape]


class CountedShape(Shape):
    """A stretch of the window, why it counts as it does, and the evidence that it stands on."""

    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int
    to: str | None
    ms: int
    state: Literal["up", "down", "unknown", "excluded", "not_counted"]
    cause: str
    fault: str
    coarse: bool
    site: str | None
    by: str = Field(description="evidence, cause (a root), condition, correction, maintenance, exclusion")
    by_id: str | None = Field(description="the root's device, or the overlay's number")
    links: dict[str, str]


class OutageShape(Shape):
    """Down time that touches, as counted."""

    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int
    to: str | None
    codes: list[str]


class ReckoningShape(AskedWindowShape, FigureShape):
    """The intervals that a device's figure is the sum of."""

    device: str
    covered_to_ms: int | None
    covered_to: str | None
    settling: bool
    intervals: list[CountedShape]
    outages_listed: list[OutageShape]
    next_from_ms: int | None


TicketState = Literal[
    "open",
    "acknowledged",
    "planned",
    "dispatched",
    "departed",
    "on_site",
    "fixed",
    "verified",
    "confirmed",
    "followed_up",
    "closed",
    "resolved",
    "void",
    "merged",
    "transferred",
]
"""core/lifecycle.py says what they mean."""


class TicketShape(Shape):
    """A ticket as it stands."""

    id: int
    number: str
    subject: str = Field(description="a device id, @ and an agent's, or # and a site's")
    agent: str | None
    component: str
    code: str
    name_zh: str
    name_en: str
    severity: str
    service_class: str
    state: TicketState
    fault_from_ms: int
    fault_from: str | None
    fault_to_ms: int | None
    fault_to: str | None
    opened_ms: int
    opened: str | None
    opened_late: bool
    acknowledged_ms: int | None
    acknowledged: str | None
    acknowledged_by: str | None
    resolved_ms: int | None
    resolved: str | None
    outcome: str
    source: str = Field(description="who reported it: monitoring, phone, qr, api")
    site: str | None
    contract: str | None
    zone: str | None
    engineer: str | None = Field(description="who was sent")
    waiting: str = Field(description="why it waits; empty: it does not")
    arrival_ms: int | None
    arrival: str | None = Field(description="when somebody promised to come")
    child_count: int = Field(description="faults of others that its cause explains now, as far as you reach")
    links: dict[str, str]


class TicketStepShape(Shape):
    """A step that leads on from the state the ticket is in."""

    verb: str
    name_zh: str
    name_en: str


class SegmentShape(Shape):
    """A stretch of a clock. kind: working, closed (no hours of work), paused (`reason`)."""

    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int
    to: str | None
    kind: str
    reason: str


class ClockShape(Shape):
    """A clock of a ticket. state: waiting (not begun), running, paused, met, missed (ended late), breached (late, and
    still running), counted (of a mean), cancelled. Times are null where they cannot be said."""

    clock: str
    name_zh: str
    name_en: str
    state: str
    kind: str = Field(description="limit: every ticket keeps it; mean: the mean of a period's tickets does")
    source: str
    start_ms: int | None
    start: str | None
    due_ms: int | None
    due: str | None
    promised_due_ms: int | None
    promised_due: str | None
    ended_ms: int | None
    ended: str | None
    target_ms: int | None
    elapsed_ms: int = Field(description="working time")
    remaining_ms: int | None
    recorded_breach: bool
    segments: list[SegmentShape]


class TicketsShape(Shape):
    """A page of tickets, the newest first."""

    tickets: list[TicketShape]
    next_before: int | None = Field(description="ask again with before= this for older ones; null: no more")


class KeptCountShape(Shape):
    """So many tickets, and where they are."""

    count: str
    name_zh: str
    name_en: str
    tickets: int
    link: str


class KeptFigureShape(Shape):
    """A figure of after-sales service, and the two numbers it is made of."""

    figure: str
    name_zh: str
    name_en: str
    count: int
    of: int
    share_percent: str | None = Field(description="null: it is a number, not a share, or there is nothing to share")
    aim: Literal["", "none", "all"]


class KeptStandsShape(Shape):
    """How many clocks stand so, and where their tickets are."""

    stands: str
    name_zh: str
    name_en: str
    tickets: int
    link: str


class KeptMeanShape(Shape):
    """How a target that tickets keep on the mean was kept."""

    target_ms: int
    tickets: int
    mean_ms: int
    is_met: bool


class KeptClockShape(Shape):
    """How a clock was kept."""

    clock: str
    name_zh: str
    name_en: str
    tickets: int
    share_met_percent: str | None = Field(description="met / (met + missed + breached); null: none can be judged yet")
    mean_ms: int | None = Field(description="working time of those that ended, on the mean")
    means: list[KeptMeanShape]
    stands: list[KeptStandsShape]


class KeptTotalShape(Shape):
    """Tickets of a period."""

    tickets: int
    counts: list[KeptCountShape]
    figures: list[KeptFigureShape]
    clocks: list[KeptClockShape]


class KeptRowShape(KeptTotalShape):
    """Tickets of a period that belong together."""

    key: str | None = Field(description="null: those without a contract, that nobody was sent for, of no known zone")
    name_zh: str
    name_en: str


class LeftOutShape(Shape):
    """Tickets that are in no figure."""

    state: str
    name_zh: str
    name_en: str
    tickets: int
    recorded_breaches: int = Field(description="how many of them record that a promise was broken")
    link: str


class KeptShape(Shape):
    """How promises were kept by the tickets that were opened in a window."""

    from_ms: int
    from_: str | None = Field(alias="from")
    to_ms: int
    to: str | None
    by: str
    found: int
    is_cut: bool
    left_out: list[LeftOutShape]
    total: KeptTotalShape
    rows: list[KeptRowShape]


class TicketEventShape(Shape):
    """A line of a ticket's log."""

    id: int
    at_ms: int
    at: str | None
    who: str
    verb: str
    text: str
    data: dict[str, Any]


class EvidenceShape(Shape):
    """A record that the ticket stands on. `record` null: `why` tells why it is not shown."""

    role: str = Field(description="first: where the fault begins; confirmed: where it became certain")
    ref: RefShape
    record: SampleShape | None
    device: str | None
    why: str | None


class ChildShape(Shape):
    """A fault of another that a ticket explains, or did until `left`. `ticket`: its own, merged into this one."""

    subject: str
    component: str
    code: str
    name_zh: str
    name_en: str
    fault_from_ms: int
    fault_from: str | None
    joined_ms: int
    joined: str | None
    left_ms: int | None
    left: str | None
    ticket: str | None


class TicketFullShape(TicketShape):
    """A ticket with its log and evidence, what its cause explains, and the ticket of its own cause."""

    merged_into: str | None = Field(description="the number of the ticket that explains this one, if you reach it")
    children: list[ChildShape] = Field(description="as far as you reach; those explained now first; 500 at most")
    events: list[TicketEventShape]
    version: int = Field(description="the id of its last step, and its ETag")
    clocks: list[ClockShape] = Field(description="what was promised, and how it is kept; empty: nothing was")
    steps: list[TicketStepShape] = Field(description="what you can do with it in its state; a step may need more")
    evidence: list[EvidenceShape]


class AskedShape(Shape):
    """A command that is not answered yet."""

    command: int
    state: Literal["new"]
    ticket: str
    do: str


class CounterShape(Shape):
    """How often something happened."""

    name: str
    cause: str
    count: int
    last_ms: int
    last: str | None
    example: str


class QuarantineShape(Shape):
    """Something that was refused; its bytes stay in the database."""

    id: int
    at_ms: int
    at: str | None
    topic: str
    agent: str
    cause: str
    detail: str
    byte_count: int


class PartitionShape(Shape):
    """One day's evidence."""

    day: str
    rows: int
    bytes: int


class PutOffShape(Shape):
    """A ticket whose clocks cannot be read, so that nobody is warned: it is tried again every hour."""

    ticket: str = Field(description="its number")
    since_ms: int
    since: str | None
    tries: int
    error: str = Field(description="what the last try met")
    again_ms: int | None
    again: str | None


class StatusShape(Shape):
    """How the collector's database is doing."""

    now_ms: int
    now: str | None
    epoch: str
    schema_: str = Field(alias="schema")
    agents: int
    devices: int
    open_tickets: int
    intervals: int
    evidence_rows: int
    evidence_bytes: int
    database_bytes: int
    file_bytes: int = Field(description="of photos, documents, videos and signatures of tickets")
    file_bytes_limit: int
    last_seq: int
    pruned_to_seq: int
    dirty_units: int
    dirty_since_ms: int | None
    dirty_since: str | None
    new_commands: int = Field(description="commands that no engine has answered; more than a few: it does not run")
    tickets_put_off: list[PutOffShape] = Field(description="twenty at most, those first for which it is longest so")
    partitions: list[PartitionShape]
    counters: list[CounterShape]
    quarantine: list[QuarantineShape] = Field(description="the newest twenty")


class HealthShape(Shape):
    """Whether this process can read its database."""

    status: Literal["ok"]
    version: str
