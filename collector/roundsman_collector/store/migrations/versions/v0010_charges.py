"""Spares and charges: who carries a store, what is swapped whole, labour that is free for longer, parts at cost."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what is kept already is as it was."""
    op.add_column("contract", sa.Column("labour_until", sa.Text(), nullable=True))
    op.add_column("contract", sa.Column("parts_rate", sa.Text(), nullable=False, server_default="list"))
    op.add_column("stock_location", sa.Column("engineer", sa.Text(), nullable=True))
    op.add_column(
        "stock_item",
        sa.Column("is_swapped", sa.Boolean(create_constraint=False), nullable=False, server_default=sa.text("false")),
    )
