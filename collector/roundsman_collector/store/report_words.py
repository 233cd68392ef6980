"""What people write for a report before it is issued: words for a section of it, the newest counts.

    put(connection, Place("statistics", "contract", "metro-c", "2026-Q4"), "measures", "…", deed)
    of(connection, place, known_ms) -> {"measures": Written(...), ...}          as they stood at a time
    history(connection, place) -> [Written(...), ...]                           all of them, the newest first

Nothing is written over: a report that was made earlier can be told again. Which sections take words, its kind says.
"""

from typing import NamedTuple

from sqlalchemy import Connection

from roundsman_collector.store import audit
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.errors import conflict
from roundsman_collector.store.sql import clean, look, run

TEXT_LIMIT = 4000


class Place(NamedTuple):
    """A report, whatever its revision: its kind, what it is about, its period."""

    kind: str
    scope: str
    about: str
    period: str


class Written(NamedTuple):
    """What somebody wrote for a section; empty: nothing is to stand there any more."""

    id: int
    section: str
    words: str
    who: str
    at_ms: int

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """Its lines, without those that are blank."""
        return tuple(line.strip() for line in self.words.splitlines() if line.strip())


def put(connection: Connection, place: Place, section: str, words: str, deed: Deed) -> int:
    """Write words for a section; the id of the line. StoreError (conflict): they are too long."""
    said = clean(words.strip(), TEXT_LIMIT + 1)
    if len(said) > TEXT_LIMIT:
        raise conflict("the words are too long", "words", f"expected at most {TEXT_LIMIT} characters; shorten them")
    number: int = run(
        connection,
        "INSERT INTO report_words (kind, scope, about, period, section, words, who, at_ms) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        *place,
        section,
        said,
        deed.who,
        deed.at_ms,
    ).scalar_one()
    audit.add(connection, deed, "report.words", f"report:{'/'.join(place)}", after={"section": section, "words": said})
    return number


def of(connection: Connection, place: Place, known_ms: int) -> dict[str, Written]:
    """The newest words of each section that has any, as they stood at a time."""
    found = {one.section: one for one in reversed(history(connection, place)) if one.at_ms <= known_ms}
    return {section: one for section, one in found.items() if one.words}


def history(connection: Connection, place: Place) -> list[Written]:
    """All that was written for a report, the newest first."""
    rows = look(
        connection,
        "SELECT id, section, words, who, at_ms FROM report_words "
        "WHERE kind = ? AND scope = ? AND about = ? AND period = ? ORDER BY id DESC",
        *place,
    )
    return [Written(*row) for row in rows]
