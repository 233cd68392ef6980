"""The board on the wall of the control room: how every device stands, in memory, to be asked by every page.

    board.put([Standing row, ...])                              what a summary has worked out
    board.page(scope, FleetFilter(words=("fault",)), ...)       BoardPage(rows, total), worst first
    board.counts(scope, filter)                                 {"fault": 3, ...}

A table of SQLite in the memory of this process, whatever database keeps the truth: filters, orders and counts are its
trade, and it does them without holding up Python's other threads. Everything on it can be worked out again.
"""

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from roundsman_collector.roles import Scope
from roundsman_collector.store.fleet import DevicePast, Past
from roundsman_collector.store.sql import chunks, marks

Order = Literal["worst", "id"]
ORDERS: dict[Order, str] = {"worst": "rank, device", "id": "device"}


class BoardRow(NamedTuple):
    """A device on the board. `rank` 0 is the worst word; `group` is that of its agent, or else of its site; `tickets`:
    numbers, divided by spaces, its agent's too.

    `look_ms`: when it has to be looked at again, even if nothing is heard of it; None: not.
    """

    device: str
    rank: int
    word: str
    why: str
    kind: str
    name_zh: str
    name_en: str
    agent: str | None
    group: str | None
    place: str | None
    site: str | None
    site_group: str | None
    customer: str | None
    since_ms: int | None
    tickets: str
    text: str
    look_ms: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class FleetFilter:
    """Which devices a list shows: each field narrows it; empty ones do not. `text`: all its words have to be found."""

    text: str = ""
    words: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    has_ticket: bool | None = None


ALL = FleetFilter()


class BoardPage(NamedTuple):
    """Some rows of a list, and how many there are in all."""

    rows: tuple[BoardRow, ...]
    total: int


class Pooled(NamedTuple):
    """The past of many devices in one window that ended at `at_ms`."""

    devices: int
    past: Past
    at_ms: int


class GroupedStates(NamedTuple):
    """How many devices of a group (None: of none) and a kind stand under a word."""

    group: str | None
    kind: str
    word: str
    devices: int


class GroupedPast(NamedTuple):
    """The past of the devices of a group (None: of none) and a kind that have one, in window number `window`."""

    group: str | None
    kind: str
    window: int
    past: Past


class GroupedPasts(NamedTuple):
    """The past by group and kind in windows that ended at `at_ms`."""

    pasts: tuple[GroupedPast, ...]
    at_ms: int


COLUMNS = (
    "device, rank, word, why, kind, name_zh, name_en, agent, group_id, place, site, site_group, customer, since_ms, "
    "tickets, text, look_ms"
)
PAST = (
    "CREATE TABLE {} (device TEXT, window INT, customer TEXT, group_id TEXT, up_ms INT, down_ms INT, unknown_ms INT, "
    "excluded_ms INT, outages INT, longest_ms INT, PRIMARY KEY (device, window, customer, group_id)) WITHOUT ROWID"
)
SUMS = (
    "COALESCE(SUM(up_ms), 0), COALESCE(SUM(down_ms), 0), COALESCE(SUM(unknown_ms), 0), COALESCE(SUM(excluded_ms), 0), "
    "COALESCE(SUM(outages), 0), COALESCE(MAX(longest_ms), 0)"
)
TABLES = (
    "CREATE TABLE stands (device TEXT PRIMARY KEY, rank INT, word TEXT, why TEXT, kind TEXT, name_zh TEXT, "
    "name_en TEXT, agent TEXT, group_id TEXT, place TEXT, site TEXT, site_group TEXT, customer TEXT, since_ms INT, "
    "tickets TEXT, text TEXT, look_ms INT, round INT) WITHOUT ROWID",
    "CREATE INDEX stands_worst ON stands (rank, device)",
    "CREATE INDEX stands_agent ON stands (agent)",
    "CREATE INDEX stands_look ON stands (look_ms) WHERE look_ms IS NOT NULL",
    PAST.format("past"),
)
PUT = f"INSERT OR REPLACE INTO stands ({COLUMNS}, round) VALUES ({marks(18)})"
BY_GROUP = "SELECT group_id, kind, word, count(*) FROM stands GROUP BY group_id, kind, word"
PASTS_BY_GROUP = (
    f"SELECT stands.group_id, kind, window, {SUMS} "
    "FROM stands JOIN past ON past.device = stands.device GROUP BY stands.group_id, kind, window"
)
FACETS = {"kind": "kind", "group": "group_id", "customer": "customer", "site": "site"}


class Board:
    """How every device stands. Many threads may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._table = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        for statement in TABLES:
            self._table.execute(statement)
        self._round = 0
        self._words: dict[int, str] = {}
        self._pasts_ms: int | None = None
        self._grouped: GroupedPasts | None = None

    # --- what is put on it --------------------------------------------------------------------------------------------

    def begin_round(self) -> None:
        """Everything will be put anew; what is not put until end_round() is gone."""
        self._round += 1

    def end_round(self) -> None:
        """Take off what was not put since begin_round()."""
        with self._lock:
            self._table.execute("DELETE FROM stands WHERE round <> ?", (self._round,))
            self._table.execute("DELETE FROM past WHERE device NOT IN (SELECT device FROM stands)")

    def put(self, rows: Iterable[BoardRow]) -> None:
        """Put devices on the board, in place of what it said of them."""
        marked = [(*row, self._round) for row in rows]
        self._words.update((row[1], row[2]) for row in marked)
        with self._lock:
            self._table.execute("BEGIN")
            self._table.executemany(PUT, marked)
            self._table.execute("COMMIT")

    def put_pasts(self, pasts: Iterable[Sequence[DevicePast]], at_ms: int) -> None:
        """The past of devices, a chunk at a time; those that are not named have none. The old holds until all is there.

        Whoever works them out takes its time: the board is held only while a chunk is written. One at a time may put.
        """
        with self._lock:
            self._table.execute("DROP TABLE IF EXISTS coming")
            self._table.execute(PAST.format("coming"))
        for part in pasts:
            rows = [
                (one.device, place, one.customer, one.group, *past)
                for one in part
                for place, past in enumerate(one.pasts)
            ]
            with self._lock:
                self._table.execute("BEGIN")
                self._table.executemany(f"INSERT INTO coming VALUES ({marks(10)})", rows)
                self._table.execute("COMMIT")
        with self._lock:
            self._table.execute("DROP TABLE past")
            self._table.execute("ALTER TABLE coming RENAME TO past")
            self._pasts_ms = at_ms
            self._grouped = None

    # --- what it says -------------------------------------------------------------------------------------------------

    def page(self, scope: Scope, wanted: FleetFilter, order: Order, offset: int, limit: int) -> BoardPage:
        """Rows `offset`.. of the list, and how many rows the list has."""
        where, values = _where(scope, wanted)
        with self._lock:
            total = self._table.execute(f"SELECT count(*) FROM stands WHERE {where}", values).fetchone()[0]
            found = self._table.execute(
                f"SELECT {COLUMNS} FROM stands WHERE {where} ORDER BY {ORDERS[order]} LIMIT ? OFFSET ?",
                (*values, limit, offset),
            ).fetchall()
        return BoardPage(tuple(map(BoardRow._make, found)), total)

    def rows(self, scope: Scope, devices: Sequence[str]) -> dict[str, BoardRow]:
        """What the board says of these devices, as far as the scope reaches them."""
        where, values = _where(scope, ALL)
        found: dict[str, BoardRow] = {}
        with self._lock:
            for part in chunks(devices):
                asked = f"SELECT {COLUMNS} FROM stands WHERE device IN ({marks(len(part))}) AND {where}"
                rows = self._table.execute(asked, (*part, *values)).fetchall()
                found.update((row[0], BoardRow._make(row)) for row in rows)
        return found

    def counts(self, scope: Scope, wanted: FleetFilter = ALL) -> dict[str, int]:
        """How many devices of a list stand under each word; words that nobody stands under are not named."""
        where, values = _where(scope, wanted)
        with self._lock:
            found = self._table.execute(f"SELECT rank, count(*) FROM stands WHERE {where} GROUP BY rank", values)
            return {self._words[rank]: count for rank, count in found}

    def facets(self, scope: Scope, name: str) -> dict[str, int]:
        """What a list can be narrowed to by `kind`, `group`, `customer` or `site`, and how many devices that is."""
        where, values = _where(scope, ALL)
        column = FACETS[name]
        with self._lock:
            found = self._table.execute(
                f"SELECT {column}, count(*) FROM stands WHERE {column} IS NOT NULL AND {where} "
                f"GROUP BY {column} ORDER BY {column}",
                values,
            )
            return dict(found.fetchall())

    def pooled(self, scope: Scope, wanted: FleetFilter, window: int) -> Pooled | None:
        """The past of a whole list in window number `window`; None while nobody has worked it out."""
        if self._pasts_ms is None:
            return None
        where, values = _where(scope, wanted)
        mine, bound = _own_time(scope)
        with self._lock:
            count = self._table.execute(f"SELECT count(*) FROM stands WHERE {where}", values).fetchone()[0]
            found = self._table.execute(
                f"SELECT {SUMS} FROM stands JOIN past ON past.device = stands.device "
                f"AND past.window = ? WHERE {where} AND {mine}",
                (window, *values, *bound),
            ).fetchone()
            return Pooled(count, Past(*found), self._pasts_ms)

    def pasts(self, devices: Sequence[str]) -> tuple[dict[str, dict[int, Past]], int | None]:
        """The past of these devices by window number, whoever they served for, and when that was worked out."""
        found: dict[str, dict[int, Past]] = {device: {} for device in devices}
        with self._lock:
            for part in chunks(devices):
                asked = (
                    f"SELECT device, window, {SUMS} FROM past WHERE device IN ({marks(len(part))}) "
                    "GROUP BY device, window"
                )
                for device, window, *past in self._table.execute(asked, part):
                    found[device][window] = Past(*past)
            return found, self._pasts_ms

    def sums(self) -> tuple[list[GroupedStates], GroupedPasts | None]:
        """All devices by group and kind: how many stand how now, and their past as it was put on the board last."""
        with self._lock:
            states = self._table.execute(BY_GROUP).fetchall()
            if self._grouped is None and self._pasts_ms is not None:
                rows = self._table.execute(PASTS_BY_GROUP).fetchall()
                pasts = tuple(GroupedPast(group, kind, at, Past(*past)) for group, kind, at, *past in rows)
                self._grouped = GroupedPasts(pasts, self._pasts_ms)
            return list(map(GroupedStates._make, states)), self._grouped

    # --- for who keeps it ---------------------------------------------------------------------------------------------

    def due(self, now_ms: int, limit: int) -> list[str]:
        """Devices that have to be looked at again by now, the longest overdue first."""
        with self._lock:
            found = self._table.execute(
                "SELECT device FROM stands WHERE look_ms <= ? ORDER BY look_ms LIMIT ?", (now_ms, limit)
            )
            return [row[0] for row in found]

    def devices_of(self, agents: Sequence[str]) -> list[str]:
        """Devices that these agents speak for."""
        found: list[str] = []
        with self._lock:
            for part in chunks(agents):
                asked = f"SELECT device FROM stands WHERE agent IN ({marks(len(part))})"
                found += [row[0] for row in self._table.execute(asked, part)]
        return found

    def bytes(self) -> int:
        """How much memory the board takes."""
        with self._lock:
            pages, size = (self._table.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        return int(pages) * int(size)


def _where(scope: Scope, wanted: FleetFilter) -> tuple[str, list[object]]:
    """The condition of a list: what somebody reaches, and of that what they ask for."""
    parts, values = ["1 = 1"], list[object]()
    if not scope.everything:
        groups, customers = sorted(scope.groups), sorted(scope.customers)
        of_groups, of_customers = marks(len(groups)), marks(len(customers))
        reached = "stands.group_id IN ({0}) OR site_group IN ({0}) OR stands.customer IN ({1})"
        parts.append(f"({reached.format(of_groups, of_customers)})")
        values += [*groups, *groups, *customers]
    for column, allowed in (
        ("word", wanted.words),
        ("kind", wanted.kinds),
        ("stands.group_id", wanted.groups),
        ("stands.customer", wanted.customers),
        ("site", wanted.sites),
    ):
        if allowed:
            parts.append(f"{column} IN ({marks(len(allowed))})")
            values += allowed
    for word in wanted.text.lower().split():
        parts.append("instr(text, ?) > 0")
        values.append(word)
    if wanted.has_ticket is not None:
        parts.append("tickets <> ''" if wanted.has_ticket else "tickets = ''")
    return " AND ".join(parts), values


def _own_time(scope: Scope) -> tuple[str, list[object]]:
    """Of the time of devices that a scope reaches now: what they served for it, and not for somebody before."""
    if scope.everything:
        return "1 = 1", []
    groups, customers = sorted(scope.groups), sorted(scope.customers)
    mine = "(stands.group_id IN ({0}) OR past.group_id IN ({0}) OR past.customer IN ({1}))"
    return mine.format(marks(len(groups)), marks(len(customers))), [*groups, *groups, *customers]
