"""Who delivered a device, and with which batch; faults are found by when they began."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, empty; and the index."""
    for column in ("vendor", "batch"):
        op.add_column("device", sa.Column(column, sa.Text(), nullable=True))
    op.create_index("ticket_by_fault", "ticket", ["fault_from_ms"])
