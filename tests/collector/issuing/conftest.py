"""The fleet of world.py with metro's site under a contract, and the desk of reports beside it."""

from collections.abc import Iterator

import pytest

from roundsman_collector.store import ReportDesk, Store, View
from tests.collector.api import kept_desk, world
from tests.collector.api.served import settled, store, view

__all__ = ["desk", "settled", "store", "view"]


@pytest.fixture
def desk(store: Store, view: View) -> Iterator[ReportDesk]:
    world.contracted(world.desk(view).office)
    kept_desk.settle(store)
    with ReportDesk(view._place) as opened:
        yield opened
