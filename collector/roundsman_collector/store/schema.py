"""The tables. All times are `_ms`: integer milliseconds UTC; spans are half-open; NULL at an end: it goes on.

    meta                         the database's own facts: epoch, known_ms, pruned_to_seq
    agent device assignment      the register: who there is, and who speaks for whom since when
    partition evidence_YYYYMMDD  what agents recorded, a row per report, a table per received day (UTC)
    unit checkpoint horizon wake the engine's memory
    interval condition           the ledger, bitemporal: event from/to, known from/to; only `known_to_ms` is updated
    series ticket ticket_event   tickets with gapless numbers and their log
    ticket_child                 faults that the cause of a ticket explains
    ticket_clock ticket_put_off service_level    what was promised, how tickets keep it, and of which it cannot be told
    rule_set command quarantine counter inbox device_now

    monitoring_group customer site place contract installation    what people keep, effective-dated: a row per version
    device_trait behind calendar calendar_day                     what a device was, stands behind; days off and 调休
    overlay overlay_event                                         maintenance, exclusions, corrections; append-only
    device_search                                                 what a device is found by
    person person_scope invitation session token audit            who may do what, and what they did
    way notice                                                    who is told, and what waits to be told (the outbox)
    round round_device errand                                     inspections, and what agents were asked to do
    round_log round_mark round_file                               what people found in them, with photos and signatures
    service_point point_person skill                              who goes: 网点, their people, what people can mend
    duty_pattern duty_shift duty_swap                             the duty rota (值班): append-only but for `void_ms`
    file file_body file_piece                                     photos, documents, videos and signatures of tickets
    agent_now pushed                                              what agents say of themselves; pushed configurations
    stock_item stock_location stock_level stock_now stock_move    spare stock: what is to be there, what came and went
    stock_reservation stock_statement loan device_part            for tickets, of months, loan units, what is built in
    label                                                         codes on devices, by which anybody reports a fault
    reading_name reading_day forecast                             readings by the local day, and what they foretell
    customer_link                                                 by which customers say yes or no, without an account
    report report_file report_confirmation                        what customers get: revisions, files, their yes
    slip slip_line slip_file                                      forms of services that no ticket tells of, their logs
    report_schedule report_mail report_words                      when they are made, their letters, people's own words
    plan task task_event task_terms                               what recurs: promises, what they ask for, its log

A version of what people keep is valid in [from_ms, to_ms); a row is written once, only its `to_ms` is set later.
A subject is a device's id, or `@` and an agent's: what can befall an agent itself, like its silence.

Only types and clauses that SQLite and PostgreSQL share. JSON is text: nothing in the database looks into it.
The evidence has no index but its key: the rows of an agent are a chain through `prev_seq`, because an index by agent
would touch one page per report when 400,000 agents take turns.

This describes the present; how a database gets here is told by migrations/. A test compares the two.
"""

from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

REVISION = "0024"
"""The newest migration. Revisions are numbers with leading zeros: they compare as text."""

# INTEGER PRIMARY KEY is SQLite's own row number: a table without a second tree for its key.
Big = BigInteger().with_variant(Integer(), "sqlite")
metadata = MetaData()


def _agent(*, primary_key: bool = False) -> Column[int]:
    return Column("agent_no", Big, ForeignKey("agent.no"), primary_key=primary_key, autoincrement=False, nullable=False)


def _device(*, primary_key: bool = False) -> Column[str]:
    return Column("device", Text, ForeignKey("device.id"), primary_key=primary_key, nullable=False)


meta = Table("meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

agent = Table(
    "agent",
    metadata,
    Column("no", Big, primary_key=True),
    Column("id", Text, nullable=False),
    Column("group_id", Text, nullable=False),
    Column("added_ms", Big, nullable=False),
    Column("removed_ms", Big),
    Column("password_hash", Text),
    UniqueConstraint("id", name="agent_id"),
)

device = Table(
    "device",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("model", Text),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("serial", Text),
    Column("vendor", Text),
    Column("batch", Text),
)
"""`vendor`: who made it or sold it to us, as those who buy call them; `batch`: of which delivery it is."""

assignment = Table(
    "assignment",
    metadata,
    _device(primary_key=True),
    _agent(),
    Column("from_ms", Big, primary_key=True, autoincrement=False),
    Column("to_ms", Big),
    Index("assignment_by_agent", "agent_no"),
)

partition = Table(
    "partition",
    metadata,
    Column("day", Text, primary_key=True),
    Column("table_name", Text, nullable=False),
    Column("first_seq", Big, nullable=False),
    Column("last_seq", Big),
    Column("row_count", Big, nullable=False),
    Column("byte_count", Big, nullable=False),
)

unit = Table(
    "unit",
    metadata,
    _agent(primary_key=True),
    Column("head_seq", Big, nullable=False),
    Column("as_of_seq", Big, nullable=False),
    Column("dirty_from_ms", Big),
    Column("dirty_since_ms", Big),
    Column("body", Text, nullable=False),
    Column("machine", Text),
    Index(
        "unit_dirty",
        "dirty_since_ms",
        sqlite_where=text("dirty_since_ms IS NOT NULL"),
        postgresql_where=text("dirty_since_ms IS NOT NULL"),
    ),
)
"""`machine`: the device that the agent runs on, if it is one of those it speaks for."""

checkpoint = Table(
    "checkpoint",
    metadata,
    _agent(primary_key=True),
    Column("t_ms", Big, primary_key=True, autoincrement=False),
    Column("seq", Big, nullable=False),
    Column("body", Text, nullable=False),
)

horizon = Table(
    "horizon",
    metadata,
    _agent(primary_key=True),
    Column("t_ms", Big, nullable=False),
    Column("seq", Big, nullable=False),
    Column("body", Text, nullable=False),
)

wake = Table(
    "wake",
    metadata,
    _agent(primary_key=True),
    Column("wake_at_ms", Big, nullable=False),
    Index("wake_at", "wake_at_ms"),
)

interval = Table(
    "interval",
    metadata,
    Column("id", Big, primary_key=True),
    _device(),
    Column("state", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("fault", Text, nullable=False),
    Column("event_from_ms", Big, nullable=False),
    Column("event_to_ms", Big),
    Column("known_from_ms", Big, nullable=False),
    Column("known_to_ms", Big),
    Column("coarse", Boolean(create_constraint=False), nullable=False, server_default=text("false")),
    Index("interval_by_device", "device", "known_to_ms", "event_from_ms"),
    Index(
        "interval_by_end",
        "event_to_ms",
        "device",
        sqlite_where=text("known_to_ms IS NULL"),
        postgresql_where=text("known_to_ms IS NULL"),
    ),
)

condition = Table(
    "condition",
    metadata,
    Column("id", Big, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("component", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("event_from_ms", Big, nullable=False),
    Column("event_to_ms", Big),
    Column("known_from_ms", Big, nullable=False),
    Column("known_to_ms", Big),
    Column("first_ref", Text, nullable=False),
    Column("confirmed_ref", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("effect", Text, nullable=False, server_default=""),
    Column("function", Text, nullable=False, server_default=""),
    Column("explains", Text, nullable=False, server_default=""),
    Column("flapping", Boolean(create_constraint=False), nullable=False, server_default=text("false")),
    Index("condition_by_subject", "subject", "known_to_ms", "event_from_ms"),
    Index(
        "condition_by_end",
        "event_to_ms",
        "subject",
        sqlite_where=text("known_to_ms IS NULL"),
        postgresql_where=text("known_to_ms IS NULL"),
    ),
)

# What explains others now, and what did: few rows among many.
Index(
    "condition_by_explains",
    condition.c.explains,
    condition.c.subject,
    sqlite_where=text("known_to_ms IS NULL AND explains <> ''"),
    postgresql_where=text("known_to_ms IS NULL AND explains <> ''"),
)

series = Table("series", metadata, Column("name", Text, primary_key=True), Column("next", Big, nullable=False))

ticket = Table(
    "ticket",
    metadata,
    Column("id", Big, primary_key=True),
    Column("number", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("agent_no", Big, ForeignKey("agent.no")),
    Column("component", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("service_class", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("fault_from_ms", Big, nullable=False),
    Column("fault_to_ms", Big),
    Column("opened_ms", Big, nullable=False),
    Column("opened_late", Boolean(create_constraint=False), nullable=False),
    Column("acknowledged_ms", Big),
    Column("acknowledged_by", Text),
    Column("resolved_ms", Big),
    Column("outcome", Text, nullable=False),
    Column("merged_into", Big, ForeignKey("ticket.id")),
    Column("source", Text, nullable=False, server_default="monitoring"),
    Column("watched", Boolean(create_constraint=False), nullable=False, server_default=text("true")),
    Column("site", Text),
    Column("place", Text),
    Column("customer", Text),
    Column("contract", Text),
    Column("zone", Text),
    Column("engineer", Text),
    Column("waiting", Text, nullable=False, server_default=""),
    Column("wake_at_ms", Big),
    Column("level_id", Big),
    Column("arrival_ms", Big),
    Column("reopens_ms", Big, nullable=False, server_default="0"),
    UniqueConstraint("number", name="ticket_number"),
    Index("ticket_by_subject", "subject", "id"),
    Index("ticket_by_state", "state", "id"),
    Index("ticket_by_site", "site", "id"),
    Index("ticket_by_fault", "fault_from_ms"),
    Index(
        "ticket_by_wake",
        "wake_at_ms",
        sqlite_where=text("wake_at_ms IS NOT NULL"),
        postgresql_where=text("wake_at_ms IS NOT NULL"),
    ),
    Index(
        "ticket_by_engineer",
        "engineer",
        "state",
        sqlite_where=text("engineer IS NOT NULL"),
        postgresql_where=text("engineer IS NOT NULL"),
    ),
)
"""A ticket as it stands: all of it can be read off its log, and the same transaction writes both. `watched`: evidence
speaks for it. Site to zone: where its subject stood when it was opened. `level_id`:
the service level it keeps. `arrival_ms`: when somebody promised to come. `reopens_ms`: for how long after its end the
same fault opens it again."""

ticket_clock = Table(
    "ticket_clock",
    metadata,
    Column("ticket_id", Big, ForeignKey("ticket.id"), primary_key=True, autoincrement=False),
    Column("clock", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("start_ms", Big),
    Column("due_ms", Big),
    Column("promised_ms", Big),
    Column("ended_ms", Big),
    Column("elapsed_ms", Big, nullable=False),
    Column("is_breached", Boolean(create_constraint=False), nullable=False),
    Index("ticket_clock_by_due", "state", "due_ms"),
)
"""What core/sla.py read off a ticket's log when it was looked at last: for lists and figures."""

ticket_put_off = Table(
    "ticket_put_off",
    metadata,
    Column("ticket_id", Big, ForeignKey("ticket.id"), primary_key=True, autoincrement=False),
    Column("since_ms", Big, nullable=False),
    Column("tries", Big, nullable=False),
    Column("error", Text, nullable=False),
)
"""Tickets whose clocks cannot be read: since when, after how many tries, and what the last one met. Gone when one went
well."""

service_level = Table(
    "service_level",
    metadata,
    Column("id", Big, primary_key=True),
    Column("level", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("valid_from_ms", Big, nullable=False),
    Column("body", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Index("service_level_by_level", "level", "valid_from_ms"),
)
"""What contracts promise, a row per version; the newest is in force from `valid_from_ms` on."""

ticket_child = Table(
    "ticket_child",
    metadata,
    Column("id", Big, primary_key=True),
    Column("ticket_id", Big, ForeignKey("ticket.id"), nullable=False),
    Column("subject", Text, nullable=False),
    Column("component", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("fault_from_ms", Big, nullable=False),
    Column("joined_ms", Big, nullable=False),
    Column("left_ms", Big),
    Column("merged_ticket_id", Big, ForeignKey("ticket.id")),
    Index("ticket_child_by_ticket", "ticket_id"),
    Index("ticket_child_by_subject", "subject", "left_ms"),
)
"""What a ticket's cause explains: faults of others that have no ticket of their own, or had one that was merged."""

ticket_event = Table(
    "ticket_event",
    metadata,
    Column("id", Big, primary_key=True),
    Column("ticket_id", Big, ForeignKey("ticket.id"), nullable=False),
    Column("at_ms", Big, nullable=False),
    Column("who", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("data", Text, nullable=False),
    Index("ticket_event_by_ticket", "ticket_id", "id"),
    Index(
        "ticket_event_amended",
        "at_ms",
        "ticket_id",
        sqlite_where=text("verb = 'amend'"),
        postgresql_where=text("verb = 'amend'"),
    ),
)

rule_set = Table(
    "rule_set",
    metadata,
    Column("id", Big, primary_key=True),
    Column("hash", Text, nullable=False),
    Column("valid_from_ms", Big, nullable=False),
    Column("body", Text, nullable=False),
    Column("made_by", Text, nullable=False, server_default=""),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Big, primary_key=True),
    Column("at_ms", Big, nullable=False),
    Column("topic", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("byte_count", Big, nullable=False),
)

counter = Table(
    "counter",
    metadata,
    Column("name", Text, primary_key=True),
    Column("cause", Text, primary_key=True),
    Column("count", Big, nullable=False),
    Column("last_ms", Big, nullable=False),
    Column("example", Text, nullable=False),
)

command = Table(
    "command",
    metadata,
    Column("id", Big, primary_key=True),
    Column("at_ms", Big, nullable=False),
    Column("who", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("args", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("done_ms", Big),
    Column("result", Text),
    Column("key", Text),
    Index("command_by_state", "state", "id"),
    Index("command_by_key", "who", "key", unique=True),
)

inbox = Table(
    "inbox",
    metadata,
    Column("agent", Text, primary_key=True),
    Column("device", Text, primary_key=True),
    Column("first_ms", Big, nullable=False),
    Column("last_ms", Big, nullable=False),
    Column("count", Big, nullable=False),
    Column("what", Text, nullable=False),
)

device_now = Table(
    "device_now",
    metadata,
    _device(primary_key=True),
    _agent(),
    Column("last_t_ms", Big, nullable=False),
    Column("covered_to_ms", Big, nullable=False),
    Column("received_ms", Big, nullable=False),
    Column("settling", Boolean(create_constraint=False), nullable=False),
    Column("readings", Text),
    Column("readings_t_ms", Big),
    Column("runs", Text, nullable=False, server_default="[]"),
)

# --- what people keep ------------------------------------------------------------------------------------------------


def _versioned(name: str, *columns: Column[Any], key: str = "id") -> Table:
    """A table of versions: who made each, when, and for which time it speaks."""
    return Table(
        name,
        metadata,
        Column(key, Text, primary_key=True),
        Column("from_ms", Big, primary_key=True, autoincrement=False),
        Column("to_ms", Big),
        Column("made_ms", Big, nullable=False),
        Column("made_by", Text, nullable=False),
        *columns,
    )


def _now(table: Table, column: str) -> Index:
    """What is looked for among the versions in force."""
    return Index(
        f"{table.name}_by_{column}",
        table.c[column],
        sqlite_where=text("to_ms IS NULL"),
        postgresql_where=text("to_ms IS NULL"),
    )


monitoring_group = _versioned(
    "monitoring_group", Column("name_zh", Text, nullable=False), Column("name_en", Text, nullable=False)
)

customer = _versioned("customer", Column("name_zh", Text, nullable=False), Column("name_en", Text, nullable=False))

contract = _versioned(
    "contract",
    Column("customer", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("accepted_on", Text),
    Column("warranty_until", Text),
    Column("maintenance_until", Text),
    Column("unknown_as", Text, nullable=False, server_default="exclude"),
    Column("target_percent", Text),
    Column("service_level", Text),
    Column("labour_until", Text),
    Column("parts_rate", Text, nullable=False, server_default="list"),
)
"""`labour_until`: labour on site is free until then, where that is another day than the warranty's; `parts_rate`: by
which rate parts go that no warranty covers, `list` or `cost`."""

site = _versioned(
    "site",
    Column("customer", Text, nullable=False),
    Column("group_id", Text, nullable=False),
    Column("contract", Text),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("service_hours", Text, nullable=False),
    Column("engineer", Text),
    Column("calendar", Text),
    Column("point", Text),
    Column("contact", Text),
    Column("contact_phone", Text),
)
_now(site, "customer")
_now(site, "group_id")
_now(site, "point")

place = _versioned(
    "place",
    Column("site", Text, nullable=False),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("engineer", Text),
    Column("contact", Text),
    Column("contact_phone", Text),
)
"""`contact`, `contact_phone`: who looks after the device on the spot; where a place names nobody, its site's."""
_now(place, "site")

installation = _versioned("installation", Column("place", Text, nullable=False), key="device")
_now(installation, "place")

device_trait = _versioned("device_trait", Column("kind", Text, nullable=False), Column("model", Text), key="device")
"""What a device was when: what overrides of rules ask for."""

behind = Table(
    "behind",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("from_ms", Big, primary_key=True, autoincrement=False),
    Column("to_ms", Big),
    Column("root", Text, ForeignKey("device.id")),
    Column("made_ms", Big, primary_key=True, autoincrement=False),
    Column("made_by", Text, nullable=False),
    Index("behind_by_root", "root", "to_ms"),
)
"""What a device gets its power or its uplink from (`kind`): one of each, effective-dated, append-only but for `to_ms`.
A row without a root says that it is behind nothing from then on. `to_ms` is what is known now; what was known before is
told by `made_ms`. `subject` is a device."""

calendar = _versioned("calendar", Column("name_zh", Text, nullable=False), Column("name_en", Text, nullable=False))

calendar_day = Table(
    "calendar_day",
    metadata,
    Column("calendar", Text, primary_key=True),
    Column("day", Text, primary_key=True),
    Column("from_ms", Big, primary_key=True, autoincrement=False),
    Column("to_ms", Big),
    Column("made_ms", Big, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("hours", Text, nullable=False),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("status", Text, nullable=False),
)
"""What a calendar says of a local date, known from `from_ms` to `to_ms`: kind `holiday` (a day of rest), `shift` (with
`hours` of its own, those of `weekday:N`, or `none`: 调休) or `usual` (not special); `confirmed` or `provisional`."""

overlay = Table(
    "overlay",
    metadata,
    Column("id", Big, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("from_ms", Big, nullable=False),
    Column("to_ms", Big),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("made_ms", Big, nullable=False),
    Column("made_by", Text, nullable=False),
    Index("overlay_by_target", "scope", "target", "from_ms"),
    Index("overlay_by_end", "to_ms"),
)
"""What a person lays over the evidence: `maintenance`, `exclusion` or `correction` (to `state`) of a `device`, `place`,
`site`, `customer` or `group`. Never changed: what becomes of it are its events."""

overlay_event = Table(
    "overlay_event",
    metadata,
    Column("id", Big, primary_key=True),
    Column("overlay_id", Big, ForeignKey("overlay.id"), nullable=False),
    Column("at_ms", Big, nullable=False),
    Column("who", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("to_ms", Big),
    Column("text", Text, nullable=False),
    Index("overlay_event_by_overlay", "overlay_id", "at_ms"),
)
"""`approve` (by a second person; from then on it counts), `refuse`, `revoke` (it counts no more), `end` (`to_ms`)."""

device_search = Table("device_search", metadata, _device(primary_key=True), Column("text", Text, nullable=False))

# --- people ----------------------------------------------------------------------------------------------------------

person = Table(
    "person",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("password_hash", Text),
    Column("made_ms", Big, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("disabled_ms", Big),
    Column("failed_count", Big, nullable=False),
    Column("locked_until_ms", Big),
)

person_scope = Table(
    "person_scope",
    metadata,
    Column("person", Text, ForeignKey("person.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("target", Text, primary_key=True),
)

invitation = Table(
    "invitation",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("person", Text, ForeignKey("person.id"), nullable=False),
    Column("made_ms", Big, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("expires_ms", Big, nullable=False),
    Column("used_ms", Big),
)

session = Table(
    "session",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("person", Text, ForeignKey("person.id"), nullable=False),
    Column("made_ms", Big, nullable=False),
    Column("seen_ms", Big, nullable=False),
    Column("expires_ms", Big, nullable=False),
    Column("ended_ms", Big),
    Column("address", Text, nullable=False),
    Column("browser", Text, nullable=False),
    Index("session_by_person", "person", "made_ms"),
)

token = Table(
    "token",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("made_ms", Big, nullable=False),
    Column("expires_ms", Big),
    Column("role", Text, nullable=False, server_default="administrator"),
    Column("scope", Text, nullable=False, server_default="all"),
    Column("made_by", Text, nullable=False, server_default=""),
    Column("used_ms", Big),
    Column("revoked_ms", Big),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Big, primary_key=True),
    Column("at_ms", Big, nullable=False),
    Column("who", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
    Index("audit_by_subject", "subject", "id"),
    Index("audit_by_who", "who", "id"),
)

# --- being told ------------------------------------------------------------------------------------------------------

way = Table(
    "way",
    metadata,
    Column("id", Big, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("filter", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("made_ms", Big, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("disabled_ms", Big),
    Column("person", Text),
    Column("timing", Text, nullable=False, server_default="{}"),
)

notice = Table(
    "notice",
    metadata,
    Column("id", Big, primary_key=True),
    Column("way", Big, ForeignKey("way.id"), nullable=False),
    Column("key", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("made_ms", Big, nullable=False),
    Column("state", Text, nullable=False),
    Column("tries", Big, nullable=False),
    Column("wake_at_ms", Big),
    Column("done_ms", Big),
    Column("error", Text, nullable=False),
    Column("ticket_id", Big),
    Column("severity", Text, nullable=False, server_default=""),
    Column("held", Text, nullable=False, server_default=""),
    Column("due_ms", Big),
    Column("passes", Boolean(create_constraint=False), nullable=False, server_default=text("false")),
    UniqueConstraint("way", "key", name="notice_key"),
    Index("notice_by_state", "state", "id"),
    Index("notice_by_way", "way", "state", "id"),
    Index("notice_by_event", "way", "event", "state"),
    Index("notice_by_ticket", "ticket_id", "way"),
)

bot_message = Table(
    "bot_message",
    metadata,
    Column("id", Big, primary_key=True),
    Column("bot", Text, nullable=False),
    Column("at_ms", Big, nullable=False),
    Index("bot_message_by_bot", "bot", "at_ms"),
)

# --- rounds ----------------------------------------------------------------------------------------------------------

round_ = Table(
    "round",
    metadata,
    Column("id", Big, primary_key=True),
    Column("number", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("group_id", Text),
    Column("customer", Text),
    Column("state", Text, nullable=False),
    Column("from_ms", Big, nullable=False),
    Column("to_ms", Big, nullable=False),
    Column("asked_ms", Big, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("until_ms", Big, nullable=False),
    Column("after_seq", Big, nullable=False),
    Column("answered_ms", Big),
    Column("done_ms", Big),
    Column("sha256", Text),
    Column("body", Text),
    Column("mode", Text, nullable=False, server_default="remote"),
    Column("task", Big),
    Column("version", Big, nullable=False, server_default="0"),
    Column("finished_ms", Big),
    Column("finished_by", Text),
    Column("summary", Text),
    UniqueConstraint("number", name="round_number"),
    Index("round_by_site", "site", "id"),
    Index("round_by_state", "state", "id"),
    Index("round_by_task", "task"),
)
"""`version`: the last line of its log. `task`: what it was begun for. `summary`: what its page shows of `body`, which
may be large."""

round_device = Table(
    "round_device",
    metadata,
    Column("round_id", Big, ForeignKey("round.id"), primary_key=True, autoincrement=False),
    _device(primary_key=True),
    Column("agent_no", Big, ForeignKey("agent.no")),
)

errand = Table(
    "errand",
    metadata,
    Column("id", Text, primary_key=True),
    _agent(),
    Column("round_id", Big, ForeignKey("round.id")),
    Column("verb", Text, nullable=False),
    Column("args", Text, nullable=False),
    Column("asked_ms", Big, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("consent", Text, nullable=False),
    Column("expires_ms", Big, nullable=False),
    Column("state", Text, nullable=False),
    Column("sent_ms", Big),
    Column("done_ms", Big),
    Column("seq", Big),
    Column("detail", Text, nullable=False),
    Column("device", Text),
    Column("agreed", Text),
    Column("output", Text, nullable=False, server_default=""),
    Index("errand_by_state", "state", "expires_ms"),
    Index("errand_by_round", "round_id", "agent_no"),
    Index("errand_by_agent", "agent_no", "asked_ms"),
)
"""Without a round it is a command of a person: about a `device`, with what the customer `agreed` to, where it needs
that."""

round_log = Table(
    "round_log",
    metadata,
    Column("id", Big, primary_key=True),
    Column("round_id", Big, ForeignKey("round.id"), nullable=False),
    Column("verb", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("files", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("at_ms", Big, nullable=False),
    Column("known_ms", Big, nullable=False),
    Column("data", Text, nullable=False),
    Column("key", Text),
    UniqueConstraint("round_id", "who", "key", name="round_log_key"),
    Index("round_log_by_round", "round_id", "id"),
)
"""What people found, signed and finished; it only grows."""

round_mark = Table(
    "round_mark",
    metadata,
    Column("round_id", Big, ForeignKey("round.id"), primary_key=True, autoincrement=False),
    Column("device", Text, primary_key=True),
    Column("item", Text, primary_key=True),
    Column("verdict", Text, nullable=False),
    Column("line", Big, ForeignKey("round_log.id"), nullable=False),
    Index("round_mark_by_verdict", "round_id", "verdict"),
)
"""The last tick of each device and item: written with the log, so that tens of thousands need not be read to count."""

round_file = Table(
    "round_file",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=False),
    Column("round_id", Big, ForeignKey("round.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", Big, nullable=False),
    Column("sha256", Text, ForeignKey("file_body.sha256"), nullable=False),
    Column("width", Big),
    Column("height", Big),
    Column("made_ms", Big, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("key", Text),
    Column("named_ms", Big),
    UniqueConstraint("round_id", "made_by", "key", name="round_file_key"),
    Index("round_file_by_round", "round_id", "made_ms"),
    Index("round_file_by_body", "sha256"),
    Index(
        "round_file_unnamed",
        "made_ms",
        sqlite_where=text("named_ms IS NULL"),
        postgresql_where=text("named_ms IS NULL"),
    ),
)
"""Photos and signatures of rounds: as `file` is of tickets."""

# --- files -----------------------------------------------------------------------------------------------------------

file_body = Table(
    "file_body",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("size", Big, nullable=False),
)

file_piece = Table(
    "file_piece",
    metadata,
    Column("sha256", Text, ForeignKey("file_body.sha256"), primary_key=True),
    Column("place", Big, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
)
"""A body in pieces, so that nobody who reads or writes it holds more than one of them."""

file_ = Table(
    "file",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=False),
    Column("ticket_id", Big, ForeignKey("ticket.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", Big, nullable=False),
    Column("sha256", Text, ForeignKey("file_body.sha256"), nullable=False),
    Column("width", Big),
    Column("height", Big),
    Column("made_ms", Big, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("key", Text),
    Column("named_ms", Big),
    UniqueConstraint("ticket_id", "made_by", "key", name="file_key"),
    Index("file_by_ticket", "ticket_id", "made_ms"),
    Index("file_by_body", "sha256"),
    Index(
        "file_unnamed",
        "made_ms",
        sqlite_where=text("named_ms IS NULL"),
        postgresql_where=text("named_ms IS NULL"),
    ),
)
"""What belongs to a ticket. `named_ms`: when a step of its log first named it; what none names goes after a day."""

# --- agents ----------------------------------------------------------------------------------------------------------

agent_now = Table(
    "agent_now",
    metadata,
    _agent(primary_key=True),
    Column("received_ms", Big, nullable=False),
    Column("session", Big, nullable=False),
    Column("boot", Text, nullable=False),
    Column("platform", Text, nullable=False),
    Column("versions", Text, nullable=False),
    Column("capabilities", Text, nullable=False),
    Column("config_hash", Text, nullable=False),
)
"""What an agent said of itself in its newest birth."""

pushed = Table(
    "pushed",
    metadata,
    Column("id", Big, primary_key=True),
    _agent(),
    Column("hash", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("rollback_s", Big, nullable=False),
    Column("made_ms", Big, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("sent_ms", Big),
    Column("done_ms", Big),
    Column("detail", Text, nullable=False),
    Index("pushed_by_agent", "agent_no", "id"),
    Index("pushed_by_state", "state", "id"),
)
"""Configurations that people pushed: new, sent, confirmed, refused, rolled_back, replaced, withdrawing, withdrawn."""


# --- who goes --------------------------------------------------------------------------------------------------------

service_point = _versioned(
    "service_point",
    Column("group_id", Text, nullable=False),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("zones", Text, nullable=False),
)
"""Where engineers set out from. It covers the sites that name it (`site.point`), and of its group's other sites those
in one of its `zones`, parted by blanks."""
_now(service_point, "group_id")

point_person = _versioned("point_person", Column("point", Text, nullable=False), key="person")
"""To which service point somebody belongs."""
_now(point_person, "point")

skill = Table(
    "skill",
    metadata,
    Column("person", Text, ForeignKey("person.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("component", Text, primary_key=True),
    Column("from_ms", Big, primary_key=True, autoincrement=False),
    Column("to_ms", Big),
    Column("made_ms", Big, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("qualified_until", Text),
)
"""Which kind of device somebody can mend (`component` empty: all of it), and the last day of that qualification."""
_now(skill, "kind")

duty_pattern = Table(
    "duty_pattern",
    metadata,
    Column("group_id", Text, primary_key=True),
    Column("point", Text, primary_key=True),
    Column("from_ms", Big, primary_key=True, autoincrement=False),
    Column("to_ms", Big),
    Column("made_ms", Big, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("body", Text, nullable=False),
)
"""How the weeks of a rota look, as core/duty.py writes it. `point` empty: the rota of the whole group."""

duty_shift = Table(
    "duty_shift",
    metadata,
    Column("id", Big, primary_key=True),
    Column("group_id", Text, nullable=False),
    Column("point", Text, nullable=False),
    Column("person", Text, ForeignKey("person.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("from_ms", Big, nullable=False),
    Column("to_ms", Big, nullable=False),
    Column("note", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("swap_id", Big),
    Column("made_ms", Big, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("void_ms", Big),
    Column("void_by", Text, nullable=False, server_default=""),
    Index("duty_shift_by_group", "group_id", "to_ms"),
    Index("duty_shift_by_person", "person", "to_ms"),
)
"""A duty (primary, backup) or a day off. Written once; who takes it back writes `void_ms`, and it counts up to then."""

duty_swap = Table(
    "duty_swap",
    metadata,
    Column("id", Big, primary_key=True),
    Column("group_id", Text, nullable=False),
    Column("shift_id", Big, ForeignKey("duty_shift.id"), nullable=False),
    Column("other_id", Big, ForeignKey("duty_shift.id")),
    Column("person", Text, ForeignKey("person.id"), nullable=False),
    Column("other", Text, ForeignKey("person.id"), nullable=False),
    Column("note", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("asked_ms", Big, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("done_ms", Big),
    Column("done_by", Text, nullable=False, server_default=""),
    Index("duty_swap_by_group", "group_id", "id"),
    Index("duty_swap_by_shift", "shift_id"),
)
"""`person` gives the duty `shift_id` to `other`, for `other_id` or for nothing: asked, agreed, refused, withdrawn,
set."""


# --- parts and spare stock -------------------------------------------------------------------------------------------

stock_item = _versioned(
    "stock_item",
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("specification", Text, nullable=False),
    Column("component", Text, nullable=False),
    Column("kinds", Text, nullable=False),
    Column("models", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("is_consumable", Boolean(create_constraint=False), nullable=False),
    Column("warranty_months", Big),
    Column("is_swapped", Boolean(create_constraint=False), nullable=False, server_default=text("false")),
)
"""What is kept as a spare. `component`: which one of a device it replaces, `device` for all of it; `kinds` (words) and
`models` (JSON) say of which devices. `is_swapped`: it is swapped at once, and the old one comes back to be repaired."""

stock_location = _versioned(
    "stock_location",
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("customer", Text),
    Column("group_id", Text),
    Column("point", Text),
    Column("engineer", Text),
)
"""Where spares lie: at headquarters, at a service point (`point`), with an engineer who carries them (`engineer`), of a
monitoring centre, or a customer's own."""

stock_level = Table(
    "stock_level",
    metadata,
    Column("location", Text, primary_key=True),
    Column("item", Text, primary_key=True),
    Column("from_ms", Big, primary_key=True, autoincrement=False),
    Column("to_ms", Big),
    Column("made_ms", Big, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("authorised", Big, nullable=False),
    Column("minimum", Big, nullable=False),
)

stock_now = Table(
    "stock_now",
    metadata,
    Column("location", Text, primary_key=True),
    Column("item", Text, primary_key=True),
    Column("shelf", Big, nullable=False),
    Column("repair", Big, nullable=False),
    Column("lent", Big, nullable=False),
    Column("reserved", Big, nullable=False),
    Column("move_count", Big, nullable=False),
    Column("last_ms", Big, nullable=False),
)
"""What the moves of an item at a location add up to: the row that two people who move at once must both take."""

loan = Table(
    "loan",
    metadata,
    Column("id", Big, primary_key=True),
    Column("ticket_id", Big, ForeignKey("ticket.id"), nullable=False),
    Column("device", Text),
    Column("item", Text),
    Column("location", Text),
    Column("unit", Text),
    Column("serial", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("place", Text),
    Column("is_standing", Boolean(create_constraint=False), nullable=False),
    Column("out_ms", Big, nullable=False),
    Column("out_by", Text, nullable=False),
    Column("became", Text, nullable=False),
    Column("back_ms", Big),
    Column("back_by", Text, nullable=False),
    Column("text", Text, nullable=False),
    Index("loan_by_ticket", "ticket_id"),
    Index("loan_out", "out_ms", sqlite_where=text("back_ms IS NULL"), postgresql_where=text("back_ms IS NULL")),
)
"""A loan unit: instead of `device`, a registered `unit` or one that is only named. `is_standing`: while it runs, the
unit is installed at `place` and the device is not. `became`: returned, converted, lost."""

stock_move = Table(
    "stock_move",
    metadata,
    Column("id", Big, primary_key=True),
    Column("at_ms", Big, nullable=False),
    Column("location", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("quantity", Big, nullable=False),
    Column("serial", Text, nullable=False),
    Column("grade", Big),
    Column("ticket_id", Big, ForeignKey("ticket.id")),
    Column("loan_id", Big, ForeignKey("loan.id")),
    Column("who", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("key", Text),
    UniqueConstraint("key", name="stock_move_key"),
    Index("stock_move_by_item", "location", "item", "id"),
    Index("stock_move_by_time", "location", "at_ms"),
    Index("stock_move_by_ticket", "ticket_id"),
    Index("stock_move_by_serial", "serial", "id"),
)
"""What came and went: append-only; what a verb does is told by core/stock.py."""

stock_reservation = Table(
    "stock_reservation",
    metadata,
    Column("id", Big, primary_key=True),
    Column("location", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("ticket_id", Big, ForeignKey("ticket.id"), nullable=False),
    Column("quantity", Big, nullable=False),
    Column("made_ms", Big, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("done_ms", Big),
    Column("done_by", Text, nullable=False),
    Column("key", Text),
    UniqueConstraint("key", name="stock_reservation_key"),
    Index("stock_reservation_by_ticket", "ticket_id"),
    Index("stock_reservation_by_state", "state", "id"),
)
"""Spares that wait for a ticket: wanted (none was there), open, issued, released, expired."""

stock_statement = Table(
    "stock_statement",
    metadata,
    Column("id", Big, primary_key=True),
    Column("location", Text, nullable=False),
    Column("month", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("kept_ms", Big, nullable=False),
    Column("kept_by", Text, nullable=False),
    Column("checked_ms", Big),
    Column("checked_by", Text, nullable=False),
    Column("text", Text, nullable=False),
    UniqueConstraint("location", "month", name="stock_statement_month"),
)
"""A month's statement as its keeper signed it, frozen from then on; `checked_by`: the second person, with finance."""

device_part = Table(
    "device_part",
    metadata,
    Column("id", Big, primary_key=True),
    _device(),
    Column("component", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("serial", Text, nullable=False),
    Column("item", Text),
    Column("is_consumable", Boolean(create_constraint=False), nullable=False),
    Column("from_ms", Big, nullable=False),
    Column("to_ms", Big),
    Column("warranty_until", Text),
    Column("ticket_id", Big, ForeignKey("ticket.id")),
    Column("out_ticket_id", Big, ForeignKey("ticket.id")),
    Column("made_ms", Big, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("ended_by", Text, nullable=False),
    Index("device_part_by_device", "device", "component", "from_ms"),
    Index("device_part_by_serial", "serial"),
)
"""What is, or was, built into a device; only `to_ms` and what belongs to it are set later. One that ends where it
begins was entered by mistake."""

# --- what recurs ------------------------------------------------------------------------------------------------------

recurrence = Table(
    "recurrence",
    metadata,
    Column("id", Big, primary_key=True),
    Column("level", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("same", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("from_ms", Big, nullable=False),
    Column("to_ms", Big, nullable=False),
    Column("faults", Big, nullable=False),
    Column("devices", Big, nullable=False),
    Column("months", Big, nullable=False),
    Column("tickets", Text, nullable=False),
    Column("told_ms", Big, nullable=False),
    UniqueConstraint("level", "about", "same", "key", "what", "period", name="recurrence_once"),
)
"""The same fault too often in a period: told once, numbers as they were seen last (core/recurrence.py)."""

recurrence_word = Table(
    "recurrence_word",
    metadata,
    Column("id", Big, primary_key=True),
    Column("recurrence_id", Big, ForeignKey("recurrence.id"), nullable=False),
    Column("at_ms", Big, nullable=False),
    Column("who", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("text", Text, nullable=False),
    Index("recurrence_word_by_recurrence", "recurrence_id", "id"),
)
"""What somebody found at its root; the newest line counts."""

# --- labels ----------------------------------------------------------------------------------------------------------

label = Table(
    "label",
    metadata,
    Column("id", Big, primary_key=True),
    Column("code", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("spot_zh", Text, nullable=False),
    Column("spot_en", Text, nullable=False),
    Column("made_ms", Big, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("ended_ms", Big),
    Column("ended_by", Text, nullable=False),
    Column("ended_how", Text, nullable=False),
    UniqueConstraint("code", name="label_code"),
    Index("label_by_subject", "subject"),
    Index(
        "label_good",
        "subject",
        unique=True,
        sqlite_where=text("ended_ms IS NULL"),
        postgresql_where=text("ended_ms IS NULL"),
    ),
)
"""A code leads to a device or a site; empty words: as the register says. Only what ends a label is set later, and its
words."""

customer_link = Table(
    "customer_link",
    metadata,
    Column("id", Big, primary_key=True),
    Column("hash", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("for_whom", Text, nullable=False),
    Column("made_ms", Big, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("expires_ms", Big, nullable=False),
    Column("used_ms", Big),
    UniqueConstraint("hash", name="customer_link_hash"),
    Index("customer_link_by_subject", "purpose", "subject"),
)
"""Whoever has its key may say once what its purpose names about its subject; `hash`: SHA-256 of the key."""

# --- what gets worse -------------------------------------------------------------------------------------------------

reading_name = Table(
    "reading_name",
    metadata,
    Column("no", Big, primary_key=True),
    Column("name", Text, nullable=False),
    UniqueConstraint("name", name="reading_name_name"),
)
"""Numbers for the names of readings, which are long and stand in every row of a day."""

reading_day = Table(
    "reading_day",
    metadata,
    _device(primary_key=True),
    Column("day", Big, primary_key=True, autoincrement=False),
    Column("reading_no", Big, ForeignKey("reading_name.no"), primary_key=True, autoincrement=False),
    Column("least", Float, nullable=False),
    Column("greatest", Float, nullable=False),
    Column("last", Float, nullable=False),
    Column("last_ms", Big, nullable=False),
    Column("looks", Big, nullable=False),
    sqlite_with_rowid=False,
)
"""What was read of a device on a local day of its site (core/local_days.py), `looks` times, the last at `last_ms`."""

forecast = Table(
    "forecast",
    metadata,
    Column("id", Big, primary_key=True),
    _device(),
    Column("reading_no", Big, ForeignKey("reading_name.no"), nullable=False),
    Column("watch", Text, nullable=False),
    Column("from_ms", Big, nullable=False),
    Column("to_ms", Big),
    Column("level", Float, nullable=False),
    Column("limit_value", Float, nullable=False),
    Column("per_day", Float, nullable=False),
    Column("low", Float, nullable=False),
    Column("high", Float, nullable=False),
    Column("days", Big, nullable=False),
    Column("first_day", Big, nullable=False),
    Column("earliest_day", Big, nullable=False),
    Column("likely_day", Big, nullable=False),
    Column("latest_day", Big, nullable=False),
    Index("forecast_by_device", "device", "from_ms"),
    Index(
        "forecast_now",
        "likely_day",
        sqlite_where=text("to_ms IS NULL"),
        postgresql_where=text("to_ms IS NULL"),
    ),
)
"""What was foretold in [from_ms, to_ms); only `to_ms` is set later. What cannot be dated is not there."""
# --- reports ---------------------------------------------------------------------------------------------------------

report = Table(
    "report",
    metadata,
    Column("id", Big, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("revision", Big, nullable=False),
    Column("number", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("customer", Text),
    Column("group_id", Text),
    Column("language", Text, nullable=False),
    Column("from_ms", Big, nullable=False),
    Column("to_ms", Big, nullable=False),
    Column("is_auto", Boolean(create_constraint=False), nullable=False),
    Column("schedule", Big),
    Column("asked_ms", Big, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("known_ms", Big),
    Column("issued_ms", Big),
    Column("issued_by", Text, nullable=False),
    Column("versions", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("body", Text),
    Column("wake_at_ms", Big),
    Column("lease_by", Text, nullable=False),
    Column("lease_until_ms", Big),
    Column("tries", Big, nullable=False),
    Column("problem", Text, nullable=False),
    Column("step", Text, nullable=False),
    UniqueConstraint("kind", "scope", "about", "period", "revision", name="report_revision"),
    Index("report_by_customer", "customer", "id"),
    Index("report_by_group", "group_id", "id"),
    Index("report_wake", "wake_at_ms"),
)
"""A revision of a report: one that is issued never changes, but for its state. `body`: what it says, line by line."""

report_file = Table(
    "report_file",
    metadata,
    Column("report_id", Big, ForeignKey("report.id"), primary_key=True, autoincrement=False),
    Column("form", Text, primary_key=True),
    Column("sha256", Text, ForeignKey("file_body.sha256"), nullable=False),
    Column("size", Big, nullable=False),
    Column("media_type", Text, nullable=False),
    Index("report_file_by_body", "sha256"),
)

report_confirmation = Table(
    "report_confirmation",
    metadata,
    Column("id", Big, primary_key=True),
    Column("report_id", Big, ForeignKey("report.id"), nullable=False),
    Column("how", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("picture", Text, ForeignKey("file_body.sha256")),
    Column("media_type", Text, nullable=False),
    Column("at_ms", Big, nullable=False),
    Column("who", Text, nullable=False),
    Column("address", Text, nullable=False),
    Index("report_confirmation_by_report", "report_id"),
    Index("report_confirmation_by_body", "picture"),
)
"""`sha256`: of the file that was confirmed; `picture`: of what was drawn or scanned."""

report_schedule = Table(
    "report_schedule",
    metadata,
    Column("id", Big, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("cycle", Text, nullable=False),
    Column("recipients", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("auto_issue", Boolean(create_constraint=False), nullable=False),
    Column("from_ms", Big, nullable=False),
    Column("made_ms", Big, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("ended_ms", Big),
)

report_mail = Table(
    "report_mail",
    metadata,
    Column("id", Big, primary_key=True),
    Column("report_id", Big, ForeignKey("report.id"), nullable=False),
    Column("recipient", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("tries", Big, nullable=False),
    Column("wake_at_ms", Big),
    Column("made_ms", Big, nullable=False),
    Column("done_ms", Big),
    Column("error", Text, nullable=False),
    UniqueConstraint("report_id", "recipient", name="report_mail_once"),
    Index("report_mail_wake", "wake_at_ms"),
)
"""A letter to one recipient; state: new, sent, dead."""
# --- what recurs -----------------------------------------------------------------------------------------------------

plan = _versioned(
    "plan",
    Column("kind", Text, nullable=False),
    Column("contract", Text),
    Column("site", Text),
    Column("first_day", Text, nullable=False),
    Column("last_day", Text),
    Column("changes", Text),
)
"""A kind of work (rules/plans) that a contract promises to its sites, or that one site has; `changes`: JSON."""

task_terms = Table("task_terms", metadata, Column("hash", Text, primary_key=True), Column("body", Text, nullable=False))
"""A kind of plan as tasks were made by it."""

task = Table(
    "task",
    metadata,
    Column("id", Big, primary_key=True),
    Column("plan", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("contract", Text),
    Column("terms", Text, ForeignKey("task_terms.hash"), nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("period_first_day", Text, nullable=False),
    Column("period_last_day", Text, nullable=False),
    Column("first_day", Text, nullable=False),
    Column("last_day", Text, nullable=False),
    Column("opens_on", Text, nullable=False),
    Column("due_on", Text, nullable=False),
    Column("report_due_on", Text),
    Column("is_expected", Boolean(create_constraint=False), nullable=False),
    Column("made_ms", Big, nullable=False),
    Column("state", Text, nullable=False),
    Column("is_over", Boolean(create_constraint=False), nullable=False),
    Column("is_touched", Boolean(create_constraint=False), nullable=False),
    Column("version", Big, nullable=False),
    Column("engineer", Text, nullable=False),
    Column("day", Text),
    Column("done_ms", Big),
    Column("opens_ms", Big, nullable=False),
    Column("due_ms", Big, nullable=False),
    Column("report_due_ms", Big),
    Column("mark", Text, nullable=False),
    Column("ticket_id", Big, ForeignKey("ticket.id")),
    Column("wake_at_ms", Big),
    UniqueConstraint("plan", "site", "period", name="task_of_period"),
    Index("task_by_site", "site"),
    Index("task_by_opening", "opens_ms"),
    Index("task_awake", "wake_at_ms"),
)
"""A plan's task at a site (empty: of the contract, or the company) in a period. The days are as the plan asks for them;
from `state` on, the row is what the log said when it was looked at last. `due_ms`, `report_due_ms`: as settled since;
`mark`: how far the gravest worry has got, of those that are not over."""

task_event = Table(
    "task_event",
    metadata,
    Column("id", Big, primary_key=True),
    Column("task_id", Big, ForeignKey("task.id"), nullable=False),
    Column("at_ms", Big, nullable=False),
    Column("who", Text, nullable=False),
    Column("verb", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("data", Text, nullable=False),
    Index("task_event_by_task", "task_id"),
)
"""The log of tasks, append-only. What nobody has touched and no plan asks for any more goes whole."""


report_words = Table(
    "report_words",
    metadata,
    Column("id", Big, primary_key=True),
    *(Column(name, Text, nullable=False) for name in ("kind", "scope", "about", "period", "section", "words", "who")),
    Column("at_ms", Big, nullable=False),
    Index("report_words_by_report", "kind", "scope", "about", "period"),
)
"""What people wrote for a section of a report, append-only: the newest counts."""

slip = Table(
    "slip",
    metadata,
    Column("id", Big, primary_key=True),
    Column("number", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("site", Text),
    Column("customer", Text),
    Column("group_id", Text),
    Column("device", Text),
    Column("device_kind", Text, nullable=False),
    Column("engineer", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("made_ms", Big, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("signed_ms", Big),
    Column("version", Big, nullable=False),
    Column("key", Text),
    UniqueConstraint("made_by", "key", name="slip_key"),
    Index("slip_by_day", "kind", "day"),
)
"""A form of a service that no ticket tells of. `day`: at the site; `version`: the id of its last line."""

slip_line = Table(
    "slip_line",
    metadata,
    Column("id", Big, primary_key=True),
    Column("slip_id", Big, ForeignKey("slip.id"), nullable=False),
    Column("at_ms", Big, nullable=False),
    *(Column(name, Text, nullable=False) for name in ("who", "verb", "side", "words")),
    Column("file", Big),
    Column("data", Text, nullable=False),
    Index("slip_line_by_slip", "slip_id"),
)
"""What was written into a slip, append-only (core/slips.py)."""

slip_file = Table(
    "slip_file",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=False),
    Column("slip_id", Big, ForeignKey("slip.id"), nullable=False),
    *(Column(name, Text, nullable=False) for name in ("kind", "name", "media_type")),
    Column("size", Big, nullable=False),
    Column("sha256", Text, ForeignKey("file_body.sha256"), nullable=False),
    Column("width", Big),
    Column("height", Big),
    Column("made_ms", Big, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("key", Text),
    Column("named_ms", Big),
    UniqueConstraint("slip_id", "made_by", "key", name="slip_file_key"),
    Index("slip_file_by_slip", "slip_id", "made_ms"),
    Index("slip_file_by_body", "sha256"),
    Index(
        "slip_file_unnamed",
        "made_ms",
        sqlite_where=text("named_ms IS NULL"),
        postgresql_where=text("named_ms IS NULL"),
    ),
)


@cache
def evidence(table_name: str) -> Table:
    """The table of one evidence partition. It is made when a day's first row comes, not by a migration."""
    return Table(
        table_name,
        MetaData(),
        Column("seq", Big, primary_key=True, autoincrement=False),
        Column("agent_no", Big, nullable=False),
        Column("prev_seq", Big),
        Column("kind", Text, nullable=False),
        Column("stream", Text, nullable=False),
        Column("first_n", Big, nullable=False),
        Column("last_n", Big, nullable=False),
        Column("received_ms", Big, nullable=False),
        Column("taken", Text),
        Column("body", LargeBinary, nullable=False),
    )
