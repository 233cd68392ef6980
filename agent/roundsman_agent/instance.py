"""A name that stands in the brackets of a reading: `web[main].state`.

    instance("D:\\kiosk]\n") -> "D:\\kiosk__"

What a setting, a device or the operating system calls a part is taken as it is, but for what cannot stand there
(roundsman_wire.catalogue: no closing bracket, no control character, 1 to 128 characters).
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["instance"]

LIMIT: Final = 128
_CANNOT_STAND = re.compile(r"[\]\x00-\x1f\x7f]")


def instance(name: str) -> str:
    """The name, made fit to stand in brackets."""
    return _CANNOT_STAND.sub("_", name[:LIMIT]) or "_"
