"""New SQLite databases are copies of one that the migrations made: to make one takes longer than most tests.

Whoever wants to see the migrations at work asks for `by_steps`.
"""

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from roundsman_collector.store import Store
from roundsman_collector.store.connect import connector, place, transaction
from roundsman_collector.store.sql import run

BY_STEPS: Callable[[str | Path], Store] = Store.open


def blank(path: Path) -> Path:
    """A database with the tables of today, and nothing in them: not even a name of its own."""
    BY_STEPS(path).close()
    engine = connector(place(path), writes=True)
    with transaction(engine, "forgetting its name", place(path)) as connection:
        run(connection, "DELETE FROM meta")
    engine.dispose()
    return path


@pytest.fixture(scope="session", autouse=True)
def ready_made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where Store.open would make a SQLite database it finds one with the tables of today."""

    @cache
    def template() -> Path:
        return blank(tmp_path_factory.mktemp("blank") / "roundsman.sqlite3")

    def opened(where: str | Path) -> Store:
        path = place(where).path
        if path is not None and path.parent.is_dir() and not path.exists():
            shutil.copyfile(template(), path)
        return BY_STEPS(where)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Store, "open", staticmethod(opened))
        yield


@pytest.fixture
def by_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Store.open makes databases as a collector does: by all migrations."""
    monkeypatch.setattr(Store, "open", BY_STEPS)
