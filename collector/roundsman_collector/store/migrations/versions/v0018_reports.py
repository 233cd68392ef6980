"""Reports that are issued, their files, confirmations, schedules and letters."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the new tables."""
    op.create_table(
        "report",
        sa.Column("id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("revision", BIG, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=True),
        sa.Column("group_id", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("from_ms", BIG, nullable=False),
        sa.Column("to_ms", BIG, nullable=False),
        sa.Column("is_auto", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("schedule", BIG, nullable=True),
        sa.Column("asked_ms", BIG, nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("known_ms", BIG, nullable=True),
        sa.Column("issued_ms", BIG, nullable=True),
        sa.Column("issued_by", sa.Text(), nullable=False),
        sa.Column("versions", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("wake_at_ms", BIG, nullable=True),
        sa.Column("lease_by", sa.Text(), nullable=False),
        sa.Column("lease_until_ms", BIG, nullable=True),
        sa.Column("tries", BIG, nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "scope", "about", "period", "revision", name="report_revision"),
    )
    op.create_index("report_by_customer", "report", ["customer", "id"])
    op.create_index("report_by_group", "report", ["group_id", "id"])
    op.create_index("report_wake", "report", ["wake_at_ms"])
    op.create_table(
        "report_file",
        sa.Column("report_id", BIG, autoincrement=False, nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", BIG, nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"]),
        sa.ForeignKeyConstraint(["sha256"], ["file_body.sha256"]),
        sa.PrimaryKeyConstraint("report_id", "form"),
    )
    op.create_index("report_file_by_body", "report_file", ["sha256"])
    op.create_table(
        "report_confirmation",
        sa.Column("id", BIG, nullable=False),
        sa.Column("report_id", BIG, nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("picture", sa.Text(), nullable=True),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"]),
        sa.ForeignKeyConstraint(["picture"], ["file_body.sha256"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("report_confirmation_by_report", "report_confirmation", ["report_id"])
    op.create_index("report_confirmation_by_body", "report_confirmation", ["picture"])
    op.create_table(
        "report_schedule",
        sa.Column("id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("cycle", sa.Text(), nullable=False),
        sa.Column("recipients", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("auto_issue", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("from_ms", BIG, nullable=False),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("ended_ms", BIG, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "report_mail",
        sa.Column("id", BIG, nullable=False),
        sa.Column("report_id", BIG, nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", BIG, nullable=False),
        sa.Column("wake_at_ms", BIG, nullable=True),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("done_ms", BIG, nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("report_id", "recipient", name="report_mail_once"),
    )
    op.create_index("report_mail_wake", "report_mail", ["wake_at_ms"])
