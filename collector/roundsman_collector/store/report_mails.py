"""Who gets which reports when, and the letters that are on their way.

    put(connection, NewSchedule(...), deed) -> id          every month, quarter, ...: this kind, about this, to these
    end(connection, schedule, deed)                         no more from now on; what was made stays
    queue(connection, report, schedule, now)                a letter to each recipient, once
    due(connection, now) / sent / again / dead              what is to be sent, and what became of it

Each recipient gets a letter of their own: nobody sees who else does. A schedule `about` "*" is about each of its scope.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from roundsman_collector.store import audit
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.errors import conflict
from roundsman_collector.store.sql import clean, marks, run

EACH = "*"
TEXT_LIMIT = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class NewSchedule:
    """What is to be reported, how often, to whom. `from_ms`: periods that end before are not made up for."""

    kind: str
    scope: str
    about: str
    cycle: str
    recipients: tuple[str, ...] = ()
    language: str = "zh"
    auto_issue: bool = False
    from_ms: int = 0


class ScheduleRow(NamedTuple):
    """A schedule. `ended_ms` None: it goes on."""

    id: int
    kind: str
    scope: str
    about: str
    cycle: str
    recipients: tuple[str, ...]
    language: str
    auto_issue: bool
    from_ms: int
    made_ms: int
    made_by: str
    ended_ms: int | None


class MailRow(NamedTuple):
    """A letter with a report, to one recipient."""

    id: int
    report_id: int
    recipient: str
    state: str
    tries: int
    wake_at_ms: int | None
    made_ms: int
    done_ms: int | None
    error: str


SCHEDULE = ", ".join(ScheduleRow._fields)
MAIL = ", ".join(MailRow._fields)


def put(connection: Connection, new: NewSchedule, deed: Deed) -> int:
    """Add a schedule."""
    values = (
        new.kind,
        new.scope,
        new.about,
        new.cycle,
        json.dumps(list(new.recipients)),
        new.language,
        new.auto_issue,
        new.from_ms,
        deed.at_ms,
        clean(deed.who, TEXT_LIMIT),
    )
    names = ", ".join(ScheduleRow._fields[1:-1])
    sql = f"INSERT INTO report_schedule ({names}) VALUES ({marks(len(values))}) RETURNING id"
    number = int(run(connection, sql, *values).scalar_one())
    after = {"kind": new.kind, "about": f"{new.scope}:{new.about}", "cycle": new.cycle, "auto_issue": new.auto_issue}
    audit.add(connection, deed, "report_schedule.put", f"report_schedule:{number}", after=after)
    return number


def end(connection: Connection, schedule: int, deed: Deed) -> None:
    """End a schedule; StoreError where there is none that goes on."""
    sql = "UPDATE report_schedule SET ended_ms = ? WHERE id = ? AND ended_ms IS NULL"
    if not run(connection, sql, deed.at_ms, schedule).rowcount:
        raise conflict(f"there is no schedule {schedule} that goes on", "report_schedule", "look it up in the list")
    audit.add(connection, deed, "report_schedule.end", f"report_schedule:{schedule}")


def schedules(connection: Connection) -> list[ScheduleRow]:
    """The schedules that go on, the first first."""
    rows = run(connection, f"SELECT {SCHEDULE} FROM report_schedule WHERE ended_ms IS NULL ORDER BY id")
    found = [ScheduleRow(*row) for row in rows]
    return [
        one._replace(recipients=tuple(json.loads(str(one.recipients))), auto_issue=bool(one.auto_issue))
        for one in found
    ]


def queue(connection: Connection, report: int, schedule: int | None, now_ms: int) -> None:
    """A letter to each recipient of a schedule, however often this is called."""
    said = None
    if schedule is not None:
        said = run(connection, "SELECT recipients FROM report_schedule WHERE id = ?", schedule).scalar()
    add_letters(connection, report, json.loads(said) if said else (), now_ms)


def add_letters(connection: Connection, report: int, recipients: Sequence[str], now_ms: int) -> None:
    """A letter to each of these, unless they have one already."""
    for recipient in recipients:
        run(
            connection,
            "INSERT INTO report_mail (report_id, recipient, state, tries, wake_at_ms, made_ms, error) "
            "VALUES (?, ?, 'new', 0, ?, ?, '') ON CONFLICT (report_id, recipient) DO NOTHING",
            report,
            recipient,
            now_ms,
            now_ms,
        )


LEASE_MS = 2 * 60_000
"""A letter that is being sent is nobody else's for so long."""


def due(connection: Connection, now_ms: int) -> MailRow | None:
    """The next letter to be sent, put off meanwhile so that nobody else sends it; None: there is none."""
    sql = (
        "UPDATE report_mail SET wake_at_ms = ?, tries = tries + 1 WHERE id = (SELECT id FROM report_mail "
        "WHERE state = 'new' AND wake_at_ms <= ? ORDER BY wake_at_ms, id LIMIT 1) AND wake_at_ms <= ? "
        f"RETURNING {MAIL}"
    )
    found = run(connection, sql, now_ms + LEASE_MS, now_ms, now_ms).first()
    return None if found is None else MailRow(*found)


def sent(connection: Connection, letter: int, now_ms: int) -> None:
    """The mail server has taken it."""
    sql = "UPDATE report_mail SET state = 'sent', done_ms = ?, wake_at_ms = NULL, error = '' WHERE id = ?"
    run(connection, sql, now_ms, letter)


def again(connection: Connection, letter: int, wake_at_ms: int, error: str) -> None:
    """It did not go; it is tried again then."""
    sql = "UPDATE report_mail SET wake_at_ms = ?, error = ? WHERE id = ?"
    run(connection, sql, wake_at_ms, clean(error, TEXT_LIMIT), letter)


def dead(connection: Connection, letter: int, now_ms: int, error: str) -> None:
    """It will not go."""
    sql = "UPDATE report_mail SET state = 'dead', done_ms = ?, wake_at_ms = NULL, error = ? WHERE id = ?"
    run(connection, sql, now_ms, clean(error, TEXT_LIMIT), letter)


def letters(connection: Connection, report: int) -> list[MailRow]:
    """The letters of a report, the first first."""
    sql = f"SELECT {MAIL} FROM report_mail WHERE report_id = ? ORDER BY id"
    return [MailRow(*row) for row in run(connection, sql, report)]
