"""Everything that one transaction brings: what Store.commit takes and what it gives back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from roundsman_collector.core.model import Retold
from roundsman_collector.store.agents_now import Born
from roundsman_collector.store.commands import CommandDone
from roundsman_collector.store.conditions import ConditionsTold
from roundsman_collector.store.evidence import EvidenceRow
from roundsman_collector.store.present import DeviceNow
from roundsman_collector.store.quarantine import Count, Knock, Quarantined
from roundsman_collector.store.reading_days import DaysTold
from roundsman_collector.store.reminders import Reminder
from roundsman_collector.store.rounds import ErrandAnswer, RoundAnswered, RoundBegun
from roundsman_collector.store.tasks import TaskChange
from roundsman_collector.store.ticket_clocks import ClocksTold
from roundsman_collector.store.tickets import TicketChange, TicketOpened
from roundsman_collector.store.units import Checkpoint, UnitRow


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What is to be stored together or not at all. `now_ms` is when the ledger and conditions in it became known.

    `checkpoints_void_from`: agent number -> event time; its checkpoints at or after it are gone, before new ones come.
    `wakes`: agent number -> when it is to be looked at; None: nothing waits.
    """

    now_ms: int
    evidence: Sequence[EvidenceRow] = ()
    units: Sequence[UnitRow] = ()
    checkpoints_void_from: Mapping[int, int] = field(default_factory=dict)
    checkpoints: Sequence[Checkpoint] = ()
    tells: Sequence[Retold] = ()
    conditions: Sequence[ConditionsTold] = ()
    tickets: Sequence[TicketChange] = ()
    clocks: Sequence[ClocksTold] = ()
    tasks: Sequence[TaskChange] = ()
    reminders: Sequence[Reminder] = ()
    quarantine: Sequence[Quarantined] = ()
    counters: Sequence[Count] = ()
    commands_done: Sequence[CommandDone] = ()
    wakes: Mapping[int, int | None] = field(default_factory=dict)
    device_now: Sequence[DeviceNow] = ()
    inbox: Sequence[Knock] = ()
    rounds: Sequence[RoundBegun] = ()
    rounds_over: Sequence[RoundAnswered] = ()
    errands_sent: Sequence[str] = ()
    errand_answers: Sequence[ErrandAnswer] = ()
    births: Sequence[Born] = ()
    pushes_sent: Sequence[int] = ()
    pushes_withdrawn: Sequence[int] = ()
    reading_days: DaysTold | None = None
    read_from_seq: int | None = None
    """With `units`: evidence before this seq is in the rows of all units from now on; a start reads from here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Committed:
    """What was allocated: opened tickets in the order of the batch, and the known time that was written.

    `known_ms` is `now_ms`, or the last commit's where the clock went back: what was once known is never known earlier.
    """

    known_ms: int
    tickets: tuple[TicketOpened, ...]
