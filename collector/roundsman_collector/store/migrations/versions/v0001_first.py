"""The first tables: register, evidence partitions, the engine's memory, ledger, tickets and the rest."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make them all."""
    op.create_table(
        "agent",
        sa.Column("no", BIG, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("added_ms", BIG, nullable=False),
        sa.Column("removed_ms", BIG, nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("no"),
        sa.UniqueConstraint("id", name="agent_id"),
    )
    op.create_table(
        "command",
        sa.Column("id", BIG, nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("args", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("done_ms", BIG, nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("command_by_state", "command", ["state", "id"], unique=False)
    op.create_table(
        "condition",
        sa.Column("id", BIG, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("event_from_ms", BIG, nullable=False),
        sa.Column("event_to_ms", BIG, nullable=True),
        sa.Column("known_from_ms", BIG, nullable=False),
        sa.Column("known_to_ms", BIG, nullable=True),
        sa.Column("first_ref", sa.Text(), nullable=False),
        sa.Column("confirmed_ref", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("condition_by_subject", "condition", ["subject", "known_to_ms", "event_from_ms"], unique=False)
    op.create_table(
        "counter",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("count", BIG, nullable=False),
        sa.Column("last_ms", BIG, nullable=False),
        sa.Column("example", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", "cause"),
    )
    op.create_table(
        "device",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "inbox",
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("first_ms", BIG, nullable=False),
        sa.Column("last_ms", BIG, nullable=False),
        sa.Column("count", BIG, nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("agent", "device"),
    )
    op.create_table(
        "meta",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "partition",
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("first_seq", BIG, nullable=False),
        sa.Column("last_seq", BIG, nullable=True),
        sa.Column("row_count", BIG, nullable=False),
        sa.Column("byte_count", BIG, nullable=False),
        sa.PrimaryKeyConstraint("day"),
    )
    op.create_table(
        "quarantine",
        sa.Column("id", BIG, nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("byte_count", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "rule_set",
        sa.Column("id", BIG, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("valid_from_ms", BIG, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "series",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("next", BIG, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "token",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("expires_ms", BIG, nullable=True),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "assignment",
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("agent_no", BIG, autoincrement=False, nullable=False),
        sa.Column("from_ms", BIG, autoincrement=False, nullable=False),
        sa.Column("to_ms", BIG, nullable=True),
        sa.ForeignKeyConstraint(
            ["agent_no"],
            ["agent.no"],
        ),
        sa.ForeignKeyConstraint(
            ["device"],
            ["device.id"],
        ),
        sa.PrimaryKeyConstraint("device", "from_ms"),
    )
    op.create_index("assignment_by_agent", "assignment", ["agent_no"], unique=False)
    op.create_table(
        "checkpoint",
        sa.Column("agent_no", BIG, autoincrement=False, nullable=False),
        sa.Column("t_ms", BIG, autoincrement=False, nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_no"],
            ["agent.no"],
        ),
        sa.PrimaryKeyConstraint("agent_no", "t_ms"),
    )
    op.create_table(
        "device_now",
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("agent_no", BIG, autoincrement=False, nullable=False),
        sa.Column("last_t_ms", BIG, nullable=False),
        sa.Column("covered_to_ms", BIG, nullable=False),
        sa.Column("received_ms", BIG, nullable=False),
        sa.Column("settling", sa.Boolean(), nullable=False),
        sa.Column("readings", sa.Text(), nullable=True),
        sa.Column("readings_t_ms", BIG, nullable=True),
        sa.ForeignKeyConstraint(
            ["agent_no"],
            ["agent.no"],
        ),
        sa.ForeignKeyConstraint(
            ["device"],
            ["device.id"],
        ),
        sa.PrimaryKeyConstraint("device"),
    )
    op.create_table(
        "interval",
        sa.Column("id", BIG, nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.Column("event_from_ms", BIG, nullable=False),
        sa.Column("event_to_ms", BIG, nullable=True),
        sa.Column("known_from_ms", BIG, nullable=False),
        sa.Column("known_to_ms", BIG, nullable=True),
        sa.ForeignKeyConstraint(
            ["device"],
            ["device.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("interval_by_device", "interval", ["device", "known_to_ms", "event_from_ms"], unique=False)
    op.create_table(
        "ticket",
        sa.Column("id", BIG, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("agent_no", BIG, autoincrement=False, nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("service_class", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("fault_from_ms", BIG, nullable=False),
        sa.Column("fault_to_ms", BIG, nullable=True),
        sa.Column("opened_ms", BIG, nullable=False),
        sa.Column("opened_late", sa.Boolean(), nullable=False),
        sa.Column("acknowledged_ms", BIG, nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=True),
        sa.Column("resolved_ms", BIG, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_no"],
            ["agent.no"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number", name="ticket_number"),
    )
    op.create_index("ticket_by_state", "ticket", ["state", "id"], unique=False)
    op.create_index("ticket_by_subject", "ticket", ["subject", "id"], unique=False)
    op.create_table(
        "unit",
        sa.Column("agent_no", BIG, autoincrement=False, nullable=False),
        sa.Column("head_seq", BIG, nullable=False),
        sa.Column("as_of_seq", BIG, nullable=False),
        sa.Column("dirty_from_ms", BIG, nullable=True),
        sa.Column("dirty_since_ms", BIG, nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_no"],
            ["agent.no"],
        ),
        sa.PrimaryKeyConstraint("agent_no"),
    )
    op.create_index(
        "unit_dirty",
        "unit",
        ["dirty_since_ms"],
        unique=False,
        sqlite_where=sa.text("dirty_since_ms IS NOT NULL"),
        postgresql_where=sa.text("dirty_since_ms IS NOT NULL"),
    )
    op.create_table(
        "wake",
        sa.Column("agent_no", BIG, autoincrement=False, nullable=False),
        sa.Column("wake_at_ms", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_no"],
            ["agent.no"],
        ),
        sa.PrimaryKeyConstraint("agent_no"),
    )
    op.create_index("wake_at", "wake", ["wake_at_ms"], unique=False)
    op.create_table(
        "ticket_event",
        sa.Column("id", BIG, nullable=False),
        sa.Column("ticket_id", BIG, nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket_id"],
            ["ticket.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ticket_event_by_ticket", "ticket_event", ["ticket_id", "id"], unique=False)
