"""The fleet of tests/collector/api/world.py, seen in a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from roundsman_collector.store import Office, Store, View
from tests.collector.api import world
from tests.collector.api.served import api, person, settled, store, stranger, view

__all__ = ["api", "empty", "person", "settled", "store", "stranger", "view"]


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[TestClient]:
    """An administrator's browser before there is any device."""
    where = tmp_path / "empty.sqlite3"
    with Store.open(where), Office.open(where) as office, View.open(where) as view:
        world.people(office)
        yield world.signed_in(world.desk(view), world.ADMIN)
