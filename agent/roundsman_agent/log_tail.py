"""The end of a log file that the configuration declares, masked. Runs in a thread: a disk may not answer.

    tail("/var/log/kiosk/app.log", lines=200, known=secrets) -> text        LogError says why not

The path is the configuration's, never the line's. It must be a plain file at exactly that place: a symbolic link
anywhere in it, `..`, a device or a FIFO is refused, so nobody who may write into the log's folder chooses what is sent.
"""

import json
import os
import stat
from collections.abc import Iterable
from typing import Final

from roundsman_agent.masked import masked

OUTPUT_BYTES: Final = 64 * 1024
"""What an answer may hold, as it is written on the wire."""
_READ_BYTES: Final = 128 * 1024
_CUT_BYTES: Final = 4096
"""So much is left out where a line is cut: what tells that a secret follows may stand before it."""


class LogError(Exception):
    """The log cannot be shown."""


def tail(path: str, *, lines: int, known: Iterable[str] = ()) -> str:
    """The last lines, oldest first, at most OUTPUT_BYTES of them."""
    return _fitting(masked(_last_lines(_text(_end_of(path)), lines), known))


def _end_of(path: str) -> bytes:
    """The file's last bytes; a line that begins before them is left out, unless nothing else is there."""
    try:
        real = os.path.realpath(path)
        if real != os.path.normpath(path) or os.path.normpath(path) != path:
            raise LogError(f"{path} leads to {real}; declare that path instead of a link")
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags)
    except OSError as error:
        raise LogError(f"{path}: {error.strerror}") from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise LogError(f"{path} is not a plain file")
    with open(descriptor, "rb", buffering=0) as file:
        if not _is_at(path, found):
            raise LogError(f"{path} was changed while it was opened; ask again")
        start = max(found.st_size - _READ_BYTES, 0)
        file.seek(start)
        end = file.read(_READ_BYTES) or b""
    return end if start == 0 else end.partition(b"\n")[2] or end[_CUT_BYTES:]


def _is_at(path: str, found: os.stat_result) -> bool:
    """Whether the file that was opened is the one at that very place."""
    try:
        there = os.stat(path, follow_symlinks=False)
    except OSError:
        return False
    return (there.st_dev, there.st_ino) == (found.st_dev, found.st_ino) and os.path.realpath(path) == path


def _text(raw: bytes) -> str:
    """UTF-8, or GB 18030 as much of the software on kiosks writes."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        return raw.decode("gb18030")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace")


def _last_lines(text: str, lines: int) -> str:
    kept = text.replace("\r\n", "\n").removesuffix("\n").split("\n")[-lines:]
    return "\n".join(kept) + "\n" if text else ""


def _fitting(text: str) -> str:
    """As many of the last lines as fit; of a line that is too long, its end."""
    room = OUTPUT_BYTES
    kept: list[str] = []
    for line in reversed(text.splitlines()):
        room -= _size(line) + 2
        if room < 0:
            break
        kept.append(line)
    if not kept and text:
        kept = [text.splitlines()[-1][-OUTPUT_BYTES // 8 :]]
    return "\n".join(reversed(kept)) + "\n" if kept else ""


def _size(line: str) -> int:
    return len(json.dumps(line, ensure_ascii=False).encode("utf-8", "replace"))
