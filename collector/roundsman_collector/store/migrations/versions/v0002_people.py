"""People, places, and what is told to whom: the register, users, audit, the outbox, rounds and errands."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CURRENT = sa.text("to_ms IS NULL")
KNOWN_NOW = sa.text("known_to_ms IS NULL")
NEW_OF_TOKEN = (
    sa.Column("role", sa.Text(), nullable=False, server_default="administrator"),
    sa.Column("scope", sa.Text(), nullable=False, server_default="all"),
    sa.Column("made_by", sa.Text(), nullable=False, server_default=""),
    sa.Column("used_ms", BIG, nullable=True),
    sa.Column("revoked_ms", BIG, nullable=True),
)


def upgrade() -> None:
    """Make the tables, and widen the two that were there: a token of before is an administrator's."""
    op.add_column("device", sa.Column("serial", sa.Text(), nullable=True))
    for column in NEW_OF_TOKEN:
        op.add_column("token", column)
    for table, name in (("interval", "device"), ("condition", "subject")):
        op.create_index(
            f"{table}_by_end",
            table,
            ["event_to_ms", name],
            sqlite_where=KNOWN_NOW,
            postgresql_where=KNOWN_NOW,
        )
    op.create_table(
        "horizon",
        sa.Column("agent_no", BIG, autoincrement=False, nullable=False),
        sa.Column("t_ms", BIG, nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["agent_no"], ["agent.no"]),
        sa.PrimaryKeyConstraint("agent_no"),
    )
    op.create_table(
        "monitoring_group",
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
        "customer",
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
        "contract",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("from_ms", BIG, nullable=False, autoincrement=False),
        sa.Column("to_ms", BIG, nullable=True),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("accepted_on", sa.Text(), nullable=True),
        sa.Column("warranty_until", sa.Text(), nullable=True),
        sa.Column("maintenance_until", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", "from_ms"),
    )
    op.create_table(
        "site",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("from_ms", BIG, nullable=False, autoincrement=False),
        sa.Column("to_ms", BIG, nullable=True),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("contract", sa.Text(), nullable=True),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("service_hours", sa.Text(), nullable=False),
        sa.Column("engineer", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", "from_ms"),
    )
    op.create_index("site_by_customer", "site", ["customer"], sqlite_where=CURRENT, postgresql_where=CURRENT)
    op.create_index("site_by_group_id", "site", ["group_id"], sqlite_where=CURRENT, postgresql_where=CURRENT)
    op.create_table(
        "place",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("from_ms", BIG, nullable=False, autoincrement=False),
        sa.Column("to_ms", BIG, nullable=True),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("engineer", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", "from_ms"),
    )
    op.create_index("place_by_site", "place", ["site"], sqlite_where=CURRENT, postgresql_where=CURRENT)
    op.create_table(
        "installation",
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("from_ms", BIG, nullable=False, autoincrement=False),
        sa.Column("to_ms", BIG, nullable=True),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("device", "from_ms"),
    )
    op.create_index("installation_by_place", "installation", ["place"], sqlite_where=CURRENT, postgresql_where=CURRENT)
    op.create_table(
        "device_search",
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["device"], ["device.id"]),
        sa.PrimaryKeyConstraint("device"),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("disabled_ms", BIG, nullable=True),
        sa.Column("failed_count", BIG, nullable=False),
        sa.Column("locked_until_ms", BIG, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "person_scope",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sa.PrimaryKeyConstraint("person", "kind", "target"),
    )
    op.create_table(
        "invitation",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("expires_ms", BIG, nullable=False),
        sa.Column("used_ms", BIG, nullable=True),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "session",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("seen_ms", BIG, nullable=False),
        sa.Column("expires_ms", BIG, nullable=False),
        sa.Column("ended_ms", BIG, nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("browser", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index("session_by_person", "session", ["person", "made_ms"])
    op.create_table(
        "audit",
        sa.Column("id", BIG, nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("audit_by_subject", "audit", ["subject", "id"])
    op.create_index("audit_by_who", "audit", ["who", "id"])
    op.create_table(
        "way",
        sa.Column("id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("filter", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("disabled_ms", BIG, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "notice",
        sa.Column("id", BIG, nullable=False),
        sa.Column("way", BIG, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", BIG, nullable=False),
        sa.Column("wake_at_ms", BIG, nullable=True),
        sa.Column("done_ms", BIG, nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["way"], ["way.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("way", "key", name="notice_key"),
    )
    op.create_index("notice_by_state", "notice", ["state", "id"])
    op.create_index("notice_by_way", "notice", ["way", "state", "id"])
    op.create_index("notice_by_event", "notice", ["way", "event", "state"])
    op.create_table(
        "round",
        sa.Column("id", BIG, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Text(), nullable=True),
        sa.Column("customer", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("from_ms", BIG, nullable=False),
        sa.Column("to_ms", BIG, nullable=False),
        sa.Column("asked_ms", BIG, nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("until_ms", BIG, nullable=False),
        sa.Column("after_seq", BIG, nullable=False),
        sa.Column("answered_ms", BIG, nullable=True),
        sa.Column("done_ms", BIG, nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number", name="round_number"),
    )
    op.create_index("round_by_site", "round", ["site", "id"])
    op.create_index("round_by_state", "round", ["state", "id"])
    op.create_table(
        "round_device",
        sa.Column("round_id", BIG, nullable=False, autoincrement=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("agent_no", BIG, nullable=True),
        sa.ForeignKeyConstraint(["agent_no"], ["agent.no"]),
        sa.ForeignKeyConstraint(["device"], ["device.id"]),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"]),
        sa.PrimaryKeyConstraint("round_id", "device"),
    )
    op.create_table(
        "errand",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("agent_no", BIG, nullable=False),
        sa.Column("round_id", BIG, nullable=True),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("args", sa.Text(), nullable=False),
        sa.Column("asked_ms", BIG, nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("consent", sa.Text(), nullable=False),
        sa.Column("expires_ms", BIG, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("sent_ms", BIG, nullable=True),
        sa.Column("done_ms", BIG, nullable=True),
        sa.Column("seq", BIG, nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["agent_no"], ["agent.no"]),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("errand_by_round", "errand", ["round_id", "agent_no"])
    op.create_index("errand_by_state", "errand", ["state", "expires_ms"])
