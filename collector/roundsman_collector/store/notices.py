"""The outbox: what is to be told to whom, written in the transaction of what it tells of.

    state      new        waits for the delivery (wake_at_ms: not before)
               sent       the other end has taken it
               dead       it could not be told; a person may try again
               gathered   a digest tells of it: too many at once, or a way that is told by the day
               over       nobody needs it any more: the ticket is over, or somebody has answered
    held       why a new one waits, beside failing: `old` (hearers.py), `answer` (perhaps somebody answers), `quiet`
               (the way's quiet hours), `daily` (it is told once a day)
    passes     it is told in quiet hours too, and not only once a day: whoever hears it is on duty

What is told is said in news.py, who hears of it in hearers.py, what is sent when in outbox.py. A notice has a key that
is unique on its way (`opened:17`), so that nothing is told twice for one happening. What is told again until somebody
answers is a notice of its own (`opened:17~2`), written when the one before was told.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.store import audit, ways
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.errors import conflict
from roundsman_collector.store.sql import clean, json_text, marks, run

State = Literal["new", "sent", "dead", "gathered", "over"]
STATES: tuple[State, ...] = ("new", "sent", "dead", "gathered", "over")
TEST = "test"
DIGEST = "digest"
TEXT_LIMIT = 500
Held = Literal["", "old", "answer", "quiet", "daily"]


class NoticeRow(NamedTuple):
    """A notice as it is kept. `body` holds the facts at the time of the event; see hearers.py.

    `subject`: the ticket's, or empty. `tries`: how often it was tried. `error`: what the last try met, or nothing.
    `due_ms`: since when it might be told (None: since it was made); it is tried for some days from then on.
    """

    id: int
    way: int
    key: str
    event: str
    subject: str
    body: dict[str, Any]
    made_ms: int
    state: State
    tries: int
    wake_at_ms: int | None
    done_ms: int | None
    error: str
    ticket_id: int | None = None
    severity: str = ""
    held: Held = ""
    due_ms: int | None = None
    passes: bool = False


COLUMNS = ", ".join(NoticeRow._fields)
BODY = NoticeRow._fields.index("body")
PASSES = NoticeRow._fields.index("passes")
INSERT = (
    "INSERT INTO notice "
    "(way, key, event, subject, body, made_ms, state, tries, wake_at_ms, error, ticket_id, severity, held, due_ms, "
    "passes) VALUES (?, ?, ?, ?, ?, ?, 'new', 0, ?, '', ?, ?, ?, ?, ?) ON CONFLICT (way, key) DO NOTHING"
)


# --- for people ------------------------------------------------------------------------------------------------------


def rows(
    connection: Connection,
    *,
    states: Sequence[str] = (),
    way: int | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> list[NoticeRow]:
    """The outbox, the newest first."""
    where, values = ["id < ?"], list[object]([2**62 if before_id is None else before_id])
    if states:
        where.append(f"state IN ({marks(len(states))})")
        values += states
    if way is not None:
        where.append("way = ?")
        values.append(way)
    return read(connection, f"{' AND '.join(where)} ORDER BY id DESC", values, limit)


def one(connection: Connection, notice: int) -> NoticeRow | None:
    """A notice."""
    return next(iter(read(connection, "id = ?", [notice], 1)), None)


def read(connection: Connection, where: str, values: Sequence[object], limit: int) -> list[NoticeRow]:
    """Notices that match; `where` is a condition of this package's own making."""
    found = run(connection, f"SELECT {COLUMNS} FROM notice WHERE {where} LIMIT ?", *values, limit)
    return [NoticeRow(*row)._replace(body=json.loads(row[BODY]), passes=bool(row[PASSES])) for row in found]


def count(connection: Connection) -> dict[str, int]:
    """How many notices wait and how many are dead."""
    found: dict[str, int] = {}
    for state in ("new", "dead"):
        found[state] = int(run(connection, "SELECT count(*) FROM notice WHERE state = ?", state).scalar_one())
    return found


def count_by_way(connection: Connection) -> dict[int, dict[str, int]]:
    """How many notices wait and how many are dead, by way; tests do not count. A way without any is not there."""
    sql = (
        "SELECT way, state, count(*) FROM notice "
        f"WHERE state IN ('new', 'dead') AND event <> '{TEST}' GROUP BY way, state"
    )
    found: dict[int, dict[str, int]] = {}
    for way, state, number in run(connection, sql):
        found.setdefault(int(way), {"new": 0, "dead": 0})[str(state)] = int(number)
    return found


def add_test(connection: Connection, way: int, deed: Deed) -> int:
    """A notice that says only that telling works; its id."""
    _must_be_used(connection, way)
    audit.add(connection, deed, "way.test", str(way))
    return add(
        connection, way, f"{TEST}:{secrets.token_hex(8)}", TEST, {"who": clean(deed.who, TEXT_LIMIT)}, deed.at_ms
    )


def add(connection: Connection, way: int, key: str, event: str, body: Mapping[str, Any], now_ms: int) -> int:
    """A notice that is about no single ticket; its id."""
    sql = INSERT.partition(" ON CONFLICT")[0] + " RETURNING id"
    values = (way, key, event, "", json_text(dict(body)), now_ms, now_ms, None, "", "", now_ms, False)
    return int(run(connection, sql, *values).scalar_one())


def retry(connection: Connection, notice: int, deed: Deed) -> None:
    """Try a dead notice again, now."""
    found = one(connection, notice)
    if found is None:
        raise conflict(f"there is no notice {notice}", "notice", "look at the list of dead notices")
    if found.state != "dead":
        raise conflict(f"notice {notice} is {found.state}, not dead", "notice", "only what is dead is tried again")
    _must_be_used(connection, found.way)
    run(
        connection,
        "UPDATE notice SET state = 'new', tries = 0, wake_at_ms = ?, due_ms = ?, held = '', done_ms = NULL "
        "WHERE id = ?",
        deed.at_ms,
        deed.at_ms,
        notice,
    )
    audit.add(connection, deed, "notice.retry", str(notice), before={"error": found.error, "tries": found.tries})


def retry_all(connection: Connection, way: int, deed: Deed) -> int:
    """Try everything again that is dead on a way, but for tests; return how many they are."""
    _must_be_used(connection, way)
    dead = run(
        connection,
        "UPDATE notice SET state = 'new', tries = 0, wake_at_ms = ?, due_ms = ?, held = '', done_ms = NULL "
        f"WHERE way = ? AND state = 'dead' AND event <> '{TEST}'",
        deed.at_ms,
        deed.at_ms,
        way,
    )
    audit.add(connection, deed, "way.retry", str(way), after={"notices": dead.rowcount})
    return dead.rowcount


def _must_be_used(connection: Connection, way: int) -> None:
    if ways.known(connection, way).disabled_ms is not None:
        raise conflict(f"way {way} is disabled", "way", "enable it first")


def bury(connection: Connection, way: int, why: str, now_ms: int) -> None:
    """Nothing more is tried on a way."""
    run(
        connection,
        "UPDATE notice SET state = 'dead', wake_at_ms = NULL, done_ms = ?, error = ? WHERE way = ? AND state = 'new'",
        now_ms,
        why,
        way,
    )
