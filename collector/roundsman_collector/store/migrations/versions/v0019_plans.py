"""What recurs: plans, the tasks that they ask for, and the log of each."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TRUTH = sa.Boolean(create_constraint=False)


def upgrade() -> None:
    """Make the new tables."""
    op.create_table(
        "plan",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("from_ms", BIG, autoincrement=False, nullable=False),
        sa.Column("to_ms", BIG, nullable=True),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("contract", sa.Text(), nullable=True),
        sa.Column("site", sa.Text(), nullable=True),
        sa.Column("first_day", sa.Text(), nullable=False),
        sa.Column("last_day", sa.Text(), nullable=True),
        sa.Column("changes", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", "from_ms"),
    )
    op.create_table(
        "task_terms",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    _task()
    op.create_table(
        "task_event",
        sa.Column("id", BIG, nullable=False),
        sa.Column("task_id", BIG, sa.ForeignKey("task.id"), nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("task_event_by_task", "task_event", ["task_id"])


def _task() -> None:
    op.create_table(
        "task",
        sa.Column("id", BIG, nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("contract", sa.Text(), nullable=True),
        sa.Column("terms", sa.Text(), sa.ForeignKey("task_terms.hash"), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("period_first_day", sa.Text(), nullable=False),
        sa.Column("period_last_day", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Text(), nullable=False),
        sa.Column("last_day", sa.Text(), nullable=False),
        sa.Column("opens_on", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Text(), nullable=False),
        sa.Column("report_due_on", sa.Text(), nullable=True),
        sa.Column("is_expected", TRUTH, nullable=False),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("is_over", TRUTH, nullable=False),
        sa.Column("is_touched", TRUTH, nullable=False),
        sa.Column("version", BIG, nullable=False),
        sa.Column("engineer", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=True),
        sa.Column("done_ms", BIG, nullable=True),
        sa.Column("opens_ms", BIG, nullable=False),
        sa.Column("due_ms", BIG, nullable=False),
        sa.Column("report_due_ms", BIG, nullable=True),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("ticket_id", BIG, sa.ForeignKey("ticket.id"), nullable=True),
        sa.Column("wake_at_ms", BIG, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("plan", "site", "period", name="task_of_period"),
    )
    op.create_index("task_by_site", "task", ["site"])
    op.create_index("task_by_opening", "task", ["opens_ms"])
    op.create_index("task_awake", "task", ["wake_at_ms"])
