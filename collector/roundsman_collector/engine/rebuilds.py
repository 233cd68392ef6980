"""Units that late evidence made dirty are told anew from their evidence, a slice of the work at a time.

    rebuilds.step(now_ms, has_time)     a slice: units whose backlog has paused, as many as there is time for
    rebuild_unit(engine, unit, now_ms)  one unit at once, however long it takes

No report is taken while a slice lasts. Units that take no longer are stored many in one commit:

    slice     1: a b c d e f | commit      2: g begins ...      3: h i j | commit      4: ... g ends | commit

A long one (a gateway of which a day is told anew, or a month) stands still between its slices, while its unit takes
reports. What came meanwhile is taken at its end as if it came then: in order it is told, late it makes the unit dirty
again. Where what it rests on has changed (rules, births, clocks), it is begun anew.

A unit whose rebuild fails stays dirty and is told, the others of its commit go on.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import structlog

from roundsman_collector.core.dating import Base
from roundsman_collector.core.model import Change, UnitState, newborn
from roundsman_collector.core.proof import Doubt, Proofs, proofs
from roundsman_collector.core.rebuild import Rebuild, Telling, resting
from roundsman_collector.core.state import load
from roundsman_collector.core.turn import tick, wake_at
from roundsman_collector.engine.engine import Engine
from roundsman_collector.engine.past import GoneError, Past, joined
from roundsman_collector.engine.timely import commit
from roundsman_collector.engine.unit import Unit
from roundsman_collector.store.errors import StoreError
from roundsman_collector.store.quarantine import Count

log = structlog.get_logger(__name__)

AT_ONCE = 50
"""How many units are stored in one commit at most."""
UNDER_WAY = 4
"""How many long rebuilds there may be at a time: each takes some ten megabytes."""
PAUSE_MS = 1_000
"""Where no unit was due, all of them are looked at again so much later."""


class Retelling:
    """The rebuild of one unit, from the checkpoint before it became dirty; stands still whenever `go_on` returns.

    Evidence of a time whose other evidence was pruned tells nothing any more: it is kept, shown and counted (law 8).
    """

    def __init__(self, engine: Engine, unit: Unit, now_ms: int) -> None:
        self.engine = engine
        self.unit = unit
        self.now_ms = now_ms
        self.late_from_ms: int | None = None
        """From when on the unit is dirty again: late evidence came while this stood still."""
        self._pasts: list[Past] = []
        self._told: Change | None = None
        self._start = newborn(unit.agent)
        self._mark = self._what_it_rests_on()
        self._steps = self._all_steps()

    def _what_it_rests_on(self) -> tuple[Any, ...]:
        unit = self.unit
        is_known, is_dirty = self.engine.units.get(unit.no) is unit, unit.dirty_from_ms is not None
        return is_known, is_dirty, unit.dirty_since_ms, unit.memory.specs, id(self.engine.book)

    def go_on(self) -> bool:
        """Do a step, some hundredths of a second; False: that was the last. GoneError: it is to be begun anew."""
        if self._what_it_rests_on() != self._mark:
            raise GoneError(f"what the rebuild of {self.unit.agent} rests on has changed")
        return next(self._steps, self) is not self

    def _all_steps(self) -> Iterator[None]:
        unit, dirty_from_ms = self.unit, self.unit.dirty_from_ms
        assert dirty_from_ms is not None
        self._start, seq = _start(self.engine, unit, dirty_from_ms)
        anew = Rebuild(self._start, self.engine.book)
        head_seq = unit.head_seq or 0
        past = self._past(unit.memory.bases)
        yield from past.read(head_seq, seq + 1)
        for piece in past.pieces():
            anew.fold(piece)
            yield
        while head_seq < (unit.head_seq or 0):
            seq, head_seq = head_seq, unit.head_seq or 0
            since = self._past(past.bases)
            yield from since.read(head_seq, seq + 1)
            if since.bases != past.bases and any(one.has_loose for one in self._pasts):
                raise GoneError(f"a clock record of {unit.agent} came during its rebuild")
            for item in since.items_after(0):
                if not anew.take(item):
                    self.late_from_ms = item.t if self.late_from_ms is None else min(self.late_from_ms, item.t)
        self._told = anew.change()

    def _past(self, bases: Mapping[str, Base]) -> Past:
        unit = self.unit
        late_since_ms = unit.dirty_since_ms or self.now_ms
        past = Past(self.engine.store, unit.no, bases, unit.memory.specs, self._start.last_t, late_since_ms)
        self._pasts.append(past)
        return past

    def change(self) -> Change:
        """What is told, with the silence that time has told, if it had."""
        assert self._told is not None, "there are steps to be done yet"
        state = self.unit.state
        was_told = state.silent or any(device.quiet for device in state.devices)
        silence = tick(self._told.state, self.now_ms, self.engine.book) if was_told else None
        return self._told if silence is None else _joined(self._told, silence)

    def remember_clocks(self) -> None:
        """Let the unit know the bases of boots that its evidence tells of."""
        memory = self.unit.memory
        for past in self._pasts:
            memory = memory._replace(bases=joined(memory.bases, past.bases))
        self.unit.memory = memory

    def too_late(self) -> list[Count]:
        """What came since the unit became dirty, and speaks of the time before the evidence that is kept."""
        count = sum(past.too_late for past in self._pasts)
        if not count or self._start.last_t < (self.unit.dirty_from_ms or 0):
            return []
        example = f"{self.unit.agent}: of a time whose evidence was pruned"
        return [Count(name="late", cause="beyond_horizon", at_ms=self.now_ms, count=count, example=example)]

    @property
    def has_evidence(self) -> bool:
        """Whether there is evidence that could prove anything."""
        return not all(past.is_empty for past in self._pasts)

    def prove(self, doubts: Collection[Doubt]) -> Proofs:
        """What of the evidence shows that somebody worked; nothing where it cannot be read now, which is told."""
        since_ms = min((one.from_ms for one in doubts), default=0)
        try:
            return proofs(doubts, (item for past in self._pasts for item in past.items_after(since_ms)))
        except (StoreError, GoneError) as error:
            log.error(
                "evidence that proves that somebody worked cannot be read", unit=self.unit.agent, cause=str(error)
            )
            return dict.fromkeys(doubts, ())


def _start(engine: Engine, unit: Unit, from_ms: int) -> tuple[UnitState, int]:
    """The state to rebuild from and the last evidence in it: a checkpoint before `from_ms`, or the agent's horizon."""
    checkpoint = engine.store.checkpoint_before(unit.no, from_ms)
    horizon = engine.store.horizon(unit.no)
    if checkpoint is None or (horizon is not None and checkpoint.seq < horizon.seq):
        checkpoint = horizon
    if checkpoint is None:
        return newborn(unit.agent), 0
    return resting(load(checkpoint.body)), checkpoint.seq


def _joined(change: Change, silence: Change) -> Change:
    telling = Telling(change.state)
    for one in (change, silence):
        telling.add(Change(state=one.state, retold=one.retold, conditions=one.conditions))
    both = telling.change()
    return Change(state=both.state, retold=both.retold, conditions=both.conditions, whole=change.whole)


class Rebuilds:
    """Rebuilds units whose late evidence has paused for `pause_ms`, or that are dirty for `at_latest_ms`."""

    def __init__(self, engine: Engine, *, pause_ms: int, at_latest_ms: int) -> None:
        self.engine = engine
        self._pause_ms = pause_ms
        self._at_latest_ms = at_latest_ms
        self._under_way: deque[Retelling] = deque()
        self._is_turn_of_new = True
        self._idle_since_ms: int | None = None

    def step(self, now_ms: int, has_time: Callable[[], bool] = lambda: True) -> int:
        """Do a slice, at least one step of it; return how many units were rebuilt."""
        done: list[Retelling] = []
        if self._under_way and (len(self._under_way) >= UNDER_WAY or not self._is_turn_of_new):
            self._go_on(self._under_way.popleft(), done, now_ms, has_time)
            self._is_turn_of_new = True
            if not has_time():
                return store_told(self.engine, done, now_ms)
        else:
            self._is_turn_of_new = False
        self._begin(done, now_ms, has_time)
        return store_told(self.engine, done, now_ms)

    def _begin(self, done: list[Retelling], now_ms: int, has_time: Callable[[], bool]) -> None:
        """Begin units that are due while there is time."""
        for unit in self._due({one.unit.no for one in (*self._under_way, *done)}, now_ms):
            self._go_on(Retelling(self.engine, unit, now_ms), done, now_ms, has_time)
            if len(done) == AT_ONCE or not has_time():
                return

    def _due(self, busy: Collection[int], now_ms: int) -> Iterator[Unit]:
        """Units that are to be rebuilt and are not at it."""
        if self._idle_since_ms is not None and 0 <= now_ms - self._idle_since_ms < PAUSE_MS:
            return
        self._idle_since_ms = now_ms
        for no in list(self.engine.dirty):
            unit = self.engine.units.get(no)
            if unit is None or unit.dirty_from_ms is None or no in busy:
                continue
            if (
                now_ms - unit.late_ms >= self._pause_ms
                or now_ms - (unit.dirty_since_ms or now_ms) >= self._at_latest_ms
            ):
                self._idle_since_ms = None
                yield unit

    def _go_on(self, one: Retelling, done: list[Retelling], now_ms: int, has_time: Callable[[], bool]) -> None:
        one.now_ms = now_ms
        try:
            while one.go_on():
                if not has_time():
                    self._under_way.append(one)
                    return
        except GoneError as reason:
            log.info("a rebuild is begun anew", agent=one.unit.agent, cause=str(reason))
        except StoreError as error:
            if error.again:
                raise
            _failed(one.unit, error, now_ms)
        except Exception as error:  # one unit's evidence must not stop the others
            _failed(one.unit, error, now_ms)
        else:
            done.append(one)


def rebuild_unit(engine: Engine, unit: Unit, now_ms: int) -> bool:
    """Rebuild a unit at once; False: it failed, and stays dirty."""
    one = Retelling(engine, unit, now_ms)
    try:
        while one.go_on():
            pass
    except StoreError as error:
        if error.again:
            raise
        _failed(unit, error, now_ms)
        return False
    except Exception as error:  # one unit's evidence must not stop the others
        _failed(unit, error, now_ms)
        return False
    return store_told(engine, [one], now_ms) == 1


def store_told(engine: Engine, done: list[Retelling], now_ms: int) -> int:
    """Store what was told anew in one commit, or, where that fails, one by one; return how many were stored."""
    if not done:
        return 0
    try:
        _store(engine, done, now_ms)
    except StoreError as error:
        if error.again:
            raise
        problem: Exception = error
    except Exception as error:  # one unit's evidence must not stop the others
        problem = error
    else:
        return len(done)
    if len(done) == 1:
        _failed(done[0].unit, problem, now_ms)
        return 0
    return sum(store_told(engine, [one], now_ms) for one in done)


def _store(engine: Engine, done: list[Retelling], now_ms: int) -> None:
    changes, wakes, counts, dirty = [], {}, [], []
    for one in done:
        change = one.change()
        changes.append((one.unit, change))
        wakes[one.unit.no] = wake_at(change.state)
        counts += one.too_late()
    for one in done:
        one.remember_clocks()
        dirty.append((one.unit, one.unit.dirty_from_ms, one.unit.dirty_since_ms))
        one.unit.dirty_from_ms = one.late_from_ms
        one.unit.dirty_since_ms = None if one.late_from_ms is None else now_ms
    try:
        commit(engine, changes, wakes, now_ms, counts, {one.unit.no: one.prove for one in done if one.has_evidence})
    except BaseException:
        for unit, from_ms, since_ms in dirty:
            unit.dirty_from_ms, unit.dirty_since_ms = from_ms, since_ms
        raise
    for unit, _, _ in dirty:
        engine.dirty.pop(unit.no, None)
        if unit.dirty_from_ms is not None:
            engine.dirty[unit.no] = None


def _failed(unit: Unit, problem: Exception, now_ms: int) -> None:
    log.error("a rebuild failed; the unit stays as told before", agent=unit.agent, cause=str(problem), exc_info=problem)
    unit.late_ms = now_ms
    unit.dirty_since_ms = now_ms
