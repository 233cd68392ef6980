"""Rules and service levels by version (rules.py, levels.py)."""

from collections.abc import Iterable

from roundsman_collector.store import (
    calendars,
    levels,
)
from roundsman_collector.store import rules as rule_rows
from roundsman_collector.store.levels import DaySaid, LevelRow
from roundsman_collector.store.views.reading import Reading


class RuleReads(Reading):
    """What holds, and held."""

    def rules_at(self, at_ms: int | None = None) -> rule_rows.RuleSetRow | None:
        """The rules in force now, or at a time; None: there never were any."""
        with self._reading("the rules in force") as connection:
            return rule_rows.newest_of(connection, at_ms)

    def rule_rows(self, limit: int) -> list[rule_rows.RuleSetRow]:
        """The newest rule sets, the newest first."""
        with self._reading("rules") as connection:
            return rule_rows.newest(connection, limit)

    def strangers(self, wanted: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Which of these (where, which) that overrides are for nobody has entered."""
        with self._reading("whom overrides are for") as connection:
            return rule_rows.strangers(connection, wanted)

    def newest_levels(self) -> dict[str, LevelRow]:
        """The newest version of each service level."""
        with self._reading("service levels") as connection:
            return levels.newest(connection)

    def level_history(self, level: str, limit: int) -> list[LevelRow]:
        """The versions of a service level, the newest first."""
        with self._reading("the history of a service level") as connection:
            return levels.history(connection, level, limit)

    def promised(self, level_id: int) -> tuple[LevelRow, list[DaySaid]] | None:
        """A version of a service level, and all that was ever said of the days of every calendar."""
        with self._reading("a service level") as connection:
            row = levels.one(connection, level_id)
            return None if row is None else (row, levels.days_said(connection, calendars.named(connection)))
