"""What could not be used: kept raw with its cause, within bounds; counted for ever; and who asked to be let in.

Everything here was said by strangers: texts are cut and cleaned, tables have a size, what is oldest goes first.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.store.sql import clean, json_text, many, run
from roundsman_wire.report import MESSAGE_LIMIT

ROWS_LIMIT = 1000
BYTES_LIMIT = 16 * 1024 * 1024
INBOX_LIMIT = 10_000
TEXT_LIMIT = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Quarantined:
    """Something that was refused: where it came in, from whom (empty: nobody knows), why, and its bytes."""

    at_ms: int
    topic: str
    agent: str
    cause: str
    detail: str
    raw: bytes


class QuarantineRow(NamedTuple):
    """As it is kept; `raw` holds at most the wire's limit of the `byte_count` bytes there were."""

    id: int
    at_ms: int
    topic: str
    agent: str
    cause: str
    detail: str
    raw: bytes
    byte_count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """Something happened `count` more times."""

    name: str
    cause: str
    at_ms: int
    count: int = 1
    example: str = ""


@dataclass(frozen=True, slots=True)
class CounterRow:
    """How often something happened, when last, and an example of it."""

    name: str
    cause: str
    count: int
    last_ms: int
    example: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Knock:
    """An agent, or a device of an agent (else empty), that the register does not know and that reported."""

    agent: str
    device: str
    at_ms: int
    count: int = 1
    what: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InboxRow:
    """Who asked to be let in, how often, and what it said of itself."""

    agent: str
    device: str
    first_ms: int
    last_ms: int
    count: int
    what: dict[str, Any]


def keep(
    connection: Connection,
    rows: Sequence[Quarantined],
    *,
    rows_limit: int = ROWS_LIMIT,
    bytes_limit: int = BYTES_LIMIT,
) -> None:
    """Add rows, and drop the oldest beyond the limits: counted as `quarantine`, `dropped`."""
    if not rows:
        return
    many(
        connection,
        "INSERT INTO quarantine (at_ms, topic, agent, cause, detail, raw, byte_count) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                row.at_ms,
                clean(row.topic, TEXT_LIMIT),
                clean(row.agent, TEXT_LIMIT),
                clean(row.cause, TEXT_LIMIT),
                clean(row.detail, TEXT_LIMIT),
                row.raw[:MESSAGE_LIMIT],
                len(row.raw),
            )
            for row in rows
        ],
    )
    dropped = _drop_oldest(connection, rows_limit, bytes_limit)
    if dropped:
        count(connection, [Count(name="quarantine", cause="dropped", at_ms=rows[-1].at_ms, count=dropped)])


def _drop_oldest(connection: Connection, rows_limit: int, bytes_limit: int) -> int:
    """Delete what is older than the newest that fit; at least the newest row stays."""
    sizes = run(connection, "SELECT id, length(raw) FROM quarantine ORDER BY id DESC").all()
    total = 0
    for place, (row_id, size) in enumerate(sizes):
        total += size
        if place and (place >= rows_limit or total > bytes_limit):
            return run(connection, "DELETE FROM quarantine WHERE id <= ?", row_id).rowcount
    return 0


def count(connection: Connection, counts: Sequence[Count]) -> None:
    """Add to counters."""
    many(
        connection,
        "INSERT INTO counter (name, cause, count, last_ms, example) VALUES (?, ?, ?, ?, ?) ON CONFLICT (name, cause) "
        "DO UPDATE SET count = counter.count + excluded.count, last_ms = excluded.last_ms, "
        "example = CASE WHEN excluded.example = '' THEN counter.example ELSE excluded.example END",
        [
            (
                clean(one.name, TEXT_LIMIT),
                clean(one.cause, TEXT_LIMIT),
                one.count,
                one.at_ms,
                clean(one.example, TEXT_LIMIT),
            )
            for one in counts
        ],
    )


def knock(connection: Connection, knocks: Sequence[Knock], *, limit: int = INBOX_LIMIT) -> None:
    """Note who asked to be let in; beyond the limit the longest quiet are forgotten."""
    if not knocks:
        return
    many(
        connection,
        "INSERT INTO inbox (agent, device, first_ms, last_ms, count, what) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (agent, device) DO UPDATE SET "
        "count = inbox.count + excluded.count, last_ms = excluded.last_ms, what = excluded.what",
        [(one.agent, one.device, one.at_ms, one.at_ms, one.count, json_text(dict(one.what))) for one in knocks],
    )
    beyond = int(run(connection, "SELECT count(*) FROM inbox").scalar_one()) - limit
    if beyond > 0:
        quiet = run(connection, "SELECT agent, device FROM inbox ORDER BY last_ms, agent, device LIMIT ?", beyond).all()
        many(connection, "DELETE FROM inbox WHERE agent = ? AND device = ?", [tuple(row) for row in quiet])


def quarantined(connection: Connection, limit: int) -> list[QuarantineRow]:
    """What was refused, the newest first."""
    found = run(
        connection,
        "SELECT id, at_ms, topic, agent, cause, detail, raw, byte_count FROM quarantine ORDER BY id DESC LIMIT ?",
        limit,
    )
    return [QuarantineRow(*row) for row in found]


def counters(connection: Connection) -> list[CounterRow]:
    """All counters, by name and cause."""
    found = run(connection, "SELECT name, cause, count, last_ms, example FROM counter ORDER BY name, cause")
    return [CounterRow(*row) for row in found]


def settled(connection: Connection, agent: str, device: str) -> bool:
    """Take an entry out of the inbox; False: it is not there (any more)."""
    gone = run(connection, "DELETE FROM inbox WHERE agent = ? AND device = ?", agent, device)
    return gone.rowcount == 1


def inbox(connection: Connection, limit: int) -> list[InboxRow]:
    """Who asked to be let in, the latest first."""
    found = run(
        connection,
        "SELECT agent, device, first_ms, last_ms, count, what FROM inbox ORDER BY last_ms DESC, agent, device LIMIT ?",
        limit,
    )
    return [replace(InboxRow(*row), what=json.loads(row[5])) for row in found]
