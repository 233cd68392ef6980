"""One arrival -> the draft of its unit: who may say it, which numbers are new, when it was, what it means.

    Arrival(address, message, plain)      a message that passed the door: a birth, a state or a report

Every number of a report ends as exactly one of: stored (new), known already (a duplicate), or refused with a cause:

    not_yours     a device this agent does not speak for       clock     a synchronised clock that shows before 2020
    cloned        the number is stored with another body       future    more than 10 minutes ahead of the collector

Refused numbers are settled (the agent need not keep them) and kept raw; they never reach the ledger. So that a hostile
agent fills no memory, numbers beyond 2,000 `holes` in a stream are counted and left unsettled until holes are filled.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from roundsman_collector.core.dating import better, event_time, gap_time, has_impossible_clock, true_time
from roundsman_collector.core.gaps import EXACT, told
from roundsman_collector.core.model import Item, Spec
from roundsman_collector.core.rebuild import resting
from roundsman_collector.core.rulebook import Rulebook
from roundsman_collector.core.turn import turn
from roundsman_collector.engine.unit import BASES_KEPT, SPECS_KEPT, Draft, Newest, Read
from roundsman_collector.store.agents_now import Born
from roundsman_collector.store.evidence import EvidenceRow
from roundsman_collector.store.quarantine import Count, Knock, Quarantined
from roundsman_collector.store.rounds import ErrandAnswer
from roundsman_wire.codec import canonical, encode, rows
from roundsman_wire.ranges import Range, RangeSet
from roundsman_wire.report import Result, StreamRange
from roundsman_wire.topics import HISTORY, Address

AHEAD_MS = 10 * 60 * 1000
HOLES_LIMIT = 2000
BOOTS_KEPT = 100
UNDATED_KEPT = 2
"""Boots without NTP that are remembered, and those of them that wait for a clock record; older ones give way."""
DAY_MS = 86_400_000


class Bad(NamedTuple):
    """Records n..last of a report that the door refused; `n` None: they have no number that could be settled."""

    n: int | None
    last: int | None
    cause: str
    detail: str


class Arrival(NamedTuple):
    """A message that passed the door: `plain` is its JSON text, `bad` names records of it that did not."""

    address: Address
    message: Mapping[str, Any]
    plain: bytes
    bad: tuple[Bad, ...] = ()


class Batch:
    """What a batch of arrivals will commit."""

    def __init__(self, *, first_seq: int, now_ms: int) -> None:
        self.now_ms = now_ms
        self.next_seq = first_seq
        self.drafts: dict[int, Draft] = {}
        self.evidence: list[EvidenceRow] = []
        self.quarantine: list[Quarantined] = []
        self.counts: dict[tuple[str, str], list[Any]] = {}
        self.knocks: list[Knock] = []
        self.answers: list[ErrandAnswer] = []
        """Results of errands: stored with the evidence that tells of them."""
        self.births: dict[int, Born] = {}
        """What agents say of themselves, by their numbers."""

    def count(self, name: str, cause: str, example: str = "", times: int = 1) -> None:
        """Count something; the first example of the batch is kept."""
        entry = self.counts.setdefault((name, cause), [0, example])
        entry[0] += times

    def counted(self) -> list[Count]:
        """The counts as rows."""
        return [
            Count(name=name, cause=cause, at_ms=self.now_ms, count=times, example=example)
            for (name, cause), (times, example) in self.counts.items()
        ]

    def write(
        self, draft: Draft, kind: Any, stream: str, span: Range, taken: tuple[Range, ...] | None, body: bytes
    ) -> None:
        """Add a row of evidence to the agent's chain."""
        self.evidence.append(
            EvidenceRow(
                self.next_seq, draft.unit.no, draft.head_seq, kind, stream, span[0], span[1], self.now_ms, taken, body
            )
        )
        draft.head_seq = self.next_seq
        self.next_seq += 1


Stored = Callable[[int, int, str, int], Mapping[str, Any] | None]
"""The stored record (agent_no, head_seq, stream, n), if it is near enough to be found."""


def take(arrival: Arrival, draft: Draft, batch: Batch, book: Rulebook, stored: Stored) -> None:
    """Let the draft of the unit know what the arrival says."""
    match arrival.address.leaf:
        case "birth":
            take_birth(arrival, draft, batch)
        case "state":
            take_state(arrival.message, draft)
        case _:
            take_report(arrival, draft, batch, book, stored)


def take_state(message: Mapping[str, Any], draft: Draft) -> None:
    """Online or offline of a session; the will of an older session is void."""
    if message["session"] >= draft.session:
        draft.session = message["session"]
        draft.online = message["state"] == "online"


def spec_of(birth: Mapping[str, Any]) -> Spec:
    """What a birth says, as far as the core needs it."""
    devices = tuple(
        (d["device"], bool(d.get("local", False)), round(d["arrive_by_s"] * 1000)) for d in birth["devices"]
    )
    return Spec(birth["hash"], devices)


def take_birth(arrival: Arrival, draft: Draft, batch: Batch) -> None:
    """A birth: kept as evidence when it says something new; streams it has lost the beginning of are declared."""
    birth = arrival.message
    spec = spec_of(birth)
    known = draft.specs.get(spec.hash)
    if birth["page"] > 1 and known is not None:
        spec = Spec(spec.hash, tuple(dict.fromkeys((*known.devices, *spec.devices))))
    foreign = [name for name, _, _ in spec.devices if name not in draft.unit.devices]
    for name in foreign:
        _not_yours(arrival, draft, batch, name)
    spec = spec._replace(devices=tuple(one for one in spec.devices if one[0] in draft.unit.devices))
    is_news = known != spec or birth["session"] != draft.session
    batch.births[draft.unit.no] = _born(birth, draft.unit.no, batch.now_ms)
    draft.session = max(draft.session, birth["session"])
    draft.online = True
    draft.specs = {**dict(list(draft.specs.items())[-SPECS_KEPT:]), spec.hash: spec}
    if draft.unborn_from_ms is not None:
        draft.soil(draft.unborn_from_ms)
        draft.unborn_from_ms = None
    if is_news:
        batch.write(draft, "birth", "", (0, 0), None, arrival.plain)
    for stream in birth["streams"]:
        for first, last in _given_up(stream, draft.ranges(stream["id"])):
            draft.ranges(stream["id"]).add(first, last)
            said = {"stream": stream["id"], "lost": [first, last], "reason": "lost_before"}
            batch.write(draft, "lost", stream["id"], (first, last), None, canonical(said))
            batch.count(
                "declared", "lost_before", f"{draft.unit.agent}/{stream['id']} {first}..{last}", last - first + 1
            )
        draft.owes[stream["id"]] = birth["sent"]["mono"]


def _born(birth: Mapping[str, Any], agent_no: int, now_ms: int) -> Born:
    return Born(
        agent_no,
        now_ms,
        birth["session"],
        birth["boot"],
        birth["platform"],
        birth["versions"],
        tuple(birth["capabilities"]),
        birth["config_hash"],
    )


def _given_up(stream: StreamRange, settled: RangeSet) -> list[Range]:
    """The numbers that the agent has not any more and that we never had: they will not come."""
    said = [(1, stream["oldest"] - 1), *((a, min(b, stream["newest"])) for a, b in stream.get("gone", ()))]
    gone = RangeSet((first, last) for first, last in said if first <= last)
    return [hole for first, last in gone for hole in settled.missing(first, last)]


def take_report(arrival: Arrival, draft: Draft, batch: Batch, book: Rulebook, stored: Stored) -> None:
    """A report: its new records are stored and judged, in the order of their numbers."""
    report = arrival.message
    stream: str = report["stream"]
    settled = draft.ranges(stream)
    spec = draft.specs.get(report["birth"])
    if spec is None:
        draft.need_birth = True
    records = rows(report)  # type: ignore[arg-type]
    fresh = []
    for record in records:
        n = record["n"]
        if n in settled:
            _again(arrival, draft, batch, record, stored)
            continue
        if len(settled) >= HOLES_LIMIT and n - 1 not in settled and n + 1 not in settled:
            batch.count("refused", "holes", f"{draft.unit.agent} {stream}#{n}: the stream has too many holes")
            continue
        cause = _unusable(record, draft, batch.now_ms)
        if cause is None:
            admit(record, settled, draft)
            fresh.append(record)
            if record["kind"] == "result":
                batch.answers.append(_answered(record, draft, batch.now_ms))
            draft.fresh[stream, n] = record
        elif cause == "not_yours":
            draft.refuse(stream, n, n, cause)
            _not_yours(arrival, draft, batch, record["device"])  # type: ignore[typeddict-item]
        else:
            _refuse(arrival, draft, batch, n, cause, f"t {record['t']}, ntp {record.get('ntp', True)}")
    for bad in arrival.bad:
        _refuse_bad(arrival, draft, batch, bad)
    draft.owes[stream] = report["sent"]["mono"]
    if fresh:
        taken = None if len(fresh) == len(records) else _ranges(fresh)
        body = encode(report) if arrival.bad else arrival.plain
        kind = "history" if arrival.address.leaf == HISTORY else "report"
        batch.write(draft, kind, stream, (records[0]["n"], records[-1]["n"]), taken, body)
        for record in fresh:
            judge(record, stream, spec, draft, book)


def admit(record: Mapping[str, Any], settled: RangeSet, draft: Draft) -> None:
    """The record is ours: its number is settled, and its boot is known to have been without NTP if it was.

    What an agent tells that it gave up itself is settled with it: the stream must not be left with a hole for each.
    """
    settled.add(record["n"], record["n"])
    if record["kind"] == "gap" and record["reason"] in EXACT:
        for first, last in told(record):
            settled.add(first, last)
    if not record.get("ntp", True) and record["boot"] not in draft.unsynced:
        draft.unsynced = (*draft.unsynced, record["boot"])[-BOOTS_KEPT:]


def judge(record: Mapping[str, Any], stream: str, spec: Spec | None, draft: Draft, book: Rulebook) -> None:
    """Date one new record and let the core judge it; late and undatable ones make the unit dirty or wait."""
    boot = record["boot"]
    if record["kind"] == "clock":
        _clock_told(record, draft)
    base = draft.bases.get(boot)
    t = event_time(record, base)
    if t is None:
        if boot not in draft.undated:
            draft.undated = (*draft.undated, boot)[-UNDATED_KEPT:]
        return
    if record["kind"] == "gap" and record["from_t"] is not None:
        t = gap_time(record, t)
    if spec is None and draft.unborn_from_ms is None:
        draft.unborn_from_ms = t
    if record["kind"] == "sample" and record["readings"]:
        draft.read.append(Read(record["device"], t, draft.head_seq or 0, record["readings"]))
    item = Item(t, stream, record["n"], record, spec)
    state = draft.telling.state
    change = turn(state, item, book)
    if change is None:
        draft.soil(t)
        return
    if (
        t // DAY_MS != state.last_t // DAY_MS
        and state.last_t
        and draft.dirty_from_ms is None
        and not draft.undated
        and draft.head_seq is not None
    ):
        draft.checkpoint = (resting(state), draft.head_seq - 1)
    draft.telling.add(change)
    if record["kind"] == "sample" and record["readings"]:
        draft.latest[record["device"]] = Newest(record["device"], t, draft.head_seq or 0, record["n"])


def _clock_told(record: Mapping[str, Any], draft: Draft) -> None:
    boot = record["boot"]
    known = draft.bases.get(boot)
    base = better(known, record)
    if base == known:
        return
    others = {b: old for b, old in draft.bases.items() if b != boot}
    draft.bases = {**dict(list(others.items())[-BASES_KEPT:]), boot: base}
    if boot in draft.unsynced:
        draft.undated = tuple(other for other in draft.undated if other != boot)
        draft.soil(min(base.base_ms, known.base_ms if known is not None else base.base_ms))


def _unusable(record: Mapping[str, Any], draft: Draft, now_ms: int) -> str | None:
    if record["kind"] == "sample" and record["device"] not in draft.unit.devices:
        return "not_yours"
    if has_impossible_clock(record):
        return "clock"
    t = event_time(record, draft.bases.get(record["boot"]))
    if t is not None and is_ahead(t, now_ms):
        return "future"
    if record["kind"] == "clock" and is_ahead(true_time(record), now_ms):  # it would date its whole boot so
        return "future"
    return None


def is_ahead(t: int, received_ms: int) -> bool:
    """Whether a time lies further ahead of its arrival than clocks are apart."""
    return t > received_ms + AHEAD_MS


def _again(arrival: Arrival, draft: Draft, batch: Batch, record: Mapping[str, Any], stored: Stored) -> None:
    """A number that is settled already: the same record once more, or somebody else's."""
    stream, n = arrival.message["stream"], record["n"]
    before = draft.fresh.get((stream, n))
    if before is None and draft.unit.head_seq is not None:
        before = stored(draft.unit.no, draft.unit.head_seq, stream, n)
    if before is not None and not _says_the_same(before, record):
        detail = f"number {n} of stream {stream} is stored with another body: is the agent cloned?"
        batch.count("refused", "cloned", f"{draft.unit.agent}: {detail}")
        _quarantine(arrival, batch, "cloned", detail)
    else:
        batch.count("duplicate", "again" if before is not None else "unchecked")


def _says_the_same(before: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """Whether a record is the one stored; the stored one may have fields that the door has dropped since."""
    said, kept = json.loads(canonical(record)), json.loads(canonical(before))
    return all(name in kept and kept[name] == value for name, value in said.items())


def _not_yours(arrival: Arrival, draft: Draft, batch: Batch, device: str) -> None:
    detail = f"agent {draft.unit.agent} may not speak for device {device}"
    batch.count("refused", "not_yours", detail)
    _quarantine(arrival, batch, "not_yours", detail)
    batch.knocks.append(Knock(agent=draft.unit.agent, device=device, at_ms=batch.now_ms))


def _refuse_bad(arrival: Arrival, draft: Draft, batch: Batch, bad: Bad) -> None:
    stream = arrival.message["stream"]
    missing = draft.ranges(stream).missing(bad.n, bad.last or bad.n) if bad.n is not None else []
    for first, last in missing:
        draft.refuse(stream, first, last, bad.cause)
    if missing or bad.n is None:
        batch.count("refused", bad.cause, f"{draft.unit.agent} {stream}#{bad.n}: {bad.detail}")
        _quarantine(arrival, batch, bad.cause, bad.detail)


def _refuse(arrival: Arrival, draft: Draft, batch: Batch, n: int, cause: str, detail: str) -> None:
    draft.refuse(arrival.message["stream"], n, n, cause)
    said = f"{draft.unit.agent} {arrival.message['stream']}#{n}: {detail}"
    batch.count("refused", cause, said)
    _quarantine(arrival, batch, cause, said)


def _quarantine(arrival: Arrival, batch: Batch, cause: str, detail: str) -> None:
    address = arrival.address
    topic = f"{address.group}/{address.agent}/{address.leaf}"
    batch.quarantine.append(
        Quarantined(at_ms=batch.now_ms, topic=topic, agent=address.agent, cause=cause, detail=detail, raw=arrival.plain)
    )


def _answered(record: Result, draft: Draft, now_ms: int) -> ErrandAnswer:
    """What became of an errand; that it is this agent's is seen where it is written."""
    return ErrandAnswer(
        record["command"], draft.unit.no, record["ok"], record["detail"], now_ms, str(record.get("output", ""))
    )


def _ranges(records: list[Any]) -> tuple[Range, ...]:
    found: list[Range] = []
    for record in records:
        n = record["n"]
        if found and found[-1][1] == n - 1:
            found[-1] = (found[-1][0], n)
        else:
            found.append((n, n))
    return tuple(found)
