"""Parts: what is built into devices and when, spare stock, loan units."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the new tables."""
    op.create_table(
        "stock_item",
        *_versioned(),
        _text("name_zh"),
        _text("name_en"),
        _text("specification"),
        _text("component"),
        _text("kinds"),
        _text("models"),
        _text("unit"),
        sa.Column("is_consumable", sa.Boolean(create_constraint=False), nullable=False),
        _big("warranty_months", nullable=True),
        sa.PrimaryKeyConstraint("id", "from_ms"),
    )
    op.create_table(
        "stock_location",
        *_versioned(),
        _text("name_zh"),
        _text("name_en"),
        _text("customer", nullable=True),
        _text("group_id", nullable=True),
        _text("point", nullable=True),
        sa.PrimaryKeyConstraint("id", "from_ms"),
    )
    op.create_table(
        "stock_level",
        _text("location"),
        _text("item"),
        sa.Column("from_ms", BIG, autoincrement=False, nullable=False),
        _big("to_ms", nullable=True),
        _big("made_ms"),
        _text("made_by"),
        _big("authorised"),
        _big("minimum"),
        sa.PrimaryKeyConstraint("location", "item", "from_ms"),
    )
    op.create_table(
        "stock_now",
        _text("location"),
        _text("item"),
        _big("shelf"),
        _big("repair"),
        _big("lent"),
        _big("reserved"),
        _big("move_count"),
        _big("last_ms"),
        sa.PrimaryKeyConstraint("location", "item"),
    )
    op.create_table(
        "loan",
        _big("id"),
        _big("ticket_id"),
        _text("device", nullable=True),
        _text("item", nullable=True),
        _text("location", nullable=True),
        _text("unit", nullable=True),
        _text("serial"),
        _text("name"),
        _text("place", nullable=True),
        sa.Column("is_standing", sa.Boolean(create_constraint=False), nullable=False),
        _big("out_ms"),
        _text("out_by"),
        _text("became"),
        _big("back_ms", nullable=True),
        _text("back_by"),
        _text("text"),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("loan_by_ticket", "loan", ["ticket_id"])
    op.create_index(
        "loan_out",
        "loan",
        ["out_ms"],
        sqlite_where=sa.text("back_ms IS NULL"),
        postgresql_where=sa.text("back_ms IS NULL"),
    )
    op.create_table(
        "stock_move",
        _big("id"),
        _big("at_ms"),
        _text("location"),
        _text("item"),
        _text("verb"),
        _big("quantity"),
        _text("serial"),
        _big("grade", nullable=True),
        _big("ticket_id", nullable=True),
        _big("loan_id", nullable=True),
        _text("who"),
        _text("text"),
        _text("key", nullable=True),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"]),
        sa.ForeignKeyConstraint(["loan_id"], ["loan.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key", name="stock_move_key"),
    )
    op.create_index("stock_move_by_item", "stock_move", ["location", "item", "id"])
    op.create_index("stock_move_by_time", "stock_move", ["location", "at_ms"])
    op.create_index("stock_move_by_ticket", "stock_move", ["ticket_id"])
    op.create_index("stock_move_by_serial", "stock_move", ["serial", "id"])
    op.create_table(
        "stock_reservation",
        _big("id"),
        _text("location"),
        _text("item"),
        _big("ticket_id"),
        _big("quantity"),
        _big("made_ms"),
        _text("made_by"),
        _text("state"),
        _big("done_ms", nullable=True),
        _text("done_by"),
        _text("key", nullable=True),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key", name="stock_reservation_key"),
    )
    op.create_index("stock_reservation_by_ticket", "stock_reservation", ["ticket_id"])
    op.create_index("stock_reservation_by_state", "stock_reservation", ["state", "id"])
    op.create_table(
        "stock_statement",
        _big("id"),
        _text("location"),
        _text("month"),
        _text("body"),
        _text("sha256"),
        _big("kept_ms"),
        _text("kept_by"),
        _big("checked_ms", nullable=True),
        _text("checked_by"),
        _text("text"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("location", "month", name="stock_statement_month"),
    )
    op.create_table(
        "device_part",
        _big("id"),
        _text("device"),
        _text("component"),
        _text("name"),
        _text("model"),
        _text("serial"),
        _text("item", nullable=True),
        sa.Column("is_consumable", sa.Boolean(create_constraint=False), nullable=False),
        _big("from_ms"),
        _big("to_ms", nullable=True),
        _text("warranty_until", nullable=True),
        _big("ticket_id", nullable=True),
        _big("out_ticket_id", nullable=True),
        _big("made_ms"),
        _text("made_by"),
        _text("ended_by"),
        sa.ForeignKeyConstraint(["device"], ["device.id"]),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"]),
        sa.ForeignKeyConstraint(["out_ticket_id"], ["ticket.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("device_part_by_device", "device_part", ["device", "component", "from_ms"])
    op.create_index("device_part_by_serial", "device_part", ["serial"])


def _versioned() -> Sequence[sa.Column[Any]]:
    return (
        _text("id"),
        sa.Column("from_ms", BIG, autoincrement=False, nullable=False),
        _big("to_ms", nullable=True),
        _big("made_ms"),
        _text("made_by"),
    )


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _big(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, BIG, nullable=nullable)
