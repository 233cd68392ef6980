"""Asking: commands of people beside rounds, what agents say of themselves, configurations that are pushed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Widen errands and make the new tables. What an agent says of itself comes with its next birth."""
    op.add_column("errand", sa.Column("device", sa.Text(), nullable=True))
    op.add_column("errand", sa.Column("agreed", sa.Text(), nullable=True))
    op.add_column("errand", sa.Column("output", sa.Text(), nullable=False, server_default=""))
    op.create_index("errand_by_agent", "errand", ["agent_no", "asked_ms"])
    op.create_table(
        "agent_now",
        sa.Column("agent_no", BIG, autoincrement=False, nullable=False),
        sa.Column("received_ms", BIG, nullable=False),
        sa.Column("session", BIG, nullable=False),
        sa.Column("boot", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("versions", sa.Text(), nullable=False),
        sa.Column("capabilities", sa.Text(), nullable=False),
        sa.Column("config_hash", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["agent_no"], ["agent.no"]),
        sa.PrimaryKeyConstraint("agent_no"),
    )
    op.create_table(
        "pushed",
        sa.Column("id", BIG, nullable=False),
        sa.Column("agent_no", BIG, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("rollback_s", BIG, nullable=False),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("sent_ms", BIG, nullable=True),
        sa.Column("done_ms", BIG, nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["agent_no"], ["agent.no"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("pushed_by_agent", "pushed", ["agent_no", "id"])
    op.create_index("pushed_by_state", "pushed", ["state", "id"])
