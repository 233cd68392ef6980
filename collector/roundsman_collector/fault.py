"""Fault points: where a test may end this process the hard way, as a power cut would.

    fault.hit("store.in_commit")                 in the code
    ROUNDSMAN_FAULT=store.in_commit:3            in the environment: SIGKILL at the third hit of that point

Unset, `hit` is a function that does nothing. The environment is read once, when the process starts.
"""

import os
import signal
from collections.abc import Callable


def hit(point: str) -> None:
    """Pass a fault point; the process ends here if the environment asked for it."""
    _hit(point)


def _nothing(point: str) -> None:
    pass


def _armed(setting: str) -> Callable[[str], None]:
    wanted, _, count = setting.partition(":")
    left = int(count or "1")

    def _count(point: str) -> None:
        nonlocal left
        if point == wanted:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return _count


_SETTING = os.environ.get("ROUNDSMAN_FAULT", "")
_hit = _armed(_SETTING) if _SETTING else _nothing
