"""Rounds of inspection: what they are of, how they go, what they saw and what people found (rounds.py, round_facts.py,
round_log.py)."""

from collections.abc import Mapping, Sequence

from roundsman_collector.core.looking import Line, Standing
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import files, round_log, tasks
from roundsman_collector.store import rounds as round_rows
from roundsman_collector.store.files import FileRow
from roundsman_collector.store.round_facts import RoundFacts, facts
from roundsman_collector.store.round_log import DeviceRow
from roundsman_collector.store.tasks import TaskFound
from roundsman_collector.store.views.reading import Reading


class RoundReads(Reading):
    """What rounds are and saw."""

    def round_target(self, name: str) -> round_rows.Target | None:
        """What a round of this name would be of: a site, else a group, else a device; None: there is no such thing."""
        with self._reading("what a round is of") as connection:
            return round_rows.target_of(connection, name)

    def rounds(
        self,
        *,
        scope: Scope = EVERYTHING,
        site: str | None = None,
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[round_rows.RoundRow]:
        """Rounds within the scope, the newest first: of one site, older than `before_id`, if named."""
        groups = None if scope.everything else sorted(scope.groups)
        with self._reading("rounds") as connection:
            return round_rows.rows(
                connection,
                groups=groups,
                customers=sorted(scope.customers),
                site=site,
                before_id=before_id,
                limit=limit,
            )

    def round(self, number: str) -> round_rows.RoundRow | None:
        """A round by its number."""
        with self._reading("a round") as connection:
            return round_rows.one(connection, number)

    def unfrozen_round(self, before_ms: int) -> str | None:
        """The number of the round that has waited longest for its document, since before then; None: none has."""
        with self._reading("rounds without a document") as connection:
            return round_rows.unfrozen(connection, before_ms)

    def round_body(self, number: str) -> str | None:
        """A round's document as it was frozen; None: there is none yet."""
        with self._reading("the document of a round") as connection:
            return round_rows.body(connection, number)

    def round_summary(self, number: str) -> str | None:
        """What the page of a round shows of its document; None: there is none."""
        with self._reading("the summary of a round") as connection:
            return round_rows.summary(connection, number)

    def round_progress(self, round_ids: Sequence[int]) -> dict[int, dict[str, int]]:
        """How many agents of each round were asked, sent to, have answered or failed."""
        with self._reading("how rounds go") as connection:
            return round_rows.progress(connection, round_ids)

    def round_errands(self, round_id: int, limit: int | None = None) -> list[round_rows.ErrandRow]:
        """What each agent was asked to do for a round, and what became of it; of so many at most."""
        with self._reading("the errands of a round") as connection:
            return round_rows.errands(connection, round_id, limit=limit)

    def round_facts(self, row: round_rows.RoundRow, device: str | None = None) -> RoundFacts:
        """Everything that the document of a round whose agents are through is made of; its part of one device."""
        with self._reading("what a round saw") as connection:
            return facts(connection, row, str(self._place), device)

    # --- what people find: round_log.py ------------------------------------------------------------------------------

    def round_standing(self, row: round_rows.RoundRow, by_kind: Mapping[str, int], questions: int) -> Standing:
        """How far people are, where so many things are asked of a device of each kind, and so many questions."""
        with self._reading("how far people are in a round") as connection:
            return round_log.standing(connection, row, by_kind, questions)

    def round_lines(self, round_id: int, device: str | None = None) -> list[Line]:
        """The log of a round; of one device of it ("": the questions), if named."""
        with self._reading("what people found in a round") as connection:
            return round_log.lines(connection, round_id, device)

    def round_line_of_key(self, round_id: int, who: str, key: str) -> Line | None:
        """What this key of this person brought before."""
        with self._reading("a line of a round") as connection:
            return round_log.of_key(connection, round_id, who, key)

    def round_kinds(self, round_id: int) -> dict[str, int]:
        """How many devices of each kind a round has."""
        with self._reading("the kinds of a round's devices") as connection:
            return round_log.kinds(connection, round_id)

    def round_kind_of(self, round_id: int, device: str) -> str | None:
        """The kind of a device of a round; None: the round has no such device."""
        with self._reading("a device of a round") as connection:
            return round_log.kind_of(connection, round_id, device)

    def round_devices(
        self, round_id: int, by_kind: Mapping[str, int], *, after: str = "", limit: int = 50, only_open: bool = False
    ) -> list[DeviceRow]:
        """Devices of a round behind `after`, by id, with how much of each is done."""
        with self._reading("the devices of a round") as connection:
            return round_log.page(connection, round_id, by_kind, after=after, limit=limit, only_open=only_open)

    def rounds_of_task(self, task: int) -> list[round_rows.RoundRow]:
        """The rounds that were begun for a task, the first first."""
        with self._reading("the rounds of a task") as connection:
            return round_log.of_task(connection, task)

    def tasks_due(self, site: str, first_day: str, last_day: str) -> list[TaskFound]:
        """A site's tasks that are due from the first of these days to the last, with their logs."""
        with self._reading("the tasks of a site") as connection:
            return tasks.of_site(connection, site, first_day, last_day)

    def round_before(self, row: round_rows.RoundRow) -> round_rows.RoundRow | None:
        """The last finished round of the same before this one in which somebody looked."""
        with self._reading("the round before") as connection:
            return round_log.before(connection, row)

    def round_files(self, round_id: int) -> list[FileRow]:
        """The photos and signatures of a round."""
        with self._reading("the files of a round") as connection:
            return files.of(connection, files.ROUNDS, round_id)

    def round_file(self, round_id: int, file_id: int) -> FileRow | None:
        """A file of a round."""
        with self._reading("a file of a round") as connection:
            return next(iter(files.of(connection, files.ROUNDS, round_id, file_id)), None)
