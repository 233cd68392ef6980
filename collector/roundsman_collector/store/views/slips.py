"""Slips: forms of services that no ticket tells of (slips.py)."""

from roundsman_collector.core.slips import Line, Standing
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import files, slips
from roundsman_collector.store.files import FileRow
from roundsman_collector.store.slips import Installed, SlipFilter, SlipRow
from roundsman_collector.store.views.reading import Reading


class SlipReads(Reading):
    """What slips say."""

    def slip(self, number: str, scope: Scope = EVERYTHING) -> SlipRow | None:
        """A slip by its number, if the scope reaches it."""
        with self._reading("a slip") as connection:
            return slips.one(connection, number, scope)

    def slips(
        self, scope: Scope, wanted: SlipFilter, *, before_id: int | None = None, limit: int = 100
    ) -> list[SlipRow]:
        """Slips that the scope reaches, the newest first."""
        with self._reading("slips") as connection:
            return slips.some(connection, scope, wanted, before_id=before_id, limit=limit)

    def slips_said(self, scope: Scope, wanted: SlipFilter) -> list[tuple[SlipRow, Standing]]:
        """All slips of a kind or period with what they say, by number."""
        with self._reading("what slips say") as connection:
            return slips.of_days(connection, scope, wanted)

    def slip_log(self, slip: int) -> list[Line]:
        """The log of a slip."""
        with self._reading("the log of a slip") as connection:
            return slips.log_of(connection, slip)

    def slip_files(self, slip: int) -> list[FileRow]:
        """The photos and signatures of a slip."""
        with self._reading("the files of a slip") as connection:
            return files.of(connection, files.SLIPS, slip)

    def slip_file(self, slip: int, file_id: int) -> FileRow | None:
        """A file of a slip."""
        with self._reading("a file of a slip") as connection:
            return next(iter(files.of(connection, files.SLIPS, slip, file_id)), None)

    def slips_installed(self, scope: Scope, days: tuple[str, str], by: str) -> list[Installed]:
        """How many devices were fitted on each of these days."""
        with self._reading("how many devices were fitted") as connection:
            return slips.installed(connection, scope, days, by)
