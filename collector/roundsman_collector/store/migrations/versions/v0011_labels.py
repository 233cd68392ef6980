"""Labels: codes on devices and at sites, by which anybody can report a fault."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the new table."""
    op.create_table(
        "label",
        sa.Column("id", BIG, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("spot_zh", sa.Text(), nullable=False),
        sa.Column("spot_en", sa.Text(), nullable=False),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("ended_ms", BIG, nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=False),
        sa.Column("ended_how", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code", name="label_code"),
    )
    op.create_index("label_by_subject", "label", ["subject"])
    op.create_index(
        "label_good",
        "label",
        ["subject"],
        unique=True,
        sqlite_where=sa.text("ended_ms IS NULL"),
        postgresql_where=sa.text("ended_ms IS NULL"),
    )
