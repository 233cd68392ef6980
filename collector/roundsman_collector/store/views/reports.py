"""Reports that were made, what they say, who confirmed them (issued.py), schedules and letters (report_mails.py)."""

from roundsman_collector.roles import Scope
from roundsman_collector.store import issued, report_mails, report_words
from roundsman_collector.store.issued import Confirmation, Form, ReportFile, ReportFilter, ReportRow
from roundsman_collector.store.report_mails import MailRow, ScheduleRow
from roundsman_collector.store.report_words import Place, Written
from roundsman_collector.store.views.reading import Reading


class ReportReads(Reading):
    """What was reported."""

    def report(self, report: int) -> ReportRow | None:
        """A revision of a report by its id."""
        with self._reading("a report") as connection:
            return issued.one(connection, report)

    def reports(
        self, scope: Scope, wanted: ReportFilter, *, before_id: int | None = None, limit: int = 100
    ) -> list[ReportRow]:
        """Reports that the scope reaches, the newest first."""
        with self._reading("reports") as connection:
            return issued.some(connection, scope, wanted, before_id=before_id, limit=limit)

    def report_revisions(self, row: ReportRow) -> list[ReportRow]:
        """All revisions of a report, the newest first."""
        with self._reading("the revisions of a report") as connection:
            return issued.revisions(connection, row)

    def report_body(self, report: int) -> str | None:
        """What a report says, as reports/lines.py wrote it; None: it was never made."""
        with self._reading("what a report says") as connection:
            return issued.body_of(connection, report)

    def report_files(self, report: int) -> list[ReportFile]:
        """The files of a report."""
        with self._reading("the files of a report") as connection:
            return issued.files_of(connection, report)

    def reports_of_sha256(self, sha256: str) -> list[tuple[ReportRow, Form]]:
        """Which reports a file belongs to."""
        with self._reading("the report of a file") as connection:
            return issued.of_sha256(connection, sha256)

    def report_confirmations(self, report: int) -> list[Confirmation]:
        """Who confirmed a report."""
        with self._reading("who confirmed a report") as connection:
            return issued.confirmations(connection, report)

    def report_schedules(self) -> list[ScheduleRow]:
        """The schedules that go on."""
        with self._reading("schedules of reports") as connection:
            return report_mails.schedules(connection)

    def report_letters(self, report: int) -> list[MailRow]:
        """The letters of a report."""
        with self._reading("the letters of a report") as connection:
            return report_mails.letters(connection, report)

    def report_words(self, at: Place, known_ms: int) -> dict[str, Written]:
        """What people wrote for the sections of a report, as it stood at a time."""
        with self._reading("what people wrote for a report") as connection:
            return report_words.of(connection, at, known_ms)

    def report_words_history(self, at: Place) -> list[Written]:
        """All that people wrote for a report, the newest first."""
        with self._reading("what people wrote for a report") as connection:
            return report_words.history(connection, at)
