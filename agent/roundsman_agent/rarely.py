"""A warning that anybody on the line can cause, written once in a while and not once a message.

    rarely = Rarely(log)
    rarely.warn("foreign", now.mono, "an acknowledgement of stream %s was ignored", stream)

Each kind of trouble is told when it comes, and again after ten minutes if it goes on, with how often it came between.
"""

import logging
from typing import Final

EVERY_MS: Final = 10 * 60 * 1000


class Rarely:
    """See the module. Kinds are words of the code, not of the line: there are few."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._told: dict[str, tuple[int, int]] = {}  # kind -> when, how many were held back since

    def warn(self, kind: str, now: int, text: str, *values: object) -> None:
        """Write it, unless its kind was written within ten minutes."""
        at, held_back = self._told.get(kind, (None, 0))
        if at is not None and 0 <= now - at < EVERY_MS:
            self._told[kind] = at, held_back + 1
            return
        self._told[kind] = now, 0
        if held_back:
            text, values = text + " (and %d like it before)", (*values, held_back)
        self._log.warning(text, *values)
