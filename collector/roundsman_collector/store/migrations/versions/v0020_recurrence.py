"""The same fault too often: warnings that are told once, and what people find at their root."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables. No way hears of warnings unless somebody says so."""
    op.create_table(
        "recurrence",
        sa.Column("id", BIG, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("level", "about", "same", "key", "what", "period")),
        *(sa.Column(name, BIG, nullable=False) for name in ("from_ms", "to_ms", "faults", "devices", "months")),
        sa.Column("tickets", sa.Text(), nullable=False),
        sa.Column("told_ms", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("level", "about", "same", "key", "what", "period", name="recurrence_once"),
    )
    op.create_table(
        "recurrence_word",
        sa.Column("id", BIG, nullable=False),
        sa.Column("recurrence_id", BIG, nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("who", "cause", "text")),
        sa.ForeignKeyConstraint(["recurrence_id"], ["recurrence.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("recurrence_word_by_recurrence", "recurrence_word", ["recurrence_id", "id"])
