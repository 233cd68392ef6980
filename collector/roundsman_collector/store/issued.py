"""Reports that are made, issued, confirmed and restated; each revision is a row that is made once, whoever does it.

    ask(connection, Wish(...), deed)             the row of a report, and whether it is new; it will be made
    claim(connection, who, now) -> row           what is to be done next: nobody else has it while the lease runs
    keep(connection, row, Made(...), ...)        made: files, numbers and state in one transaction, or nothing of it
    issue(connection, id, deed=...)              from now on nothing of it changes, and its letters wait to be sent
    restate(connection, row, now)                what an issued one said is no longer true: revision n + 1
    confirm(connection, row, Confirmed(...))     the customer says yes

    provisional ---> final ---> issued ---> confirmed          made again as often as needed while it is not issued
       the period      late news has       |
       is over         settled             +--> revision n + 1: provisional, with a page of differences

A file's bytes lie in file_body, as those of tickets do: a report, its row and its files are stored together or not at
all, and one backup holds them. A lease that ran out is anybody's: whoever was killed has stored nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from sqlalchemy import Connection

from roundsman_collector.roles import Scope
from roundsman_collector.store import audit, files, report_mails, tasks
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.errors import conflict
from roundsman_collector.store.sql import chunks, clean, marks, run

State = Literal["provisional", "final", "issued", "confirmed"]
STATES: tuple[State, ...] = get_args(State)
OPEN: tuple[State, ...] = ("provisional", "final")
"""May still be made anew."""
FROZEN: tuple[State, ...] = ("issued", "confirmed")
Form = Literal["page", "pdf", "xlsx"]
MEDIA: dict[Form, str] = {
    "page": "text/html",
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
LEASE_MS = 5 * 60_000
"""Whoever makes a report says at least so often that it still does."""
TEXT_LIMIT = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """A report that somebody, or a schedule, wants. `customer`, `group`: whose it is. `is_auto`: issued by itself."""

    kind: str
    scope: str
    about: str
    period: str
    number: str
    from_ms: int
    to_ms: int
    customer: str | None = None
    group: str | None = None
    language: str = "zh"
    is_auto: bool = False
    schedule: int | None = None


class ReportRow(NamedTuple):
    """A revision of a report, without what it says. `known_ms` None: it was never made. `step`: what is being done."""

    id: int
    kind: str
    scope: str
    about: str
    period: str
    revision: int
    number: str
    state: State
    customer: str | None
    group_id: str | None
    language: str
    from_ms: int
    to_ms: int
    is_auto: bool
    schedule: int | None
    asked_ms: int
    asked_by: str
    known_ms: int | None
    issued_ms: int | None
    issued_by: str
    versions: str
    digest: str
    wake_at_ms: int | None
    lease_by: str
    lease_until_ms: int | None
    tries: int
    problem: str
    step: str

    @property
    def subject(self) -> str:
        """What the audit log calls it."""
        return f"report:{self.number}/{self.revision}"


class ReportFile(NamedTuple):
    """A file of a report."""

    form: Form
    sha256: str
    size: int
    media_type: str


class NewBody(NamedTuple):
    """A file that was made."""

    form: Form
    sha256: str
    content: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A report that was made: its lines as JSON with their digest, its files. `problem`: what is missing."""

    known_ms: int
    body: str
    digest: str
    versions: str
    files: Sequence[NewBody]
    problem: str = ""


COLUMNS = ", ".join(ReportRow._fields)


# --- reading ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportFilter:
    """Which reports a list shows; empty fields do not narrow it. `person`: an engineer, who may read of themself."""

    kind: str = ""
    state: str = ""
    scope: str = ""
    about: str = ""
    period: str = ""
    person: str = ""
    is_frozen: bool = False
    """Only those that were issued: what customers see."""


def one(connection: Connection, report: int) -> ReportRow | None:
    """A revision by its id."""
    found = run(connection, f"SELECT {COLUMNS} FROM report WHERE id = ?", report).first()
    return None if found is None else _row(found)


def some(
    connection: Connection, scope: Scope, wanted: ReportFilter, *, before_id: int | None = None, limit: int = 100
) -> list[ReportRow]:
    """Reports that a scope reaches, the newest first."""
    conditions, values = ["id < ?"], [2**62 if before_id is None else before_id]  # type: list[str], list[object]
    for column in ("kind", "state", "scope", "about", "period"):
        if said := getattr(wanted, column):
            conditions.append(f"{column} = ?")
            values.append(said)
    if wanted.is_frozen:
        conditions.append(f"state IN ({marks(len(FROZEN))})")
        values += FROZEN
    if not scope.everything:
        reached, bound = ["(scope = 'engineer' AND about = ?)"], [wanted.person]
        for column, targets in (("group_id", scope.groups), ("customer", scope.customers)):
            if targets:
                reached.append(f"{column} IN ({marks(len(targets))})")
                bound += sorted(targets)
        conditions.append(f"({' OR '.join(reached)})")
        values += bound
    sql = f"SELECT {COLUMNS} FROM report WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT ?"
    return [_row(row) for row in run(connection, sql, *values, limit)]


def revisions(connection: Connection, row: ReportRow) -> list[ReportRow]:
    """All revisions of a report, the newest first."""
    sql = f"SELECT {COLUMNS} FROM report WHERE {SAME} ORDER BY revision DESC"
    return [_row(found) for found in run(connection, sql, *_name(row))]


def newest(connection: Connection, wish: Wish) -> ReportRow | None:
    """The newest revision of what is wished for; None: there is none."""
    sql = f"SELECT {COLUMNS} FROM report WHERE {SAME} ORDER BY revision DESC LIMIT 1"
    found = run(connection, sql, *_name(wish)).first()
    return None if found is None else _row(found)


def body_of(connection: Connection, report: int) -> str | None:
    """What a report says, as reports/lines.py wrote it."""
    found: str | None = run(connection, "SELECT body FROM report WHERE id = ?", report).scalar()
    return found


def files_of(connection: Connection, report: int) -> list[ReportFile]:
    """Its files: page, PDF, XLSX."""
    sql = "SELECT form, sha256, size, media_type FROM report_file WHERE report_id = ? ORDER BY form"
    return [ReportFile(*row) for row in run(connection, sql, report)]


def of_sha256(connection: Connection, sha256: str) -> list[tuple[ReportRow, Form]]:
    """Which reports a file belongs to, by the SHA-256 of its bytes."""
    named = ", ".join(f"report.{name}" for name in ReportRow._fields)
    sql = (
        f"SELECT report_file.form, {named} FROM report_file JOIN report ON report.id = report_file.report_id "
        "WHERE report_file.sha256 = ? ORDER BY report.id"
    )
    return [(_row(row[1:]), row[0]) for row in run(connection, sql, sha256)]


SAME = "kind = ? AND scope = ? AND about = ? AND period = ?"


def _name(row: "ReportRow | Wish") -> tuple[str, str, str, str]:
    return row.kind, row.scope, row.about, row.period


def _row(found: Sequence[object]) -> ReportRow:
    row = ReportRow(*found)  # type: ignore[arg-type]
    return row._replace(is_auto=bool(row.is_auto))


# --- making ----------------------------------------------------------------------------------------------------------


def ask(connection: Connection, wish: Wish, deed: Deed) -> tuple[ReportRow, bool]:
    """The report that somebody wants, and whether it is new. One that is not issued yet is made anew, at once."""
    found = newest(connection, wish)
    if found is None:
        made = _add(connection, wish, 1, deed.at_ms, deed.who)
        if made is not None:
            audit.add(connection, deed, "report.ask", made.subject, after={"period": wish.period})
            return made, True
        found = newest(connection, wish)
        assert found is not None, "a row of this name stood in the way"
    if found.state in OPEN and wish.schedule is None:
        run(connection, "UPDATE report SET wake_at_ms = ?, tries = 0 WHERE id = ?", deed.at_ms, found.id)
    return found, False


def restate(connection: Connection, row: ReportRow, now_ms: int) -> ReportRow | None:
    """The next revision of a report that was issued; None: somebody has begun it already."""
    run(connection, "UPDATE report SET wake_at_ms = NULL, lease_by = '', lease_until_ms = NULL WHERE id = ?", row.id)
    wish = Wish(
        kind=row.kind,
        scope=row.scope,
        about=row.about,
        period=row.period,
        number=row.number,
        from_ms=row.from_ms,
        to_ms=row.to_ms,
        customer=row.customer,
        group=row.group_id,
        language=row.language,
        is_auto=row.is_auto,
        schedule=row.schedule,
    )
    return _add(connection, wish, row.revision + 1, now_ms, "roundsman")


def _add(connection: Connection, wish: Wish, revision: int, now_ms: int, who: str) -> ReportRow | None:
    sql = (
        "INSERT INTO report (kind, scope, about, period, revision, number, state, customer, group_id, language, "
        "from_ms, to_ms, is_auto, schedule, asked_ms, asked_by, issued_by, versions, digest, wake_at_ms, lease_by, "
        f"tries, problem, step) VALUES ({marks(24)}) ON CONFLICT (kind, scope, about, period, revision) DO NOTHING "
        f"RETURNING {COLUMNS}"
    )
    found = run(
        connection,
        sql,
        *_name(wish),
        revision,
        wish.number,
        "provisional",
        wish.customer,
        wish.group,
        wish.language,
        wish.from_ms,
        wish.to_ms,
        wish.is_auto,
        wish.schedule,
        now_ms,
        clean(who, TEXT_LIMIT),
        "",
        "",
        "",
        max(now_ms, wish.to_ms),
        "",
        0,
        "",
        "",
    ).first()
    return None if found is None else _row(found)


DUE = "wake_at_ms <= ? AND (lease_until_ms IS NULL OR lease_until_ms <= ?)"


def claim(connection: Connection, who: str, now_ms: int) -> ReportRow | None:
    """What is to be looked at next, and nobody else looks at; None: nothing."""
    sql = (
        f"UPDATE report SET lease_by = ?, lease_until_ms = ? WHERE id = (SELECT id FROM report WHERE {DUE} "
        f"ORDER BY wake_at_ms, id LIMIT 1) AND {DUE} RETURNING {COLUMNS}"
    )
    found = run(connection, sql, who, now_ms + LEASE_MS, now_ms, now_ms, now_ms, now_ms).first()
    return None if found is None else _row(found)


def hold(connection: Connection, row: ReportRow, step: str, now_ms: int) -> bool:
    """Say that it is still being made, and how far it is; False: somebody else has it now."""
    sql = "UPDATE report SET lease_until_ms = ?, step = ? WHERE id = ? AND lease_by = ?"
    return bool(run(connection, sql, now_ms + LEASE_MS, clean(step, TEXT_LIMIT), row.id, row.lease_by).rowcount)


FREE = "lease_by = '', lease_until_ms = NULL, step = ''"


def keep(
    connection: Connection, row: ReportRow, made: Made, *, state: State, wake_at_ms: int | None, now_ms: int
) -> bool:
    """Store what was made; False: it was not ours any more, or was issued meanwhile, and nothing is stored."""
    sql = (
        f"UPDATE report SET state = ?, known_ms = ?, versions = ?, digest = ?, body = ?, problem = ?, tries = 0, "
        f"wake_at_ms = ?, {FREE} WHERE id = ? AND lease_by = ? AND state IN ({marks(len(OPEN))})"
    )
    values = (state, made.known_ms, made.versions, made.digest, made.body, clean(made.problem, TEXT_LIMIT), wake_at_ms)
    if not run(connection, sql, *values, row.id, row.lease_by, *OPEN).rowcount:
        return False
    run(connection, "DELETE FROM report_file WHERE report_id = ?", row.id)
    for new in made.files:
        files.keep_body(connection, new.sha256, len(new.content), files.cut(new.content))
        told = (row.id, new.form, new.sha256, len(new.content), MEDIA[new.form])
        run(
            connection,
            "INSERT INTO report_file (report_id, form, sha256, size, media_type) VALUES (?, ?, ?, ?, ?)",
            *told,
        )
    if state == "final" and row.is_auto:
        issue(connection, row.id, deed=Deed(who="roundsman", at_ms=now_ms))
    return True


def leave(connection: Connection, row: ReportRow, wake_at_ms: int | None) -> None:
    """Nothing had to be done; look again then."""
    sql = f"UPDATE report SET wake_at_ms = ?, tries = 0, problem = '', {FREE} WHERE id = ? AND lease_by = ?"
    run(connection, sql, wake_at_ms, row.id, row.lease_by)


def failed(connection: Connection, row: ReportRow, problem: str, again_ms: int) -> None:
    """It could not be made; nothing of it was kept, and it is tried again."""
    sql = f"UPDATE report SET problem = ?, tries = tries + 1, wake_at_ms = ?, {FREE} WHERE id = ? AND lease_by = ?"
    run(connection, sql, clean(problem, TEXT_LIMIT), again_ms, row.id, row.lease_by)


# --- issuing ---------------------------------------------------------------------------------------------------------


def issue(connection: Connection, report: int, *, deed: Deed, digest: str | None = None) -> ReportRow:
    """Freeze a final report, and have it sent. `digest`: what whoever issues it saw; StoreError where that changed."""
    said, values = ("", ()) if digest is None else (" AND digest = ?", (digest,))
    sql = (
        "UPDATE report SET state = 'issued', issued_ms = ?, issued_by = ?, wake_at_ms = ? "
        f"WHERE id = ? AND state = 'final' AND lease_by = ''{said} RETURNING {COLUMNS}"
    )
    found = run(
        connection, sql, deed.at_ms, clean(deed.who, TEXT_LIMIT), deed.at_ms + CHECK_EVERY_MS, report, *values
    ).first()
    if found is None:
        raise conflict(
            f"report {report} is not final, is being made, or says something else by now",
            "report",
            "look at it again; only what is final can be issued",
        )
    row = _row(found)
    audit.add(connection, deed, "report.issue", row.subject, after={"digest": row.digest})
    report_mails.queue(connection, row.id, row.schedule, deed.at_ms)
    tasks.wake_of_report(connection, row.scope, row.about, deed.at_ms)
    return row


def issued_since(connection: Connection, scopes: Mapping[str, Collection[str]], since_ms: int) -> list[ReportRow]:
    """The first revisions of reports about these that were issued since, the oldest first; `scopes`: ids by scope."""
    found: list[ReportRow] = []
    for scope, about in scopes.items():
        for some_of_it in chunks(sorted(about)):
            sql = (
                f"SELECT {COLUMNS} FROM report WHERE scope = ? AND about IN ({marks(len(some_of_it))}) "
                "AND revision = 1 AND issued_ms >= ?"
            )
            found += [_row(row) for row in run(connection, sql, scope, *some_of_it, since_ms)]
    return sorted(found, key=lambda row: (row.issued_ms or 0, row.id))


CHECK_EVERY_MS = 86_400_000
"""So soon after it was issued a report is compared with what is known by then."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Confirmed:
    """The customer's yes. `how`: by link, drawn, or an uploaded scan; `sha256`: of the file that was confirmed."""

    how: Literal["link", "drawn", "scan"]
    name: str
    words: str = ""
    sha256: str = ""
    picture: bytes = b""
    picture_sha256: str = ""
    media_type: str = ""


class Confirmation(NamedTuple):
    """A yes as it is kept. `picture`: SHA-256 of what was drawn or scanned."""

    id: int
    report_id: int
    how: str
    name: str
    words: str
    sha256: str
    picture: str | None
    media_type: str
    at_ms: int
    who: str
    address: str


def confirm(connection: Connection, report: int, said: Confirmed, deed: Deed) -> ReportRow:
    """The customer confirmed an issued report; StoreError where it is not issued, or the file is another one."""
    sql = f"UPDATE report SET state = 'confirmed' WHERE id = ? AND state IN ({marks(len(FROZEN))}) RETURNING {COLUMNS}"
    found = run(connection, sql, report, *FROZEN).first()
    if found is None or said.sha256 not in {one.sha256 for one in files_of(connection, report)}:
        raise conflict(
            f"report {report} is not issued, or the file that was confirmed is not its",
            "report",
            "open the newest link or page of the report, and confirm what it shows",
        )
    row = _row(found)
    if said.picture:
        files.keep_body(connection, said.picture_sha256, len(said.picture), files.cut(said.picture))
    values = (
        report,
        said.how,
        clean(said.name, TEXT_LIMIT),
        clean(said.words, TEXT_LIMIT),
        said.sha256,
        said.picture_sha256 or None,
        said.media_type,
        deed.at_ms,
        clean(deed.who, TEXT_LIMIT),
        deed.address,
    )
    names = ", ".join(Confirmation._fields[1:])
    run(connection, f"INSERT INTO report_confirmation ({names}) VALUES ({marks(len(values))})", *values)
    audit.add(connection, deed, "report.confirm", row.subject, after={"how": said.how, "sha256": said.sha256})
    return row


def confirmations(connection: Connection, report: int) -> list[Confirmation]:
    """Who confirmed a report, the first first."""
    names = ", ".join(Confirmation._fields)
    rows = run(connection, f"SELECT {names} FROM report_confirmation WHERE report_id = ? ORDER BY id", report)
    return [Confirmation(*row) for row in rows]
