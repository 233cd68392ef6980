"""What the page of a round shows of its document, kept beside it; how far people are, counted by an index alone."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the index; rounds that are done already have no summary."""
    op.add_column("round", sa.Column("summary", sa.Text(), nullable=True))
    op.create_index("round_mark_by_verdict", "round_mark", ["round_id", "verdict"])
