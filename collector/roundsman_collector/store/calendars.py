"""What calendars say of single days, and when a site has to run: holidays, 调休, service hours. Never rewritten.

    days(connection, "cn", known_ms=None)               what it says now, or said when this much was known
    put_days(connection, "cn", {date: Day}, deed=...)   from now on it says this of these days
    service_calendars(connection, sites, known_ms)      the hours in which sites have to run, one for each distinct way
    seed(connection, file, deed)                        what the program brings along, once, and again when it is newer

A calendar itself is an entry of the register (entry_kinds.py). What it says of a day is a chain of versions by the time
at which it was *known*: [from_ms, to_ms). A later word ends the version before it, so that a figure of last month can
be asked for as it was known then. A day that is ordinary after all is a version too: kind `usual`.

What comes with the program is made by SEEDER. A newer program puts new versions where the last word was its own (a year
that was provisional is announced) and lets alone whatever a person has said; an older one does not unsay what was
announced.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import Connection

from roundsman_collector.core.calendar import Calendar, CalendarError
from roundsman_collector.core.days import Day
from roundsman_collector.core.hours import calendar_of
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.rules.calendars import CalendarFile, csv_of
from roundsman_collector.store import audit, entries
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.entries import Version
from roundsman_collector.store.entry_kinds import KINDS, NO_CALENDAR, EntryError
from roundsman_collector.store.schema import calendar_day
from roundsman_collector.store.sql import chunks, clean, insert, keep_fact, many, marks, run

SEEDER = "roundsman"
USUAL = Day(kind="usual")
"""What is said of a day of which nobody has spoken."""
SEEDED = "calendar_seed:"
"""Under this key and a calendar's id stands which file of the program is in the database."""
DAYS_AT_ONCE = 20_000
TOLD_EACH = 40
"""Changes of more days at once are one row of the audit log."""
NOT_BEFORE, NOT_AFTER = "0000-00-00", "9999-99-99"

ServiceKey = tuple[str, str, str]
"""Service hours, time zone, calendar: sites that have the same of all three have to run at the same times."""


class DayVersion(NamedTuple):
    """What was said of a day, known in [from_ms, to_ms), and by whom."""

    day: date
    from_ms: int
    to_ms: int | None
    made_ms: int
    made_by: str
    said: Day


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceHours:
    """When a site has to run. `calendar` None: nobody can say, and `why` not.

    why          "": known · no_calendar: the site names one that is not there · no_hours: a week without a single hour,
                 and no day that has any · unreadable: the service hours are no such text
    provisional  days that are only expected: a figure that touches one may change
    years        of which the calendar says anything; beyond, nobody has entered holidays yet
    """

    calendar: Calendar | None
    why: str
    provisional: frozenset[date]
    years: frozenset[int]


# --- reading ---------------------------------------------------------------------------------------------------------

COLUMNS = "calendar, day, from_ms, to_ms, made_ms, made_by, kind, hours, name_zh, name_en, status"


def days(
    connection: Connection,
    calendar: str,
    known_ms: int | None = None,
    *,
    from_day: date | None = None,
    to_day: date | None = None,
) -> dict[date, Day]:
    """What a calendar says of days, by day, `to_day` itself included: as known now, or as known at `known_ms`."""
    return {
        one.day: one.said
        for one in _versions(connection, [calendar], known_ms, from_day=from_day, to_day=to_day)[calendar]
    }


def days_of_many(
    connection: Connection, calendars: Collection[str], known_ms: int | None = None
) -> dict[str, dict[date, Day]]:
    """What these calendars say, each by day."""
    found = _versions(connection, calendars, known_ms)
    return {calendar: {one.day: one.said for one in versions} for calendar, versions in found.items()}


def named(connection: Connection) -> list[str]:
    """The calendars of which any day was ever said."""
    return list(run(connection, "SELECT DISTINCT calendar FROM calendar_day ORDER BY calendar").scalars())


def history(connection: Connection, calendar: str, day: date) -> list[DayVersion]:
    """Everything that was ever said of a day, the oldest first."""
    sql = f"SELECT {COLUMNS} FROM calendar_day WHERE calendar = ? AND day = ? ORDER BY from_ms"
    return [_version(row) for row in run(connection, sql, calendar, day.isoformat())]


def _versions(
    connection: Connection,
    calendars: Collection[str],
    known_ms: int | None,
    *,
    from_day: date | None = None,
    to_day: date | None = None,
) -> dict[str, list[DayVersion]]:
    known = "to_ms IS NULL" if known_ms is None else "from_ms <= ? AND (to_ms IS NULL OR to_ms > ?)"
    instants = () if known_ms is None else (known_ms, known_ms)
    begin = NOT_BEFORE if from_day is None else from_day.isoformat()
    end = NOT_AFTER if to_day is None else to_day.isoformat()
    found: dict[str, list[DayVersion]] = {calendar: [] for calendar in calendars}
    for part in chunks(sorted(found)):
        rows = run(
            connection,
            f"SELECT {COLUMNS} FROM calendar_day WHERE calendar IN ({marks(len(part))}) AND day >= ? AND day <= ? "
            f"AND {known} ORDER BY calendar, day",
            *part,
            begin,
            end,
            *instants,
        )
        for row in rows:
            found[row[0]].append(_version(row))
    return found


def _version(row: Any) -> DayVersion:
    _, day, from_ms, to_ms, made_ms, made_by, kind, hours, name_zh, name_en, status = row
    said = Day(kind=kind, hours=hours, name_zh=name_zh, name_en=name_en, status=status)
    return DayVersion(date.fromisoformat(day), from_ms, to_ms, made_ms, made_by, said)


# --- when sites have to run ------------------------------------------------------------------------------------------


def service_key(site: Version) -> ServiceKey:
    """What decides when a site has to run, of a version of it."""
    fields = site.fields
    return fields["service_hours"], fields["time_zone"], fields["calendar"] or NO_CALENDAR


def service_calendars(
    connection: Connection, sites: Iterable[Version], known_ms: int | None = None
) -> dict[ServiceKey, ServiceHours]:
    """When these versions of sites have to run, by service_key(): as known now, or as known at `known_ms`."""
    keys = {service_key(site) for site in sites}
    named = {calendar for _, _, calendar in keys}
    said = days_of_many(connection, named, known_ms)
    there = {NO_CALENDAR, *_there(connection, named), *(calendar for calendar in named if said[calendar])}
    return {key: _service_hours(key, said[key[2]], is_there=key[2] in there) for key in keys}


def _there(connection: Connection, calendars: Collection[str]) -> set[str]:
    """Which of these calendars are there, or were: what has ended still says what it said."""
    found: set[str] = set()
    for part in chunks(sorted(calendars)):
        found.update(run(connection, f"SELECT id FROM calendar WHERE id IN ({marks(len(part))})", *part).scalars())
    return found


def _service_hours(key: ServiceKey, said: Mapping[date, Day], *, is_there: bool) -> ServiceHours:
    text, time_zone, _ = key
    calendar, why = None, "" if is_there else "no_calendar"
    if is_there:
        try:
            calendar = calendar_of(text, time_zone, said)
        except CalendarError:
            why = "unreadable"
    if calendar is not None and not any(calendar.hours.values()) and not any(calendar.shifts.values()):
        calendar, why = None, "no_hours"
    return ServiceHours(
        calendar=calendar,
        why=why,
        provisional=frozenset(day for day, one in said.items() if one.status == "provisional"),
        years=frozenset(day.year for day in said),
    )


# --- changing --------------------------------------------------------------------------------------------------------


def put_days(
    connection: Connection,
    calendar: str,
    wanted: Mapping[date, Day],
    *,
    deed: Deed,
    scope: Scope = EVERYTHING,
    whole_years: bool = False,
) -> int:
    """Let a calendar say this of these days from now on; how many days that changes. Raises EntryError.

    `whole_years`: what it said of other days of the same years it says no more. Sites of everybody may have the
    calendar, so only whoever reaches everything may say what holds.
    """
    if not scope.everything:
        raise EntryError(
            what=f"you cannot write calendar {calendar}",
            where=f"calendar {calendar}",
            expected="somebody whose scope is everything: other customers' sites may have this calendar",
            do="ask an administrator",
            cause="closed",
            field="id",
        )
    if entries.one(connection, "calendar", calendar) is None:
        raise entries.no_entry(KINDS["calendar"], calendar)
    if calendar == NO_CALENDAR and any(one.kind != "usual" for one in wanted.values()):
        raise EntryError(
            what=f"calendar {NO_CALENDAR} is the one without days",
            where=f"calendar {calendar}",
            expected="days in another calendar",
            do="make a calendar, and give it to the sites that these days are for",
            cause="conflict",
            field="day",
        )
    more = taken_back(days(connection, calendar), wanted) if whole_years else {}
    return _put(connection, calendar, {**more, **wanted}, deed)


def changes(held: Mapping[date, Day], wanted: Mapping[date, Day], *, whole_years: bool = False) -> dict[date, Day]:
    """What put_days() would change of what a calendar says."""
    told = {**(taken_back(held, wanted) if whole_years else {}), **wanted}
    return {day: said for day, said in told.items() if held.get(day, USUAL) != said}


def taken_back(held: Iterable[date], wanted: Mapping[date, Day]) -> dict[date, Day]:
    """The days of the same years of which nothing is said any more."""
    years = {day.year for day in wanted}
    return {day: USUAL for day in held if day.year in years and day not in wanted}


def _put(connection: Connection, calendar: str, wanted: Mapping[date, Day], deed: Deed) -> int:
    assert len(wanted) <= DAYS_AT_ONCE, "a file with more days is refused where it is read"
    held = {one.day: one for one in _versions(connection, [calendar], None)[calendar]}
    changed = changes({day: one.said for day, one in held.items()}, wanted)
    begin = {day: _after(held.get(day), deed.at_ms) for day in changed}
    many(
        connection,
        "UPDATE calendar_day SET to_ms = ? WHERE calendar = ? AND day = ? AND to_ms IS NULL",
        [(begin[day], calendar, day.isoformat()) for day in changed if day in held],
    )
    many(
        connection,
        insert(calendar_day),
        [
            (
                calendar,
                day.isoformat(),
                begin[day],
                None,
                deed.at_ms,
                clean(deed.who, 400),
                said.kind,
                said.hours,
                said.name_zh,
                said.name_en,
                said.status,
            )
            for day, said in changed.items()
        ],
    )
    audit.add_all(connection, deed, _deeds(calendar, held, changed))
    return len(changed)


def _after(held: DayVersion | None, at_ms: int) -> int:
    """When a new word begins to be known: now, or behind the last one, if a clock was set back since."""
    return at_ms if held is None else max(at_ms, held.from_ms + 1)


def _deeds(
    calendar: str, held: Mapping[date, DayVersion], changed: Mapping[date, Day]
) -> list[tuple[str, str, dict[str, Any] | None, dict[str, Any]]]:
    """What the audit log says: each day, or of many only how many; every word about a day is kept with it anyway."""
    subject = f"calendar:{calendar}"
    if len(changed) > TOLD_EACH:
        told = {"days": len(changed), "first": min(changed).isoformat(), "last": max(changed).isoformat()}
        return [("put calendar days", subject, None, told)]
    return [
        ("put calendar day", subject, _told(day, held[day].said) if day in held else None, _told(day, changed[day]))
        for day in sorted(changed)
    ]


def _told(day: date, said: Day) -> dict[str, Any]:
    return {"day": day.isoformat(), **asdict(said)}


# --- what comes with the program -------------------------------------------------------------------------------------


def seed(connection: Connection, file: CalendarFile, deed: Deed) -> int:
    """Bring the days of the program's own file in, where nobody has said otherwise; how many days that changes.

    The same file is brought once: what people take back afterwards stays taken back.
    """
    mark = sha256(csv_of(file.days).encode()).hexdigest()[:16]
    key = f"{SEEDED}{file.calendar}"
    if run(connection, "SELECT value FROM meta WHERE key = ?", key).scalar() == mark:
        return 0
    if entries.one(connection, "calendar", file.calendar) is None:
        return 0
    held = _versions(connection, [file.calendar], None)[file.calendar]
    peoples = {one.day for one in held if one.made_by != SEEDER}
    announced = {one.day.year for one in held if one.said.kind != "usual" and one.said.status == "confirmed"}
    expected = {day.year for day, said in file.days.items() if said.status == "provisional"}
    years = {day.year for day in file.days} - (announced & expected)
    told = {**taken_back((one.day for one in held), file.days), **file.days}
    wanted = {day: said for day, said in told.items() if day.year in years and day not in peoples}
    changed = _put(connection, file.calendar, wanted, Deed(who=SEEDER, at_ms=deed.at_ms, address=deed.address))
    keep_fact(connection, key, mark)
    return changed
