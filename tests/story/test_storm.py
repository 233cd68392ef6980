"""`kill -9` in the middle of a storm: no number missing or doubled, no ticket without its fault, no notice lost.

Twenty deaths in two storms (storm.py); a hundred and more by `make soak SOAK_ARGS="--storms 10"`.
"""

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.story import storm

pytestmark = pytest.mark.slow

DEATHS = 10


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return storm.template(tmp_path_factory.mktemp("template"))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of lines about who is gone help nobody."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("seed", [1, 2])
def test_whenever_a_collector_dies_in_a_storm_tickets_notices_and_commands_are_whole(
    tmp_path: Path, template: Path, seed: int
) -> None:
    told = storm.tell(seed, tmp_path, template, DEATHS)

    assert not told.flaws, str(told)
    assert told.deaths >= DEATHS // 3, str(told)
    assert told.tickets > 40
    assert len(told.asked) > 30, "people ask in between, as fast as the machine lets them"


def test_the_account_notices_what_is_missing(tmp_path: Path, template: Path) -> None:
    told = storm.tell(3, tmp_path, template, deaths=1)
    with sqlite3.connect(tmp_path / "roundsman.sqlite3") as database:
        database.execute("DELETE FROM notice WHERE key = 'opened:5'")
        database.execute("UPDATE ticket SET number = '2026-009999' WHERE id = 7")
        database.execute("UPDATE ticket SET state = 'closed' WHERE id = (SELECT max(id) FROM ticket)")

    flaws = " ".join(storm.account(told, tmp_path))

    assert "numbers have a gap" in flaws
    assert "nobody hears of 2026-000005" in flaws
    assert "the log says" in flaws
