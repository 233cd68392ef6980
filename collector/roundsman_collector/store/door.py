"""The one door to the database, for the one process that writes: the engine's. Others look through reads.View.

    store = Store.open("/var/lib/roundsman/roundsman.sqlite3")     made or brought up to date as needed
    store.commit(Batch(...)) -> Committed                          one transaction: all of it, or an exception

Plain functions, one thread. When commit raises, nothing of the batch is stored; StoreError.again tells a database that
is full or locked (wait, commit the same batch again) from a batch that cannot be stored (find the part that is wrong).
"""

import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from roundsman_collector import fault
from roundsman_collector.core.causes import Link
from roundsman_collector.core.fulfilment import RoundSeen
from roundsman_collector.core.parts import History
from roundsman_collector.core.plans import Place as PlanPlace
from roundsman_collector.core.rulebook import Dated
from roundsman_collector.core.stock import Spares
from roundsman_collector.core.ticket_log import ROBOT, Event
from roundsman_collector.store import (
    aged,
    agents_now,
    asked,
    behind,
    children,
    commands,
    conditions,
    evidence,
    files,
    forecasts,
    hearers,
    horizon,
    issued,
    laid,
    ledger,
    levels,
    migrate,
    parts,
    picked,
    plans,
    present,
    pushed,
    quarantine,
    reading_days,
    register,
    reminders,
    reservations,
    rounds,
    rules,
    tasks,
    ticket_clocks,
    tickets,
    units,
)
from roundsman_collector.store.audit import Deed
from roundsman_collector.store.backup import SESSION_LETTERS
from roundsman_collector.store.batch import Batch, Committed
from roundsman_collector.store.children import ChildRow
from roundsman_collector.store.commands import CommandRow
from roundsman_collector.store.conditions import ConditionRow
from roundsman_collector.store.connect import Hold, Place, claim, connector, place, transaction
from roundsman_collector.store.errors import conflict
from roundsman_collector.store.evidence import EvidenceRow, Partition
from roundsman_collector.store.issued import ReportRow
from roundsman_collector.store.ledger import Interval
from roundsman_collector.store.levels import DaySaid, LevelRow, Whereabouts
from roundsman_collector.store.news import news
from roundsman_collector.store.plans import PlanRow
from roundsman_collector.store.quarantine import Count
from roundsman_collector.store.register import AgentEntry, AgentRow, AssignmentRow, DeviceEntry
from roundsman_collector.store.rules import RuleSetRow
from roundsman_collector.store.sql import chunks, keep_fact, marks, run
from roundsman_collector.store.tasks import TaskFound
from roundsman_collector.store.tickets import TicketOpened, TicketRow
from roundsman_collector.store.units import Checkpoint, UnitRow, Wake
from roundsman_collector.store.ways import Listeners

CHUNK = 2000


class Store:
    """The writer's door. Make it with Store.open()."""

    def __init__(self, where: Place, hold: Hold) -> None:
        self._place = where
        self._hold = hold
        self._write = connector(where, writes=True, hold=hold)
        self._read = connector(where, writes=False)
        self.epoch = ""
        """Names this database; a new one asks agents for everything unsettled again."""
        self.session = ""
        """Under this name the broker keeps what it has for the collector; it outlives a restore."""
        self._known_ms = 0
        self.read_from_seq = 0
        """What was before this seq when the database was opened is in the rows of all units; 0: that is not known."""
        self._partitions: tuple[Partition, ...] = ()
        self._last_seq = 0
        self._listeners = Listeners()

    @classmethod
    def open(cls, where: str | Path) -> "Store":
        """Open the database at a path or URL as its only writer; make it, or bring its schema up to date."""
        at = place(where)
        store = cls(at, claim(at))
        try:
            with transaction(store._write, "opening the database", at) as connection:
                migrate.upgrade(connection, str(at))
                store._remember(connection)
                store._hold.begin(connection)
        except BaseException:
            store.close()
            raise
        return store

    def _remember(self, connection: Connection) -> None:
        facts = {row[0]: row[1] for row in run(connection, "SELECT key, value FROM meta")}
        self.epoch = facts.get("epoch") or secrets.token_hex(8)
        if "epoch" not in facts:
            run(connection, "INSERT INTO meta (key, value) VALUES ('epoch', ?)", self.epoch)
        self.session = facts.get("session", self.epoch[:SESSION_LETTERS])
        self._known_ms = int(facts.get("known_ms", 0))
        self.read_from_seq = int(facts.get(units.READ_FROM, 0))
        self._partitions = evidence.partitions(connection)
        self._last_seq = evidence.last_seq(connection, self._partitions)

    def close(self) -> None:
        """Let go of the database. A closed store is of no further use; closing twice does no harm."""
        self._write.dispose()
        self._read.dispose()
        self._hold.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- writing -----------------------------------------------------------------------------------------------------

    def commit(self, batch: Batch) -> Committed:
        """Store a batch in one transaction, durably. On any exception nothing of it is stored."""
        fault.hit("store.before_commit")
        with transaction(self._write, "storing a batch", self._place) as connection:
            known = self._partitions
            if batch.evidence:
                known = evidence.append(connection, batch.evidence, known, self._last_seq)
            known_ms = max(batch.now_ms, self._known_ms)
            self._tell(connection, batch, known_ms)
            units.keep(connection, batch.units)
            if batch.read_from_seq is not None:
                units.set_read_from(connection, batch.read_from_seq)
            units.keep_checkpoints(connection, batch.checkpoints_void_from, batch.checkpoints)
            units.set_wakes(connection, batch.wakes)
            opened = tickets.change(connection, batch.tickets)
            ticket_clocks.keep(connection, batch.clocks, batch.now_ms)
            tasks.change(connection, batch.tasks, opened)
            self._notify(connection, batch, opened)
            present.keep(connection, batch.device_now)
            quarantine.keep(connection, batch.quarantine)
            quarantine.count(connection, batch.counters)
            quarantine.knock(connection, batch.inbox)
            commands.answer(connection, batch.commands_done, opened)
            rounds.begin(connection, batch.rounds)
            rounds.mark_sent(connection, batch.errands_sent, batch.now_ms)
            asked.tell_answered(connection, batch.errand_answers)
            rounds.answer(connection, batch.errand_answers)
            agents_now.keep(connection, batch.births)
            pushed.mark_sent(connection, batch.pushes_sent, batch.now_ms)
            pushed.mark_withdrawn(connection, batch.pushes_withdrawn, batch.now_ms)
            pushed.born(connection, batch.births)
            pushed.answer(connection, batch.errand_answers)
            rounds.end(connection, batch.rounds_over, known_ms)
            if batch.reading_days is not None:
                reading_days.keep(connection, batch.reading_days)
            fault.hit("store.in_commit")
        self._partitions = known
        if batch.tells or batch.conditions:
            self._known_ms = known_ms
        if batch.evidence:
            self._last_seq = batch.evidence[-1].seq
        fault.hit("store.after_commit")
        return Committed(known_ms=known_ms, tickets=opened)

    def _tell(self, connection: Connection, batch: Batch, known_ms: int) -> None:
        """Write ledger and conditions. Known time never runs backwards, whatever the clock does and across restarts."""
        if not batch.tells and not batch.conditions:
            return
        ledger.tell(connection, batch.tells, known_ms)
        conditions.tell(connection, batch.conditions, known_ms)
        keep_fact(connection, "known_ms", str(known_ms))

    def _notify(self, connection: Connection, batch: Batch, opened: tuple[TicketOpened, ...]) -> None:
        """Put what befell tickets into the outbox, for those who want to be told."""
        told = news(batch.tickets, opened)
        if told:
            hearers.write(connection, told, self._listeners.now(connection), batch.now_ms)
        if batch.reminders:
            reminders.write(connection, batch.reminders, self._listeners.now(connection), batch.now_ms)

    # --- keeping -----------------------------------------------------------------------------------------------------

    def partitions(self) -> tuple[Partition, ...]:
        """All partitions of the evidence, oldest first, as large as they are now."""
        with transaction(self._read, "reading partitions", self._place) as connection:
            return evidence.partitions(connection)

    def agents_in(self, day: Partition, after_seq: int, limit: int) -> tuple[set[int], int | None]:
        """Whose rows are among the next `limit` of a partition, and the last of them; None: there are no more."""
        with transaction(self._read, f"reading {day.table_name}", self._place) as connection:
            return horizon.agents_in(connection, day, after_seq, limit)

    def checkpoints_after(self, numbers: Sequence[int], seq: int) -> dict[int, Checkpoint]:
        """The oldest checkpoint of each of these agents that needs no evidence up to `seq`, where it has one."""
        with transaction(self._read, "reading checkpoints", self._place) as connection:
            return horizon.checkpoints_after(connection, numbers, seq)

    def horizon(self, agent_no: int) -> Checkpoint | None:
        """What stood before the evidence that is kept of an agent; None while all of it is there."""
        with transaction(self._read, "reading a horizon", self._place) as connection:
            return horizon.of(connection, agent_no)

    def keep_horizons(self, rows: Sequence[Checkpoint], memories: Sequence[UnitRow]) -> None:
        """Move the horizons of agents on, and write the memory of those whose row lags behind what is to go."""
        with transaction(self._write, "keeping horizons", self._place) as connection:
            horizon.keep(connection, rows)
            units.keep(connection, memories)

    def prune(self, to_seq: int, now_ms: int) -> tuple[Partition, ...]:
        """Let go of the evidence up to `to_seq`, but for the newest partition; its agents have horizons already.

        Returns what went; `clear` gives its room back.
        """
        with transaction(self._write, "letting go of evidence", self._place) as connection:
            dropped = evidence.prune(connection, to_seq)
            counts = {
                "days": len(dropped),
                "reports": sum(one.row_count for one in dropped),
                "bytes": sum(one.byte_count for one in dropped),
            }
            newest = dropped[-1].day if dropped else ""
            said = [
                Count(name="pruned", cause=cause, at_ms=now_ms, count=count, example=f"up to {newest}")
                for cause, count in counts.items()
                if count
            ]
            quarantine.count(connection, said)
        self._partitions = self._partitions[len(dropped) :]
        return dropped

    def clear(self, rows: int) -> bool:
        """Give back the room of at most `rows` reports that were let go; False: there are none."""
        with transaction(self._write, "clearing evidence", self._place) as connection:
            return evidence.clear(connection, rows)

    def links_of(self, agent_no: int, head_seq: int, limit: int) -> list[evidence.Link]:
        """An agent's rows from its newest (`head_seq`) down to the first that is condensed, newest first."""
        with transaction(self._read, f"reading evidence of agent {agent_no}", self._place) as connection:
            links = evidence.links(connection, self._partitions, head_seq, limit)
        if any(one.agent_no != agent_no for one in links):
            raise conflict(
                f"evidence {head_seq} is not of agent {agent_no}", str(self._place), "give the agent's own head"
            )
        return links

    def merge(self, merges: Sequence[evidence.Merge]) -> None:
        """Let rows of evidence become one each, all of it in one transaction."""
        fault.hit("store.before_merge")
        with transaction(self._write, "condensing evidence", self._place) as connection:
            evidence.merge(connection, self._partitions, merges, str(self._place))
            fault.hit("store.in_merge")
        fault.hit("store.after_merge")

    def drop_aged(self, now_ms: int, limit: int = 1000) -> dict[str, int]:
        """Delete what is of no use any more for 90 days (aged.py), and uploads that nobody named; how many of each."""
        with transaction(self._write, "dropping what is old", self._place) as connection:
            gone = aged.drop(connection, now_ms - aged.KEPT_MS, limit)
            unnamed = files.drop_unnamed(connection, now_ms - files.UNNAMED_MS, files.DROPPED_AT_ONCE)
            return gone | ({"file": unnamed} if unnamed else {})

    def reading_names(self) -> set[str]:
        """The readings of which days are kept."""
        with transaction(self._read, "reading the names of readings", self._place) as connection:
            return reading_days.names(connection)

    def days_counted(self) -> tuple[int, dict[int, int]] | None:
        """Up to which evidence days of readings are counted; None: they never were."""
        with transaction(self._read, "reading how far days are counted", self._place) as connection:
            return reading_days.counted(connection)

    def count_days_from(self, seq: int) -> None:
        """Days of readings are counted from this evidence on."""
        with transaction(self._write, "beginning to count days", self._place) as connection:
            reading_days.keep(connection, reading_days.DaysTold((), seq, {}))

    def zones_elsewhere(self) -> dict[str, str]:
        """The time zones of the devices that do not stand in the usual one."""
        with transaction(self._read, "reading time zones", self._place) as connection:
            return reading_days.elsewhere(connection)

    def trends_after(
        self, device: str, limit: int, from_day: int, to_day: int
    ) -> tuple[list[str], dict[tuple[str, str], list[reading_days.DayRow]]]:
        """The next devices by id, at most `limit`, and what was read of them on the days in [from, to)."""
        with transaction(self._read, "reading days", self._place) as connection:
            devices = register.ids_after(connection, device, limit)
            return devices, reading_days.series(connection, devices, from_day, to_day)

    def tell_forecasts(
        self, devices: Sequence[str], rows: Sequence[forecasts.ForecastRow], now_ms: int, before_day: int
    ) -> int:
        """Let this be what is foretold of devices, and forget their days before one; how many forecasts are new."""
        with transaction(self._read, "comparing forecasts", self._place) as connection:
            is_news = forecasts.is_news(connection, devices, rows)
            if not is_news and not reading_days.has_before(connection, devices, before_day):
                return 0
        with transaction(self._write, "keeping forecasts", self._place) as connection:
            reading_days.forget(connection, devices, before_day)
            return forecasts.tell(connection, devices, rows, now_ms)

    # --- the register ------------------------------------------------------------------------------------------------

    def add_agents(self, entries: Sequence[AgentEntry], now_ms: int) -> list[int]:
        """Enter agents with their devices, or bring them up to date; return their numbers, in order."""
        with transaction(self._write, "entering agents", self._place) as connection:
            return register.add(connection, entries, now_ms)

    def add_agent(
        self,
        agent_id: str,
        group: str,
        devices: Sequence[DeviceEntry],
        now_ms: int,
        *,
        password_hash: str | None = None,
    ) -> int:
        """Enter one agent with devices it speaks for; return its number. Doing it again changes nothing."""
        entry = AgentEntry(id=agent_id, group=group, devices=tuple(devices), password_hash=password_hash)
        return self.add_agents([entry], now_ms)[0]

    def remove_agent(self, agent_id: str, now_ms: int) -> None:
        """The agent may not speak any more. Its history stays."""
        with transaction(self._write, f"removing agent {agent_id}", self._place) as connection:
            register.remove(connection, agent_id, now_ms)

    def assign(self, device: str, agent_id: str | None, now_ms: int) -> None:
        """From now on this agent, or nobody, speaks for the device."""
        with transaction(self._write, f"assigning device {device}", self._place) as connection:
            register.assign(connection, device, agent_id, now_ms)

    def put_devices(
        self,
        entries: Sequence[DeviceEntry],
        voices: Mapping[str, str | None],
        groups: Mapping[str, str],
        deed: Deed,
    ) -> tuple[int, int]:
        """Let devices be this, and these agents (new ones in these groups) speak for them; how many of each changed."""
        with transaction(self._write, "entering devices", self._place) as connection:
            changed = register.put_devices(connection, entries, deed)
            return changed, register.put_voices(connection, voices, groups, deed)

    def put_rules(self, hash_: str, body: str, valid_from_ms: int, made_by: str = "") -> bool:
        """Put rules in force from a time on, unless they are already; returns whether they are new."""
        with transaction(self._write, "putting rules in force", self._place) as connection:
            return rules.put(connection, hash_, body, valid_from_ms, made_by)

    def put_levels(self, wanted: Mapping[str, tuple[str, str]], now_ms: int, made_by: str = "") -> int:
        """Put versions of service levels (level -> hash, body) in force that are not; how many were new."""
        with transaction(self._write, "putting service levels in force", self._place) as connection:
            return sum(levels.put(connection, level, *said, now_ms, made_by) for level, said in wanted.items())

    def put_behind(self, wanted: Sequence[behind.Wanted], deed: Deed) -> int:
        """Let devices stand behind these from a time on; return how many did not so already."""
        with transaction(self._write, "entering what stands behind what", self._place) as connection:
            return behind.put(connection, wanted, deed)

    # --- plans and tasks ---------------------------------------------------------------------------------------------

    def plans_mark(self) -> str:
        """A text that changes whenever plans, or what decides their days, are changed; empty: there are no plans."""
        with transaction(self._read, "looking at plans", self._place) as connection:
            return plans.mark(connection)

    def plans_in_force(self) -> list[PlanRow]:
        """All plans that hold now."""
        with transaction(self._read, "reading plans", self._place) as connection:
            return plans.in_force(connection)

    def places_of_plans(self, rows: Sequence[PlanRow], per_site: Collection[str]) -> dict[str, tuple[PlanPlace, ...]]:
        """Where plans count; `per_site`: those that have a task for each site."""
        with transaction(self._read, "reading where plans count", self._place) as connection:
            return plans.places(connection, rows, per_site)

    def tasks_of_plan(self, plan: str, sites: Collection[str] | None = None) -> list[TaskFound]:
        """A plan's tasks that are not over, with their logs: all, or those at these sites."""
        with transaction(self._read, "reading the tasks of a plan", self._place) as connection:
            return tasks.of_plan(connection, plan, sites)

    def late_of_ticket(self, ticket: int, but: int) -> int:
        """How many tasks beside this one are late, or nearly, and have this ticket."""
        with transaction(self._read, "reading the tasks of a ticket", self._place) as connection:
            return tasks.late_of_ticket(connection, ticket, but)

    def task_keys(self, plan: str, from_day: str) -> set[tuple[str, str]]:
        """Site and period of all tasks of a plan that end on this day or later, over or not."""
        with transaction(self._read, "reading the tasks of a plan", self._place) as connection:
            return tasks.keys(connection, plan, from_day)

    def plans_with_tasks(self, but: Collection[str]) -> list[str]:
        """Plans that have tasks that are not over, but for these."""
        with transaction(self._read, "reading tasks of plans that ended", self._place) as connection:
            return tasks.planned_without(connection, but)

    def tasks_of_kind(self, kind: str, from_day: str) -> list[TaskFound]:
        """The tasks of a kind of plan that end on this day or later and were not cancelled."""
        with transaction(self._read, "reading the tasks of a kind", self._place) as connection:
            return tasks.of_kind(connection, kind, from_day)

    def tasks_due(self, now_ms: int, limit: int) -> list[TaskFound]:
        """Tasks that are to be looked at by now, the longest due first, each with its log."""
        with transaction(self._read, "reading tasks that are due", self._place) as connection:
            return tasks.due(connection, now_ms, limit)

    def task(self, task_id: int) -> TaskFound:
        """A task with its log; StoreError where there is none."""
        with transaction(self._read, "reading a task", self._place) as connection:
            return tasks.found(connection, task_id)

    def rounds_at(self, sites: Collection[str], since_ms: int) -> list[RoundSeen]:
        """Rounds at these sites that were asked for since and are over, the oldest first."""
        with transaction(self._read, "reading rounds at sites", self._place) as connection:
            return rounds.seen_at(connection, sites, since_ms)

    def reports_about(self, scopes: Mapping[str, Collection[str]], since_ms: int) -> list[ReportRow]:
        """Reports about these (ids by scope) that were issued since, the oldest first."""
        with transaction(self._read, "reading reports that were issued", self._place) as connection:
            return issued.issued_since(connection, scopes, since_ms)

    def ask(self, verb: str, args: Mapping[str, Any], now_ms: int, key: str) -> int:
        """Ask of ourselves what a person could ask; once for a key. The command's id."""
        with transaction(self._write, f"asking for {verb}", self._place) as connection:
            return commands.ask(connection, who=ROBOT, verb=verb, args=args, now_ms=now_ms, key=key)

    def asked(self, key: str) -> CommandRow | None:
        """What became of it; None: it was not asked for."""
        with transaction(self._read, "reading a command", self._place) as connection:
            return commands.of_key(connection, ROBOT, key)

    # --- rounds ------------------------------------------------------------------------------------------------------

    def round_of(self, name: str) -> tuple[rounds.Target, list[rounds.RoundDevice], list[tuple[str, str, str]]] | None:
        """What a round of this name would be of, its devices, and (number, state, mode) of those that are not over;
        None: no such thing."""
        with transaction(self._read, "reading what a round is of", self._place) as connection:
            target = rounds.target_of(connection, name)
            if target is None:
                return None
            return target, rounds.devices_of(connection, target), rounds.unfinished_of(connection, target)

    def errands_out(self, now_ms: int, limit: int, *, changing: bool = False) -> list[rounds.ErrandOut]:
        """Errands that wait to be published and are fresh, those first that end first."""
        with transaction(self._read, "reading errands", self._place) as connection:
            return rounds.outgoing(connection, now_ms, limit, changing=changing)

    def send_errands_again(self, sent_before_ms: int, now_ms: int) -> int:
        """Let fresh errands that were sent before, and are not answered, be sent once more; returns how many."""
        with transaction(self._read, "looking for unanswered errands", self._place) as connection:
            if not rounds.is_unanswered(connection, sent_before_ms, now_ms):
                return 0
        with transaction(self._write, "sending errands again", self._place) as connection:
            return rounds.send_again(connection, sent_before_ms, now_ms)

    def unsend_errands(self, ids: Sequence[str]) -> None:
        """These errands were not handed to the line after all."""
        with transaction(self._write, "taking errands back", self._place) as connection:
            asked.unsend(connection, ids)

    def expire_asked(self, now_ms: int) -> int:
        """Let people's commands be over whose time is; returns how many."""
        with transaction(self._read, "looking for commands that are over", self._place) as connection:
            if not asked.are_over(connection, now_ms):
                return 0
        with transaction(self._write, "ending commands", self._place) as connection:
            return asked.expire(connection, now_ms)

    def pushes_out(self, limit: int) -> list[pushed.PushOut]:
        """Configurations that the broker does not have yet."""
        with transaction(self._read, "reading pushed configurations", self._place) as connection:
            return pushed.outgoing(connection, limit)

    def rounds_over(self, now_ms: int) -> list[rounds.RoundOver]:
        """Running rounds whose errands, or time, are over."""
        with transaction(self._read, "reading rounds", self._place) as connection:
            return rounds.over(connection, now_ms)

    # --- reading, for the engine -------------------------------------------------------------------------------------

    def maintenance_now(self, now_ms: int) -> dict[str, int | None]:
        """Subjects under maintenance, or laid up, now, and until when (None: open): none of their tickets opens."""
        with transaction(self._read, "reading what is under maintenance", self._place) as connection:
            return laid.maintenance_now(connection, now_ms)

    def last_seq(self) -> int:
        """The largest evidence number given so far; 0 in a new database."""
        return self._last_seq

    def units(self) -> Iterator[UnitRow]:
        """What is remembered of every agent, by number."""
        after = -1
        while part := self._units_after(after):
            yield from part
            after = part[-1].agent_no

    def units_of(self, numbers: Iterable[int]) -> list[UnitRow]:
        """What is remembered of these agents; nothing of those that were never heard."""
        with transaction(self._read, "reading units", self._place) as connection:
            return units.of(connection, numbers)

    def _units_after(self, agent_no: int) -> list[UnitRow]:
        with transaction(self._read, "reading units", self._place) as connection:
            return units.some(connection, agent_no, CHUNK)

    def evidence_after(self, seq: int) -> Iterator[EvidenceRow]:
        """All evidence behind `seq`, of all agents, in the order it was taken."""
        while part := self._evidence_after(seq):
            yield from part
            seq = part[-1].seq

    def _evidence_after(self, seq: int) -> list[EvidenceRow]:
        with transaction(self._read, "reading evidence", self._place) as connection:
            return evidence.after(connection, self._partitions, seq)

    def evidence_of(self, agent_no: int, head_seq: int, down_to_seq: int) -> list[EvidenceRow]:
        """An agent's evidence from `down_to_seq` to `head_seq`, both included, oldest first; less where pruned."""
        with transaction(self._read, f"reading evidence of agent {agent_no}", self._place) as connection:
            rows = list(evidence.chain(connection, self._partitions, head_seq, down_to_seq, str(self._place)))
        if any(row.agent_no != agent_no for row in rows):
            raise conflict(
                f"evidence {head_seq} is not of agent {agent_no}", str(self._place), "give the agent's own head"
            )
        return rows[::-1]

    def evidence_down(self, agent_no: int, head_seq: int, down_to_seq: int, limit: int) -> list[EvidenceRow]:
        """At most `limit` of an agent's rows from `head_seq` down to `down_to_seq`, newest first; less where pruned.

        The `prev_seq` of the last is where to go on.
        """
        where, chunk = f"evidence of agent {agent_no}", min(limit, evidence.CHUNK)
        with transaction(self._read, f"reading evidence of agent {agent_no}", self._place) as connection:
            chain = evidence.chain(connection, self._partitions, head_seq, down_to_seq, where, chunk)
            rows = list(islice(chain, limit))
        if any(row.agent_no != agent_no for row in rows):
            raise conflict(
                f"evidence {head_seq} is not of agent {agent_no}", str(self._place), "give the agent's own head"
            )
        return rows

    def evidence_at(self, seqs: Iterable[int]) -> list[EvidenceRow]:
        """These rows of evidence in the order of seq, as far as they are still there."""
        with transaction(self._read, "reading evidence", self._place) as connection:
            return picked.rows(connection, self._partitions, seqs)

    def newest_of(self, agent_no: int, head_seq: int, limit: int) -> list[EvidenceRow]:
        """At most `limit` of an agent's rows from its newest (head_seq) down, newest first."""
        where = f"evidence of agent {agent_no}"
        with transaction(self._read, "reading the newest evidence of an agent", self._place) as connection:
            chain = evidence.chain(connection, self._partitions, head_seq, 1, where, min(limit, evidence.CHUNK))
            return list(islice(chain, limit))

    def bodies(self, seqs: Iterable[int]) -> dict[int, bytes]:
        """The bodies of these rows of evidence, as far as they are still there."""
        with transaction(self._read, "reading evidence", self._place) as connection:
            return evidence.bodies(connection, self._partitions, seqs)

    def checkpoint_before(self, agent_no: int, t_ms: int) -> Checkpoint | None:
        """An agent's newest checkpoint before event time `t_ms` (not at it)."""
        with transaction(self._read, "reading a checkpoint", self._place) as connection:
            return units.checkpoint_before(connection, agent_no, t_ms)

    def open_tickets(self) -> Iterator[TicketRow]:
        """Tickets that are open or acknowledged, by id."""
        after = 0
        while part := self._open_tickets_after(after):
            yield from part
            after = part[-1].id

    def _open_tickets_after(self, ticket_id: int) -> list[TicketRow]:
        with transaction(self._read, "reading open tickets", self._place) as connection:
            where = f"{tickets.HOLDS} AND watched AND id > ? ORDER BY id"
            return tickets.read(connection, where, (ticket_id,), CHUNK)

    def ticket_with_log(self, ticket_id: int) -> tuple[TicketRow, list[Event]] | None:
        """A ticket and its log; None: there is none."""
        with transaction(self._read, "reading a ticket", self._place) as connection:
            found = tickets.read(connection, "id = ?", (ticket_id,), 1)
            return (found[0], tickets.events_of(connection, ticket_id)) if found else None

    def tickets_due(self, now_ms: int, limit: int) -> list[tuple[TicketRow, list[Event]]]:
        """Tickets that are to be looked at by now, the longest due first, each with its log."""
        with transaction(self._read, "reading tickets that are due", self._place) as connection:
            rows = tickets.read(connection, "wake_at_ms <= ? ORDER BY wake_at_ms, id", (now_ms,), limit)
            logs = tickets.events_of_many(connection, [row.id for row in rows])
            return [(row, logs[row.id]) for row in rows]

    def whereabouts(self, subjects: Sequence[str]) -> dict[str, Whereabouts]:
        """Where these subjects stand now; one that stands nowhere is not named."""
        with transaction(self._read, "reading where devices stand", self._place) as connection:
            return levels.whereabouts(connection, subjects)

    def newest_levels(self) -> dict[str, LevelRow]:
        """The newest version of each service level."""
        with transaction(self._read, "reading service levels", self._place) as connection:
            return levels.newest(connection)

    def level(self, level_id: int) -> LevelRow | None:
        """A version of a service level."""
        with transaction(self._read, "reading a service level", self._place) as connection:
            return levels.one(connection, level_id)

    def days_said(self, calendars: Collection[str]) -> list[DaySaid]:
        """Everything that was ever said of the days of these calendars."""
        with transaction(self._read, "reading calendars", self._place) as connection:
            return levels.days_said(connection, calendars)

    def history_of_part(self, ticket_id: int) -> History | None:
        """What is known of the part that a ticket is about; None: it is about nothing that can be replaced."""
        with transaction(self._read, "reading the history of a part", self._place) as connection:
            return parts.history_of(connection, ticket_id)

    def spares_of(self, ticket_id: int) -> Spares:
        """What a ticket has of the stock: kept for it, issued to it, asked for."""
        with transaction(self._read, "reading the spares of a ticket", self._place) as connection:
            return reservations.spares_of(connection, ticket_id)

    def intervals(self, device: str, from_ms: int, to_ms: int) -> list[Interval]:
        """A device's ledger in [from, to), as known now. Ends are not cut to the window."""
        with transaction(self._read, "reading the ledger", self._place) as connection:
            return ledger.intervals(connection, device, from_ms, to_ms)

    def live_ticket(self, subject: str, code: str) -> TicketRow | None:
        """The ticket of which somebody has something to do and that is about this fault; the newest."""
        with transaction(self._read, "looking for a ticket", self._place) as connection:
            where = f"subject = ? AND code = ? AND {tickets.TO_DO} ORDER BY id DESC"
            return next(iter(tickets.read(connection, where, (subject, code), 1)), None)

    def live_tickets_of(self, code: str) -> dict[str, int]:
        """The tickets of a code of which somebody has something to do, by subject."""
        with transaction(self._read, "looking for tickets of a code", self._place) as connection:
            found = run(
                connection, f"SELECT subject, id FROM ticket WHERE code = ? AND {tickets.TO_DO} ORDER BY id", code
            )
            return {str(subject): int(ticket) for subject, ticket in found}

    def live_tickets_from(self, subject: str, source: str, limit: int) -> list[TicketRow]:
        """Tickets of a subject of which somebody has something to do, that came from a source; the newest first."""
        with transaction(self._read, "looking for tickets", self._place) as connection:
            where = f"subject = ? AND source = ? AND {tickets.TO_DO} ORDER BY id DESC"
            return tickets.read(connection, where, (subject, source), limit)

    def open_children(self) -> Iterator[ChildRow]:
        """Faults that the ticket of their cause explains now, by id."""
        after = 0
        while part := self._open_children_after(after):
            yield from part
            after = part[-1].id

    def _open_children_after(self, child_id: int) -> list[ChildRow]:
        with transaction(self._read, "reading what tickets explain", self._place) as connection:
            return children.open_rows(connection, child_id)

    def unticketed(self) -> list[ConditionRow]:
        """Faults that hold now and that no ticket is of."""
        with transaction(self._read, "reading faults without a ticket", self._place) as connection:
            return children.unticketed(connection)

    def open_conditions(self, subjects: Sequence[str]) -> dict[str, list[ConditionRow]]:
        """The faults that hold now, of those subjects that have any."""
        with transaction(self._read, "reading open conditions", self._place) as connection:
            return conditions.open_of(connection, subjects)

    def tickets_named(self, ids: Sequence[int]) -> list[TicketRow]:
        """These tickets, whatever became of them."""
        with transaction(self._read, "reading tickets", self._place) as connection:
            found: list[TicketRow] = []
            for part in chunks(ids):
                found += tickets.read(connection, f"id IN ({marks(len(part))})", part, len(part))
            return found

    def agents(self) -> list[AgentRow]:
        """All agents ever entered, by number."""
        with transaction(self._read, "reading agents", self._place) as connection:
            return register.agents(connection)

    def assignments(self) -> list[AssignmentRow]:
        """Who speaks and spoke for whom, by device and time."""
        with transaction(self._read, "reading assignments", self._place) as connection:
            return register.assignments(connection)

    def links(self) -> list[Link]:
        """Everything that gets power or uplink from something now."""
        with transaction(self._read, "reading what stands behind what", self._place) as connection:
            return behind.links_now(connection)

    def rule_sets(self) -> list[RuleSetRow]:
        """All rules that were ever in force, in order."""
        with transaction(self._read, "reading rules", self._place) as connection:
            return rules.rule_sets(connection)

    def newest_rules(self) -> RuleSetRow | None:
        """The rules in force; None: there never were any."""
        with transaction(self._read, "reading the rules in force", self._place) as connection:
            return rules.newest_of(connection)

    def traits(self, device: str) -> Dated:
        """Since when a device is of which kind, model and site."""
        with transaction(self._read, "reading what a device was", self._place) as connection:
            return rules.traits(connection, device)

    def all_traits(self) -> dict[str, Dated]:
        """The same of every device; equal histories are one object."""
        with transaction(self._read, "reading what devices were", self._place) as connection:
            known: dict[Dated, Dated] = {}
            return {device: known.setdefault(dated, dated) for device, dated in rules.all_traits(connection)}

    def new_commands(self, limit: int = 100) -> list[CommandRow]:
        """Commands that wait for an answer, the oldest first."""
        with transaction(self._read, "reading commands", self._place) as connection:
            return commands.new(connection, limit)

    def has_ways(self) -> bool:
        """Whether anybody wants to be told of anything, or did."""
        with transaction(self._read, "looking for ways", self._place) as connection:
            return run(connection, "SELECT 1 FROM way LIMIT 1").first() is not None

    def has_reports(self, now_ms: int) -> bool:
        """Whether there is anything that may have to be reported: a schedule, a report to look at, a round whose
        document nobody asks for."""
        sql = (
            "SELECT 1 FROM report_schedule WHERE ended_ms IS NULL "
            "UNION ALL SELECT 1 FROM report WHERE wake_at_ms IS NOT NULL LIMIT 1"
        )
        with transaction(self._read, "looking for reports", self._place) as connection:
            if run(connection, sql).first() is not None:
                return True
            return rounds.unfrozen(connection, now_ms - rounds.UNASKED_MS) is not None

    def due_wakes(self, now_ms: int, limit: int = 1000) -> list[Wake]:
        """Agents to be looked at by now, the longest overdue first."""
        with transaction(self._read, "reading wakes", self._place) as connection:
            return units.due_wakes(connection, now_ms, limit)
