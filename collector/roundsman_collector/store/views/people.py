"""People, their sessions and tokens, and what they did (people.py, audit.py)."""

from roundsman_collector.store import (
    audit,
    dossiers,
    people,
)
from roundsman_collector.store.audit import AuditRow
from roundsman_collector.store.people import PersonRow, SessionRow, TokenRow
from roundsman_collector.store.views.reading import Reading


class PeopleReads(Reading):
    """Who may sign in, and who did what."""

    def persons(self) -> list[PersonRow]:
        """Everybody who may sign in, by login name."""
        with self._reading("people") as connection:
            return people.persons(connection)

    def person(self, person: str) -> PersonRow | None:
        """A person by the login name."""
        with self._reading("a person") as connection:
            return people.one(connection, person)

    def people_names(self) -> dict[str, str]:
        """What people are called, by login."""
        with self._reading("names of people") as connection:
            return dossiers.names(connection)

    def lock_of(self, person: str) -> people.Lock | None:
        """What is needed to judge a person's password."""
        with self._reading("a person's lock") as connection:
            return people.lock_of(connection, person)

    def invited(self, key: str, now_ms: int) -> PersonRow | None:
        """Whom the key of a one-time link lets in."""
        with self._reading("an invitation") as connection:
            return people.invited(connection, key, now_ms)

    def session(self, key: str, now_ms: int) -> tuple[SessionRow, PersonRow] | None:
        """The session that a key opens, and whose it is."""
        with self._reading("a session") as connection:
            return people.session_of(connection, key, now_ms)

    def sessions(self, now_ms: int) -> list[SessionRow]:
        """Who is signed in, the last seen first."""
        with self._reading("sessions") as connection:
            return people.sessions(connection, now_ms)

    def token(self, key: str, now_ms: int) -> TokenRow | None:
        """The token that a key is; None for a stranger's, a revoked and an expired one."""
        with self._reading("a token") as connection:
            return people.token_of(connection, key, now_ms)

    def tokens(self) -> list[TokenRow]:
        """All tokens, the newest first."""
        with self._reading("tokens") as connection:
            return people.tokens(connection)

    def audit(
        self, *, before_id: int | None = None, limit: int = 100, who: str | None = None, subject: str | None = None
    ) -> list[AuditRow]:
        """Who did what, the newest first."""
        with self._reading("the audit log") as connection:
            return audit.rows(connection, before_id=before_id, limit=limit, who=who, subject=subject)
