"""The database that the contract of the store is tested on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from roundsman_collector.store import Store, View
from tests.collector.store.cast import staffed


@pytest.fixture
def where(tmp_path: Path) -> str:
    """Where a database may be made: a SQLite file today."""
    return str(tmp_path / "roundsman.sqlite3")


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
