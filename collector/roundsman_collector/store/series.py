"""The mark in the numbers of tickets and rounds: which life of the database gave them.

    2026-000123      before any restore
    2026-MM000120    after a restore on 2026-11-21: the copy knew of no number behind 000119
    2026-OB000131    after another on 2026-12-31

What was given between a backup and its restore is on paper, in mails and in people's heads, and the copy knows nothing
of it. A mark keeps those numbers from meaning two things; within a life there are no gaps (docs/decisions/0010). It
comes from the day of the restore, so that the same backup restored again, elsewhere, does not give it twice.
"""

from sqlalchemy import Connection

from roundsman_collector.store.sql import run

LIFE = "life"
FIRST_DAY_MS = 1_767_225_600_000  # 2026-01-01
DAY_MS = 86_400_000


def mark(connection: Connection) -> str:
    """The letters that stand before a number given now; none in a database that was never restored."""
    said = run(connection, "SELECT value FROM meta WHERE key = ?", LIFE).scalar()
    return letters(int(said or 0))


def number(connection: Connection, name: str) -> int:
    """The next number of a series. Rolled back with its transaction, it was never given."""
    run(
        connection,
        "INSERT INTO series (name, next) VALUES (?, 2) ON CONFLICT (name) DO UPDATE SET next = series.next + 1",
        name,
    )
    return int(run(connection, "SELECT next FROM series WHERE name = ?", name).scalar_one()) - 1


def next_life(now_ms: int, *others: int) -> int:
    """The life that begins now: one behind all others that are known, and of its own day at least."""
    return max((now_ms - FIRST_DAY_MS) // DAY_MS, *(other + 1 for other in others))


def letters(life: int) -> str:
    """'' B C … Z BA BB …: counting by letters, in which A is nothing."""
    found = ""
    while life:
        life, digit = divmod(life, 26)
        found = chr(ord("A") + digit) + found
    return found
