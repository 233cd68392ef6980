"""Who goes: service points, skills, the duty rota."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NOW = sa.text("to_ms IS NULL")


def upgrade() -> None:
    """Make the new tables, and let a site name the service point that covers it."""
    op.add_column("site", sa.Column("point", sa.Text(), nullable=True))
    op.create_index("site_by_point", "site", ["point"], sqlite_where=NOW, postgresql_where=NOW)
    _make_points()
    _make_rota()


def _make_points() -> None:
    op.create_table(
        "service_point",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("from_ms", BIG, nullable=False, autoincrement=False),
        sa.Column("to_ms", BIG, nullable=True),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("zones", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", "from_ms"),
    )
    op.create_index("service_point_by_group_id", "service_point", ["group_id"], sqlite_where=NOW, postgresql_where=NOW)
    op.create_table(
        "point_person",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("from_ms", BIG, nullable=False, autoincrement=False),
        sa.Column("to_ms", BIG, nullable=True),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("point", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("person", "from_ms"),
    )
    op.create_index("point_person_by_point", "point_person", ["point"], sqlite_where=NOW, postgresql_where=NOW)
    op.create_table(
        "skill",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("from_ms", BIG, nullable=False, autoincrement=False),
        sa.Column("to_ms", BIG, nullable=True),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("qualified_until", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sa.PrimaryKeyConstraint("person", "kind", "component", "from_ms"),
    )
    op.create_index("skill_by_kind", "skill", ["kind"], sqlite_where=NOW, postgresql_where=NOW)


def _make_rota() -> None:
    op.create_table(
        "duty_pattern",
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("point", sa.Text(), nullable=False),
        sa.Column("from_ms", BIG, nullable=False, autoincrement=False),
        sa.Column("to_ms", BIG, nullable=True),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("group_id", "point", "from_ms"),
    )
    op.create_table(
        "duty_shift",
        sa.Column("id", BIG, nullable=False),
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("point", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("from_ms", BIG, nullable=False),
        sa.Column("to_ms", BIG, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("swap_id", BIG, nullable=True),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("void_ms", BIG, nullable=True),
        sa.Column("void_by", sa.Text(), nullable=False, server_default=""),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("duty_shift_by_group", "duty_shift", ["group_id", "to_ms"])
    op.create_index("duty_shift_by_person", "duty_shift", ["person", "to_ms"])
    op.create_table(
        "duty_swap",
        sa.Column("id", BIG, nullable=False),
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("shift_id", BIG, nullable=False),
        sa.Column("other_id", BIG, nullable=True),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("other", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("asked_ms", BIG, nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("done_ms", BIG, nullable=True),
        sa.Column("done_by", sa.Text(), nullable=False, server_default=""),
        sa.ForeignKeyConstraint(["shift_id"], ["duty_shift.id"]),
        sa.ForeignKeyConstraint(["other_id"], ["duty_shift.id"]),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sa.ForeignKeyConstraint(["other"], ["person.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("duty_swap_by_group", "duty_swap", ["group_id", "id"])
    op.create_index("duty_swap_by_shift", "duty_swap", ["shift_id"])
