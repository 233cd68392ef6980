"""Forms of services that no ticket tells of."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _texts(*names: str, nullable: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=nullable) for name in names]


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "slip",
        sa.Column("id", BIG, nullable=False),
        *_texts("number", "kind", "day"),
        *_texts("site", "customer", "group_id", "device", nullable=True),
        *_texts("device_kind", "engineer", "state"),
        sa.Column("made_ms", BIG, nullable=False),
        *_texts("made_by"),
        sa.Column("signed_ms", BIG, nullable=True),
        sa.Column("version", BIG, nullable=False),
        *_texts("key", nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number"),
        sa.UniqueConstraint("made_by", "key", name="slip_key"),
    )
    op.create_index("slip_by_day", "slip", ["kind", "day"])
    op.create_table(
        "slip_line",
        sa.Column("id", BIG, nullable=False),
        sa.Column("slip_id", BIG, nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        *_texts("who", "verb", "side", "words"),
        sa.Column("file", BIG, nullable=True),
        *_texts("data"),
        sa.ForeignKeyConstraint(["slip_id"], ["slip.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("slip_line_by_slip", "slip_line", ["slip_id"])
    op.create_table(
        "slip_file",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("slip_id", BIG, nullable=False),
        *_texts("kind", "name", "media_type"),
        sa.Column("size", BIG, nullable=False),
        *_texts("sha256"),
        sa.Column("width", BIG, nullable=True),
        sa.Column("height", BIG, nullable=True),
        sa.Column("made_ms", BIG, nullable=False),
        *_texts("made_by"),
        *_texts("key", nullable=True),
        sa.Column("named_ms", BIG, nullable=True),
        sa.ForeignKeyConstraint(["slip_id"], ["slip.id"]),
        sa.ForeignKeyConstraint(["sha256"], ["file_body.sha256"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("slip_id", "made_by", "key", name="slip_file_key"),
    )
    op.create_index("slip_file_by_slip", "slip_file", ["slip_id", "made_ms"])
    op.create_index("slip_file_by_body", "slip_file", ["sha256"])
    op.create_index(
        "slip_file_unnamed",
        "slip_file",
        ["made_ms"],
        sqlite_where=sa.text("named_ms IS NULL"),
        postgresql_where=sa.text("named_ms IS NULL"),
    )
