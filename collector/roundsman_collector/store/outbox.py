"""The door of the delivery: what is to be sent now, and what became of it.

    outbox = Outbox.open("/var/lib/roundsman/roundsman.sqlite3")       beside the engine, in the process that delivers
    outbox.ways_with_work(now) -> {way: is_test}
    outbox.next(way, now) -> Waiting | None         send it, then say one of sent · again · dead · over

On one way notices go in their order: while the first has to be tried again later, those behind it wait too. What is
only held (notices.py) holds up nothing, and a test goes before all.

    claim(bot, ...) -> Claim                         before a bot is sent anything; finish(claim, now) after it

Chat services mute a bot that says too much. Each message to one is a row from before it is sent: whatever ways share
the bot, and however often this process is killed, they are counted.
Many threads may use it; every call is a short transaction.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.lifecycle import MENDED, OVER
from roundsman_collector.core.recurrence import Rules
from roundsman_collector.core.ticket_log import ROBOT
from roundsman_collector.store import notices, recurrence, ways
from roundsman_collector.store.connect import Place, connector, place, transaction
from roundsman_collector.store.news import AWAITED
from roundsman_collector.store.notices import DIGEST, INSERT, TEST, Held, NoticeRow
from roundsman_collector.store.reads import View
from roundsman_collector.store.sql import clean, json_text, many, run
from roundsman_collector.store.timing import REPEATS
from roundsman_collector.store.ways import SEVERITIES, WayRow

ERROR_LIMIT = 500
DIGEST_ENTRIES = 100
LONGEST_WAIT_MS = 12 * 3_600_000
"""Nothing is put off for longer: what waits beyond was put off by a clock that was wrong."""
ROWS_AT_ONCE = 5000
BOT_KEEP_MS = 10 * 60_000

TESTS = f"event = '{TEST}'"
DIGESTS = f"event = '{DIGEST}'"
# Not held: tried before, due, or put off by a clock that was wrong. Its values: `_ready`.
READY = "((held = '' AND tries > 0) OR wake_at_ms <= ? OR wake_at_ms > ?)"
WORK = (
    "SELECT way.id, "
    f"(SELECT notice.wake_at_ms FROM notice WHERE notice.way = way.id AND notice.state = 'new' AND {READY} "
    "ORDER BY notice.id LIMIT 1), "
    f"(SELECT count(*) FROM notice WHERE notice.way = way.id AND {TESTS} AND notice.state = 'new') "
    "FROM way WHERE way.disabled_ms IS NULL "
    "AND EXISTS (SELECT 1 FROM notice WHERE notice.way = way.id AND notice.state = 'new')"
)
DONE_WITH = ", ".join(f"'{state}'" for state in (*OVER, *MENDED))
IS_DONE_WITH = f"EXISTS (SELECT 1 FROM ticket WHERE ticket.id = notice.ticket_id AND ticket.state IN ({DONE_WITH}))"
# Nobody needs to be told what there is to do on a ticket that is mended. That it was late, or how it ended, is told.
NEEDLESS = (
    f"(event IN ('opened', 'called_again', 'dispatched', 'handed_over', 'warned', 'reopened') AND {IS_DONE_WITH})"
)
# Somebody has answered since: taken a new ticket, or taken a step on one; of one that was given to somebody, that one.
ANSWERED = (
    f"(event IN ({', '.join(repr(one) for one in AWAITED)}) AND ({IS_DONE_WITH} "
    "OR (event = 'opened' AND EXISTS "
    "(SELECT 1 FROM ticket WHERE ticket.id = notice.ticket_id AND ticket.state <> 'open')) "
    "OR (event <> 'opened' AND EXISTS (SELECT 1 FROM ticket_event "
    "JOIN ticket ON ticket.id = ticket_event.ticket_id "
    "WHERE ticket_event.ticket_id = notice.ticket_id AND ticket_event.at_ms >= notice.made_ms "
    f"AND ticket_event.who <> '{ROBOT}' AND ticket_event.verb NOT IN ('call', 'dispatch', 'reopen') "
    "AND (notice.event <> 'handed_over' OR ticket_event.verb <> 'hand_over') "
    "AND (notice.event <> 'dispatched' OR ticket_event.who = ticket.engineer)))))"
)
NAMES_OF_SITE = "SELECT group_id, name_zh, name_en, time_zone FROM site WHERE id = ? AND to_ms IS NULL"
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

    `count`: how many wait on its way, at most one more than were asked about; `held_count`: how many of them wait since
    its quiet hours. `sent_lately`: how many of the newest were sent since the time asked about. `is_over`: nobody needs
    it any more: its ticket is over, or somebody has answered.
    """

    notice: NoticeRow
    way: WayRow
    names: Names
    count: int
    held_count: int
    sent_lately: int
    digest_ms: int | None
    is_over: bool


class Claim(NamedTuple):
    """Leave to send a bot one message (`id`), or from when on there may be leave (`until_ms`)."""

    id: int | None
    until_ms: int = 0


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
                held_count=_count(connection, way, now_ms, limit, "held = 'quiet'"),
                sent_lately=_sent(connection, way, now_ms - lately_ms, now_ms, limit),
                digest_ms=run(connection, f"SELECT max(made_ms) FROM notice WHERE way = ? AND {DIGESTS}", way).scalar(),
                is_over=_is_over(connection, notice, row),
            )

    def names(self, subject: str) -> Names:
        """What people call a subject, and where it stands."""
        with transaction(self._read, "reading names", self._place) as connection:
            return _names(connection, subject)

    def has(self, notice: int) -> bool:
        """Whether a notice still waits: its way may have been disabled since it was read."""
        with transaction(self._read, "looking at a notice", self._place) as connection:
            return run(connection, "SELECT 1 FROM notice WHERE id = ? AND state = 'new'", notice).first() is not None

    # --- what recurs -------------------------------------------------------------------------------------------------

    def warn(self, rules: Rules, now_ms: int) -> int:
        """Look for faults that come again and again, and tell of those that are new; how many are."""
        with transaction(self._read, "looking for what recurs", self._place) as connection:
            found = recurrence.seen(connection, rules, now_ms)
        if not found:
            return 0
        with self._change("keeping what recurs") as connection:
            return recurrence.keep(connection, found, now_ms)

    # --- what became of it -------------------------------------------------------------------------------------------

    def sent(self, notice: NoticeRow, now_ms: int) -> None:
        """The other end has it. A test that went through wakes what waits on its way: somebody has mended it. What
        somebody has to answer is told again later, where the way wants that."""
        with self._change("settling a notice") as connection:
            if not _settle(connection, notice, "sent", now_ms, ""):
                return
            if notice.event == TEST:
                wake(connection, notice.way, now_ms)
            else:
                _remind(connection, notice.way, [notice], now_ms)

    def again(self, notice: NoticeRow, wake_at_ms: int, error: str) -> None:
        """It is tried again at that time."""
        with self._change("putting off a notice") as connection:
            run(
                connection,
                "UPDATE notice SET tries = tries + 1, wake_at_ms = ?, held = '', error = ? "
                "WHERE id = ? AND state = 'new'",
                wake_at_ms,
                clean(error, ERROR_LIMIT),
                notice.id,
            )

    def dead(self, notice: NoticeRow, now_ms: int, error: str) -> None:
        """It is tried no more, unless a person says so."""
        with self._change("settling a notice") as connection:
            _settle(connection, notice, "dead", now_ms, error)

    def over(self, notice: NoticeRow, now_ms: int) -> None:
        """Nobody needs it any more: its ticket was over, or somebody answered, before it was told."""
        with self._change("settling a notice") as connection:
            _settle(connection, notice, "over", now_ms, "")

    def hold(self, way: int, now_ms: int, *, why: Held, until_ms: int, spares_urgent: bool = False) -> None:
        """Put off all that is ready on a way: its quiet hours, or a day of which it is told at the end.

        Not what passes. No longer than LONGEST_WAIT_MS at once: then it is looked at again, and put off again.
        """
        urgent = f" AND severity IN ({', '.join(repr(one) for one in SEVERITIES[1:])}, '')" if spares_urgent else ""
        with self._change("holding notices") as connection:
            run(
                connection,
                "UPDATE notice SET held = ?, wake_at_ms = ?, due_ms = ? WHERE way = ? AND state = 'new' "
                f"AND NOT passes AND {READY} AND event NOT IN ('{TEST}', '{DIGEST}'){urgent}",
                why,
                min(until_ms, now_ms + LONGEST_WAIT_MS),
                until_ms,
                way,
                *_ready(now_ms),
            )

    def gather(self, way: int, now_ms: int, *, is_daily: bool = False) -> int:
        """Put all that is ready on a way into one digest; return how many they were.

        What is over by then is left out, unless the way is told by the day: that is told all that happened.
        """
        ready = f"way = ? AND state = 'new' AND {READY} AND event NOT IN ('{TEST}', '{DIGEST}')"
        values = (way, *_ready(now_ms))
        with self._change("gathering notices into a digest") as connection:
            if not is_daily:
                needless = _needless(ways.known(connection, way))
                over = f"UPDATE notice SET state = 'over', wake_at_ms = NULL, done_ms = ? WHERE {ready} AND {needless}"
                run(connection, over, now_ms, *values)
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
                "is_daily": is_daily,
                "by_event": {row[0]: row[1] for row in run(connection, by_event, *values)},
                "entries": [{"event": row.event, "subject": row.subject, **row.body} for row in first],
            }
            _remind(connection, way, notices.read(connection, f"{ready} ORDER BY id", values, ROWS_AT_ONCE), now_ms)
            gathered = f"UPDATE notice SET state = 'gathered', wake_at_ms = NULL, done_ms = ? WHERE {ready}"
            run(connection, gathered, now_ms, *values)
            notices.add(connection, way, f"{DIGEST}:{last}", DIGEST, body, now_ms)
            return int(count)

    # --- bots --------------------------------------------------------------------------------------------------------

    def claim(self, bot: str, limits: Sequence[tuple[int, int]], now_ms: int, lasts_ms: int) -> Claim:
        """Leave to send a bot one message now, which takes at most `lasts_ms`; limits: so many in so many milliseconds.

        Until it is finished a message counts as if it arrived as late as it can.
        """
        with self._change("asking for leave to send") as connection:
            run(connection, "DELETE FROM bot_message WHERE at_ms < ?", now_ms - BOT_KEEP_MS)
            late = "UPDATE bot_message SET at_ms = ? WHERE bot = ? AND at_ms > ?"
            run(connection, late, now_ms + lasts_ms, bot, now_ms + lasts_ms)  # a clock that was set back since
            until_ms = max((_free_at(connection, bot, count, span) for count, span in limits), default=0)
            if until_ms > now_ms:
                return Claim(None, until_ms)
            sql = "INSERT INTO bot_message (bot, at_ms) VALUES (?, ?) RETURNING id"
            return Claim(int(run(connection, sql, bot, now_ms + lasts_ms).scalar_one()))

    def finish(self, claim: Claim, now_ms: int) -> None:
        """The message has arrived by now, or never will."""
        with self._change("counting a message") as connection:
            run(connection, "UPDATE bot_message SET at_ms = ? WHERE id = ?", now_ms, claim.id)

    def prune(self, before_ms: int) -> int:
        """Forget a part of what was done with before a time; return how many, 0 when nothing is left."""
        with self._change("forgetting old notices") as connection:
            old = "SELECT id FROM notice WHERE state <> 'new' AND done_ms < ? LIMIT ?"
            return run(connection, f"DELETE FROM notice WHERE id IN ({old})", before_ms, ROWS_AT_ONCE).rowcount

    def _change(self, doing: str) -> Any:
        return transaction(self._write, doing, self._place)


def wake(connection: Connection, way: int, now_ms: int) -> None:
    """Try now what waits on a way: something about it was changed."""
    run(
        connection,
        "UPDATE notice SET wake_at_ms = ? WHERE way = ? AND state = 'new' "
        "AND ((held = '' AND tries > 0) OR held IN ('quiet', 'daily'))",
        now_ms,
        way,
    )


def _settle(connection: Connection, notice: NoticeRow, state: str, now_ms: int, error: str) -> bool:
    """Whether it was still to be settled: its way may have been disabled meanwhile."""
    settled = run(
        connection,
        "UPDATE notice SET state = ?, tries = tries + ?, wake_at_ms = NULL, done_ms = ?, error = ? "
        "WHERE id = ? AND state = 'new'",
        state,
        0 if state == "over" else 1,
        now_ms,
        clean(error, ERROR_LIMIT),
        notice.id,
    )
    return settled.rowcount > 0


def _remind(connection: Connection, way: int, told: Iterable[NoticeRow], now_ms: int) -> None:
    """Tell again later what was just told, until somebody answers: `opened:17~1` and so on. It stays old news."""
    pause_ms = ways.known(connection, way).timing.repeat_minutes * 60_000
    if not pause_ms:
        return
    rows: list[tuple[object, ...]] = []
    for one in told:
        again = int(one.body.get("again", 0)) + 1
        if one.event in AWAITED and again <= REPEATS:
            key = f"{one.key.partition('~')[0]}~{again}"
            body, wake_at_ms = json_text(one.body | {"again": again}), now_ms + pause_ms
            about = (way, key, one.event, one.subject, body, one.made_ms)
            rows.append((*about, wake_at_ms, one.ticket_id, one.severity, "answer", wake_at_ms, one.passes))
    many(connection, INSERT, rows)


def _free_at(connection: Connection, bot: str, count: int, span_ms: int) -> int:
    """When a bot may be sent one more, if so many may come in so many milliseconds; 0: at once."""
    sql = "SELECT at_ms FROM bot_message WHERE bot = ? ORDER BY at_ms DESC LIMIT ?"
    times = [int(row[0]) for row in run(connection, sql, bot, count)]
    return times[-1] + span_ms if len(times) == count else 0


def _is_due(wake_at_ms: int | None, now_ms: int) -> bool:
    return wake_at_ms is not None and not now_ms < wake_at_ms <= now_ms + LONGEST_WAIT_MS


def _ready(now_ms: int) -> tuple[int, int]:
    return now_ms, now_ms + LONGEST_WAIT_MS


def _count(connection: Connection, way: int, now_ms: int, limit: int, what: str = "1 = 1") -> int:
    ready = f"way = ? AND state = 'new' AND {READY} AND event <> '{TEST}' AND {what}"
    some = f"SELECT id FROM notice WHERE {ready} LIMIT ?"
    sql = f"SELECT count(*) FROM ({some}) AS waiting"
    return int(run(connection, sql, way, *_ready(now_ms), limit + 1).scalar_one())


def _sent(connection: Connection, way: int, from_ms: int, to_ms: int, limit: int) -> int:
    newest = "SELECT done_ms FROM notice WHERE way = ? AND state = 'sent' ORDER BY id DESC LIMIT ?"
    sql = f"SELECT count(*) FROM ({newest}) AS newest WHERE done_ms > ? AND done_ms <= ?"
    return int(run(connection, sql, way, limit, from_ms, to_ms).scalar_one())


def _is_over(connection: Connection, notice: NoticeRow, way: WayRow) -> bool:
    sql = f"SELECT 1 FROM notice WHERE id = ? AND {_needless(way)}"
    return not way.timing.daily and run(connection, sql, notice.id).first() is not None


def _needless(way: WayRow) -> str:
    """The condition that nobody needs a notice of a way any more. What only waits for an answer, as a
    backup's does, needs not be told once there is one."""
    answered = ANSWERED if way.timing.escalates else f"(held = 'answer' AND {ANSWERED})"
    return f"({NEEDLESS} OR {answered})"


def _names(connection: Connection, subject: str) -> Names:
    if subject.startswith("@"):
        group = run(connection, "SELECT group_id FROM agent WHERE id = ?", subject[1:]).scalar()
        return Names(group=group)
    if subject.startswith("#"):
        site = run(connection, NAMES_OF_SITE, subject[1:]).first()
        return Names() if site is None else Names(group=site[0], site_zh=site[1], site_en=site[2], time_zone=site[3])
    found = run(connection, NAMES, subject).first()
    return Names() if found is None else Names(*found)
