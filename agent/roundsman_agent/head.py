"""The head of a stream: a small file beside the spool that says which stream it is and how far its numbers went.

    head.json             written first
    head-copy.json        the same, written after it: at most one write behind

    {"stream": "3f9c…", "session": 1795257600, "reserved": 512, "boot": "b41e…", "quarantined": 0, "stopped": null,
     "crc": 123}

Both are replaced as a whole and fsynced before a number of a new block is used, so whatever happens to the spool, no
number is used twice. A checksum tells a damaged head from a good one. Who lost a head and the spool with one
stroke still knows from the copy which stream it was and where it ended at most, and can say so.
"""

import os
from dataclasses import asdict, dataclass, replace
from typing import Final

from roundsman_agent import sealed

FILES: Final = ("head.json", "head-copy.json")
BLOCK: Final = 256
"""Numbers are reserved so many at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stopped:
    """The last orderly stop: in which boot, and whether the system itself was going down (None: nobody could tell)."""

    boot: str
    system_stopping: bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """What must outlive the spool file. `reserved` is the last number that may have been used."""

    stream: str
    session: int
    reserved: int
    boot: str | None = None
    quarantined: int = 0
    """How often the spool file was found damaged and put aside."""
    stopped: Stopped | None = None
    ended: tuple[tuple[str, int], ...] = ()
    """The last streams before this one that were damaged, and their last numbers: told again with every damage, as the
    spool in which that stood may be the one that is damaged now."""


def write(folder: str, head: Head) -> None:
    """Replace head and copy, whole and fsynced; OSError when the disk does not take them."""
    for name in FILES:
        sealed.write(os.path.join(folder, name), asdict(head))


def read(folder: str) -> Head | None:
    """The head of a data folder; None when there is none, or both files are damaged.

    From the copy it is an upper bound: a block may have been reserved, and a session begun, that it does not know of.
    """
    head, copy = (_read(os.path.join(folder, name)) for name in FILES)
    if head is None and copy is not None:
        return replace(copy, session=copy.session + 1, reserved=copy.reserved + BLOCK, stopped=None)
    return head


def is_there(folder: str) -> bool:
    """Whether there was a head once, readable or not."""
    return any(os.path.exists(os.path.join(folder, name)) for name in FILES)


def _read(path: str) -> Head | None:
    try:
        body = sealed.read(path)
        stopped = body.pop("stopped")
        ended = tuple((stream, last) for stream, last in body.pop("ended", ()))
        return Head(**body, stopped=Stopped(**stopped) if stopped else None, ended=ended)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
