"""The audit log: who did what to what, from where, and what it was before and after. Rows are only ever added."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.store.sql import clean, json_text, many, run

TEXT_LIMIT = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Deed:
    """Who does something, when, and from which address; handed to every change that people make."""

    who: str
    at_ms: int
    address: str = ""


class AuditRow(NamedTuple):
    """As it is kept. `before` None: it was not there; `after` None: it is gone, or nothing changed."""

    id: int
    at_ms: int
    who: str
    address: str
    verb: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def add(
    connection: Connection,
    deed: Deed,
    verb: str,
    subject: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Add a row, in the transaction of what it tells of. Secrets do not belong into `before` and `after`."""
    add_all(connection, deed, [(verb, subject, before, after)])


Told = Mapping[str, Any] | None


def add_all(connection: Connection, deed: Deed, told: Iterable[tuple[str, str, Told, Told]]) -> None:
    """Add many rows of one deed: verb, subject, before, after."""
    many(
        connection,
        "INSERT INTO audit (at_ms, who, address, verb, subject, before, after) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                deed.at_ms,
                clean(deed.who, TEXT_LIMIT),
                clean(deed.address, TEXT_LIMIT),
                clean(verb, TEXT_LIMIT),
                clean(subject, TEXT_LIMIT),
                None if before is None else json_text(dict(before)),
                None if after is None else json_text(dict(after)),
            )
            for verb, subject, before, after in told
        ],
    )


SEEN = "numbers.seen"
DAY_MS = 86_400_000


def seen(connection: Connection, deed: Deed, subject: str) -> int:
    """Write down that whole numbers of people or cards were shown, once for each person, subject and day; until when
    it stands."""
    day_ms = deed.at_ms - deed.at_ms % DAY_MS
    known = run(
        connection,
        "SELECT 1 FROM audit WHERE subject = ? AND who = ? AND verb = ? AND at_ms >= ? LIMIT 1",
        *(clean(subject, TEXT_LIMIT), clean(deed.who, TEXT_LIMIT), SEEN, day_ms),
    ).first()
    if known is None:
        add(connection, deed, SEEN, subject)
    return day_ms + DAY_MS


def rows(
    connection: Connection, *, before_id: int | None, limit: int, who: str | None = None, subject: str | None = None
) -> list[AuditRow]:
    """The log, the newest first: of one person, or about one subject, if named."""
    where, values = ["id < ?"], list[object]([2**62 if before_id is None else before_id])
    for column, wanted in (("who", who), ("subject", subject)):
        if wanted is not None:
            where.append(f"{column} = ?")
            values.append(wanted)
    found = run(
        connection,
        "SELECT id, at_ms, who, address, verb, subject, before, after FROM audit "
        f"WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ?",
        *values,
        limit,
    )
    return [AuditRow(*row)._replace(before=_read(row[6]), after=_read(row[7])) for row in found]


def _read(text: str | None) -> dict[str, Any] | None:
    return None if text is None else json.loads(text)
