"""When to dial the broker again: so that a fleet which lost it in one second does not come back in one second. Pure.

    Reconnect(settings, rng)
    .broke(lasted_ms) -> ms        a connection that stood is gone: perhaps everybody's is
    .failed() -> ms                an attempt came to nothing (or the end was ours)

       connection breaks ---> anywhere within `reconnect_spread_s`, and the back-off on top
       attempt fails     ---> the back-off: reconnect_min_s, doubled each time up to reconnect_max_s, each +-50 %
       stood 5 minutes   ---> the back-off begins anew

A broker that restarts loses all its agents at once; nothing tells one of them whether it was the broker or its line. So
every first attempt is spread, however stable the connection was: were it only the stable ones, a broker that falls
over twice would meet everybody at once the second time. An agent that starts dials at once: starts are not in step.
"""

import random
from typing import Final

from roundsman_agent.config import UplinkSettings

STABLE_MS: Final = 5 * 60 * 1000
"""A connection that stood this long starts the back-off anew."""
LEAST_MS: Final = 50


class Reconnect:
    """See the module."""

    def __init__(self, settings: UplinkSettings, rng: random.Random) -> None:
        self._settings = settings
        self._rng = rng
        self.attempts = 0
        """Attempts and connections in a row that did not last."""

    def broke(self, lasted_ms: int) -> int:
        """Milliseconds to wait after a connection that stood for so long is gone."""
        if lasted_ms >= STABLE_MS:
            self.attempts = 0
        return self.spread() + self.failed()

    def failed(self) -> int:
        """Milliseconds to wait after an attempt came to nothing."""
        settings = self._settings
        limit = min(settings.reconnect_max_s, settings.reconnect_min_s * 2 ** min(self.attempts, 30))
        self.attempts += 1
        share = self._rng.uniform(1 - settings.reconnect_jitter, 1 + settings.reconnect_jitter)
        return max(int(limit * share * 1000), LEAST_MS)

    def spread(self) -> int:
        """Some moment within the spread, in milliseconds: for whatever was told to everybody at once."""
        return int(self._rng.uniform(0, self._settings.reconnect_spread_s) * 1000)
