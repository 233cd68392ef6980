"""Files: photos, documents, videos and signatures that belong to tickets."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the new tables."""
    op.create_table(
        "file_body",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", BIG, nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
    )
    op.create_table(
        "file_piece",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("place", BIG, autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["sha256"], ["file_body.sha256"]),
        sa.PrimaryKeyConstraint("sha256", "place"),
    )
    op.create_table(
        "file",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("ticket_id", BIG, nullable=False),
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
        sa.ForeignKeyConstraint(["sha256"], ["file_body.sha256"]),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("ticket_id", "made_by", "key", name="file_key"),
    )
    op.create_index("file_by_ticket", "file", ["ticket_id", "made_ms"])
    op.create_index("file_by_body", "file", ["sha256"])
    op.create_index(
        "file_unnamed",
        "file",
        ["made_ms"],
        sqlite_where=sa.text("named_ms IS NULL"),
        postgresql_where=sa.text("named_ms IS NULL"),
    )
