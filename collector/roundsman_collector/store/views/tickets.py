"""Tickets: lists, logs, clocks, what they explain, what forms say of them, and their files."""

import itertools
from collections.abc import Collection, Iterator, Sequence

from roundsman_collector.core.intervals import Pair
from roundsman_collector.core.model import Ref
from roundsman_collector.core.ticket_log import Event
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import (
    children,
    dossiers,
    evidence,
    files,
    judgements,
    kept,
    reach,
    records,
    ticket_clocks,
    ticket_lists,
    witness,
)
from roundsman_collector.store import tickets as ticket_rows
from roundsman_collector.store.children import ChildCount, ChildRow
from roundsman_collector.store.dossiers import TicketFacts
from roundsman_collector.store.files import FileRow, FileUsage
from roundsman_collector.store.judgements import JudgedRow
from roundsman_collector.store.kept import Behind, KeptAsked, KeptFound
from roundsman_collector.store.records import Conversation, TicketRecords
from roundsman_collector.store.sql import chunks, marks
from roundsman_collector.store.ticket_clocks import ClockRow
from roundsman_collector.store.ticket_lists import Line, TicketFilter
from roundsman_collector.store.tickets import TicketEvent, TicketRow
from roundsman_collector.store.views.reading import Reading
from roundsman_collector.store.witness import RecordRow


class TicketReads(Reading):
    """What is known of tickets."""

    def tickets(
        self,
        *,
        states: Sequence[str] = (),
        subject: str | None = None,
        before_id: int | None = None,
        limit: int = 100,
        scope: Scope = EVERYTHING,
    ) -> list[TicketRow]:
        """Tickets within the scope, the newest first: in any of `states`, of a subject, older than `before_id`."""
        reached, values = reach.subjects_within(scope)
        where = ["id > 0", reached]
        if states:
            where.append(f"state IN ({marks(len(states))})")
            values.extend(states)
        if subject is not None:
            where.append("subject = ?")
            values.append(subject)
        if before_id is not None:
            where.append("id < ?")
            values.append(before_id)
        with self._reading("tickets") as connection:
            return ticket_rows.read(connection, f"{' AND '.join(where)} ORDER BY id DESC", values, limit)

    def tickets_of(self, tickets: Sequence[int]) -> list[TicketRow]:
        """These tickets, in this order, as far as they are there."""
        found: dict[int, TicketRow] = {}
        with self._reading("some tickets") as connection:
            for part in chunks(tickets):
                rows = ticket_rows.read(connection, f"id IN ({marks(len(part))})", part, len(part))
                found.update((row.id, row) for row in rows)
        return [found[ticket] for ticket in tickets if ticket in found]

    def tickets_page(
        self, scope: Scope, wanted: TicketFilter, *, before_id: int | None = None, limit: int = 50
    ) -> list[TicketRow]:
        """Tickets of a list that the scope reaches, the newest first, older than `before_id`."""
        with self._reading("a list of tickets") as connection:
            return ticket_lists.page(connection, scope, wanted, before_id=before_id, limit=limit)

    def ticket_counts(self, scope: Scope, wanted: TicketFilter) -> dict[str, int]:
        """How many tickets of a list, as far as the scope reaches them, are in each state."""
        with self._reading("the number of tickets") as connection:
            return ticket_lists.counts(connection, scope, wanted)

    def ticket_clocks(self, tickets: Collection[int]) -> dict[int, list[ClockRow]]:
        """How the clocks of these tickets stood when they were looked at last, those that are due first first."""
        with self._reading("clocks of tickets") as connection:
            return ticket_clocks.of(connection, tickets)

    def tickets_warned(self, tickets: Collection[int]) -> dict[int, dict[str, int]]:
        """How far the clocks of these tickets were when the engine warned of them last, in percent."""
        with self._reading("warnings of tickets") as connection:
            return ticket_lists.warned(connection, tickets)

    def ticket_lines(self, tickets: Collection[int], verbs: Sequence[str]) -> dict[int, list[Line]]:
        """The lines of these tickets' logs that have one of these verbs, in their order."""
        with self._reading("lines of tickets") as connection:
            return ticket_lists.lines(connection, tickets, verbs)

    def ticket_logs(self, tickets: Collection[int]) -> dict[int, list[Event]]:
        """The logs of these tickets."""
        with self._reading("logs of tickets") as connection:
            return ticket_rows.events_of_many(connection, sorted(tickets))

    def tickets_before(self, row: TicketRow, *, limit: int) -> list[TicketRow]:
        """The tickets of the same fault of the same subject before this one, the newest first."""
        with self._reading("tickets of the same fault") as connection:
            return ticket_lists.same(connection, row, limit=limit)

    def record(self, agent_no: int, ref: Ref) -> RecordRow | None:
        """The record that a ticket stands on, however far back; None where it is pruned or not to be found."""
        with self._reading("a record") as connection:
            return witness.find(connection, evidence.partitions(connection), agent_no, ref)

    def ticket(self, ticket: int | str) -> tuple[TicketRow, list[TicketEvent]] | None:
        """A ticket by its id or its number, with its log."""
        column = "id" if isinstance(ticket, int) else "number"
        with self._reading("a ticket") as connection:
            found = ticket_rows.read(connection, f"{column} = ?", (ticket,), 1)
            return (found[0], ticket_rows.log_of(connection, found[0].id)) if found else None

    def ticket_children(self, ticket: int, *, scope: Scope = EVERYTHING, limit: int = 1000) -> list[ChildRow]:
        """What a ticket's cause explains and explained, as far as the scope reaches; those that still are first."""
        reached, values = reach.subjects_within(scope, "ticket_child.subject")
        with self._reading("what a ticket explains") as connection:
            return children.of_ticket(connection, ticket, reached, values, limit)

    def count_children(self, tickets: Collection[int], *, scope: Scope = EVERYTHING) -> dict[int, ChildCount]:
        """How much these tickets explain, as far as the scope reaches; those that do."""
        reached, values = reach.subjects_within(scope, "ticket_child.subject")
        with self._reading("how much tickets explain") as connection:
            return children.counts(connection, tickets, reached, values)

    def ticket_numbers(self, tickets: Collection[int]) -> dict[int, str]:
        """The numbers of tickets."""
        with self._reading("numbers of tickets") as connection:
            return children.numbers(connection, tickets)

    def ticket_facts(self, rows: Sequence[TicketRow]) -> list[TicketFacts]:
        """Everything that a form may say of these tickets."""
        with self._reading("what belongs to tickets") as connection:
            return dossiers.facts(connection, rows)

    def tickets_opened(self, scope: Scope, from_ms: int, to_ms: int, *, limit: int) -> tuple[list[TicketFacts], bool]:
        """The tickets that were opened in [from, to) with what belongs to them; and whether there are more."""
        with self._reading("the tickets of a period") as connection:
            rows, has_more = dossiers.opened_between(connection, scope, from_ms, to_ms, limit=limit)
            return dossiers.facts(connection, rows), has_more

    def kept(self, asked: KeptAsked) -> KeptFound:
        """How promises were kept by the tickets of a period."""
        with self._reading("how promises were kept") as connection:
            return kept.found(connection, asked)

    def judgements(self, asked: KeptAsked) -> list[JudgedRow]:
        """What customers said of the tickets of a period, the newest ticket first."""
        with self._reading("what customers said") as connection:
            return judgements.found(connection, asked)

    def conversations(self, scope: Scope, window: Pair) -> list[Conversation]:
        """What was said with customers in [from, to), as it was written down, by time."""
        with self._reading("conversations") as connection:
            return records.conversations(connection, scope, window)

    def records(self, asked: KeptAsked) -> list[TicketRecords]:
        """What is on file of the tickets of a period, by number."""
        with self._reading("what is on file of tickets") as connection:
            return records.records(connection, asked)

    def kept_behind(self, asked: KeptAsked, wanted: Behind, *, before_id: int | None, limit: int) -> list[TicketRow]:
        """The tickets behind a number of kept(), the newest first."""
        with self._reading("the tickets behind a number") as connection:
            return kept.behind(connection, asked, wanted, before_id=before_id, limit=limit)

    def files(self, ticket: int) -> list[FileRow]:
        """The files of a ticket, the first first."""
        with self._reading("the files of a ticket") as connection:
            return files.of(connection, files.TICKETS, ticket)

    def file(self, ticket: int, file_id: int) -> FileRow | None:
        """One file of a ticket."""
        with self._reading("a file") as connection:
            return next(iter(files.of(connection, files.TICKETS, ticket, file_id)), None)

    def file_pieces(self, sha256: str) -> Iterator[bytes]:
        """A file's body, a piece at a time; no transaction is held between two of them."""
        for number in itertools.count():
            with self._reading("a file's body") as connection:
                piece = files.piece(connection, sha256, number)
            if piece is None:
                return
            yield piece

    def file_usage(self) -> FileUsage:
        """How much room files take."""
        with self._reading("how much room files take") as connection:
            return files.usage(connection)
