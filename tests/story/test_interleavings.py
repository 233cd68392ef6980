"""Whoever dies in whatever order, whatever is cut: every record that was sampled is stored once or declared.

Fifty tales of random deaths in one process (interleaving.py), and ten of real ones (upheaval.py); thousands by
`make soak`.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.story import interleaving
from tests.story.upheaval import Upheaval, site_on_a_cable

pytestmark = pytest.mark.slow

IN_A_TEST = 10
IN_PROCESS = 50
REAL = 5
"""Tales of real processes on each broker."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return interleaving.template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def quiet() -> Iterator[None]:
    """Hundreds of thousands of lines about who is gone help nobody."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("first", range(0, IN_PROCESS, IN_A_TEST))
def test_every_sampled_number_is_stored_once_or_declared_whatever_happens(
    tmp_path: Path, template: Path, first: int
) -> None:
    for seed in range(first, first + IN_A_TEST):
        (tmp_path / str(seed)).mkdir()
        tale = interleaving.tell(seed, tmp_path / str(seed), template)

        assert not tale.flaws, str(tale)


@pytest.mark.usefixtures("quiet")
def test_a_tale_is_worth_telling_things_die_and_records_are_taken(tmp_path: Path, template: Path) -> None:
    tale = interleaving.tell(2, tmp_path, template)

    assert len(tale.taken) > 100
    assert sum("dies at" in line or "kill -9" in line for line in tale.diary) > 5


@pytest.mark.usefixtures("quiet")
def test_the_account_notices_a_record_that_is_settled_and_was_never_stored(
    tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = interleaving.Spool.settle
    monkeypatch.setattr(
        interleaving.Spool,
        "settle",
        lambda self, upto, also=(), refused=(): settle(self, upto, [(a, b + 1) for a, b in also], refused),
    )

    flaws = [
        flaw
        for seed in range(8)
        if (tmp_path / str(seed)).mkdir() is None
        for flaw in interleaving.tell(seed, tmp_path / str(seed), template).flaws
    ]

    assert any("taken and lost" in flaw for flaw in flaws)


@pytest.mark.parametrize(("broker", "first"), [("mosquitto", 0), ("nats", REAL)])
def test_the_same_of_real_processes(tmp_path: Path, broker: str, first: int) -> None:
    with site_on_a_cable(broker, tmp_path) as site:
        upheaval = Upheaval(site)
        for seed in range(first, first + REAL):
            upheaval.live(seed)
