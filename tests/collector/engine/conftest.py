"""What the engine does must not depend on the kind of its database: most of its tales are told on both."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collector.engine import desk
from tests.collector.engine.people import Hall, Halls
from tests.postgres import Server

ON_BOTH = (
    *("test_asked", "test_condensing", "test_desk", "test_engine", "test_errands", "test_late_recovery"),
    *("test_notices", "test_pushed", "test_restart", "test_timely", "test_reading_days"),
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    is_told_on_both = metafunc.module.__name__.rpartition(".")[2] in ON_BOTH and "tmp_path" in metafunc.fixturenames
    metafunc.parametrize("database", ["sqlite", "postgresql"] if is_told_on_both else ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Where the collectors of this test keep what they know."""
    if request.param == "sqlite":
        yield
        return
    server: Server = request.getfixturevalue("postgres")
    made: dict[Path, str] = {}

    def where_in(folder: Path) -> str:
        if folder not in made:
            made[folder] = server.database()
        return made[folder]

    monkeypatch.setattr(desk, "where_in", where_in)
    yield
    for url in made.values():
        server.drop(url)


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Halls]:
    """Makes a hall whose contract names a level."""
    made: list[Hall] = []

    def make(level: str | None, zone: str = "urban") -> Hall:
        made.append(Hall(tmp_path, level, zone))
        return made[-1]

    yield make
    for one in made:
        one.store.close()
