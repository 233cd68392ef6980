"""Who is on the spot: a site, or a place of it, names somebody who can be called and guided (当地设备管理人员)."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; nobody is named yet."""
    for table in ("site", "place"):
        op.add_column(table, sa.Column("contact", sa.Text(), nullable=True))
        op.add_column(table, sa.Column("contact_phone", sa.Text(), nullable=True))
