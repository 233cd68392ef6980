"""The databases that the contract of the store is tested on: SQLite and PostgreSQL alike.

A test that asks for `where`, `store` or `view` runs on both. `@pytest.mark.sqlite` and `@pytest.mark.postgresql` are
for what one of them alone does.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from roundsman_collector.store import Store, View
from tests.collector.store.cast import staffed
from tests.postgres import Server

DATABASES = ("sqlite", "postgresql")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database" in metafunc.fixturenames:
        alone = [name for name in DATABASES if metafunc.definition.get_closest_marker(name)]
        metafunc.parametrize("database", alone or DATABASES, indirect=True, scope="session")


@pytest.fixture(scope="session")
def database(request: pytest.FixtureRequest) -> str:
    """Which of them."""
    return str(request.param)


@pytest.fixture(scope="session")
def elsewhere(
    database: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], str]:
    """A function that names another place where a database may be made."""
    if database == "postgresql":
        server: Server = request.getfixturevalue("postgres")
        return server.database
    return lambda: str(tmp_path_factory.mktemp("elsewhere") / "another.sqlite3")


@pytest.fixture
def where(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a database may be made: a file, or a database on a server that has nothing in it yet."""
    if database == "sqlite":
        yield str(tmp_path / "roundsman.sqlite3")
        return
    server: Server = request.getfixturevalue("postgres")
    url = server.database()
    yield url
    server.drop(url)


@pytest.fixture
def bare(database: str, request: pytest.FixtureRequest, tmp_path: Path, by_steps: None) -> Iterator[str]:
    """Where nobody has ever made a table: Store.open makes them by all migrations."""
    if database == "sqlite":
        yield str(tmp_path / "roundsman.sqlite3")
        return
    server: Server = request.getfixturevalue("postgres")
    url = server.database(template="template1")
    yield url
    server.drop(url)


@pytest.fixture
def store(where: str) -> Iterator[Store]:
    """A store with the cast in its register."""
    with staffed(where) as opened:
        yield opened


@pytest.fixture
def view(store: Store, where: str) -> Iterator[View]:
    """A reader beside the store."""
    with View.open(where) as opened:
        yield opened
