"""Telling people: bots, quiet hours, escalation until somebody answers."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Widen ways and notices, and make the table of what bots were sent. Ways of before tell everybody, at once."""
    op.add_column("way", sa.Column("person", sa.Text(), nullable=True))
    op.add_column("way", sa.Column("timing", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("notice", sa.Column("ticket_id", BIG, nullable=True))
    op.add_column("notice", sa.Column("severity", sa.Text(), nullable=False, server_default=""))
    op.add_column("notice", sa.Column("held", sa.Text(), nullable=False, server_default=""))
    op.add_column("notice", sa.Column("due_ms", BIG, nullable=True))
    op.create_index("notice_by_ticket", "notice", ["ticket_id", "way"])
    op.create_table(
        "bot_message",
        sa.Column("id", BIG, nullable=False),
        sa.Column("bot", sa.Text(), nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("bot_message_by_bot", "bot_message", ["bot", "at_ms"])
    _name_tickets()


def _name_tickets() -> None:
    """What waits knows its ticket: whether it is over is asked before it is told."""
    connection = op.get_bind()
    found = connection.execute(sa.text("SELECT id, body FROM notice WHERE state = 'new'")).all()
    for notice, body in found:
        ticket = json.loads(body).get("ticket")
        if ticket is not None:
            connection.execute(
                sa.text("UPDATE notice SET ticket_id = :ticket, severity = :severity WHERE id = :notice"),
                {"ticket": ticket["id"], "severity": ticket["severity"], "notice": notice},
            )
