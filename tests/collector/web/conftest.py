"""The fleet of tests/collector/api/world.py, seen in a browser."""

from tests.collector.api.served import api, person, settled, store, stranger, view

__all__ = ["api", "person", "settled", "store", "stranger", "view"]
