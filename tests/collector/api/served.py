"""The fleet of world.py behind the whole site, a program that has the token, and a person who has signed in."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from roundsman_collector.store import Office, Store, View
from tests.collector.api import world
from tests.collector.store.cast import staffed


@pytest.fixture(scope="session")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of world.py, to be copied: making one takes longer than most tests."""
    made = tmp_path_factory.mktemp("settled") / "roundsman.sqlite3"
    with staffed(made) as opened:
        world.settle(opened)
    with Office.open(made) as office:
        world.people(office)
    return made


@pytest.fixture
def store(settled: Path, tmp_path: Path) -> Iterator[Store]:
    """The database of world.py, with its one token."""
    shutil.copy(settled, tmp_path / "roundsman.sqlite3")
    with Store.open(tmp_path / "roundsman.sqlite3") as opened:
        yield opened


@pytest.fixture
def view(store: Store, tmp_path: Path) -> Iterator[View]:
    """A reader beside it."""
    with View.open(tmp_path / "roundsman.sqlite3") as opened:
        yield opened


@pytest.fixture
def stranger(view: View) -> TestClient:
    """Somebody without a token."""
    return world.browser(world.desk(view))


@pytest.fixture
def api(view: View) -> TestClient:
    """A program with the token."""
    return world.browser(world.desk(view), Authorization=f"Bearer {world.TOKEN}")


@pytest.fixture
def person(view: View) -> TestClient:
    """A browser in which the administrator has signed in."""
    return world.signed_in(world.desk(view), world.ADMIN)
