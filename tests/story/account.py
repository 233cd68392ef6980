"""The account of a tale: what agents took against what the store has, and the ledger against a rebuild from nothing.

    1 2 3 4 5 6 7 8 9      every number that a stream ever gave out is exactly one of
    s s s l l s s s w      stored once, declared lost, still waiting in the spool

What stands in a journal was taken, so it is stored or waits: a declaration does not excuse it. Only after a restore is
there a third way: the agent had it no more, and the collector has declared it lost (`lost_before`). And of a spool that
was `bereaved` (its files were damaged, or it was too small) what was taken may be declared instead.

A declaration may be an upper bound (`upper`, or a stream that `ended`): then it may cover what is stored.
"""

import contextlib
import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from roundsman_collector.core.model import Condition, Retold, Segment, newborn
from roundsman_collector.core.rebuild import rebuild
from roundsman_collector.core.rulebook import Rulebook
from roundsman_collector.engine import rules
from roundsman_collector.engine.intake import spec_of
from roundsman_collector.engine.past import items_of
from roundsman_collector.store.door import Store
from roundsman_collector.store.evidence import EvidenceRow
from roundsman_collector.store.ledger import retold
from roundsman_collector.store.reads import View
from roundsman_collector.store.samples import records_in
from roundsman_wire.ranges import RangeSet

FOR_EVER_MS = 2**53
SHOWN = 12


class Taken(NamedTuple):
    """A record as its journal tells: the spool had it."""

    stream: str
    n: int
    t: int


def taken(journal: Path) -> list[Taken]:
    """What an agent's journal tells; its last line may be cut."""
    if not journal.exists():
        return []
    lines = journal.read_text().split("\n")[:-1]
    return [Taken(stream, int(n), int(t)) for stream, n, t in (line.split() for line in lines)]


@dataclass(frozen=True, kw_only=True)
class Spool:
    """What an agent's spool says after the agent has stopped in order."""

    stream: str
    newest: int
    waiting: RangeSet


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What is declared of a stream: numbers that are gone for certain, and numbers of which some may have arrived."""

    exact: RangeSet = field(default_factory=RangeSet)
    upper: RangeSet = field(default_factory=RangeSet)

    def __contains__(self, n: int) -> bool:
        return n in self.exact or n in self.upper


@dataclass(frozen=True, kw_only=True)
class Told:
    """What is said of an agent's devices: the ledger by device, and the conditions."""

    ledger: Mapping[str, list[Segment]]
    conditions: frozenset[Condition]


@dataclass(frozen=True, kw_only=True)
class AgentAccount:
    """One agent's numbers. `stored` counts by (stream, n) what all evidence holds; `t` is the stored record's time.

    `lost`: what the collector has declared itself, because the agent has it no more. `has_nameless`: a damaged spool
    was replaced that could not be asked for its stream.
    """

    agent: str
    spool: Spool
    journal: list[Taken]
    stored: Counter[tuple[str, int]]
    t: Mapping[tuple[str, int], int]
    declared: Mapping[str, Declared]
    lost: Mapping[str, RangeSet]
    has_nameless: bool
    told: Told
    rebuilt: Told

    def flaws(self, *, after_restore: bool = False, bereaved: bool = False, refused: Collection[int] = ()) -> list[str]:
        """Everything that is not as it must be. `refused`: numbers that the collector settled so, of other streams."""
        numbers = [
            flaw for stream, newest in self._streams().items() for flaw in self._numbers(stream, newest, refused)
        ]
        return [*self._twice(), *numbers, *self._journal(after_restore, bereaved), *self._ledger()]

    @property
    def given_up(self) -> list[Taken]:
        """What was taken, is not stored, and will not come."""
        return [one for one in self.journal if one.n in self.lost.get(one.stream, RangeSet())]

    def _streams(self) -> dict[str, int]:
        """Every stream that anybody has heard of, and its last number as far as that is known."""
        newest = {self.spool.stream: self.spool.newest}
        for stream, n in [*self.stored, *((one.stream, one.n) for one in self.journal)]:
            if stream != self.spool.stream:
                newest[stream] = max(n, newest.get(stream, 0))
        return newest

    def _twice(self) -> list[str]:
        twice = [key for key, times in self.stored.items() if times > 1]
        return [f"stored more than once: {_short(twice)}"] if twice else []

    def _fates(self, stream: str, n: int) -> list[str]:
        waits = stream == self.spool.stream and n in self.spool.waiting
        declared = self.declared.get(stream, Declared())
        fates = [("stored", (stream, n) in self.stored), ("declared", n in declared.exact), ("waiting", waits)]
        found = [fate for fate, holds in fates if holds]
        return found or (["upper bound"] if n in declared.upper else [])

    def _numbers(self, stream: str, newest: int, refused: Collection[int]) -> list[str]:
        found = []
        fates = {n: self._fates(stream, n) for n in range(1, newest + 1)}
        left_out = refused if stream != self.spool.stream else ()
        without = [n for n, fate in fates.items() if not fate and n not in left_out]
        if without and not (self.has_nameless and stream != self.spool.stream):
            found.append(f"of {stream} 1..{newest} neither stored nor declared nor in the spool: {_short(without)}")
        # Stored, and the acknowledgement never came: still in the spool, to be sent again.
        twofold = {n: fate for n, fate in fates.items() if len(fate) > 1 and fate != ["stored", "waiting"]}
        if twofold:
            found.append(f"of {stream} more than one fate: {_short(twofold.items())}")
        return found

    def _journal(self, after_restore: bool, bereaved: bool) -> list[str]:
        found = []
        excused = set(self.given_up) if after_restore else set()
        missing = [
            one
            for one in self.journal
            if one not in excused
            and not (bereaved and one.n in self.declared.get(one.stream, Declared()))
            and not (bereaved and self.has_nameless and one.stream != self.spool.stream)
            and not {"stored", "waiting"}.intersection(self._fates(one.stream, one.n))
        ]
        if missing:
            found.append(f"taken and lost: {_short(missing)}")
        others = [one for one in self.journal if self.t.get((one.stream, one.n), one.t) != one.t]
        if others:
            found.append(f"stored with another time than taken: {_short(others)}")
        return found

    def _ledger(self) -> list[str]:
        found = []
        for device, told in self.told.ledger.items():
            rebuilt = self.rebuilt.ledger.get(device, [])
            if told != rebuilt:
                found.append(
                    f"the ledger of {device} is not what its evidence says: told {_short(set(told) - set(rebuilt))}, "
                    f"rebuilt {_short(set(rebuilt) - set(told))}"
                )
        if self.told.conditions != self.rebuilt.conditions:
            found.append(
                "conditions are not what the evidence says: "
                f"told {_short(self.told.conditions - self.rebuilt.conditions)}, "
                f"rebuilt {_short(self.rebuilt.conditions - self.told.conditions)}"
            )
        return found


@dataclass(frozen=True, kw_only=True)
class Account:
    """All agents' accounts and what the collector counted."""

    agents: Mapping[str, AgentAccount]
    counted: Mapping[tuple[str, str], int]

    @classmethod
    def of(cls, database: str | Path, spools: Mapping[str, Path], journals: Mapping[str, list[Taken]]) -> "Account":
        """Read everything; nobody else may have it open for writing."""
        with Store.open(database) as store, View.open(database) as view:
            rows = list(store.evidence_after(0))
            book = rules.book(store)
            numbers = {agent.id: agent.no for agent in store.agents()}
            agents = {
                agent: _account(
                    agent,
                    [row for row in rows if row.agent_no == numbers[agent]],
                    frozenset(one.device for one in store.assignments() if one.agent_no == numbers[agent]),
                    spool_in(folder),
                    journals.get(agent, []),
                    view,
                    book,
                )
                for agent, folder in spools.items()
                if (folder / "spool.db").exists()
            }
            counted = {(one.name, one.cause): one.count for one in view.counters()}
        return cls(agents=agents, counted=counted)

    def assert_whole(
        self,
        *,
        refused: Mapping[str, int] | None = None,
        after_restore: bool = False,
        bereaved: Collection[str] = (),
        refused_numbers: Collection[int] = (),
    ) -> None:
        """Every number once, nothing refused but what the tale expects, the ledger as its evidence tells it."""
        flaws = [
            f"{agent}: {flaw}"
            for agent, one in self.agents.items()
            for flaw in one.flaws(after_restore=after_restore, bereaved=agent in bereaved, refused=refused_numbers)
        ]
        found = {cause: times for (name, cause), times in self.counted.items() if name == "refused"}
        if found != (refused or {}):
            flaws.append(f"refused: {found}, expected {refused or {}}")
        assert flaws == [], "\n".join(flaws)


def stored_numbers(database: Path, agent: str, stream: str = "") -> list[int]:
    """Every record number of an agent in the store (of one stream, if named), as often as it stands there, sorted."""
    return sorted(record["n"] for row, record in _records(database, agent) if stream in ("", row.stream))


def kinds_of(database: Path, agent: str) -> dict[int, str]:
    """Whether each number came as a live `report` or as `history`."""
    return {record["n"]: row.kind for row, record in _records(database, agent)}


def _records(database: Path, agent: str) -> list[tuple[EvidenceRow, Any]]:
    with Store.open(database) as store:
        number = next(one.no for one in store.agents() if one.id == agent)
        rows = [row for row in store.evidence_after(0) if row.agent_no == number]
    return [(row, record) for row in rows for record in records_in(row)]


def spool_in(folder: Path) -> Spool:
    """What a stopped agent has left."""
    with contextlib.closing(sqlite3.connect(f"file:{folder / 'spool.db'}?mode=ro", uri=True)) as database:
        ((stream, newest),) = database.execute("SELECT id, newest FROM stream")
        waiting = RangeSet()
        for (n,) in database.execute("SELECT n FROM record ORDER BY n"):
            waiting.add(n, n)
    return Spool(stream=stream, newest=newest, waiting=waiting)


def _account(
    agent: str,
    rows: list[EvidenceRow],
    devices: frozenset[str],
    spool: Spool,
    journal: list[Taken],
    view: View,
    book: Rulebook,
) -> AgentAccount:
    records = [(row.stream, record) for row in rows for record in records_in(row)]
    declared: dict[str, Declared] = {}
    gaps = [(stream, record) for stream, record in records if record["kind"] == "gap"]
    for stream, gap in gaps:
        _declare(declared, stream, gap)
    lost: dict[str, RangeSet] = {}
    for row in rows:
        if row.kind == "lost":
            lost.setdefault(row.stream, RangeSet()).add(row.first_n, row.last_n)
            declared.setdefault(row.stream, Declared()).exact.add(row.first_n, row.last_n)
    return AgentAccount(
        agent=agent,
        spool=spool,
        journal=journal,
        stored=Counter((stream, record["n"]) for stream, record in records),
        t={(stream, record["n"]): record["t"] for stream, record in records},
        declared=declared,
        lost=lost,
        has_nameless=any(
            gap["reason"] == "spool_damaged" and not gap["lost"] and "ended" not in gap for _, gap in gaps
        ),
        told=_told(agent, devices, view),
        rebuilt=_rebuilt(agent, rows, devices, book),
    )


def _declare(declared: dict[str, Declared], stream: str, gap: Mapping[str, Any]) -> None:
    """What a gap record declares."""
    if gap["lost"] is not None:
        numbers = RangeSet([tuple(gap["lost"])])
        for first, last in gap.get("kept", ()):
            numbers.remove(first, last)
        of = declared.setdefault(stream, Declared())
        for first, last in numbers:
            (of.upper if gap.get("upper") else of.exact).add(first, last)
    if "ended" in gap:
        ended, last = gap["ended"]
        declared.setdefault(ended, Declared()).upper.add(1, max(last, 1))


def _told(agent: str, devices: frozenset[str], view: View) -> Told:
    subjects = [*devices, f"@{agent}"]
    return Told(
        ledger={
            device: [
                Segment(one.event_from_ms, one.event_to_ms, one.state, one.cause, one.fault, one.coarse)  # type: ignore[arg-type]
                for one in view.intervals(device, 0, FOR_EVER_MS)
            ]
            for device in devices
        },
        conditions=frozenset(
            Condition(
                one.subject,
                one.component,
                one.code,
                one.event_from_ms,
                one.event_to_ms,
                one.first,
                one.confirmed,
                one.cause,
                one.effect,
                one.function,
                one.explains,
                one.flapping,
            )
            for subject in subjects
            for one in view.conditions(subject, 0, FOR_EVER_MS)
        ),
    )


def _rebuilt(agent: str, rows: list[EvidenceRow], devices: frozenset[str], book: Rulebook) -> Told:
    """What the whole of the evidence means, read from nothing."""
    specs = [spec_of(json.loads(row.body)) for row in rows if row.kind == "birth"]
    items, _ = items_of(rows, {}, {spec.hash: spec for spec in specs})
    change = rebuild(newborn(agent), items, book)
    return Told(
        ledger={device: _canonical(device, change.retold) for device in devices},
        conditions=frozenset(change.conditions),
    )


def _canonical(device: str, tells: Iterable[Retold]) -> list[Segment]:
    """As the store would write it: neighbours that say the same are one."""
    segments: list[Segment] = []
    for told in tells:
        if told.device == device:
            segments = retold(segments, told)
    return segments


def _short(some: Iterable[Any]) -> str:
    listed = sorted(some, key=str) if isinstance(some, frozenset | set) else list(some)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return f"{listed[:SHOWN]}{more}"
