"""Rounds in which people look: their mode and task, the log of what was found, photos and signatures."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the new tables; every round so far was its agents' alone."""
    op.add_column("round", sa.Column("mode", sa.Text(), nullable=False, server_default="remote"))
    op.add_column("round", sa.Column("task", BIG, nullable=True))
    op.add_column("round", sa.Column("version", BIG, nullable=False, server_default="0"))
    op.add_column("round", sa.Column("finished_ms", BIG, nullable=True))
    op.add_column("round", sa.Column("finished_by", sa.Text(), nullable=True))
    op.create_index("round_by_task", "round", ["task"])
    op.create_table(
        "round_log",
        sa.Column("id", BIG, nullable=False),
        sa.Column("round_id", BIG, nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("files", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("known_ms", BIG, nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("round_id", "who", "key", name="round_log_key"),
    )
    op.create_index("round_log_by_round", "round_log", ["round_id", "id"])
    op.create_table(
        "round_mark",
        sa.Column("round_id", BIG, autoincrement=False, nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("line", BIG, nullable=False),
        sa.ForeignKeyConstraint(["line"], ["round_log.id"]),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"]),
        sa.PrimaryKeyConstraint("round_id", "device", "item"),
    )
    op.create_table(
        "round_file",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("round_id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", BIG, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("width", BIG, nullable=True),
        sa.Column("height", BIG, nullable=True),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("named_ms", BIG, nullable=True),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"]),
        sa.ForeignKeyConstraint(["sha256"], ["file_body.sha256"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("round_id", "made_by", "key", name="round_file_key"),
    )
    op.create_index("round_file_by_round", "round_file", ["round_id", "made_ms"])
    op.create_index("round_file_by_body", "round_file", ["sha256"])
    op.create_index(
        "round_file_unnamed",
        "round_file",
        ["made_ms"],
        sqlite_where=sa.text("named_ms IS NULL"),
        postgresql_where=sa.text("named_ms IS NULL"),
    )
