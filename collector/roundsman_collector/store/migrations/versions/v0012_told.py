"""Who is on duty is told in quiet hours too; hand-overs are told; tickets whose clocks cannot be read are kept."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the new table and column; who hears of being sent hears of hand-overs too."""
    op.create_table(
        "ticket_put_off",
        sa.Column("ticket_id", BIG, autoincrement=False, nullable=False),
        sa.Column("since_ms", BIG, nullable=False),
        sa.Column("tries", BIG, nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"]),
        sa.PrimaryKeyConstraint("ticket_id"),
    )
    op.add_column(
        "notice",
        sa.Column("passes", sa.Boolean(create_constraint=False), nullable=False, server_default=sa.text("false")),
    )
    way = sa.table("way", sa.column("id"), sa.column("filter"), sa.column("person"))
    connection = op.get_bind()
    for way_id, text in connection.execute(sa.select(way.c.id, way.c.filter).where(way.c.person.is_not(None))).all():
        said = json.loads(text)
        events = said.get("events", [])
        if "dispatched" in events:
            said["events"] = [*events, "handed_over"]
            connection.execute(sa.update(way).where(way.c.id == way_id).values(filter=json.dumps(said)))
