"""A batch of arrivals -> one commit -> the acknowledgements it owes.

    engine = Engine(store, book);  engine.load(now_ms)
    engine.take(arrivals, refusals, now_ms) -> [Owed, ...]     committed when it returns; then acknowledge

A batch that fails is cut in halves until the one bad arrival is found: it is kept raw, its numbers are settled as
refused, and the rest goes on (law 2: one poisonous report never blinds a fleet). A store that is full or locked is no
fault of the batch: StoreError passes through, nothing is acknowledged, and the caller tries the same batch again.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from sys import intern
from typing import Any, NamedTuple

import structlog

from roundsman_collector.core.model import Action, Change, Condition, Ref, Retold, Spec, Ticket
from roundsman_collector.core.proof import proven
from roundsman_collector.core.rulebook import Rulebook
from roundsman_collector.core.state import dump
from roundsman_collector.core.ticket import reconcile
from roundsman_collector.core.turn import wake_at
from roundsman_collector.engine import tickets
from roundsman_collector.engine.desk import Desk
from roundsman_collector.engine.handover import own, parted, since_of
from roundsman_collector.engine.intake import Arrival, Batch, admit, judge, spec_of, take
from roundsman_collector.engine.plans import Plans
from roundsman_collector.engine.promises import Promises
from roundsman_collector.engine.reading_days import ReadingDays
from roundsman_collector.engine.recent import Recent
from roundsman_collector.engine.tasks import Tasks
from roundsman_collector.engine.unit import REFUSED_KEPT, Draft, Memory, Refused, Unit, machine_of, memory_of, text_of
from roundsman_collector.rules.trends import Trends
from roundsman_collector.store import batch as stored
from roundsman_collector.store.conditions import ConditionsTold
from roundsman_collector.store.door import Store
from roundsman_collector.store.errors import StoreError
from roundsman_collector.store.evidence import EvidenceRow
from roundsman_collector.store.quarantine import Knock, Quarantined
from roundsman_collector.store.samples import told_in
from roundsman_collector.store.tickets import TicketChange
from roundsman_collector.store.units import Checkpoint, UnitRow
from roundsman_wire.ranges import Range
from roundsman_wire.topics import BIRTH

log = structlog.get_logger(__name__)

REPLAY_ROWS = 2000
QUIET_MS = 60 * 60 * 1000
"""A cause of refusal is told in the log once, and again when it comes after so long a quiet."""
EXAMPLE_LIMIT = 200


class Owed(NamedTuple):
    """An acknowledgement that is owed to an agent after the commit; `echo` is the mono of the message it answers."""

    group: str
    agent: str
    stream: str
    echo: int
    upto: int
    also: tuple[tuple[int, int], ...]
    refused: tuple[Refused, ...]
    need_birth: bool
    is_birth: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejected:
    """A message that did not pass the door: where it came from, why, and its bytes."""

    topic: str
    agent: str
    cause: str
    detail: str
    raw: bytes


class Engine:
    """All units in memory, and the one way to change them."""

    def __init__(self, store: Store, book: Rulebook, trends: Trends | None = None) -> None:
        self.store = store
        self.book = book
        self.days = ReadingDays(store, Trends(()) if trends is None else trends)
        """What was read by the day, of what is watched for getting worse."""
        self.units: dict[int, Unit] = {}
        self.by_agent: dict[str, Unit] = {}
        self.groups: frozenset[str] = frozenset()
        self.since: dict[str, int] = {}
        """Since when its agent speaks for a device, of devices that another one spoke for before."""
        self.dirty: dict[int, None] = {}
        """Numbers of units to be rebuilt, in the order they became dirty."""
        self.unswept: dict[int, int] = {}
        """Numbers of units that are ahead of their rows, the longest first, and a seq that is not behind the first
        evidence by which they are."""
        self._next_seq = store.last_seq() + 1
        self._replaying_from: int | None = None
        self.promises = Promises(self)
        """What contracts promise."""
        self.plans = Plans(self)
        """What recurs."""
        self.tasks = Tasks(self)
        self.desk = Desk(self)
        """Faults that have no ticket of their own, or not yet."""
        self._refused_ms: dict[str, int] = {}
        """When each cause of refusal was seen last."""

    # --- start -------------------------------------------------------------------------------------------------------

    def load(self, now_ms: int) -> int:
        """Take over register and memory from the store and catch up; return how many evidence rows were read again."""
        self._learn()
        self._recall(self.units, self.store.units())
        self.desk.load(now_ms)
        self.days.begin(self._next_seq, now_ms)
        return self._catch_up(now_ms)

    def _recall(self, units: Mapping[int, Unit], rows: Iterable[UnitRow]) -> None:
        """Take over the memory of these units from their rows, and their open tickets."""
        for row in rows:
            unit = units.get(row.agent_no)
            if unit is None:
                continue
            unit.head_seq, unit.as_of_seq = row.head_seq or None, row.as_of_seq
            unit.dirty_from_ms, unit.dirty_since_ms = row.dirty_from_ms, row.dirty_since_ms
            unit.late_ms = row.dirty_since_ms or 0
            unit.memory = memory_of(row.body, unit.agent)
            if unit.dirty_from_ms is not None:
                self.dirty[unit.no] = None
        for ticket in self.store.open_tickets():
            unit = None if ticket.agent_no is None else units.get(ticket.agent_no)
            if unit is not None:
                mine = Ticket(
                    id=ticket.id,
                    subject=ticket.subject,
                    component=ticket.component,
                    code=ticket.code,
                    fault_from_ms=ticket.fault_from_ms,
                )
                unit.tickets = (*unit.tickets, mine)

    def load_register(self) -> None:
        """Learn agents and who speaks for whom. What is remembered of them stays, also of one that was removed and is
        back: its numbers, its state and its open tickets are those it left with."""
        before, spoke_for = self.units, {no: unit.devices for no, unit in self.units.items()}
        self._learn()
        self._part(before, spoke_for)
        self._put_away([unit for no, unit in before.items() if no not in self.units])
        new = {no: unit for no, unit in self.units.items() if no not in before}
        rows = self.store.units_of(new)
        if rows:
            self._recall({row.agent_no: new[row.agent_no] for row in rows}, rows)
        self.desk.reread()

    def judge_by(self, book: Rulebook, now_ms: int) -> int:
        """Judge by another rulebook; return how many agents are to be told anew, being ahead of its newest set.

        Their clocks may be minutes before ours: what they said of the time from which the new rules hold was judged by
        the old ones.
        """
        from_ms = book.newest.valid_from_ms
        self.book = book
        return self.tell_anew([unit for unit in self.units.values() if unit.state.last_t >= from_ms], from_ms, now_ms)

    def tell_anew(self, ahead: Sequence[Unit], from_ms: int, now_ms: int) -> int:
        """Let units be told anew from a time on, of which something was said by other rules; return how many."""
        for unit in ahead:
            unit.dirty_from_ms = from_ms if unit.dirty_from_ms is None else min(from_ms, unit.dirty_from_ms)
            unit.dirty_since_ms = now_ms if unit.dirty_since_ms is None else unit.dirty_since_ms
            unit.late_ms = now_ms
            self.dirty.setdefault(unit.no)
        if ahead:
            void = {unit.no: from_ms for unit in ahead}
            rows = [unit_row(unit) for unit in ahead]
            self.store.commit(stored.Batch(now_ms=now_ms, units=rows, checkpoints_void_from=void))
        return len(ahead)

    def _part(self, units: Mapping[int, Unit], spoke_for: Mapping[int, Collection[str]]) -> None:
        """Tell what becomes of devices whose agents speak for them no more. Of an agent that was removed only what has
        another one now: it may be back, and then goes on where it left."""
        gone: dict[int, set[str]] = {}
        for no, devices in spoke_for.items():
            if no in self.units:
                left = set(devices).difference(self.units[no].devices)
            else:
                left = {device for device in devices if any(device in one.devices for one in self.units.values())}
            if left:
                gone[no] = left
        changes = [(units[no], change) for no, left in gone.items() if (change := parted(units[no].state, left))]
        if not changes:
            return
        now_ms = max(one.to_ms or 0 for one in self.store.assignments() if one.agent_no in gone)
        before = [(unit, unit.state) for unit, _ in changes]
        for unit, change in changes:
            unit.state = change.state
        try:
            self.store.commit(
                stored.Batch(
                    now_ms=now_ms,
                    units=[unit_row(unit) for unit, _ in changes],
                    tells=[one for _, change in changes for one in change.retold],
                    conditions=[one for _, change in changes for one in told(change)],
                )
            )
        except BaseException:
            for unit, state in before:
                unit.state = state
            raise

    def _put_away(self, units: Sequence[Unit]) -> None:
        """Write the rows of units that are remembered no longer and ahead of them: nobody will sweep them."""
        ahead = [unit for unit in units if self.unswept.pop(unit.no, None) is not None]
        if ahead:
            now_ms = max(unit.received_ms for unit in ahead)
            self.store.commit(stored.Batch(now_ms=now_ms, units=[unit_row(unit) for unit in ahead]))

    @property
    def next_seq(self) -> int:
        """The seq that the next evidence gets."""
        return self._next_seq

    def read_from_seq(self, swept: Collection[int]) -> int:
        """Where a start has to begin reading evidence again once these units are swept."""
        ahead = (seq for no, seq in self.unswept.items() if no not in swept)
        return next(ahead, self._next_seq)

    def _learn(self) -> None:
        spoken: dict[int, list[str]] = {}
        assignments = self.store.assignments()
        for one in assignments:
            if one.to_ms is None:
                spoken.setdefault(one.agent_no, []).append(one.device)
        self.since = since_of(assignments)
        present = {}
        for agent in self.store.agents():
            if agent.removed_ms is not None:
                continue
            unit = self.units.get(agent.no) or Unit(agent.no, agent.id)
            unit.group = intern(agent.group_id)
            unit.speak_for(spoken.pop(agent.no, ()))
            present[agent.no] = unit
        self.units = present
        self.by_agent = {unit.agent: unit for unit in present.values()}
        self.groups = frozenset(unit.group for unit in present.values())

    def _catch_up(self, now_ms: int) -> int:
        """Read evidence again that came after memory was last written."""
        behind = [unit.as_of_seq for unit in self.units.values()]
        if not behind:
            return 0
        begin = min(max(min(behind), self.store.read_from_seq - 1), self.days.from_seq - 1)
        count = 0
        batch = Batch(first_seq=self._next_seq, now_ms=now_ms)
        self._replaying_from = begin + 1
        for row in self.store.evidence_after(begin):
            unit = self.units.get(row.agent_no)
            if unit is None:
                continue
            if row.seq <= unit.as_of_seq:
                self.days.read_again(row, unit.memory, now_ms)
                continue
            self._replay(row, unit, batch)
            count += 1
            if count % REPLAY_ROWS == 0:
                self._commit(batch, row.seq)
                batch = Batch(first_seq=self._next_seq, now_ms=now_ms)
        self._commit(batch, self._next_seq - 1)
        self._replaying_from = None
        return count

    def _replay(self, row: EvidenceRow, unit: Unit, batch: Batch) -> None:
        """Let a stored row have the effect on memory it had when it came."""
        draft = batch.drafts.setdefault(unit.no, Draft(unit))
        draft.head_seq = row.seq
        if row.kind == "lost":
            draft.ranges(row.stream).add(row.first_n, row.last_n)
            return
        if row.kind == "birth":
            body = json.loads(row.body)
            spec = spec_of(body)
            known = tuple(one for one in spec.devices if one[0] in unit.devices)
            draft.specs = {**draft.specs, spec.hash: Spec(spec.hash, known)}
            draft.session = max(draft.session, body["session"])
            return
        birth, records = told_in(row)
        spec = draft.specs.get(birth)  # type: ignore[assignment]
        for record in records:
            admit(record, draft.ranges(row.stream), draft)
            judge(record, row.stream, spec, draft, self.book)

    # --- the hot path ------------------------------------------------------------------------------------------------

    def take(self, arrivals: Sequence[Arrival], refusals: Sequence[Rejected], now_ms: int) -> list[Owed]:
        """Commit what the arrivals mean; return the acknowledgements owed. StoreError if the store is to blame."""
        try:
            batch = self._drafted(arrivals, refusals, now_ms)
            news = self._news(batch, batch.next_seq - 1)
            done = self.store.commit(news.with_evidence(batch))
        except StoreError as error:
            if error.again or error.cause != "conflict":
                raise
            problem: Exception = error
        except Exception as error:  # whatever one arrival made us do: find it, set it aside, go on
            problem = error
        else:  # it is stored: what fails from here on is no arrival's fault
            self._adopt(batch, news, done)
            self._tell_refused(batch)
            births = {arrival.address.agent for arrival in arrivals if arrival.address.leaf == BIRTH}
            return [owed for draft in batch.drafts.values() for owed in _owed(draft, draft.unit.agent in births)]
        if not arrivals:
            raise problem
        if len(arrivals) == 1:
            return self._poisoned(arrivals[0], refusals, problem, now_ms)
        half = len(arrivals) // 2
        return [*self.take(arrivals[:half], refusals, now_ms), *self.take(arrivals[half:], (), now_ms)]

    def _drafted(self, arrivals: Sequence[Arrival], refusals: Sequence[Rejected], now_ms: int) -> Batch:
        """What the arrivals mean, worked out on drafts; nothing is stored or remembered yet."""
        batch = Batch(first_seq=self._next_seq, now_ms=now_ms)
        for refusal in refusals:
            self._note(refusal, batch)
        recent = Recent(self.store)
        for arrival in arrivals:
            unit = self.by_agent.get(arrival.address.agent)
            if unit is None or unit.group != arrival.address.group:
                self._stranger(arrival, batch)
                continue
            draft = batch.drafts.get(unit.no)
            if draft is None:
                draft = batch.drafts[unit.no] = Draft(unit)
            take(arrival, draft, batch, self.book, recent.record)
        return batch

    def _commit(self, batch: Batch, seq: int) -> None:
        """One transaction for everything the batch brings; then, and only then, memory follows, up to `seq`."""
        news = self._news(batch, seq)
        self._adopt(batch, news, self.store.commit(news.with_evidence(batch)))

    def _news(self, batch: Batch, seq: int) -> "_News":
        news = _News(self.book, self.desk, self.since, seq, batch.now_ms)
        for draft in batch.drafts.values():
            news.add(draft)
        return news

    def _adopt(self, batch: Batch, news: "_News", done: stored.Committed) -> None:
        """The batch is stored: memory follows."""
        ahead_from_seq = self._next_seq if self._replaying_from is None else self._replaying_from
        self._next_seq = batch.next_seq
        opened = iter(done.tickets)
        for unit, actions in news.acted:
            new = [next(opened) for action in actions if action.verb == "open"]
            unit.tickets = tickets.after(unit, actions, new)
        for unit, change, held in news.told:
            self.desk.adopt(unit, change, held, batch.now_ms)
        for no, at in news.wakes.items():
            self.units[no].wake_ms = at
        for draft in batch.drafts.values():
            unit = draft.unit
            draft.settle_into(unit, news.seq, batch.now_ms)
            self.days.take(draft.read, batch.now_ms)
            if unit.tickets and not unit.settling:
                _reopen_waiting_silence(unit, batch.now_ms)
            if unit.dirty_from_ms is not None:
                self.dirty.setdefault(unit.no)
            self.unswept.setdefault(unit.no, ahead_from_seq)

    # --- what is refused ---------------------------------------------------------------------------------------------

    def _note(self, refusal: Rejected, batch: Batch) -> None:
        batch.count("refused", refusal.cause, f"{refusal.topic}: {refusal.detail}")
        batch.quarantine.append(
            Quarantined(
                at_ms=batch.now_ms,
                topic=refusal.topic,
                agent=refusal.agent,
                cause=refusal.cause,
                detail=refusal.detail,
                raw=refusal.raw,
            )
        )

    def _tell_refused(self, batch: Batch) -> None:
        """Say once in the log what cause of refusal there is, with an example; counters and quarantine have it all."""
        for one in batch.counted():
            if one.name == "refused":
                last_ms = self._refused_ms.get(one.cause)
                if last_ms is None or one.at_ms - last_ms >= QUIET_MS:
                    example = "".join(char if char.isprintable() else "?" for char in one.example[:EXAMPLE_LIMIT])
                    log.warning("refused; `roundsman status` counts on", cause=one.cause, example=example)
                self._refused_ms[one.cause] = one.at_ms

    def _stranger(self, arrival: Arrival, batch: Batch) -> None:
        """Somebody the register does not know: into the inbox; nothing is settled, so nothing is lost."""
        address = arrival.address
        batch.count("refused", "unknown_agent", f"{address.group}/{address.agent}")
        batch.knocks.append(Knock(agent=address.agent, device="", at_ms=batch.now_ms, what={"group": address.group}))

    def _poisoned(self, arrival: Arrival, refusals: Sequence[Rejected], problem: Exception, now_ms: int) -> list[Owed]:
        """Keep the arrival raw, settle its numbers as refused, tell it once."""
        address = arrival.address
        detail = f"{type(problem).__name__}: {problem}"[:300]
        log.error(
            "an arrival made the engine fail; it is set aside", agent=address.agent, cause=detail, exc_info=problem
        )
        batch = Batch(first_seq=self._next_seq, now_ms=now_ms)
        for refusal in refusals:
            self._note(refusal, batch)
        batch.count("refused", "engine", f"{address.agent}: {detail}")
        topic = f"{address.group}/{address.agent}/{address.leaf}"
        batch.quarantine.append(
            Quarantined(
                at_ms=now_ms, topic=topic, agent=address.agent, cause="engine", detail=detail, raw=arrival.plain
            )
        )
        unit = self.by_agent.get(address.agent)
        if unit is not None and "stream" in arrival.message:
            draft = batch.drafts[unit.no] = Draft(unit)
            stream = arrival.message["stream"]
            for first, last in _numbers(arrival.message):
                for a, b in draft.ranges(stream).missing(first, last):
                    draft.refuse(stream, a, b, "engine")
            draft.owes[stream] = arrival.message["sent"]["mono"]
        self._commit(batch, batch.next_seq - 1)
        return [owed for draft in batch.drafts.values() for owed in _owed(draft, False)]


class _News:
    """What the drafts of a batch bring beside their evidence, as rows."""

    def __init__(self, book: Rulebook, desk: Desk, since: Mapping[str, int], seq: int, now_ms: int) -> None:
        self.book = book
        self.desk = desk
        self.since = since
        self.seq = seq
        self.now_ms = now_ms
        self.acted: list[tuple[Unit, list[Action]]] = []
        self.told: list[tuple[Unit, Change, list[Condition]]] = []
        """What the desk has to know once it is stored: changes, with the faults that open no ticket now."""
        self.wakes: dict[int, int | None] = {}
        self._units: list[UnitRow] = []
        self._tells: list[Retold] = []
        self._conditions: list[ConditionsTold] = []
        self._tickets: list[TicketChange] = []
        self._checkpoints: list[Checkpoint] = []
        self._void: dict[int, int] = {}

    def add(self, draft: Draft) -> None:
        """Take in one draft; of nearly every one nothing but its evidence is written."""
        unit = draft.unit
        if unit.wake_ms is None:
            wake = wake_at(draft.telling.state)
            if wake is not None:
                self.wakes[unit.no] = wake
        if draft.telling.is_news or draft.late or draft.refused or draft.checkpoint is not None:
            self._tell(unit, draft)

    def _tell(self, unit: Unit, draft: Draft) -> None:
        change = own(draft.telling.change(), unit.devices, self.since)
        if change.conditions or change.whole:
            settling = draft.dirty_from_ms is not None or draft.has_holes
            wanted = reconcile(change, unit.tickets, self.book, settling, draft.dirty_from_ms is not None)
            state = draft.telling.state
            newest = Ref(state.stream, state.n, state.last_t)
            actions, held = self.desk.sift(unit, proven(wanted, unit.tickets, {}, newest), self.now_ms)
            self._tickets += tickets.changes(unit, actions, self.book, self.now_ms)
            self.acted.append((unit, actions))
            self.told.append((unit, change, held))
        self._tells += change.retold
        self._conditions += told(change)
        if draft.late and draft.dirty_from_ms is not None:
            self._void[unit.no] = draft.dirty_from_ms
        elif draft.checkpoint is not None:
            state, at_seq = draft.checkpoint
            self._checkpoints.append(Checkpoint(unit.no, state.last_t, at_seq, dump(state)))
        if change.retold or change.conditions or change.whole or draft.late or draft.refused:
            self._units.append(draft_row(draft, self.seq, self.now_ms))

    def with_evidence(self, batch: Batch) -> stored.Batch:
        """Everything as one transaction."""
        return stored.Batch(
            now_ms=batch.now_ms,
            evidence=batch.evidence,
            units=self._units,
            checkpoints_void_from=self._void,
            checkpoints=self._checkpoints,
            tells=self._tells,
            conditions=self._conditions,
            tickets=self._tickets,
            quarantine=batch.quarantine,
            counters=batch.counted(),
            wakes=self.wakes,
            inbox=batch.knocks,
            errand_answers=batch.answers,
            births=list(batch.births.values()),
        )


def _reopen_waiting_silence(unit: Unit, now_ms: int) -> None:
    """The ticket of a silence that is over waits, and nothing is missing any more: rebuild, then judge it."""
    ticket = unit.waiting_silence()
    if ticket is not None:
        unit.dirty_from_ms, unit.dirty_since_ms, unit.late_ms = ticket.fault_from_ms, now_ms, now_ms


def told(change: Change) -> list[ConditionsTold]:
    """What a change says of conditions, if anything."""
    if not change.conditions and not change.whole:
        return []
    return [ConditionsTold(conditions=change.conditions, whole=change.whole)]


def draft_row(draft: Draft, seq: int, now_ms: int) -> UnitRow:
    """The row of a unit as the draft will have it."""
    unit = draft.unit
    since_ms = now_ms if draft.late and unit.dirty_since_ms is None else unit.dirty_since_ms
    memory = draft.memory()
    progress = draft.head_seq or 0, seq, draft.dirty_from_ms, since_ms
    return UnitRow(unit.no, *progress, text_of(memory), machine_of(memory.state, unit.devices))


def unit_row(unit: Unit, memory: Memory | None = None) -> UnitRow:
    """The row of a unit as it is; `memory`: its own, for who has it at hand."""
    known = unit.memory if memory is None else memory
    progress = unit.head_seq or 0, unit.as_of_seq, unit.dirty_from_ms, unit.dirty_since_ms
    return UnitRow(unit.no, *progress, text_of(known), machine_of(known.state, unit.devices))


def _numbers(report: Mapping[str, Any]) -> list[Range]:
    return [
        *((record["n"], record["n"]) for record in report.get("records", ())),
        *((block["n"][0], block["n"][1]) for block in report.get("columns", ())),
    ]


def _owed(draft: Draft, is_birth: bool) -> list[Owed]:
    unit = draft.unit
    found = []
    for stream, echo in draft.owes.items():
        ranges = draft.ranges(stream)
        upto = ranges.upto()
        is_whole = len(ranges) <= 1 and upto == ranges.last()
        also = () if is_whole else tuple((a, b) for a, b in ranges if a > upto)[-REFUSED_KEPT:]
        refused = tuple(draft.refused[stream][-REFUSED_KEPT:]) if stream in draft.refused else ()
        found.append(Owed(unit.group, unit.agent, stream, echo, upto, also, refused, draft.need_birth, is_birth))
    return found
