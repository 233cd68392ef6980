"""What people write for a report before it is issued."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "report_words",
        sa.Column("id", BIG, nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("kind", "scope", "about", "period", "section", "words", "who")
        ),
        sa.Column("at_ms", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("report_words_by_report", "report_words", ["kind", "scope", "about", "period"])
