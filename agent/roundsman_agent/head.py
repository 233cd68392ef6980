"""The head of a stream: a small file beside the spool that says which stream it is and how far its numbers went.

    {"stream": "3f9c…", "session": 1795257600, "reserved": 512, "boot": "b41e…", "quarantined": 0, "stopped": null,
     "crc": 123}

It is replaced as a whole and fsynced before a number of a new block is used, so whatever happens to the spool itself,
a number is never used twice. Its checksum tells a damaged head from a good one.
"""

from dataclasses import asdict, dataclass

from roundsman_agent import sealed


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


def write(path: str, head: Head) -> None:
    """Replace the file, whole and fsynced; OSError when the disk does not take it."""
    sealed.write(path, asdict(head))


def read(path: str) -> Head | None:
    """The head in a file; None when there is none or it is damaged."""
    try:
        body = sealed.read(path)
        stopped = body.pop("stopped")
        ended = tuple((stream, last) for stream, last in body.pop("ended", ()))
        return Head(**body, stopped=Stopped(**stopped) if stopped else None, ended=ended)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
