"""The door of the delivery: what is to be sent now, and what became of it.

    outbox = Outbox.open("/var/lib/roundsman/roundsman.sqlite3")       beside the engine, in the process that delivers
    outbox.ways_with_work(now) -> {way: is_test}
    outbox.next(way, now) -> Waiting | None         send it, then say one of sent · again · dead · over

On one way notices go in their order: while the first has to be tried again later, those behind it wait too. What is
only held (notices.py) holds up nothing, and a test goes before all.
Many threads may use it; every call is a short transaction.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.store import notices, ways
from roundsman_collector.store.connect import Place, connector, place, transaction
from roundsman_collector.store.notices import DIGEST, TEST, NoticeRow
from roundsman_collector.store.reads import View
from roundsman_collector.store.sql import clean, run
from roundsman_collector.store.ways import WayRow

ERROR_LIMIT = 500
DIGEST_ENTRIES = 100
LONGEST_WAIT_MS = 12 * 3_600_000
"""Nothing is put off for longer: what waits beyond was put off by a clock that was wrong."""
ROWS_AT_ONCE = 5000

TESTS = f"event = '{TEST}'"
DIGESTS = f"event = '{DIGEST}'"
# Not held: tried before, due, or put off by a clock that was wrong. Its values: `_ready`.
READY = "(tries > 0 OR wake_at_ms <= ? OR wake_at_ms > ?)"
WORK = (
    "SELECT way.id, "
    f"(SELECT notice.wake_at_ms FROM notice WHERE notice.way = way.id AND notice.state = 'new' AND {READY} "
    "ORDER BY notice.id LIMIT 1), "
    f"(SELECT count(*) FROM notice WHERE notice.way = way.id AND {TESTS} AND notice.state = 'new') "
    "FROM way WHERE way.disabled_ms IS NULL"
)
NAMES = (
    "SELECT device.name_zh, device.name_en, agent.group_id, site.name_zh, site.name_en, place.name_zh, place.name_en, "
    "site.time_zone FROM device "
    "LEFT JOIN assignment ON assignment.device = device.id AND assignment.to_ms IS NULL "
    "LEFT JOIN agent ON agent.no = assignment.agent_no "
    "LEFT JOIN installation ON installation.device = device.id AND installation.to_ms IS NULL "
    "LEFT JOIN place ON place.id = installation.place AND place.to_ms IS NULL "
    "LEFT JOIN site ON site.id = place.site AND site.to_ms IS NULL WHERE device.id = ?"
)


class Names(NamedTuple):
    """What people call a subject and where it stands; None where nobody said."""

    name_zh: str | None = None
    name_en: str | None = None
    group: str | None = None
    site_zh: str | None = None
    site_en: str | None = None
    place_zh: str | None = None
    place_en: str | None = None
    time_zone: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """A notice whose turn it is, and what bears on how it is told.

    `count`: how many wait on its way, at most one more than were asked about. `sent_lately`: how many of the newest
    were sent since the time asked about. `is_over`: its ticket is over, or merged, and the notice tells of the opening.
    """

    notice: NoticeRow
    way: WayRow
    names: Names
    count: int
    sent_lately: int
    digest_ms: int | None
    is_over: bool


class Outbox:
    """The delivery's door. Make it with Outbox.open()."""

    def __init__(self, where: Place, epoch: str) -> None:
        self._place = where
        self._write = connector(where, writes=True)
        self._read = connector(where, writes=False)
        self.epoch = epoch
        """Names the database: with it a notice's number is unique in the world, also after a restore."""

    @classmethod
    def open(cls, where: str | Path) -> "Outbox":
        """Open a database that a collector has made; StoreError where it is not there, or not of this version."""
        with View.open(where) as view:
            epoch = view.status().epoch
        return cls(place(where), epoch)

    def close(self) -> None:
        """Let go of the database."""
        self._write.dispose()
        self._read.dispose()

    def __enter__(self) -> "Outbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- what is to be done ------------------------------------------------------------------------------------------

    def ways_with_work(self, now_ms: int) -> dict[int, bool]:
        """The ways whose first notice is due; True where it is a test."""
        with transaction(self._read, "looking into the outbox", self._place) as connection:
            found = run(connection, WORK, *_ready(now_ms)).all()
        return {way: tests > 0 for way, wake_at_ms, tests in found if tests or _is_due(wake_at_ms, now_ms)}

    def next(self, way: int, now_ms: int, *, lately_ms: int, limit: int) -> Waiting | None:
        """The notice of a way whose turn it is; None: nothing is due. `lately_ms` and `limit`: see Waiting."""
        with transaction(self._read, f"looking into the outbox of way {way}", self._place) as connection:
            row = ways.one(connection, way)
            if row is None or row.disabled_ms is not None:
                return None
            of_way = "way = ? AND state = 'new'"
            found = notices.read(connection, f"{of_way} AND {TESTS} ORDER BY id", [way], 1)
            if not found:
                found = [
                    one
                    for one in notices.read(connection, f"{of_way} AND {READY} ORDER BY id", [way, *_ready(now_ms)], 1)
                    if _is_due(one.wake_at_ms, now_ms)
                ]
            if not found:
                return None
            notice = found[0]
            return Waiting(
                notice=notice,
                way=row,
                names=_names(connection, notice.subject),
                count=_count(connection, way, now_ms, limit),
                sent_lately=_sent(connection, way, now_ms - lately_ms, now_ms, limit),
                digest_ms=run(connection, f"SELECT max(made_ms) FROM notice WHERE way = ? AND {DIGESTS}", way).scalar(),
                is_over=_is_over(connection, notice),
            )

    def names(self, subject: str) -> Names:
        """What people call a subject, and where it stands."""
        with transaction(self._read, "reading names", self._place) as connection:
            return _names(connection, subject)

    def has(self, notice: int) -> bool:
        """Whether a notice still waits: its way may have been disabled since it was read."""
        with transaction(self._read, "looking at a notice", self._place) as connection:
            return run(connection, "SELECT 1 FROM notice WHERE id = ? AND state = 'new'", notice).first() is not None

    # --- what became of it -------------------------------------------------------------------------------------------

    def sent(self, notice: NoticeRow, now_ms: int) -> None:
        """The other end has it. A test that went through wakes what waits on its way: somebody has mended it."""
        self._settle(notice, "sent", now_ms, "")
        if notice.event == TEST:
            with self._change("waking a way") as connection:
                wake(connection, notice.way, now_ms)

    def again(self, notice: NoticeRow, wake_at_ms: int, error: str) -> None:
        """It is tried again at that time."""
        with self._change("putting off a notice") as connection:
            run(
                connection,
                "UPDATE notice SET tries = tries + 1, wake_at_ms = ?, error = ? WHERE id = ? AND state = 'new'",
                wake_at_ms,
                clean(error, ERROR_LIMIT),
                notice.id,
            )

    def dead(self, notice: NoticeRow, now_ms: int, error: str) -> None:
        """It is tried no more, unless a person says so."""
        self._settle(notice, "dead", now_ms, error)

    def over(self, notice: NoticeRow, now_ms: int) -> None:
        """Its ticket was over before anybody could be told."""
        self._settle(notice, "over", now_ms, "")

    def gather(self, way: int, now_ms: int) -> int:
        """Put all that is ready on a way into one digest; return how many they were."""
        ready = f"way = ? AND state = 'new' AND {READY} AND event NOT IN ('{TEST}', '{DIGEST}')"
        values = (way, *_ready(now_ms))
        with self._change("gathering notices into a digest") as connection:
            reckoned = f"SELECT count(*), max(id), min(made_ms), max(made_ms) FROM notice WHERE {ready}"
            count, last, from_ms, to_ms = run(connection, reckoned, *values).one()
            if not count:
                return 0
            by_event = f"SELECT event, count(*) FROM notice WHERE {ready} GROUP BY event ORDER BY event"
            first = notices.read(connection, f"{ready} ORDER BY id", values, DIGEST_ENTRIES)
            body = {
                "count": count,
                "from_ms": from_ms,
                "to_ms": to_ms,
                "by_event": {row[0]: row[1] for row in run(connection, by_event, *values)},
                "entries": [{"event": row.event, "subject": row.subject, **row.body} for row in first],
            }
            gathered = f"UPDATE notice SET state = 'gathered', wake_at_ms = NULL, done_ms = ? WHERE {ready}"
            run(connection, gathered, now_ms, *values)
            notices.add(connection, way, f"{DIGEST}:{last}", DIGEST, body, now_ms)
            return int(count)

    def prune(self, before_ms: int) -> int:
        """Forget a part of what was done with before a time; return how many, 0 when nothing is left."""
        with self._change("forgetting old notices") as connection:
            old = "SELECT id FROM notice WHERE state <> 'new' AND done_ms < ? LIMIT ?"
            return run(connection, f"DELETE FROM notice WHERE id IN ({old})", before_ms, ROWS_AT_ONCE).rowcount

    def _settle(self, notice: NoticeRow, state: str, now_ms: int, error: str) -> None:
        with self._change("settling a notice") as connection:
            run(
                connection,
                "UPDATE notice SET state = ?, tries = tries + ?, wake_at_ms = NULL, done_ms = ?, error = ? "
                "WHERE id = ? AND state = 'new'",
                state,
                0 if state == "over" else 1,
                now_ms,
                clean(error, ERROR_LIMIT),
                notice.id,
            )

    def _change(self, doing: str) -> Any:
        return transaction(self._write, doing, self._place)


def wake(connection: Connection, way: int, now_ms: int) -> None:
    """Try now what waits on a way: something about it was changed."""
    run(connection, "UPDATE notice SET wake_at_ms = ? WHERE way = ? AND state = 'new' AND tries > 0", now_ms, way)


def _is_due(wake_at_ms: int | None, now_ms: int) -> bool:
    return wake_at_ms is not None and not now_ms < wake_at_ms <= now_ms + LONGEST_WAIT_MS


def _ready(now_ms: int) -> tuple[int, int]:
    return now_ms, now_ms + LONGEST_WAIT_MS


def _count(connection: Connection, way: int, now_ms: int, limit: int) -> int:
    some = f"SELECT id FROM notice WHERE way = ? AND state = 'new' AND {READY} AND event <> '{TEST}' LIMIT ?"
    sql = f"SELECT count(*) FROM ({some}) AS waiting"
    return int(run(connection, sql, way, *_ready(now_ms), limit + 1).scalar_one())


def _sent(connection: Connection, way: int, from_ms: int, to_ms: int, limit: int) -> int:
    newest = "SELECT done_ms FROM notice WHERE way = ? AND state = 'sent' ORDER BY id DESC LIMIT ?"
    sql = f"SELECT count(*) FROM ({newest}) AS newest WHERE done_ms > ? AND done_ms <= ?"
    return int(run(connection, sql, way, limit, from_ms, to_ms).scalar_one())


def _is_over(connection: Connection, notice: NoticeRow) -> bool:
    if notice.event != "opened":
        return False
    state = run(connection, "SELECT state FROM ticket WHERE id = ?", notice.body["ticket"]["id"]).scalar()
    return state in ("resolved", "void", "merged")


def _names(connection: Connection, subject: str) -> Names:
    if subject.startswith("@"):
        group = run(connection, "SELECT group_id FROM agent WHERE id = ?", subject[1:]).scalar()
        return Names(group=group)
    found = run(connection, NAMES, subject).first()
    return Names() if found is None else Names(*found)
