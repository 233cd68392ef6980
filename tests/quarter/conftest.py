"""The quarter, lived through once for all tests that look at it, whichever process they run in."""

import fcntl
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.store import Deed, Office, View
from roundsman_collector.web.site import site
from tests.collector.notify.servers import smtp_server
from tests.quarter import script
from tests.quarter.duties import Duties
from tests.quarter.papers import Papers
from tests.quarter.quarter import Broken, Quarter, wall

TOKEN = "a-token-for-programs"
PORT = 8642
NOW = wall("01-20 00:00")


class Lived(NamedTuple):
    """What is left of the quarter: its database, and what was wrong with which device."""

    path: Path
    broken: dict[str, list[Broken]]


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Lived:
    """The town on 20 January, with all that befell it; a copy of its own for each process."""
    base = tmp_path_factory.getbasetemp()
    shared = (base if worker_id == "master" else base.parent) / "quarter"
    shared.mkdir(exist_ok=True)
    told = shared / "broken.json"
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            _live(shared, told)
    mine = tmp_path_factory.mktemp("lived") / "roundsman.sqlite3"
    shutil.copy(shared / "lived.sqlite3", mine)
    broken = {name: [Broken(*one) for one in spans] for name, spans in json.loads(told.read_text()).items()}
    return Lived(mine, broken)


def _live(shared: Path, told: Path) -> None:
    folder = shared / "living"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    quarter = Quarter(folder)
    script.write(quarter)
    Duties(quarter)
    with smtp_server() as server, pytest.MonkeyPatch.context() as patch:
        Papers(quarter, folder, server, patch)
        quarter.pass_until(NOW)
    deed = Deed(who="admin", at_ms=NOW)
    quarter.office.add_token(TOKEN, name="figures", role="administrator", deed=deed)
    quarter.close()
    shutil.move(folder / "roundsman.sqlite3", shared / "lived.sqlite3")
    told.write_text(json.dumps(quarter.broken))


@pytest.fixture(scope="session")
def api(lived: Lived) -> Iterator[TestClient]:
    """A program that may see all of it."""
    with View.open(lived.path) as view, Office.open(lived.path) as office:
        desk = Desk(view=view, office=office, now_ms=lambda: NOW, port=PORT, token_place="/data/token")
        yield TestClient(site(desk), base_url=f"http://127.0.0.1:{PORT}", headers={"Authorization": f"Bearer {TOKEN}"})
