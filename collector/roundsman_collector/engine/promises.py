"""What contracts promise, and whether it is kept: the tickets that are due for a look, a commit for each slice of them.

    promises.level_of(ticket's level_id)       what it keeps
    promises.step(now_ms)                      tickets whose `wake_at_ms` is over: promise, warn, breach, verify, close

A new ticket wakes at once and gets its `promise`: where its subject stands, and which version of which service level
counts for it from now on. Every later look reads its clocks off its log (core/sla.py), writes what has to be told, and
says when it is to be looked at next. A ticket that is over by itself is closed when nothing can open it again, where
the service level lets it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import structlog

from roundsman_collector.core import sla
from roundsman_collector.core.level import ServiceLevel
from roundsman_collector.core.lifecycle import standing_of
from roundsman_collector.core.model import DOWN, UP
from roundsman_collector.core.sla import Reading, Tell
from roundsman_collector.core.ticket_log import ROBOT, Event
from roundsman_collector.rules.promised import Promised, calendars_of, promised_from
from roundsman_collector.store import batch as stored
from roundsman_collector.store.errors import StoreError
from roundsman_collector.store.levels import LevelRow, Whereabouts
from roundsman_collector.store.ticket_clocks import ClockRow, ClocksTold
from roundsman_collector.store.tickets import TicketRow, TicketStep

if TYPE_CHECKING:
    from roundsman_collector.engine.engine import Engine

logger = structlog.get_logger(__name__)

AT_ONCE = 500
LEARN_EVERY_MS = 60_000
"""So often it is asked whether levels and calendars have changed."""
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
PROOF_MS = 10 * MINUTE_MS
"""So long a device works after the repair of a fault that people reported, until that proves it."""
DOUBT_MS = 60 * MINUTE_MS
"""So long after a repair the readings may disagree before that is said."""
OURS = "plan"
"""Tickets of this source are about our own work: no customer was promised anything of them."""
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

    def forget(self) -> None:
        """Levels or calendars have changed: ask again."""
        self._learnt_ms = None

    def step(self, now_ms: int) -> int:
        """Look at the tickets that are due; return how many."""
        store = self._engine.store
        due = store.tickets_due(now_ms, AT_ONCE)
        if not due:
            return 0
        self._learn(now_ms)
        new = [row.subject for row, log in due if not _is_promised(log)]
        homes = store.whereabouts(new) if new else {}
        self._tell(due, homes, now_ms)
        return len(due)

    def _tell(
        self, due: Sequence[tuple[TicketRow, list[Event]]], homes: Mapping[str, Whereabouts], now_ms: int
    ) -> None:
        """Look at these tickets and write what there is to tell. One that makes that fail is found by halving, and put
        off: it keeps nobody else's clocks from being told."""
        try:
            looked = [self._look(row, log, homes, now_ms) for row, log in due]
            steps = [step for mine, _ in looked for step in mine]
            self._engine.store.commit(
                stored.Batch(now_ms=now_ms, tickets=steps, clocks=[clocks for _, clocks in looked])
            )
        except Exception as error:
            if isinstance(error, StoreError) and error.again:
                raise
            if len(due) == 1:
                self._put_off(due[0][0], error, now_ms)
                return
            half = len(due) // 2
            self._tell(due[:half], homes, now_ms)
            self._tell(due[half:], homes, now_ms)

    def _put_off(self, row: TicketRow, error: Exception, now_ms: int) -> None:
        """A person who looks at how it goes sees it (ticket_put_off), until a look goes well."""
        cause = f"{type(error).__name__}: {error}"
        logger.error(
            "the clocks of a ticket cannot be read; it is tried again in an hour",
            ticket=row.number,
            cause=cause[:300],
            exc_info=error,
        )
        later = ClocksTold(ticket=row.id, wake_at_ms=now_ms + HOUR_MS, error=cause)
        self._engine.store.commit(stored.Batch(now_ms=now_ms, clocks=[later]))

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
        readings, tells, wake_ms = ((), (), None) if promised is None else promised.look(log, now_ms)
        for tell in tells:
            assert promised is not None, "a clock is of a service level"
            told = _told(promised.level, tell)
            steps.append(TicketStep(ticket=row.id, at_ms=now_ms, verb=tell.verb, data=told))
            log = [*log, Event(log[-1].id + 1, now_ms, ROBOT, tell.verb, "", told)]
        nexts = [wake_ms]
        for verb, at_ms, evidence in self._dues(
            None if promised is None else promised.level, row, log, reopens_ms, now_ms
        ):
            if at_ms > now_ms:
                nexts.append(at_ms)
            else:
                steps.append(TicketStep(ticket=row.id, at_ms=now_ms, verb=verb, data=evidence))
        rows = tuple(_row(reading, tells, now_ms) for reading in readings if reading.state in NOTED)
        wake_at_ms = min((at_ms for at_ms in nexts if at_ms is not None), default=None)
        return steps, ClocksTold(ticket=row.id, wake_at_ms=wake_at_ms, clocks=rows)

    def _dues(
        self, level: ServiceLevel | None, row: TicketRow, log: Sequence[Event], reopens_ms: int, now_ms: int
    ) -> Iterable[tuple[str, int, dict[str, Any]]]:
        """What is to be done with a ticket beside its clocks: verb, when, and what the readings say of it."""
        if row.state not in ("fixed", "resolved"):
            return
        standing = standing_of(log)
        if standing.state == "fixed":
            yield from self._proof(row, log, now_ms)
        if level is None:
            return
        if level.auto_close and standing.state == "resolved" and not standing.ending and row.resolved_ms is not None:
            yield "close", row.resolved_ms + reopens_ms, {}
        call_ms = sla.call_back_ms(level, log) if standing.state == "resolved" else None
        if call_ms is not None and log[-1].verb != "call_back":
            begin_ms = call_ms - level.call_back_minutes * MINUTE_MS
            yield "call_back", call_ms, self._worked(row, begin_ms, call_ms) if call_ms <= now_ms else {}

    def _proof(self, row: TicketRow, log: Sequence[Event], now_ms: int) -> Iterable[tuple[str, int, dict[str, Any]]]:
        """Whether readings prove a repair. Where evidence watches the fault, its end does (store/tickets.py); here they
        disagree after a while, or the device of a fault that a person reported works on."""
        fixed_ms = max(event.at_ms for event in log if event.verb == "fix")
        if any(event.verb == "doubt" and event.at_ms >= fixed_ms for event in log):
            return
        if row.watched:
            yield "doubt", fixed_ms + DOUBT_MS, {}
        elif row.subject[0] not in "@#":
            at_ms = max(fixed_ms + PROOF_MS, now_ms)
            worked = self._worked(row, at_ms - PROOF_MS, at_ms) if at_ms <= now_ms else {}
            if not worked or worked["up_ms"] == PROOF_MS:
                yield "verify", at_ms, worked
            elif now_ms - fixed_ms < DOUBT_MS:
                yield "verify", now_ms + PROOF_MS, {}
            else:
                yield "doubt", now_ms, worked

    def _worked(self, row: TicketRow, from_ms: int, to_ms: int) -> dict[str, Any]:
        """What the ledger says of a device in a stretch of time: milliseconds up, down and unknown."""
        told: dict[str, Any] = {
            "from_ms": from_ms,
            "to_ms": to_ms,
            "up_ms": 0,
            "down_ms": 0,
            "unknown_ms": to_ms - from_ms,
        }
        if row.subject[0] in "@#":
            return told
        for one in self._engine.store.intervals(row.subject, from_ms, to_ms):
            end_ms = to_ms if one.event_to_ms is None else min(one.event_to_ms, to_ms)
            lasted_ms = end_ms - max(one.event_from_ms, from_ms)
            if one.state in (UP, DOWN) and lasted_ms > 0:
                told[f"{one.state}_ms"] += lasted_ms
                told["unknown_ms"] -= lasted_ms
        return told

    def _promise(self, row: TicketRow, home: Whereabouts, now_ms: int) -> TicketStep:
        level = None if row.source == OURS else self._newest.get(home.service_level or "")
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
