"""Tickets with clocks: states beyond open and resolved, service levels, clocks, commands with keys."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WAKES = sa.text("wake_at_ms IS NOT NULL")
TAKEN = sa.text("engineer IS NOT NULL")
NEW_OF_TICKET: tuple[sa.Column[Any], ...] = (
    sa.Column("source", sa.Text(), nullable=False, server_default="monitoring"),
    sa.Column("watched", sa.Boolean(), nullable=False, server_default=sa.text("true")),
    sa.Column("site", sa.Text(), nullable=True),
    sa.Column("place", sa.Text(), nullable=True),
    sa.Column("customer", sa.Text(), nullable=True),
    sa.Column("contract", sa.Text(), nullable=True),
    sa.Column("zone", sa.Text(), nullable=True),
    sa.Column("engineer", sa.Text(), nullable=True),
    sa.Column("waiting", sa.Text(), nullable=False, server_default=""),
    sa.Column("wake_at_ms", BIG, nullable=True),
    sa.Column("level_id", BIG, nullable=True),
    sa.Column("arrival_ms", BIG, nullable=True),
    sa.Column("reopens_ms", BIG, nullable=False, server_default="0"),
)


def upgrade() -> None:
    """Widen tickets, contracts and commands, and make the new tables. Tickets of before promised nothing."""
    for column in NEW_OF_TICKET:
        op.add_column("ticket", column)
    _let_be_empty("ticket", "agent_no")
    op.create_index("ticket_by_wake", "ticket", ["wake_at_ms"], sqlite_where=WAKES, postgresql_where=WAKES)
    op.create_index("ticket_by_engineer", "ticket", ["engineer", "state"], sqlite_where=TAKEN, postgresql_where=TAKEN)
    op.create_index("ticket_by_site", "ticket", ["site", "id"])
    op.add_column("contract", sa.Column("service_level", sa.Text(), nullable=True))
    op.add_column("command", sa.Column("key", sa.Text(), nullable=True))
    op.create_index("command_by_key", "command", ["who", "key"], unique=True)
    op.create_table(
        "service_level",
        sa.Column("id", BIG, nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("valid_from_ms", BIG, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("service_level_by_level", "service_level", ["level", "valid_from_ms"])
    op.create_table(
        "ticket_clock",
        sa.Column("ticket_id", BIG, autoincrement=False, nullable=False),
        sa.Column("clock", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("start_ms", BIG, nullable=True),
        sa.Column("due_ms", BIG, nullable=True),
        sa.Column("promised_ms", BIG, nullable=True),
        sa.Column("ended_ms", BIG, nullable=True),
        sa.Column("elapsed_ms", BIG, nullable=False),
        sa.Column("is_breached", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"]),
        sa.PrimaryKeyConstraint("ticket_id", "clock"),
    )
    op.create_index("ticket_clock_by_due", "ticket_clock", ["state", "due_ms"])


def _let_be_empty(table: str, column: str) -> None:
    """Take NOT NULL from a column.

    SQLite can only do that by writing the table anew, which the rows that refer to it forbid, or by changing its text:
    a constraint less makes no difference to what is stored (https://www.sqlite.org/lang_altertable.html, 7).
    """
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        op.alter_column(table, column, nullable=True)
        return
    found = sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name")
    said = str(connection.execute(found, {"name": table}).scalar_one())
    lines = [
        line.replace(" NOT NULL", "") if line.strip().startswith(f"{column} ") else line for line in said.split("\n")
    ]
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    changed = sa.text("UPDATE sqlite_master SET sql = :sql WHERE type = 'table' AND name = :name")
    connection.execute(changed, {"sql": "\n".join(lines), "name": table})
    connection.exec_driver_sql(f"PRAGMA schema_version = {int(version) + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")
