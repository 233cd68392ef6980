"""The door for reports: what people decide of them, and what the process that makes them stores. Beside the engine.

    with ReportDesk.open("/var/lib/roundsman/roundsman.sqlite3") as desk: ...     short transactions; many threads

Every call is one transaction: all of it is stored, or nothing.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from roundsman_collector.store import issued, links, report_mails
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.connect import Place, connector, place, transaction
from roundsman_collector.store.issued import Confirmed, Made, ReportRow, State, Wish
from roundsman_collector.store.report_mails import MailRow, NewSchedule

CONFIRM = "confirm"
"""The purpose of links by which customers confirm a report; their subject is `report:` and its id, and the letter's."""


class ReportDesk:
    """The door for reports. Make it with ReportDesk.open()."""

    def __init__(self, where: Place) -> None:
        self._place = where
        self._write = connector(where, writes=True)

    @classmethod
    def open(cls, where: str | Path) -> "ReportDesk":
        """Open a database that a collector has made."""
        return cls(place(where))

    def close(self) -> None:
        """Let go of the database."""
        self._write.dispose()

    def __enter__(self) -> "ReportDesk":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _change(self, doing: str) -> Iterator[Connection]:
        with transaction(self._write, doing, self._place) as connection:
            yield connection

    # --- people ------------------------------------------------------------------------------------------------------

    def ask(self, wish: Wish, *, deed: Deed) -> tuple[ReportRow, bool]:
        """A report that somebody wants; whether it is new."""
        with self._change(f"asking for report {wish.number}") as connection:
            return issued.ask(connection, wish, deed)

    def issue(self, report: int, *, deed: Deed, digest: str | None = None, recipients: Sequence[str] = ()) -> ReportRow:
        """Issue a final report, and have it sent to its schedule's recipients and to these."""
        with self._change(f"issuing report {report}") as connection:
            row = issued.issue(connection, report, deed=deed, digest=digest)
            report_mails.add_letters(connection, report, recipients, deed.at_ms)
            return row

    def confirm(self, report: int, said: Confirmed, *, deed: Deed) -> ReportRow:
        """Somebody of ours keeps the customer's yes: a scan of the paper, or what was drawn on a phone."""
        with self._change(f"confirming report {report}") as connection:
            return issued.confirm(connection, report, said, deed)

    def confirm_by_link(self, key: str, said: Confirmed, *, at_ms: int, address: str) -> ReportRow | None:
        """The customer's own yes, by a link that works once; None: it is no good (any more)."""
        with self._change("confirming a report by a link") as connection:
            known = links.known(connection, CONFIRM, key)
            who = "a customer" if known is None else known.author
            deed = Deed(who=who, at_ms=at_ms, address=address)
            used = links.use(connection, CONFIRM, key, deed=deed)
            return None if used is None else issued.confirm(connection, report_of(used.subject), said, deed)

    def put_schedule(self, new: NewSchedule, *, deed: Deed) -> int:
        """Add a schedule."""
        with self._change("adding a schedule of reports") as connection:
            return report_mails.put(connection, new, deed)

    def end_schedule(self, schedule: int, *, deed: Deed) -> None:
        """End a schedule."""
        with self._change("ending a schedule of reports") as connection:
            report_mails.end(connection, schedule, deed)

    # --- making ------------------------------------------------------------------------------------------------------

    def claim(self, who: str, now_ms: int) -> ReportRow | None:
        """The report that is to be looked at next, for us alone while the lease runs."""
        with self._change("looking for a report to make") as connection:
            return issued.claim(connection, who, now_ms)

    def hold(self, row: ReportRow, step: str, now_ms: int) -> bool:
        """Say how far it is; False: it is not ours any more."""
        with self._change("making a report") as connection:
            return issued.hold(connection, row, step, now_ms)

    def keep(self, row: ReportRow, made: Made, *, state: State, wake_at_ms: int | None, now_ms: int) -> bool:
        """Store a report that was made, whole."""
        with self._change(f"keeping report {row.number}") as connection:
            return issued.keep(connection, row, made, state=state, wake_at_ms=wake_at_ms, now_ms=now_ms)

    def leave(self, row: ReportRow, wake_at_ms: int | None) -> None:
        """Nothing had to be done."""
        with self._change(f"leaving report {row.number}") as connection:
            issued.leave(connection, row, wake_at_ms)

    def failed(self, row: ReportRow, problem: str, again_ms: int) -> None:
        """It could not be made."""
        with self._change(f"putting off report {row.number}") as connection:
            issued.failed(connection, row, problem, again_ms)

    def restate(self, row: ReportRow, now_ms: int) -> ReportRow | None:
        """The next revision of an issued report."""
        with self._change(f"restating report {row.number}") as connection:
            return issued.restate(connection, row, now_ms)

    # --- letters -----------------------------------------------------------------------------------------------------

    def due_letter(self, now_ms: int) -> MailRow | None:
        """The next letter to be sent."""
        with self._change("looking for a letter to send") as connection:
            return report_mails.due(connection, now_ms)

    def letter_sent(self, letter: int, now_ms: int) -> None:
        """The mail server has taken it."""
        with self._change("noting a letter") as connection:
            report_mails.sent(connection, letter, now_ms)

    def letter_again(self, letter: int, wake_at_ms: int, error: str) -> None:
        """It did not go; it is tried again."""
        with self._change("putting off a letter") as connection:
            report_mails.again(connection, letter, wake_at_ms, error)

    def letter_dead(self, letter: int, now_ms: int, error: str) -> None:
        """It will not go."""
        with self._change("giving up a letter") as connection:
            report_mails.dead(connection, letter, now_ms, error)


def report_of(subject: str) -> int:
    """The id of the report that a link's subject names."""
    return int(subject.split(":")[1])
