"""Time in: one step of everything that waits. What waits for long stands in the database.

    every 0.2 s   commands of people, errands to agents, silences that are due, faults that waited for their cause,
                  tickets and tasks that are due for a look, a slice of what plans ask for, some memory swept to disk,
                  a slice of the evidence that is to go, or that is condensed; a few devices whose days are looked at
                  for what gets worse
    every 0.1 s   a slice of the rebuilds
    every 1 s     rounds that are over, configurations to the broker
    every 5 s     errands that nobody has answered go once more
    every 1 h     what evidence is to go, by age or budget?

Little and often: while one of these runs no report is taken, so each is bounded to some hundredths of a second.
Rebuilds have half of the time while reports leave it to them, and a tenth while they come in crowds.

No silence is told before the collector has listened long enough without a break: the longest `arrive_by` of all agents
and two minutes more after a start or a lost broker (law 4), or as configured.
"""

from collections.abc import Callable, Sequence

import structlog

from roundsman_collector import clock, fault
from roundsman_collector.engine import errands, timely
from roundsman_collector.engine.condensing import Condensing
from roundsman_collector.engine.engine import Engine
from roundsman_collector.engine.forecasting import Forecasting
from roundsman_collector.engine.pruning import Pruning
from roundsman_collector.engine.pushing import Keeper, Pushing
from roundsman_collector.engine.rebuilds import Rebuilds
from roundsman_collector.store.errors import StoreError

log = structlog.get_logger(__name__)

GRACE_MS = 120_000
OFTEN_S = 0.2
REBUILDS_EVERY_S, REBUILDS_S, REBUILDS_BUSY_S = 0.1, 0.05, 0.01
"""How often there is a slice of rebuilds, how long it may take, what it then stores aside; and while reports wait."""
PRUNING_EVERY_S = 3600.0
ROUNDS_EVERY_S = 1.0
AGAIN_EVERY_S = 5.0
COMMANDS_AT_ONCE = 100

Publish = Callable[[Sequence[tuple[str, bytes]]], int]
"""Hand messages (topic, payload) to the line; returns how many went, 0 while there is none."""


def no_line(_: Sequence[tuple[str, bytes]]) -> int:
    """Nobody can be reached."""
    return 0


class Clockwork:
    """What is due, and when it is looked at next."""

    def __init__(
        self,
        engine: Engine,
        *,
        listen_grace_s: float | None,
        rebuild_pause_s: float,
        rebuild_at_latest_s: float,
        sweep_rows: int,
        evidence_days: int,
        evidence_bytes: int,
        condenses: bool = False,
        publish: Publish = no_line,
        keeper: Keeper | None = None,
    ) -> None:
        self.engine = engine
        self.listen_grace_s = listen_grace_s
        self.sweep_rows = sweep_rows
        self.publish = publish
        self._pushing = Pushing(engine, keeper)
        self._rebuilds = Rebuilds(
            engine, pause_ms=round(rebuild_pause_s * 1000), at_latest_ms=round(rebuild_at_latest_s * 1000)
        )
        self._is_busy = False
        self._pruning = Pruning(engine, days=evidence_days, budget_bytes=evidence_bytes)
        self._condensing = Condensing(engine) if condenses else None
        self._forecasting = Forecasting(engine)
        self._listening_since_ms: int | None = None
        self._enough_ms = GRACE_MS
        """For how long we must have listened, as far as is known: the fleet is asked when that is over."""
        self._has_listened = False
        self._is_blocked = False
        # Pruning first: on a full disk the others fail until it has made room.
        self._steps: list[tuple[float, Callable[[int], object]]] = [
            (PRUNING_EVERY_S, self._pruning.look),
            (OFTEN_S, self._pruning.step),
            (OFTEN_S, self._obey),
            (OFTEN_S, self._send),
            (ROUNDS_EVERY_S, self._push),
            (OFTEN_S, self._wake),
            (OFTEN_S, self.engine.desk.step),
            (OFTEN_S, self.engine.promises.step),
            (REBUILDS_EVERY_S, self._rebuild),
            (OFTEN_S, self._sweep),
            (OFTEN_S, self._condense),
            (OFTEN_S, self._forecasting.step),
            (ROUNDS_EVERY_S, self._end_rounds),
            (OFTEN_S, self.engine.plans.step),
            (OFTEN_S, self.engine.tasks.step),
            (AGAIN_EVERY_S, self._send_again),
        ]
        self._next: list[float] = [0.0] * len(self._steps)

    def listening(self, is_connected: bool, now_ms: int) -> None:
        """Tell whether the broker is heard; a break begins the listening anew."""
        if not is_connected:
            self._listening_since_ms = None
            self._enough_ms = GRACE_MS
            self._has_listened = False
        elif self._listening_since_ms is None:
            self._listening_since_ms = now_ms

    def step(self, now_ms: int, mono_s: float, is_busy: bool = False) -> None:
        """Do what is due; `is_busy`: reports come in crowds, and what can wait takes less time."""
        self._is_busy = is_busy
        try:
            for position, (every_s, act) in enumerate(self._steps):
                if mono_s >= self._next[position]:
                    self._next[position] = mono_s + every_s
                    act(now_ms)
        except StoreError as error:
            if not error.again:
                raise
            if not self._is_blocked:
                log.error("the store does not take what time brings; it is tried again", cause=str(error))
            self._is_blocked = True
        else:
            self._is_blocked = False

    def may_tell_silence(self, now_ms: int) -> bool:
        """Whether we have listened long enough to call somebody silent."""
        if self._listening_since_ms is None:
            return False
        if not self._has_listened:
            self._has_listened = self._is_enough(now_ms - self._listening_since_ms)
        return self._has_listened

    def _is_enough(self, heard_ms: int) -> bool:
        if self.listen_grace_s is not None:
            return heard_ms >= round(self.listen_grace_s * 1000)
        if heard_ms >= self._enough_ms:  # else not yet: asking 400,000 units five times a second is half of the CPU
            longest = max((unit.state.arrive_by_ms for unit in self.engine.units.values()), default=0)
            self._enough_ms = GRACE_MS + longest
        return heard_ms >= self._enough_ms

    def _obey(self, now_ms: int) -> None:
        commands = self.engine.store.new_commands(COMMANDS_AT_ONCE)
        if commands:
            timely.obey(self.engine, commands, now_ms)

    def _send(self, now_ms: int) -> None:
        """Tell agents what they are asked for. What dies between publishing and noting it goes twice, which is well."""
        waiting = errands.outgoing(self.engine, now_ms)
        if not waiting:
            return
        self._send_once([one for one in waiting if one.is_once], now_ms)
        again = [one for one in waiting if not one.is_once]
        fault.hit("clockwork.before_publish")
        if again and self.publish([one.message for one in again]):
            fault.hit("clockwork.before_sent")
            errands.sent(self.engine, [one.id for one in again], now_ms)

    def _send_once(self, waiting: Sequence[errands.Outgoing], now_ms: int) -> None:
        """What must not go twice is noted as sent before it goes; what dies between goes never, and is told as over."""
        if not waiting:
            return
        errands.sent(self.engine, [one.id for one in waiting], now_ms)
        fault.hit("clockwork.before_once")
        if not self.publish([one.message for one in waiting]):
            errands.unsent(self.engine, [one.id for one in waiting])

    def _push(self, now_ms: int) -> None:
        self._pushing.step(now_ms)

    def _send_again(self, now_ms: int) -> None:
        errands.send_again(self.engine, now_ms)

    def _end_rounds(self, now_ms: int) -> None:
        errands.end_rounds(self.engine, now_ms)

    def _wake(self, now_ms: int) -> None:
        if self.may_tell_silence(now_ms):
            timely.wake(self.engine, now_ms)

    def _rebuild(self, now_ms: int) -> None:
        if self.engine.dirty:
            end_s = clock.mono_s() + (REBUILDS_BUSY_S if self._is_busy else REBUILDS_S)
            self._rebuilds.step(now_ms, lambda: clock.mono_s() < end_s)

    def _condense(self, now_ms: int) -> None:
        if self._condensing is not None:
            self._condensing.step(now_ms)

    def _sweep(self, now_ms: int) -> None:
        timely.sweep(self.engine, max(1, round(self.sweep_rows * OFTEN_S)), now_ms)

    def close(self, now_ms: int) -> None:
        """Write all memory that is ahead of the disk, so that the next start reads little again."""
        while timely.sweep(self.engine, self.sweep_rows, now_ms):
            pass
