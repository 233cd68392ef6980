"""The fleet of world.py behind the whole site; see served.py."""

from tests.collector.api.served import api, person, settled, store, stranger, view

__all__ = ["api", "person", "settled", "store", "stranger", "view"]
