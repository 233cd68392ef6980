"""Meaning: what a fault takes away and explains, what stands behind what, overlays, calendars, dated traits.

Every agent is told anew from its evidence: what was told before knows nothing of effects.
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXPLAINS_NOW = sa.text("known_to_ms IS NULL AND explains <> ''")
NEW_OF_CONDITION: tuple[sa.Column[Any], ...] = (
    sa.Column("effect", sa.Text(), nullable=False, server_default=""),
    sa.Column("function", sa.Text(), nullable=False, server_default=""),
    sa.Column("explains", sa.Text(), nullable=False, server_default=""),
    sa.Column("flapping", sa.Boolean(), nullable=False, server_default=sa.text("false")),
)


def upgrade() -> None:
    """Widen what is there, make the new tables, and let every device have been what it is from the beginning."""
    op.add_column("interval", sa.Column("coarse", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    for column in NEW_OF_CONDITION:
        op.add_column("condition", column)
    op.create_index(
        "condition_by_explains",
        "condition",
        ["explains", "subject"],
        sqlite_where=EXPLAINS_NOW,
        postgresql_where=EXPLAINS_NOW,
    )
    # Not in a batch, which writes the table anew: SQLite refuses that as soon as a ticket has a log.
    number = BIG.compile(dialect=op.get_bind().dialect)
    op.execute(f"ALTER TABLE ticket ADD COLUMN merged_into {number} REFERENCES ticket (id)")
    op.add_column("device_now", sa.Column("runs", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("rule_set", sa.Column("made_by", sa.Text(), nullable=False, server_default=""))
    op.add_column("unit", sa.Column("machine", sa.Text(), nullable=True))
    op.add_column("contract", sa.Column("unknown_as", sa.Text(), nullable=False, server_default="exclude"))
    op.add_column("contract", sa.Column("target_percent", sa.Text(), nullable=True))
    op.add_column("site", sa.Column("calendar", sa.Text(), nullable=True))
    op.execute("DELETE FROM checkpoint")
    op.execute("UPDATE unit SET dirty_from_ms = 0, dirty_since_ms = 0")
    _rewrite_rules()
    _make_tickets_children()
    _make_register()
    _make_overlays()


def _rewrite_rules() -> None:
    """A rule that counted as down takes the whole device away."""
    connection = op.get_bind()
    for number, body in connection.execute(sa.text("SELECT id, body FROM rule_set")).all():
        rules = json.loads(body)
        for row in rules["faults"]:
            if row.pop("down", False):
                row["takes_down"] = "device"
        said = {"id": number, "body": json.dumps(rules, ensure_ascii=False, sort_keys=True, separators=(",", ":"))}
        connection.execute(sa.text("UPDATE rule_set SET body = :body WHERE id = :id"), said)


def _make_tickets_children() -> None:
    op.create_table(
        "ticket_child",
        sa.Column("id", BIG, nullable=False),
        sa.Column("ticket_id", BIG, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("fault_from_ms", BIG, nullable=False),
        sa.Column("joined_ms", BIG, nullable=False),
        sa.Column("left_ms", BIG, nullable=True),
        sa.Column("merged_ticket_id", BIG, nullable=True),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"]),
        sa.ForeignKeyConstraint(["merged_ticket_id"], ["ticket.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ticket_child_by_ticket", "ticket_child", ["ticket_id"])
    op.create_index("ticket_child_by_subject", "ticket_child", ["subject", "left_ms"])


def _make_register() -> None:
    op.create_table(
        "device_trait",
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("from_ms", BIG, nullable=False, autoincrement=False),
        sa.Column("to_ms", BIG, nullable=True),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("device", "from_ms"),
    )
    op.execute(
        "INSERT INTO device_trait (device, from_ms, to_ms, made_ms, made_by, kind, model) "
        "SELECT id, 0, NULL, 0, '', kind, model FROM device"
    )
    op.create_table(
        "behind",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("from_ms", BIG, nullable=False, autoincrement=False),
        sa.Column("to_ms", BIG, nullable=True),
        sa.Column("root", sa.Text(), nullable=True),
        sa.Column("made_ms", BIG, nullable=False, autoincrement=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["root"], ["device.id"]),
        sa.PrimaryKeyConstraint("subject", "kind", "from_ms", "made_ms"),
    )
    op.create_index("behind_by_root", "behind", ["root", "to_ms"])
    op.create_table(
        "calendar",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("from_ms", BIG, nullable=False, autoincrement=False),
        sa.Column("to_ms", BIG, nullable=True),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", "from_ms"),
    )
    op.create_table(
        "calendar_day",
        sa.Column("calendar", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("from_ms", BIG, nullable=False, autoincrement=False),
        sa.Column("to_ms", BIG, nullable=True),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("hours", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("calendar", "day", "from_ms"),
    )
    # Their days are data of the program (rules/calendars). A site of before had no holidays, and keeps having none.
    op.execute(
        "INSERT INTO calendar (id, from_ms, to_ms, made_ms, made_by, name_zh, name_en) VALUES "
        "('cn', 0, NULL, 0, '', '中国法定节假日（含调休）', 'China: public holidays, adjusted working days'), "
        "('none', 0, NULL, 0, '', '不分节假日', 'No holidays')"
    )
    op.execute("UPDATE site SET calendar = 'none' WHERE calendar IS NULL")


def _make_overlays() -> None:
    op.create_table(
        "overlay",
        sa.Column("id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("from_ms", BIG, nullable=False),
        sa.Column("to_ms", BIG, nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("overlay_by_target", "overlay", ["scope", "target", "from_ms"])
    op.create_index("overlay_by_end", "overlay", ["to_ms"])
    op.create_table(
        "overlay_event",
        sa.Column("id", BIG, nullable=False),
        sa.Column("overlay_id", BIG, nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("to_ms", BIG, nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["overlay_id"], ["overlay.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("overlay_event_by_overlay", "overlay_event", ["overlay_id", "at_ms"])
