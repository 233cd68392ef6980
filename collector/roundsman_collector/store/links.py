"""Links by which a customer says yes or no without an account: to a plan of work, to a report. Each works once.

    make(connection, "agree", "task:12", for_whom="钱女士", expires_ms=..., deed=deed) -> (row, key)
    good(connection, "agree", key, now_ms) -> LinkRow | None        where a key leads, if it still does
    use(connection, "agree", key, deed=deed) -> LinkRow | None      it was used: it leads nowhere any more
    refused(connection, "agree", key, deed=deed)                    somebody tried one that is no good
    of(connection, "agree", "task:12") -> [LinkRow, ...]            all that were made, the newest first

A purpose says what its holder may do, and a key of one purpose is no good for another. Of a subject, the newest link of
a purpose alone is good. Keys are long and random, and only their SHA-256 is kept; the audit log names links by
their numbers, and holds every try: those that were used, and those that were no good any more or never were.
"""

from typing import NamedTuple

from sqlalchemy import Connection

from roundsman_collector.store import audit
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.people import hash_of, new_key
from roundsman_collector.store.sql import clean, run

TEXT_LIMIT = 400
KEY_LIMIT = 100
"""What is longer is no key, whatever stands in it."""


class LinkRow(NamedTuple):
    """A link. `used_ms` None: nobody used it. `for_whom`: to whom it was given."""

    id: int
    purpose: str
    subject: str
    for_whom: str
    made_ms: int
    made_by: str
    expires_ms: int
    used_ms: int | None

    @property
    def author(self) -> str:
        """Who did what was done by it, as logs name them."""
        return f"link:{self.id}"

    def is_good(self, now_ms: int) -> bool:
        """Whether it can still be used."""
        return self.used_ms is None and now_ms < self.expires_ms


SELECT = f"SELECT {', '.join(LinkRow._fields)} FROM customer_link WHERE "
GOOD = "hash = ? AND purpose = ? AND used_ms IS NULL AND expires_ms > ?"


def make(
    connection: Connection, purpose: str, subject: str, *, for_whom: str = "", expires_ms: int, deed: Deed
) -> tuple[LinkRow, str]:
    """Make a link, and the key that opens it; older ones of this purpose and subject lead nowhere any more."""
    end(connection, purpose, subject, deed=deed)
    key = new_key()
    values = (purpose, subject, clean(for_whom, TEXT_LIMIT), deed.at_ms, clean(deed.who, TEXT_LIMIT), expires_ms)
    number = run(
        connection,
        "INSERT INTO customer_link (hash, purpose, subject, for_whom, made_ms, made_by, expires_ms) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
        hash_of(key),
        *values,
    ).scalar_one()
    row = LinkRow(int(number), *values, used_ms=None)
    told = {"purpose": purpose, "subject": subject, "for_whom": row.for_whom, "expires_ms": expires_ms}
    audit.add(connection, deed, "link.make", row.author, after=told)
    return row, key


def end(connection: Connection, purpose: str, subject: str, *, deed: Deed) -> int:
    """Let the good links of a purpose and subject lead nowhere any more; how many there were."""
    ended = run(
        connection,
        "UPDATE customer_link SET expires_ms = ? WHERE purpose = ? AND subject = ? AND used_ms IS NULL "
        "AND expires_ms > ? RETURNING id",
        deed.at_ms,
        purpose,
        subject,
        deed.at_ms,
    ).fetchall()
    for row in ended:
        audit.add(connection, deed, "link.end", f"link:{row[0]}")
    return len(ended)


def good(connection: Connection, purpose: str, key: str, now_ms: int) -> LinkRow | None:
    """Where a key leads; None for one that is not known, used, over, or of another purpose."""
    row = None if len(key) > KEY_LIMIT else run(connection, SELECT + GOOD, hash_of(key), purpose, now_ms).first()
    return None if row is None else LinkRow(*row)


def known(connection: Connection, purpose: str, key: str) -> LinkRow | None:
    """The same, good or over: who holds the key may hear what became of it."""
    if len(key) > KEY_LIMIT:
        return None
    row = run(connection, SELECT + "hash = ? AND purpose = ?", hash_of(key), purpose).first()
    return None if row is None else LinkRow(*row)


def use(connection: Connection, purpose: str, key: str, *, deed: Deed) -> LinkRow | None:
    """Use a link, once: of two who try at the same time one has it. None: it is no good; that is noted as well."""
    row = None
    if len(key) <= KEY_LIMIT:
        sql = f"UPDATE customer_link SET used_ms = ? WHERE {GOOD} RETURNING {', '.join(LinkRow._fields)}"
        row = run(connection, sql, deed.at_ms, hash_of(key), purpose, deed.at_ms).first()
    if row is None:
        refused(connection, purpose, key, deed=deed)
        return None
    used = LinkRow(*row)
    audit.add(connection, deed, "link.use", used.author, after={"purpose": used.purpose, "subject": used.subject})
    return used


def refused(connection: Connection, purpose: str, key: str, *, deed: Deed) -> None:
    """Note that somebody tried a key that is no good: of which link it was, if of any; never the key."""
    row = known(connection, purpose, key)
    audit.add(connection, deed, "link.refused", "link" if row is None else row.author, after={"purpose": purpose})


def of(connection: Connection, purpose: str, subject: str) -> list[LinkRow]:
    """The links of a purpose and subject, the newest first."""
    rows = run(connection, f"{SELECT}purpose = ? AND subject = ? ORDER BY id DESC", purpose, subject)
    return [LinkRow(*row) for row in rows]
