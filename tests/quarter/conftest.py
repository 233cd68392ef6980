"""The quarter, lived through once for all tests that look at it."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from roundsman_collector.api.desk import Desk
from roundsman_collector.store import Deed
from roundsman_collector.web.site import site
from tests.quarter import script
from tests.quarter.quarter import Quarter, wall

TOKEN = "a-token-for-programs"
PORT = 8642


@pytest.fixture(scope="session")
def quarter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Quarter]:
    """The town on 20 January, with all that befell it."""
    lived = Quarter(tmp_path_factory.mktemp("quarter"))
    script.write(lived)
    lived.pass_until(wall("01-20 00:00"))
    yield lived
    lived.close()


@pytest.fixture(scope="session")
def api(quarter: Quarter) -> TestClient:
    """A program that may see all of it."""
    deed = Deed(who="admin", at_ms=quarter.now_ms)
    quarter.office.add_token(TOKEN, name="figures", role="administrator", deed=deed)
    desk = Desk(
        view=quarter.view, office=quarter.office, now_ms=lambda: quarter.now_ms, port=PORT, token_place="/data/token"
    )
    return TestClient(site(desk), base_url=f"http://127.0.0.1:{PORT}", headers={"Authorization": f"Bearer {TOKEN}"})
