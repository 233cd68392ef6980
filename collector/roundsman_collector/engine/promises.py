"""What contracts promise, and whether it is kept: the tickets that are due for a look, a commit for each slice of them.

    promises.level_of(ticket's level_id)       what it keeps
    promises.step(now_ms)                      tickets whose `wake_at_ms` is over: promise, warn, breach, close

A new ticket wakes at once and gets its `promise`: where its subject stands, and which version of which service level
counts for it from now on. Every later look reads its clocks off its log (core/sla.py), writes what has to be told, and
says when it is to be looked at next. A ticket that is over by itself is closed when nothing can open it again, where
the service level lets it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from roundsman_collector.core import sla
from roundsman_collector.core.level import ServiceLevel
from roundsman_collector.core.lifecycle import standing_of
from roundsman_collector.core.sla import Reading, Tell
from roundsman_collector.core.ticket_log import ROBOT, Event
from roundsman_collector.rules.promised import Promised, calendars_of, promised_from
from roundsman_collector.store import batch as stored
from roundsman_collector.store.levels import LevelRow, Whereabouts
from roundsman_collector.store.ticket_clocks import ClockRow, ClocksTold
from roundsman_collector.store.tickets import TicketRow, TicketStep

if TYPE_CHECKING:
    from roundsman_collector.engine.engine import Engine

AT_ONCE = 200
LEARN_EVERY_MS = 60_000
"""So often it is asked whether levels and calendars have changed."""
HOUR_MS = 3_600_000
NOTED = ("running", "paused", "breached", "met", "missed", "counted", "cancelled")


class Promises:
    """The service levels in use, and the look at tickets that are due."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._newest: dict[str, LevelRow] = {}
        self._known: dict[int, Promised] = {}
        self._learnt_ms: int | None = None

    def level_of(self, level_id: int | None, now_ms: int) -> ServiceLevel | None:
        """The service level that a ticket keeps; None: nothing was promised."""
        promised = self._promised(level_id, now_ms)
        return None if promised is None else promised.level

    def step(self, now_ms: int) -> int:
        """Look at the tickets that are due; return how many."""
        store = self._engine.store
        due = store.tickets_due(now_ms, AT_ONCE)
        if not due:
            return 0
        self._learn(now_ms)
        new = [row.subject for row, log in due if not _is_promised(log)]
        homes = store.whereabouts(new) if new else {}
        steps: list[TicketStep] = []
        told: list[ClocksTold] = []
        for row, log in due:
            mine, clocks = self._look(row, log, homes, now_ms)
            steps += mine
            told.append(clocks)
        store.commit(stored.Batch(now_ms=now_ms, tickets=steps, clocks=told))
        return len(due)

    def _look(
        self, row: TicketRow, log: Sequence[Event], homes: Mapping[str, Whereabouts], now_ms: int
    ) -> tuple[list[TicketStep], ClocksTold]:
        steps: list[TicketStep] = []
        if not _is_promised(log):
            first = self._promise(row, homes.get(row.subject, Whereabouts()), now_ms)
            steps.append(first)
            log = [*log, Event(log[-1].id + 1, now_ms, ROBOT, first.verb, "", first.data)]
            level_id, reopens_ms = first.data["level_id"], first.data["reopens_ms"]
        else:
            level_id, reopens_ms = row.level_id, row.reopens_ms
        promised = self._promised(level_id, now_ms)
        if promised is None:
            return steps, ClocksTold(ticket=row.id, wake_at_ms=None)
        readings = promised.read(log, now_ms)
        tells = promised.due_to_tell(readings, log, now_ms)
        for tell in tells:
            told = _told(promised.level, tell)
            steps.append(TicketStep(ticket=row.id, at_ms=now_ms, verb=tell.verb, data=told))
            log = [*log, Event(log[-1].id + 1, now_ms, ROBOT, tell.verb, "", told)]
        closes_ms = _closes_ms(promised.level, row, log, reopens_ms)
        if closes_ms is not None and closes_ms <= now_ms:
            steps.append(TicketStep(ticket=row.id, at_ms=now_ms, verb="close"))
            closes_ms = None
        nexts = [at for at in (sla.wake_at(readings, log, now_ms), closes_ms) if at is not None]
        rows = tuple(_row(reading, tells, now_ms) for reading in readings if reading.state in NOTED)
        return steps, ClocksTold(ticket=row.id, wake_at_ms=min(nexts, default=None), clocks=rows)

    def _promise(self, row: TicketRow, home: Whereabouts, now_ms: int) -> TicketStep:
        level = self._newest.get(home.service_level or "")
        promised = None if level is None else self._promised(level.id, now_ms)
        rule = self._engine.book.at(row.subject, now_ms).rule(row.code) if row.subject[0] not in "@#" else None
        data: dict[str, Any] = {
            "level": None if level is None else level.level,
            "level_id": None if level is None else level.id,
            "hash": None if level is None else level.hash,
            **home._asdict(),
            "service_class": row.service_class,
            "severity": row.severity,
            "category": "" if rule is None else rule.category,
            "reopens_ms": 0 if promised is None else promised.level.reopen_hours * HOUR_MS,
        }
        return TicketStep(ticket=row.id, at_ms=now_ms, verb="promise", data=data)

    def _promised(self, level_id: int | None, now_ms: int) -> Promised | None:
        self._learn(now_ms)
        if level_id is None:
            return None
        if level_id not in self._known:
            row = self._engine.store.level(level_id)
            if row is None:
                return None
            self._known[level_id] = promised_from(row.body, self._engine.store.days_said(calendars_of(row.body)))
        return self._known[level_id]

    def _learn(self, now_ms: int) -> None:
        if self._learnt_ms is not None and 0 <= now_ms - self._learnt_ms < LEARN_EVERY_MS:
            return
        self._learnt_ms = now_ms
        self._newest = self._engine.store.newest_levels()
        self._known.clear()


def _is_promised(log: Iterable[Event]) -> bool:
    return any(event.verb == "promise" for event in log)


def _told(level: ServiceLevel, tell: Tell) -> dict[str, Any]:
    """What the log says of a warning or a breach, and who is to hear of it."""
    at = "breach" if tell.verb == "breach" else {50: "50", 80: "80"}.get(tell.percent, "promised")
    return {**tell.data, "tell": list(level.told(tell.clock, at))}  # type: ignore[arg-type]


def _closes_ms(level: ServiceLevel, row: TicketRow, log: Sequence[Event], reopens_ms: int) -> int | None:
    """When a ticket that was over by itself is closed; None: it is not."""
    standing = standing_of(log)
    if not level.auto_close or standing.state != "resolved" or standing.ending or row.resolved_ms is None:
        return None
    return row.resolved_ms + reopens_ms


def _row(reading: Reading, tells: Iterable[Tell], now_ms: int) -> ClockRow:
    is_new = any(tell.verb == "breach" and tell.clock == reading.clock for tell in tells)
    return ClockRow(
        reading.clock,
        reading.state,
        reading.start_ms,
        reading.due_ms,
        reading.promised_due_ms,
        reading.ended_ms,
        reading.elapsed_ms,
        reading.recorded_breach or is_new,
    )
