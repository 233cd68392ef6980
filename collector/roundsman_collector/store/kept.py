"""How promises were kept: the tickets of a period with their clocks, as core/kept.py counts them.

    found(connection, KeptAsked(scope=..., from_ms=..., to_ms=..., now_ms=..., by="contract")) -> KeptFound
    behind(connection, asked, Behind(clock="repair", stands="missed"), before_id=None, limit=50)    tickets of a number

Clocks are counted by the database, as the engine saw them last (ticket_clock). What only a log tells is read from the
lines that matter, for some hundred tickets at a time: of a year there lie in memory only the times of repairs.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from sqlalchemy import Connection

from roundsman_collector.core import kept
from roundsman_collector.core.kept import AGAIN_MS, FOLLOW_UP, LEFT_OUT, OUR_WORK, SOLVING, Asks, Known, Tally
from roundsman_collector.core.level import Facts, ServiceLevel
from roundsman_collector.core.ticket_log import Event, happened_ms
from roundsman_collector.roles import Scope
from roundsman_collector.rules.levels import file_from, level_of
from roundsman_collector.store import levels, reach
from roundsman_collector.store.sql import chunks, look, marks, quoted, run
from roundsman_collector.store.tickets import TicketRow, read

By = Literal["", "contract", "engineer", "zone", "source"]
GROUPINGS: tuple[By, ...] = get_args(By)
"""What tickets are grouped by; all together by ""."""
NONE = "~none"
"""In a filter: those that have no contract, that nobody was sent for, whose zone nobody knows."""
NARROWED = ("contract", "engineer", "zone", "site", "customer", "source")
STANDS: Mapping[str, str] = {
    "met": "ticket_clock.state = 'met'",
    "missed": "ticket_clock.state = 'missed'",
    "breached": "ticket_clock.state = 'breached'",
    "running": "ticket_clock.state IN ('running', 'paused')",
    "counted": "ticket_clock.state = 'counted'",
    "cancelled": "ticket_clock.state = 'cancelled'",
    "recorded": "ticket_clock.is_breached AND ticket_clock.state NOT IN ('missed', 'breached')",
}
"""The clocks behind each number of core.kept.STANDS."""
JUDGED = f"ticket.state NOT IN ({quoted(LEFT_OUT)})"
AT_ONCE = 500
FIRST = 0
LAST = 2**62


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptAsked:
    """Tickets that were opened in [from, to), as far as the scope reaches; of one contract, engineer, zone, site,
    customer, source, if named (NONE: of none). Site and customer are those that it was opened for."""

    scope: Scope
    from_ms: int
    to_ms: int
    now_ms: int
    by: By = ""
    contract: str = ""
    engineer: str = ""
    zone: str = ""
    site: str = ""
    customer: str = ""
    source: str = ""


class LeftOut(NamedTuple):
    """Tickets that are in no figure, by their state; `breached`: how many of them record a breach."""

    state: str
    tickets: int
    breached: int


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptFound:
    """What was found: clocks that stand alike, and core.kept.COUNTS by group."""

    tallies: tuple[Tally, ...] = ()
    counts: Mapping[str | None, Mapping[str, int]] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Behind:
    """Of which number the tickets are wanted: a clock that stands so, a count, or a state that is left out."""

    clock: str = ""
    stands: str = ""
    count: str = ""
    left_out: str = ""


def found(connection: Connection, asked: KeptAsked) -> KeptFound:
    """Everything about the tickets of a period."""
    known = _Levels(connection)
    counts: dict[str | None, Counter[str]] = defaultdict(Counter)
    for key, _, told in _counted(connection, asked, known):
        counts[key].update(told)
    return KeptFound(
        tallies=(*_tallies(connection, asked), *_of_means(connection, asked, known)),
        counts={key: dict(told) for key, told in counts.items()},
        left_out=_left_out(connection, asked),
    )


def behind(
    connection: Connection, asked: KeptAsked, wanted: Behind, *, before_id: int | None, limit: int
) -> list[TicketRow]:
    """The tickets behind a number, the newest first, older than `before_id`."""
    where, values = conditions(asked)
    last = LAST if before_id is None else before_id
    if wanted.count:
        ids: list[int] = []
        told_of = _counted(
            connection,
            asked,
            _Levels(connection),
            newest_first=True,
            last=last,
            needs_repairs=wanted.count == "mended_again",
        )
        for _, ticket_id, told in told_of:
            if wanted.count in told:
                ids.append(ticket_id)
            if len(ids) >= limit:
                break
        rows = [row for part in chunks(ids) for row in read(connection, f"id IN ({marks(len(part))})", part, len(part))]
        return sorted(rows, key=lambda row: -row.id)
    if wanted.left_out:
        where = f"{where} AND ticket.state = ?"
        values = [*values, wanted.left_out]
    else:
        clock = f"ticket_clock.ticket_id = ticket.id AND ticket_clock.clock = ? AND {STANDS[wanted.stands]}"
        where = f"{where} AND {JUDGED} AND EXISTS (SELECT 1 FROM ticket_clock WHERE {clock})"
        values = [*values, wanted.clock]
    return read(connection, f"{where} AND ticket.id < ? ORDER BY ticket.id DESC", [*values, last], limit)


# --- what is asked ---------------------------------------------------------------------------------------------------


def conditions(asked: KeptAsked) -> reach.Condition:
    """The tickets that are meant, voided ones, too, but not our own work: a condition on `ticket`, and its values."""
    reached, values = reach.subjects_within(asked.scope)
    parts = ["ticket.opened_ms >= ?", "ticket.opened_ms < ?", f"ticket.code NOT IN ({quoted(OUR_WORK)})", reached]
    values = [asked.from_ms, asked.to_ms, *values]
    for name in NARROWED:
        said = getattr(asked, name)
        if said == NONE:
            parts.append(f"ticket.{name} IS NULL")
        elif said:
            parts.append(f"ticket.{name} = ?")
            values.append(said)
    return " AND ".join(parts), values


# --- clocks ----------------------------------------------------------------------------------------------------------


def _tallies(connection: Connection, asked: KeptAsked) -> Iterator[Tally]:
    """All clocks but those of means."""
    where, values = conditions(asked)
    names = [*_key(asked), "ticket_clock.clock", "ticket_clock.state", "ticket_clock.is_breached"]
    sql = (
        f"SELECT {', '.join(names)}, count(*), CAST(SUM(ticket_clock.elapsed_ms) AS BIGINT) FROM ticket "
        f"JOIN ticket_clock ON ticket_clock.ticket_id = ticket.id "
        f"WHERE {where} AND {JUDGED} AND ticket_clock.state <> 'counted' GROUP BY {', '.join(names)}"
    )
    for row in run(connection, sql, *values):
        key, (clock, state, is_breached, tickets, elapsed_ms) = _split(asked, row)
        yield Tally(key, clock, state, bool(is_breached), None, tickets, elapsed_ms)


def _of_means(connection: Connection, asked: KeptAsked, known: "_Levels") -> Iterator[Tally]:
    """Clocks of means, with what their service level wants of the mean."""
    where, values = conditions(asked)
    facts = ("level_id", "severity", "service_class", "zone")
    names = [
        *_key(asked),
        "ticket_clock.clock",
        "ticket_clock.is_breached",
        *(f"ticket.{name}" for name in facts),
    ]
    sql = (
        f"SELECT {', '.join(names)}, count(*), CAST(SUM(ticket_clock.elapsed_ms) AS BIGINT) FROM ticket "
        f"JOIN ticket_clock ON ticket_clock.ticket_id = ticket.id "
        f"WHERE {where} AND {JUDGED} AND ticket_clock.state = 'counted' GROUP BY {', '.join(dict.fromkeys(names))}"
    )
    for row in run(connection, sql, *values):
        key, (clock, is_breached, level_id, severity, service_class, zone, tickets, elapsed_ms) = _split(asked, row)
        level = known.level(level_id)
        said = Facts(severity=severity, service_class=service_class, zone=zone or "")
        target_ms = None if level is None else kept.mean_target_ms(level, clock, said)
        yield Tally(key, clock, "counted", bool(is_breached), target_ms, tickets, elapsed_ms)


def _key(asked: KeptAsked) -> list[str]:
    return [f"ticket.{asked.by}"] if asked.by else []


def _split(asked: KeptAsked, row: Sequence[Any]) -> tuple[str | None, Sequence[Any]]:
    """The group of a row, and the rest."""
    return (row[0], row[1:]) if asked.by else (None, row)


def _left_out(connection: Connection, asked: KeptAsked) -> tuple[LeftOut, ...]:
    where, values = conditions(asked)
    is_breached = "EXISTS (SELECT 1 FROM ticket_clock WHERE ticket_clock.ticket_id = ticket.id AND is_breached)"
    sql = (
        "SELECT told.state, count(*), CAST(SUM(told.breached) AS BIGINT) FROM ("
        f"SELECT ticket.state AS state, CASE WHEN {is_breached} THEN 1 ELSE 0 END AS breached FROM ticket "
        f"WHERE {where} AND ticket.state IN ({quoted(LEFT_OUT)})) AS told GROUP BY told.state"
    )
    rows = {row[0]: LeftOut(*row) for row in run(connection, sql, *values)}
    return tuple(rows[state] for state in LEFT_OUT if state in rows)


# --- logs ------------------------------------------------------------------------------------------------------------


class _Some(NamedTuple):
    """What is needed of a ticket's row."""

    id: int
    subject: str
    component: str
    state: str
    opened_ms: int
    level_id: int | None
    key: str | None


def _counted(
    connection: Connection,
    asked: KeptAsked,
    known: "_Levels",
    *,
    newest_first: bool = False,
    last: int = LAST,
    needs_repairs: bool = True,
) -> Iterator[tuple[str | None, int, dict[str, int]]]:
    """What each ticket adds to the figures: its group, its id, its counts."""
    where, values = conditions(asked)
    key = f"ticket.{asked.by}" if asked.by else "CAST(NULL AS TEXT)"
    columns = f"ticket.id, ticket.subject, ticket.component, ticket.state, ticket.opened_ms, ticket.level_id, {key}"
    beyond, order, at = ("<", "DESC", last) if newest_first else (">", "ASC", FIRST)
    sql = (
        f"SELECT {columns} FROM ticket WHERE {where} AND {JUDGED} AND ticket.id {beyond} ? "
        f"ORDER BY ticket.id {order} LIMIT {AT_ONCE}"
    )
    mended = _mended(connection, asked) if needs_repairs else {}
    while rows := [_Some(*row) for row in look(connection, sql, *values, at)]:
        ids = [row.id for row in rows]
        logs, late = _logs(connection, ids), _late(connection, ids)
        for row in rows:
            others = mended.get((row.subject, row.component), {})
            told = kept.counts_of(
                logs.get(row.id, ()),
                Known(
                    state=row.state,
                    opened_ms=row.opened_ms,
                    asks=known.asks(row.level_id),
                    late=frozenset(late.get(row.id, ())),
                    mended_ms=[at_ms for ticket_id, times in others.items() if ticket_id != row.id for at_ms in times],
                ),
                asked.now_ms,
            )
            yield row.key, row.id, told
        at = rows[-1].id


def _logs(connection: Connection, ids: Sequence[int]) -> dict[int, list[Event]]:
    """The lines that matter. The first line of a log holds evidence, and matters only where a ticket took over."""
    told = [verb for verb in kept.VERBS if verb != "open"]
    sql = (
        "SELECT ticket_id, id, at_ms, who, verb, data FROM ticket_event "
        f"WHERE ticket_id IN ({marks(len(ids))}) AND (verb IN ({quoted(told)}) OR (verb = 'open' AND data LIKE ?)) "
        "ORDER BY id"
    )
    found: dict[int, list[Event]] = defaultdict(list)
    for ticket_id, event_id, at_ms, who, verb, data in look(connection, sql, *ids, '%"carried"%'):
        found[ticket_id].append(Event(event_id, at_ms, who, verb, "", json.loads(data)))
    return found


def _late(connection: Connection, ids: Sequence[int]) -> dict[int, list[str]]:
    """The clocks of repair that run late, and those of follow-ups that are or were."""
    sql = (
        f"SELECT ticket_id, clock FROM ticket_clock WHERE ticket_id IN ({marks(len(ids))}) AND "
        f"((clock IN ({quoted(SOLVING)}) AND state = 'breached') OR "
        "(clock = ? AND state IN ('breached', 'missed')))"
    )
    found: dict[int, list[str]] = defaultdict(list)
    for ticket_id, clock in look(connection, sql, *ids, FOLLOW_UP):
        found[ticket_id].append(clock)
    return found


Part = tuple[str, str]


def _mended(connection: Connection, asked: KeptAsked) -> dict[Part, dict[int, list[int]]]:
    """When parts were mended by several tickets, from 30 days before the period on: by part, by ticket.

    Of a site (`#`) nobody knows which of its devices it was: there is no part that could be mended again.
    """
    sql = (
        "SELECT ticket.subject, ticket.component, ticket.id, ticket_event.id, ticket_event.at_ms, ticket_event.data "
        "FROM ticket JOIN ticket_event ON ticket_event.ticket_id = ticket.id "
        f"WHERE ticket_event.verb = 'fix' AND ticket_event.at_ms >= ? AND ticket.opened_ms < ? AND {JUDGED}"
    )
    found: dict[Part, dict[int, list[int]]] = {}
    for subject, component, ticket_id, event_id, at_ms, data in look(
        connection, sql, max(0, asked.from_ms - AGAIN_MS), asked.to_ms
    ):
        if not subject.startswith("#"):
            fixed_ms = happened_ms(Event(event_id, at_ms, "", "fix", "", json.loads(data)))
            found.setdefault((subject, component), {}).setdefault(ticket_id, []).append(fixed_ms)
    return {part: tickets for part, tickets in found.items() if len(tickets) > 1}


class _Levels:
    """The versions of service levels that tickets keep, each read once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[int, tuple[ServiceLevel, Asks]] = {}

    def level(self, level_id: int | None) -> ServiceLevel | None:
        """A service level; None where nothing was promised."""
        found = self._of(level_id)
        return None if found is None else found[0]

    def asks(self, level_id: int | None) -> Asks:
        """What it asks for after a repair."""
        found = self._of(level_id)
        return kept.NOTHING_PROMISED if found is None else found[1]

    def _of(self, level_id: int | None) -> tuple[ServiceLevel, Asks] | None:
        if level_id is None:
            return None
        if level_id not in self._known:
            row = levels.one(self._connection, level_id)
            if row is None:
                return None
            level = level_of(file_from(row.body, source="service_level"))
            self._known[level_id] = level, kept.asks_of(level)
        return self._known[level_id]
