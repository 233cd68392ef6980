"""The one door to the database: SQLite by default, PostgreSQL by URL; nothing outside this package knows which.

Store (door.py) is for the engine's process, the only writer; View (reads.py) is for everybody else.
"""

from roundsman_collector.store.batch import Batch, Committed
from roundsman_collector.store.commands import CommandDone, CommandRow
from roundsman_collector.store.conditions import ConditionRow, ConditionsTold
from roundsman_collector.store.door import Store
from roundsman_collector.store.errors import StoreError
from roundsman_collector.store.evidence import EvidenceRow, Partition
from roundsman_collector.store.ledger import Interval
from roundsman_collector.store.present import DeviceNow
from roundsman_collector.store.quarantine import Count, CounterRow, InboxRow, Knock, Quarantined, QuarantineRow
from roundsman_collector.store.reads import DeviceView, SamplePage, Status, View
from roundsman_collector.store.register import AgentEntry, AgentRow, AssignmentRow, DeviceEntry, RuleSet
from roundsman_collector.store.samples import SampleRow, records_in
from roundsman_collector.store.tickets import (
    TicketAcknowledge,
    TicketAmend,
    TicketChange,
    TicketEvent,
    TicketNote,
    TicketOpen,
    TicketOpened,
    TicketResolve,
    TicketRow,
    TicketVoid,
)
from roundsman_collector.store.units import Checkpoint, UnitRow, Wake

__all__ = [
    "AgentEntry",
    "AgentRow",
    "AssignmentRow",
    "Batch",
    "Checkpoint",
    "CommandDone",
    "CommandRow",
    "Committed",
    "ConditionRow",
    "ConditionsTold",
    "Count",
    "CounterRow",
    "DeviceEntry",
    "DeviceNow",
    "DeviceView",
    "EvidenceRow",
    "InboxRow",
    "Interval",
    "Knock",
    "Partition",
    "QuarantineRow",
    "Quarantined",
    "RuleSet",
    "SamplePage",
    "SampleRow",
    "Status",
    "Store",
    "StoreError",
    "TicketAcknowledge",
    "TicketAmend",
    "TicketChange",
    "TicketEvent",
    "TicketNote",
    "TicketOpen",
    "TicketOpened",
    "TicketResolve",
    "TicketRow",
    "TicketVoid",
    "UnitRow",
    "View",
    "Wake",
    "records_in",
]
