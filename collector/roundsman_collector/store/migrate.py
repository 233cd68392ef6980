"""Bring a database to the present schema, or say why not.

The revision is compared without Alembic, so that a reader or a present database does not pay for loading it.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect

from roundsman_collector.store import postgres, schema
from roundsman_collector.store.connect import connector, place, transaction
from roundsman_collector.store.errors import StoreError
from roundsman_collector.store.sql import run

FOLDER = Path(__file__).with_name("migrations")


def revision(connection: Connection) -> str:
    """The revision a database has; empty for a new one."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(run(connection, "SELECT version_num FROM alembic_version").scalar() or "")


def is_made(where: str | Path) -> bool:
    """Whether a collector has ever made a database there. Raises StoreError where that cannot be seen."""
    at = place(where)
    if at.path:
        return at.path.exists()
    engine = connector(at, writes=False)
    try:
        with transaction(engine, "looking for a database", at) as connection:
            return bool(revision(connection))
    finally:
        engine.dispose()


def refuse_newer(found: str, where: str) -> None:
    """Raise where the database has a schema that this program does not know."""
    if found > schema.REVISION:
        raise StoreError(
            what=f"the database has schema {found}; this program knows {schema.REVISION}",
            where=where,
            do="start the newer Roundsman that made it, or restore the backup from before the upgrade",
            cause="newer",
        )


def upgrade(connection: Connection, where: str) -> None:
    """Run the missing steps inside the caller's transaction."""
    found = revision(connection)
    refuse_newer(found, where)
    if found == schema.REVISION:
        return
    if connection.dialect.name == "postgresql":
        postgres.patient(connection)
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
