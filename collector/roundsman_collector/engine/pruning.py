"""Evidence is kept for some days and within a budget of bytes; what goes first is the oldest day.

    expired(partitions, now_ms, days, bytes) -> the partitions that are to go, oldest first        pure
    reach_days(partitions, bytes)               -> for how many days the budget is enough now      pure
    pruning.look(now_ms)      once an hour: what is to go? And rows that are of no use any more (store/aged.py)
    pruning.step(now_ms)      a slice of the work, some hundredths of a second; True: there is more

A partition goes in slices, because no report is taken meanwhile:

    scan      whose rows are in it?                    5,000 rows at a time
    horizons  what stood before what will be left?     each of these agents gets a horizon (store/horizon.py)
    let go    one small transaction: it is gone
    clear     its room is given back                   3,000 rows at a time

Nothing goes that an agent's memory still needs: late evidence that waits is rebuilt first, and memory that is ahead of
its row is written. A unit whose rebuild fails keeps what was told of it and does not hold up the disk.

A clock that is years ahead for a moment makes everything old at once, therefore age lets go of one day an hour. The
budget lets go of what it must: a full disk is worse.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice

import structlog

from roundsman_collector.core.rebuild import resting
from roundsman_collector.core.state import dump
from roundsman_collector.engine.engine import Engine, unit_row
from roundsman_collector.engine.rebuilds import rebuild_unit
from roundsman_collector.engine.unit import Unit, memory_of
from roundsman_collector.store.evidence import Partition
from roundsman_collector.store.units import Checkpoint, UnitRow

log = structlog.get_logger(__name__)

DAY_MS = 86_400_000
SCAN_ROWS = 5_000
AGENTS_AT_ONCE = 200
REBUILDS_AT_ONCE = 5
CLEAR_ROWS = 3_000
AGED_ROWS = 1_000
RATE_DAYS = 7
ROW_BYTES = 72
"""What a row of evidence takes beside its body: measured by tests/collector/engine/test_pruning.py."""


def size_of(partition: Partition) -> int:
    """About how many bytes of the disk a partition takes."""
    return partition.byte_count + partition.row_count * ROW_BYTES


def expired(known: Sequence[Partition], now_ms: int, days: int, budget_bytes: int) -> tuple[Partition, ...]:
    """The partitions that are to go, oldest first: one that is too old, or all that stand beyond the budget."""
    oldest_day = f"{datetime.fromtimestamp((now_ms - days * DAY_MS) / 1000, UTC):%Y%m%d}"
    by_age = 1 if len(known) > 1 and any(one.day < oldest_day for one in known[:-1]) else 0
    left = sum(size_of(one) for one in known)
    by_budget = 0
    while left > budget_bytes and by_budget < len(known) - 1:
        left -= size_of(known[by_budget])
        by_budget += 1
    return tuple(known[: max(by_age, by_budget)])


def reach_days(known: Sequence[Partition], budget_bytes: int) -> float | None:
    """For how many days the budget is enough at the rate of the last whole days; None while no day is over."""
    whole = [size_of(one) for one in known[:-1]][-RATE_DAYS:]
    return budget_bytes * len(whole) / sum(whole) if sum(whole) else None


class Pruning:
    """See the module. One for the life of a collector; what it was at is begun anew after a restart."""

    def __init__(self, engine: Engine, *, days: int, budget_bytes: int) -> None:
        self.engine = engine
        self.days = days
        self.budget_bytes = budget_bytes
        self._going: list[Partition] = []
        self._scanned_to = 0
        self._is_scanned = False
        self._agents: set[int] = set()
        self._is_clearing = True  # a restart may have come in between
        self._has_aged = False

    def look(self, now_ms: int) -> None:
        """Find out what is to go; `step` does it."""
        self._has_aged = True
        if not self._going:
            self._going = list(expired(self.engine.store.partitions(), now_ms, self.days, self.budget_bytes))
            self._begin()

    def step(self, now_ms: int) -> bool:
        """Do a slice of what is to be done; whether there is more."""
        if self._is_clearing:
            self._is_clearing = self.engine.store.clear(CLEAR_ROWS)
        elif self._going:
            self._go_on(self._going[0], now_ms)
        elif self._has_aged:
            gone = self.engine.store.drop_aged(now_ms, AGED_ROWS)
            self._has_aged = AGED_ROWS in gone.values()
        return bool(self._is_clearing or self._going or self._has_aged)

    def _begin(self) -> None:
        self._scanned_to, self._is_scanned = 0, False
        self._agents.clear()

    def _go_on(self, day: Partition, now_ms: int) -> None:
        if not self._is_scanned:
            agents, last = self.engine.store.agents_in(day, self._scanned_to, SCAN_ROWS)
            self._agents |= agents
            self._is_scanned = last is None
            self._scanned_to = last or 0
        elif self._agents:
            self._keep_horizons(day, now_ms)
        else:
            self._let_go(day, now_ms)

    def _let_go(self, day: Partition, now_ms: int) -> None:
        assert day.last_seq is not None, "the partition that is written to never goes"
        dropped = self.engine.store.prune(day.last_seq, now_ms)
        log.info("evidence went by age or budget", day=day.day, reports=day.row_count, bytes=size_of(day))
        self._is_clearing = bool(dropped)
        self._going.pop(0)
        self._begin()

    def _keep_horizons(self, day: Partition, now_ms: int) -> None:
        """Give some of the partition's agents a horizon behind it."""
        assert day.last_seq is not None
        rows: list[Checkpoint] = []
        memories: list[UnitRow] = []
        done: list[int] = []
        rebuilt = 0
        numbers = list(islice(self._agents, AGENTS_AT_ONCE))
        known = self.engine.store.checkpoints_after(numbers, day.last_seq)
        for no in numbers:
            unit = self.engine.units.get(no)
            if unit is not None and unit.dirty_from_ms is not None:
                if rebuilt == REBUILDS_AT_ONCE:
                    break
                rebuilt += 1
                rebuild_unit(self.engine, unit, now_ms)  # fails: it is told there, and stays as told before
            rows.append(known.get(no) or self._horizon(no, unit, day.last_seq))
            if unit is not None and no in self.engine.unswept:
                memories.append(unit_row(unit))
            done.append(no)
        self.engine.store.keep_horizons(rows, memories)
        self._agents.difference_update(done)

    def _horizon(self, no: int, unit: Unit | None, to_seq: int) -> Checkpoint:
        """What stands of an agent without such a checkpoint when its evidence up to `to_seq` has gone: its present."""
        if unit is None:  # removed: it says nothing more, unless it is let in again
            unit = self._removed(no)
        memory = unit.memory
        state = resting(memory.state)
        # What waits for its boot's clock is not in the state: it stays to be read, as long as it is there.
        seq = to_seq if memory.undated else max(to_seq, unit.head_seq or 0)
        return Checkpoint(no, state.last_t, seq, dump(state))

    def _removed(self, no: int) -> Unit:
        """What is remembered of an agent that the register has let go."""
        unit = Unit(no, f"agent-{no}")
        for row in self.engine.store.units_of([no]):
            unit.head_seq = row.head_seq
            unit.memory = memory_of(row.body, unit.agent)
        return unit
