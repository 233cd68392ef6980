"""Labels and links that lead strangers to a form, and what became of what they sent (labels, links, commands)."""

from collections.abc import Iterable

from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import commands, labels, links
from roundsman_collector.store.commands import CommandRow
from roundsman_collector.store.labels import LabelRow
from roundsman_collector.store.links import LinkRow
from roundsman_collector.store.views.reading import Reading


class LabelReads(Reading):
    """What labels there are, and where they lead."""

    def label_of_code(self, code: str) -> LabelRow | None:
        """Where a code leads; None where no good label has it."""
        with self._reading("a label") as connection:
            return labels.of_code(connection, code)

    def label(self, label_id: int, *, scope: Scope = EVERYTHING) -> LabelRow | None:
        """A label by its number, good or over, if the scope reaches what it is on."""
        with self._reading("a label") as connection:
            return labels.one(connection, label_id, scope=scope)

    def labels(
        self,
        *,
        scope: Scope = EVERYTHING,
        subject: str | None = None,
        with_ended: bool = False,
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[LabelRow]:
        """Labels that the scope reaches, the newest first."""
        with self._reading("labels") as connection:
            return labels.rows(
                connection, scope=scope, subject=subject, with_ended=with_ended, before_id=before_id, limit=limit
            )

    def labels_of(self, subjects: Iterable[str]) -> dict[str, LabelRow]:
        """The good labels of those of these devices and sites that have one."""
        with self._reading("labels") as connection:
            return labels.good_of(connection, subjects)

    def command_of_key(self, who: str, key: str) -> CommandRow | None:
        """What somebody asked for under a key."""
        with self._reading("a command") as connection:
            return commands.of_key(connection, who, key)

    def good_link(self, purpose: str, key: str, now_ms: int) -> LinkRow | None:
        """Where the key of a customer's link leads; None where it leads nowhere (any more)."""
        with self._reading("a link") as connection:
            return links.good(connection, purpose, key, now_ms)

    def known_link(self, purpose: str, key: str) -> LinkRow | None:
        """The same, good or over."""
        with self._reading("a link") as connection:
            return links.known(connection, purpose, key)

    def links_of(self, purpose: str, subject: str) -> list[LinkRow]:
        """The links that customers were given for a subject, the newest first."""
        with self._reading("links") as connection:
            return links.of(connection, purpose, subject)
