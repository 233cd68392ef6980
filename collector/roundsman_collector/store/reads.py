"""What people and programs may see: the door for processes that do not write, like API, console and command line.

    view = View.open("/var/lib/roundsman/roundsman.sqlite3")
    view.devices(limit=100) · view.intervals("nvr-2", a, b) · view.intervals("nvr-2", a, b, known_ms=yesterday)
    view.ask(who="wang", verb="acknowledge", args={"ticket": 7}, now_ms=now)      the only thing that it adds: a command

Every call has a connection and a snapshot of its own: a View may be used by many threads. Times are `_ms`, UTC.
"""

import heapq
import itertools
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import takewhile
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from roundsman_collector.core.causes import Kind, Link, Shadow
from roundsman_collector.core.days import Day
from roundsman_collector.core.duty import Plan, Shift, SwapState
from roundsman_collector.core.intervals import Intervals, Pair
from roundsman_collector.core.model import Ref
from roundsman_collector.core.overlay import Laid
from roundsman_collector.core.parts import History
from roundsman_collector.roles import EVERYTHING, Scope
from roundsman_collector.store import (
    agents_now,
    asked,
    audit,
    behind,
    calendars,
    cards,
    changes,
    children,
    commands,
    conditions,
    dossiers,
    duty,
    entries,
    evidence,
    files,
    fleet,
    going,
    heard,
    kept,
    laid,
    ledger,
    levels,
    loans,
    migrate,
    overlays,
    parts,
    people,
    pushed,
    quarantine,
    ratio_facts,
    reach,
    reckon,
    register,
    schema,
    sqlite,
    stock_reads,
    stock_register,
    ticket_clocks,
    ticket_lists,
    witness,
)
from roundsman_collector.store import rounds as round_rows
from roundsman_collector.store import rules as rule_rows
from roundsman_collector.store import tickets as ticket_rows
from roundsman_collector.store.agents_now import AgentNow
from roundsman_collector.store.asked import AskedRow
from roundsman_collector.store.audit import AuditRow
from roundsman_collector.store.behind import BehindRow
from roundsman_collector.store.calendars import DayVersion, ServiceHours, ServiceKey
from roundsman_collector.store.cards import Card
from roundsman_collector.store.changes import ChangesPage, Since, TicketChanged
from roundsman_collector.store.children import ChildCount, ChildRow
from roundsman_collector.store.commands import CommandRow
from roundsman_collector.store.conditions import ConditionRow
from roundsman_collector.store.connect import Place, connector, place, transaction
from roundsman_collector.store.dossiers import TicketFacts
from roundsman_collector.store.duty import PatternRow, Rota, SwapRow
from roundsman_collector.store.entries import Version
from roundsman_collector.store.entry_kinds import KindName
from roundsman_collector.store.errors import StoreError
from roundsman_collector.store.evidence import EvidenceRow, Partition
from roundsman_collector.store.files import FileRow, FileUsage
from roundsman_collector.store.fleet import DeviceFacts, DevicePast, FleetNews
from roundsman_collector.store.going import Engineer, Member, Orphans, Question
from roundsman_collector.store.kept import Behind, KeptAsked, KeptFound
from roundsman_collector.store.ledger import Interval
from roundsman_collector.store.levels import DaySaid, LevelRow
from roundsman_collector.store.loans import LoanRow
from roundsman_collector.store.overlays import ANY_OVERLAY, OverlayFilter, OverlayRow
from roundsman_collector.store.parts import PartRow, Standing
from roundsman_collector.store.people import PersonRow, SessionRow, TokenRow
from roundsman_collector.store.present import Run
from roundsman_collector.store.pushed import PushRow
from roundsman_collector.store.quarantine import CounterRow, InboxRow, QuarantineRow
from roundsman_collector.store.ratio_facts import Points, Registered
from roundsman_collector.store.reckon import Answer, Asked, Evidence, Frame, Served
from roundsman_collector.store.round_facts import RoundFacts, facts
from roundsman_collector.store.samples import SampleRow, samples_in
from roundsman_collector.store.sql import marks, run
from roundsman_collector.store.stock_reads import MoveFilter, MoveRow, ReservationRow, Statement, StockRow
from roundsman_collector.store.stock_register import ItemRow, LocationRow
from roundsman_collector.store.tallies import Tallies, tallies
from roundsman_collector.store.ticket_clocks import ClockRow
from roundsman_collector.store.ticket_lists import TicketFilter
from roundsman_collector.store.tickets import TicketEvent, TicketRow
from roundsman_collector.store.witness import RecordRow

LOOK_LIMIT = 5000
"""How many evidence rows one page of samples looks through at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceView:
    """A device as it stands. `agent` None: nobody speaks for it. `state` None: the ledger has nothing of it yet.

    The ledger says `state` since `since_ms`; evidence covers it up to `covered_to_ms`; beyond, it is only assumed.
    """

    id: str
    kind: str
    model: str | None
    name_zh: str
    name_en: str
    agent: str | None
    group: str | None
    state: str | None
    cause: str
    fault: str
    since_ms: int | None
    conditions: tuple[ConditionRow, ...]
    last_t_ms: int | None
    covered_to_ms: int | None
    received_ms: int | None
    settling: bool
    readings: dict[str, Any] | None
    readings_t_ms: int | None
    runs: tuple[Run, ...] = ()
    """What is suspected, or seems over, and is not decided yet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplePage:
    """Samples, newest received first. `next_seq`: ask again with before_seq = this for older ones; None: no more."""

    samples: tuple[SampleRow, ...]
    next_seq: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """How the database is doing. `oldest_as_of_seq`: where reading again would begin after a restart now."""

    epoch: str
    schema: str
    agents: int
    devices: int
    open_tickets: int
    intervals: int
    evidence_rows: int
    evidence_bytes: int
    database_bytes: int
    partitions: tuple[Partition, ...]
    last_seq: int
    pruned_to_seq: int
    dirty_units: int
    dirty_since_ms: int | None
    oldest_as_of_seq: int | None
    new_commands: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Keeping:
    """How much evidence there is by day, how many bytes of the file wait to be used again, and when the database was
    last backed up and restored (None: never)."""

    partitions: tuple[Partition, ...]
    spare_bytes: int
    backup_ms: int | None
    restored_ms: int | None


class View:
    """The readers' door. Make it with View.open()."""

    def __init__(self, where: Place) -> None:
        self._place = where
        self._read = connector(where, writes=False)
        self._ask = connector(where, writes=True)

    @classmethod
    def open(cls, where: str | Path) -> "View":
        """Open a database that a collector has made."""
        at = place(where)
        if at.path and not at.path.is_file():
            raise _missing(at)
        view = cls(at)
        try:
            with view._reading("the schema") as connection:
                found = migrate.revision(connection)
            migrate.refuse_newer(found, str(at))
            if not found:
                raise _missing(at)
            if found < schema.REVISION:
                raise StoreError(
                    what=f"the database has schema {found}, older than this program's {schema.REVISION}",
                    where=str(at),
                    do="start the collector once: it brings the schema up to date",
                    cause="older",
                )
        except BaseException:
            view.close()
            raise
        return view

    def close(self) -> None:
        """Let go of the database."""
        self._read.dispose()
        self._ask.dispose()

    def __enter__(self) -> "View":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _reading(self, what: str) -> Iterator[Connection]:
        with transaction(self._read, f"reading {what}", self._place) as connection:
            yield connection

    # --- devices -----------------------------------------------------------------------------------------------------

    def devices(
        self, *, after: str = "", limit: int = 1000, group: str | None = None, scope: Scope = EVERYTHING
    ) -> list[DeviceView]:
        """Devices that the scope reaches, by id, from the one behind `after` on; of one group, if named."""
        reached, values = reach.within(scope)
        if group is not None:
            reached, values = f"{reached} AND agent.group_id = ?", [*values, group]
        with self._reading("devices") as connection:
            return _devices(
                connection, f"device.id > ? AND {reached} ORDER BY device.id LIMIT ?", (after, *values, limit)
            )

    def reaches(self, scope: Scope, subject: str) -> bool:
        """Whether a scope reaches a device, an agent (`@` and its id) or a site (`#`); not, if there is none."""
        with self._reading("what somebody reaches") as connection:
            return reach.reaches(connection, scope, subject)

    def device(self, device_id: str) -> DeviceView | None:
        """One device."""
        with self._reading("a device") as connection:
            found = _devices(connection, "device.id = ?", (device_id,))
        return found[0] if found else None

    def intervals(self, device: str, from_ms: int, to_ms: int, known_ms: int | None = None) -> list[Interval]:
        """A device's ledger in [from, to): as known now, or as known at `known_ms`. Ends are not cut to the window."""
        with self._reading("intervals") as connection:
            return ledger.intervals(connection, device, from_ms, to_ms, known_ms)

    def conditions_of(self, subjects: Sequence[str], from_ms: int, to_ms: int) -> dict[str, list[ConditionRow]]:
        """What befell many subjects in [from, to), as known now: of those that have anything."""
        with self._reading("conditions of many") as connection:
            return conditions.of_many(connection, subjects, from_ms, to_ms)

    def open_conditions(self, subjects: Sequence[str]) -> dict[str, list[ConditionRow]]:
        """The conditions that hold now, of those subjects that have any."""
        with self._reading("open conditions") as connection:
            return conditions.open_of(connection, subjects)

    def conditions(self, subject: str, from_ms: int, to_ms: int, known_ms: int | None = None) -> list[ConditionRow]:
        """What befell a device, or an agent (`@` and its id), in [from, to): as known now, or at `known_ms`."""
        with self._reading("conditions") as connection:
            return conditions.conditions(connection, subject, from_ms, to_ms, known_ms)

    def samples(
        self,
        device: str,
        from_ms: int,
        to_ms: int,
        *,
        limit: int = 1000,
        before_seq: int | None = None,
        look: int = LOOK_LIMIT,
    ) -> SamplePage:
        """A device's samples whose own time `t` lies in [from, to), read from the evidence, newest received first.

        A page holds whole reports: it may have a few more than `limit`, and may be empty while `next_seq` goes on; so
        it is after `look` reports, whatever was in them.
        What was received more than a day before `from_ms` is not looked at: no clock worth believing is that far ahead.
        """
        with self._reading(f"samples of {device}") as connection:
            found: list[SampleRow] = []
            rows = self._rows_of(connection, device, from_ms - evidence.DAY_MS, before_seq, min(look, evidence.CHUNK))
            for looked, row in enumerate(rows):
                if len(found) >= limit or looked >= look:
                    return SamplePage(samples=tuple(found), next_seq=row.seq + 1)
                found.extend(samples_in(row, device, from_ms, to_ms))
        return SamplePage(samples=tuple(found), next_seq=None)

    def _rows_of(
        self, connection: Connection, device: str, received_from_ms: int, before_seq: int | None, chunk: int
    ) -> Iterator[EvidenceRow]:
        """The evidence of all agents that ever spoke for the device, the newest row first."""
        known = evidence.partitions(connection)
        agents = run(connection, "SELECT DISTINCT agent_no FROM assignment WHERE device = ?", device).scalars().all()
        heads = [evidence.head_of(connection, known, agent_no, before_seq) for agent_no in agents]
        chains = [evidence.chain(connection, known, head, 1, str(self._place), chunk) for head in heads]
        recent = [takewhile(lambda row: row.received_ms >= received_from_ms, chain) for chain in chains]
        for row in heapq.merge(*recent, key=lambda row: row.seq, reverse=True):
            if before_seq is None or row.seq < before_seq:
                yield row

    # --- whole fleets: a summary asks, pages ask the summary ----------------------------------------------------------

    def newest_interval(self) -> int:
        """The id of the newest row of the ledger."""
        with self._reading("the ledger") as connection:
            return fleet.newest_interval(connection)

    def fleet_news(self, after_interval: int, now_ms: int) -> FleetNews:
        """What is open now, and whose ledger has rows behind `after_interval`."""
        with self._reading("what is new") as connection:
            return fleet.news(connection, after_interval, now_ms)

    def fleet_facts(self, after: str, limit: int) -> list[DeviceFacts]:
        """Devices as lists show them, by id, from the one behind `after` on."""
        with self._reading("devices for lists") as connection:
            return fleet.facts(connection, after, limit)

    def fleet_facts_of(self, devices: Sequence[str]) -> list[DeviceFacts]:
        """These devices as lists show them."""
        with self._reading("devices for lists") as connection:
            return fleet.facts_of(connection, devices)

    # --- figures: reckon.py ------------------------------------------------------------------------------------------

    def fleet_pasts(self, now_ms: int, lengths_ms: Sequence[int]) -> Iterator[list[DevicePast]]:
        """Every device in each of the windows [now - length, now), a chunk of devices at a time."""
        return reckon.pasts(self._reckoning, now_ms, lengths_ms)

    def reckon(self, asked: Asked) -> Answer:
        """Figures of whatever the scope reaches, by a dimension and by buckets."""
        return reckon.reckon(self._reckoning, asked)

    def served(self, devices: Sequence[str], frame: Frame) -> dict[str, list[Served]]:
        """Where each of these devices served in a window, as far as the scope reaches, and the time that counts."""
        with self._reckoning() as connection:
            return reckon.served(connection, devices, frame)

    def evidence_of(
        self, devices: Collection[str], from_ms: int, to_ms: int, *, now_ms: int, known_ms: int | None = None
    ) -> dict[str, Evidence]:
        """The ledgers of devices, explained by roots, before overlays: as known now, or at `known_ms`."""
        with self._reckoning() as connection:
            return reckon.evidence_of(connection, devices, from_ms, to_ms, now_ms=now_ms, known_ms=known_ms)

    def _reckoning(self) -> AbstractContextManager[Connection]:
        return self._reading("what figures are made of")

    # --- causes: behind.py -------------------------------------------------------------------------------------------

    def behind_of(self, devices: Collection[str]) -> dict[str, dict[Kind, str]]:
        """What devices get power and uplink from now; those that get any."""
        with self._reading("what devices stand behind") as connection:
            return behind.roots_now(connection, devices)

    def behind_history(self, device: str) -> list[BehindRow]:
        """All that was ever said of what a device stands behind."""
        with self._reading("what a device stood behind") as connection:
            return behind.history(connection, device)

    def children_of(self, root: str) -> list[Link]:
        """What gets power or uplink from a device now."""
        with self._reading("what stands behind a device") as connection:
            return behind.children(connection, root)

    def shadows_for(
        self, devices: Collection[str], from_ms: int, to_ms: int, known_ms: int | None = None
    ) -> dict[str, tuple[Shadow, ...]]:
        """When devices lacked power or uplink in [from, to), and because of whom: as known now, or at `known_ms`."""
        with self._reading("what roots explain") as connection:
            return behind.shadows_for(connection, devices, from_ms, to_ms, known_ms)

    def explained_now(self, now_ms: int, devices: Collection[str] | None = None) -> dict[str, Shadow]:
        """Why devices (None: all) lack power or uplink now; those that do."""
        with self._reading("what roots explain now") as connection:
            return behind.explained_now(connection, now_ms, devices)

    # --- the register ------------------------------------------------------------------------------------------------

    def entry(
        self, kind: KindName, entry: str, *, at_ms: int | None = None, scope: Scope = EVERYTHING
    ) -> Version | None:
        """A customer, site, place … as it is in force, now or at a time, if the scope reaches it."""
        with self._reading(f"a {kind}") as connection:
            return entries.one(connection, kind, entry, at_ms=at_ms, scope=scope)

    def entries(
        self,
        kind: KindName,
        *,
        at_ms: int | None = None,
        scope: Scope = EVERYTHING,
        after: str = "",
        limit: int = 1000,
        where: Mapping[str, str] | None = None,
    ) -> list[Version]:
        """Entries of a kind in force that the scope reaches, by id; with these values in these fields, if named."""
        with self._reading(f"{kind} entries") as connection:
            return entries.some(connection, kind, at_ms=at_ms, scope=scope, after=after, limit=limit, where=where)

    def entry_history(self, kind: KindName, entry: str, *, scope: Scope = EVERYTHING) -> list[Version]:
        """All versions of an entry that the scope may know, the oldest first."""
        with self._reading(f"the history of a {kind}") as connection:
            return entries.history(connection, kind, entry, scope=scope)

    def entries_named(self, kind: KindName, ids: Iterable[str]) -> dict[str, Version]:
        """These entries, as they are in force now."""
        with self._reading(f"{kind} entries") as connection:
            return entries.named(connection, kind, ids)

    def calendar_days(
        self,
        calendar: str,
        known_ms: int | None = None,
        *,
        from_day: date | None = None,
        to_day: date | None = None,
    ) -> dict[date, Day]:
        """What a calendar says of days, `to_day` itself included: as known now, or as known at `known_ms`."""
        with self._reading("a calendar") as connection:
            return calendars.days(connection, calendar, known_ms, from_day=from_day, to_day=to_day)

    def calendar_day_history(self, calendar: str, day: date) -> list[DayVersion]:
        """Everything that a calendar ever said of a day, the oldest first."""
        with self._reading("the history of a day") as connection:
            return calendars.history(connection, calendar, day)

    def service_calendars(
        self, sites: Iterable[Version], known_ms: int | None = None
    ) -> dict[ServiceKey, ServiceHours]:
        """When these versions of sites have to run, by calendars.service_key(): as known now, or at `known_ms`."""
        with self._reading("service hours") as connection:
            return calendars.service_calendars(connection, sites, known_ms)

    def ratio_points(self, scope: Scope, of: Mapping[str, str]) -> list[Points]:
        """Devices that report channels, of what a scope reaches, narrowed (ratio_facts.NARROWED)."""
        with self._reading("channels") as connection:
            return ratio_facts.points(connection, scope, of)

    def ratio_fleet(self, scope: Scope, of: Mapping[str, str], known_ms: int | None = None) -> list[Registered]:
        """Vehicles, and whether each was ever up, as known now or at `known_ms`."""
        with self._reading("vehicles") as connection:
            return ratio_facts.fleet(connection, scope, of, known_ms)

    def ratio_links(
        self, scope: Scope, of: Mapping[str, str], window: Pair, known_ms: int | None = None
    ) -> list[ratio_facts.Link]:
        """Agents, and when nothing was heard of them."""
        with self._reading("links") as connection:
            return ratio_facts.links(connection, scope, of, window, known_ms)

    def ratio_broken(
        self, devices: list[str], code: str, window: Pair, known_ms: int | None = None
    ) -> dict[str, dict[str, Intervals]]:
        """When a fault held in a window, by device and component."""
        with self._reading("faults of channels") as connection:
            return ratio_facts.broken(connection, devices, code, window, known_ms)

    def cards(
        self,
        *,
        scope: Scope = EVERYTHING,
        after: str = "",
        limit: int = 1000,
        where: Mapping[str, str] | None = None,
    ) -> list[Card]:
        """Devices with where they stand, by id; of one place, site, customer, group or agent, if named."""
        with self._reading("cards") as connection:
            return cards.cards(connection, scope=scope, after=after, limit=limit, where=where)

    def standing(self, by: str, ids: Sequence[str]) -> dict[str, int]:
        """How many devices stand at each of these sites, places, customers, contracts or groups."""
        with self._reading("what stands where") as connection:
            return cards.standing(connection, by, ids)

    def cards_named(self, devices: Sequence[str], *, scope: Scope = EVERYTHING) -> dict[str, Card]:
        """The cards of these devices that are there and reached."""
        with self._reading("cards") as connection:
            return cards.named(connection, devices, scope=scope)

    # --- tickets -----------------------------------------------------------------------------------------------------

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

    def tickets_before(self, row: TicketRow, *, limit: int) -> list[TicketRow]:
        """The tickets of the same fault of the same subject before this one, the newest first."""
        with self._reading("tickets of the same fault") as connection:
            return ticket_lists.same(connection, row, limit=limit)

    def record(self, agent_no: int, ref: Ref) -> RecordRow | None:
        """The record that a ticket stands on, however far back; None where it is pruned or not to be found."""
        with self._reading("a record") as connection:
            return witness.find(connection, evidence.partitions(connection), agent_no, ref)

    def agent_names(self, numbers: Iterable[int | None]) -> dict[int, str]:
        """The ids of these agents, by number."""
        with self._reading("the names of agents") as connection:
            return register.names(connection, (one for one in numbers if one is not None))

    def agent_groups(self, agents: Iterable[str]) -> dict[str, str]:
        """The groups of these agents, by id."""
        with self._reading("the groups of agents") as connection:
            return register.groups(connection, agents)

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

    # --- what forms ask ----------------------------------------------------------------------------------------------

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

    def kept_behind(self, asked: KeptAsked, wanted: Behind, *, before_id: int | None, limit: int) -> list[TicketRow]:
        """The tickets behind a number of kept(), the newest first."""
        with self._reading("the tickets behind a number") as connection:
            return kept.behind(connection, asked, wanted, before_id=before_id, limit=limit)

    def people_names(self) -> dict[str, str]:
        """What people are called, by login."""
        with self._reading("names of people") as connection:
            return dossiers.names(connection)

    # --- files of tickets --------------------------------------------------------------------------------------------

    def files(self, ticket: int) -> list[FileRow]:
        """The files of a ticket, the first first."""
        with self._reading("the files of a ticket") as connection:
            return files.of_ticket(connection, ticket)

    def file(self, ticket: int, file_id: int) -> FileRow | None:
        """One file of a ticket."""
        with self._reading("a file") as connection:
            return next(iter(files.of_ticket(connection, ticket, file_id)), None)

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

    # --- who goes: duty.py, going.py ---------------------------------------------------------------------------------

    def going(self, subject: str, component: str, now_ms: int) -> Question:
        """What suggest() of core/going.py needs: the facts about a subject of tickets, and who could go there."""
        with self._reading("who could go") as connection:
            return going.question(connection, subject, component, now_ms)

    def engineers(self, *, scope: Scope = EVERYTHING, person: str | None = None) -> list[Engineer]:
        """Everybody who could be sent, as far as the scope has something in common with them; one, if named."""
        with self._reading("engineers") as connection:
            return going.engineers(connection, scope=scope, person=person)

    def point_members(self, point: str) -> list[Member]:
        """Who belongs to a service point now."""
        with self._reading("the people of a service point") as connection:
            return going.members(connection, point=point)

    def without_engineer(self, *, scope: Scope = EVERYTHING, limit: int = 5) -> Orphans:
        """How many sites have nobody who is responsible for them, and the first of them."""
        with self._reading("sites without a responsible engineer") as connection:
            return going.without_engineer(connection, scope=scope, limit=limit)

    def duty_groups(self, scope: Scope) -> list[str]:
        """The groups whose rotas a scope reaches, by id."""
        with self._reading("groups") as connection:
            return duty.groups_within(connection, scope)

    def duty_people(self, group: str) -> list[PersonRow]:
        """Who can be on duty for a group."""
        with self._reading("who can be on duty") as connection:
            return duty.people_of(connection, group)

    def shifts(
        self,
        from_ms: int,
        to_ms: int,
        *,
        scope: Scope = EVERYTHING,
        group: str | None = None,
        person: str | None = None,
        limit: int = 5000,
    ) -> list[Shift]:
        """Duties and days off that meet [from, to), taken back or not, by their begin."""
        with self._reading("the rota") as connection:
            return duty.shifts(connection, from_ms, to_ms, scope=scope, group=group, person=person, limit=limit)

    def shift(self, shift: int, *, scope: Scope = EVERYTHING) -> Shift | None:
        """A duty or day off, if the scope reaches its rota."""
        with self._reading("a duty") as connection:
            return duty.shift(connection, shift, scope=scope)

    def swaps(
        self,
        *,
        scope: Scope = EVERYTHING,
        group: str | None = None,
        state: SwapState | None = None,
        shift: int | None = None,
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[SwapRow]:
        """Swaps within the scope, the newest first."""
        with self._reading("swaps") as connection:
            return duty.swaps(
                connection, scope=scope, group=group, state=state, shift_id=shift, before_id=before_id, limit=limit
            )

    def swap(self, swap: int, *, scope: Scope = EVERYTHING) -> SwapRow | None:
        """A swap, if the scope reaches its rota."""
        with self._reading("a swap") as connection:
            return duty.swap(connection, swap, scope=scope)

    def duty_pattern(self, rota: Rota, *, scope: Scope = EVERYTHING) -> PatternRow | None:
        """How the weeks of a rota look; None: nobody has said, or it is out of reach."""
        with self._reading("the pattern of a rota") as connection:
            return duty.pattern(connection, rota, scope=scope)

    def duty_plan(self, rota: Rota, first: date, last: date, *, now_ms: int, scope: Scope = EVERYTHING) -> Plan:
        """What filling days of a rota would do. Raises EntryError."""
        with self._reading("what filling a rota would do") as connection:
            return duty.planned(connection, rota, first, last, now_ms=now_ms, scope=scope)

    # --- maintenance, exclusions, corrections ------------------------------------------------------------------------

    def overlay(self, overlay: int, *, scope: Scope = EVERYTHING) -> OverlayRow | None:
        """An overlay with its log, if the scope reaches what it is laid over."""
        with self._reading("an overlay") as connection:
            return overlays.one(connection, overlay, scope)

    def overlays(
        self,
        *,
        scope: Scope = EVERYTHING,
        wanted: OverlayFilter = ANY_OVERLAY,
        before_id: int | None = None,
        limit: int = 50,
    ) -> list[OverlayRow]:
        """Overlays within the scope, the newest first, older than `before_id`."""
        with self._reading("overlays") as connection:
            return overlays.page(connection, scope, wanted, before_id=before_id, limit=limit)

    def overlays_of(
        self, device: str, from_ms: int, to_ms: int, known_ms: int, scope: Scope = EVERYTHING
    ) -> list[OverlayRow]:
        """Every overlay that concerns a device in [from, to), whatever has become of it, the newest first."""
        with self._reading("overlays of a device") as connection:
            return laid.overlays_of(connection, [device], from_ms, to_ms, known_ms, scope)

    def overlays_for(
        self, devices: Collection[str], from_ms: int, to_ms: int, known_ms: int
    ) -> dict[str, tuple[Laid, ...]]:
        """What counts over each of these devices in [from, to), as known at `known_ms`: of those that have any."""
        with self._reading("what is laid over devices") as connection:
            return laid.overlays_for(connection, devices, from_ms, to_ms, known_ms)

    def maintenance_now(self, now_ms: int, devices: Collection[str] | None = None) -> dict[str, int | None]:
        """Subjects, or those of these devices, that are under maintenance or laid up now, and until when."""
        with self._reading("what is under maintenance") as connection:
            return laid.maintenance_now(connection, now_ms, devices)

    def changed_devices(self, asked: Since, scope: Scope, *, after: str = "", limit: int = 50) -> ChangesPage:
        """Devices whose past is told otherwise now than at a known time, by id, behind `after` (changes.py)."""
        with self._reading("what changed") as connection:
            return changes.devices(connection, asked, scope, after=after, limit=limit)

    def changed_tickets(self, asked: Since, scope: Scope, *, limit: int = 100) -> list[TicketChanged]:
        """Tickets that were dated anew, re-labelled, merged or voided since, the newest first."""
        with self._reading("what became of tickets") as connection:
            return changes.tickets(connection, asked, scope, limit=limit)

    def changed_overlays(self, asked: Since, scope: Scope, *, limit: int = 100) -> list[OverlayRow]:
        """Overlays of which something became since, and that reach into the past before, the newest first."""
        with self._reading("what became of overlays") as connection:
            return changes.changed_overlays(connection, asked, scope, limit=limit)

    def is_author(self, author: str, who: str) -> bool:
        """Whether somebody is the author of something, or acts for the same person."""
        with self._reading("who made a token") as connection:
            return overlays.is_author(connection, author, who)

    # --- spare stock and parts: stock_reads.py, stock_register.py, loans.py, parts.py --------------------------------

    def stock(self, *, scope: Scope = EVERYTHING, location: str = "", item: str = "") -> list[StockRow]:
        """How many there are of which item where the scope reaches, and how many are to be there."""
        with self._reading("the stock") as connection:
            return stock_reads.quantities(connection, scope, location=location, item=item)

    def stock_items(self) -> list[ItemRow]:
        """All items of the stock, by id."""
        with self._reading("stock items") as connection:
            return stock_register.items(connection)

    def stock_locations(self, *, scope: Scope = EVERYTHING) -> list[LocationRow]:
        """The locations of the stock that the scope reaches, by id."""
        with self._reading("stock locations") as connection:
            return stock_register.locations(connection, scope)

    def stock_moves(
        self,
        wanted: MoveFilter | None = None,
        *,
        scope: Scope = EVERYTHING,
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[MoveRow]:
        """What came and went, the newest first."""
        with self._reading("stock moves") as connection:
            return stock_reads.moves(connection, scope, wanted, before_id=before_id, limit=limit)

    def stock_reservations(
        self, *, scope: Scope = EVERYTHING, state: str = "", before_id: int | None = None, limit: int = 100
    ) -> list[ReservationRow]:
        """What is kept for tickets, the newest first."""
        with self._reading("stock reservations") as connection:
            return stock_reads.reservations(connection, scope, state=state, before_id=before_id, limit=limit)

    def stock_statement(self, location: str, month: str, *, scope: Scope = EVERYTHING) -> Statement:
        """The statement of a month. Raises EntryError."""
        with self._reading(f"the stock statement of {month[:7]}") as connection:
            return stock_reads.statement(connection, location, month, scope)

    def stock_months(self, location: str) -> tuple[dict[str, tuple[str, str]], int | None]:
        """The months of a location that were signed, and when its first move was booked."""
        with self._reading("stock statements") as connection:
            return stock_reads.signed(connection, location), stock_reads.first_move_ms(connection, location)

    def loans(
        self,
        *,
        scope: Scope = EVERYTHING,
        only_out: bool = False,
        device: str = "",
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[LoanRow]:
        """Loan units for tickets that the scope reaches, the newest first; `device`: of it, or instead of it."""
        with self._reading("loans") as connection:
            return loans.page(connection, scope, only_out=only_out, device=device, before_id=before_id, limit=limit)

    def spares_of_ticket(self, ticket: int) -> tuple[list[MoveRow], list[ReservationRow], list[LoanRow]]:
        """What a ticket had, and has, of the stock: moves, reservations, loans."""
        with self._reading(f"the spares of ticket {ticket}") as connection:
            return (
                stock_reads.moves_of(connection, ticket),
                stock_reads.reservations(connection, ticket_id=ticket),
                loans.loans_of(connection, ticket),
            )

    def parts_of_device(self, device: str) -> list[PartRow]:
        """Every part that is or was in a device."""
        with self._reading(f"the parts of {device}") as connection:
            return parts.of_device(connection, device)

    def parts_of_place(self, place: str) -> list[Standing]:
        """Which devices stand or stood at a place, with the parts that were in them."""
        with self._reading(f"what stood at {place}") as connection:
            return parts.of_place(connection, place)

    def parts_of_serial(self, serial: str, *, scope: Scope = EVERYTHING) -> tuple[list[PartRow], list[str]]:
        """Where a serial number was built in, and the devices that bear it themselves."""
        with self._reading("a serial number") as connection:
            return parts.of_serial(connection, serial, scope), parts.devices_of_serial(connection, serial, scope)

    def bought_ms(self, device: str) -> int | None:
        """When a device was accepted or first installed, whichever is later; None: nobody wrote it down."""
        with self._reading(f"when {device} was bought") as connection:
            return parts.bought_ms(connection, device)

    def repair_history(self, ticket: int) -> History | None:
        """What is known of the part that a ticket is about; None where it is about nothing that can be replaced."""
        with self._reading(f"the repairs before ticket {ticket}") as connection:
            return parts.history_of(connection, ticket)

    # --- people ------------------------------------------------------------------------------------------------------

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

    def ask(self, *, who: str, verb: str, args: Mapping[str, Any], now_ms: int, key: str | None = None) -> int:
        """Ask the engine for something; returns the command's id. The answer stands in command(id) when it is done.

        `key`: of the asker's choice; what was asked under it before is not done again, and has the id of before.
        """
        with transaction(self._ask, f"asking for {verb}", self._place) as connection:
            return commands.ask(connection, who=who, verb=verb, args=args, now_ms=now_ms, key=key)

    def command(self, command_id: int) -> CommandRow | None:
        """A command and what became of it."""
        with self._reading("a command") as connection:
            return commands.one(connection, command_id)

    def persons(self) -> list[PersonRow]:
        """Everybody who may sign in, by login name."""
        with self._reading("people") as connection:
            return people.persons(connection)

    def person(self, person: str) -> PersonRow | None:
        """A person by the login name."""
        with self._reading("a person") as connection:
            return people.one(connection, person)

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

    # --- rounds ------------------------------------------------------------------------------------------------------

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

    # --- how it goes -------------------------------------------------------------------------------------------------

    def agent_now(self, agent: str, *, scope: Scope = EVERYTHING) -> AgentNow | None:
        """An agent with what it says of itself; None where there is none that this scope reaches, all of it."""
        with self._reading("an agent") as connection:
            found = agents_now.one(connection, agent)
            if found is None or not agents_now.reaches_wholly(connection, scope, found):
                return None
            return found

    def asked(self, agent: str, *, limit: int, before_ms: int | None = None) -> list[AskedRow]:
        """What people asked of an agent, the newest first."""
        with self._reading("commands") as connection:
            return asked.rows(connection, agent, limit=limit, before_ms=before_ms)

    def asked_one(self, command: str) -> AskedRow | None:
        """One of it, by its id."""
        with self._reading("a command") as connection:
            return asked.one(connection, command)

    def pushes(self, agent: str, *, limit: int, before_id: int | None = None) -> list[PushRow]:
        """The configurations that were pushed to an agent, the newest first."""
        with self._reading("pushed configurations") as connection:
            return pushed.rows(connection, agent, limit=limit, before_id=before_id)

    def push(self, agent: str, push_id: int) -> PushRow | None:
        """One of them."""
        with self._reading("a pushed configuration") as connection:
            return pushed.one(connection, agent, push_id)

    def agents(self) -> list[register.AgentRow]:
        """All agents ever entered, by number."""
        with self._reading("agents") as connection:
            return register.agents(connection)

    def counters(self) -> list[CounterRow]:
        """What was counted, by name and cause."""
        with self._reading("counters") as connection:
            return quarantine.counters(connection)

    def quarantine(self, limit: int = 100) -> list[QuarantineRow]:
        """What was refused, the newest first."""
        with self._reading("quarantine") as connection:
            return quarantine.quarantined(connection, limit)

    def inbox(self, limit: int = 100) -> list[InboxRow]:
        """Agents and devices that the register does not know, the latest first."""
        with self._reading("the inbox") as connection:
            return quarantine.inbox(connection, limit)

    def marks(self) -> heard.Marks:
        """Where the tables end now: from here on heard() tells what is new."""
        with self._reading("the ends of the tables") as connection:
            return heard.marks(connection)

    def heard(self, before: heard.Marks, devices: Collection[str]) -> heard.Heard:
        """What came after `before`, and when `devices` were heard of last. Cheap: for who asks every second."""
        with self._reading("what is new") as connection:
            return heard.since(connection, before, devices)

    def tallies(self) -> Tallies:
        """How much there is of what: cheap enough to be asked every few seconds."""
        with self._reading("the tallies") as connection:
            return tallies(connection, self._place, self._size(connection))

    def status(self) -> Status:
        """How the database is doing. Counts rows: a matter of seconds in a large one."""
        with self._reading("the status") as connection:
            known = evidence.partitions(connection)
            dirty = run(
                connection, "SELECT count(*), min(dirty_since_ms) FROM unit WHERE dirty_since_ms IS NOT NULL"
            ).one()
            return Status(
                epoch=str(run(connection, "SELECT value FROM meta WHERE key = 'epoch'").scalar_one()),
                schema=schema.REVISION,
                agents=_count(connection, "agent WHERE removed_ms IS NULL"),
                devices=_count(connection, "device"),
                open_tickets=_count(connection, f"ticket WHERE {ticket_rows.TO_DO}"),
                intervals=_count(connection, "interval"),
                evidence_rows=sum(one.row_count for one in known),
                evidence_bytes=sum(one.byte_count for one in known),
                database_bytes=self._size(connection),
                partitions=known,
                last_seq=evidence.last_seq(connection, known),
                pruned_to_seq=evidence.pruned_to(connection),
                dirty_units=dirty[0],
                dirty_since_ms=dirty[1],
                oldest_as_of_seq=_oldest_as_of(connection),
                new_commands=_count(connection, "command WHERE state = 'new'"),
            )

    def keeping(self) -> Keeping:
        """What is kept and for how long: cheap, whatever the size."""
        with self._reading("what is kept") as connection:
            said = run(connection, "SELECT key, value FROM meta WHERE key IN ('backup_ms', 'restored_ms')")
            facts = {row[0]: int(row[1]) for row in said}
            return Keeping(
                partitions=evidence.partitions(connection),
                spare_bytes=sqlite.spare(connection) if self._place.path else 0,
                backup_ms=facts.get("backup_ms"),
                restored_ms=facts.get("restored_ms"),
            )

    def _size(self, connection: Connection) -> int:
        if self._place.path:
            return sqlite.size(self._place.path)
        return int(run(connection, "SELECT pg_database_size(current_database())").scalar_one())


def _oldest_as_of(connection: Connection) -> int | None:
    oldest = run(connection, "SELECT min(as_of_seq) FROM unit").scalar()
    read_from = run(connection, "SELECT value FROM meta WHERE key = 'read_from_seq'").scalar()
    return oldest if oldest is None or read_from is None else max(int(oldest), int(read_from) - 1)


def _count(connection: Connection, what: str) -> int:
    return int(run(connection, f"SELECT count(*) FROM {what}").scalar_one())


# The newest current interval of each device: found by its index, without looking at the history.
DEVICES = (
    "SELECT device.id, device.kind, device.model, device.name_zh, device.name_en, agent.id, agent.group_id, "
    "interval.state, interval.cause, interval.fault, interval.event_from_ms, now.last_t_ms, now.covered_to_ms, "
    "now.received_ms, now.settling, now.readings, now.readings_t_ms, now.runs FROM device "
    "LEFT JOIN assignment ON assignment.device = device.id AND assignment.to_ms IS NULL "
    "LEFT JOIN agent ON agent.no = assignment.agent_no "
    "LEFT JOIN device_now now ON now.device = device.id "
    "LEFT JOIN interval ON interval.device = device.id AND interval.known_to_ms IS NULL "
    "AND interval.event_to_ms IS NULL "
    "AND interval.event_from_ms = (SELECT max(newest.event_from_ms) FROM interval newest "
    "WHERE newest.device = device.id AND newest.known_to_ms IS NULL) WHERE "
)


def _devices(connection: Connection, where: str, values: Sequence[object]) -> list[DeviceView]:
    rows = run(connection, DEVICES + where, *values).all()
    held = conditions.open_of(connection, [row[0] for row in rows])
    return [
        DeviceView(
            id=row[0],
            kind=row[1],
            model=row[2],
            name_zh=row[3],
            name_en=row[4],
            agent=row[5],
            group=row[6],
            state=row[7],
            cause=row[8] or "",
            fault=row[9] or "",
            since_ms=row[10],
            conditions=tuple(held.get(row[0], ())),
            last_t_ms=row[11],
            covered_to_ms=row[12],
            received_ms=row[13],
            settling=bool(row[14]),
            readings=None if row[15] is None else json.loads(row[15]),
            readings_t_ms=row[16],
            runs=tuple(Run(*one) for one in json.loads(row[17] or "[]")),
        )
        for row in rows
    ]


def _missing(at: Place) -> StoreError:
    return StoreError(
        what="there is no Roundsman database",
        where=str(at),
        do="start the collector first (`roundsman up`), or check [store] in its configuration",
        cause="missing",
    )
