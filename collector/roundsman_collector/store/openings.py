"""New tickets, all of a batch at once: their numbers, their rows, the first line of each log.

    numbers = Numbers(connection, 250)              set aside; rolled back, they were never given
    write(connection, [TicketOpen(...), ...], numbers) -> [(id, number), ...]
    going_on(connection, [TicketOpen(...), ...])    {(subject, code)} of faults that may go on with a ticket there is

A thousand sites that lose power together are a thousand tickets: no statement is run for each of them alone.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from roundsman_collector.core.lifecycle import LIVE
from roundsman_collector.store import series
from roundsman_collector.store.sql import chunks, clean, json_text, many, marks, quoted, run

if TYPE_CHECKING:
    from roundsman_collector.store.tickets import TicketOpen

SERIES = "ticket"
TEXT_LIMIT = 4000
MAY_GO_ON = f"state IN ({quoted((*LIVE, 'resolved'))})"
INSERT = (
    "INSERT INTO ticket (number, subject, agent_no, component, code, severity, service_class, state, "
    "fault_from_ms, opened_ms, opened_late, outcome, source, watched, wake_at_ms, arrival_ms) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, 'open', ?, ?, ?, '', ?, ?, ?, ?)"
)
INSERT_LINE = "INSERT INTO ticket_event (ticket_id, at_ms, who, verb, text, data) VALUES (?, ?, ?, ?, ?, ?)"


class Numbers:
    """Numbers of the series, taken in the caller's transaction: rolled back, they were never given. Those that were
    set aside and not needed go back."""

    def __init__(self, connection: Connection, count: int) -> None:
        self._connection = connection
        self._spare = count
        self._next = _allocate(connection, count)
        self._mark = series.mark(connection) if count else ""

    def next(self, year: int) -> str:
        """The next number, of a year."""
        number = f"{year:04d}-{self._mark}{self._next:06d}"
        self._next, self._spare = self._next + 1, self._spare - 1
        return number

    def keep(self) -> None:
        """Give back what was not needed."""
        if self._spare:
            sql = "UPDATE series SET next = next - ? WHERE name = ?"
            run(self._connection, sql, self._spare, SERIES)


def _allocate(connection: Connection, count: int) -> int:
    """The first of `count` numbers."""
    if not count:
        return 0
    run(
        connection,
        "INSERT INTO series (name, next) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET next = series.next + ?",
        SERIES,
        1 + count,
        count,
    )
    return int(run(connection, "SELECT next FROM series WHERE name = ?", SERIES).scalar_one()) - count


def going_on(connection: Connection, new: Iterable["TicketOpen"]) -> set[tuple[str, str]]:
    """Subject and code of every ticket with which one of these faults might go on: which does, tickets.py looks."""
    subjects = sorted({one.subject for one in new if one.watched})
    found: set[tuple[str, str]] = set()
    for part in chunks(subjects):
        sql = f"SELECT DISTINCT subject, code FROM ticket WHERE subject IN ({marks(len(part))}) AND {MAY_GO_ON}"
        found.update((row[0], row[1]) for row in run(connection, sql, *part))
    return found


def write(connection: Connection, new: Sequence["TicketOpen"], numbers: Numbers) -> list[tuple[int, str]]:
    """Write new tickets and the first lines of their logs; their ids and numbers, in their order."""
    given = [numbers.next(one.year) for one in new]
    many(connection, INSERT, [_row(one, number) for one, number in zip(new, given, strict=True)])
    ids: dict[str, int] = {}
    for part in chunks(given):
        ids.update(run(connection, f"SELECT number, id FROM ticket WHERE number IN ({marks(len(part))})", *part).all())
    lines = [
        (
            ids[number],
            one.opened_ms,
            clean(one.who, 160),
            "open",
            clean(one.text, TEXT_LIMIT),
            json_text(dict(one.data)),
        )
        for one, number in zip(new, given, strict=True)
    ]
    many(connection, INSERT_LINE, lines)
    return [(ids[number], number) for number in given]


def _row(new: "TicketOpen", number: str) -> tuple[object, ...]:
    return (
        number,
        new.subject,
        new.agent_no,
        new.component,
        new.code,
        new.severity,
        new.service_class,
        new.fault_from_ms,
        new.opened_ms,
        new.opened_late,
        new.source,
        new.watched,
        new.opened_ms,
        new.data.get("arrival_ms"),
    )
