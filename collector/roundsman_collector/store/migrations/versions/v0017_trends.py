"""What gets worse: readings by the local day, kept for years, and what they foretell."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

Big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables; they fill from what comes from now on."""
    op.create_table(
        "reading_name",
        sa.Column("no", Big, primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.UniqueConstraint("name", name="reading_name_name"),
    )
    op.create_table(
        "reading_day",
        sa.Column("device", sa.Text(), sa.ForeignKey("device.id"), primary_key=True, nullable=False),
        sa.Column("day", Big, primary_key=True, autoincrement=False),
        sa.Column("reading_no", Big, sa.ForeignKey("reading_name.no"), primary_key=True, autoincrement=False),
        sa.Column("least", sa.Float(), nullable=False),
        sa.Column("greatest", sa.Float(), nullable=False),
        sa.Column("last", sa.Float(), nullable=False),
        sa.Column("last_ms", Big, nullable=False),
        sa.Column("looks", Big, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "forecast",
        sa.Column("id", Big, primary_key=True),
        sa.Column("device", sa.Text(), sa.ForeignKey("device.id"), nullable=False),
        sa.Column("reading_no", Big, sa.ForeignKey("reading_name.no"), nullable=False),
        sa.Column("watch", sa.Text(), nullable=False),
        sa.Column("from_ms", Big, nullable=False),
        sa.Column("to_ms", Big, nullable=True),
        sa.Column("level", sa.Float(), nullable=False),
        sa.Column("limit_value", sa.Float(), nullable=False),
        sa.Column("per_day", sa.Float(), nullable=False),
        sa.Column("low", sa.Float(), nullable=False),
        sa.Column("high", sa.Float(), nullable=False),
        sa.Column("days", Big, nullable=False),
        sa.Column("first_day", Big, nullable=False),
        sa.Column("earliest_day", Big, nullable=False),
        sa.Column("likely_day", Big, nullable=False),
        sa.Column("latest_day", Big, nullable=False),
    )
    op.create_index("forecast_by_device", "forecast", ["device", "from_ms"])
    op.create_index(
        "forecast_now",
        "forecast",
        ["likely_day"],
        sqlite_where=sa.text("to_ms IS NULL"),
        postgresql_where=sa.text("to_ms IS NULL"),
    )
