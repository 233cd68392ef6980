"""The schema: what the migrations make is what schema.py says, and PostgreSQL would understand it."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from roundsman_collector.store import Batch, Store, migrate, schema
from roundsman_collector.store.connect import connector, place, transaction
from tests.collector.store.cast import TODAY, evidence, tables

TABLES = [*schema.metadata.sorted_tables, schema.evidence("evidence_20261121")]


def test_the_migrations_make_what_the_schema_says(bare: str) -> None:
    with Store.open(bare) as store, store._read.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})

        assert compare_metadata(context, schema.metadata) == []


def test_the_programs_revision_is_the_newest_step() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.FOLDER))

    assert ScriptDirectory.from_config(config).get_current_head() == schema.REVISION


def test_each_step_is_one_file_named_by_its_number() -> None:
    steps = sorted(path.stem.partition("_")[0] for path in Path(migrate.FOLDER, "versions").glob("v*.py"))

    assert steps == [f"v{n:04d}" for n in range(1, int(schema.REVISION) + 1)]


def test_a_failed_upgrade_leaves_nothing_behind(bare: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def power_cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Store, "_remember", power_cut)
        Store.open(bare)

    engine = connector(place(bare), writes=False)
    with engine.connect() as connection:
        assert tables(connection) == []
    engine.dispose()
    Store.open(bare).close()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_postgresql_would_take_the_table(table: schema.Table) -> None:
    text = str(CreateTable(table).compile(dialect=postgresql.dialect()))
    text += "".join(str(CreateIndex(index).compile(dialect=postgresql.dialect())) for index in table.indexes)

    assert not {"INTEGER", "SQLITE", "WITHOUT ROWID"} & set(text.upper().replace(",", " ").split())
    said = text.replace('COLLATE "C"', "")
    assert '"' not in said, "a name that must be quoted there would have to be quoted in every statement"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_times_are_whole_numbers_of_64_bits(table: schema.Table) -> None:
    times = [column for column in table.columns if column.name.endswith(("_ms", "seq"))]

    assert [column.name for column in times if column.type is not schema.Big] == []


def test_evidence_has_no_index_but_its_key(store: Store) -> None:
    store.commit(Batch(now_ms=TODAY, evidence=[evidence(1, 1, None)]))

    with transaction(store._read, "looking", store._place) as connection:
        table = next(name for name in tables(connection) if name.startswith("evidence_"))

        assert inspect(connection).get_indexes(table) == []


@pytest.mark.sqlite
def test_each_connection_is_durable_and_checks_its_keys(store: Store) -> None:
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}

    for engine in (store._write, store._read):
        with engine.connect() as connection:
            assert {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted} == wanted


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT id FROM interval WHERE device = 'd' AND known_to_ms IS NULL AND event_from_ms >= 5",
        "SELECT max(event_from_ms) FROM interval WHERE device = 'd' AND known_to_ms IS NULL AND event_from_ms < 5",
        "SELECT id FROM condition WHERE subject = 'd' AND known_to_ms IS NULL",
        "SELECT id FROM command WHERE state = 'new' ORDER BY id LIMIT 5",
        "SELECT agent_no FROM wake WHERE wake_at_ms <= 5 ORDER BY wake_at_ms, agent_no LIMIT 5",
        "SELECT id FROM ticket WHERE state IN ('open', 'acknowledged') AND id > 5 ORDER BY id",
        "SELECT count(*) FROM unit WHERE dirty_since_ms IS NOT NULL",
    ],
)
def test_what_is_asked_often_is_found_by_an_index(statement: str) -> None:
    engine = create_engine("sqlite://")
    schema.metadata.create_all(engine)
    with engine.connect() as connection:
        plan = " ".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}"))

    assert "USING" in plan and "INDEX" in plan, plan
    engine.dispose()
