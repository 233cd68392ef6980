"""Rounds of inspection: what they are of, how they go, what they saw (rounds.py, round_facts.py)."""

from collections.abc import Sequence

from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import rounds as round_rows
from roundsman_collector.store.round_facts import RoundFacts, facts
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

    def round_body(self, number: str) -> str | None:
        """A round's document as it was frozen; None: there is none yet."""
        with self._reading("the document of a round") as connection:
            return round_rows.body(connection, number)

    def round_progress(self, round_ids: Sequence[int]) -> dict[int, dict[str, int]]:
        """How many agents of each round were asked, sent to, have answered or failed."""
        with self._reading("how rounds go") as connection:
            return round_rows.progress(connection, round_ids)

    def round_errands(self, round_id: int) -> list[round_rows.ErrandRow]:
        """What each agent was asked to do for a round, and what became of it."""
        with self._reading("the errands of a round") as connection:
            return round_rows.errands(connection, round_id)

    def round_facts(self, row: round_rows.RoundRow) -> RoundFacts:
        """Everything that the document of a round that is over is made of."""
        with self._reading("what a round saw") as connection:
            return facts(connection, row, str(self._place))
