"""When faults were said to have begun before they were amended is found by when that became known."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index: of all lines those are few."""
    op.create_index(
        "ticket_event_amended",
        "ticket_event",
        ["at_ms", "ticket_id"],
        sqlite_where=sa.text("verb = 'amend'"),
        postgresql_where=sa.text("verb = 'amend'"),
    )
