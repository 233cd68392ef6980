"""The one door to the database: SQLite by default, PostgreSQL by URL; nothing outside this package knows which.

Store (door.py) is for the engine's process, the only writer of what it decides; Office (office.py) is for what people
keep; View (reads.py, views/) is for everybody who looks.
"""

from roundsman_collector.store.agents_now import AgentNow, Born
from roundsman_collector.store.asked import AskedRow, AskWish
from roundsman_collector.store.audit import AuditRow, Deed
from roundsman_collector.store.batch import Batch, Committed
from roundsman_collector.store.board import Board, BoardPage, BoardRow, FleetFilter
from roundsman_collector.store.calendars import DayVersion, ServiceHours, ServiceKey, service_key
from roundsman_collector.store.cards import Card
from roundsman_collector.store.changes import ChangesPage, DeviceChanges, Since, TicketChanged
from roundsman_collector.store.commands import CommandDone, CommandRow
from roundsman_collector.store.conditions import ConditionRow, ConditionsTold
from roundsman_collector.store.connect import is_collected
from roundsman_collector.store.door import Store
from roundsman_collector.store.duty import Rota, ShiftWish, SwapRow
from roundsman_collector.store.duty_patterns import PatternRow
from roundsman_collector.store.duty_refusals import RotaRefused
from roundsman_collector.store.entries import Became, Version
from roundsman_collector.store.entry_kinds import KINDS, ZONES, EntryError, Kind, KindName
from roundsman_collector.store.errors import StoreError
from roundsman_collector.store.evidence import EvidenceRow, Partition
from roundsman_collector.store.going import Engineer, Member, Orphans, Question, SkillRow
from roundsman_collector.store.labels import LabelRow, LabelWords
from roundsman_collector.store.ledger import Interval
from roundsman_collector.store.links import LinkRow
from roundsman_collector.store.loans import LoanRow
from roundsman_collector.store.migrate import is_made
from roundsman_collector.store.notices import NoticeRow
from roundsman_collector.store.office import Office
from roundsman_collector.store.outbox import Names, Outbox, Waiting
from roundsman_collector.store.overlays import By, OverlayFilter, OverlayRow, Wish
from roundsman_collector.store.parts import PartRow, PartWish
from roundsman_collector.store.people import PersonRow, SessionRow, TokenRow
from roundsman_collector.store.present import DeviceNow
from roundsman_collector.store.pushed import PushRow, PushWish
from roundsman_collector.store.quarantine import Count, CounterRow, InboxRow, Knock, Quarantined, QuarantineRow
from roundsman_collector.store.reads import DeviceView, SamplePage, Status, View
from roundsman_collector.store.register import AgentEntry, AgentRow, AssignmentRow, DeviceEntry
from roundsman_collector.store.report_desk import ReportDesk
from roundsman_collector.store.reservations import Want
from roundsman_collector.store.round_facts import RoundFacts
from roundsman_collector.store.rounds import ErrandAnswer, ErrandRow, RoundRow
from roundsman_collector.store.rules import RuleSetRow
from roundsman_collector.store.samples import SampleRow, records_in
from roundsman_collector.store.spots import Spot
from roundsman_collector.store.stock import MoveWish
from roundsman_collector.store.stock_reads import (
    MoveFilter,
    MoveRow,
    OwedRow,
    ReservationRow,
    Statement,
    StatementLine,
    StockRow,
)
from roundsman_collector.store.stock_register import ItemFields, ItemRow, LocationFields, LocationRow
from roundsman_collector.store.ticket_lists import TicketFilter
from roundsman_collector.store.tickets import (
    TicketAmend,
    TicketChange,
    TicketEvent,
    TicketNote,
    TicketOpen,
    TicketOpened,
    TicketResolve,
    TicketRow,
    TicketStep,
    TicketVoid,
)
from roundsman_collector.store.timing import Timing, timing_of
from roundsman_collector.store.units import Checkpoint, UnitRow, Wake
from roundsman_collector.store.ways import Filter, NewWay, WayRow, filter_of, wrong_secret, wrong_target

__all__ = [
    "KINDS",
    "ZONES",
    "AgentEntry",
    "AgentNow",
    "AgentRow",
    "AskWish",
    "AskedRow",
    "AssignmentRow",
    "AuditRow",
    "Batch",
    "Became",
    "Board",
    "BoardPage",
    "BoardRow",
    "Born",
    "By",
    "Card",
    "ChangesPage",
    "Checkpoint",
    "CommandDone",
    "CommandRow",
    "Committed",
    "ConditionRow",
    "ConditionsTold",
    "Count",
    "CounterRow",
    "DayVersion",
    "Deed",
    "DeviceChanges",
    "DeviceEntry",
    "DeviceNow",
    "DeviceView",
    "Engineer",
    "EntryError",
    "ErrandAnswer",
    "ErrandRow",
    "EvidenceRow",
    "Filter",
    "FleetFilter",
    "InboxRow",
    "Interval",
    "ItemFields",
    "ItemRow",
    "Kind",
    "KindName",
    "Knock",
    "LabelRow",
    "LabelWords",
    "LinkRow",
    "LoanRow",
    "LocationFields",
    "LocationRow",
    "Member",
    "MoveFilter",
    "MoveRow",
    "MoveWish",
    "Names",
    "NewWay",
    "NoticeRow",
    "Office",
    "Orphans",
    "Outbox",
    "OverlayFilter",
    "OverlayRow",
    "OwedRow",
    "PartRow",
    "PartWish",
    "Partition",
    "PatternRow",
    "PersonRow",
    "PushRow",
    "PushWish",
    "QuarantineRow",
    "Quarantined",
    "Question",
    "ReportDesk",
    "ReservationRow",
    "Rota",
    "RotaRefused",
    "RoundFacts",
    "RoundRow",
    "RuleSetRow",
    "SamplePage",
    "SampleRow",
    "ServiceHours",
    "ServiceKey",
    "SessionRow",
    "ShiftWish",
    "Since",
    "SkillRow",
    "Spot",
    "Statement",
    "StatementLine",
    "Status",
    "StockRow",
    "Store",
    "StoreError",
    "SwapRow",
    "TicketAmend",
    "TicketChange",
    "TicketChanged",
    "TicketEvent",
    "TicketFilter",
    "TicketNote",
    "TicketOpen",
    "TicketOpened",
    "TicketResolve",
    "TicketRow",
    "TicketStep",
    "TicketVoid",
    "Timing",
    "TokenRow",
    "UnitRow",
    "Version",
    "View",
    "Waiting",
    "Wake",
    "Want",
    "WayRow",
    "Wish",
    "filter_of",
    "is_collected",
    "is_made",
    "records_in",
    "service_key",
    "timing_of",
    "wrong_secret",
    "wrong_target",
]
