"""What goes by age: rows that speak of nothing any more. Tickets, their log, the ledger and the audit log are for ever.

Each line of the table is a kind of row, its key, and until when it was of use.
"""

from sqlalchemy import Connection

from roundsman_collector.store.sql import run

KEPT_MS = 90 * 86_400_000
AGED = (
    ("session", "hash", "COALESCE(ended_ms, expires_ms) < ?"),
    ("invitation", "hash", "COALESCE(used_ms, expires_ms) < ?"),
    ("customer_link", "id", "COALESCE(used_ms, expires_ms) < ?"),
    ("notice", "id", "state <> 'new' AND COALESCE(done_ms, made_ms) < ?"),
    ("command", "id", "state <> 'new' AND done_ms < ?"),
)


def drop(connection: Connection, before_ms: int, limit: int) -> dict[str, int]:
    """Delete at most `limit` rows of each kind that were of no use any more at `before_ms`; how many of each."""
    gone = {}
    for table, key, is_over in AGED:
        found = run(
            connection,
            f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE {is_over} LIMIT ?)",
            before_ms,
            limit,
        ).rowcount
        if found:
            gone[table] = found
    return gone
