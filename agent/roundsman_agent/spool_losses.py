"""Losses that wait in the spool until somebody listens: a table of few rows, neighbours merged."""

import json
import sqlite3
import zlib
from dataclasses import replace
from typing import Final

from roundsman_agent.loss import NEAR_MS, Loss, belong_together, merged, of_row, optional, split

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS loss (
    first INTEGER PRIMARY KEY, last INTEGER NOT NULL, from_t INTEGER, to_t INTEGER, count INTEGER NOT NULL,
    reason TEXT NOT NULL, more TEXT);
"""
COLUMNS: Final = "first, last, from_t, to_t, count, reason, more"
_NEIGHBOURS: Final = (
    f"SELECT {COLUMNS} FROM loss WHERE reason = ?"
    " AND ((last >= ? - 1 AND first <= ? + 1) OR (to_t >= ? AND from_t <= ?)) ORDER BY first"
)


def add(db: sqlite3.Connection, loss: Loss) -> None:
    """Write a loss down, merged with those it belongs together with."""
    key = _key(loss)
    first, last = (key, key) if loss.first is None or loss.last is None else (loss.first, loss.last)
    from_t, to_t = (0, -1) if loss.from_t is None or loss.to_t is None else (loss.from_t, loss.to_t)
    found = db.execute(_NEIGHBOURS, (loss.reason, first, last, from_t - NEAR_MS, to_t + NEAR_MS)).fetchall()
    for row in found:
        other = of_row(row)
        if belong_together(other, loss):
            db.execute("DELETE FROM loss WHERE first = ?", (row[0],))
            loss = merged(other, loss)
    _write(db, loss)


def absorb(
    db: sqlite3.Connection, *, upto: int, at_t: int, from_t: int, into: str, every_s: float | None, sent_upto: int
) -> None:
    """Numbers up to `upto` that were thinned less, or thinned at all, become part of a loss of the kind `into`.

    `at_t` is the time of the record behind them, `from_t` from when on the rest speaks.
    """
    found = db.execute(f"SELECT {COLUMNS} FROM loss WHERE reason = 'thinned' AND first <= ?", (upto,)).fetchall()
    for row in found:
        loss = of_row(row)
        if every_s is not None and (loss.every_s or 0) >= every_s:
            continue
        before, behind = split(loss, upto, at_t)
        db.execute("DELETE FROM loss WHERE first = ?", (row[0],))
        if behind is not None:
            begins = behind.from_t if loss.from_t is None else max(loss.from_t, from_t)
            _write(db, replace(behind, from_t=begins))
        if before is not None:
            upper = before.upper or (before.first or 0) <= sent_upto
            add(db, replace(before, reason=into, every_s=every_s, upper=upper))


def _key(loss: Loss) -> int:
    """Losses without numbers are one row per reason and stream, under a key that no number has."""
    if loss.first is not None:
        return loss.first
    return -1 - zlib.crc32(f"{loss.reason}/{loss.ended}".encode())


def _write(db: sqlite3.Connection, loss: Loss) -> None:
    key = _key(loss)
    more = optional(loss)
    row = (key, key if loss.last is None else loss.last, loss.from_t, loss.to_t, loss.count, loss.reason)
    db.execute("INSERT OR REPLACE INTO loss VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, json.dumps(more) if more else None))
